"""tools/vmmctl gdb: a port or socket on this machine that gdb can connect to, each client spliced to the guest's debugger."""

import platform
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from . import symbols, unix_socket
from .qmp import QmpClient, QmpError

CHUNK = 65536
LEAVING = 5  # seconds; the end of a client may reach the guest's debugger after the request of the next one


class GdbFailure(Exception):
    """A sentence for a person."""


def splice(one: socket.socket, other: socket.socket) -> None:
    """Copies both ways until one side ends."""
    for each in (one, other):
        each.settimeout(None)
    while True:
        readable, _, _ = select.select([one, other], [], [])
        for source in readable:
            try:
                data = source.recv(CHUNK)
                if not data:
                    return
                (other if source is one else one).sendall(data)
            except OSError:
                return


class GdbProxy:
    """Listens; every client becomes a connection to the debugger of the VM, which has one at a time."""

    def __init__(self, management: Path, name: str | None, *, port: int = 0, path: Path | None = None,
                 report=lambda text: None):
        self._management = management
        self._name = name
        self._report = report
        self._last_end = float("-inf")
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", port))
            self.address = f"localhost:{self._listener.getsockname()[1]}"
        else:
            self._listener = unix_socket.listen(path)
            self.address = str(path)
        self._path = path

    def serve(self) -> None:
        """Until close()."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_client, args=(client,), daemon=True).start()

    def _serve_client(self, client: socket.socket) -> None:
        with client:
            try:
                stream, first = self._open_stream()
            except (QmpError, OSError) as error:
                # gdb itself only sees the connection end.
                print(f"vmmctl: gdb was refused: {error}", file=sys.stderr, flush=True)
                return
            with stream:
                self._report("gdb is connected")
                try:
                    client.sendall(first)
                except OSError:
                    return
                splice(client, stream)
                self._last_end = time.monotonic()
            self._report("gdb is gone; the guest goes on")

    def _open_stream(self) -> tuple[socket.socket, bytes]:
        while True:
            try:
                return QmpClient(self._management).become_stream("vm-gdb", name=self._name)
            except QmpError:
                if time.monotonic() > self._last_end + LEAVING:
                    raise
                time.sleep(0.02)

    def close(self) -> None:
        self._listener.close()
        if self._path is not None:
            Path(self._path).unlink(missing_ok=True)


def guest_target(options) -> str:
    """The guest's architecture, by QMP's name."""
    with QmpClient(options.socket) as client:
        return client.execute("query-cpus-fast", name=options.name)[0]["target"]


def program(target: str) -> str:
    """This machine's gdb, unless the guest is of another architecture."""
    return "gdb" if target == platform.machine() else "gdb-multiarch"


def command_line(address: str, symbol_file: Path | None, gdb: str) -> list[str]:
    """What starts that gdb for that address."""
    file = [str(symbol_file)] if symbol_file else []
    return [gdb, *file, "-ex", f"target remote {address}"]


def serve(options) -> int:
    """`vmmctl gdb`: until Ctrl-C, or until the gdb that was started ends."""
    with tempfile.TemporaryDirectory(prefix="redoubt-gdb-") as folder:
        try:
            target = guest_target(options)
            file = symbols.make(options.symbols, Path(folder) / "symbols.elf", target) if options.symbols else None
            proxy = GdbProxy(options.socket, options.name, port=options.port, path=options.listen,
                             report=(lambda text: None) if options.run
                             else lambda text: print(text, file=sys.stderr, flush=True))
        except (symbols.SymbolError, QmpError, OSError) as error:
            raise GdbFailure(str(error)) from None
        line = command_line(proxy.address, file, program(target))
        try:
            if options.run:
                if shutil.which(line[0]) is None:
                    raise GdbFailure(f"there is no {line[0]} here; install the package {line[0]}")
                threading.Thread(target=proxy.serve, daemon=True).start()
                # Ctrl-C is gdb's: it interrupts the guest.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                return subprocess.run(line, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)).returncode
            print(shlex.join(line), flush=True)
            print("Connecting stops the guest. Ctrl-C here ends the port.", file=sys.stderr, flush=True)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            proxy.serve()
            return 0
        finally:
            proxy.close()
            sys.stdout.flush()
