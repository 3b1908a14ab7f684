"""vmmctl registers and disassemble: what a virtual processor has in its registers, and the code it is at."""

import argparse

from .text import show

SHOWN_BYTES = 10  # of an instruction in a line


def add_registers_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpu", "--vcpu", type=int, metavar="N", help="of which virtual processor (default: 0)")


def address(text: str) -> int | None:
    """A number as C writes it, also without 0x as listings show it, or pc: where the processor is."""
    if text == "pc":
        return None
    try:
        value = int(text, 0)
    except ValueError:
        value = int(text, 16)
    if not 0 <= value < 1 << 64:
        raise ValueError(text)
    return value


def add_disassemble_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", nargs="?", type=address, metavar="ADDRESS|pc",
                        help="where to begin, a virtual address of the guest (default: pc); NAME comes first")
    parser.add_argument("count", nargs="?", type=int, metavar="COUNT", help="how many instructions (default: 16)")
    parser.add_argument("--cpu", "--vcpu", type=int, metavar="N", help="as which virtual processor sees it (default: 0)")


def instruction_line(instruction: dict, mark: str) -> str:
    shown = " ".join(f"{byte:02x}" for byte in instruction["bytes"][:SHOWN_BYTES])
    if len(instruction["bytes"]) > SHOWN_BYTES:
        shown += " …"
    return f"{mark} {instruction['address']:016x}  {shown:{3 * SHOWN_BYTES + 1}}{instruction['text']}"


def code_text(listing: dict) -> str:
    lines = [instruction_line(instruction, " ") for instruction in listing["before"]]
    lines += [instruction_line(instruction, ">" if instruction["address"] == listing["address"] else " ")
              for instruction in listing["code"]]
    return "\n".join(lines + ([f"  {listing['problem']}"] if listing["problem"] else []))


def do_registers(client, options) -> None:
    view = client.execute("vm-registers", name=options.name, vcpu=options.cpu)
    show(options, view, view["text"].rstrip("\n"))


def do_disassemble(client, options) -> None:
    before = None if options.address is None else 0
    listing = client.execute("vm-code", name=options.name, vcpu=options.cpu, address=options.address, before=before,
                             count=options.count)
    show(options, listing, code_text(listing))
