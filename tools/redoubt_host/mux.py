"""The host's end of the way to vmmd: a unix socket whose every client becomes one stream over QEMU's virtio-serial port.

    python3 -m redoubt_host.mux --chardev .run/mux.sock --listen .run/vmm.sock
"""

import argparse
import asyncio
import itertools
import sys
import threading
import time
from pathlib import Path

from . import unix_socket
from .mux_frames import INITIAL_CREDIT, LARGEST_PAYLOAD, VERSION, Frame, FrameParser, FrameType, word_frame

TARGET = "/run/vmmd.sock"
GRANT_AFTER = INITIAL_CREDIT // 4  # bytes a client has taken before the guest is told
READY_SECONDS = 1.0  # a client waits that long for the guest to say hello
OPEN_SECONDS = 10.0  # … and that long for it to accept the stream
QUIET_SECONDS = 0.5  # after a client has sent its last byte, answers may come until it was quiet that long
LINGER_SECONDS = 5.0  # … but no longer than this
HELLO_PAUSE = 0.2  # no two answers to HELLO sooner: two sides can never keep greeting each other


class _Stream:
    """One client of the management socket."""

    def __init__(self, stream_id: int):
        self.id = stream_id
        self.credit = INITIAL_CREDIT  # what may be sent to the guest
        self.receivable = INITIAL_CREDIT  # what the guest may still send
        self.accepted = asyncio.get_running_loop().create_future()
        self.changed = asyncio.Event()  # more credit, or closed
        self.output: asyncio.Queue[bytes | None] = asyncio.Queue()  # for the client; None: the end
        self.closed = False
        self.last_output = time.monotonic()

    def end(self) -> None:
        """The guest's side is dead."""
        self.closed = True
        if not self.accepted.done():
            self.accepted.set_result(False)
        self.output.put_nowait(None)
        self.changed.set()


