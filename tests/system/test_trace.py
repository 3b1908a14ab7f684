"""What people see of guests at work: tools/vmmctl trace, stats and top, and the log when one dies."""

import json
import re
import time
import unittest
from dataclasses import dataclass

from redoubt_host.architecture import current, on
from support import System, small_guest, tool


@dataclass(frozen=True)
class Words:
    """How guests, registers and exits are called, as regular expressions."""

    dies: dict[str, str]  # a guest and its command line
    cause: str  # of its death
    last_kind: str  # of its exits
    pc: str
    device: str  # the kind of exits to devices
    exits: tuple[str, ...]  # of a guest that prints and waits
    report: tuple[str, ...]  # on its death
    spin: list[int]  # an instruction that jumps to itself
    spin_text: str
    registers: str
    nowhere: str  # of an address


WORDS = {
    "x86_64": Words(
        {"guest": "triple_fault"}, "triple fault at rip=0x1[0-9a-f]+", "shutdown", "rip", "port_io",
        (r"in 0x3fd byte = 0x60 → serial", r"out 0x3f8 byte 0x[0-9a-f]+ → serial", r"hlt$"),
        (r"rax [0-9a-f]{16}  rcx", r"cr0 \w+  cr2", r"idt 0{16} limit 0000",
         r"code \(64-bit; what is before rip is a guess\):", r"lidt", r"> 0{10}1[0-9a-f]{5}  0f 0b +ud2",
         r"out 0x3f8 byte 0xa → serial", r"shutdown \(triple fault\) while delivering #\w+, the end\n"),
        [0xEB, 0xFE], r"eb fe +jmp ", r"(?s)^vCPU 0, running:\n  rax .*  gdt .*  dr0 ", "not mapped"),
    "riscv64": Words(
        {"guest": "hostile_end", "cmdline": "variant=g"}, "\\w.*", "mmio", "pc", "mmio",
        (r"read 0x10000005 byte = 0x60 → serial", r"write 0x10000000 byte 0x[0-9a-f]+ → serial", r"wfi$"),
        (r"pc +[0-9a-f]{16}  ra", r"mode VS  pending 0", r"vsatp +0{16}", r"code \(rv64; what is before pc is a guess\):",
         r"> 0{8}802[0-9a-f]{5}  2f 20 b5 00 +amoadd.w zero,a1,\(a0\)", r"write 0x10000000 byte 0xa → serial",
         r"0x10000000.*, the end\n"),
        [0x01, 0xA0], r"01 a0 +j ", r"(?s)^vCPU 0, running:\n  pc .*  ra .*  vsatp ", "where there is no memory"),
}[current().name]


