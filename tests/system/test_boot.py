"""Ways in: tools/run as a person uses it, and an ISO through GRUB on BIOS and on UEFI."""

import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from redoubt_host import archive, build, image
from redoubt_host.architecture import current, on
from redoubt_host.machine import MachineOptions
from support import BOOT_SECONDS, REPOSITORY, System, demo_configuration, small_guest, tool


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, *command: str):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], list(command))
        self.output = ""

    def expect(self, pattern: str, seconds: float = BOOT_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.output, re.S):
            ready, _, _ = select.select([self.fd], [], [], max(0.0, deadline - time.monotonic()))
            try:
                data = os.read(self.fd, 65536) if ready else b""
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"expected {pattern!r}; last output:\n{self.output[-3000:]}")
            self.output += data.decode(errors="replace")

    def send(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait(self, seconds: float = BOOT_SECONDS) -> int:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self.fd], [], [], 0.2)
            if ready:
                try:
                    self.output += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError(f"the program did not end; last output:\n{self.output[-3000:]}")


CRASH = {"x86_64": ("triple_fault", "triple fault"), "riscv64": ("jump_nowhere", "instruction fetch where there is no memory")}


@on("x86_64", "riscv64")
class Run(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.socket = str(Path(self.directory.name) / "vmm.sock")

    def run_tool(self, *arguments: str) -> Terminal:
        return Terminal(str(REPOSITORY / "tools/run"), "--arch", current().name, "--socket", self.socket,
                        "--run-dir", self.directory.name, *arguments)

    def test_console_commands_and_power_off(self):
        terminal = self.run_tool()
        terminal.expect(r"demo:/# ")
        terminal.send("echo 'ty'ped\r")
        terminal.expect(r"typed")
        terminal.send("poweroff\r")
        self.assertEqual(terminal.wait(), 0)
        self.assertRegex(terminal.output, r"demo: the guest powered off after .*exits")

    @on("x86_64")
    def test_ctrl_bracket_q_leaves(self):
        terminal = self.run_tool()
        terminal.expect(r"demo:/# ")
        terminal.send("\x1dq")
        self.assertEqual(terminal.wait(60), 0)

    def test_own_configuration_with_file_urls_and_a_crash(self):
        folder = Path(self.directory.name)
        guest, reason = CRASH[current().name]
        (folder / "guest.bin").write_bytes((current().build / f"tests/guests/{guest}.image").read_bytes())
        (folder / "mine.toml").write_text('[vm.mine]\nmemory = "32M"\nkernel = "file:guest.bin"\nserial = "console:mine"\n')
        terminal = self.run_tool("--config", str(folder / "mine.toml"))
        self.assertNotEqual(terminal.wait(), 0)
        self.assertIn(reason, terminal.output)

    def test_bad_configurations_are_refused_before_anything_starts(self):
        bad = Path(self.directory.name) / "bad.toml"
        bad.write_text('[vm.a]\nkernel = "file:missing"\nmemory = "64M"\n')
        command = ("run", "--arch", current().name, "--config", str(bad), "--headless", "--run-dir", self.directory.name)
        result = tool(*command)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"bad\.toml:2:\d+: .*missing")
        bad.write_text('[vm.a]\nkernal = "x"\n')
        result = tool(*command)
        self.assertRegex(result.stderr, r"bad\.toml:2:\d+: .*kernal")


class Iso(unittest.TestCase):
    """COM1 is all there is: the guest's console is on it, and it answers."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.iso = Path(cls.directory.name) / "redoubt.iso"
        result = tool("image", "iso", "--output", str(cls.iso))
        assert result.returncode == 0, result.stderr

    def boot(self, *extra: str) -> None:
        terminal = Terminal(
            "/usr/bin/qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "EPYC,+svm,+npt", "-m", "2G",
            "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-cdrom", str(self.iso), *extra)
        try:
            terminal.expect(r"demo:/# ")
            terminal.send("echo 'an'swered\n")
            terminal.expect("answered")
            terminal.send("poweroff\n")
            self.assertEqual(terminal.wait(), 3)  # isa-debug-exit: (0 + 1) * 2 + 1
        finally:
            try:
                os.kill(terminal.pid, signal.SIGKILL)
                os.waitpid(terminal.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass

    def test_grub_on_bios(self):
        self.boot()

    def test_grub_on_uefi(self):
        self.boot("-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd")


if __name__ == "__main__":
    unittest.main()
