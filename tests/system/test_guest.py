"""Debian's kernel as a guest: its console, its devices, its clock, its memory, and how it ends."""

import re
import time
import unittest

from redoubt_host.architecture import current, on
from support import MachineOptions, System, demo_configuration, tool

# Of /proc/interrupts: the controller's name, and the line of the timer.
CONTROLLER = {"x86_64": "IO-APIC", "riscv64": "PLIC"}
TIMER = {"x86_64": r"LOC:\s+(\d+)", "riscv64": r":\s+(\d+)[^\n]*riscv-timer"}


@on("x86_64", "riscv64")
class DemoGuest(unittest.TestCase):
    """One boot of the demo guest, used by every test of the class in order."""

    @classmethod
    def setUpClass(cls):
        cls.system = System(demo_configuration(memory="384M"))
        cls.enterClassContext(cls.system)
        cls.console = cls.system.console()
        cls.console.wait_for_prompt()

    def test_answers_typed_commands(self):
        self.assertEqual(self.console.run("expr 6 \\* 7").strip(), "42")
        self.assertIn("Linux", self.console.run("uname -a"))
        self.console.run("false")
        self.assertEqual(self.console.status, 1)

    def test_interrupts_arrive(self):
        before = self.console.run("cat /proc/interrupts")
        self.assertRegex(before, r"ttyS0")
        self.assertRegex(before, CONTROLLER[current().name])

        def timer_ticks(text):
            return int(re.search(TIMER[current().name], text)[1])

        self.console.run("sleep 1")
        after = self.console.run("cat /proc/interrupts")
        self.assertGreater(timer_ticks(after), timer_ticks(before))

    def test_sleep_is_as_long_as_the_guests_clock_says(self):
        output = self.console.run("a=$(cut -d' ' -f1 /proc/uptime); sleep 3; b=$(cut -d' ' -f1 /proc/uptime); echo $a $b")
        start, end = map(float, output.split())
        self.assertGreaterEqual(end - start, 2.98)
        self.assertLess(end - start, 4.5)

    def test_the_guests_clock_runs_as_fast_as_ours(self):
        first = float(self.console.run("cut -d' ' -f1 /proc/uptime"))
        started = time.monotonic()
        self.console.run("sleep 5")
        second = float(self.console.run("cut -d' ' -f1 /proc/uptime"))
        passed = time.monotonic() - started
        self.assertAlmostEqual(second - first, passed, delta=0.25 * passed)

    def test_its_date_is_right(self):
        self.assertAlmostEqual(int(self.console.run("date +%s")), time.time(), delta=30)

    def test_100_mb_go_to_memory_and_back(self):
        self.console.run("mount -o remount,size=150M /tmp")
        self.console.run("dd if=/dev/urandom of=/tmp/seed bs=1M count=10 2>/dev/null")
        self.console.run("for i in 0 1 2 3 4 5 6 7 8 9; do cat /tmp/seed; done > /tmp/a; rm /tmp/seed")
        self.assertEqual(self.console.run("wc -c < /tmp/a").strip(), str(10 * 1048576 * 10))
        one = self.console.run("head -c 10485760 /tmp/a | sha256sum").split()[0]
        for block in (3, 9):
            other = self.console.run(f"tail -c +{block * 10485760 + 1} /tmp/a | head -c 10485760 | sha256sum").split()[0]
            self.assertEqual(one, other)
        self.console.run("rm /tmp/a")

    def test_the_kernel_found_nothing_wrong(self):
        messages = self.console.run("dmesg")
        messages = messages.replace("WARNING: See https", "")  # a vulnerability of the processor itself
        for bad in ("BUG:", "Oops", "Call Trace", "unchecked MSR", "WARNING:", "MP-BIOS bug", "unable to handle",
                    "Fast TSC calibration failed"):
            self.assertFalse(bad in messages, f"{bad}: {messages}")
        if current().name == "x86_64":
            self.assertIn("ACPI: PM-Timer", messages)

    @on("riscv64")
    def test_there_is_no_power_button_to_press(self):
        pressed = tool("vmmctl", "--socket", str(self.system.socket), "powerdown", timeout=60)
        self.assertEqual(pressed.returncode, 1)
        self.assertIn("has no power button", pressed.stderr)
        self.assertEqual(self.console.run("echo alive").strip(), "alive")

    def test_several_watchers_see_the_same_and_a_new_one_sees_the_past(self):
        from support import Console

        watchers = [Console(self.system.socket), Console(self.system.socket)]
        self.console.run("echo for'-'everyone")
        for watcher in watchers:
            watcher.expect("for-everyone", 30)
        late = Console(self.system.socket)
        late.expect("for-everyone", 30)
        for watcher in [*watchers, late]:
            watcher.close()
        self.assertEqual(self.console.run("echo alive").strip(), "alive")


