"""The hypervisor core, driven by tests/system/hv/probe.cpp in the place of init."""

import re
import unittest

import test_kernel
from redoubt_host.architecture import current, on

PROBE = current().build / "tests/system/hv/hv_probe"


@on("x86_64", "riscv64")
class Hypervisor(unittest.TestCase):
    boot = test_kernel.Kernel.boot

    def check_probe(self, said="probe: all held", **options):
        code, log = self.boot({"init": PROBE.read_bytes()}, **options)
        self.assertIn(said, log)
        self.assertNotIn("panic", log)
        self.assertEqual(re.findall("probe: FAILED.*", log), [])
        self.assertIn("probe: all held", log)
        self.assertEqual(code, 0, log)

    def test_every_exit_interrupts_hostile_state_and_the_end_of_vms_in_every_state(self):
        self.check_probe()

    @on("x86_64")
    def test_the_same_with_every_feature_of_the_emulator(self):
        self.check_probe(cpu="max")

    @on("riscv64")
    def test_the_same_on_two_harts_and_with_the_monitors_timer(self):
        self.check_probe(processors=2, cpu="rv64,sstc=false")

    @on("riscv64")
    def test_the_same_with_vector_registers(self):
        self.check_probe(cpu="rv64,h=true,v=true,vlen=256")

    @on("riscv64")
    def test_the_same_with_vector_registers_that_are_too_long(self):
        self.check_probe(cpu="rv64,h=true,v=true,vlen=1024", said="vector registers of 128 bytes are not used: of 64 at most")

    @on("riscv64")
    def test_the_same_on_four_harts(self):
        self.check_probe(processors=4)

    @on("x86_64")
    def test_a_processor_without_svm_says_so_and_gives_no_hypervisor(self):
        _, log = self.boot({"init": PROBE.read_bytes()}, cpu="EPYC,-svm")
        self.assertRegex(log, "kernel: virtualization: not available.*")
        self.assertIn("probe: FAILED this processor virtualizes", log)

    @on("riscv64")
    def test_a_processor_without_h_extension_says_so_and_gives_no_hypervisor(self):
        _, log = self.boot({"init": PROBE.read_bytes()}, cpu="rv64,h=false")
        self.assertIn("kernel: virtualization: not available: the processor has no H-extension", log)
        self.assertIn("probe: FAILED this processor virtualizes", log)


if __name__ == "__main__":
    unittest.main()
