"""What the system tests share: Redoubt in QEMU, QMP and console clients that know nothing of its tools."""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tools"))

from redoubt_host import archive, guests, progress  # noqa: E402
from redoubt_host.architecture import current  # noqa: E402
from redoubt_host.machine import Machine, MachineOptions  # noqa: E402
from redoubt_host.mux import MuxThread  # noqa: E402

progress.quiet = True
DEMO_MEMORY = {"x86_64": "192M", "riscv64": "384M"}  # what Debian's kernels need
BOOT_SECONDS = 240  # generous: a loaded machine emulates slowly
TEST_GUESTS = current().build / "tests/guests"


def demo_configuration(name: str = "demo", **changes) -> str:
    """A VM with the cloud kernel; keyword arguments add or replace keys (None removes one)."""
    keys = {"cpus": 1, "memory": DEMO_MEMORY[current().name], "kernel": "initfs:/guests/vmlinuz",
            "initrd": "initfs:/guests/initramfs.cpio.gz", "cmdline": "console=ttyS0 quiet",
            "serial": f"console:{name}"}
    keys.update(changes)
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items() if value is not None]
    return f"[vm.{name}]\n" + "\n".join(lines) + "\n"


def small_guest(guest: str, name: str = "demo", **changes) -> str:
    """A VM that runs one of tests/guests."""
    return demo_configuration(name, kernel=f"file:{TEST_GUESTS / (guest + '.image')}", initrd=None,
                              **{"memory": "32M", "cmdline": None, **changes})


class Stream:
    """A socket with expect-like reading."""

    def __init__(self, path: Path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.buffer = b""
        self.closed = False

    def _fill(self, deadline: float) -> bool:
        self.socket.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, socket.timeout):
            return False
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return False
        self.buffer += data
        return True

    def expect(self, pattern: str, seconds: float = BOOT_SECONDS) -> "re.Match":
        """Reads until the regular expression matches, and consumes up to its end."""
        compiled = re.compile(pattern.encode(), re.S | re.M)
        deadline = time.monotonic() + seconds
        while True:
            found = compiled.search(self.buffer)
            if found:
                self.buffer = self.buffer[found.end():]
                return found
            if time.monotonic() > deadline or self.closed or not self._fill(deadline):
                if self.closed or time.monotonic() > deadline:
                    why = "the stream was closed" if self.closed else f"not within {seconds:.0f} s"
                    raise AssertionError(f"expected {pattern!r}: {why}; last output:\n"
                                         + self.buffer[-3000:].decode(errors="replace"))

    def send(self, data: bytes | str) -> None:
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def close(self) -> None:
        self.socket.close()


class Qmp(Stream):
    """A plain QMP client: greeting, negotiation, commands, events."""

    def __init__(self, path: Path, negotiate: bool = True):
        super().__init__(path)
        self.events: list[dict] = []
        self.greeting = self.read_object()
        if negotiate:
            self.command("qmp_capabilities")

    def read_object(self, seconds: float = BOOT_SECONDS) -> dict:
        return json.loads(self.expect(r"\A\s*+\S[^\n]*+\n", seconds)[0])

    def request(self, request: dict | str, seconds: float = BOOT_SECONDS) -> dict:
        """Sends a request and gives its reply; events that come in between are kept."""
        self.send((request if isinstance(request, str) else json.dumps(request)) + "\n")
        return self.reply(seconds)

    def reply(self, seconds: float = BOOT_SECONDS) -> dict:
        while True:
            answer = self.read_object(seconds)
            if "event" not in answer:
                return answer
            self.events.append(answer)

    def command(self, name: str, /, **arguments):
        answer = self.request({"execute": name, **({"arguments": arguments} if arguments else {})})
        if "error" in answer:
            raise AssertionError(f"{name}: {answer['error']}")
        return answer["return"]

    def event(self, name: str, seconds: float = BOOT_SECONDS) -> dict:
        deadline = time.monotonic() + seconds
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            answer = self.read_object(max(0.1, deadline - time.monotonic()))
            if "event" in answer:
                self.events.append(answer)


