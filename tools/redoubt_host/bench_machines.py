"""The emulated machines that tools/bench measures on, all alike: Redoubt with a program in the place of vmmd, and its
peer, Debian's kernel with a program in the place of init. Their clocks count instructions."""

import gzip
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from . import archive, guests
from .architecture import current
from .cpio import Cpio
from .machine import Machine, MachineOptions
from .progress import ToolError

INIT = r"guest_init +\d+\s"  # what guest_init tells
KVM_MODULES = ["kernel/virt/lib/irqbypass.ko", "kernel/arch/x86/kvm/kvm.ko", "kernel/arch/x86/kvm/kvm-amd.ko"]
FIRMWARE = ["bios-256k.bin", "linuxboot_dma.bin", "kvmvapic.bin"]
FIRMWARE_FOLDERS = ["/usr/share/qemu", "/usr/share/seabios"]
GUEST_COMMAND_LINE = "console=ttyS0 quiet"
SECONDS = 600

# Instructions take 2^shift ns. One tick of x86-64's counter is a nanosecond; of riscv64's 100, so there the time of a
# round trip is told exactly by slower ones. A guest with a clock of its own would come to nothing else, though.
SHIFT = 0
EXACT_SHIFT = {"x86_64": 0, "riscv64": 10}

Figures = dict[str, dict[str, int]]  # part -> name -> instructions


def count_instructions(shift: int = SHIFT) -> list[str]:
    """QEMU's options; no clock and no random number of the host's makes one run differ from another."""
    return ["-icount", f"shift={shift},sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]


def program(name: str) -> Path:
    """One of tests/bench."""
    return current().build / "tests/bench" / name


def _start_list() -> str:
    """The ordinary start list with the benchmark in place of vmmd."""
    lines = [line for line in archive.START_LIST.read_text().splitlines() if not line.startswith("vmmd")]
    return "\n".join(lines) + "\nbench bin/bench uses=initfs,log grant=hv,power memory=512M on-exit=poweroff\n"


def redoubt(directory: Path, name: str, options: list[str] | None = None) -> Machine:
    """Redoubt that starts the program tests/bench/`name`; `options` are QEMU's, instead of those that count."""
    boot_archive = directory / "boot.cpio"
    archive.pack(boot_archive, archive.Configuration("", {}, [], False), start_list=_start_list(),
                 extra={"bin/bench": program(name).read_bytes()})
    return Machine(directory, boot_archive, MachineOptions(
        extra=count_instructions(EXACT_SHIFT[current().name]) if options is None else options))


def redoubt_with_guest(directory: Path, configuration: str, files: dict[str, bytes]) -> Machine:
    """Redoubt as it is, with this configuration; `files` are those it names with file: URLs."""
    for name, data in files.items():
        (directory / name).write_bytes(data)
    config_file = directory / "vmm.toml"
    config_file.write_text(configuration)
    boot_archive = directory / "boot.cpio"
    archive.check_configuration(config_file)
    archive.pack(boot_archive, archive.read_configuration(config_file))
    return Machine(directory, boot_archive, MachineOptions(extra=count_instructions()))


def bare_linux(directory: Path, initramfs: Path, *, memory: str = "2G", command_line: str = "") -> Machine:
    """Debian's kernel on that machine itself."""
    boot = ["-kernel", str(guests.guest().kernel), "-initrd", str(initramfs),
            "-append", f"{GUEST_COMMAND_LINE} {command_line}".rstrip()]
    return Machine(directory, initramfs, MachineOptions(memory=memory, boot=boot, extra=count_instructions()))


def linux_with_kvm(directory: Path, parts: list[str], *, mitigations: bool = True,
                   extra: dict[str, bytes] = {}) -> Machine:
    """Debian's kernel with KVM and tests/bench/linux_peer, which measures these parts."""
    contents = Cpio()
    for name in ("dev", "modules", *sorted({str(parent) for name in extra for parent in Path(name).parents} - {"."})):
        contents.directory(name)
    contents.character_device("dev/console", 5, 1)
    contents.file("init", program("linux_peer").read_bytes(), executable=True)
    for order, (name, data) in enumerate(guests.modules(KVM_MODULES).items()):
        contents.file(f"modules/{order}-{name}", data)
    for name, data in extra.items():
        contents.file(name, data, executable=True)
    initramfs = directory / "peer.cpio"
    initramfs.write_bytes(contents.bytes())
    options = "panic=-1" + ("" if mitigations else " mitigations=off")
    return bare_linux(directory, initramfs, command_line=f"{options} -- {' '.join(parts)}")


def guest_initramfs() -> bytes:
    """An initramfs whose init tells when it was reached, and ends the machine."""
    contents = Cpio()
    contents.directory("dev")
    contents.character_device("dev/console", 5, 1)
    contents.file("init", program("guest_init").read_bytes(), executable=True)
    return gzip.compress(contents.bytes(), mtime=0)


def qemu_files() -> dict[str, bytes]:
    """QEMU with its libraries and what firmware it needs here, to run on another Linux."""
    program = shutil.which("qemu-system-x86_64")
    if program is None:
        raise ToolError("qemu-system-x86_64 is not installed; tools/setup --run installs it")
    files = {"bin/qemu": Path(program)}
    libraries = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    for path in re.findall(r"(/\S+) \(0x", libraries):
        files[path.lstrip("/")] = Path(path)
    for name in FIRMWARE:
        found = [path for folder in FIRMWARE_FOLDERS if (path := Path(folder) / name).exists()]
        if not found:
            raise ToolError(f"QEMU's firmware {name} is in none of {', '.join(FIRMWARE_FOLDERS)}")
        files[f"firmware/{name}"] = found[0]
    return {name: path.read_bytes() for name, path in files.items()}


@contextmanager
def running(machine: Machine):
    """The machine, from its start to the end of the block."""
    machine.start()
    try:
        yield machine
    finally:
        machine.stop()


def wait_for_log(machine: Machine, pattern: str, seconds: float = SECONDS) -> str:
    """The log of a running machine, as soon as it matches."""
    deadline = time.monotonic() + seconds
    while True:
        alive = machine.running()
        log = _log(machine)
        if re.search(pattern, log):
            return log
        if failed := re.search(r"BENCH FAILED (.*)", log):
            raise ToolError(f"the measuring program failed: {failed[1].strip()}\n{machine.log_tail()}")
        if not alive:
            raise ToolError(f"the machine ended early\n{machine.log_tail()}")
        if time.monotonic() > deadline:
            raise ToolError(f"{pattern!r} did not come within {seconds:.0f} s\n{machine.log_tail()}")
        time.sleep(0.1)


def measure(machine: Machine, until: str = "BENCH DONE") -> Figures:
    """Lets the machine run until its log matches; gives what its program reported there: part -> name -> figure."""
    with running(machine):
        log = wait_for_log(machine, until)
    figures: Figures = {}
    for part, name, value in re.findall(r"BENCH (\w+) (\w+) +(\d+)", log):
        figures.setdefault(part, {})[name] = int(value)
    return figures


def _log(machine: Machine) -> str:
    return machine.system_log.read_text(errors="replace") if machine.system_log.exists() else ""
