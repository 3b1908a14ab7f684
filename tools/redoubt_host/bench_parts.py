"""The parts of tools/bench: what every architecture has – boots, memory, lines – and each one's own."""

import re
import subprocess
from pathlib import Path
from typing import Callable

from . import bench_machines, bench_riscv64, bench_x86_64, guests
from .architecture import current
from .bench_machines import GUEST_COMMAND_LINE, Figures
from .bench_session import Session
from .bench_tables import Row, Table
from .mux import MuxThread
from .paths import REPOSITORY
from .progress import ToolError
from .qmp import QmpClient, QmpError

LINUX, BARE, NESTED, XVISOR = "Linux", "bare QEMU", "QEMU on KVM", "Xvisor*"
KERNEL = {"x86_64": "Debian's cloud kernel", "riscv64": "Debian's riscv64 kernel"}
GUEST_MIB = {"x86_64": 256, "riscv64": 384}  # what that kernel needs

GUEST = """\
[vm.{name}]
cpus      = 1
memory    = "{mib}M"
kernel    = "initfs:/guests/vmlinuz"
initrd    = "{initrd}"
cmdline   = "{command_line}"
serial    = "console:{name}"
autostart = {autostart}
"""


def guest(name: str = "bench", initrd: str = "file:guest.cpio.gz", autostart: str = "true") -> str:
    return GUEST.format(name=name, mib=GUEST_MIB[current().name], initrd=initrd, command_line=GUEST_COMMAND_LINE,
                        autostart=autostart)


def bare_boot(session: Session, memory: str) -> int | None:
    """Linux's, in instructions from reset to its first process."""
    def measuring(folder: Path) -> Figures:
        path = folder / "guest.cpio.gz"
        path.write_bytes(bench_machines.guest_initramfs())
        return bench_machines.measure(bench_machines.bare_linux(folder, path, memory=memory), until=bench_machines.INIT)

    return session.attempt(f"boot in QEMU with {memory}", measuring).get("boot", {}).get("guest_init")


def boot(session: Session) -> Table:
    x86 = current().name == "x86_64"
    mib = GUEST_MIB[current().name]
    table = Table("boot", f"instructions from the start of a VM ({mib} MiB) to its init, {KERNEL[current().name]}, quiet",
                  ["ours", BARE, NESTED if x86 else XVISOR], {
        "guest_init": (Row("VM start -> guest init", {}, 1_650_000_000, 1_600_000_000) if x86 else
                       Row("VM start -> guest init", {XVISOR: "1.50 × bare"})),
    }, ["What the guest's init reads from its counter, which is 0 at the start."])
    initramfs = bench_machines.guest_initramfs()

    def nested(folder: Path) -> Figures:
        files = {**bench_machines.qemu_files(), "guest/initramfs": initramfs,
                 "guest/vmlinuz": guests.guest().kernel.read_bytes()}
        return bench_machines.measure(bench_machines.linux_with_kvm(folder, ["boot"], extra=files), until=bench_machines.INIT)

    if (bare := bare_boot(session, f"{mib}M")) is not None:
        table.set(BARE, {"guest_init": bare})
        if not x86:
            table.rows["guest_init"].budget = bare * 105 // 100
    if not x86:
        table.notes += ["The budget is 5 % more than bare QEMU, which has OpenSBI before the kernel.",
                        "Xvisor 0.3.2: 1.282 s against 0.857 s, the kernel's time stamps at its init, under -icount."]
    table.set("ours", session.attempt("boot on Redoubt", lambda folder: bench_machines.measure(
        bench_machines.redoubt_with_guest(folder, guest(), {"guest.cpio.gz": initramfs}), until=bench_machines.INIT)).get("boot", {}))
    if x86 and not session.quick:
        table.set(NESTED, session.attempt("boot in QEMU on KVM in QEMU", nested).get("boot", {}))
    return table


def system(session: Session) -> Table:
    table = Table("system", "instructions from the kernel's entry until everything runs", ["ours", LINUX], {
        "ready": Row("kernel entry -> vmmd ready, a VM loaded", {}, 100_000_000, 40_000_000,
                     f"Linux: to the first process of a small initramfs, {KERNEL[current().name]}, quiet"),
        "firmware": Row("reset -> kernel entry"),
    })

    def ours(folder: Path) -> Figures:
        machine = bench_machines.redoubt_with_guest(folder, guest(), {"guest.cpio.gz": bench_machines.guest_initramfs()})
        with bench_machines.running(machine):
            log = bench_machines.wait_for_log(machine, r"vmmd: ready\s")
        megahertz, entry = map(int, re.search(r"(\d+) MHz counter, entered at (\d+)", log).groups())
        ready = float(re.search(r"\[ *(\d+\.\d+)\] vmmd: ready", log)[1])
        entry = entry * 1000 // megahertz  # an instruction takes a nanosecond
        return {"system": {"ready": round(ready * 1_000_000_000) - entry, "firmware": entry}}

    figures = session.attempt("the system's start on Redoubt", ours).get("system", {})
    table.set("ours", figures)
    # Linux does not tell when it was entered; QEMU's firmware is the same.
    linux = bare_boot(session, "2G")
    if linux is not None and "firmware" in figures:
        table.set(LINUX, {"ready": linux - figures["firmware"]})
    return table


def memory(session: Session) -> Table:
    mib = GUEST_MIB[current().name]
    table = Table("memory", "bytes per VM with one vCPU, beyond the guest's memory", ["ours", "Firecracker*"], {
        "kernel_per_vm": Row("kernel memory, page tables included, 256 MiB", {}, 128 << 10, 48 << 10),
        "monitor_per_vm": Row(f"monitor memory, for a guest at its prompt, {mib} MiB", {"Firecracker*": "≤ 5,242,880"},
                              8 << 20, 4 << 20),
    }, ["Kernel: what is missing from the Untyped of a program that has made the VM, less the guest's memory.",
        "Monitor: what is missing from the memory for VMs (query-host) after a second one was started, less the two."])

    def monitor(folder: Path) -> Figures:
        configuration = "".join(guest(name, "initfs:/guests/initramfs.cpio.gz", autostart)
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
        return {"memory": {"taken": before - after - (mib << 20)}}

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
        current().name: Row(f"one architecture: {current().title}", quoted, 9_000),
        "all": Row("all architectures", {}, 16_000),
    }, ["Hedron is for VMX only; NOVA's is for x86, on Arm 11,200."])
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


COMMON = {"boot": boot, "system": system, "memory": memory, "lines": lines}
# By architecture.
PARTS: dict[str, dict[str, Callable[[Session], Table]]] = {
    "x86_64": bench_x86_64.PARTS | COMMON, "riscv64": bench_riscv64.PARTS | COMMON}
