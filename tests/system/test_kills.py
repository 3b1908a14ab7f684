"""Monitors and the manager killed at bad moments: whoever waits is told, VMs come back, and so does memory, to the byte."""

import time
import unittest

from killing import Killing
from redoubt_host.architecture import current, on
from support import Console, Qmp, Stream, small_guest

PAUSES = (0, 0.03, 0.3)
RESETS = {"x86_64": "r", "riscv64": "variant=r"}[current().name]


class Killed(Killing, unittest.TestCase):
    def setUp(self):
        self.enterContext(self.killable_system(
            small_guest("busy", "eight", cpus=8, restart="always", serial="null:")
            + small_guest("busy", "resets", cpus=2, cmdline=RESETS, restart="always", serial="null:")
            + small_guest("spin", "other", restart="always", serial="null:")))
        for name in ("eight", "resets"):
            self.wait_for_work(name)
        self.free = self.free_bytes()

    def wait_for_work(self, name: str) -> None:
        console = Console(self.system.socket, name)
        console.expect("busy")
        console.close()

    def check_state(self, *restarted: str) -> None:
        """Nobody else was touched."""
        rows = self.wait_for_state("eight", "resets", "other", free=self.free)
        for name, row in rows.items():
            self.assertEqual(row["restarts"] > 0, name in restarted, row)
        log = self.system.log()
        for bad in ("did not come back", "does not last", "panic", "vmmd ended"):
            self.assertNotIn(bad, log)

    def reason(self, name: str) -> str:
        return self.rows()[name]["last_reason"]

    def test_a_monitor_while_its_guest_resets_itself(self):
        for pause in PAUSES:
            self.system.wait_for_log(r"VM resets is reset")
            time.sleep(pause)
            self.kill("vm.resets")
            self.check_state("resets")
            self.wait_for_work("resets")
        self.assertEqual(self.reason("resets"), "its monitor was killed by killer")

    def test_a_monitor_while_somebody_resets_its_eight_processors(self):
        for pause in PAUSES:
            qmp = self.system.qmp()
            for _ in range(3):
                qmp.send('{"execute": "system_reset", "arguments": {"name": "eight"}}\n')
            time.sleep(pause)
            self.kill("vm.eight")
            # Each request is answered, whether it came in time or not.
            for _ in range(3):
                qmp.reply()
            qmp.close()
            self.check_state("eight")
            self.wait_for_work("eight")

    def test_a_monitor_with_clients_at_its_consoles_and_in_gdb(self):
        for pause in PAUSES:
            consoles = [Console(self.system.socket, "eight") for _ in range(3)]
            gdb = Qmp(self.system.socket)
            gdb.command("vm-gdb", name="eight")
            debugger: Stream = gdb
            debugger.send("$?#3f")
            debugger.expect(r"\$T0")  # all eight stand still
            if pause:
                debugger.send("$c#63")
            for console in consoles:
                console.send("typed\n")
            time.sleep(pause)
            self.kill("vm.eight")
            for stream in (*consoles, debugger):
                with self.assertRaisesRegex(AssertionError, "closed"):
                    stream.expect("never sent")
                stream.close()
            self.check_state("eight")
            self.wait_for_work("eight")

    @on("x86_64", "riscv64")
    def test_a_monitor_while_somebody_looks_at_it(self):
        for pause in PAUSES:
            qmp = self.system.qmp()
            for command in ("vm-registers", "vm-code", "vm-stats", "vm-trace", "stop", "cont"):
                qmp.send(f'{{"execute": "{command}", "arguments": {{"name": "eight"}}}}\n')
            time.sleep(pause / 10)
            self.kill("vm.eight")
            for _ in range(6):
                qmp.reply()
            qmp.close()
            self.check_state("eight")

    def test_the_manager_while_it_starts_a_vm(self):
        for pause in PAUSES:
            qmp = self.system.qmp()
            qmp.command("vm-stop", name="eight")
            while qmp.event("VM_STOPPED")["data"]["name"] != "eight":
                pass
            ended = self.ends("vmmd")
            qmp.send('{"execute": "vm-start", "arguments": {"name": "eight"}}\n')
            time.sleep(pause)
            self.order_kill("vmmd")
            with self.assertRaises(AssertionError):
                while True:
                    qmp.reply()
            qmp.close()
            self.wait_until(lambda: self.ends("vmmd") > ended, "the manager was not killed")
            # The next one finds the monitor, or starts the VM itself.
            self.wait_for_state("eight", "resets", "other", free=self.free)
            self.wait_for_work("eight")
        log = self.system.log()
        for bad in ("did not come back", "does not last", "panic"):
            self.assertNotIn(bad, log)


if __name__ == "__main__":
    unittest.main()
