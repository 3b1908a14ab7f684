"""What the tests of the tools share: the import path, waiting, a fake daemon and a fake guest end of the port."""

import json
import socket
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY / "tools"))

from redoubt_host.mux_frames import Frame, FrameParser, FrameType, word_frame  # noqa: E402


def eventually(condition, seconds: float = 5):
    """The first true value of condition(); fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("did not happen in time")
        time.sleep(0.005)
    return value


class DirectoryTest(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="redoubt-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def listener(self, name: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.bind(str(self.folder / name))
        made.listen(16)
        self.addCleanup(made.close)
        return made


class FakeDaemon:
    """Speaks QMP as vmmd does, for one VM called web, and records what it was asked."""

    GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": "fake"}, "capabilities": []}}
    EXITS = {"port_io": 1200, "hlt": 34}
    TIMES = {"guest": 60_000_000_000, "kernel": 3_000_000_000, "monitor": 5_000_000_000, "waiting": 15_000_000_000,
             "paused": 0}
    VCPU = {"vcpu": 0, "time_ns": TIMES, "exits": EXITS, "exits_in_kernel": 77, "interrupts": {"0xec": 30, "0x30": 4},
            "nmis": 0, "exceptions": 2}
    MEMORY = {"guest": 256 << 20, "kernel": 96 << 10, "kernel_used": 80 << 10, "monitor": 4 << 20, "monitor_heap": 1 << 20}

    def __init__(self, listener: socket.socket):
        self.asked: list[tuple[str, dict]] = []
        self.typed = bytearray()
        self.names = ["web"]
        self.trace: list[list[dict]] = []  # what the next vm-trace commands return
        self.stats: list[dict] = []  # … vm-stats
        self.code: dict = {}  # … vm-code
        self.history = b"boot log\r\n# "
        self.consoles: list[socket.socket] = []
        self._clients: list[socket.socket] = []
        self._listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    @classmethod
    def statistics(cls, vcpus: list[dict]) -> dict:
        return {"run_time_ms": 83_000, "exits": cls.EXITS, "vcpus": vcpus, "memory": cls.MEMORY}

    def emit(self, event: str, **data) -> None:
        message = {"timestamp": {"seconds": 1, "microseconds": 2}, "event": event, "data": data}
        for client in list(self._clients):
            try:
                client.sendall(json.dumps(message).encode() + b"\r\n")
            except OSError:
                self._clients.remove(client)

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()
        except OSError:
            pass

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                self._converse(client)
        except OSError:
            pass

    def _converse(self, client: socket.socket) -> None:
        def reply(message):
            client.sendall(json.dumps(message).encode() + b"\r\n")

        reply(self.GREETING)
        lines = client.makefile("rb")
        for line in lines:
            request = json.loads(line)
            command, arguments = request["execute"], request.get("arguments", {})
            self.asked.append((command, arguments))
            if arguments.get("name", "web") != "web":
                reply({"error": {"class": "DeviceNotFound", "desc": f"there is no VM {arguments['name']}"}})
                continue
            reply({"return": self._answer(command)})
            if command == "qmp_capabilities":
                self._clients.append(client)
            if command == "vm-stop":
                self.emit("VM_STOPPED", name="web", reason="stopped on request",
                          summary={"run_time_ms": 5, "exits": self.EXITS})
            if command == "vm-attach":
                self._clients.remove(client)
                client.sendall(self.history)
                self.consoles.append(client)
                while typed := client.recv(4096):
                    self.typed += typed
                return

    def _answer(self, command: str):
        if command == "vm-trace":
            return self.trace.pop(0) if self.trace else []
        if command == "vm-stats" and self.stats:
            return self.stats.pop(0)
        row = {"name": self.names[0], "state": "running", "cpus": 1, "memory": 256 << 20, "uptime_ms": 83_456}
        return {
            "query-name": {"name": "web"},
            "vm-list": [{**row, "name": name} for name in self.names],
            "vm-info": {**row, "kernel": "initfs:/guests/vmlinuz", "initrd": "", "cmdline": "console=ttyS0",
                        "serial": "console:web", "stop_reason": "", "cpu_share": 300, "cpu_limit": 50},
            "vm-stats": self.statistics([self.VCPU]),
            "vm-registers": {"vcpu": 1, "registers": {"rax": 0}, "text": "vCPU 1, halted:\n  rax 0\n"},
            "vm-code": self.code,
        }.get(command, {})


class FakeGuest:
    """The machine's end of the port, as the chan: service behaves; one connection of the host."""

    def __init__(self, listener: socket.socket):
        self._socket, _ = listener.accept()
        self._socket.settimeout(5)
        self._parser = FrameParser()
        self._frames: list[Frame] = []

    def send(self, *frames: Frame) -> None:
        self._socket.sendall(b"".join(frame.encode() for frame in frames))

    def send_raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def next(self) -> Frame:
        while not self._frames:
            data = self._socket.recv(65536)
            if not data:
                raise AssertionError("the host hung up")
            self._frames += self._parser.feed(data)
        return self._frames.pop(0)

    def silent(self, seconds: float) -> bool:
        """Whether the host sends nothing for a while."""
        self._socket.settimeout(seconds)
        try:
            self._frames.append(self.next())
            return False
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(5)

    def greet(self) -> None:
        self.send(word_frame(0, FrameType.HELLO, 1))
        assert self.next() == word_frame(0, FrameType.HELLO, 1)

    def accept(self) -> int:
        frame = self.next()
        assert frame.type == FrameType.OPEN, frame
        self.send(Frame(frame.stream, FrameType.OPENED))
        return frame.stream

    def receive(self, stream: int, size: int) -> bytes:
        data = b""
        while len(data) < size:
            frame = self.next()
            if frame.type == FrameType.DATA and frame.stream == stream:
                data += frame.payload
        return data

    def close(self) -> None:
        self._socket.close()
