"""Symbols for gdb: an ELF file that has nothing but a symbol table, made from a list like /proc/kallsyms or System.map."""

import re
import struct
from pathlib import Path

ELF_MAGIC = b"\x7fELF"
_LINE = re.compile(r"^([0-9a-fA-F]{8,16}) ([a-zA-Z]) (\S+)(?:\s+\[\S+\])?$")
_TEXT_TYPES = "tTwW"
# By QMP's names of architectures: e_machine and e_flags. The flag is EF_RISCV_RVC.
_MACHINES = {"x86_64": (62, 0), "riscv64": (243, 1)}
_ALLOCATED, _EXECUTABLE, _WRITABLE = 2, 4, 1
_PROGBITS_NONE, _SYMTAB, _STRTAB = 8, 2, 3


class SymbolError(Exception):
    """A sentence for a person."""


def parse(text: str) -> list[tuple[int, str, str]]:
    """(address, type letter, name) of each line that is one; modules' symbols too."""
    symbols = []
    for line in text.splitlines():
        found = _LINE.match(line.strip())
        if found:
            symbols.append((int(found[1], 16), found[2], found[3]))
    return sorted(symbols)


def symbol_file(symbols: list[tuple[int, str, str]], target: str) -> bytes:
    """The ELF file for an architecture by QMP's name. Code and data are two sections without contents, as large as their symbols need."""
    if not symbols:
        raise SymbolError("there is no symbol in it")
    if all(address == 0 for address, _, _ in symbols):
        raise SymbolError("all addresses are 0: read /proc/kallsyms as root, and with kernel.kptr_restrict=0")
    names = bytearray(b"\0")
    table = bytearray(24)
    spans = {1: [2 ** 64, 0], 2: [2 ** 64, 0]}
    for index, (address, letter, name) in enumerate(symbols):
        section = 1 if letter in _TEXT_TYPES else 2
        # A symbol ends where the next one begins, but one page is enough for the last of a section.
        end = symbols[index + 1][0] if index + 1 < len(symbols) else address + 1
        size = min(end - address, 4096)
        spans[section] = [min(spans[section][0], address), max(spans[section][1], address + max(size, 1))]
        binding, kind = 1, 2 if section == 1 else 1
        table += struct.pack("<IBBHQQ", len(names), binding << 4 | kind, 0, section, address, size)
        names += name.encode() + b"\0"
    section_names = b"\0.text\0.data\0.symtab\0.strtab\0.shstrtab\0"
    header_bytes = 64
    offsets = [header_bytes, header_bytes + len(table), header_bytes + len(table) + len(names)]
    section_table = offsets[2] + len(section_names)

    def section(name: bytes, kind: int, flags: int = 0, address: int = 0, offset: int = 0, size: int = 0,
                link: int = 0, info: int = 0, entry: int = 0) -> bytes:
        return struct.pack("<IIQQQQIIQQ", section_names.index(name + b"\0") if name else 0, kind, flags, address,
                           offset, size, link, info, 1, entry)

    def memory(name: bytes, index: int, flags: int) -> bytes:
        low, high = spans[index]
        low = min(low, high)
        return section(name, _PROGBITS_NONE, _ALLOCATED | flags, low, header_bytes, high - low)

    sections = [
        bytes(64),
        memory(b".text", 1, _EXECUTABLE),
        memory(b".data", 2, _WRITABLE),
        section(b".symtab", _SYMTAB, offset=offsets[0], size=len(table), link=4, info=1, entry=24),
        section(b".strtab", _STRTAB, offset=offsets[1], size=len(names)),
        section(b".shstrtab", _STRTAB, offset=offsets[2], size=len(section_names)),
    ]
    machine, flags = _MACHINES[target]
    header = ELF_MAGIC + bytes([2, 1, 1]) + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, 0, 0, section_table, flags, header_bytes, 0, 0, 64, len(sections), 5)
    return header + bytes(table) + bytes(names) + section_names + b"".join(sections)


def make(source: Path, made: Path, target: str) -> Path:
    """A file that gdb can load for `source`: itself if it is ELF, or else `made`, from its lines."""
    try:
        with open(source, "rb") as file:
            if file.read(len(ELF_MAGIC)) == ELF_MAGIC:
                return source
        made.write_bytes(symbol_file(parse(source.read_text(errors="replace")), target))
    except SymbolError as error:
        raise SymbolError(f"{source}: {error}") from None
    except OSError as error:
        raise SymbolError(f"{source}: {error.strerror or error}") from None
    return made
