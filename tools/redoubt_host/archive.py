"""Packs the boot archive: init, the services, the start list, a configuration and the files it names."""

import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from . import build, guests
from .architecture import current
from .cpio import Cpio
from .paths import REPOSITORY
from .progress import ToolError

# Programs in the archive: name there -> name in the build directory.
PROGRAMS = {
    "init": "schemes/init/init",
    "bin/libposix": "libposix/libposix",
    "bin/initfs": "schemes/initfs/initfs",
    "bin/log": "schemes/log/log",
    "bin/console": "schemes/console/console",
    "bin/chan": "schemes/chan/chan",
    "bin/vmmd": "vmmd/vmmd",
    "bin/monitor": "vmmd/monitor",
}
START_LIST = REPOSITORY / "schemes/init/start"
DEMO_GUESTS = {"guests/vmlinuz", "guests/initramfs.cpio.gz"}


@dataclass
class Configuration:
    """A configuration as it will be inside: its text with file: URLs rewritten, and the files they named."""

    text: str
    files: dict[str, Path]
    vm_names: list[str]
    needs_demo_guest: bool


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def check_configuration(path: Path) -> None:
    """Lets vmmd itself judge the file; raises with its messages."""
    result = subprocess.run([*build.judge(), str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        raise ToolError(result.stdout.strip() or f"{path}: vmmd check failed with status {result.returncode}")


def read_configuration(path: Path) -> Configuration:
    """Reads a file that vmmd accepts and finds what must be packed with it."""
    try:
        text = path.read_text()
        parsed = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(f"{path}: {getattr(error, 'strerror', None) or error}")
    except tomllib.TOMLDecodeError as error:
        raise ToolError(f"{path}: {error}")
    files: dict[str, Path] = {}
    values = set(_strings(parsed))
    for url in sorted(value for value in values if value.startswith("file:")):
        source = (path.parent / url.removeprefix("file:")).resolve()
        line = next((n for n, l in enumerate(text.splitlines(), 1) if url in l), 1)
        if not source.is_file():
            raise ToolError(f"{path}:{line}: {url}: there is no file {source}")
        inside = f"files/{len(files)}-{re.sub(r'[^A-Za-z0-9._-]', '_', source.name)}"
        files[inside] = source
        for quote in "\"'":
            text = text.replace(f"{quote}{url}{quote}", f"{quote}initfs:/{inside}{quote}")
    needs_demo = any(value.removeprefix("initfs:").lstrip("/") in DEMO_GUESTS for value in values)
    return Configuration(text, files, list(parsed.get("vm", {})), needs_demo)


def pack(output: Path, configuration: Configuration, *, start_list: str | None = None,
         extra: dict[str, bytes] = {}, flavour: str | None = None) -> None:
    """Writes the boot archive. `extra` adds or replaces entries (tests use it)."""
    architecture = current()
    build.ninja(architecture.build)
    archive = Cpio()
    entries: dict[str, bytes] = {}
    start_list = START_LIST.read_text() if start_list is None else start_list
    for name, built in PROGRAMS.items():
        if name in ("bin/vmmd", "bin/monitor") and "bin/vmmd" not in start_list:
            continue
        stripped = architecture.build / (built + ".stripped")
        source = architecture.build / built
        if not source.exists():
            raise ToolError(f"there is no {built} for {architecture.name}")
        if not stripped.exists() or stripped.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([architecture.tools + "strip", "-o", str(stripped), str(source)], check=True)
        entries[name] = stripped.read_bytes()
    entries["etc/start"] = start_list.encode()
    entries["etc/vmmd.toml"] = configuration.text.encode()
    if configuration.needs_demo_guest:
        guest = guests.guest(flavour)
        entries["guests/vmlinuz"] = guest.kernel.read_bytes()
        entries["guests/initramfs.cpio.gz"] = guest.initramfs.read_bytes()
    for name, source in configuration.files.items():
        entries[name] = source.read_bytes()
    entries.update(extra)
    for name, data in entries.items():
        archive.file(name, data, executable=name == "init" or name.startswith("bin/"))
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(output.name + ".new")
    temporary.write_bytes(archive.bytes())
    temporary.replace(output)
