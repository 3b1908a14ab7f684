"""The parts of tools/bench: their rows with budgets, goals and published figures of peers, and how each is measured."""

import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Callable

from . import bench_machines, guests, progress
from .bench_machines import Figures
from .bench_tables import Row, Table
from .mux import MuxThread
from .paths import REPOSITORY
from .progress import ToolError
from .qmp import QmpClient, QmpError

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
        name = f"{', '.join(self._linux_parts) or 'start'} on Linux" + ("" if mitigations else " with mitigations=off")
        return self.attempt(name, lambda folder: bench_machines.measure(
            bench_machines.linux_with_kvm(folder, self._linux_parts, mitigations=mitigations)))


def exit_figures(session: Session, table: Table, derive: Callable[[dict[str, int]], dict[str, int]]) -> None:
    """Fills a table with what is derived from the figures of `exits`."""
    table.set("ours", derive(session.ours("exits").get("exits", {})))
    table.set(KVM, derive(session.linux(True).get("exits", {})))
    if not session.quick:
        table.set(KVM_OFF, derive(session.linux(False).get("exits", {})))


def exits(session: Session) -> Table:
    def row(label: str, nova: str | None, budget: int, goal: int) -> Row:
        return Row(label, {NOVA: nova}, budget, goal)

    table = Table("exits", "instructions per round trip guest -> handler -> guest", ["ours", KVM, KVM_OFF, NOVA], {
        "pio_out_user": row("port OUT -> user space -> resume", "429–477", 700, 400),
        "mmio_write_user": row("MMIO write -> user space, decoded -> resume", "425–473", 1500, 900),
        "hlt_user": row("HLT -> user space -> resume", "429–477", 700, 400),
        "cpuid": row("CPUID -> user space -> resume", "429–477", 700, 400),
        "cpuid_table": row("CPUID answered from the VM's table", None, 700, 400),
        "hypercall": row("hypercall VMMCALL -> user space -> resume", "429–477", 700, 400),
        "rdmsr": row("RDMSR -> user space -> resume", None, 700, 400),
        "doorbell": row("doorbell: OUT -> notification, no user exit", None, 600, 300),
        "second_level_fault": row("second-level fault on mapped memory, 4 KiB", None, 1500, 800),
        "inject_two_outs": row("inject an interrupt and two OUT exits", None, 2000, 1000),
        "run_returns_at_once": row("run call that returns at once", None, 400, 200),
    }, ["KVM handles CPUID, VMMCALL, RDMSR and the fault in the kernel; ours are handled in user space.",
        "NOVA moves one register in the lower figure and a typical set in the higher; it does not decode MMIO."])
    exit_figures(session, table, lambda figures: figures)
    return table


def injection(session: Session) -> Table:
    table = Table("injection", "instructions for an interrupt that user space injects", ["ours", KVM, KVM_OFF], {
        "inject_two_outs": Row("inject, handler with an OUT, IRET, OUT of the main loop", {}, 2000, 1000),
        "two_outs": Row("two OUT exits without an injection"),
    })
    exit_figures(session, table, lambda figures: (
        {**figures, "two_outs": 2 * figures["pio_out_user"]} if "pio_out_user" in figures else figures))
    return table


def faults(session: Session) -> Table:
    table = Table("faults", "instructions for a guest's access that the second-level tables do not allow",
                  ["ours", KVM, KVM_OFF], {
        "second_level_fault": Row("to memory, 4 KiB of which are mapped then", {}, 1500, 800,
                                  "KVM: in the kernel, the page is there already"),
        "mmio_write_user": Row("to a device in user space, decoded", {}, 1500, 900),
    })
    exit_figures(session, table, lambda figures: figures)
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


def system(session: Session) -> Table:
    table = Table("system", "instructions from the kernel's entry until everything runs", ["ours", LINUX], {
        "ready": Row("kernel entry -> vmmd ready, a VM loaded", {}, 100_000_000, 40_000_000,
                     "Linux: to the first process of a small initramfs, Debian's cloud kernel, quiet"),
        "firmware": Row("reset -> kernel entry"),
    })

    def ours(folder: Path) -> Figures:
        machine = bench_machines.redoubt_with_guest(folder, GUEST.format(
            command_line=bench_machines.GUEST_COMMAND_LINE), {"guest.cpio.gz": bench_machines.guest_initramfs()})
        with bench_machines.running(machine):
            log = bench_machines.wait_for_log(machine, r"vmmd: ready\s")
        megahertz, entry = map(int, re.search(r"(\d+) MHz counter, entered at (\d+)", log).groups())
        ready = float(re.search(r"\[ *(\d+\.\d+)\] vmmd: ready", log)[1])
        return {"system": {"ready": round(ready * megahertz * 1_000_000) - entry, "firmware": entry}}

    figures = session.attempt("the system's start on Redoubt", ours).get("system", {})
    table.set("ours", figures)
    # Linux does not tell when it was entered; QEMU's firmware is the same.
    linux = session.linux(True).get("system", {}).get("linux_init")
    if linux is not None and "firmware" in figures:
        table.set(LINUX, {"ready": linux - figures["firmware"]})
    return table


