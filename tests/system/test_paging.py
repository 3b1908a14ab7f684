"""riscv64's kernel with each of the page tables that there are, and more memory than Sv39 reaches."""

import unittest

import test_capabilities
import test_hypervisor
import test_kernel
from redoubt_host.architecture import on
from redoubt_host.machine import MachineOptions
from support import System, small_guest

LARGER = ("sv48", "sv57")  # all other tests run with Sv39
# More than this machine has, which nobody touches.
HUGE = {"memory": "300G", "extra": ["-object", "memory-backend-ram,id=ram,size=300G,reserve=off",
                                    "-machine", "memory-backend=ram"]}


@on("riscv64")
class Paging(unittest.TestCase):
    def boot(self, files, **options):
        code, log = test_kernel.Kernel.boot(self, files, **options)
        self.log = log
        return code, log

    check_kernel = test_kernel.Kernel.check_probe
    check_rights = test_capabilities.Capabilities.check
    check_hypervisor = test_hypervisor.Hypervisor.check_probe

    def for_each_mode(self, check):
        for mode in LARGER:
            with self.subTest(mode):
                check(f"paging={mode}")
                self.assertIn(f"boot: {mode.capitalize()} page tables", self.log)

    def test_no_user_program_can_panic_it_on_two_harts(self):
        self.for_each_mode(lambda words: self.check_kernel(command_line=words, processors=2))

    def test_what_capabilities_permit(self):
        self.for_each_mode(lambda words: self.check_rights(f"rounds=20 {words}"))

    def test_the_hypervisor_core(self):
        self.for_each_mode(lambda words: self.check_hypervisor(command_line=words))

    def test_services_monitors_and_guests(self):
        for mode in LARGER:
            options = MachineOptions(command_line=f"paging={mode}")
            with self.subTest(mode), System(small_guest("idle"), options=options) as system:
                system.console().expect("idle")
                self.assertIn(f"boot: {mode.capitalize()} page tables", system.log())

    def test_more_memory_than_sv39_reaches_takes_sv48(self):
        self.check_kernel(**HUGE)
        self.assertIn("boot: Sv48 page tables", self.log)
        self.assertRegex(self.log, r"kernel: memory 307[12]\d\d MiB free")

    def test_asked_for_sv39_leaves_the_rest_out(self):
        self.check_kernel(command_line="paging=sv39", **HUGE)
        self.assertIn("boot: 49152 MiB of memory are beyond 0x3f80000000 and left out", self.log)
        self.assertRegex(self.log, r"kernel: memory 25[78]\d\d\d MiB free")

    def test_an_unknown_mode_is_refused_with_a_sentence(self):
        self.check_kernel(command_line="paging=sv32")
        self.assertIn("boot: paging= takes sv39, sv48 or sv57; it is ignored", self.log)
        self.assertIn("boot: Sv39 page tables", self.log)


if __name__ == "__main__":
    unittest.main()