@on("x86_64", "riscv64")
class Trace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System(small_guest("idle", "idle") + small_guest(**WORDS.dies, name="dies") +
                            small_guest("spin", "spins", cpus=2))
        cls.enterClassContext(cls.system)
        cls.system.qmp().close()
        cls.system.wait_for_log(r"VM dies stopped")

    def vmmctl(self, *arguments: str) -> str:
        result = tool("vmmctl", "--socket", str(self.system.socket), *arguments, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_the_last_exits_of_a_running_guest(self):
        lines = self.vmmctl("trace", "idle", "--count", "5").splitlines()
        self.assertEqual(len(lines), 5)
        for line in lines:
            self.assertRegex(line, rf"^ *\d+\.\d{{6}} cpu0 {WORDS.pc} [0-9a-f]{{16}} ")
        everything = self.vmmctl("trace", "idle")
        for text in WORDS.exits:
            self.assertRegex(everything, text)

    def test_the_last_exits_of_a_guest_that_died(self):
        exits = json.loads(self.vmmctl("trace", "dies", "--json"))
        self.assertEqual(exits[-1]["kind"], WORDS.last_kind)
        self.assertEqual(exits, sorted(exits, key=lambda entry: entry["time_ns"]))

    def test_the_log_has_what_a_dying_guest_was_doing(self):
        report = re.search(rf"VM dies: {WORDS.cause}; registers:\n(.*?)VM dies stopped",
                           self.system.log(), re.S)[1]
        for text in WORDS.report:
            self.assertRegex(report, text)
        self.assertLess(report.count("\n"), 55)

    def test_registers_and_code_of_a_running_guest(self):
        view = json.loads(self.vmmctl("registers", "spins", "--json"))
        code = json.loads(self.vmmctl("disassemble", "spins", "--json"))
        self.assertEqual(code["address"], view["registers"][WORDS.pc], "it jumps to itself")
        self.assertEqual(code["code"][0]["bytes"], WORDS.spin)
        self.assertRegex(self.vmmctl("registers", "spins"), WORDS.registers)
        self.assertRegex(self.vmmctl("disassemble", "spins", "pc", "1"), rf"(?m)^> [0-9a-f]{{16}}  {WORDS.spin_text}")
        self.assertIn(WORDS.nowhere, self.vmmctl("disassemble", "spins", "0x7ffffffff000"))
        self.assertIn("vCPU 1, waits to be started:", self.vmmctl("registers", "spins", "--cpu", "1"))
        self.assertEqual(json.loads(self.vmmctl("list", "--json"))[2]["state"], "running")
        self.vmmctl("pause", "spins")
        self.assertIn(f"{view['registers'][WORDS.pc]:016x}", self.vmmctl("registers", "spins"))
        self.assertEqual(json.loads(self.vmmctl("list", "--json"))[2]["state"], "paused")
        self.vmmctl("resume", "spins")

    def test_who_looks_where_nothing_is_is_told_so(self):
        for arguments, message in ((("registers", "dies"), "not running"), (("disassemble", "dies"), "not running"),
                                   (("registers", "spins", "--cpu", "2"), "no vCPU 2: they are 0 to 1"),
                                   (("disassemble", "spins", "pc", "257"), "from 0 to 256"),
                                   (("registers", "nobody"), "nobody")):
            result = tool("vmmctl", "--socket", str(self.system.socket), *arguments, timeout=120)
            self.assertEqual((result.returncode, result.stdout), (1, ""), arguments)
            self.assertIn(message, result.stderr)

    def statistics(self, name: str) -> dict:
        return json.loads(self.vmmctl("stats", name, "--json"))

    def test_statistics_say_where_time_and_memory_went(self):
        stats = self.statistics("idle")
        vcpu = stats["vcpus"][0]
        for use in ("guest", "kernel", "monitor", "waiting"):
            self.assertGreater(vcpu["time_ns"][use], 0, use)
        self.assertEqual(vcpu["time_ns"]["paused"] // 10**9, 0)
        self.assertLess(sum(vcpu["time_ns"].values()), 1e6 * self.statistics("idle")["run_time_ms"])
        self.assertEqual(vcpu["exits"], stats["exits"])
        self.assertGreater(vcpu["exits"][WORDS.device], 0)
        memory = stats["memory"]
        self.assertGreater(memory["guest"], 0)
        self.assertGreaterEqual(memory["kernel"], memory["kernel_used"])
        self.assertGreater(memory["kernel_used"], 0)
        # That it begins with a heap of 1 MiB counts.
        self.assertGreater(memory["monitor"], 1 << 20)
        self.assertGreater(memory["monitor"], memory["monitor_heap"])
        self.assertGreater(memory["monitor_heap"], 0)
        self.assertRegex(self.vmmctl("stats", "idle"), r"(?s)^run time: .*memory: guest .*  waiting +\d.*  " + WORDS.device.replace("_", " ") + r" +\d")

    def test_statistics_of_a_guest_that_died_are_kept(self):
        self.assertGreaterEqual(self.statistics("dies")["vcpus"][0]["exits"][WORDS.last_kind], 1)

    def test_time_of_a_guest_without_exits_is_its_own(self):
        before = self.statistics("spins")["vcpus"][0]
        guest_time = before["time_ns"]["guest"]
        deadline = time.monotonic() + 120
        while guest_time < before["time_ns"]["guest"] + 20_000_000 and time.monotonic() < deadline:
            time.sleep(0.2)
            after = self.statistics("spins")["vcpus"][0]
            guest_time = after["time_ns"]["guest"]
        self.assertGreater(guest_time, before["time_ns"]["guest"] + 20_000_000)
        self.assertEqual(after["exits"][WORDS.device], before["exits"][WORDS.device])

    def test_top_shows_all_of_them(self):
        lines = self.vmmctl("top", "--once", "--interval", "0.5", "--sort", "cpu").splitlines()
        self.assertRegex(lines[0], r"^3 virtual machines, 2 running")
        self.assertRegex(lines[3], r"^spins +running .* \d+ % ")
        self.assertEqual({line.split()[0] for line in lines[3:] if line and not line.startswith(" ")}, {"idle", "dies", "spins"})
        sample = {row["name"]: row for row in json.loads(self.vmmctl("top", "--once", "--interval", "0.5", "--json"))}
        self.assertGreater(sample["spins"]["shares"]["guest"], sample["idle"]["shares"]["guest"])
        self.assertEqual(sample["dies"]["exits"], 0)

    def test_a_processor_that_is_not_there(self):
        result = tool("vmmctl", "--socket", str(self.system.socket), "trace", "idle", "--vcpu", "9", timeout=120)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no vCPU 9", result.stderr)


if __name__ == "__main__":
    unittest.main()
