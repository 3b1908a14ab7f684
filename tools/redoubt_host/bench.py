"""tools/bench: what things cost, in instructions, beside the peers."""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path

from . import archive, build, progress
from .machine import Machine, MachineOptions
from .progress import ToolError

# name -> (what it is, KVM's figure with default mitigations, budget, goal), from the peers measured on the same
# emulated machine: QEMU 7.2 TCG, EPYC, -icount shift=0; Linux 6.1 KVM, raw API, 64-bit guest, NPT.
EXITS = {
    "pio_out_user": ("port OUT -> user space -> resume", 3503, 700, 400),
    "mmio_write_user": ("MMIO write -> user space, decoded -> resume", 5754, 1500, 900),
    "hlt_user": ("HLT -> user space -> resume", 4643, 700, 400),
    "cpuid": ("CPUID (KVM: in the kernel)", 3076, 700, 400),
    "hypercall": ("VMMCALL (KVM: in the kernel)", 3336, 700, 400),
    "rdmsr": ("RDMSR (KVM: in the kernel)", 3156, 700, 400),
    "inject_two_outs": ("inject an interrupt and two OUT exits", 9725, 2000, 1000),
    "run_returns_at_once": ("run call that returns at once", 1543, 400, 200),
}
SECONDS = 600


def measure_exits() -> dict[str, int]:
    """Boots the benchmark program on Redoubt and reads its figures."""
    build.system()
    program = (build.SYSTEM_BUILD / "tests/bench/exits").read_bytes()
    with tempfile.TemporaryDirectory(prefix="redoubt-bench-") as folder:
        directory = Path(folder)
        boot_archive = directory / "boot.cpio"
        archive.pack(boot_archive, archive.Configuration("", {}, [], False), start_list=bench_start_list(),
                     extra={"bin/bench": program})
        machine = Machine(directory, boot_archive, MachineOptions(extra=["-icount", "shift=0,sleep=off"]))
        progress.say("measuring exits (emulated, instruction by instruction: about a minute)")
        machine.start()
        deadline = time.monotonic() + SECONDS
        try:
            while machine.running() and time.monotonic() < deadline:
                log = machine.system_log.read_text(errors="replace") if machine.system_log.exists() else ""
                if "BENCH DONE" in log or "BENCH FAILED" in log:
                    break
                time.sleep(0.2)
            log = machine.system_log.read_text(errors="replace")
            if "BENCH DONE" not in log:
                raise ToolError("the benchmark did not finish\n" + machine.log_tail())
        finally:
            machine.stop()
    return {name: int(value) for name, value in re.findall(r"BENCH exits (\w+) (\d+)", log)}


def bench_start_list() -> str:
    """The ordinary start list with the benchmark in place of vmmd."""
    lines = [line for line in archive.START_LIST.read_text().splitlines() if not line.startswith("vmmd")]
    return "\n".join(lines) + "\nbench bin/bench uses=initfs,log grant=hv,power memory=128M on-exit=poweroff\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    parser.add_argument("part", nargs="*", choices=["exits"], help="what to measure (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    try:
        figures = measure_exits()
    except ToolError as error:
        print(f"tools/bench: {error}", file=sys.stderr)
        return error.status
    rows = {name: {"ours": figures[name], "peer": peer, "budget": budget, "goal": goal}
            for name, (_, peer, budget, goal) in EXITS.items() if name in figures}
    if arguments.json:
        print(json.dumps({"exits": rows}, indent=2))
        return 0
    print("exits: instructions per round trip (QEMU TCG, -icount shift=0); the peer is Linux 6.1 KVM")
    print(f"{'':46}{'ours':>7}{'KVM':>8}{'budget':>8}{'goal':>6}")
    for name, row in rows.items():
        print(f"{EXITS[name][0]:46}{row['ours']:>7,}{row['peer']:>8,}{row['budget']:>8,}{row['goal']:>6,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
