"""The parts of tools/bench: their rows with budgets, goals and published figures of peers, and how each is measured."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Callable

from . import bench_machines, progress
from .bench_machines import Figures
from .bench_tables import Row, Table
from .progress import ToolError

KVM, KVM_OFF, NOVA = "KVM", "KVM, mit.=off", "NOVA*"


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
        name = f"{', '.join(self._linux_parts)} on Linux" + ("" if mitigations else " with mitigations=off")
        return self.attempt(name, lambda folder: bench_machines.measure(
            bench_machines.linux_with_kvm(folder, self._linux_parts, mitigations=mitigations)))


def exits(session: Session) -> Table:
    def row(label: str, nova: str | None, budget: int, goal: int) -> Row:
        return Row(label, {NOVA: nova}, budget, goal)

    table = Table("exits", "instructions per round trip guest -> handler -> guest", ["ours", KVM, KVM_OFF, NOVA], {
        "pio_out_user": row("port OUT -> user space -> resume", "429–477", 700, 400),
        "mmio_write_user": row("MMIO write -> user space, decoded -> resume", "425–473", 1500, 900),
        "hlt_user": row("HLT -> user space -> resume", "429–477", 700, 400),
        "cpuid": row("CPUID -> user space -> resume", "429–477", 700, 400),
        "hypercall": row("hypercall VMMCALL -> user space -> resume", "429–477", 700, 400),
        "rdmsr": row("RDMSR -> user space -> resume", None, 700, 400),
        "doorbell": row("doorbell: OUT -> notification, no user exit", None, 600, 300),
        "second_level_fault": row("second-level fault on mapped memory, 4 KiB", None, 1500, 800),
        "inject_two_outs": row("inject an interrupt and two OUT exits", None, 2000, 1000),
        "run_returns_at_once": row("run call that returns at once", None, 400, 200),
    }, ["KVM handles CPUID, VMMCALL, RDMSR and the fault in the kernel; ours are handled in user space.",
        "NOVA moves one register in the lower figure and a typical set in the higher; it does not decode MMIO."])
    table.set("ours", session.ours("exits").get("exits", {}))
    table.set(KVM, session.linux(True).get("exits", {}))
    if not session.quick:
        table.set(KVM_OFF, session.linux(False).get("exits", {}))
    return table


PARTS: dict[str, Callable[[Session], Table]] = {"exits": exits}
LINUX_PARTS = ["exits"]  # those that tests/bench/linux_peer measures for tables
