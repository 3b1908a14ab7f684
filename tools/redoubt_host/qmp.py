"""A client of vmmd's management socket (QMP's wire format): blocking, for tools and tests."""

import json
import socket
import time
from collections import deque
from pathlib import Path

from . import unix_socket


class QmpError(Exception):
    """The daemon refused a command, or the connection is of no use."""

    def __init__(self, description: str, error_class: str = "GenericError"):
        super().__init__(description)
        self.error_class = error_class


class QmpClient:
    """Connects and negotiates when made: OSError if nobody listens, QmpError if the other side is not (yet) a daemon."""

    def __init__(self, path: Path, timeout: float = 10):
        self._timeout = timeout
        self._socket = unix_socket.connect(path, timeout)
        self._buffer = bytearray()
        self._events: deque[dict] = deque()
        try:
            greeting = self._message(self._deadline())
            if greeting is None:
                raise QmpError("the daemon is not ready: the connection was closed without a greeting")
            if "QMP" not in greeting:
                raise QmpError("what answers is not a management socket: no QMP greeting")
            self.version = greeting["QMP"]["version"]
            self.execute("qmp_capabilities")
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self._socket.close()

    def execute(self, command: str, **arguments):
        """What the command returns; QmpError if it is refused. Arguments that are None are left out."""
        given = {name: value for name, value in arguments.items() if value is not None}
        request = {"execute": command, **({"arguments": given} if given else {})}
        self._socket.settimeout(self._timeout)
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            raise QmpError("the daemon closed the connection") from None
        deadline = self._deadline()
        while True:
            message = self._message(deadline)
            if message is None:
                raise QmpError("the daemon closed the connection")
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                raise QmpError(message["error"]["desc"], message["error"]["class"])
            elif "return" in message:
                return message["return"]

    def next_event(self, timeout: float | None = None) -> dict | None:
        """The next event, also one that came during a command. None when the connection has ended; TimeoutError."""
        if self._events:
            return self._events.popleft()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            message = self._message(deadline)
            if message is None or "event" in message:
                return message

    def fileno(self) -> int:
        """For select(): readable when pending_events() may have news."""
        return self._socket.fileno()

    def pending_events(self) -> list[dict]:
        """All events that have come, without waiting; QmpError when the connection has ended."""
        events = []
        while True:
            try:
                event = self.next_event(0)
            except TimeoutError:
                return events
            if event is None:
                if events:
                    return events
                raise QmpError("the daemon closed the connection")
            events.append(event)

    def attach(self, name: str | None = None, replay: bool = True) -> tuple[socket.socket, bytes]:
        """Turns the connection into a console: the socket, and output that has already come. The client is of no more use."""
        return self.become_stream("vm-attach", name=name, replay=replay)

    def become_stream(self, command: str, **arguments) -> tuple[socket.socket, bytes]:
        """The same for any command that does this to a connection."""
        self.execute(command, **arguments)
        self._socket.settimeout(None)
        return self._socket, bytes(self._buffer)

    def _deadline(self) -> float:
        return time.monotonic() + self._timeout

    def _message(self, deadline: float | None) -> dict | None:
        """The next message; None at the end of the stream."""
        while b"\n" not in self._buffer:
            self._socket.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0))
            try:
                received = self._socket.recv(65536)
            except (TimeoutError, BlockingIOError):
                raise TimeoutError("the daemon does not answer") from None
            except ConnectionResetError:
                received = b""
            if not received:
                return None
            self._buffer += received
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        try:
            message = json.loads(line)
        except ValueError:
            raise QmpError("the daemon sent something that is not JSON") from None
        if not isinstance(message, dict):
            raise QmpError("the daemon sent something that is not a QMP message")
        return message
