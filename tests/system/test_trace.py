"""What people see of a guest's exits: tools/vmmctl trace, and the log when a guest dies."""

import json
import re
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

    def test_the_log_has_what_a_dying_guest_was_doing(self):
        report = re.search(r"VM dies: triple fault at rip=0x1[0-9a-f]+; registers:\n(.*?)VM dies stopped",
                           self.system.log(), re.S)[1]
        self.assertRegex(report, r"rax [0-9a-f]{16}  rcx")
        self.assertRegex(report, r"cr0 \w+  cr2")
        self.assertRegex(report, r"idt 0{16} limit 0000")
        self.assertRegex(report, r"code \(64-bit; what is before rip is a guess\):")
        self.assertRegex(report, r"lidt")
        self.assertRegex(report, r"> 0{10}1[0-9a-f]{5}  0f 0b +ud2")
        self.assertRegex(report, r"out 0x3f8 byte 0xa → serial")
        self.assertRegex(report, r"shutdown \(triple fault\) while delivering #\w+, the end\n")
        self.assertLess(report.count("\n"), 55)

    def test_a_processor_that_is_not_there(self):
        result = tool("vmmctl", "--socket", str(self.system.socket), "trace", "idle", "--vcpu", "9", timeout=120)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no vCPU 9", result.stderr)


if __name__ == "__main__":
    unittest.main()
