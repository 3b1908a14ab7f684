"""Processor time of virtual machines: cpu_share and cpu_limit with Debian guests that spin, and a prompt beside a flood."""

import time
import unittest

from redoubt_host.architecture import on
from support import Console, MachineOptions, System, demo_configuration, small_guest

SPIN = "while :; do :; done & true"


class Measuring:
    """For a TestCase with `qmp`."""

    seconds = 10

    def run_time(self, name: str) -> int:
        """Nanoseconds that a VM's vCPUs have run."""
        vcpus = self.qmp.command("vm-stats", name=name)["vcpus"]
        return sum(vcpu["time_ns"]["guest"] for vcpu in vcpus)

    def run_times_during(self, seconds: float, *names: str) -> list[int]:
        before = [self.run_time(name) for name in names]
        time.sleep(seconds)
        return [self.run_time(name) - start for name, start in zip(names, before)]

    def check_shares(self) -> None:
        light, heavy = self.run_times_during(self.seconds, "light", "heavy")
        self.assertGreater(heavy, 3 * light * 0.8, (light, heavy))
        self.assertLess(heavy, 3 * light * 1.2, (light, heavy))

    def check_limit(self) -> None:
        start = time.monotonic()
        used, = self.run_times_during(self.seconds, "capped")
        share = used / 1e9 / (time.monotonic() - start)
        self.assertLess(share, 0.2 * 1.2)
        self.assertGreater(share, 0.2 * 0.5)


@on("riscv64")
class SmallVmShares(Measuring, unittest.TestCase):
    """Guests that do nothing but spin."""

    seconds = 5

    def test_those_that_spin_get_time_by_their_shares_and_limits(self):
        configuration = (small_guest("spin", "light", cpu_share=100) + small_guest("spin", "heavy", cpu_share=300)
                         + small_guest("spin", "capped", cpu_limit="20%", autostart=False))
        with System(configuration, options=MachineOptions(processors=1)) as system:
            self.qmp = system.qmp()
            for name in ("light", "heavy"):
                Console(system.socket, name).expect("spinning")
            self.check_shares()
            for name in ("light", "heavy"):
                self.qmp.command("vm-stop", name=name)
            self.qmp.command("vm-start", name="capped")
            Console(system.socket, "capped").expect("spinning")
            self.check_limit()


class VmShares(Measuring, unittest.TestCase):
    """One boot on one processor, used by every test in order."""

    @classmethod
    def setUpClass(cls):
        cls.system = System(demo_configuration("light", memory="128M", cpu_share=100)
                            + demo_configuration("heavy", memory="128M", cpu_share=300)
                            + demo_configuration("capped", memory="128M", cpu_limit="20%", autostart=False),
                            options=MachineOptions(processors=1))
        cls.enterClassContext(cls.system)
        cls.qmp = cls.system.qmp()
        cls.consoles = {}
        for name in ("light", "heavy"):
            cls.consoles[name] = cls.system.console(name)
            cls.consoles[name].wait_for_prompt()

    def test_a_a_prompt_answers_beside_a_flood(self):
        heavy = self.consoles["heavy"]
        heavy.send("yes flood\n")
        heavy.expect("flood\r?\nflood")
        for number in range(3):
            self.assertEqual(self.consoles["light"].run(f"echo answer $(({number} + 10))").strip(),
                             f"answer {number + 10}")
        heavy.send("\x03")
        heavy.wait_for_prompt()

    def test_b_those_that_spin_get_time_by_their_shares(self):
        for console in self.consoles.values():
            console.run(SPIN)
        self.check_shares()
        for console in self.consoles.values():
            console.run("kill $!")

    def test_a_shares_and_limits_are_told(self):
        for name, share, limit in (("light", 100, 0), ("heavy", 300, 0), ("capped", 100, 20)):
            info = self.qmp.command("vm-info", name=name)
            self.assertEqual((info["cpu_share"], info["cpu_limit"]), (share, limit))

    def test_c_a_limit_holds_though_nobody_else_runs(self):
        for name in ("light", "heavy"):
            self.qmp.command("vm-stop", name=name)
        self.qmp.command("vm-start", name="capped")
        capped = self.system.console("capped")
        capped.wait_for_prompt()
        capped.run(SPIN)
        self.check_limit()


if __name__ == "__main__":
    unittest.main()
