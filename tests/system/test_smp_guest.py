"""Debian's kernel with several virtual processors: all of them work, and they start, pause and end together."""

import base64
import re
import time
import unittest

from redoubt_host.architecture import current, on
from support import TEST_GUESTS, MachineOptions, System, demo_configuration


class SmpGuest:
    """One boot, used by every test of a class in order; the classes below say how many of what it has."""

    cpus: int
    processors = 1
    cpu = None  # the usual one

    @classmethod
    def setUpClass(cls):
        cls.system = System(demo_configuration(cpus=cls.cpus, memory="384M"),
                            options=MachineOptions(processors=cls.processors, cpu=cls.cpu))
        cls.enterClassContext(cls.system)
        cls.console = cls.system.console()
        cls.console.wait_for_prompt()

    def counters(self, kind: str) -> list[int]:
        """A line of /proc/interrupts: a number for each processor that is on."""
        line = re.search(rf"^ *{kind}:((?: +\d+)+)", self.console.run("cat /proc/interrupts"), re.M)
        return [int(number) for number in line[1].split()]

    def test_a_every_processor_is_there(self):
        self.assertEqual(self.console.run("nproc").strip(), str(self.cpus))
        if current().name != "x86_64":
            return
        information = self.console.run("grep -E '^(processor|apicid|cpu cores|siblings)' /proc/cpuinfo")
        values = [(key, int(value)) for key, value in re.findall(r"^(\w[\w ]*\w)\s*: (\d+)", information, re.M)]
        for number in range(self.cpus):
            self.assertIn(("processor", number), values)
            self.assertIn(("apicid", number), values)
        self.assertEqual({value for key, value in values if key == "cpu cores"}, {self.cpus})

    def test_b_work_runs_where_it_is_pinned(self):
        # Field 39 of stat: the processor it last ran on.
        places = self.console.run(f"for i in $(seq 0 {self.cpus - 1}); do taskset -c $i sh -c "
                                  "'i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; cut -d\\  -f39 /proc/self/stat'; done")
        self.assertEqual(places.split(), [str(number) for number in range(self.cpus)])

    def test_c_all_work_at_a_time(self):
        output = self.console.run(f"for i in $(seq 0 {self.cpus - 1}); do taskset -c $i sh -c "
                                  "'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; echo sum $i' & done; wait")
        self.assertEqual(output.count("sum 3000"), self.cpus, output)

    @on("x86_64")
    def test_d_timers_and_interprocessor_interrupts_arrive_everywhere(self):
        def sums():
            return [sum(columns) for columns in zip(self.counters("RES"), self.counters("CAL"))]

        timers, messages = self.counters("LOC"), sums()
        self.console.run(f"for i in $(seq 0 {self.cpus - 1}); do taskset -c $i sleep 0.3; done")
        # Faulting in and unmapping on all processors makes calls between them.
        self.console.run("for i in 1 2 3; do echo 3 > /proc/sys/vm/drop_caches; done")
        after, messages_after = self.counters("LOC"), sums()
        for number in range(self.cpus):
            self.assertGreater(after[number], timers[number], f"processor {number}: no timer interrupts")
            self.assertGreater(messages_after[number], 0, f"processor {number}: no interprocessor interrupts")
        self.assertGreater(sum(messages_after), sum(messages))

    def test_e_clocks_agree(self):
        source = self.console.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource").strip()
        self.assertEqual(source, {"x86_64": "tsc", "riscv64": "riscv_clocksource"}[current().name])
        times = [float(line) for line in self.console.run(
            "for j in 1 2 3; do " + f"for i in $(seq 0 {self.cpus - 1}); do taskset -c $i cut -d\\  -f1 /proc/uptime; done; done").split()]
        self.assertEqual(times, sorted(times))

    def test_f_the_kernel_found_nothing_wrong(self):
        messages = self.console.run("dmesg").replace("WARNING: See https", "")
        for bad in ("BUG:", "Oops", "Call Trace", "unchecked MSR", "WARNING:", "MP-BIOS bug", "unable to handle",
                    "TSC warp", "unsynchronized", "Marking TSC unstable", "not responding", "soft lockup",
                    "rcu_preempt detected", "inconsistent"):
            self.assertNotIn(bad, messages)
        self.assertIn(f"Brought up 1 node, {self.cpus} CPUs", messages)

    def test_g_a_processor_goes_and_comes_back(self):
        last = self.cpus - 1
        for _ in range(2):
            self.console.run(f"echo 0 > /sys/devices/system/cpu/cpu{last}/online")
            self.assertEqual(self.console.status, 0)
            self.assertEqual(self.console.run("nproc").strip(), str(last))
            self.console.run(f"echo 1 > /sys/devices/system/cpu/cpu{last}/online")
            self.assertEqual(self.console.status, 0)
            self.assertEqual(self.console.run("nproc").strip(), str(self.cpus))
        self.assertEqual(self.console.run(f"taskset -c {last} echo back").strip(), "back")

    def test_h_management_shows_them(self):
        qmp = self.system.qmp()
        self.assertEqual(qmp.command("vm-list")[0]["cpus"], self.cpus)
        self.assertEqual([cpu["cpu-index"] for cpu in qmp.command("query-cpus-fast")], list(range(self.cpus)))

    def test_i_they_pause_and_resume_together(self):
        qmp = self.system.qmp()
        self.console.run(f"for i in $(seq 0 {self.cpus - 1}); do taskset -c $i sh -c 'while :; do :; done' & done")
        for _ in range(3):
            before = float(self.console.run("cut -d\\  -f1 /proc/uptime"))
            qmp.command("stop")
            qmp.event("STOP")
            time.sleep(3)
            qmp.command("cont")
            qmp.event("RESUME")
            after = float(self.console.run("cut -d\\  -f1 /proc/uptime"))
            self.assertGreaterEqual(after, before)
        self.console.run("kill $(jobs -p); wait")
        self.test_e_clocks_agree()
        self.test_f_the_kernel_found_nothing_wrong()

    def test_j_reset_and_reboot_bring_all_of_them_back(self):
        self.system.qmp().command("system_reset")
        for command in ("reboot\n", None):
            self.console.expect("in a virtual machine of Redoubt")
            self.console.wait_for_prompt()
            self.assertEqual(self.console.run("nproc").strip(), str(self.cpus))
            if command:
                self.console.send(command)

    @on("x86_64")
    def test_k_the_power_button_ends_it(self):
        qmp = self.system.qmp()
        qmp.command("system_powerdown")
        qmp.event("VM_STOPPED")
        self.assertEqual(self.system.wait_for_end(), 0)


