"""The frames that carry many streams over the machine's one port (docs/schemes.md, "The host's port")."""

import struct
from dataclasses import dataclass
from enum import IntEnum

VERSION = 1
INITIAL_CREDIT = 64 * 1024
LARGEST_PAYLOAD = 4096
_HEADER = struct.Struct("<IB3sI")


class FrameType(IntEnum):
    OPEN = 1
    OPENED = 2
    DATA = 3
    CLOSE = 4
    WINDOW = 5
    REFUSED = 6
    HELLO = 7


@dataclass(frozen=True)
class Frame:
    stream: int
    type: FrameType
    payload: bytes = b""

    def encode(self) -> bytes:
        return _HEADER.pack(self.stream, self.type, b"\0\0\0", len(self.payload)) + self.payload

    def word(self) -> int | None:
        """The payload of WINDOW and HELLO; None if it is not one."""
        return int.from_bytes(self.payload, "little") if len(self.payload) == 4 else None


def word_frame(stream: int, frame_type: FrameType, word: int) -> Frame:
    return Frame(stream, frame_type, word.to_bytes(4, "little"))


class FrameParser:
    """Finds frames in what comes from the port. Bytes that begin no frame are skipped, one at a time."""

    def __init__(self):
        self._buffer = bytearray()
        self.skipped = 0

    def feed(self, data: bytes) -> list[Frame]:
        self._buffer += data
        frames = []
        position = 0
        while len(self._buffer) - position >= _HEADER.size:
            stream, kind, zero, length = _HEADER.unpack_from(self._buffer, position)
            if zero != b"\0\0\0" or not FrameType.OPEN <= kind <= FrameType.HELLO or length > LARGEST_PAYLOAD:
                self.skipped += 1
                position += 1
                continue
            start = position + _HEADER.size
            if len(self._buffer) < start + length:
                break
            frames.append(Frame(stream, FrameType(kind), bytes(self._buffer[start:start + length])))
            position = start + length
        del self._buffer[:position]
        return frames
