"""Guests that try everything a processor can do: they get through it or are stopped with a reason, and
nothing else notices."""

import string
import time
import unittest

from support import TEST_GUESTS, Console, System, demo_configuration

WAYS_TO_END = string.ascii_lowercase[:string.ascii_lowercase.index("w") + 1]


def guest(program: str, name: str, variant: str = "-") -> str:
    return demo_configuration(name, kernel=f"file:{TEST_GUESTS / (program + '.bzimage')}", initrd=None,
                              memory="32M", cmdline=variant)


class Hostile(unittest.TestCase):
    """All of a class run side by side, next to a VM that must not notice."""

    guests: dict[str, str] = {}

    @classmethod
    def setUpClass(cls):
        if not cls.guests:
            raise unittest.SkipTest("only what the others share")
        cls.system = System("".join(cls.guests.values()) + guest("idle", "neighbour"))
        cls.enterClassContext(cls.system)
        cls.qmp = cls.system.qmp()

    def states(self) -> dict[str, str]:
        return {vm["name"]: vm["state"] for vm in self.qmp.command("vm-list")}

    def everybody_else_is_well(self) -> None:
        self.assertEqual(self.states()["neighbour"], "running")
        self.assertEqual(self.qmp.command("query-status")["running"], True)
        log = self.system.log()
        self.assertNotRegex(log, r"(?i)panic|init: vmmd|sanitizer|vmmd.*(?:killed|crashed)")

    def end_of(self, name: str) -> str:
        """The sentence with which a VM ended, for a person."""
        return self.system.wait_for_log(rf"VM {name} stopped: ([^\n]*)\n")[1]

    def survives(self, name: str) -> None:
        console = Console(self.system.socket, name)
        try:
            console.expect("still here")
        finally:
            console.close()
        self.everybody_else_is_well()


class WhatIsSurvived(Hostile):
    guests = {name: guest(program, name, variant) for name, program, variant in (
        ("instructions", "hostile_instructions", "-"),
        ("msrs", "hostile_msrs", "-"),
        ("modes", "hostile_modes", "-"),
        ("lme", "hostile_modes", "l"))}

    def test_every_privileged_instruction(self):
        self.survives("instructions")

    def test_every_msr(self):
        self.survives("msrs")

    def test_every_mode_of_the_processor(self):
        self.survives("modes")

    def test_long_mode_enabled_without_pae(self):
        self.survives("lme")


class WhatHarmsNobody(Hostile):
    """These may not come to an end of their own; they can be stopped, and nobody else notices them."""

    guests = {name: guest(f"hostile_{name}", name) for name in ("ports", "memory", "interrupts", "random")}

    def test_each_can_be_stopped(self):
        for name in self.guests:
            Console(self.system.socket, name).expect(r"\n")
        time.sleep(10)
        self.everybody_else_is_well()
        for name, state in self.states().items():
            if name in self.guests and state == "running":
                self.qmp.command("vm-stop", name=name)
                self.qmp.event("VM_STOPPED")
        self.everybody_else_is_well()


class WaysToEnd(Hostile):
    guests = {f"way-{letter}": guest("hostile_end", f"way-{letter}", letter) for letter in WAYS_TO_END}
    guests["random-m"] = guest("hostile_random", "random-m", "m")

    def test_each_ends_with_one_reason(self):
        for name in self.guests:
            with self.subTest(name):
                self.end_of(name)
        self.everybody_else_is_well()


if __name__ == "__main__":
    unittest.main()
