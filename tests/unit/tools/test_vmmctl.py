"""vmmctl as its users start it, against a fake daemon."""

import json
import struct
import subprocess
import sys
import unittest

from tools_support import REPOSITORY, DirectoryTest, FakeDaemon, eventually

from redoubt_host.qmp import QmpClient, QmpError

EXIT = {"vcpu": 2, "number": 41, "time_ns": 1_500_000_000, "kind": "port_io", "rip": 0xFFFFFFFF81000000, "detail": 16,
        "info": 0x3F8, "result": 0x41, "text": "out 0x3f8 byte 0x41", "handler": "serial"}
VMMCTL = [sys.executable, "-m", "redoubt_host.vmmctl"]


class VmmctlTest(DirectoryTest):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "vmm.sock"

    def run_ctl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess:
        return subprocess.run([*VMMCTL, "--socket", str(self.path), *arguments], input=stdin, capture_output=True,
                              text=True, timeout=20, cwd=REPOSITORY / "tools")

    def daemon(self) -> FakeDaemon:
        return FakeDaemon(self.listener("vmm.sock"))

    def test_says_what_to_do_when_nothing_runs(self):
        result = self.run_ctl("list")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, f"vmmctl: nothing listens on {self.path}: is Redoubt running? "
                                        "Start it with tools/run\n")

    def test_says_when_the_daemon_is_not_ready(self):
        listener = self.listener("vmm.sock")
        process = subprocess.Popen([*VMMCTL, "list", "--socket", str(self.path)], stderr=subprocess.PIPE, text=True,
                                   cwd=REPOSITORY / "tools")
        listener.accept()[0].close()
        self.assertIn("not ready", process.communicate(timeout=20)[1])
        self.assertEqual(process.returncode, 1)

    def test_list_is_a_table(self):
        self.daemon()
        self.assertEqual(self.run_ctl("list").stdout,
                         "NAME  STATE    CPUS  MEMORY   UPTIME\n"
                         "web   running     1  256 MiB  1 min 23 s\n")

    def test_json_is_what_the_daemon_returned(self):
        self.daemon()
        self.assertEqual(json.loads(self.run_ctl("list", "--json").stdout)[0]["memory"], 256 << 20)
        self.assertEqual(json.loads(self.run_ctl("--json", "stats", "web").stdout)["exits"], FakeDaemon.EXITS)

    def test_info_and_stats_for_people(self):
        self.daemon()
        text = self.run_ctl("info").stdout
        self.assertRegex(text, r"memory: +256 MiB\n")
        self.assertRegex(text, r"cpu share: +300\n")
        self.assertRegex(text, r"cpu limit: +50 %\n")

    def test_stats_is_a_table_of_time_exits_and_injections(self):
        daemon = self.daemon()
        self.assertEqual(self.run_ctl("stats", "web").stdout, """\
run time: 1 min 23 s
memory: guest 256 MiB, kernel 96 KiB (80 KiB used), monitor 4 MiB (1 MiB heap)
time (s)              cpu0
  guest               60.000
  kernel               3.000
  monitor              5.000
  waiting             15.000
  paused               0.000
exits to the monitor   1,234
  port io              1,200
  hlt                     34
interrupts injected       34
  0xec                    30
  0x30                     4
NMIs injected              0
exceptions raised          2
exits in the kernel       77
""")
        daemon.stats = [FakeDaemon.statistics([FakeDaemon.VCPU, {**FakeDaemon.VCPU, "vcpu": 1, "exits": {"hlt": 1}}])]
        lines = self.run_ctl("stats", "web").stdout.splitlines()
        self.assertEqual(lines[2].split(), ["time", "(s)", "cpu0", "cpu1", "all"])
        self.assertIn(["hlt", "34", "1", "35"], [line.split() for line in lines])
        daemon.stats = [{"run_time_ms": 0, "exits": {}, "vcpus": [], "memory": {}}]
        self.assertEqual(self.run_ctl("stats", "web").stdout, "run time: 0.0 s\n")

    def test_trace_is_a_line_for_each_exit(self):
        daemon = self.daemon()
        daemon.trace = [[EXIT, {**EXIT, "handler": "", "text": "hlt", "time_ns": 61_000_000_000}]]
        self.assertEqual(self.run_ctl("trace", "web", "--cpu", "2", "--count", "5").stdout,
                         "    1.500000 cpu2 rip ffffffff81000000 out 0x3f8 byte 0x41 → serial\n"
                         "   61.000000 cpu2 rip ffffffff81000000 hlt\n")
        self.assertEqual(daemon.asked[-1], ("vm-trace", {"name": "web", "vcpu": 2, "count": 5}))
        daemon.trace = [[EXIT]]
        self.assertEqual(json.loads(self.run_ctl("--json", "trace").stdout), [EXIT])

    def test_trace_follows_and_tells_what_nobody_saw(self):
        daemon = self.daemon()
        daemon.trace = [[EXIT], [], [{**EXIT, "number": 50, "time_ns": 2_000_000_000, "text": "hlt", "handler": ""}]]
        process = subprocess.Popen([*VMMCTL, "trace", "--follow", "--socket", str(self.path)], stdout=subprocess.PIPE,
                                   text=True, cwd=REPOSITORY / "tools")
        self.addCleanup(process.stdout.close)
        lines = [process.stdout.readline() for _ in range(3)]
        process.kill()
        process.wait(10)
        self.assertIn("out 0x3f8", lines[0])
        self.assertEqual(lines[1], "… 8 exits not seen …\n")
        self.assertIn("hlt", lines[2])
        self.assertIn(("vm-trace", {"name": "web", "after_ns": 1_500_000_000}), daemon.asked)

    def test_disassemble_shows_code_around_the_address(self):
        daemon = self.daemon()
        jump = {"address": 0xFFFF0, "bytes": [0xEB, 0xFE], "text": "jmp 0xffff0"}
        daemon.code = {"vcpu": 1, "mode": "64-bit", "address": 0xFFFF0, "before": [{**jump, "address": 0xFFFEE}],
                       "code": [jump], "problem": "0000000000100000 is not mapped"}
        self.assertEqual(self.run_ctl("disassemble", "web", "--cpu", "1").stdout,
                         f"  00000000000fffee  eb fe{'':26}jmp 0xffff0\n"
                         f"> 00000000000ffff0  eb fe{'':26}jmp 0xffff0\n"
                         "  0000000000100000 is not mapped\n")
        self.assertEqual(daemon.asked[-1], ("vm-code", {"name": "web", "vcpu": 1}))
        for address, value in (("0xfff0", 0xFFF0), ("ffffffff81000000", 0xFFFFFFFF81000000), ("4096", 4096)):
            self.run_ctl("disassemble", "web", address, "3")
            self.assertEqual(daemon.asked[-1],
                             ("vm-code", {"name": "web", "address": value, "before": 0, "count": 3}))
        self.assertEqual(self.run_ctl("disassemble", "web", "here").returncode, 2)
        self.assertEqual(self.run_ctl("disassemble", "web", "-1").returncode, 2)

    def test_registers_are_what_the_daemon_says(self):
        daemon = self.daemon()
        self.assertEqual(self.run_ctl("registers", "web", "--cpu", "1").stdout, "vCPU 1, halted:\n  rax 0\n")
        self.assertEqual(daemon.asked[-1], ("vm-registers", {"name": "web", "vcpu": 1}))
        self.assertEqual(json.loads(self.run_ctl("registers", "--json").stdout)["registers"], {"rax": 0})

    def test_actions_reach_the_named_vm(self):
        daemon = self.daemon()
        for command, wanted in (("pause", "stop"), ("resume", "cont"), ("reset", "system_reset"),
                                ("powerdown", "system_powerdown"), ("start", "vm-start")):
            result = self.run_ctl(command, "web")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue(result.stdout.startswith("web: "))
            self.assertEqual(daemon.asked[-1], (wanted, {"name": "web"}))

    def test_stop_says_why_it_stopped(self):
        self.daemon()
        self.assertEqual(self.run_ctl("stop").stdout, "web: stopped on request\n")

    def test_names_the_choice_when_there_are_several_vms(self):
        self.daemon().names.append("db")
        result = self.run_ctl("pause")
        self.assertEqual((result.returncode, result.stderr),
                         (1, "vmmctl: there are 2 virtual machines, say which: web, db\n"))

    def test_an_unknown_vm_is_an_error(self):
        self.daemon()
        result = self.run_ctl("pause", "db")
        self.assertEqual((result.returncode, result.stderr), (1, "vmmctl: there is no VM db\n"))

    def test_wrong_usage_is_status_2(self):
        self.assertEqual(self.run_ctl("fly").returncode, 2)
        self.assertEqual(self.run_ctl().returncode, 2)

    def test_events_are_printed_until_the_daemon_ends(self):
        daemon = self.daemon()
        process = subprocess.Popen([*VMMCTL, "events", "--socket", str(self.path)], stdout=subprocess.PIPE, text=True,
                                   cwd=REPOSITORY / "tools")
        self.addCleanup(process.stdout.close)
        eventually(lambda: daemon.asked)
        eventually(lambda: daemon._clients)
        daemon.emit("SHUTDOWN", guest=True, reason="guest powered off", name="web")
        self.assertEqual(process.stdout.readline(), "SHUTDOWN web guest powered off (by the guest)\n")
        daemon._clients[0].shutdown(2)
        self.assertEqual(process.wait(10), 0)

    def test_attach_types_what_is_piped_in(self):
        daemon = self.daemon()
        result = self.run_ctl("attach", "web", stdin="ls\n\x1d")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "boot log\r\n# ".replace("\r\n", "\n"))
        eventually(lambda: daemon.typed == b"ls\n")


