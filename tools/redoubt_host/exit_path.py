"""tools/bench --path: every instruction of one round of a row of exits or ipc, by function, in the order they run."""

import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from . import bench_machines, progress
from .architecture import current
from .gdb_stub import GdbStub
from .machine import Machine
from .progress import ToolError

WARM_UP = 210  # rounds of the row that pass before those that are followed
ROUNDS = 5  # of which the one of median length is shown: something else may come between
LONGEST = 20_000
# gdb's numbers of the registers of a function's first argument and of the program counter.
FIRST_ARGUMENT = {"x86_64": 5, "riscv64": 10}
PROGRAM_COUNTER = {"x86_64": 16, "riscv64": 32}
# Program -> where a round begins, in the kernel or in the program, and what runs where neither is.
MARKERS = {"exits": {"x86_64": "svm_switch", "riscv64": "hext_switch"},
           "ipc": {"x86_64": "begin_round", "riscv64": "begin_round"}}
OTHERS = {"exits": "guest", "ipc": "partner"}


@dataclass
class Hop:
    """A stretch of one round trip in one function, without what it calls."""

    where: str  # guest or partner, kernel, program
    function: str
    instructions: int = 0
    inlined: Counter = field(default_factory=Counter)  # by the innermost function


def symbols(program: Path) -> dict[str, int]:
    lines = subprocess.run([current().tools + "nm", "--defined-only", str(program)], capture_output=True, text=True, check=True).stdout
    return {name: int(address, 16) for address, _, name in (line.split(maxsplit=2) for line in lines.splitlines())}


def functions_at(program: Path, addresses: list[int]) -> dict[int, list[str]]:
    """The functions each address is in, innermost first (several if inlined)."""
    if not addresses:
        return {}
    text = "\n".join(f"{address:x}" for address in addresses)
    lines = subprocess.run([current().tools + "addr2line", "-a", "-f", "-i", "-C", "-e", str(program)], input=text,
                           capture_output=True, text=True, check=True).stdout.splitlines()
    found: dict[int, list[str]] = {}
    for index, line in enumerate(lines):
        if line.startswith("0x"):
            innermost_first = found.setdefault(int(line, 16), [])
            first = index + 1
        elif (index - first) % 2 == 0:
            innermost_first.append(short(line))
    return found


def short(name: str) -> str:
    """Without namespaces, arguments and templates: as people call it."""
    depth, text = 0, ""
    for character in name.replace("operator()", "lambda").replace("(anonymous namespace)::", ""):
        if character == "(":
            break
        depth += (character == "<") - (character == ">")
        if depth == 0 and character != ">":
            text += character
    return "::".join(text.split("::")[-2:]).replace("redoubt::", "")


def follow(program: str, row: str) -> list[int]:
    """The program counters of a usual round, from one beginning to the next."""
    names = symbols(current().kernel) | symbols(bench_machines.program(program))
    marker, begin_row = names[MARKERS[program][current().name]], names["begin_row"]
    with tempfile.TemporaryDirectory(prefix="redoubt-path-") as folder:
        # Not with -icount: QEMU 7.2 stops for good there when what is stepped over is a write to stimecmp.
        machine = bench_machines.redoubt(Path(folder), program, ["-S", "-gdb", "unix:gdb.sock,server=on,wait=off"])
        machine.start()
        try:
            stub = GdbStub(Path(folder) / "gdb.sock", PROGRAM_COUNTER[current().name])
            stub.set_breakpoint(begin_row)
            # Other programs have other things at that address.
            while stub.text(stub.register(FIRST_ARGUMENT[current().name])) != row:
                stub.resume()
            stub.remove_breakpoint(begin_row)
            stub.set_breakpoint(marker)
            for _ in range(WARM_UP):
                stub.resume()
            rounds = []
            for _ in range(ROUNDS):
                counters = [marker]
                while (counter := stub.step()) != marker:
                    counters.append(counter)
                    if len(counters) > LONGEST:
                        raise ToolError(f"{row}: no further round within {LONGEST} instructions")
                rounds.append(counters)
            stub.close()
            return sorted(rounds, key=len)[ROUNDS // 2]
        except ConnectionError as error:
            raise ToolError(f"{row} was not reached: {error}\n{machine.log_tail()}") from error
        finally:
            machine.stop()


def hops(program: str, counters: list[int]) -> list[Hop]:
    programs = {"kernel": current().kernel, "program": bench_machines.program(program)}
    names = symbols(programs["program"])
    first = min(address for address in names.values() if address >= 0x1_0000)  # others are offsets, of thread-local data

    def place(counter: int) -> str:
        if counter >= 1 << 63:
            return "kernel"
        return "program" if first <= counter < names["_end"] else OTHERS[program]

    distinct = sorted(set(counters))
    functions = {where: functions_at(elf, [c for c in distinct if place(c) == where]) for where, elf in programs.items()}
    result: list[Hop] = []
    for counter in counters:
        where = place(counter)
        inner = functions.get(where, {}).get(counter, [""])
        if not result or (result[-1].where, result[-1].function) != (where, inner[-1]):
            result.append(Hop(where, inner[-1]))
        result[-1].instructions += 1
        result[-1].inlined[inner[0]] += 1
    return result


def show(program: str, row: str) -> None:
    progress.say(f"following {row}, instruction by instruction")
    counters = follow(program, row)
    print(f"{row}: {len(counters)} instructions from one {MARKERS[program][current().name]} to the next")
    for hop in hops(program, counters):
        print(f"{hop.instructions:6}  {hop.where:8} {hop.function}")
        if len(hop.inlined) > 1:
            for function, count in hop.inlined.items():
                print(f"{'':10}{count:6}  {function}")
