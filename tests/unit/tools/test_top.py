"""vmmctl top: rates from two readings, the table, and a terminal that comes back on every way out."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
import unittest

from tools_support import REPOSITORY, DirectoryTest, FakeDaemon, eventually

from redoubt_host.vm_rates import sum_of, vcpu_rates

VMMCTL = [sys.executable, "-m", "redoubt_host.vmmctl"]


def later(vcpu: dict, seconds: float = 2) -> dict:
    """Half of the time in the guest, a quarter in the monitor, the rest waiting; 100 port exits a second."""
    nanoseconds = int(seconds * 1e9)
    times = vcpu["time_ns"]
    return {**vcpu,
            "time_ns": {**times, "guest": times["guest"] + nanoseconds // 2, "monitor": times["monitor"] + nanoseconds // 4,
                        "waiting": times["waiting"] + nanoseconds // 4},
            "exits": {**vcpu["exits"], "port_io": vcpu["exits"]["port_io"] + int(100 * seconds)},
            "interrupts": {**vcpu["interrupts"], "0xec": vcpu["interrupts"]["0xec"] + int(10 * seconds)}}


class RatesTest(unittest.TestCase):
    def test_rates_are_what_was_added_in_the_time_that_passed(self):
        rates = vcpu_rates(FakeDaemon.VCPU, later(FakeDaemon.VCPU))
        self.assertEqual(rates.kinds, {"port_io": 100})
        self.assertEqual((rates.exits, rates.injections, rates.exits_in_kernel), (100, 10, 0))
        self.assertEqual(rates.shares, {"guest": 0.5, "kernel": 0, "monitor": 0.25, "waiting": 0.25, "paused": 0})
        self.assertEqual(rates.busy, 0.75)

    def test_a_vm_that_was_started_anew_begins_at_nothing(self):
        new = {**FakeDaemon.VCPU, "time_ns": {**dict.fromkeys(FakeDaemon.TIMES, 0), "guest": 10**9}, "exits": {"hlt": 5}}
        self.assertEqual(vcpu_rates(FakeDaemon.VCPU, new).kinds, {"hlt": 5})
        self.assertEqual(vcpu_rates(None, new).exits, 5)

    def test_nothing_in_no_time(self):
        self.assertEqual(vcpu_rates(FakeDaemon.VCPU, FakeDaemon.VCPU).exits, 0)
        self.assertEqual(sum_of([]).shares["guest"], 0)

    def test_sums_of_processors(self):
        rates = vcpu_rates(FakeDaemon.VCPU, later(FakeDaemon.VCPU))
        self.assertEqual(sum_of([rates, rates]).shares["guest"], 1)
        self.assertEqual(sum_of([rates, rates]).kinds, {"port_io": 200})


class TopDirectoryTest(DirectoryTest):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.listener("vmm.sock"))

    def command(self, *arguments: str) -> list[str]:
        return [*VMMCTL, "top", *arguments, "--socket", str(self.folder / "vmm.sock"), "--interval", "0.05"]


class TopTest(TopDirectoryTest):
    def run_top(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=20, cwd=REPOSITORY / "tools")

    def test_once_prints_the_rates_between_two_readings(self):
        self.daemon.stats = [FakeDaemon.statistics([FakeDaemon.VCPU]), FakeDaemon.statistics([later(FakeDaemon.VCPU)])]
        result = self.run_top("--once")
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[0], "1 virtual machine, 1 running; 100 exits/s; sorted by exits")
        self.assertEqual(lines[3].split(), ["web", "running", "100", "0", "10", "50", "%", "0", "%", "25", "%", "25", "%",
                                            "256", "MiB", "port", "io", "100"])
        self.assertEqual(len(lines), 5)

    def test_several_processors_have_a_line_each_and_json_has_everything(self):
        two = [FakeDaemon.VCPU, {**FakeDaemon.VCPU, "vcpu": 1}]
        self.daemon.stats = [FakeDaemon.statistics(vcpus) for vcpus in (two, [later(vcpu) for vcpu in two])] * 2
        self.assertRegex(self.run_top("--once").stdout, r"(?s)\nweb .* 100 % .*\n  cpu0 .*\n  cpu1 .* 50 % ")
        sample = json.loads(self.run_top("-n", "1", "--json").stdout)[0]
        self.assertEqual((sample["name"], sample["exits"], sample["vcpus"][1]["exits"]), ("web", 200, 100))

    def test_wrong_intervals_and_numbers_are_wrong_usage(self):
        for wrong in (("--interval", "0"), ("--interval", "nan"), ("-n", "0"), ("-n", "x"), ("--sort", "name")):
            self.assertEqual(self.run_top(*wrong).returncode, 2, wrong)

    def test_a_reader_that_has_enough_is_no_error(self):
        process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   cwd=REPOSITORY / "tools")
        self.addCleanup(process.stderr.close)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(20), 0, process.stderr.read())

    def test_the_daemons_end_is_told(self):
        process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   cwd=REPOSITORY / "tools")
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        process.stdout.readline()
        eventually(lambda: self.daemon._clients)[0].shutdown(2)
        self.assertEqual(process.wait(20), 1)
        self.assertIn("the daemon closed the connection", process.stderr.read())


class TopOnATerminalTest(TopDirectoryTest):
    """The same command with a terminal; what it prints there, and how it leaves it."""

    def start(self, *arguments: str) -> subprocess.Popen:
        self.master, slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.slave = slave
        self.addCleanup(os.close, slave)
        self.before = termios.tcgetattr(slave)
        self.seen = b""
        os.set_blocking(self.master, False)
        return subprocess.Popen(self.command(*arguments), stdin=slave, stdout=slave, stderr=subprocess.DEVNULL,
                                cwd=REPOSITORY / "tools")

    def shows(self, text: bytes) -> bool:
        try:
            self.seen += os.read(self.master, 65536)
        except BlockingIOError:
            pass
        return text in self.seen

    def ends(self, process: subprocess.Popen, status: int) -> None:
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            self.shows(b"")
            time.sleep(0.01)
        self.assertEqual(process.poll(), status)
        self.shows(b"")
        self.assertTrue(self.seen.endswith(b"\x1b[?25h\x1b[?1049l"), self.seen[-80:])
        self.assertEqual(termios.tcgetattr(self.slave), self.before)

    def test_q_leaves_and_s_sorts(self):
        process = self.start()
        eventually(lambda: self.shows(b"sorted by exits"), 20)
        os.write(self.master, b"s")
        eventually(lambda: self.shows(b"sorted by cpu"), 20)
        os.write(self.master, b"q")
        self.ends(process, 0)

    def test_ctrl_c_leaves(self):
        process = self.start()
        eventually(lambda: self.shows(b"web"), 20)
        os.write(self.master, b"\x03")
        self.ends(process, 0)

    def test_a_signal_gives_the_terminal_back(self):
        process = self.start()
        eventually(lambda: self.shows(b"web"), 20)
        process.send_signal(signal.SIGTERM)
        self.ends(process, 128 + signal.SIGTERM)

    def test_the_daemons_end_gives_the_terminal_back(self):
        process = self.start()
        eventually(lambda: self.shows(b"web"), 20)
        eventually(lambda: self.daemon._clients)[0].shutdown(2)
        self.ends(process, 1)

    def test_it_ends_after_so_many_samples(self):
        self.ends(self.start("-n", "3"), 0)


if __name__ == "__main__":
    unittest.main()
