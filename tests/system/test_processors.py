"""The kernel on several processors: stress, and what the other tests do on one.

The stress test is short. REDOUBT_STRESS_SECONDS=60 makes it that long on each number of processors, and
REDOUBT_STRESS_SEED=7 starts with other random numbers. REDOUBT_FUZZ_SCALE=100 makes the random system calls and the
virtual machines that many times as many. Any other test runs on several with REDOUBT_PROCESSORS=4.
"""

import os
import re
import unittest

import test_fuzz
import test_hypervisor
import test_kernel
from redoubt_host.architecture import current, on

SECONDS = int(os.environ.get("REDOUBT_STRESS_SECONDS", "3"))
SEED = int(os.environ.get("REDOUBT_STRESS_SEED", "1"))
PLACEMENT = current().build / "tests/system/smp/smp_placement"
STRESS = current().build / "tests/system/smp/smp_stress"


@on("x86_64", "riscv64")
class Processors(unittest.TestCase):
    check = test_fuzz.Fuzz.check
    check_probe = test_kernel.Kernel.check_probe

    def boot(self, *arguments, **options):
        """As the kernel's tests do, but with time for long runs: nobody is done before everybody has got on."""
        seconds = test_kernel.BOOT_SECONDS
        test_kernel.BOOT_SECONDS = seconds * 2 * test_fuzz.SCALE + SECONDS
        try:
            return test_kernel.Kernel.boot(self, *arguments, **options)
        finally:
            test_kernel.BOOT_SECONDS = seconds

    def fuzz(self, program, command_line, **options):
        log = self.check(program, command_line, **options)
        if test_fuzz.SCALE > 10:
            print(re.search("fuzz: (?:rounds|machines) .*", log)[0], flush=True)

    def stress(self, processors: int, words: str = "lock-statistics", **options):
        log = self.check(STRESS, f"seed={SEED} seconds={SECONDS} {words}", processors=processors, **options)
        counts = re.findall(r"fuzz: (\w+) on (\d+): (\d+)", log)
        self.assertEqual({int(processor) for _, processor, _ in counts}, set(range(processors)))
        self.assertEqual([task for task in counts if int(task[2]) < 2], [], "these made no progress")
        self.assertEqual(len(re.findall("fuzz: lock, processor", log)), processors if "lock" in words else 0)
        if SECONDS > 10:
            print("".join(re.findall("fuzz: .*\n", log)), flush=True)

    def test_nobody_waits_for_a_processor_that_runs_somebody_worse(self):
        self.check(PLACEMENT, "", processors=2)

    def test_stress_on_one(self):
        self.stress(1)

    @on("x86_64")
    def test_stress_on_two(self):
        self.stress(2)

    def test_stress_on_four(self):
        self.stress(4)

    @on("x86_64")
    def test_stress_on_two_with_every_feature_of_the_emulator(self):
        self.stress(2, cpu=current().full_cpu)

    @on("x86_64")
    def test_stress_by_short_ways_on_two(self):
        self.stress(2, "")

    @on("riscv64")
    def test_stress_on_two_with_vector_registers(self):
        self.stress(2, "vectors=1", cpu="rv64,h=true,v=true")

    @on("riscv64")
    def test_interrupts_and_kicks_of_guests_with_vector_registers_on_two(self):
        self.stress(2, "guests=2 vectors=1", cpu="rv64,h=true,v=true,vlen=512")

    def test_interrupts_and_kicks_of_guests_on_one(self):
        self.stress(1, "guests=3")

    @on("x86_64")
    def test_interrupts_and_kicks_of_guests_on_two(self):
        self.stress(2, "guests=3")

    @on("x86_64")
    def test_interrupts_and_kicks_of_guests_on_four(self):
        self.stress(4, "guests=2")

    def test_random_system_calls_on_two(self):
        self.fuzz(test_fuzz.FUZZ, f"seed={SEED} rounds={20 * test_fuzz.SCALE}", processors=2)

    def test_random_system_calls_on_four(self):
        self.fuzz(test_fuzz.FUZZ, f"seed={SEED + 1} rounds={10 * test_fuzz.SCALE} calls=5000", processors=4)

    def test_virtual_machines_that_end_in_every_state_on_two(self):
        self.fuzz(test_fuzz.SOAK, f"seed={SEED} machines={60 * test_fuzz.SCALE}", processors=2)

    @on("x86_64")
    def test_virtual_machines_that_end_in_every_state_on_four(self):
        self.fuzz(test_fuzz.SOAK, f"seed={SEED + 1} machines={40 * test_fuzz.SCALE}", processors=4)

    def test_what_user_programs_try_on_two(self):
        self.check_probe(processors=2)

    @on("x86_64")
    def test_exits_injection_and_hostile_state_on_four(self):
        test_hypervisor.Hypervisor.check_probe(self, processors=4)

    def test_a_panic_is_told_once_by_one(self):
        code, log = self.boot({"init": test_kernel.program()}, command_line="panic-test", processors=4)
        self.assertEqual(code, 0x7E, log)
        self.assertRegex(log, "kernel: 4 processors")
        self.assertEqual(log.count("kernel panic: asked for"), 1)
        self.assertEqual(log.count("kernel panic: stopped"), 1)


if __name__ == "__main__":
    unittest.main()
