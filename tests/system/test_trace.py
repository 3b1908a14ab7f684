"""What people see of a guest's exits: tools/vmmctl trace."""

import json
import unittest

from support import System, small_guest, tool


class Trace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System(small_guest("idle", "idle") + small_guest("triple_fault", "dies"))
        cls.enterClassContext(cls.system)
        cls.system.qmp().close()
        cls.system.wait_for_log(r"VM dies stopped")

    def vmmctl(self, *arguments: str) -> str:
        result = tool("vmmctl", "--socket", str(self.system.socket), *arguments, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_the_last_exits_of_a_running_guest(self):
        lines = self.vmmctl("trace", "idle", "--count", "5").splitlines()
        self.assertEqual(len(lines), 5)
        for line in lines:
            self.assertRegex(line, r"^ *\d+\.\d{6} cpu0 rip [0-9a-f]{16} ")
        everything = self.vmmctl("trace", "idle")
        self.assertRegex(everything, r"in 0x3fd byte = 0x60 → serial")
        self.assertRegex(everything, r"out 0x3f8 byte 0x[0-9a-f]+ → serial")
        self.assertRegex(everything, r"hlt$")

    def test_the_last_exits_of_a_guest_that_died(self):
        exits = json.loads(self.vmmctl("trace", "dies", "--json"))
        self.assertEqual(exits[-1]["kind"], "shutdown")
        self.assertEqual(exits, sorted(exits, key=lambda entry: entry["time_ns"]))

    def test_a_processor_that_is_not_there(self):
        result = tool("vmmctl", "--socket", str(self.system.socket), "trace", "idle", "--vcpu", "9", timeout=120)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no vCPU 9", result.stderr)


if __name__ == "__main__":
    unittest.main()
