"""tools/vmmctl: the friendly client of vmmd's management socket."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from . import gdb
from .architecture import ARCHITECTURES, current
from .paths import MANAGEMENT_SOCKET, SYSTEM_BUILD
from .qmp import QmpClient, QmpError
from .terminal import attach_terminal
from .text import duration_text, show, size_text, table
from .vm_inspect import add_disassemble_options, add_registers_options, do_disassemble, do_registers
from .vm_stats import do_stats
from .vm_top import add_top_options, do_top
from .vm_trace import add_trace_options, do_trace

STOP_SECONDS = 15


class CommandFailure(Exception):
    """A message for the person at the terminal; status 1."""


def event_text(event: dict) -> str:
    data = event.get("data", {})
    parts = [event["event"], data.get("name", ""), data.get("reason", "")]
    if event["event"] == "DAEMON_EXIT":
        parts.insert(1, f"code {data.get('code')}")
    if "guest" in data:
        parts.append("(by the guest)" if data["guest"] else "(by a client)")
    return " ".join(part for part in parts if part)


def only_vm(client) -> str:
    """The VM that is meant when none is named."""
    names = [vm["name"] for vm in client.execute("vm-list")]
    if len(names) != 1:
        raise CommandFailure(f"there are {len(names)} virtual machines, say which: {', '.join(names)}" if names
                             else "there are no virtual machines")
    return names[0]


# The commands: each prints for people, or what the daemon returned with --json.

def do_list(client, options) -> None:
    vms = client.execute("vm-list")
    rows = [["NAME", "STATE", "CPUS", "MEMORY", "UPTIME"]]
    rows += [[vm["name"], vm["state"], str(vm["cpus"]), size_text(vm["memory"]), duration_text(vm["uptime_ms"])]
             for vm in vms]
    show(options, vms, table(rows) if vms else "no virtual machines")


def do_info(client, options) -> None:
    info = client.execute("vm-info", name=options.name)
    shown = {**info, "memory": size_text(info["memory"]), "uptime": duration_text(info["uptime_ms"])}
    del shown["uptime_ms"]
    if "cpu_limit" in shown:
        shown["cpu_limit"] = f"{shown['cpu_limit']} %" if shown["cpu_limit"] else "none"
    first = ["name", "state", "stop_reason", "cpus", "memory", "uptime"]
    keys = [key for key in first if key in shown] + sorted(key for key in shown if key not in first)
    show(options, info, table([[key.replace("_", " ") + ":", str(shown[key]) + " "] for key in keys if shown[key] != ""]))


def simple(command: str, done: str):
    def run(client, options) -> None:
        name = options.name
        show(options, client.execute(command, name=name), f"{name}: {done}")
    return run


def do_stop(client, options) -> None:
    name = options.name
    client.execute("vm-stop", name=name)
    try:
        while event := client.next_event(STOP_SECONDS):
            if event["event"] == "VM_STOPPED" and event["data"]["name"] == name:
                return show(options, event["data"], f"{name}: {event['data']['reason']}")
    except TimeoutError:
        raise CommandFailure(f"{name} was told to stop, but has not stopped within {STOP_SECONDS} s") from None
    show(options, {"name": name}, f"{name}: stopped; the daemon has ended")


def do_quit(client, options) -> None:
    show(options, client.execute("quit"), "vmmd ends")


def do_events(client, options) -> None:
    while event := client.next_event():
        print(json.dumps(event) if options.json else event_text(event), flush=True)


def attach(options) -> int:
    if sys.stdin.isatty():
        print("Ctrl-] detaches", file=sys.stderr)
    left = attach_terminal(options.socket, options.name, replay=not options.no_replay)
    if left and sys.stdin.isatty():
        print("\ndetached", file=sys.stderr)
    return 0


def gdb_port(options) -> int:
    try:
        return gdb.serve(options)
    except gdb.GdbFailure as failure:
        raise CommandFailure(str(failure)) from None


def check(options) -> int:
    name, *arguments = ARCHITECTURES[options.arch].judge
    program = SYSTEM_BUILD / name
    if not program.exists():
        raise CommandFailure(f"{program} is not built yet; build it with: "
                             f"meson setup {SYSTEM_BUILD} && ninja -C {SYSTEM_BUILD} {name} (or just start tools/run)")
    result = subprocess.run([str(program), *arguments, str(options.file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, errors="replace")
    output = result.stdout.strip()
    if options.json:
        print(json.dumps({"ok": result.returncode == 0, "messages": output.splitlines()}, indent=2))
    elif output:
        print(output)
    return 1 if result.returncode else 0


COMMANDS = {
    "list": (do_list, "all virtual machines: state, processors, memory, uptime"),
    "info": (do_info, "where a virtual machine came from, and why it stopped if it did"),
    "trace": (do_trace, "the last exits: when, where, what, who answered"),
    "registers": (do_registers, "all registers of a virtual processor, as it runs"),
    "disassemble": (do_disassemble, "the guest's code where a virtual processor is, or at an address"),
    "stats": (do_stats, "time in guest, kernel and monitor, exits by kind, injections, memory"),
    "top": (do_top, "the rates of all virtual machines and processors, live; q leaves"),
    "attach": (attach, "this terminal becomes the console; Ctrl-] detaches; any number of watchers at a time"),
    "gdb": (gdb_port, "a port or socket for gdb, which stops the guest when it connects"),
    "pause": (simple("stop", "paused"), "holds the virtual processors; resume goes on"),
    "resume": (simple("cont", "running"), "goes on after pause"),
    "reset": (simple("system_reset", "reset"), "as the reset button does"),
    "powerdown": (simple("system_powerdown", "power button pressed"), "presses the guest's power button"),
    "stop": (do_stop, "cuts the power"),
    "start": (simple("vm-start", "started"), "starts a virtual machine that has stopped"),
    "events": (do_events, "prints events as they come, until Ctrl-C"),
    "quit": (do_quit, "stops every virtual machine and ends the daemon"),
    "check": (check, "judges a configuration file without starting anything"),
}
STREAMS = (attach, gdb_port)  # make their own connections
WITHOUT_NAME = {"list", "top", "events", "quit", "check"}


def parse(arguments: list[str]) -> argparse.Namespace:
    default = Path(os.environ.get("REDOUBT_SOCKET") or MANAGEMENT_SOCKET)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print what the daemon returned")
    common.add_argument("--socket", type=Path, metavar="PATH", default=argparse.SUPPRESS,
                        help="the management socket (default: $REDOUBT_SOCKET, else .run/vmm.sock of the checkout)")
    parser = argparse.ArgumentParser(prog="tools/vmmctl", parents=[common],
                                     description="Controls the virtual machines of a running Redoubt (see tools/run).",
                                     epilog="NAME may be left out while there is only one virtual machine. "
                                            "Status: 0, or 1 if it could not be done, 2 for wrong usage.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, (_, text) in COMMANDS.items():
        each = commands.add_parser(command, parents=[common], help=text, description=text)
        if command not in WITHOUT_NAME:
            each.add_argument("name", nargs="?", metavar="NAME")
        if command == "check":
            each.add_argument("file", type=Path, metavar="FILE")
            each.add_argument("--arch", choices=ARCHITECTURES, default=current().name, help="what it is for (default: %(default)s)")
        if command == "trace":
            add_trace_options(each)
        if command == "registers":
            add_registers_options(each)
        if command == "disassemble":
            add_disassemble_options(each)
        if command == "top":
            add_top_options(each)
        if command == "gdb":
            where = each.add_mutually_exclusive_group()
            where.add_argument("--port", type=int, default=0, metavar="N", help="TCP port on localhost (default: a free one)")
            where.add_argument("--listen", type=Path, metavar="PATH", help="a unix socket instead of a port")
            each.add_argument("--symbols", type=Path, metavar="FILE",
                              help="vmlinux, or a copy of the guest's /proc/kallsyms, from which symbols are made")
            each.add_argument("--run", action="store_true", help="start gdb at once, and end with it")
        if command == "attach":
            each.add_argument("--no-replay", action="store_true", help="do not show what was printed before")
    options = parser.parse_args(arguments)
    options.socket = getattr(options, "socket", default)
    options.json = getattr(options, "json", False)
    return options


def run(options: argparse.Namespace) -> int:
    action = COMMANDS[options.command][0]
    if options.command == "check":
        return check(options)
    try:
        with QmpClient(options.socket) as client:
            if options.command not in WITHOUT_NAME and options.name is None:
                options.name = only_vm(client)
            if action not in STREAMS:
                action(client, options)
                return 0
        return action(options)
    except (FileNotFoundError, ConnectionRefusedError):
        raise CommandFailure(f"nothing listens on {options.socket}: is Redoubt running? Start it with tools/run") from None
    except QmpError as error:
        raise CommandFailure(str(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandFailure(f"{options.socket}: {error.strerror or error}") from None


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        return run(options)
    except CommandFailure as failure:
        print(f"vmmctl: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output (head, say) has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
