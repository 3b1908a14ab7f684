"""The parts of tools/bench: their rows with budgets, goals and published figures of peers, and how each is measured."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Callable

from . import bench_machines, guests, progress
from .bench_machines import Figures
from .bench_tables import Row, Table
from .progress import ToolError

KVM, KVM_OFF, LINUX, NOVA, SEL4 = "KVM", "KVM, mit.=off", "Linux", "NOVA*", "seL4*"
BARE, NESTED = "bare QEMU", "QEMU on KVM"


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


def ipc(session: Session) -> Table:
    def row(label: str, nova: str | None, sel4: str | None, budget: int, goal: int, note: str = "") -> Row:
        return Row(label, {NOVA: nova, SEL4: sel4}, budget, goal, note)

    table = Table("ipc", "instructions of kernel primitives", ["ours", LINUX, NOVA, SEL4], {
        "syscall": row("cheapest system call", "54", "261–355", 100, 50, "ours: SystemInfo; Linux: getppid"),
        "call_reply": row("call and reply between two address spaces", "281", "452", 450, 250,
                          "Linux: a byte through a pipe to another process, and one back"),
        "call_reply_4_words": row("… with 4 words", "≈ 311", "486", 480, 280, "Linux: 32 bytes"),
        "call_reply_futex": Row("… through shared memory and futexes (Linux only)"),
        "signal_wait": row("signal a waiting thread, it runs, back to wait", None, "969", 800, 450,
                           "across address spaces; Linux: an eventfd, and a process of better priority"),
        "fault_restart": row("fault -> handler in another space -> restart", None, "1,272", 900, 500,
                             "Linux: userfaultfd, and a handler that gives the zero page"),
        "map": row("map one 4 KiB page", None, "790", 700, 400, "Linux: mmap of a page of a memfd, populated"),
        "unmap": row("unmap it", None, "651", 700, 400),
        "retype": row("retype one page object, without zeroing", None, "990", 800, 500),
        "retype_zeroed": Row("retype one page object, with zeroing"),
    }, ["NOVA moves 1 word in the first figure; the one of 4 words is interpolated.",
        "The cost of reading the counter is subtracted."])
    table.set("ours", session.ours("ipc").get("ipc", {}))
    table.set(LINUX, session.linux(True).get("ipc", {}))
    return table


GUEST = """\
[vm.bench]
cpus    = 1
memory  = "256M"
kernel  = "initfs:/guests/vmlinuz"
initrd  = "file:guest.cpio.gz"
cmdline = "{command_line}"
serial  = "console:bench"
"""


def boot(session: Session) -> Table:
    table = Table("boot", "instructions from the start of a VM (256 MiB) to its init, Debian's cloud kernel, quiet",
                  ["ours", BARE, NESTED], {
        "guest_init": Row("VM start -> guest init", {}, 1_650_000_000, 1_600_000_000),
    }, ["What the guest's init reads from its TSC, which is 0 at the start."])
    initramfs = bench_machines.guest_initramfs()
    configuration = GUEST.format(command_line=bench_machines.GUEST_COMMAND_LINE)

    def until_init(machine: bench_machines.Machine) -> Figures:
        return bench_machines.measure(machine, until=r"guest_init +\d+\s")

    def bare(folder: Path) -> Figures:
        path = folder / "guest.cpio.gz"
        path.write_bytes(initramfs)
        return until_init(bench_machines.bare_linux(folder, path, memory="256M"))

    def nested(folder: Path) -> Figures:
        files = {**bench_machines.qemu_files(), "guest/initramfs": initramfs,
                 "guest/vmlinuz": guests.guest().kernel.read_bytes()}
        return until_init(bench_machines.linux_with_kvm(folder, ["boot"], extra=files))

    table.set("ours", session.attempt("boot on Redoubt", lambda folder: until_init(
        bench_machines.redoubt_with_guest(folder, configuration, {"guest.cpio.gz": initramfs}))).get("boot", {}))
    table.set(BARE, session.attempt("boot in QEMU", bare).get("boot", {}))
    if not session.quick:
        table.set(NESTED, session.attempt("boot in QEMU on KVM in QEMU", nested).get("boot", {}))
    return table


PARTS: dict[str, Callable[[Session], Table]] = {"exits": exits, "ipc": ipc, "boot": boot}
LINUX_PARTS = ["exits", "ipc"]  # those that tests/bench/linux_peer measures for tables
