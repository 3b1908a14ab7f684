"""The kernel for riscv64 on QEMU's virt machine, under OpenSBI."""

import re
import tempfile
import unittest
from pathlib import Path

from redoubt_host import build
from redoubt_host.architecture import on
from redoubt_host.cpio import Cpio
from redoubt_host.machine import Machine, MachineOptions

BOOT_SECONDS = 120
PANICKED = 0x7E


@on("riscv64")
class Riscv64(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.build = build.system()

    def boot(self, files: dict[str, bytes], **options) -> tuple[int | None, str]:
        """Boots an archive with these files; gives the exit code and the log."""
        archive = Cpio()
        for name, data in files.items():
            archive.file(name, data, executable=True)
        with tempfile.TemporaryDirectory(prefix="redoubt-test-") as directory:
            path = Path(directory) / "boot.cpio"
            path.write_bytes(archive.bytes())
            machine = Machine(Path(directory), path, MachineOptions(**options))
            machine.start()
            try:
                ended = machine.wait(BOOT_SECONDS)
                log = machine.system_log.read_text(errors="replace")
                self.assertTrue(ended, log)
                return machine.exit_code(), log
            finally:
                machine.stop()

    def check_probe(self, **options):
        """tests/system/kernel/probe.cpp in the place of init."""
        code, log = self.boot({"init": (self.build / "tests/system/kernel/kernel_probe").read_bytes()}, **options)
        self.assertNotIn("panic", log)
        self.assertEqual(re.findall("probe: FAILED.*", log), [])
        self.assertEqual(code, 0, log)

    def test_no_user_program_can_panic_it_and_threads_and_interrupts_keep_their_state(self):
        self.check_probe()

    def test_the_same_without_h_extension_and_with_the_firmwares_timer(self):
        self.check_probe(cpu="rv64,h=false,sstc=false")

    def test_the_same_on_four_harts_and_with_memory_above_4_gib(self):
        self.check_probe(processors=4, memory="5G")

    def check_hypervisor(self, **options):
        """tests/system/hv/probe.cpp in the place of init."""
        code, log = self.boot({"init": (self.build / "tests/system/hv/hv_probe").read_bytes()}, **options)
        self.assertNotIn("panic", log)
        self.assertEqual(re.findall("probe: FAILED.*", log), [])
        self.assertIn("probe: all held", log)
        self.assertEqual(code, 0, log)

    def test_every_exit_interrupts_hostile_state_and_the_end_of_vms_in_every_state(self):
        self.check_hypervisor()

    def test_the_same_on_two_harts_and_with_the_monitors_timer(self):
        self.check_hypervisor(processors=2, cpu="rv64,sstc=false")

    def test_the_same_on_four_harts(self):
        self.check_hypervisor(processors=4)

    def test_a_processor_without_h_extension_says_so_and_gives_no_hypervisor(self):
        _, log = self.boot({"init": (self.build / "tests/system/hv/hv_probe").read_bytes()}, cpu="rv64,h=false")
        self.assertIn("kernel: virtualization: not available: the processor has no H-extension", log)
        self.assertIn("probe: FAILED this processor virtualizes", log)

    def test_an_archive_without_init_panics_with_a_reason(self):
        code, log = self.boot({"readme": b"nothing to run"})
        self.assertEqual(code, PANICKED, log)
        self.assertRegex(log, "kernel panic: .*init")

    def test_the_device_tree_tells_memory_and_processors(self):
        _, log = self.boot({"readme": b"x" * 2_000_000}, memory="3G", processors=4)
        self.assertRegex(log, r"kernel: processor rv64\w+, 10 MHz counter")
        self.assertIn("kernel: 4 processors", log)
        free = int(re.search(r"memory (\d+) MiB free, boot archive 1953 KiB", log)[1])
        self.assertTrue(3000 < free < 3072, log)

    def test_a_processor_without_h_extension_and_sstc(self):
        code, log = self.boot({"readme": b""}, cpu="rv64,h=false,sstc=false")
        self.assertEqual(code, PANICKED, log)
        self.assertIn("virtualization: not available", log)

    def test_a_panic_prints_registers_and_names(self):
        code, log = self.boot({"init": b""}, command_line="panic-test")
        self.assertEqual(code, PANICKED, log)
        self.assertRegex(log, r"sp 0x[0-9a-f]{16}")
        self.assertRegex(log, r"test_panic\+0x")
        self.assertRegex(log, r"kernel_main\+0x")


if __name__ == "__main__":
    unittest.main()