class Ends(unittest.TestCase):
    def test_powering_off_ends_everything_with_status_0(self):
        with System(demo_configuration()) as system:
            qmp = system.qmp()
            console = system.console()
            console.wait_for_prompt()
            console.send("poweroff\n")
            stopped = qmp.event("VM_STOPPED")
            self.assertEqual(stopped["data"]["name"], "demo")
            self.assertGreater(sum(stopped["data"]["summary"]["exits"].values()), 1000)
            self.assertEqual(system.wait_for_end(), 0)
            self.assertRegex(system.log(), r"demo.*(powered off|power-off)")

    def test_the_power_button_powers_the_guest_off(self):
        with System(demo_configuration()) as system:
            system.console().wait_for_prompt()
            qmp = system.qmp()
            qmp.command("system_powerdown")
            qmp.event("POWERDOWN")
            qmp.event("VM_STOPPED")
            self.assertEqual(system.wait_for_end(), 0)

    @on("x86_64", "riscv64")
    def test_reboot_from_inside_comes_back(self):
        with System(demo_configuration()) as system:
            console = system.console()
            console.wait_for_prompt()
            console.send("reboot\n")
            console.expect("in a virtual machine of Redoubt")
            console.wait_for_prompt()
            self.assertEqual(console.run("echo again").strip(), "again")


@on("riscv64")
class TwoGuests(unittest.TestCase):
    def test_two_work_at_a_time_and_one_ends_without_the_other(self):
        configuration = demo_configuration("demo", cpus=2) + demo_configuration("other")
        with System(configuration, options=MachineOptions(processors=2)) as system:
            qmp = system.qmp()
            consoles = {name: system.console(name) for name in ("demo", "other")}
            for console in consoles.values():
                console.wait_for_prompt()
            # Both at once, neither sees the other.
            for name, console in consoles.items():
                console.run(f"echo {name} > /tmp/name; {{ sleep 1; cat /tmp/name > /tmp/later; }} & true")
            for name, console in consoles.items():
                self.assertEqual(console.run("wait; cat /tmp/later").strip(), name)
            self.assertEqual([console.run("nproc").strip() for console in consoles.values()], ["2", "1"])
            qmp.command("stop", name="other")
            self.assertEqual(consoles["demo"].run("sleep 1; echo goes on").strip(), "goes on")
            qmp.command("cont", name="other")
            self.assertEqual(consoles["other"].run("echo again").strip(), "again")
            consoles["demo"].send("poweroff\n")
            self.assertEqual(qmp.event("VM_STOPPED")["data"]["name"], "demo")
            self.assertEqual(consoles["other"].run("echo alone").strip(), "alone")
            consoles["other"].send("poweroff\n")
            self.assertEqual(system.wait_for_end(), 0)


class OtherKernels(unittest.TestCase):
    def test_the_generic_kernel_boots_verbosely_with_its_default_command_line(self):
        configuration = demo_configuration(memory="256M", cmdline="ro console=ttyS0")
        with System(configuration, flavour="generic") as system:
            console = system.console()
            console.expect("Linux version")
            console.wait_for_prompt()
            self.assertNotIn("cloud", console.run("uname -r"))
            self.assertEqual(console.run("echo fine").strip(), "fine")


if __name__ == "__main__":
    unittest.main()