class MuxHost:
    """Serves `listen` for as long as run() runs, over whatever machine is behind `chardev` at the time."""

    def __init__(self, chardev: Path, listen: Path, target: str = TARGET):
        self._chardev = Path(chardev)
        self._listen = Path(listen)
        self._target = target.encode()
        self._streams: dict[int, _Stream] = {}
        self._ids = itertools.count(1)
        self._port: asyncio.StreamWriter | None = None
        self._hello_expected = False
        self._hello_answered = 0.0
        self._ready = asyncio.Event()

    async def run(self, listening=None) -> None:
        """Until cancelled. Calls `listening` when clients can connect; OSError if they never will."""
        server = await asyncio.start_unix_server(self._client, sock=unix_socket.listen(self._listen))
        if listening:
            listening()
        try:
            while True:
                await self._serve_machine()
                await asyncio.sleep(0.05)
        finally:
            server.close()
            self._reset()
            self._listen.unlink(missing_ok=True)

    # The port.

    async def _serve_machine(self) -> None:
        """One connection to QEMU, from connect to hang-up."""
        try:
            made = unix_socket.connect(self._chardev)
        except OSError:
            return
        reader, self._port = await asyncio.open_unix_connection(sock=made)
        parser = FrameParser()
        self._hello_expected = True
        self._send(word_frame(0, FrameType.HELLO, VERSION))
        try:
            while data := await reader.read(65536):
                for frame in parser.feed(data):
                    self._receive(frame)
        except ConnectionError:
            pass
        finally:
            self._ready.clear()
            self._reset()
            self._port.close()
            self._port = None

    def _send(self, frame: Frame) -> None:
        if self._port is not None:
            self._port.write(frame.encode())

    def _receive(self, frame: Frame) -> None:
        if frame.type == FrameType.HELLO:
            return self._hello()
        stream = self._streams.get(frame.stream)
        if stream is None:
            if frame.type in (FrameType.DATA, FrameType.OPENED):
                self._send(Frame(frame.stream, FrameType.CLOSE))
        elif frame.type == FrameType.OPENED:
            if not stream.accepted.done():
                stream.accepted.set_result(True)
        elif frame.type == FrameType.DATA:
            self._data(stream, frame.payload)
        elif frame.type == FrameType.WINDOW:
            stream.credit += frame.word() or 0
            stream.changed.set()
        elif frame.type in (FrameType.CLOSE, FrameType.REFUSED):
            self._forget(stream)

    def _hello(self) -> None:
        self._ready.set()
        if self._hello_expected:
            self._hello_expected = False
            return
        # The guest's end has started again: nothing of before exists there.
        self._reset()
        if time.monotonic() - self._hello_answered >= HELLO_PAUSE:
            self._hello_answered = time.monotonic()
            self._send(word_frame(0, FrameType.HELLO, VERSION))

    def _data(self, stream: _Stream, payload: bytes) -> None:
        if len(payload) > stream.receivable:
            self._close(stream)  # more than was granted
            return
        stream.receivable -= len(payload)
        stream.last_output = time.monotonic()
        stream.output.put_nowait(payload)

    def _close(self, stream: _Stream) -> None:
        if not stream.closed:
            self._send(Frame(stream.id, FrameType.CLOSE))
            self._forget(stream)

    def _forget(self, stream: _Stream) -> None:
        self._streams.pop(stream.id, None)
        stream.end()

    def _reset(self) -> None:
        for stream in list(self._streams.values()):
            self._forget(stream)

    # The clients.

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = None
        deliverer = None
        try:
            await asyncio.wait_for(self._ready.wait(), READY_SECONDS)
            stream = _Stream(next(self._ids) & 0xFFFFFFFF)
            self._streams[stream.id] = stream
            self._send(Frame(stream.id, FrameType.OPEN, self._target))
            if await asyncio.wait_for(asyncio.shield(stream.accepted), OPEN_SECONDS):
                deliverer = asyncio.create_task(self._deliver(stream, writer))
                await self._take(stream, reader)
                await self._linger(stream)
                self._close(stream)
                await deliverer
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError):
            pass  # run() ends, the client is gone, or the guest does not answer: closing is all there is to say
        finally:
            if stream:
                self._close(stream)
            if deliverer:
                deliverer.cancel()
            writer.close()

    async def _take(self, stream: _Stream, reader: asyncio.StreamReader) -> None:
        """From the client to the guest, as the guest's credit allows; returns at the end of either."""
        while not stream.closed:
            if stream.credit == 0:
                stream.changed.clear()
                await stream.changed.wait()
                continue
            reading = asyncio.ensure_future(reader.read(min(LARGEST_PAYLOAD, stream.credit)))
            closing = asyncio.ensure_future(self._closed(stream))
            try:
                await asyncio.wait({reading, closing}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    return
                data = reading.result()
            finally:
                reading.cancel()
                closing.cancel()
            if not data or stream.closed:
                return
            stream.credit -= len(data)
            self._send(Frame(stream.id, FrameType.DATA, data))
            if self._port is not None:
                await self._port.drain()

    @staticmethod
    async def _closed(stream: _Stream) -> None:
        while not stream.closed:
            stream.changed.clear()
            await stream.changed.wait()

    async def _deliver(self, stream: _Stream, writer: asyncio.StreamWriter) -> None:
        """From the guest to the client; what the client has taken may come again."""
        taken = 0
        try:
            while (data := await stream.output.get()) is not None:
                writer.write(data)
                await writer.drain()
                taken += len(data)
                if taken >= GRANT_AFTER and not stream.closed:
                    stream.receivable += taken
                    self._send(word_frame(stream.id, FrameType.WINDOW, taken))
                    taken = 0
        except ConnectionError:
            self._close(stream)

    async def _linger(self, stream: _Stream) -> None:
        """The client has sent all it will, but may still read: CLOSE would cut its answers off."""
        stream.last_output = max(stream.last_output, time.monotonic())
        end = time.monotonic() + LINGER_SECONDS
        while not stream.closed and time.monotonic() < min(end, stream.last_output + QUIET_SECONDS):
            await asyncio.sleep(0.02)


class MuxThread:
    """A MuxHost in a thread of its own, for programs that are not asynchronous."""

    def __init__(self, chardev: Path, listen: Path, target: str = TARGET):
        self._arguments = (chardev, listen, target)
        self._thread = threading.Thread(target=self._main, name="mux", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task | None = None
        self._started = threading.Event()
        self._error: BaseException | None = None

    def start(self) -> None:
        """Returns when clients can connect; OSError if the socket cannot be made."""
        self._thread.start()
        self._started.wait()
        if self._error:
            raise self._error

    def stop(self) -> None:
        if self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join()

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except asyncio.CancelledError:
            pass
        except OSError as error:
            self._error = error
        finally:
            self._started.set()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        await MuxHost(*self._arguments).run(self._started.set)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m redoubt_host.mux", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chardev", required=True, type=Path, metavar="PATH", help="QEMU's socket of the port redoubt.mux")
    parser.add_argument("--listen", required=True, type=Path, metavar="PATH", help="the management socket to serve")
    parser.add_argument("--target", default=TARGET, metavar="PATH", help=f"the socket inside (default: {TARGET})")
    options = parser.parse_args()

    async def serve() -> None:
        await MuxHost(options.chardev, options.listen, options.target).run()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"mux: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
