"""Joins this terminal to a guest's console, and gives the terminal back on every way out."""

import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from contextlib import contextmanager
from pathlib import Path

from .qmp import QmpClient, QmpError

ESCAPE = 0x1D  # Ctrl-]
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def _end_by_signal(number, _frame):
    raise SystemExit(128 + number)


@contextmanager
def raw_terminal(descriptor: int):
    """Raw mode while inside; nothing if `descriptor` is no terminal. Signals that would end the process end the block first."""
    if not os.isatty(descriptor):
        yield False
        return
    before = termios.tcgetattr(descriptor)
    in_main_thread = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.signal(number, _end_by_signal) for number in _SIGNALS} if in_main_thread else {}
    try:
        tty.setraw(descriptor, termios.TCSANOW)
        yield True
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


class EscapeKeys:
    """What of the typed bytes goes to the guest, and when to leave.

    Without quit_key, Ctrl-] leaves. With it, Ctrl-] then q leaves, Ctrl-] twice sends one, and anything else is sent as it is.
    """

    def __init__(self, quit_key: bool):
        self._quit_key = quit_key
        self._escaped = False

    def filter(self, typed: bytes) -> tuple[bytes, bool]:
        """Bytes for the guest, and whether to leave."""
        passed = bytearray()
        for byte in typed:
            if self._escaped:
                self._escaped = False
                if byte in b"qQ":
                    return bytes(passed), True
                if byte != ESCAPE:
                    passed.append(ESCAPE)
                passed.append(byte)
            elif byte != ESCAPE:
                passed.append(byte)
            elif self._quit_key:
                self._escaped = True
            else:
                return bytes(passed), True
        return bytes(passed), False


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data):]


def _pump(console, first_output: bytes, source: int, sink: int, keys: EscapeKeys, events) -> bool:
    """Copies both ways until the user leaves (True) or the console ends (False)."""
    _write_all(sink, first_output)
    to_guest = b""
    readable = [console, source] + ([events] if events else [])
    console.setblocking(False)
    while True:
        # While the guest does not take what was typed, the keyboard waits too.
        wanted = [each for each in readable if each != source or not to_guest]
        ready, writable, _ = select.select(wanted, [console] if to_guest else [], [])
        if console in ready:
            try:
                output = console.recv(65536)
            except ConnectionResetError:
                return False
            if not output:
                return False
            _write_all(sink, output)
        elif events in ready and not events.running():
            _show_the_rest(console, sink)
            return False
        leave = False
        if source in ready:
            typed = os.read(source, 4096)
            if not typed:
                readable.remove(source)  # no keyboard any more: go on watching
            passed, leave = keys.filter(typed)
            to_guest += passed
        if writable or to_guest:
            try:
                to_guest = to_guest[console.send(to_guest):]
            except BlockingIOError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                return False
        if leave:
            if not os.isatty(source):
                _show_the_rest(console, sink)  # a script that asks and leaves wants the answer
            return True


def _show_the_rest(console, sink: int) -> None:
    """Output that was on its way: until nothing comes for a moment, or it has gone on for too long."""
    end = time.monotonic() + 2
    while time.monotonic() < end and select.select([console], [], [], 0.2)[0]:
        output = console.recv(65536)
        if not output:
            return
        _write_all(sink, output)


class _VmEvents:
    """A second connection that says when the VM has stopped."""

    def __init__(self, path: Path, name: str):
        self._client = QmpClient(path)
        self._name = name
        self.reason: str | None = None

    def fileno(self) -> int:
        return self._client.fileno()

    def running(self) -> bool:
        try:
            for event in self._client.pending_events():
                if event["event"] == "VM_STOPPED" and event["data"].get("name") == self._name:
                    self.reason = event["data"].get("reason", "")
                    return False
        except QmpError:
            return False
        return True

    def close(self) -> None:
        self._client.close()


def attach_terminal(socket_path: Path, vm_name: str | None, quit_key: bool = False, replay: bool = True,
                    source: int | None = None, sink: int | None = None, end_with_vm: bool | None = None) -> bool:
    """Shows a VM's console here and types into it; True if the user left, False if the console ended.

    quit_key: Ctrl-] then q leaves (tools/run) instead of Ctrl-] alone (vmmctl). end_with_vm: also ends when the VM stops,
    with its reason on standard error (default: without quit_key). Standard input need not be a terminal; at its end
    the console is still shown.
    """
    source = sys.stdin.fileno() if source is None else source
    sink = sys.stdout.fileno() if sink is None else sink
    end_with_vm = not quit_key if end_with_vm is None else end_with_vm
    client = QmpClient(socket_path)
    events = None
    try:
        if vm_name is None:
            vm_name = client.execute("query-name")["name"]
        events = _VmEvents(socket_path, vm_name) if end_with_vm else None
        console, first_output = client.attach(vm_name, replay)
        with raw_terminal(source):
            left = _pump(console, first_output, source, sink, EscapeKeys(quit_key), events)
    finally:
        client.close()
        if events:
            events.close()
    if events and events.reason is not None:
        print(f"\n{vm_name} has stopped: {events.reason}", file=sys.stderr)
    return left
