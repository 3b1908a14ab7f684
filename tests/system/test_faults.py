"""Faults injected: every daemon is killed in turn while a guest works; nothing of the guest's work is lost.

REDOUBT_FAULT_ROUNDS=100 makes it long: after the first round, the order is random (REDOUBT_FAULT_SEED=N repeats one)."""

import hashlib
import os
import random
import re
import unittest

from killing import Killing
from redoubt_host.architecture import on
from support import BOOT_SECONDS, Console, demo_configuration, small_guest, tool

DAEMONS = ("console", "log", "chan", "initfs", "vmmd", "vm.other")
ROUNDS = int(os.environ.get("REDOUBT_FAULT_ROUNDS", "1"))
BLOCK = bytes(4096)
WORK = ("i=0; while :; do i=$((i+1)); "
        f"echo work $i $({{ echo $i; head -c {len(BLOCK)} /dev/zero; }} | md5sum); done\n")
# With a carriage return or without it, and with nothing else in the line.
LINE = re.compile(rb"^(work (\d+) [0-9a-f]{32} -)\r*$", re.M)


def work_line(number: int) -> str:
    checksum = hashlib.md5(b"%d\n" % number + BLOCK).hexdigest()
    return f"work {number} {checksum} -"


def work_lines(text: bytes) -> list[int]:
    """The numbers of the whole lines; their checksums are right."""
    numbers = []
    for line, number in LINE.findall(text):
        if work_line(int(number)).encode() != line:
            raise AssertionError(f"line {number.decode()} is damaged")
        numbers.append(int(number))
    return numbers


class Faults(Killing):
    def check_state(self) -> None:
        rows = self.wait_for_state("demo", "other", free=self.free)
        self.assertEqual(rows["demo"]["monitor"], self.monitor, "the guest's monitor is another one")

    def check_work(self) -> None:
        """The guest goes on; its console has every line once, also those of the time of the faults."""
        console = Console(self.system.socket)
        text = console.expect(rf"\A.*^work {self.seen + 3} [^\n]*\n")[0]
        console.close()
        numbers = work_lines(text)
        self.assertEqual(numbers, list(range(numbers[0], numbers[-1] + 1)))
        self.seen = numbers[-1]

    def check_vmmctl(self) -> None:
        listed = tool("vmmctl", "--socket", str(self.system.socket), "list", timeout=BOOT_SECONDS)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertRegex(listed.stdout, r"demo +running")

    def test_every_daemon_is_killed_while_a_guest_works(self):
        seed = int(os.environ.get("REDOUBT_FAULT_SEED", random.randrange(1 << 32)))
        order = random.Random(seed)
        configuration = demo_configuration() + small_guest("spin", "other", restart="always", serial="null:")
        with self.subTest(seed=seed), self.killable_system(configuration):
            self.console = self.system.console()
            self.console.wait_for_prompt()
            self.monitor = self.rows()["demo"]["monitor"]
            self.free = self.free_bytes()
            self.seen = 0
            self.console.send(WORK)
            self.check_work()
            for number in range(ROUNDS):
                daemons = list(DAEMONS)
                if number > 0:
                    order.shuffle(daemons)
                for daemon in daemons:
                    with self.subTest(round=number, daemon=daemon):
                        self.kill(daemon)
                        self.check_state()
                        self.check_work()
                # The other VM's image is read while its server ends.
                self.kill("vm.other", "initfs")
                self.check_state()
                self.check_vmmctl()
                # The manager ends while it stops that VM, which either runs on or is started again.
                qmp = self.system.qmp()
                qmp.send('{"execute": "vm-stop", "arguments": {"name": "other"}}\n')
                self.kill("vmmd")
                qmp.close()
                self.check_state()
            self.finish()

    def check_com1(self) -> None:
        """Every line is on the configured back end too. Others write there in between; a piece that was on its way when
        console: ended may be there twice."""
        text = re.sub(rb"\[ *\d+\.\d+\] [^\n]*\n|(init|vmmd|vm\.\w+): [^\n]*\n", b"",
                      self.system.machine.system_log.read_bytes())
        text = re.sub(rb"[\r\n]", b"", text)
        missing = [number for number in range(1, self.seen + 1) if work_line(number).encode() not in text]
        self.assertEqual(missing, [])

    def finish(self) -> None:
        console = Console(self.system.socket)
        console.send("\x03")
        console.wait_for_prompt()
        self.assertEqual(console.run("echo still 'he're").strip(), "still here")
        self.check_com1()
        log = self.system.log()
        for bad in ("did not come back", "does not last", "panic"):
            self.assertNotIn(bad, log)
        qmp = self.system.qmp()
        qmp.command("vm-stop", name="other")
        # It may have been about to be started again: then it does not stop, but stays stopped.
        self.wait_until(lambda: self.rows()["other"]["state"] == "stopped", lambda: f"it does not stop: {self.rows()}")
        console.send("poweroff\n")
        self.assertEqual(self.system.wait_for_end(), 0)


@on("riscv64")
class OnOneProcessor(Faults, unittest.TestCase):
    pass


class OnTwoProcessors(Faults, unittest.TestCase):
    processors = 2


if __name__ == "__main__":
    unittest.main()
