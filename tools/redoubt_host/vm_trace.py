"""vmmctl trace: the last exits of a virtual machine's processors, a line each."""

import argparse
import json
import time

FOLLOW_SECONDS = 0.25


def add_trace_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpu", "--vcpu", type=int, metavar="N", help="only this virtual processor's")
    parser.add_argument("--count", type=int, metavar="N", help="the newest N (default: all that are kept)")
    parser.add_argument("--follow", action="store_true", help="goes on with new ones until Ctrl-C")


def trace_line(entry: dict) -> str:
    microseconds = entry["time_ns"] // 1000
    counter = "rip" if "rip" in entry else "pc"  # as the architecture calls it
    line = (f"{microseconds // 1_000_000:5}.{microseconds % 1_000_000:06} cpu{entry['vcpu']} "
            f"{counter} {entry[counter]:016x} {entry['text']}")
    return f"{line} → {entry['handler']}" if entry["handler"] else line


def print_entries(entries: list[dict], as_json: bool) -> None:
    for entry in entries:
        print(json.dumps(entry) if as_json else trace_line(entry), flush=True)


class Gaps:
    """Notices exits that nobody has seen, because more came than are kept."""

    def __init__(self):
        self._next: dict[int, int] = {}

    def missed(self, entries: list[dict]) -> int:
        missed = 0
        for entry in entries:
            expected = self._next.get(entry["vcpu"])
            if expected is not None:
                missed += max(entry["number"] - expected, 0)
            self._next[entry["vcpu"]] = entry["number"] + 1
        return missed


def follow(client, options, entries: list[dict]) -> None:
    gaps = Gaps()
    gaps.missed(entries)
    after = max((entry["time_ns"] for entry in entries), default=-1)
    while True:
        time.sleep(FOLLOW_SECONDS)
        new = client.execute("vm-trace", name=options.name, vcpu=options.cpu, after_ns=max(after, 0))
        missed = gaps.missed(new)
        if missed and not options.json:
            print(f"… {missed:,} exits not seen …")
        print_entries(new, options.json)
        after = max([after] + [entry["time_ns"] for entry in new])


def do_trace(client, options) -> None:
    entries = client.execute("vm-trace", name=options.name, vcpu=options.cpu, count=options.count)
    if options.json and not options.follow:
        print(json.dumps(entries, indent=2))
        return
    print_entries(entries, options.json)
    if options.follow:
        follow(client, options, entries)
