"""What capabilities permit, tried by an unprivileged thread: tests/system/rights in the place of init."""

import re
import unittest

import test_kernel
from redoubt_host.paths import SYSTEM_BUILD

PROBE = SYSTEM_BUILD / "tests/system/rights/rights_probe"


class Capabilities(unittest.TestCase):
    boot = test_kernel.Kernel.boot

    def check(self, command_line="", **options):
        code, log = self.boot({"init": PROBE.read_bytes()}, command_line=command_line, **options)
        self.assertNotIn("panic", log)
        self.assertEqual(re.findall("fuzz: FAILED.*", log), [])
        self.assertIn("fuzz: all held", log)
        self.assertEqual(code, 0, log)
        return log

    def test_every_operation_is_allowed_exactly_with_the_rights_that_the_table_names(self):
        log = self.check()
        self.assertGreater(int(re.search(r"fuzz: rights: tried (\d+)", log)[1]), 4000)


if __name__ == "__main__":
    unittest.main()
