"""init and its processes: how ends are reported, what is restarted, what a broken start list does, and
what clients see of a scheme whose server crashes."""

import re
import tempfile
import time
import unittest
from pathlib import Path

from redoubt_host import archive
from redoubt_host.architecture import current, on
from redoubt_host.machine import Machine, MachineOptions
from support import BOOT_SECONDS, Stream, System, demo_configuration, small_guest, tool

PROGRAMS = current().build / "tests/system/services"
BASE = "\n".join(line for line in archive.START_LIST.read_text().splitlines()
                 if line.split()[:1] in (["initfs"], ["console"], ["log"], ["chan"])) + "\n"
RESTARTS = 6


class Services:
    """Redoubt without vmmd: the usual schemes, and the processes of a test."""

    def __init__(self, start_list: str, extra: dict[str, bytes] | None = None, options: MachineOptions | None = None):
        self._directory = tempfile.TemporaryDirectory(prefix="redoubt-test-")
        folder = Path(self._directory.name)
        files = {f"bin/{name}": (PROGRAMS / name).read_bytes() for name in ("misbehave", "fragile_scheme")}
        archive.pack(folder / "boot.cpio", archive.Configuration("", {}, [], False), start_list=start_list,
                     extra=files | (extra or {}))
        self.machine = Machine(folder, folder / "boot.cpio", options or MachineOptions(memory="512M"))

    def __enter__(self) -> "Services":
        self.machine.start()
        return self

    def __exit__(self, *_):
        self.machine.stop()
        self._directory.cleanup()

    def log(self) -> str:
        path = self.machine.system_log
        return path.read_text(errors="replace").replace("\r", "") if path.exists() else ""

    def wait_for(self, pattern: str, count: int = 1) -> None:
        """Until the pattern has appeared that often."""
        deadline = time.monotonic() + BOOT_SECONDS
        while len(re.findall(pattern, self.log(), re.M)) < count:
            if time.monotonic() > deadline or not self.machine.running():
                raise AssertionError(f"expected {count} times {pattern!r}; the log:\n{self.log()[-4000:]}")
            time.sleep(0.1)


def misbehaving(name: str, action: str, keys: str = "", value: int = 0) -> str:
    return f"{name} bin/misbehave uses=log ready=no-wait {keys} -- {action} {value} {name}\n"


