"""Processor time by weight and limit: what threads get, measured by counters of their own.

On one processor the clock counts instructions: what the threads count does not depend on how busy the host is.
"""

import re
import unittest

import test_kernel
from redoubt_host.architecture import current, on

PROBE = current().build / "tests/system/shares/shares_probe"
BY_INSTRUCTIONS = ["-icount", "shift=4,sleep=off"]


@on("x86_64", "riscv64")
class Shares(unittest.TestCase):
    boot = test_kernel.Kernel.boot

    def check(self, **options):
        code, log = self.boot({"init": PROBE.read_bytes()}, **options)
        self.assertEqual(re.findall("fuzz: FAILED.*", log), [])
        self.assertIn("fuzz: ok limit of 200 thousandths", log)
        self.assertEqual(code, 0, log)

    def test_shares_and_limits_hold_on_one_processor(self):
        self.check(processors=1, extra=BY_INSTRUCTIONS)

    def test_limits_are_for_all_processors_together(self):
        self.check(processors=2)


if __name__ == "__main__":
    unittest.main()
