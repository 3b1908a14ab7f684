"""Progress lines for long steps, on standard error, and the error that ends a tool."""

import sys
import time
from contextlib import contextmanager


class ToolError(Exception):
    """A message for the person who started the tool; ends it with status 1 (or `status`)."""

    def __init__(self, message: str, status: int = 1):
        super().__init__(message)
        self.status = status


quiet = False


def say(text: str) -> None:
    if not quiet:
        print(f"==> {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str):
    """Announces a step and says how long it took if that was noticeable."""
    say(text)
    started = time.monotonic()
    yield
    seconds = time.monotonic() - started
    if seconds > 2:
        say(f"{text}: done in {seconds:.0f} s")