@on("x86_64", "riscv64")
class Ends(unittest.TestCase):
    """Faults and exits, each with a policy; all in one machine."""
    @classmethod
    def setUpClass(cls):
        start = BASE + "".join([
            misbehaving("reader", "read-null", "restart=never"),
            misbehaving("writer", "write-code", "restart=on-failure"),
            misbehaving("jumper", "jump-to-data", "restart=never"),
            misbehaving("trapper", "trap", "restart=never"),
            misbehaving("leaver", "exit", "restart=always", 3),
            misbehaving("quitter", "exit", "restart=on-failure", 3),
            misbehaving("aborter", "abort", "restart=on-failure"),
            misbehaving("ender", "abort", "restart=never"),
            misbehaving("big", "fill", "memory=128M restart=always", 100)])
        with Services(start) as services:
            for name in ("writer", "leaver", "aborter", "big"):
                services.wait_for(rf"^init: {name} ended: .*does not last$")
            services.wait_for(r"^init: (reader|jumper|trapper|quitter|ender) ended: ", 5)
            cls.log = services.log()

    def lines(self, name: str) -> list[str]:
        return re.findall(rf"^init: {name} ended: (.*)$", self.log, re.M)

    def test_a_fault_is_told_in_one_line(self):
        self.assertRegex("|".join(self.lines("reader")),
                         r"^page fault at 0x0 \(read of unmapped memory\), instruction 0x[0-9a-f]+$")
        self.assertRegex("|".join(self.lines("jumper")),
                         r"^page fault at (0x[0-9a-f]+) \(execution not permitted\), instruction \1$")
        self.assertRegex("|".join(self.lines("trapper")),
                         r"^(invalid opcode \(exception 6|breakpoint \(exception 3), code 0x[0-9a-f]+\), instruction 0x[0-9a-f]+$")
        self.assertRegex(self.lines("writer")[0], r"^page fault at 0x[0-9a-f]+ \(write not permitted\), instruction 0x")

    def check_restarts(self, name: str, reason: str) -> None:
        self.assertEqual([f"{reason}; it is started again"] * RESTARTS
                         + [f"{reason}; it was started again {RESTARTS} times and does not last"],
                         self.lines(name), self.log)

    def test_always_restarts_after_an_exit(self):
        self.check_restarts("leaver", "exit code 3")

    def test_on_failure_restarts_after_an_abort_and_a_fault_only(self):
        self.check_restarts("aborter", "exit code 134")
        self.assertEqual(len(self.lines("writer")), RESTARTS + 1)
        self.assertEqual(self.lines("quitter"), ["exit code 3"])

    def test_never_is_never(self):
        self.assertEqual(self.lines("ender"), ["exit code 134"])
        self.assertEqual(len(re.findall(r"reader begins", self.log)), 1)

    def test_restarts_back_off(self):
        times = [float(stamp) for stamp in re.findall(r"^\[ *([0-9.]+)\] .*leaver begins$", self.log, re.M)]
        self.assertEqual(len(times), RESTARTS + 1, self.log)
        # 0, 100, 200, 400, 800 and 1600 ms; the first line may have come late.
        self.assertGreater(times[-1] - times[0], 1.5)

    def test_memory_comes_back(self):
        self.assertEqual(len(re.findall(r"filled$", self.log, re.M)), RESTARTS + 1, self.log)
        self.assertNotIn("no memory", self.log)
        self.assertNotIn("did not come back", self.log)


@on("x86_64", "riscv64")
class BrokenStartList(unittest.TestCase):
    def test_each_mistake_costs_one_line_and_the_rest_starts(self):
        program = (PROGRAMS / "misbehave").read_bytes()
        start = BASE + "".join([
            misbehaving("bad-key", "exit", "colour=red"),
            misbehaving("bad-size", "exit", "memory=much"),
            misbehaving("bad-grant", "exit", "grant=everything"),
            "bad-scheme bin/misbehave uses=nothing ready=no-wait\n",
            "absent bin/absent\n",
            "short bin/short\n",
            "text etc/start\n",
            "twin bin/misbehave serves=log\n",
            "lonely\n",
            misbehaving("huge", "exit", "memory=64G"),
            misbehaving("survivor", "exit", "", 5)])
        with Services(start, {"bin/short": program[:3000]}) as services:
            services.wait_for(r"^init: survivor ended: exit code 5$")
            log = services.log()
        first = BASE.count("\n") + 1
        expected = [
            rf"/etc/start:{first}: unknown key .*\"colour=red\"; the line is skipped",
            rf"/etc/start:{first + 1}: not a size .*\"memory=much\"; the line is skipped",
            rf"/etc/start:{first + 2}: unknown grant .*\"everything\"; the line is skipped",
            r"bad-scheme is not started: nobody serves the scheme nothing: that it uses",
            r"absent is not started: the boot archive has no file bin/absent",
            r"short is not started: bin/short .+",
            r"text is not started: etc/start .+",
            r"twin is not started: the scheme log: is served by another process already",
            rf"/etc/start:{first + 8}: the program is missing after the name: \"lonely\"; the line is skipped",
            r"huge is not started: no \d+ KiB of memory left"]
        for pattern in expected:
            self.assertEqual(len(re.findall(rf"^init: {pattern}$", log, re.M)), 1, f"{pattern}\n{log}")
        self.assertEqual(len(re.findall(r"^init: ", log, re.M)), len(expected) + 1, log)
        self.assertIn("survivor begins", log)


