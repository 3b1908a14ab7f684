"""Virtual machines by the hundred through the whole system: started, run to their first output or not, ended in any
way at any moment. Afterwards every byte is back and nobody else has noticed.

Short; REDOUBT_SOAK_MACHINES=1000 (or 20000) makes it long, REDOUBT_SOAK_SEED=7 chooses others. The kernel's own part,
without monitors, is in test_fuzz.py.
"""

import os
import random
import time
import unittest

from killing import Killing
from redoubt_host.architecture import current, on
from support import Console, small_guest

MACHINES = int(os.environ.get("REDOUBT_SOAK_MACHINES", "24"))
SEED = int(os.environ.get("REDOUBT_SOAK_SEED", "1"))
# By name: what it runs. All of them say something soon after they have started.
GUESTS = {
    "x86_64": {"idles": small_guest("idle", "idles", autostart=False),
               "leaves": small_guest("hello", "leaves", autostart=False),
               "crashes": small_guest("triple_fault", "crashes", autostart=False),
               "spins": small_guest("spin", "spins", autostart=False),
               "many": small_guest("busy", "many", cpus=8, autostart=False),
               "random": small_guest("hostile_random", "random", cmdline="5", autostart=False)},
    "riscv64": {"idles": small_guest("idle", "idles", autostart=False),
                "leaves": small_guest("hostile_end", "leaves", cmdline="a", autostart=False),
                "many": small_guest("hostile_smp", "many", cpus=4, cmdline="5", autostart=False),
                "random": small_guest("hostile_random", "random", cmdline="5", autostart=False)},
}[current().name]


@on("x86_64", "riscv64")
class Soak(Killing, unittest.TestCase):
    def begin(self, name: str) -> None:
        """A fresh start, and as far as chance has it."""
        self.qmp.command("vm-start", name=name)
        if self.random.random() < 0.6:
            console = Console(self.system.socket, name)
            console.expect(r"\S")
            console.close()
        if self.random.random() < 0.5:
            time.sleep(self.random.random() * 0.1)

    def end(self, name: str) -> None:
        """Somebody cuts its power, kills its monitor, or both, unless it has ended by itself."""
        way = self.random.choice(("stop", "kill", "both"))
        if way != "stop":
            self.order_kill(f"vm.{name}")
            self.ordered.append(f"vm.{name}")
        if way != "kill":
            self.qmp.request({"execute": "vm-stop", "arguments": {"name": name}})

    def wait_for_all(self, names: list[str]) -> None:
        for name in self.ordered:
            self.wait_for_order(name)  # or it would hit the next of that name
        for name in names:
            self.wait_until(lambda: self.rows()[name]["state"] in ("stopped", "crashed"), f"{name} does not end")

    def round(self, names: list[str]) -> None:
        self.ordered: list[str] = []
        for name in names:
            self.begin(name)
        for name in self.random.sample(names, len(names)):
            self.end(name)
        self.wait_for_all(names)

    def test_many_lives(self):
        self.random = random.Random(SEED)
        with self.killable_system(small_guest("idle", "neighbour") + "".join(GUESTS.values())):
            self.qmp = self.system.qmp()
            # What is left behind of each, for whoever looks, stays.
            self.round(list(GUESTS))
            free, done = self.free_bytes(), 0
            while done < MACHINES:
                names = self.random.sample(list(GUESTS), self.random.randint(1, 3))
                self.round(names)
                self.wait_for_state("neighbour", free=free)
                done += len(names)
            rows = self.rows()
            self.assertEqual(rows["neighbour"]["restarts"], 0)
            self.assertEqual({row["state"] for name, row in rows.items() if name != "neighbour"} - {"stopped", "crashed"}, set())
            log = self.system.log()
            for bad in ("did not come back", "panic", "vmmd ended", "vm.neighbour ended"):
                self.assertNotIn(bad, log)


if __name__ == "__main__":
    unittest.main()