class Console(Stream):
    """A guest's console through vm-attach, with a shell that answers."""

    def __init__(self, path: Path, name: str = "demo", replay: bool = True):
        qmp = Qmp(path)
        qmp.command("vm-attach", name=name, replay=replay)
        self.socket, self.buffer, self.closed = qmp.socket, qmp.buffer, False

    def wait_for_prompt(self, seconds: float = BOOT_SECONDS) -> None:
        self.expect(r"demo:[^\n]*# ", seconds)

    def run(self, command: str, seconds: float = BOOT_SECONDS) -> str:
        """Types a command at the prompt; gives its output."""
        self.count = getattr(self, "count", 0) + 1
        # The quotes keep the echo of the typed line, which the shell wraps, from looking like the markers.
        self.send(f"echo 'be'gin-{self.count}; {command}; echo 'en'd-{self.count}-$?\n")
        found = self.expect(rf"begin-{self.count}\r?\n(.*?)end-{self.count}-(\d+)\r?\n", seconds)
        self.status = int(found[2])
        return found[1].decode(errors="replace").replace("\r", "")


class System:
    """Redoubt with a configuration, running in QEMU, its management socket reachable."""

    def __init__(self, configuration: str, *, options: MachineOptions | None = None, start_list: str | None = None,
                 extra: dict[str, bytes] | None = None, flavour: str | None = None, check: bool = True):
        self.directory = Path(tempfile.mkdtemp(prefix="redoubt-test-"))
        self.socket = self.directory / "vmm.sock"
        config_file = self.directory / "vmm.toml"
        config_file.write_text(configuration)
        if check:
            archive.check_configuration(config_file)
        parsed = (archive.read_configuration(config_file) if check
                  else archive.Configuration(configuration, {}, [], False))
        boot_archive = self.directory / "boot.cpio"
        archive.pack(boot_archive, parsed, start_list=start_list, extra=extra or {}, flavour=flavour)
        self.machine = Machine(self.directory, boot_archive, options or MachineOptions())
        self.mux: MuxThread | None = None

    def __enter__(self) -> "System":
        self.machine.start()
        self.mux = MuxThread(self.machine.mux_socket, self.socket)
        self.mux.start()
        return self

    def __exit__(self, kind, error, trace):
        if self.mux:
            self.mux.stop()
        self.machine.stop()
        if isinstance(error, Exception) and error.args:
            error.args = (f"{error.args[0]}\n{self.machine.log_tail(40)}", *error.args[1:])
        shutil.rmtree(self.directory, ignore_errors=True)
        return False

    def qmp(self, negotiate: bool = True) -> Qmp:
        """Connects; waits until vmmd is up."""
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            try:
                return Qmp(self.socket, negotiate)
            except (OSError, AssertionError):
                if time.monotonic() > deadline or not self.machine.running():
                    raise AssertionError("the management socket does not answer")
                time.sleep(0.2)

    def console(self, name: str = "demo") -> Console:
        self.qmp().close()
        return Console(self.socket, name)

    def log(self) -> str:
        path = self.machine.system_log
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_for_log(self, pattern: str, seconds: float = BOOT_SECONDS) -> "re.Match":
        deadline = time.monotonic() + seconds
        while True:
            alive = self.machine.running()
            found = re.search(pattern, self.log(), re.S | re.M)
            if found:
                return found
            if time.monotonic() > deadline or not alive:
                raise AssertionError(f"expected {pattern!r} in the system log")
            time.sleep(0.1)

    def wait_for_end(self, seconds: float = BOOT_SECONDS) -> int | None:
        """Waits for the machine to end by itself; gives the system's exit code."""
        if not self.machine.wait(seconds):
            raise AssertionError(f"the machine still runs after {seconds:.0f} s")
        return self.machine.exit_code()


def tool(*arguments: str, **options) -> subprocess.CompletedProcess:
    """Runs one of tools/ and captures its output."""
    name, *rest = arguments
    return subprocess.run([str(REPOSITORY / "tools" / name), *rest], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", **options)
