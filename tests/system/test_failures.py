"""What goes wrong ends in one clear message, and everything else goes on."""

import unittest

from redoubt_host import archive
from redoubt_host.machine import MachineOptions
from redoubt_host.paths import SYSTEM_BUILD
from support import System, demo_configuration, small_guest


class WithoutVirtualization(unittest.TestCase):
    def test_a_processor_without_svm_boots_and_says_so(self):
        options = MachineOptions(cpu="EPYC,-svm")
        with System(demo_configuration(), options=options) as system:
            system.wait_for_log(r"virtualization: not available")
            system.wait_for_log(r"vmmd: .*(hypervisor|virtuali)")
            self.assertNotEqual(system.wait_for_end(), 0)


class BadConfigurations(unittest.TestCase):
    """The daemon inside judges the same as `vmmd check` outside: here the file is packed unchecked."""

    def refused(self, configuration: str, pattern: str) -> None:
        with System(configuration, check=False) as system:
            system.wait_for_log(pattern)
            self.assertEqual(system.wait_for_end(), 2)

    def test_malformed_toml(self):
        self.refused("[vm.demo\ncpus = 1\n", r"vmmd\.toml:1:\d+: ")

    def test_unknown_key(self):
        self.refused('[vm.demo]\nmemroy = "64M"\nkernel = "initfs:/guests/vmlinuz"\n',
                     r"vmmd\.toml:2:\d+: .*memroy.*memory")

    def test_wrong_type(self):
        self.refused('[vm.demo]\nmemory = "64M"\ncpus = "one"\nkernel = "initfs:/guests/vmlinuz"\n', r"vmmd\.toml:3:\d+: .*cpus")


class BadGuests(unittest.TestCase):
    def stopped(self, configuration: str, reason: str, status: int = 3, **options) -> str:
        """The VM stops with a reason of that form; the system ends with the status of a crash (3), or of a VM
        that could not be started (2)."""
        with System(configuration, **options) as system:
            system.wait_for_log(reason)
            self.assertEqual(system.wait_for_end(), status)
            return system.log()

    def test_missing_kernel(self):
        self.stopped(demo_configuration(kernel="initfs:/guests/nothing"), r"demo.*initfs:/guests/nothing", 2)

    def test_corrupt_kernel(self):
        self.stopped(demo_configuration(kernel="initfs:/bad"), r"demo.*(magic|bzImage|boot)", 2, extra={"bad": b"\x5a" * 70000})

    def test_truncated_kernel(self):
        from redoubt_host import guests

        image = guests.guest().kernel.read_bytes()[:300000]
        self.stopped(demo_configuration(kernel="initfs:/short"), r"demo.*truncated", 2, extra={"short": image})

    def test_more_memory_than_there_is(self):
        self.stopped(demo_configuration(memory="64G"), r"demo.*memory", 2)

    def test_triple_fault(self):
        self.stopped(small_guest("triple_fault"), r"demo.*triple fault")

    def test_halt_with_interrupts_off(self):
        self.stopped(small_guest("halt_forever"), r"demo.*halted with interrupts")

    def test_jump_into_nowhere(self):
        self.stopped(small_guest("jump_nowhere"), r"demo.*(fetch|execut|nothing|triple fault)")

    def test_wild_writes_harm_nothing(self):
        with System(small_guest("wild_writes")) as system:
            console = system.console()
            console.expect("still here")
            self.assertEqual(system.wait_for_end(), 0)

    def test_a_bad_guest_leaves_its_neighbour_alone(self):
        configuration = small_guest("triple_fault", "bad") + demo_configuration("demo")
        with System(configuration) as system:
            system.wait_for_log(r"bad.*triple fault")
            console = system.console("demo")
            console.wait_for_prompt()
            self.assertEqual(console.run("echo unharmed").strip(), "unharmed")


class MonitorDies(unittest.TestCase):
    def test_init_reports_a_killed_vmmd_and_restarts_it(self):
        killer = (SYSTEM_BUILD / "tests/system/services/killer").read_bytes()
        start = archive.START_LIST.read_text() + "killer bin/killer uses=log,chan grant=power memory=1M -- vmmd /run/vmmd.sock\n"
        start = start.replace("memory=rest", "memory=512M")
        with System(demo_configuration(), start_list=start, extra={"bin/killer": killer}) as system:
            system.wait_for_log(r"init: vmmd ended: killed by killer.*start")
            system.wait_for_log(r"VM demo starts.*VM demo starts")
            self.assertNotIn("did not come back", system.log())
            console = system.console()
            console.wait_for_prompt()
            self.assertEqual(console.run("echo reborn").strip(), "reborn")


if __name__ == "__main__":
    unittest.main()
