"""What capabilities permit, tried by an unprivileged thread: tests/system/rights in the place of init.

REDOUBT_FUZZ_SCALE=100 tries that many times more random sequences, and REDOUBT_FUZZ_SEED=7 others.
"""

import re
import unittest

import test_fuzz
from redoubt_host.architecture import current, on

SCALE, SEED = test_fuzz.SCALE, test_fuzz.SEED
ROUNDS = 150
PROBE = current().build / "tests/system/rights/rights_probe"


@on("x86_64", "riscv64")
class Capabilities(unittest.TestCase):
    boot = test_fuzz.Fuzz.boot

    def check(self, command_line="", **options):
        code, log = self.boot({"init": PROBE.read_bytes()}, command_line=command_line, **options)
        self.assertNotIn("panic", log)
        self.assertEqual(re.findall("fuzz: FAILED.*", log), [])
        self.assertIn("fuzz: all held", log)
        self.assertEqual(code, 0, log)
        return log

    def test_rights_are_what_the_table_says_and_whatever_is_done_revoking_gives_everything_back(self):
        log = self.check(f"seed={SEED} rounds={ROUNDS * SCALE}")
        self.assertGreater(self.tried("rights", log), 8000)
        self.assertGreater(self.tried("sequences", log), 3 * ROUNDS * SCALE)

    def test_the_same_without_virtualization(self):
        log = self.check(f"seed={SEED + 1} rounds={ROUNDS * SCALE}", cpu=current().plain_cpu)
        self.assertGreater(self.tried("rights", log), 5000)

    @staticmethod
    def tried(part, log):
        return int(re.search(rf"fuzz: {part}: tried (\d+)", log)[1])


if __name__ == "__main__":
    unittest.main()
