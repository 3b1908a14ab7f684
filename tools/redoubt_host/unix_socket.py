"""Unix sockets at paths of any length.

The kernel's limit of 107 bytes is for the path as given; a longer one is reached through its folder's descriptor.
"""

import os
import socket
from contextlib import contextmanager
from pathlib import Path

LONGEST_PATH = 107


@contextmanager
def _address(path: Path):
    path = Path(path)
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path: Path, timeout: float | None = None) -> socket.socket:
    """A connected stream socket; OSError if nobody listens."""
    made = socket.socket(socket.AF_UNIX)
    try:
        made.settimeout(timeout)
        with _address(path) as address:
            made.connect(address)
        return made
    except BaseException:
        made.close()
        raise


def is_served(path: Path) -> bool:
    try:
        connect(path, 5).close()
        return True
    except OSError:
        return False


def listen(path: Path) -> socket.socket:
    """A listening socket that only its owner may connect to. Replaces one that nobody serves any more."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_socket():
        if is_served(path):
            raise OSError(f"{path} is served by another process")
        path.unlink()
    made = socket.socket(socket.AF_UNIX)
    try:
        with _address(path) as address:
            made.bind(address)
            os.chmod(address, 0o600)  # before listen(): until then nobody can connect
        made.listen(64)
        return made
    except BaseException:
        made.close()
        raise
