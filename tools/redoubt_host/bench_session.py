"""What tools/bench measures while it runs: each machine once, and what failed."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Callable

from . import bench_machines, progress
from .bench_machines import Figures
from .progress import ToolError


class Session:
    """Measures what tables ask for, each machine once, and remembers what failed."""

    def __init__(self, linux_parts: list[str], quick: bool):
        self._linux_parts = linux_parts
        self.quick = quick
        self.errors: list[str] = []
        self.ours = cache(self._ours)
        self.linux = cache(self._linux)

    def attempt(self, what: str, measuring: Callable[[Path], Figures]) -> Figures:
        """Measures in a folder of its own; a failure is noted, and nothing was measured then."""
        try:
            with tempfile.TemporaryDirectory(prefix="redoubt-bench-") as folder, progress.step(f"measuring {what}"):
                return measuring(Path(folder))
        except (ToolError, OSError) as error:
            self.errors.append(f"{what}: {error}")
            return {}

    def _ours(self, program: str) -> Figures:
        """What a program in the place of vmmd reports."""
        return self.attempt(f"{program} on Redoubt",
                            lambda folder: bench_machines.measure(bench_machines.redoubt(folder, program)))

    def _linux(self, mitigations: bool) -> Figures:
        """What Linux on the same machine reports, for all parts that want it."""
        name = f"{', '.join(self._linux_parts) or 'start'} on Linux" + ("" if mitigations else " with mitigations=off")
        return self.attempt(name, lambda folder: bench_machines.measure(
            bench_machines.linux_with_kvm(folder, self._linux_parts, mitigations=mitigations)))