MEMORY_VM = """\
[vm.{name}]
memory    = "256M"
kernel    = "initfs:/guests/vmlinuz"
initrd    = "initfs:/guests/initramfs.cpio.gz"
cmdline   = "console=ttyS0 quiet"
autostart = {autostart}
"""


def memory(session: Session) -> Table:
    table = Table("memory", "bytes per VM with one vCPU and 256 MiB, beyond the guest's memory", ["ours", "Firecracker*"], {
        "kernel_per_vm": Row("kernel memory, page tables included", {}, 128 << 10, 48 << 10),
        "monitor_per_vm": Row("monitor memory, for a guest at its prompt", {"Firecracker*": "≤ 5,242,880"}, 8 << 20, 4 << 20),
    }, ["Kernel: what is missing from the Untyped of a program that has made the VM, less the guest's memory.",
        "Monitor: what is missing from the memory for VMs (query-host) after a second one was started, less the two."])

    def monitor(folder: Path) -> Figures:
        configuration = "".join(MEMORY_VM.format(name=name, autostart=autostart)
                                for name, autostart in (("first", "true"), ("second", "false")))
        machine = bench_machines.redoubt_with_guest(folder, configuration, {})
        socket = folder / "vmm.sock"
        with bench_machines.running(machine):
            mux = MuxThread(machine.mux_socket, socket)
            mux.start()
            try:
                bench_machines.wait_for_log(machine, r"This is Linux")
                with QmpClient(socket, timeout=120) as client:
                    before = client.execute("query-host")["free-bytes"]
                    client.execute("vm-start", name="second")
                    bench_machines.wait_for_log(machine, r"(?s)This is Linux.*This is Linux")
                    after = client.execute("query-host")["free-bytes"]
            except QmpError as error:
                raise ToolError(f"the daemon refused: {error}\n{machine.log_tail()}")
            finally:
                mux.stop()
        return {"memory": {"taken": before - after - (256 << 20)}}

    kernel = session.ours("vm_memory").get("memory", {})
    table.set("ours", kernel)
    taken = session.attempt("memory of a monitor", monitor).get("memory", {}).get("taken")
    if taken is not None and "kernel_per_vm" in kernel:
        table.set("ours", {"monitor_per_vm": taken - kernel["kernel_per_vm"]})
    return table


def lines(session: Session) -> Table:
    counts = session.attempt("lines", lambda _: {"lines": count_kernel()})
    quoted = {"Hedron*": "11,100", "NOVA*": "14,100", "Xvisor*": "> 80,000", "Redox*": "≈ 40,000"}
    table = Table("lines", "kernel code, without comments and blank lines", ["ours", *quoted], {
        "x86_64": Row("one architecture: x86-64", quoted, 9_000),
        "all": Row("all architectures", {}, 16_000),
    }, ["Hedron is for VMX only."])
    table.set("ours", counts.get("lines", {}))
    return table


def count_kernel() -> dict[str, int]:
    """The totals of tools/count-kernel."""
    tool = subprocess.run([str(REPOSITORY / "tools/count-kernel")], stdout=subprocess.PIPE, text=True)
    totals = [int(total.replace(",", "")) for total in re.findall(r"^ +total +([\d,]+)", tool.stdout, re.MULTILINE)]
    titles = re.findall(r"^(\S.*)$", tool.stdout, re.MULTILINE)
    if tool.returncode or len(titles) != len(totals):
        raise ToolError("tools/count-kernel failed")
    return {"all" if title.startswith("all") else title: total for title, total in zip(titles, totals)}


PARTS: dict[str, Callable[[Session], Table]] = {
    "exits": exits, "ipc": ipc, "injection": injection, "faults": faults, "boot": boot, "system": system,
    "memory": memory, "lines": lines}
# What tests/bench/linux_peer has to measure for each part.
LINUX_PARTS = {"exits": "exits", "injection": "exits", "faults": "exits", "ipc": "ipc"}
