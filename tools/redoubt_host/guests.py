"""Guests: Debian's kernels, fetched with apt and only unpacked, and a busybox initramfs made here."""

import gzip
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import progress
from .cpio import Cpio
from .paths import GUESTS
from .progress import ToolError


@dataclass(frozen=True)
class Guest:
    """A kernel and the initramfs with its modules."""

    kernel: Path
    initramfs: Path


# Our names of guests -> Debian's meta packages.
FLAVOURS = {"cloud": "linux-image-cloud-amd64", "generic": "linux-image-amd64"}
MODULES = ["kernel/drivers/acpi/button.ko", "kernel/drivers/input/evdev.ko"]

INITTAB = """\
::sysinit:/etc/rc
ttyS0::respawn:-/bin/sh
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/umount -a -r
"""

RC = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp
hostname demo
for module in /lib/modules/*.ko; do insmod "$module" 2>/dev/null; done
acpid -l /dev/null -p /run/acpid.pid 2>/dev/null
"""

PROFILE = """\
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ TERM=linux PS1='demo:\\w# '
echo
echo "This is $(uname -sr) in a virtual machine of Redoubt. 'poweroff' ends it."
"""

POWER_BUTTON = """\
#!/bin/sh
echo "power button pressed" > /dev/console
poweroff
"""


def _apt(*arguments: str, directory: Path | None = None) -> str:
    result = subprocess.run(arguments, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode:
        raise ToolError(f"`{' '.join(arguments)}` failed: {result.stderr.strip()[-1000:]}")
    return result.stdout


def _concrete_package(meta: str) -> str:
    found = re.search(r"Depends: (linux-image-\S+)", _apt("apt-cache", "depends", meta))
    if not found:
        raise ToolError(f"apt knows no kernel behind {meta}; run `apt-get update` first")
    return found[1]


def _unpack(package: str, directory: Path) -> Path:
    """Downloads and unpacks a package under `directory`, without installing it; gives the folder."""
    target = directory / package
    if (target / ".complete").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    downloads = directory / f"{package}.download"
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    with progress.step(f"fetching {package}"):
        _apt("apt-get", "download", package, directory=downloads)
        (archive,) = downloads.glob("*.deb")
        target.mkdir()
        _apt("dpkg", "-x", str(archive), str(target))
    shutil.rmtree(downloads)
    (target / ".complete").touch()
    return target


def make_initramfs(busybox: bytes, modules: dict[str, bytes], extra: dict[str, bytes] = {}) -> bytes:
    """A gzip'ed cpio: busybox's init gives a shell on the serial console. `extra` adds executable files."""
    archive = Cpio()
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "lib/modules", "root", "run"):
        archive.directory(name)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    archive.character_device("dev/ttyS0", 4, 64)
    archive.file("bin/busybox", busybox, executable=True)
    archive.link("bin/sh", "busybox")
    archive.link("init", "bin/busybox")
    archive.file("etc/inittab", INITTAB.encode())
    archive.file("etc/rc", RC.encode(), executable=True)
    archive.file("etc/profile", PROFILE.encode())
    archive.file("etc/acpi/PWRF/00000080", POWER_BUTTON.encode(), executable=True)
    for name, data in modules.items():
        archive.file(f"lib/modules/{name}", data)
    for name, data in extra.items():
        archive.file(name, data, executable=True)
    return gzip.compress(archive.bytes(), compresslevel=6, mtime=0)


def guest(flavour: str = "cloud") -> Guest:
    """Fetches (once) the guest of that flavour."""
    folder = GUESTS / flavour
    result = Guest(folder / "vmlinuz", folder / "initramfs.cpio.gz")
    made_by = folder / "made-by"
    recipe = str(hash_of_recipe())
    if made_by.exists() and made_by.read_text() == recipe and result.kernel.exists() and result.initramfs.exists():
        return result
    GUESTS.mkdir(parents=True, exist_ok=True)
    if not any(Path("/var/lib/apt/lists").glob("*Packages*")):
        progress.say("updating apt's package lists")
        _apt(*(["sudo"] if os.getuid() else []), "apt-get", "update")
    unpacked = _unpack(_concrete_package(FLAVOURS[flavour]), GUESTS / "packages")
    busybox = _unpack("busybox-static", GUESTS / "packages") / "bin/busybox"
    (kernel,) = (unpacked / "boot").glob("vmlinuz-*")
    modules = _modules_of(unpacked, MODULES)
    folder.mkdir(exist_ok=True)
    shutil.copyfile(kernel, result.kernel)
    result.initramfs.write_bytes(make_initramfs(busybox.read_bytes(), modules))
    made_by.write_text(recipe)
    return result


def _modules_of(unpacked: Path, names: list[str]) -> dict[str, bytes]:
    """File name -> contents of those modules that the unpacked kernel has."""
    return {path.name: path.read_bytes() for name in names for path in unpacked.glob(f"lib/modules/*/{name}")}


def modules(names: list[str], flavour: str = "cloud") -> dict[str, bytes]:
    """Modules of the fetched kernel, in this order."""
    guest(flavour)
    found = _modules_of(_unpack(_concrete_package(FLAVOURS[flavour]), GUESTS / "packages"), names)
    if len(found) != len(names):
        raise ToolError(f"Debian's {flavour} kernel lacks one of the modules {', '.join(names)}")
    return found


def hash_of_recipe() -> str:
    """Changes when what goes into an initramfs changes."""
    import hashlib

    return hashlib.sha256("\0".join([INITTAB, RC, PROFILE, POWER_BUTTON, *MODULES]).encode()).hexdigest()
