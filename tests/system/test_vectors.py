"""Vector registers of guests on riscv64: each has its own, whoever else uses them on the same hart."""

import unittest

from redoubt_host.architecture import on
from support import MachineOptions, System, small_guest


@on("riscv64")
class Vectors(unittest.TestCase):
    def test_two_guests_on_one_hart_keep_theirs(self):
        configuration = small_guest("vectors", name="one") + small_guest("vectors", name="other")
        with System(configuration, options=MachineOptions(cpu="rv64,h=true,v=true")) as system:
            # They say so and end when one has changed.
            for name in ("one", "other"):
                system.console(name).expect(r"^\.{4}")
            states = {vm["name"]: vm["state"] for vm in system.qmp().command("vm-list")}
            self.assertEqual(states, {"one": "running", "other": "running"})

    def test_a_guest_of_a_machine_without_them_has_none(self):
        with System(small_guest("vectors")) as system:
            system.console().expect("no vector registers")


if __name__ == "__main__":
    unittest.main()
