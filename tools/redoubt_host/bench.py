"""tools/bench: what things cost, in instructions, beside the peers on the same emulated machine."""

import argparse
import json
import sys

from . import build, exit_path
from .bench_parts import LINUX_PARTS, PARTS, Session
from .progress import ToolError


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--path", metavar="ROW", help="follow one round of a row of exits (of ipc, if that is PART) instead, "
                        "such as pio_out_user, and print its instructions function by function")
    parser.add_argument("--quick", action="store_true", help="leave out what takes longest (Linux without mitigations)")
    arguments = parser.parse_args()
    unknown = set(arguments.part) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    parts = [name for name in PARTS if not arguments.part or name in arguments.part]
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
        tables.append(PARTS[name](session))
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
