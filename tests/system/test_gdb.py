"""The real gdb on a guest: Debian's kernel on two processors of two, with symbols from its /proc/kallsyms."""

import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
from dataclasses import dataclass

from support import BOOT_SECONDS, REPOSITORY, MachineOptions, System, demo_configuration, tool

from redoubt_host import symbols
from redoubt_host.architecture import current, on


@dataclass(frozen=True)
class Names:
    """What registers and Linux's functions are called."""

    gdb: str
    symbols: list[str]  # for gdb, of /proc/kallsyms
    system_call: str  # a function called for each uname
    dispatcher: str  # which calls it
    tables: str  # the register that points to page tables
    general: str
    floating: tuple[str, str]  # a register, and something of what gdb shows of it
    breakpoint: str  # an instruction
    return_address: str  # at a function's beginning
    start: tuple[str, str]  # pc at the first instruction, and a register that Linux is given a pointer in


NAMES = {
    "x86_64": Names(
        "gdb", ["start_kernel", "x86_64_start_reservations", "x86_64_start_kernel", "__x64_sys_newuname", "do_syscall_64",
                "__do_sys_newuname", "jiffies_64", "linux_banner", "entry_SYSCALL_64", "asm_exc_page_fault", "startup_64"],
        "__x64_sys_newuname", "do_syscall_64", "$cr3", "$rax", ("$xmm0", "v4_float"), "int3", "*(unsigned long *)$rsp",
        (r"0x[0-9a-f]+200\b", "$rsi")),
    "riscv64": Names(
        "gdb-multiarch", ["_start", "_start_kernel", "relocate_enable_mmu", "setup_trap_vector", "start_kernel", "__riscv_sys_newuname",
                          "do_trap_ecall_u", "handle_exception", "jiffies_64", "linux_banner"],
        "__riscv_sys_newuname", "do_trap_ecall_u", "$satp", "$t3", ("$ft3", "= "), "ebreak", "$ra", (r"0x80200000\b", "$a1")),
}[current().name]


