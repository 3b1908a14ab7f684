"""tools/run: boots Redoubt in QEMU and gives this terminal to a guest's console."""

import argparse
import os
import socket
import sys
import threading
import time
from pathlib import Path

from . import archive, build, progress
from .architecture import ARCHITECTURES, current, select
from .machine import Machine, MachineOptions
from .mux import MuxThread
from .paths import MANAGEMENT_SOCKET, REPOSITORY, RUN_DIRECTORY
from .progress import ToolError
from .qmp import QmpClient, QmpError
from .terminal import attach_terminal

BOOT_SECONDS = 300


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/run",
        description="Builds Redoubt, boots it in QEMU (AMD SVM or the H-extension of RISC-V emulated), starts the virtual machines of a configuration "
                    "and gives this terminal to the console of the first one. Powering the guest off ends the run.",
        epilog="Keys at the console: Ctrl-] then q leaves and ends everything; Ctrl-] twice sends Ctrl-]. "
               "From another terminal: tools/vmmctl --help. Logs: system.log and qemu.log in the run directory. "
               "Status: 0 after a power-off or leaving, 1 if something could not be started, 3 if a virtual machine crashed.")
    parser.add_argument("--config", type=Path, default=REPOSITORY / "examples/demo.toml", metavar="FILE.toml",
                        help="the virtual machines; file: URLs in it are relative to the file (default: examples/demo.toml)")
    parser.add_argument("--headless", action="store_true", help="no console here; ends when every virtual machine has stopped")
    parser.add_argument("--socket", type=Path, default=None, metavar="PATH",
                        help="where to put the management socket (default: .run/vmm.sock, or vmm.sock in --run-dir)")
    parser.add_argument("--run-dir", type=Path, default=RUN_DIRECTORY, metavar="DIR",
                        help="where sockets and logs of this run go (default: .run)")
    parser.add_argument("--memory", default="2G", metavar="SIZE", help="memory of the machine, QEMU's -m (default: 2G)")
    parser.add_argument("--smp", type=int, default=1, metavar="N", help="processors of the machine (default: 1)")
    parser.add_argument("--arch", choices=ARCHITECTURES, default=current().name,
                        help=f"processor of the machine (default: {current().name})")
    parser.add_argument("--cpu", metavar="MODEL", help="QEMU's -cpu (default: one that can virtualize)")
    parser.add_argument("--append", default="", metavar="TEXT", help="command line of Redoubt's kernel")
    parser.add_argument("qemu_arguments", nargs="*", metavar="-- QEMU-ARGS…", help="more arguments for QEMU")
    own, extra = arguments, []
    if "--" in arguments:
        split = arguments.index("--")
        own, extra = arguments[:split], arguments[split + 1:]
    options = parser.parse_args(own)
    if options.qemu_arguments:
        parser.error(f"what is {options.qemu_arguments[0]!r}? Arguments for QEMU come after --")
    if options.smp < 1:
        parser.error("--smp: at least 1")
    options.qemu_arguments = extra
    options.socket = options.socket or (MANAGEMENT_SOCKET if options.run_dir == RUN_DIRECTORY else options.run_dir / "vmm.sock")
    return options


class Events:
    """A connection that only listens: remembers why virtual machines and the daemon ended."""

    def __init__(self, path: Path):
        self.stopped: list[dict] = []
        self.exit: dict | None = None
        self._client = QmpClient(path)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            while True:
                event = self._client.next_event(None)
                if event is None:
                    return
                if event["event"] == "VM_STOPPED":
                    self.stopped.append(event["data"])
                elif event["event"] == "DAEMON_EXIT":
                    self.exit = event["data"]
        except (OSError, QmpError):
            pass

    def finish(self) -> None:
        self._thread.join(2)
        self._client.close()


def summary_line(stopped: dict) -> str:
    """One line a person understands: why a VM ended, how long it ran, its exits by kind."""
    exits = sorted(stopped["summary"]["exits"].items(), key=lambda item: -item[1])
    kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in exits if count) or "none"
    return f"{stopped['name']}: {stopped['reason']} after {stopped['summary']['run_time_ms'] / 1000:.1f} s; exits: {kinds}"


def wait_until_ready(machine: Machine, path: Path) -> None:
    """Until vmmd greets on the management socket; raises with the log's end if it never does."""
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and machine.running():
        try:
            QmpClient(path).close()
            return
        except (OSError, QmpError):
            time.sleep(0.1)
    code = machine.exit_code()
    what = "the machine ended while it was starting" if not machine.running() else f"nothing answered within {BOOT_SECONDS} s"
    raise ToolError(f"{what}\n{machine.log_tail()}", code if code else 1)


def run(options: argparse.Namespace) -> int:
    select(options.arch)
    build.system()
    archive.check_configuration(options.config)
    configuration = archive.read_configuration(options.config)
    directory = options.run_dir.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.connect(str(directory / "mux.sock"))
        raise ToolError(f"a Redoubt is running in {options.run_dir} already; end it or choose another --run-dir")
    except OSError:
        pass
    finally:
        probe.close()
    boot_archive = directory / "boot.cpio"
    archive.pack(boot_archive, configuration)
    machine = Machine(directory, boot_archive, MachineOptions(
        options.memory, options.smp, options.cpu, options.append, options.qemu_arguments))
    leave = "" if options.headless else "; Ctrl-] then q leaves"
    progress.say(f"booting Redoubt in QEMU{leave}")
    machine.start()
    mux = MuxThread(machine.mux_socket, options.socket)
    left = False
    events = None
    try:
        mux.start()
        wait_until_ready(machine, options.socket)
        try:
            events = Events(options.socket)
            if options.headless:
                progress.say(f"running; the management socket is {options.socket}; Ctrl-C ends it")
                machine.process.wait()
            else:
                left = attach_terminal(options.socket, configuration.vm_names[0], quit_key=True)
        except (OSError, QmpError) as error:
            # A virtual machine that dies at once takes the daemon with it before anyone has attached.
            if not machine.wait(10):
                raise ToolError(f"lost the daemon: {error}\n{machine.log_tail()}")
        if not left:
            machine.wait(30)
        if events:
            events.finish()
    except KeyboardInterrupt:
        left = True
    finally:
        machine.stop()
        mux.stop()
    for stopped in events.stopped if events and not left else []:
        progress.say(summary_line(stopped))
    if left:
        progress.say("left; everything is stopped")
        return 0
    code = machine.exit_code()
    if code is None:
        raise ToolError(f"the machine ended unexpectedly (QEMU's status {machine.process.returncode})\n{machine.log_tail()}")
    if code:
        why = events.exit["reason"] if events and events.exit else "see the log"
        print(f"tools/run: ended with status {code}: {why}\n{machine.log_tail(12)}", file=sys.stderr)
    return code


def main() -> int:
    os.chdir(os.environ.get("PWD", "."))
    options = parse(sys.argv[1:])
    try:
        return run(options)
    except ToolError as error:
        print(f"tools/run: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