@on("x86_64", "riscv64")
class TwoOnOne(SmpGuest, unittest.TestCase):
    """On riscv64 these have vector registers."""

    cpus = 2
    cpu = {"riscv64": "rv64,h=true,v=true,vlen=256"}.get(current().name)

    @on("riscv64")
    def test_c_programs_keep_their_vector_registers(self):
        self.assertRegex(self.console.run("grep -m1 ^isa /proc/cpuinfo"), "rv64imafdcv_")
        program = base64.b64encode((TEST_GUESTS / "vector_program").read_bytes()).decode()
        for i in range(0, len(program), 400):
            self.console.run(f"echo {program[i:i + 400]} >> /tmp/text")
        self.console.run("base64 -d /tmp/text > /tmp/program; chmod +x /tmp/program")
        # More than there are processors, so that Linux exchanges them, too.
        output = self.console.run("for i in 1 2 3; do (/tmp/program; echo status $?) & done; wait")
        self.assertEqual(output.count("status 0"), 3, output)


class FourOnOne(SmpGuest, unittest.TestCase):
    cpus = 4


class EightOnOne(SmpGuest, unittest.TestCase):
    cpus = 8


class TwoOnTwo(SmpGuest, unittest.TestCase):
    cpus, processors = 2, 2


@on("x86_64", "riscv64")
class FourOnTwo(SmpGuest, unittest.TestCase):
    cpus, processors = 4, 2


class SmpGuestBriefly:
    """With what takes no long time."""

    cpu = None
    setUpClass = classmethod(SmpGuest.setUpClass.__func__)
    test_a_every_processor_is_there = SmpGuest.test_a_every_processor_is_there
    test_b_work_runs_where_it_is_pinned = SmpGuest.test_b_work_runs_where_it_is_pinned
    test_c_all_work_at_a_time = SmpGuest.test_c_all_work_at_a_time
    test_f_the_kernel_found_nothing_wrong = SmpGuest.test_f_the_kernel_found_nothing_wrong


@on("riscv64")
class FourOnOneHart(SmpGuestBriefly, unittest.TestCase):
    cpus, processors = 4, 1


@on("riscv64")
class EightOnTwo(SmpGuestBriefly, unittest.TestCase):
    """As many as there can be."""

    cpus, processors = 8, 2


class EightOnFour(SmpGuest, unittest.TestCase):
    cpus, processors = 8, 4


if __name__ == "__main__":
    unittest.main()
