"""The QEMU machine Redoubt runs on: command line, sockets, life cycle."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from .architecture import ARCHITECTURES, current

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """In the child: whatever happens to us, even SIGKILL, no QEMU is left behind."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class MachineOptions:
    """What a run may change about the machine."""

    memory: str = "2G"
    # So that any test can be run on several: REDOUBT_PROCESSORS=4 tools/test system
    processors: int = field(default_factory=lambda: int(os.environ.get("REDOUBT_PROCESSORS", "1")))
    cpu: str | None = None  # the architecture's
    command_line: str = ""
    extra: list[str] = field(default_factory=list)
    boot: list[str] | None = None  # replaces -kernel/-initrd (an ISO, say)
    arch: str = field(default_factory=lambda: current().name)


# Those that have been started and not stopped: what they printed tells why a test failed.
started: list["Machine"] = []


class Machine:
    """One QEMU process. Files in `directory`: system.log (COM1), qemu.log (stderr), mux.sock."""

    def __init__(self, directory: Path, archive: Path, options: MachineOptions):
        self.directory = directory
        self.system_log = directory / "system.log"
        self.qemu_log = directory / "qemu.log"
        self.mux_socket = directory / "mux.sock"
        self._archive = archive
        self._options = options
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        options = self._options
        architecture = ARCHITECTURES[options.arch]
        boot = options.boot
        if boot is None:
            boot = ["-kernel", str(architecture.kernel), "-initrd", str(self._archive)]
            if options.command_line:
                boot += ["-append", options.command_line]
        # A short relative socket path: the limit of unix socket paths is 107 bytes.
        return [
            *architecture.machine, "-accel", "tcg", "-cpu", options.cpu or architecture.cpu, "-m", options.memory,
            "-smp", str(options.processors), "-nodefaults", "-no-reboot", "-display", "none",
            "-chardev", "file,id=com1,path=system.log", "-serial", "chardev:com1",
            "-chardev", "socket,id=mux,path=mux.sock,server=on,wait=off",
            "-device", f"{architecture.serial_device},id=serial0",
            "-device", "virtserialport,chardev=mux,name=redoubt.mux",
            *boot, *options.extra,
        ]

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        for path in (self.system_log, self.mux_socket):
            path.unlink(missing_ok=True)
        with open(self.qemu_log, "wb") as log:
            # Its own session: Ctrl-C at the terminal is for the guest or for tools/run, not for QEMU.
            self.process = subprocess.Popen(self.command(), cwd=self.directory, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True,
                                            preexec_fn=_end_with_parent)
        started.append(self)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def exit_code(self) -> int | None:
        """The code the system ended with (QEMU's status is (code + 1) * 2 + 1); None if it ended otherwise."""
        status = self.process.poll() if self.process else None
        if status is None:
            return None
        if status >= 3 and status % 2 == 1:
            return (status - 1) // 2 - 1
        return None

    def wait(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def stop(self) -> None:
        """Ends QEMU, whatever it is doing."""
        if self in started:
            started.remove(self)
        if not self.running():
            return
        self.process.send_signal(signal.SIGTERM)
        if not self.wait(5):
            self.process.kill()
            self.process.wait()

    def log_tail(self, lines: int = 25) -> str:
        parts = []
        for path in (self.system_log, self.qemu_log):
            if path.exists() and path.stat().st_size:
                text = path.read_text(errors="replace").splitlines()
                if path == self.qemu_log:
                    text = [line for line in text if "TCG doesn't support requested feature" not in line]
                if text:
                    parts.append(f"--- {path.name}, last lines ---\n" + "\n".join(text[-lines:]))
        return "\n".join(parts) or "(no output)"

    def wait_for_socket(self, path: Path, seconds: float) -> bool:
        """Waits until something accepts on a unix socket."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.running():
            probe = socket.socket(socket.AF_UNIX)
            try:
                probe.connect(str(path))
                return True
            except OSError:
                time.sleep(0.05)
            finally:
                probe.close()
        return False
