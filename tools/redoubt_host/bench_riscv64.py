"""The parts of tools/bench that are riscv64's: its exits and primitives, beside Xvisor's and seL4's stored figures."""

from .bench_session import Session
from .bench_tables import Row, Table

XVISOR, SEL4 = "Xvisor*", "seL4*"
STORED = ("Xvisor 0.3.2 and seL4 are in no package of Debian's: their figures are stored, measured by guests of the same "
          "shape in the same QEMU 7.2 with -icount shift=0, averages with 3 to 5 instructions of a loop.")


def exits(session: Session) -> Table:
    def row(label: str, xvisor: str | None, budget: int | None = 900, goal: int | None = 500) -> Row:
        return Row(label, {XVISOR: xvisor}, budget, goal)

    table = Table("exits", "instructions per round trip guest -> handler -> guest", ["ours", XVISOR], {
        "sbi_call": row("SBI call -> user space -> resume", None),
        "sbi_base": row("SBI call (base), answered as vmmd does", "741"),
        "sbi_set_timer": row("SBI set_timer", "759"),
        "sbi_send_ipi": row("SBI send_ipi, to itself", "966"),
        "mmio_read": row("MMIO read -> user space, not decoded -> resume", None, 1100, 700),
        "uart_read": row("MMIO read, UART: decoded, vmmd's device", "1,129", 1100, 700),
        "uart_write": row("MMIO write, UART", "1,112", 1100, 700),
        "plic_read": row("MMIO read, PLIC", "1,138", 1100, 700),
        "wfi_user": row("WFI -> user space -> resume", None, None, None),
        "touch": row("first touch of a 2 MiB block, mapped then", "3,981", 2000, 1000),
        "timer_interrupt": row("timer interrupt with Sstc, no exit", "41", 41, 41),
        "inject_two_calls": row("inject an interrupt and two SBI calls", None, None, None),
        "run_returns_at_once": row("run call that returns at once", None, 400, 200),
    }, ["Ours are handled in user space, Xvisor's in the hypervisor.", STORED,
        "Xvisor's send_ipi is to nobody. QEMU 7.2 leaves htinst 0, so that MMIO is decoded from the guest's memory."])
    table.set("ours", session.ours("exits").get("exits", {}))
    return table


def injection(session: Session) -> Table:
    table = Table("injection", "instructions for an interrupt that user space injects", ["ours"], {
        "inject_two_calls": Row("inject, handler with an SBI call, SRET, SBI call of the main loop"),
        "two_calls": Row("two SBI calls without an injection"),
    })
    figures = session.ours("exits").get("exits", {})
    table.set("ours", {**figures, **({"two_calls": 2 * figures["sbi_call"]} if "sbi_call" in figures else {})})
    return table


def ipc(session: Session) -> Table:
    def row(label: str, sel4: int, note: str = "") -> Row:
        return Row(label, {SEL4: f"{sel4:,}"}, sel4, sel4 // 2, note)

    table = Table("ipc", "instructions of kernel primitives", ["ours", SEL4], {
        "syscall": Row("cheapest system call", note="SystemInfo"),
        "call_reply": row("call and reply between two address spaces", 552),
        "call_reply_4_words": row("… with 4 words", 590),
        "signal_wait": row("signal a waiting thread, it runs, back to wait", 1196, "across address spaces"),
        "fault_restart": row("fault -> handler in another space -> restart", 1430),
        "map": row("map one 4 KiB page", 733),
        "unmap": row("unmap it", 689),
        "retype": row("retype one page object, without zeroing", 1055),
        "retype_zeroed": Row("retype one page object, with zeroing"),
    }, ["Budgets are seL4's figures, stored ones of its benchmark in the same QEMU; goals are half of them.",
        "The cost of reading the counter is subtracted."])
    table.set("ours", session.ours("ipc").get("ipc", {}))
    return table


PARTS = {"exits": exits, "ipc": ipc, "injection": injection}
