"""tools/bench: what things cost, in instructions, beside the peers on the same emulated machine."""

import argparse
import json
import sys

from . import build, exit_path
from .architecture import ARCHITECTURES, current, select
from .bench_parts import PARTS
from .bench_session import Session
from .bench_x86_64 import LINUX_PARTS
from .progress import ToolError


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS['x86_64'])} (default: all)")
    parser.add_argument("--arch", choices=ARCHITECTURES, default=current().name,
                        help="the architecture of the machine (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--path", metavar="ROW", help="follow one round of a row of exits (of ipc, if that is PART) instead, "
                        "such as pio_out_user or sbi_call, and print its instructions function by function")
    parser.add_argument("--quick", action="store_true", help="leave out what takes longest (Linux without mitigations)")
    arguments = parser.parse_args()
    select(arguments.arch)
    available = PARTS[arguments.arch]
    if unknown := set(arguments.part) - set(available):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(available)}")
    parts = [name for name in available if not arguments.part or name in arguments.part]
    try:
        build.system()
        if arguments.path:
            exit_path.show("ipc" if arguments.part == ["ipc"] else "exits", arguments.path)
            return 0
    except ToolError as error:
        print(f"tools/bench: {error}", file=sys.stderr)
        return error.status
    session = Session(sorted({LINUX_PARTS[name] for name in parts if name in LINUX_PARTS}), arguments.quick)
    tables = []
    for name in parts:
        tables.append(available[name](session))
        if not arguments.json:
            print(tables[-1].text() + "\n", flush=True)
    if arguments.json:
        print(json.dumps({table.name: table.json() for table in tables}, indent=2))
    for table in tables:
        session.errors += [f"{table.name}: nothing measured for: {label}" for label in table.missing()]
    for error in session.errors:
        print(f"tools/bench: {error}", file=sys.stderr)
    return 1 if session.errors else 0


if __name__ == "__main__":
    sys.exit(main())
