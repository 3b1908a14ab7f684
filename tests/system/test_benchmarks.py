"""tools/bench runs and prints every row; what the figures are is nobody's business here."""

import json
import unittest

import support
from redoubt_host.architecture import on

SECONDS = 400


class Bench(unittest.TestCase):
    def test_exits_are_measured_on_redoubt_and_on_kvm(self):
        result = support.tool("bench", "exits", "--quick", "--json", timeout=SECONDS)
        rows = json.loads(result.stdout)["exits"]["rows"]
        for name in ("pio_out_user", "mmio_write_user", "hlt_user", "cpuid", "hypercall", "rdmsr", "inject_two_outs",
                     "run_returns_at_once"):
            self.assertGreater(rows[name]["ours"] or 0, 0, f"{name}\n{result.stderr}")
            self.assertGreater(rows[name]["KVM"] or 0, 0, f"{name}\n{result.stderr}")

    def test_kernel_primitives_and_memory_are_measured_on_redoubt_and_lines_counted(self):
        result = support.tool("bench", "ipc", "memory", "lines", "--quick", "--json", timeout=SECONDS)
        self.assertEqual(result.returncode, 0, result.stderr)
        for table in json.loads(result.stdout).values():
            for name, row in table["rows"].items():
                if row["budget"] is not None:
                    self.assertGreater(row["ours"] or 0, 0, name)


@on("riscv64")
class BenchRiscv64(unittest.TestCase):
    def test_exits_and_kernel_primitives_are_measured_and_lines_counted(self):
        result = support.tool("bench", "--arch", "riscv64", "exits", "ipc", "lines", "--json", timeout=SECONDS)
        self.assertEqual(result.returncode, 0, result.stderr)
        for table in json.loads(result.stdout).values():
            for name, row in table["rows"].items():
                self.assertGreater(row["ours"] or 0, 0, name)


if __name__ == "__main__":
    unittest.main()