class Gdb:
    """gdb, driven through its command line."""

    def __init__(self, *arguments: str):
        self.process = subprocess.Popen(
            [NAMES.gdb, "-nx", "-q", "-ex", "set pagination off", "-ex", "set confirm off", "-ex", "set width 0",
             "-ex", "set remotetimeout 100", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.output = b""
        self.changed = threading.Condition()
        self.count = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while data := os.read(self.process.stdout.fileno(), 65536):
            with self.changed:
                self.output += data
                self.changed.notify_all()
        with self.changed:
            self.output += b"<gdb has ended>"
            self.changed.notify_all()

    def send(self, command: str) -> None:
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def run(self, command: str, seconds: float = BOOT_SECONDS) -> str:
        """A command's output."""
        self.send(command)
        return self.wait(command, seconds)

    def wait(self, what: str, seconds: float = BOOT_SECONDS) -> str:
        """What gdb prints until it takes commands again."""
        self.count += 1
        mark = f"mark-{self.count}-".encode()
        self.send(f"echo {mark.decode()}\\n")
        with self.changed:
            if not self.changed.wait_for(lambda: mark in self.output or b"<gdb has ended>" in self.output, seconds):
                raise AssertionError(f"gdb: {what}: not within {seconds:.0f} s; so far:\n{self.output.decode(errors='replace')}")
            if mark not in self.output:
                raise AssertionError(f"gdb ended during {what}:\n{self.output.decode(errors='replace')}")
            found, _, self.output = self.output.partition(mark)
            return found.decode(errors="replace").replace("(gdb) ", "")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def close(self) -> None:
        try:
            self.process.stdin.close()
            self.process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


class Port:
    """tools/vmmctl gdb, while it runs."""

    def __init__(self, system: System, *arguments: str):
        self.process = subprocess.Popen(
            [str(REPOSITORY / "tools/vmmctl"), "--socket", str(system.socket), "gdb", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline()
        self.messages = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stderr:
            self.messages.append(line)

    @property
    def address(self) -> str:
        return re.search(r"target remote ([^'\s]+)", self.line)[1]

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in "".join(self.messages):
            if time.monotonic() > deadline:
                raise AssertionError(f"vmmctl gdb did not say {text!r}: {self.messages}")
            time.sleep(0.05)

    def close(self) -> None:
        self.process.terminate()  # a background job's children may ignore SIGINT
        self.process.wait(20)


@on("x86_64", "riscv64")
class DebugLinux(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System(demo_configuration(cpus=2, cmdline="console=ttyS0 quiet nokaslr"),
                            options=MachineOptions(processors=2))
        cls.enterClassContext(cls.system)
        cls.console = cls.system.console()
        cls.console.wait_for_prompt()
        listed = cls.console.run("grep -E ' (" + "|".join(NAMES.symbols) + ")$' /proc/kallsyms")
        cls.symbols = cls.system.directory / "symbols.elf"
        cls.symbols.write_bytes(symbols.symbol_file(symbols.parse(listed), current().name))
        cls.addresses = {name: address for address, _, name in symbols.parse(listed)}
        cls.port = Port(cls.system)
        cls.addClassCleanup(cls.port.close)

    def gdb(self) -> Gdb:
        gdb = Gdb("-ex", f"target remote {self.port.address}", str(self.symbols))
        self.addCleanup(gdb.close)
        self.assertIn("Remote debugging using", connected := gdb.wait("connecting"))
        self.assertNotRegex(connected, "closed|timed out|warning: while|too long")
        return gdb

    def check_guest_goes_on(self) -> None:
        self.assertIn("still-here", self.console.run("echo still'-'here"))

    def address_of_pc(self, gdb: Gdb) -> int:
        return int(re.search(r"0x[0-9a-f]+", gdb.run("p/x $pc"))[0], 16)

    def test_registers_memory_and_threads(self):
        gdb = self.gdb()
        self.assertRegex(gdb.run("info threads"), r"(?s)Thread 1.*vCPU 0.*Thread 2.*vCPU 1")
        self.assertNotRegex(gdb.run(f"p/x {NAMES.tables}"), r"= (0x0|void)\b")
        self.assertIn("Linux version", gdb.run("x/s &linux_banner"))
        self.assertRegex(gdb.run("thread 2"), "Switching to thread 2")
        self.assertRegex(gdb.run("info registers pc"), r"pc\s+0x")
        self.assertRegex(gdb.run("x/3i $pc"), r"=> 0x")
        self.assertIn("Cannot access memory", gdb.run("x/x 0xffff800000000000"))
        self.assertIn("Cannot access memory", gdb.run("x/x 0x1234567812345678"))
        before = gdb.run(f"p {NAMES.general}")
        gdb.run(f"set {NAMES.general} = 0x1122334455667788")
        self.assertIn("0x1122334455667788", gdb.run(f"p/x {NAMES.general}"))
        gdb.run(f"set {NAMES.general} = " + before.split("=")[1].strip())
        self.assertRegex(gdb.run(f"p {NAMES.floating[0]}"), NAMES.floating[1])
        self.assertIn("vCPU 1", gdb.run("monitor info"))
        self.assertIn("unknown command", gdb.run("monitor dance"))
        self.assertEqual(self.system.qmp().command("query-status")["status"], "paused")
        self.assertIn("stopped by a debugger", self.system.qmp().request({"execute": "cont"})["error"]["desc"])
        gdb.run("detach")
        self.check_guest_goes_on()

    def test_breakpoint_backtrace_steps_and_return(self):
        gdb = self.gdb()
        gdb.run(f"break *{NAMES.system_call}")
        gdb.send("continue")
        self.console.send("uname -r\n")
        self.assertRegex(gdb.wait("the breakpoint"), rf"Breakpoint 1, 0x\S+ in {NAMES.system_call}")
        self.assertRegex(gdb.run("bt"), rf"(?s)#0.*{NAMES.system_call}.*#1.*{NAMES.dispatcher}")
        self.assertEqual(self.address_of_pc(gdb), self.addresses[NAMES.system_call])
        # The breakpoint is not seen in memory.
        self.assertNotIn(NAMES.breakpoint, gdb.run("x/2i $pc"))
        caller = int(re.search(r"= (0x[0-9a-f]+)", gdb.run(f"p/x {NAMES.return_address}"))[1], 16)
        seen = {self.address_of_pc(gdb)}
        for _ in range(12):
            gdb.run("stepi")
            seen.add(self.address_of_pc(gdb))
        self.assertGreater(len(seen), 8)
        if current().name == "x86_64":
            self.assertRegex(gdb.run("p $eflags"), r"\[ (?!.*TF).*\]")
        gdb.run(f"tbreak *{caller:#x}")
        gdb.run("continue")
        self.assertEqual(self.address_of_pc(gdb), caller)
        gdb.run("delete")
        gdb.run("detach")
        self.console.expect(r"demo:[^\n]*# ")
        self.check_guest_goes_on()

    def check_hits(self, gdb: Gdb, kind: str) -> None:
        """Programs on both processors at once: none gets past."""
        gdb.run(f"{kind} *{NAMES.system_call}")
        gdb.send("continue")
        self.console.send("for i in 0 1; do for j in 1 2 3 4; do taskset -c $i uname -s; done & done; wait\n")
        threads = []
        for _ in range(8):
            stop = gdb.wait("a breakpoint on some vCPU")
            self.assertRegex(stop, rf"Breakpoint \d+, 0x\S+ in {NAMES.system_call}")
            threads.append(re.search(r"= (\d+)", gdb.run("p $_thread"))[1])
            self.assertEqual(self.address_of_pc(gdb), self.addresses[NAMES.system_call])
            gdb.send("continue" if len(threads) < 8 else "echo")
        self.assertEqual(sorted(threads), ["1"] * 4 + ["2"] * 4)
        gdb.wait("the last one")
        gdb.run("delete")

    def test_breakpoints_on_every_vcpu(self):
        gdb = self.gdb()
        self.check_hits(gdb, "break")
        gdb.run("detach")
        self.console.expect(r"(Linux\r?\n(.|\n)*){8}")
        self.check_guest_goes_on()

    def test_hardware_breakpoints_on_every_vcpu(self):
        gdb = self.gdb()
        self.check_hits(gdb, "hbreak")
        gdb.run("detach")
        self.console.expect(r"(Linux\r?\n(.|\n)*){8}")
        self.check_guest_goes_on()

    def test_one_vcpu_steps_while_the_other_waits(self):
        # An idle one, too: it is stepped out of its halt, because the other, which is held, cannot wake it.
        gdb = self.gdb()
        gdb.run("set scheduler-locking on")
        for thread, other in (("1", "2"), ("2", "1")):
            gdb.run(f"thread {other}")
            before = self.address_of_pc(gdb)
            gdb.run(f"thread {thread}")
            seen = {self.address_of_pc(gdb)}
            for _ in range(5):
                gdb.run("stepi")
                self.assertIn(f"= {thread}", gdb.run("p $_thread"))
                seen.add(self.address_of_pc(gdb))
            self.assertGreater(len(seen), 3)
            gdb.run(f"thread {other}")
            self.assertEqual(self.address_of_pc(gdb), before)
        gdb.run("detach")
        self.check_guest_goes_on()

    @on("riscv64")
    def test_stepping_in_the_program_that_made_a_system_call(self):
        gdb = self.gdb()
        gdb.run(f"break *{NAMES.system_call}")
        gdb.send("continue")
        self.console.send("uname\n")
        self.assertRegex(gdb.wait("a system call"), "Breakpoint 1, ")
        gdb.run("delete")
        program = int(re.search(r"= (0x[0-9a-f]+)", gdb.run("p/x $sepc"))[1], 16) + 4
        gdb.run(f"break *{program:#x}")
        self.assertRegex(gdb.run("continue"), "Breakpoint 2, |SIGTRAP")
        self.assertEqual(self.address_of_pc(gdb), program)
        gdb.run("delete")
        for _ in range(5):
            gdb.run("stepi")
        self.assertRegex(gdb.run("p $priv"), "= 0")
        gdb.run("detach")
        self.console.expect(r"demo:[^\n]*# ")
        self.check_guest_goes_on()

    @on("x86_64")
    def test_stepping_from_the_system_call_back_to_the_program(self):
        gdb = self.gdb()
        gdb.run("hbreak *entry_SYSCALL_64")
        gdb.send("continue")
        self.console.send("true\n")
        self.assertRegex(gdb.wait("a system call"), "Breakpoint 1, ")
        gdb.run("delete")
        program = int(re.search(r"= (0x[0-9a-f]+)", gdb.run("p/x $rcx"))[1], 16)
        self.assertEqual(int(re.search(r"= (0x[0-9a-f]+)", gdb.run("p/x $r11"))[1], 16) & 0x100, 0)
        # A thread-specific breakpoint in the program, of which other programs know nothing.
        gdb.run(f"hbreak *{program:#x}")
        self.assertRegex(gdb.run("continue"), "Breakpoint 2, |SIGTRAP")
        self.assertEqual(self.address_of_pc(gdb), program)
        gdb.run("delete")
        for _ in range(5):
            gdb.run("stepi")
        self.assertRegex(gdb.run("p $cs & 3"), r"= 3\b")
        gdb.run("detach")
        self.check_guest_goes_on()

    def test_watchpoints(self):
        gdb = self.gdb()
        gdb.run("watch *(unsigned long *)&jiffies_64")
        for _ in range(3):
            self.assertRegex(gdb.run("continue"), r"(?s)Hardware watchpoint 1.*Old value = (\d+).*New value = (\d+)")
        gdb.run("delete")
        gdb.run("awatch *(unsigned long *)&jiffies_64")
        self.assertRegex(gdb.run("continue"), r"(?s)access.*watchpoint 2.*[Vv]alue = \d+")
        gdb.run("delete")
        if current().name == "riscv64":
            gdb.run("rwatch *(unsigned long *)&jiffies_64")
            self.assertRegex(gdb.run("continue"), r"(?s)read watchpoint 3.*Value = \d+")
            gdb.run("delete")
        gdb.run("detach")
        self.check_guest_goes_on()

    def test_interrupting(self):
        gdb = self.gdb()
        for _ in range(3):
            gdb.send("continue")
            self.check_guest_goes_on()
            gdb.interrupt()
            self.assertIn("SIGINT", gdb.wait("the interrupt"))
        gdb.run("detach")
        self.check_guest_goes_on()

    def test_gdb_that_dies_leaves_nothing_behind(self):
        gdb = self.gdb()
        gdb.run(f"break *{NAMES.system_call}")
        gdb.run("watch *(unsigned long *)&jiffies_64")
        gdb.send("continue")
        gdb.process.kill()
        gdb.process.wait()
        self.assertIn("Linux", self.console.run("uname"))
        self.check_guest_goes_on()

    def test_a_client_that_is_not_gdb_harms_nobody(self):
        chance = random.Random(5)
        host, port = self.port.address.split(":")
        requests = [b"g", b"c", b"s", b"vCont;c", b"vCont;s:2", b"m0,ffff", b"Z0,ffffffff81000000,1", b"Z1,1000,1",
                    b"Z2,ffffffff82000000,8", b"qRcmd,696e666f", b"Hg7", b"?", b"G00", b"X0,8:", b"\x03", b"P10=00", b"qXfer:"]
        for _ in range(12):
            with socket.create_connection((host, int(port))) as client:
                client.settimeout(60)
                client.sendall(b"+$qSupported#37")
                self.assertTrue(client.recv(1), "it is served")
                for _ in range(chance.randrange(30)):
                    packet = chance.choice(requests)
                    if chance.random() < 0.3:
                        packet += chance.randbytes(chance.randrange(200))
                    sum_of = sum(packet) & 0xFF if chance.random() < 0.8 else 0
                    client.sendall(b"$" + packet + b"#%02x" % sum_of)
                    if chance.random() < 0.2:
                        client.sendall(b"\x03")
        self.check_guest_goes_on()
        gdb = self.gdb()
        self.assertNotIn("breakpoint", gdb.run("monitor info"))
        gdb.run("detach")
        self.check_guest_goes_on()

    def test_one_gdb_at_a_time(self):
        gdb = self.gdb()
        second = Gdb("-ex", f"target remote {self.port.address}")
        self.addCleanup(second.close)
        second.wait("being refused")
        self.port.wait_for("has a debugger already")
        self.assertIn("debugger already", self.system.qmp().request({"execute": "vm-gdb"})["error"]["desc"])
        gdb.run("detach")
        self.check_guest_goes_on()

    @on("riscv64")
    def test_from_the_first_instruction_after_a_reset(self):
        gdb = self.gdb()
        gdb.run("monitor reset")
        gdb.run("maintenance flush register-cache")
        self.assertEqual(first := self.address_of_pc(gdb), 0x8020_0000)
        self.assertRegex(gdb.run("info threads"), r"(?s)Thread 2.*waits to be started")
        # Without paging, functions are where the file was loaded.
        offset = first - self.addresses["_start"]
        for name in ("_start_kernel", "relocate_enable_mmu"):
            gdb.run(f"tbreak *{self.addresses[name] + offset:#x}")
            gdb.run("continue")
            self.assertEqual(self.address_of_pc(gdb), self.addresses[name] + offset)
        self.assertRegex(gdb.run("p/x $satp"), "= 0x0\n")
        returns = int(re.search(r"= (0x[0-9a-f]+)", gdb.run("p/x $ra"))[1], 16)
        gdb.run("detach")
        self.assertGreater(returns, self.addresses["_start_kernel"] + offset)
        self.console.expect("BusyBox")
        self.console.wait_for_prompt()
        self.check_guest_goes_on()

    @on("riscv64")
    def test_a_hardware_breakpoint_where_nothing_is_mapped_yet(self):
        gdb = self.gdb()
        gdb.run("monitor reset")
        gdb.run("maintenance flush register-cache")
        gdb.run("hbreak *start_kernel")
        self.assertRegex(gdb.run("continue"), r"Breakpoint 1, 0x\S+ in start_kernel")
        self.assertEqual(self.address_of_pc(gdb), self.addresses["start_kernel"])
        self.assertNotIn(NAMES.breakpoint, code := gdb.run("x/4i $pc"))
        # The same instructions, by the monitor's own means.
        listed = tool("vmmctl", "--socket", str(self.system.socket), "disassemble", "demo", "pc", "4", timeout=60).stdout
        ours = re.findall(r"(?m)^.*\b[0-9a-f]{16}  (?:[0-9a-f]{2} )+ +(\w+)", listed)[-4:]
        theirs = re.findall(r"(?m)<start_kernel(?:\+\d+)?>:\s+(\w+)", code)
        self.assertEqual([name.rstrip("i") for name in ours], [name.rstrip("i") for name in theirs])
        gdb.run("delete")
        for _ in range(3):
            gdb.run("stepi")
        self.assertIn("start_kernel", gdb.run("x/i $pc"))
        gdb.run("detach")
        self.console.expect("BusyBox")
        self.console.wait_for_prompt()
        self.check_guest_goes_on()

    @on("x86_64")
    def test_the_kernels_first_function_after_a_reset(self):
        gdb = self.gdb()
        gdb.run("monitor reset")
        gdb.run("maintenance flush register-cache")
        gdb.run("hbreak *start_kernel")
        self.assertRegex(gdb.run("continue"), r"Breakpoint 1, 0x\S+ in start_kernel")
        self.assertRegex(gdb.run("bt"), r"(?s)#0 .* in start_kernel.*#1 .* in \w+ \(\)")
        self.assertIn("<start_kernel>", gdb.run("x/i $pc"))
        self.assertRegex(gdb.run("info threads"), r"(?s)Thread 2.*waits to be started")
        # It begins with a call, for tracing.
        gdb.run("stepi")
        self.assertNotIn("<start_kernel>", gdb.run("x/i $pc"))
        self.assertIn(f"{self.addresses['start_kernel'] + 5:#x}", gdb.run("p/x *(unsigned long *)$rsp"))
        gdb.run("delete")
        gdb.run("detach")
        self.console.expect("BusyBox")
        self.console.wait_for_prompt()
        self.check_guest_goes_on()


@on("x86_64", "riscv64")
class Waiting(unittest.TestCase):
    def test_a_vm_can_wait_for_gdb_before_its_first_instruction(self):
        with System(demo_configuration(gdb_wait=True, cmdline="console=ttyS0 quiet nokaslr")) as system:
            qmp = system.qmp()
            self.assertEqual(qmp.command("query-status")["status"], "paused")
            port = Port(system, "--listen", str(system.directory / "gdb.sock"))
            self.addCleanup(port.close)
            gdb = Gdb("-ex", f"target remote {port.address}")
            self.addCleanup(gdb.close)
            gdb.wait("connecting")
            # Linux' entry point, in the file as it was loaded.
            entry, pointer = NAMES.start
            self.assertRegex(first := gdb.run("p/x $pc"), f"= {entry}")
            self.assertRegex(gdb.run(f"p {pointer}"), r"= [1-9]")
            gdb.run("stepi")
            self.assertNotEqual(gdb.run("p/x $pc").split("=")[1], first.split("=")[1])
            gdb.run("detach")
            console = system.console()
            console.wait_for_prompt()
            # Who does not want to debug lets it go on.
            qmp.command("system_reset")
            console.wait_for_prompt()

    def test_resume_goes_on_without_gdb(self):
        with System(demo_configuration(gdb_wait=True)) as system:
            self.assertEqual(system.qmp().command("query-status")["status"], "paused")
            resumed = tool("vmmctl", "--socket", str(system.socket), "resume", timeout=60)
            self.assertEqual(resumed.returncode, 0, resumed.stderr)
            system.console().wait_for_prompt()

    def test_what_is_wrong_is_said(self):
        missing = tool("vmmctl", "--socket", "/nonexistent/vmm.sock", "gdb", timeout=60)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("is Redoubt running", missing.stderr)


if __name__ == "__main__":
    unittest.main()
