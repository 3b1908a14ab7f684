"""vmmctl top: what all virtual machines do now, as a table that is drawn anew every few seconds."""

import argparse
import json
import os
import select
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass

from .qmp import QmpError
from .terminal import raw_terminal
from .text import size_text, table
from .vm_rates import Rates, sum_of, vcpu_rates

ORDERS = {"exits": lambda rates: rates.exits, "cpu": lambda rates: rates.busy}
KINDS_SHOWN = 3
HELP = ["", "q: quit   s: sort by the other"]
QUIT_KEYS = b"qQ\x03\x1b"


def add_top_options(parser: argparse.ArgumentParser) -> None:
    def positive(kind):
        def parse(text: str):
            value = kind(text)
            if not 0 < value <= 86_400:
                raise argparse.ArgumentTypeError(f"{text} is not from 0 to 86400")
            return value
        return parse

    parser.add_argument("--interval", type=positive(float), metavar="S", default=1.0, help="seconds between samples (default: 1)")
    parser.add_argument("-n", "--samples", type=positive(int), metavar="N", help="ends after N samples")
    parser.add_argument("--once", dest="samples", action="store_const", const=1, help="the same as -n 1")
    parser.add_argument("--sort", choices=ORDERS, default="exits", help="what comes first: most exits (default) or most time")


@dataclass
class Row:
    """A virtual machine between two samples."""
    vm: dict  # its row of vm-list
    all: Rates
    vcpus: list[Rates]

    def to_json(self) -> dict:
        return {**self.vm, **self.all.to_json(), "vcpus": [rates.to_json() for rates in self.vcpus]}


class Sampler:
    """Reads the statistics of all virtual machines, again and again."""

    def __init__(self, client):
        self._client = client
        self._before: dict[str, list[dict]] = {}

    def sample(self) -> list[Row]:
        rows = []
        statistics = {}
        for vm in self._client.execute("vm-list"):
            vcpus = self._vcpus(vm["name"])
            statistics[vm["name"]] = vcpus
            before = self._before.get(vm["name"], [])
            rates = [vcpu_rates(before[index] if index < len(before) else None, vcpu) for index, vcpu in enumerate(vcpus)]
            rows.append(Row(vm, sum_of(rates), rates))
        self._before = statistics
        return rows

    def _vcpus(self, name: str) -> list[dict]:
        try:
            return self._client.execute("vm-stats", name=name).get("vcpus", [])
        except QmpError as error:
            # It may have ended since the list was made, or be about to start.
            if "closed the connection" in str(error):
                raise
            return []


def per_cent(share: float) -> str:
    return f"{share * 100:.0f} %"


def cells(name: str, state: str, rates: Rates, memory: str) -> list[str]:
    kinds = sorted(rates.kinds.items(), key=lambda item: (-item[1], item[0]))[:KINDS_SHOWN]
    return [name, state, f"{rates.exits:,.0f}", f"{rates.exits_in_kernel:,.0f}", f"{rates.injections:,.0f}",
            *(per_cent(rates.shares[use]) for use in ("guest", "kernel", "monitor", "waiting")),
            memory, ", ".join(f"{kind.replace('_', ' ')} {rate:,.0f}" for kind, rate in kinds)]


def screen(rows: list[Row], order: str) -> list[str]:
    """The lines of a sample."""
    running = sum(row.vm["state"] == "running" for row in rows)
    exits = sum(row.all.exits for row in rows)
    lines = [f"{len(rows)} virtual machine{'s' if len(rows) != 1 else ''}, {running} running; {exits:,.0f} exits/s; sorted by {order}", ""]
    body = [["NAME", "STATE", "EXITS/S", "IN KERNEL", "INJECTED", "GUEST", "KERNEL", "MONITOR", "WAITING", "MEMORY", "MOST EXITS"]]
    for row in sorted(rows, key=lambda row: (-ORDERS[order](row.all), row.vm["name"])):
        body.append(cells(row.vm["name"], row.vm["state"], row.all, size_text(row.vm["memory"])))
        if len(row.vcpus) > 1:
            body += [cells(f"  cpu{index}", "", rates, "") for index, rates in enumerate(row.vcpus)]
    return lines + table(body).splitlines()


@contextmanager
def full_screen(stream):
    """The terminal's other screen, without cursor, while inside."""
    stream.write("\x1b[?1049h\x1b[?25l")
    try:
        yield
    finally:
        stream.write("\x1b[?25h\x1b[?1049l")
        stream.flush()


def draw(stream, lines: list[str]) -> None:
    columns, height = shutil.get_terminal_size()
    shown = [line[:columns] for line in lines[:height]]
    stream.write("\x1b[H" + "\r\n".join(line + "\x1b[K" for line in shown) + "\x1b[J")
    stream.flush()


def key_until(deadline: float) -> bytes:
    """What was typed, or nothing when the time has come."""
    seconds = max(deadline - time.monotonic(), 0)
    if not select.select([sys.stdin], [], [], seconds)[0]:
        return b""
    # The end of the input is as good as a key to leave.
    return os.read(sys.stdin.fileno(), 64) or QUIT_KEYS[:1]


def watch(sampler: Sampler, options) -> None:
    """On a terminal, until somebody wants to leave."""
    order = options.sort
    left = options.samples
    with raw_terminal(sys.stdin.fileno()), full_screen(sys.stdout):
        while left is None or left > 0:
            rows = sampler.sample()
            deadline = time.monotonic() + options.interval
            draw(sys.stdout, screen(rows, order) + HELP)
            while keys := key_until(deadline):
                if any(key in QUIT_KEYS for key in keys):
                    return
                if keys.lower().count(b"s") % 2:
                    order = next(other for other in ORDERS if other != order)
                draw(sys.stdout, screen(rows, order) + HELP)
            left = None if left is None else left - 1


def print_samples(sampler: Sampler, options) -> None:
    """For scripts and pipes: sample after sample."""
    sampler.sample()
    left = options.samples
    while left is None or left > 0:
        time.sleep(options.interval)
        rows = sampler.sample()
        if options.json:
            print(json.dumps([row.to_json() for row in rows]), flush=True)
        else:
            print("\n".join(screen(rows, options.sort)) + "\n", flush=True)
        left = None if left is None else left - 1


def do_top(client, options) -> None:
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not options.json and options.samples != 1
    (watch if interactive else print_samples)(Sampler(client), options)
