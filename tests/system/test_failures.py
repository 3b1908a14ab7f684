"""What goes wrong ends in one clear message, and everything else goes on."""

import unittest

from redoubt_host import archive
from redoubt_host.architecture import current, on
from redoubt_host.machine import MachineOptions
from support import System, demo_configuration, small_guest


PLAIN = {"x86_64": "EPYC,-svm", "riscv64": "rv64,h=false"}


@on("x86_64", "riscv64")
class WithoutVirtualization(unittest.TestCase):
    def test_it_boots_and_says_so(self):
        options = MachineOptions(cpu=PLAIN[current().name])
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


@on("x86_64", "riscv64")
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
        self.stopped(demo_configuration(kernel="initfs:/bad"), r"demo.*(bzImage|not a riscv64 Linux Image)", 2, extra={"bad": b"\x5a" * 70000})

    @on("x86_64")
    def test_truncated_kernel(self):
        from redoubt_host import guests

        image = guests.guest().kernel.read_bytes()[:300000]
        self.stopped(demo_configuration(kernel="initfs:/short"), r"demo.*truncated", 2, extra={"short": image})

    def test_more_memory_than_there_is(self):
        self.stopped(demo_configuration(memory="64G"), r"demo.*memory", 2)

    @on("x86_64")
    def test_triple_fault(self):
        self.stopped(small_guest("triple_fault"), r"demo.*triple fault")

    @on("x86_64")
    def test_halt_with_interrupts_off(self):
        self.stopped(small_guest("halt_forever"), r"demo.*halted with interrupts")

    def test_jump_into_nowhere(self):
        self.stopped(small_guest("jump_nowhere"), r"demo.*(fetch|execut|nothing|triple fault)")

    @on("x86_64")
    def test_wild_writes_harm_nothing(self):
        with System(small_guest("wild_writes")) as system:
            console = system.console()
            console.expect("still here")
            self.assertEqual(system.wait_for_end(), 0)

    @on("x86_64")
    def test_a_bad_guest_leaves_its_neighbour_alone(self):
        configuration = small_guest("jump_nowhere", "bad") + demo_configuration("demo")
        with System(configuration) as system:
            system.wait_for_log(r"VM bad stopped")
            console = system.console("demo")
            console.wait_for_prompt()
            self.assertEqual(console.run("echo unharmed").strip(), "unharmed")


class MonitorDies(unittest.TestCase):
    def test_a_killed_monitor_is_reported_and_restarted_and_nobody_else_notices(self):
        killer = (current().build / "tests/system/services/killer").read_bytes()
        start = (archive.START_LIST.read_text()
                 + "killer bin/killer uses=log,chan grant=power memory=1M -- vm.victim /run/monitor/victim.sock\n")
        configuration = small_guest("spin", "victim", restart="on-failure") + demo_configuration("demo")
        with System(configuration, start_list=start, extra={"bin/killer": killer}) as system:
            system.wait_for_log(r"init: vm.victim ended: killed by killer")
            system.wait_for_log(r"vmmd: error: VM victim stopped: its monitor was killed by killer")
            system.wait_for_log(r"(VM victim starts.*){2}")
            qmp = system.qmp()
            rows = {row["name"]: row for row in qmp.command("vm-list")}
            self.assertEqual((rows["victim"]["state"], rows["victim"]["restarts"]), ("running", 1))
            self.assertEqual(rows["demo"]["restarts"], 0)
            qmp.command("vm-stop", name="victim")
            qmp.event("VM_STOPPED")
            console = system.console("demo")
            console.wait_for_prompt()
            self.assertEqual(console.run("echo un'harm'ed").strip(), "unharmed")
            self.assertNotIn("did not come back", system.log())
            self.assertNotIn("vmmd ended", system.log())

    def test_a_guest_that_crashes_comes_back_with_pauses_between(self):
        with System(small_guest("triple_fault", restart="on-failure", restart_limit=3)) as system:
            self.assertEqual(system.wait_for_end(), 3)
            log = system.log()
            self.assertEqual(log.count("VM demo starts"), 4, log)
            for attempt, delay in enumerate((100, 200, 400), 1):
                self.assertIn(f"VM demo is started again in {delay} ms, attempt {attempt}", log)
            self.assertNotIn("did not come back", log)


class ManagerDies(unittest.TestCase):
    def test_its_vms_go_on_and_the_next_one_finds_them(self):
        killer = (current().build / "tests/system/services/killer").read_bytes()
        start = archive.START_LIST.read_text() + "killer bin/killer uses=log,chan grant=power memory=1M -- vmmd /run/vmmd.sock\n"
        with System(demo_configuration(), start_list=start, extra={"bin/killer": killer}) as system:
            system.wait_for_log(r"init: vmmd ended: killed by killer.*start")
            system.wait_for_log(r"VM demo goes on with the monitor it has")
            console = system.console()
            console.wait_for_prompt()
            self.assertEqual(console.run("echo still 'he're").strip(), "still here")
            self.assertEqual(system.qmp().command("vm-list")[0]["state"], "running")
            self.assertEqual(system.log().count("VM demo starts"), 1)
            self.assertNotIn("did not come back", system.log())
            console.send("poweroff\n")
            self.assertEqual(system.wait_for_end(), 0)


if __name__ == "__main__":
    unittest.main()
