"""The kernel alone, driven by tests/system/kernel/probe.cpp in the place of init."""

import re
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from redoubt_host.architecture import current, on
from redoubt_host.cpio import Cpio
from redoubt_host.machine import Machine, MachineOptions

BOOT_SECONDS = 120
PROBE = current().build / "tests/system/kernel/kernel_probe"
PANICKED = 0x7E
REGISTER = {"x86_64": "rip", "riscv64": "sp"}  # that a panic prints


def program(code: bytes = bytes(4)) -> bytes:
    """A static executable that has nothing but this code, which is x86-64's unless it is the default: that faults
    everywhere."""
    processor = {"x86_64": 62, "riscv64": 243}[current().name]
    base, headers = 0x400000, 0x1000
    elf = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, processor, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, headers + len(code), headers + len(code), 0x1000)
    return (elf + segment).ljust(headers, b"\0") + code


def nested(tree: bytes, depth: int) -> bytes:
    """A device tree with so many more nodes, one in the other, at the end of its root."""
    total, structure, strings, *others, structure_size = struct.unpack(">9I", tree[4:40])
    end = structure + structure_size - 8
    nodes = b"\0\0\0\1n\0\0\0" * depth + b"\0\0\0\2" * depth
    header = struct.pack(">9I", total + len(nodes), structure, strings + len(nodes), *others, structure_size + len(nodes))
    return tree[:4] + header + tree[40:end] + nodes + tree[end:]


@on("riscv64")
class DeviceTrees(unittest.TestCase):
    """The firmware looks at the tree first, and does not get far with most broken ones."""

    def check_refused(self, change, reason: str) -> None:
        with tempfile.TemporaryDirectory(prefix="redoubt-test-") as directory:
            tree, archive = Path(directory) / "tree.dtb", Path(directory) / "boot.cpio"
            subprocess.run([*current().machine, "-machine", f"virt,dumpdtb={tree}", "-cpu", current().cpu, "-m", "256M",
                            "-nodefaults", "-display", "none"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            tree.write_bytes(change(tree.read_bytes()))
            files = Cpio()
            files.file("init", program(), executable=True)
            archive.write_bytes(files.bytes())
            machine = Machine(Path(directory), archive, MachineOptions(memory="256M", extra=["-dtb", str(tree)]))
            machine.start()
            try:
                # It may not know how to end the machine.
                deadline = time.monotonic() + BOOT_SECONDS
                while (log := machine.log_tail(100)).count("cannot start") == 0 and time.monotonic() < deadline:
                    time.sleep(0.2)
                self.assertIn(f"Redoubt cannot start: {reason}", log)
            finally:
                machine.stop()

    def test_without_memory(self):
        self.check_refused(lambda tree: tree.replace(b"memory\0", b"memorx\0"), "the memory map names no RAM")

    def test_too_deep(self):
        self.check_refused(lambda tree: nested(tree, 20), "the firmware passes a broken device tree")


@on("x86_64", "riscv64")
class Kernel(unittest.TestCase):
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
        code, log = self.boot({"init": PROBE.read_bytes()}, **options)
        self.assertNotIn("panic", log)
        self.assertEqual(re.findall("probe: FAILED.*", log), [])
        self.assertEqual(code, 0, log)

    def test_no_user_program_can_panic_it_and_threads_and_interrupts_keep_their_state(self):
        self.check_probe()

    @on("x86_64")
    def test_the_same_on_a_processor_without_svm_xsave_smap_and_1_gib_pages(self):
        self.check_probe(cpu="qemu64")

    @on("x86_64")
    def test_the_same_with_every_feature_and_memory_above_4_gib(self):
        self.check_probe(cpu="max", memory="5G")

    @on("riscv64")
    def test_the_same_without_h_extension_and_with_the_firmwares_timer(self):
        self.check_probe(cpu="rv64,h=false,sstc=false")

    @on("riscv64")
    def test_the_same_on_four_harts_and_with_memory_above_4_gib(self):
        self.check_probe(processors=4, memory="5G")

    def test_an_archive_without_a_usable_init_ends_with_a_reason(self):
        for files, reason in (({"readme": b"nothing to run"}, "the boot archive has no file init"),
                              ({"init": b"#!/bin/sh" * 20}, "the boot archive's file init is not a 64-bit ELF file"),
                              ({"init": program()[:4098]}, "the boot archive's file init is truncated")):
            with self.subTest(reason):
                code, log = self.boot(files)
                self.assertEqual(code, PANICKED, log)
                self.assertIn(f"Redoubt cannot start: {reason}", log)

    @on("x86_64")
    def test_the_end_of_init_panics_with_a_reason(self):
        for code, reason in (("0f0b", r"init stopped: fault \d+ at 0x\w+, instruction 0x401000,"),  # ud2
                             ("a10090785634120000", r"init stopped: fault \d+ at 0x123456789000,"),  # mov eax, [...]
                             ("b8151000000f05", r"init has ended"),  # Exit
                             ("31ffbe02000000b80a1000000f05", r"init has ended")):  # CapRevoke of its address space
            with self.subTest(reason):
                status, log = self.boot({"init": program(bytes.fromhex(code))})
                self.assertEqual(status, PANICKED, log)
                self.assertRegex(log, f"kernel panic: {reason}")

    def test_a_panic_prints_registers_and_names(self):
        code, log = self.boot({"init": program()}, command_line="panic-test")
        self.assertEqual(code, PANICKED, log)
        self.assertRegex(log, rf"{REGISTER[current().name]} 0x[0-9a-f]{{16}}")
        self.assertRegex(log, r"test_panic\+0x")
        self.assertRegex(log, r"kernel_main\+0x")

    @on("riscv64")
    def test_the_device_tree_tells_memory_and_processors(self):
        _, log = self.boot({"init": program(), "readme": b"x" * 2_000_000}, memory="3G", processors=4)
        self.assertRegex(log, r"kernel: processor rv64\w+, 10 MHz counter")
        self.assertIn("kernel: 4 processors", log)
        free = int(re.search(r"memory (\d+) MiB free, boot archive 1957 KiB", log)[1])
        self.assertTrue(3000 < free < 3072, log)

    @on("riscv64")
    def test_a_processor_without_h_extension_and_sstc(self):
        code, log = self.boot({"init": program()}, cpu="rv64,h=false,sstc=false")
        self.assertEqual(code, PANICKED, log)
        self.assertIn("virtualization: not available", log)


if __name__ == "__main__":
    unittest.main()
