"""The parts of tools/bench that are x86-64's: its exits and primitives, beside Linux's and KVM's."""

from typing import Callable

from .bench_session import Session
from .bench_tables import Row, Table

KVM, KVM_OFF, LINUX, NOVA, SEL4 = "KVM", "KVM, mit.=off", "Linux", "NOVA*", "seL4*"


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


PARTS = {"exits": exits, "ipc": ipc, "injection": injection, "faults": faults}
# What tests/bench/linux_peer has to measure for each part.
LINUX_PARTS = {"exits": "exits", "injection": "exits", "faults": "exits", "ipc": "ipc"}
