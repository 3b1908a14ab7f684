"""Guests that try everything a processor can do: they get through it or are stopped with a reason, and
nothing else notices."""

import string
import time
import unittest

from redoubt_host.architecture import current, on
from support import BOOT_SECONDS, TEST_GUESTS, Console, MachineOptions, System, demo_configuration

LAST_WAY = {"x86_64": "w", "riscv64": "u"}[current().name]
WAYS_TO_END = string.ascii_lowercase[:string.ascii_lowercase.index(LAST_WAY) + 1]
PROCESSORS = {"x86_64": None, "riscv64": 2}[current().name]  # on x86-64 all of it is done on more, too
# Of the guest, and in riscv64's device tree not to be mistaken.
VARIANT = {"x86_64": "", "riscv64": "variant="}[current().name]


def guest(program: str, name: str, variant: str = "-", cpus: int = 1) -> str:
    return demo_configuration(name, kernel=f"file:{TEST_GUESTS / (program + '.image')}", initrd=None,
                              memory="32M", cmdline=VARIANT + variant, cpus=cpus)


class Hostile(unittest.TestCase):
    """All of a class run side by side, next to a VM that must not notice."""

    guests: dict[str, str] = {}
    processors: int | None = None

    @classmethod
    def setUpClass(cls):
        if not cls.guests:
            raise unittest.SkipTest("only what the others share")
        options = MachineOptions(processors=cls.processors) if cls.processors else MachineOptions()
        cls.system = System("".join(cls.guests.values()) + guest("idle", "neighbour"), options=options)
        cls.enterClassContext(cls.system)
        cls.qmp = cls.system.qmp()

    def states(self) -> dict[str, str]:
        return {vm["name"]: vm["state"] for vm in self.qmp.command("vm-list")}

    def everybody_else_is_well(self) -> None:
        self.assertEqual(self.states()["neighbour"], "running")
        self.assertEqual(self.qmp.command("query-status", name="neighbour")["running"], True)
        log = self.system.log()
        self.assertNotRegex(log, r"(?i)panic|init: vmmd|sanitizer|vmmd.*(?:killed|crashed)")

    def end_of(self, name: str, seconds: float = BOOT_SECONDS) -> str:
        """The sentence with which a VM ended, for a person."""
        return self.system.wait_for_log(rf"VM {name} stopped: ([^\n]*)\n", seconds)[1]

    def attach(self, name: str) -> Console:
        """Also at the moment in which its VM ends."""
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            try:
                return Console(self.system.socket, name)
            except AssertionError as error:
                if "does not answer" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def ends_or_is_stopped(self, name: str) -> None:
        try:
            self.end_of(name, 20)
        except AssertionError:
            self.qmp.command("vm-stop", name=name)
            self.end_of(name)
        self.everybody_else_is_well()

    def survives(self, name: str) -> None:
        console = self.attach(name)
        try:
            console.expect("still here")
        finally:
            console.close()
        self.everybody_else_is_well()


SURVIVED = {
    "x86_64": (
        ("instructions", "hostile_instructions", "-"),
        ("msrs", "hostile_msrs", "-"),
        ("ports", "hostile_ports", "-"),
        ("memory", "hostile_memory", "-"),
        ("interrupts", "hostile_interrupts", "-"),
        ("modes", "hostile_modes", "-"),
        ("lme", "hostile_modes", "l"),
        ("random-modes", "hostile_modes", "r"),
        ("edges", "hostile_edges", "-")),
    "riscv64": (
        ("instructions", "hostile_instructions", "-"),
        ("sbi", "hostile_sbi", "-"),
        ("memory", "hostile_memory", "-"),
        ("interrupts", "hostile_interrupts", "-"),
        ("random", "hostile_random", "-"))}


@on("x86_64", "riscv64")
class WhatIsSurvived(Hostile):
    guests = {name: guest(program, name, variant) for name, program, variant in SURVIVED[current().name]}
    processors = PROCESSORS

    def test_every_privileged_instruction(self):
        self.survives("instructions")

    @on("riscv64")
    def test_every_call_of_the_sbi(self):
        self.survives("sbi")

    @on("riscv64")
    def test_random_user_programs(self):
        self.survives("random")

    @on("x86_64")
    def test_every_msr(self):
        self.survives("msrs")

    @on("x86_64")
    def test_every_port(self):
        self.survives("ports")

    def test_accesses_to_registers_by_all_kinds_of_instructions(self):
        self.survives("memory")

    def test_storms_of_interrupts(self):
        self.survives("interrupts")

    @on("x86_64")
    def test_every_mode_of_the_processor(self):
        self.survives("modes")

    @on("x86_64")
    def test_modes_at_random(self):
        self.survives("random-modes")

    @on("x86_64")
    def test_edges_of_the_address_spaces(self):
        self.survives("edges")

    @on("x86_64")
    def test_long_mode_enabled_without_pae(self):
        self.survives("lme")


@on("x86_64", "riscv64")
class WaysToEnd(Hostile):
    guests = {f"way-{letter}": guest("hostile_end", f"way-{letter}", letter) for letter in WAYS_TO_END}
    if current().name == "x86_64":
        guests["random"] = guest("hostile_random", "random")
    guests["random-m"] = guest("hostile_random", "random-m", "m")

    def test_each_ends_with_one_reason(self):
        for name in self.guests:
            with self.subTest(name):
                self.end_of(name)
        self.everybody_else_is_well()


@on("riscv64")
class LoopsInsteadOfEnding(Hostile):
    """What does away with its own page tables or handlers may fault for ever."""

    guests = {"lost": guest("hostile_random", "lost", "s")}

    def test_it_ends_with_a_reason_or_is_stopped(self):
        self.ends_or_is_stopped("lost")


@on("x86_64", "riscv64")
class SeveralProcessors(Hostile):
    guests = {name: guest("hostile_smp", name, variant, 4) for name, variant in (
        ("messages", "-"), ("garbage", "g"), *([("init", "i")] if current().name == "x86_64" else []), ("halt", "h"), ("fault", "t"))}
    processors = PROCESSORS

    def test_messages_of_every_kind_at_random(self):
        self.survives("messages")

    def test_starting_at_garbage_ends_with_a_reason_or_is_stopped(self):
        # What runs garbage may have made the boot processor loop, too.
        self.ends_or_is_stopped("garbage")

    @on("x86_64")
    def test_init_to_the_boot_processor_resets_the_machine(self):
        self.assertEqual(self.end_of("init"), "the guest powered off")
        self.assertEqual(self.system.log().count("VM init: the guest resets itself by an INIT of its boot processor"), 3)

    def test_when_all_halt_for_good_it_is_over(self):
        self.assertIn("every processor is halted with interrupts disabled", self.end_of("halt"))

    def test_the_fault_of_one_is_the_end_of_all(self):
        reason = {"x86_64": "triple fault", "riscv64": "instruction fetch where there is no memory"}[current().name]
        self.assertIn(f"vCPU 2: {reason}", self.end_of("fault"))


if current().name == "x86_64":
    class WhatIsSurvivedOnTwo(WhatIsSurvived):
        processors = 2

    class WaysToEndOnFour(WaysToEnd):
        processors = 4

    class SeveralProcessorsOnTwo(SeveralProcessors):
        processors = 2

    class SeveralProcessorsOnFour(SeveralProcessors):
        processors = 4


if __name__ == "__main__":
    unittest.main()
