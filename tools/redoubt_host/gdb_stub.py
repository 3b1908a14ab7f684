"""A client of QEMU's gdb stub: breakpoints, single steps and memory, for tools that follow the machine's instructions."""

import socket
import time
from pathlib import Path


class GdbStub:
    """One connection; the machine is stopped whenever a method has returned. Registers have gdb's numbers."""

    def __init__(self, path: Path, program_counter: int, seconds: float = 10):
        self._program_counter = program_counter
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(120)
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self._ask("qSupported:")
        self._ask("qXfer:features:read:target.xml:0,fff")  # before that QEMU gives no single registers
        self._ask("?")

    def close(self) -> None:
        self._socket.close()

    def resume(self) -> None:
        """Until the next breakpoint."""
        self._ask("s")  # off a breakpoint it stands on
        self._ask("c")

    def step(self) -> int:
        """One instruction; the new program counter."""
        self._ask("s")
        return self.register(self._program_counter)

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self._ask(f"p{number:x}")), "little")

    def set_breakpoint(self, address: int) -> None:
        self._ask(f"Z1,{address:x},1")

    def remove_breakpoint(self, address: int) -> None:
        self._ask(f"z1,{address:x},1")

    def text(self, address: int) -> str:
        """Up to a zero byte; empty if there is no memory."""
        text = bytearray()
        while len(text) < 256:
            answer = self._ask(f"m{address + len(text):x},1")
            if answer.startswith("E") or answer == "00":
                break
            text += bytes.fromhex(answer)
        return text.decode(errors="replace")

    def _ask(self, text: str) -> str:
        self._socket.sendall(f"${text}#{sum(text.encode()) & 0xFF:02x}".encode())
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start) if start >= 0 else -1
            if end >= 0 and len(self._buffer) >= end + 3:
                break
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("QEMU closed the connection")
            self._buffer += data
        packet = self._buffer[start + 1:end].decode()
        self._buffer = self._buffer[end + 3:]
        self._socket.sendall(b"+")
        if packet.startswith("W"):
            raise ConnectionError("the machine was switched off")
        return packet