@on("x86_64", "riscv64")
class CrashingScheme(unittest.TestCase):
    def test_clients_get_errors_and_then_the_next_server(self):
        start = (BASE + "fragile bin/fragile_scheme serves=fragile uses=log restart=always\n"
                 + "client bin/misbehave uses=log,fragile memory=64M ready=no-wait -- client\n")
        with Services(start) as services:
            services.wait_for(r"^init: client ended")
            log = services.log()
        for round in (1, 2):
            self.assertIn(f"round {round} before: alive", log)
            self.assertIn(f"round {round} after: alive", log)
        for line in ("crash: Connection reset by peer", "stream: Connection reset by peer",
                     "file: Connection reset by peer", "poll: 1, hang-up"):
            self.assertEqual(log.count(line), 2, f"{line}\n{log}")
        self.assertEqual(len(re.findall(r"^init: fragile ended: (?:invalid opcode|breakpoint) .*; it is started again$", log, re.M)), 2)
        self.assertNotIn("did not come back", log)


class CrashingChannel(unittest.TestCase):
    """chan: under a live vmmd: what was open ends, and vmmd listens again."""

    def test_management_works_again(self):
        start = archive.START_LIST.read_text()
        self.assertIn("bin/chan ", start)
        program = (PROGRAMS / "fragile_chan").read_bytes()
        with System(small_guest("spin"), start_list=start.replace("bin/chan ", "bin/fragile_chan "),
                    extra={"bin/fragile_chan": program}) as system:
            for crash in (1, 2):
                qmp, other = system.qmp(), system.qmp()
                self.assertEqual(qmp.command("query-status", name="demo")["status"], "running")
                other.send("crash, chan!\n")
                with self.assertRaisesRegex(AssertionError, "the stream was closed"):
                    qmp.read_object()
                system.wait_for_log(rf"(vmmd: warning: listening on /run/vmmd.sock again.*){{{crash}}}")
                self.assertTrue(system.qmp().command("query-status", name="demo")["running"])
                listed = tool("vmmctl", "--socket", str(system.socket), "list", timeout=120)
                self.assertEqual(listed.returncode, 0, listed.stderr)
                self.assertIn("demo", listed.stdout)
            ends = re.findall(r"^init: (.*) ended: ", system.log(), re.M)
            self.assertEqual(ends, ["chan", "chan"])
            self.assertNotIn("did not come back", system.log())


class ConsolePort(unittest.TestCase):
    """A virtio port named console.NAME is the stream console:NAME, even when chan: crashed; COM1 keeps the rest."""

    def test_output_and_typing_go_through_the_port(self):
        options = MachineOptions(extra=["-chardev", "socket,id=demo,path=demo.sock,server=on,wait=off",
                                        "-device", "virtserialport,chardev=demo,name=console.demo"])
        start = archive.START_LIST.read_text().replace("bin/chan ", "bin/fragile_chan ")
        program = (PROGRAMS / "fragile_chan").read_bytes()
        with System(demo_configuration(), options=options, start_list=start,
                    extra={"bin/fragile_chan": program}) as system:
            deadline = time.monotonic() + BOOT_SECONDS
            path = system.directory / "demo.sock"
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            console = Stream(path)
            console.expect(r"demo:[^\n]*# ")
            console.send("echo 'ty'ped\n")
            console.expect(r"^typed\r?$")
            # More than all queues on the way hold, read slowly.
            console.send("i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo line $i of many; done; echo 'en'd\n")
            time.sleep(0.5)
            text = console.expect(r"^line 1 of many.*^end\r?$")[0].decode()
            self.assertEqual([int(n) for n in re.findall(r"line (\d+) of many", text)], list(range(1, 1001)))
            system.qmp().send("crash, chan!\n")
            system.wait_for_log("init: chan ended: .*vmmd: warning: listening on /run/vmmd.sock again")
            console.send("echo 'al'ive\n")
            console.expect(r"^alive\r?$")
            log = system.log()
            self.assertNotIn("typed", log)
            self.assertIn("vmmd: ", log)


if __name__ == "__main__":
    unittest.main()
