"""Random system calls by hostile threads, and virtual machines that end in every state, in the place of init.

Each test is short. REDOUBT_FUZZ_SCALE=100 makes all of them that many times longer, and REDOUBT_FUZZ_SEED=7 starts
with other random numbers; whatever is found repeats (but for the moments of preemption) with the same seed.
"""

import os
import re
import unittest

import test_kernel
from redoubt_host.architecture import current, on

SCALE = int(os.environ.get("REDOUBT_FUZZ_SCALE", "1"))
SEED = int(os.environ.get("REDOUBT_FUZZ_SEED", "1"))
FUZZ = current().build / "tests/system/fuzz/system_fuzz"
SOAK = current().build / "tests/system/fuzz/vm_soak"


@on("x86_64", "riscv64")
class Fuzz(unittest.TestCase):
    def boot(self, *arguments, **options):
        """As the kernel's tests do, but with time for long runs."""
        seconds = test_kernel.BOOT_SECONDS
        test_kernel.BOOT_SECONDS = seconds * max(1, SCALE)
        try:
            return test_kernel.Kernel.boot(self, *arguments, **options)
        finally:
            test_kernel.BOOT_SECONDS = seconds

    def check(self, program, command_line, **options):
        code, log = self.boot({"init": program.read_bytes()}, command_line=command_line, **options)
        self.assertNotIn("panic", log)
        self.assertEqual(re.findall("fuzz: FAILED.*", log), [])
        self.assertIn("fuzz: all held", log)
        self.assertEqual(code, 0, log)
        return log

    def fuzz(self, seed, words="", **options):
        log = self.check(FUZZ, f"seed={seed} rounds={60 * SCALE}{words}", **options)
        accepted = {name: int(count) for name, count in re.findall(r"fuzz: (\w+): ok (\d+)", log)}
        # Calls that do what they are asked are the dangerous ones.
        for name in ("Call", "Recv", "ReplyRecv", "Reply", "Retype", "CapCopy", "CapRevoke", "Map", "Unmap",
                     "ThreadConfigure", "ThreadControl", "Wait"):
            self.assertGreater(accepted[name], 10, name)

    def test_random_system_calls_neither_panic_the_kernel_nor_lose_memory(self):
        self.fuzz(SEED)

    def test_the_same_with_other_numbers_and_every_feature_of_the_emulator(self):
        self.fuzz(SEED + 1, words=" vectors=1", cpu=current().full_cpu)

    def test_the_same_without_virtualization(self):
        self.fuzz(SEED + 2, cpu=current().plain_cpu)

    def test_virtual_machines_that_end_in_every_state_by_every_way_leave_nothing(self):
        log = self.check(SOAK, f"seed={SEED} machines={200 * SCALE}")
        endings = re.findall(r"fuzz: endings of kind (\d+): (\d+)", log)
        self.assertEqual([kind for kind, count in endings if count == "0"], [])


if __name__ == "__main__":
    unittest.main()