class QmpClientTest(DirectoryTest):
    def test_keeps_events_that_come_during_a_command(self):
        daemon = FakeDaemon(self.listener("vmm.sock"))
        with QmpClient(self.folder / "vmm.sock") as client:
            eventually(lambda: daemon._clients)
            daemon.emit("STOP", name="web")
            self.assertEqual(client.execute("query-name"), {"name": "web"})
            self.assertEqual(client.next_event(1)["event"], "STOP")
            with self.assertRaises(TimeoutError):
                client.next_event(0.05)

    def test_errors_carry_their_class(self):
        FakeDaemon(self.listener("vmm.sock"))
        with QmpClient(self.folder / "vmm.sock") as client:
            with self.assertRaises(QmpError) as raised:
                client.execute("stop", name="db")
            self.assertEqual(raised.exception.error_class, "DeviceNotFound")



class CheckTest(DirectoryTest):
    """A kernel is judged by the architecture that it is for."""

    def check(self, kernel: bytes, *arguments: str) -> subprocess.CompletedProcess:
        (self.folder / "kernel").write_bytes(kernel)
        configuration = self.folder / "vmm.toml"
        configuration.write_text('[vm.web]\nmemory = "64M"\nkernel = "file:kernel"\nserial = "null:"\n')
        return subprocess.run([*VMMCTL, "check", str(configuration), *arguments], capture_output=True, text=True,
                              timeout=20, cwd=REPOSITORY / "tools")

    def test_an_image_for_riscv64_is_no_kernel_for_x86_64(self):
        image = struct.pack("<QQQQIIQQII", 0, 0x200000, 0x1000, 0, 2, 0, 0, 0, 0x05435352, 0)
        good = self.check(image, "--arch", "riscv64")
        self.assertEqual(good.returncode, 0, good.stdout + good.stderr)
        self.assertIn("1 VM, no errors", good.stdout)
        bad = self.check(image)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("vmm.toml:3", bad.stdout)

    def test_an_image_for_x86_64_is_no_kernel_for_riscv64(self):
        bad = self.check(bytes(0x1F1) + bytes(0x400), "--arch", "riscv64")
        self.assertEqual(bad.returncode, 1)
        self.assertIn("it is not a riscv64 Linux Image", bad.stdout)


if __name__ == "__main__":
    unittest.main()
