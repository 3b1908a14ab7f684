"""Guests: Debian's kernels, fetched with apt and only unpacked, and a busybox initramfs made here."""

import gzip
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import progress
from .architecture import current
from .cpio import Cpio
from .paths import GUESTS
from .progress import ToolError


@dataclass(frozen=True)
class Guest:
    """A kernel and the initramfs with its modules."""

    kernel: Path
    initramfs: Path


@dataclass(frozen=True)
class Flavour:
    """A guest's kernel: Debian's meta package, from this machine's own release or the first of others."""

    package: str
    modules: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    architecture: str = "amd64"


POWER_BUTTON_MODULES = ("kernel/drivers/acpi/button.ko", "kernel/drivers/input/evdev.ko")
FLAVOURS = {
    "cloud": Flavour("linux-image-cloud-amd64", POWER_BUTTON_MODULES),
    "generic": Flavour("linux-image-amd64", POWER_BUTTON_MODULES),
    # Mirrors keep a release under two names, of which one may be out of step with its index.
    "riscv64": Flavour("linux-image-riscv64", releases=("trixie", "stable", "forky"), architecture="riscv64"),
}
DEFAULT_FLAVOUR = {"x86_64": "cloud", "riscv64": "riscv64"}

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

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
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=linux PS1='demo:\\w# '
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


class Packages:
    """Where a flavour's packages come from: this machine's own release, or the first of others that can be had."""

    def __init__(self, flavour: Flavour):
        self._options: list[str] = []
        self._directory = GUESTS / "packages"
        if flavour.releases:
            return self._use_first(flavour)
        if not any(Path("/var/lib/apt/lists").glob("*Packages*")):
            progress.say("updating apt's package lists")
            _apt(*(["sudo"] if os.getuid() else []), "apt-get", "update")

    def _use_first(self, flavour: Flavour) -> None:
        failures = []
        for release in flavour.releases:
            self._directory = GUESTS / f"packages-{release}-{flavour.architecture}"
            try:
                return self._use(release, flavour.architecture)
            except ToolError as error:
                failures.append(str(error))
                progress.say(f"Debian {release} for {flavour.architecture} cannot be had at the moment")
        raise ToolError("\n".join(failures))

    def _use(self, release: str, architecture: str) -> None:
        # A state of its own, so that nothing of the machine's apt changes.
        state = self._directory / "apt"
        self._options = [f"-oDir::State={state}", f"-oDir::State::Lists={state}/lists", f"-oDir::Cache={state}/cache",
                         f"-oDir::Etc::sourcelist={state}/sources.list", "-oDir::Etc::sourceparts=-",
                         "-oDir::State::status=/dev/null", f"-oAPT::Architecture={architecture}",
                         f"-oAPT::Architectures={architecture}", "-oAPT::Sandbox::User=root"]
        if (state / ".complete").exists():
            return
        for folder in ("lists/partial", "cache/archives/partial"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        (state / "sources.list").write_text(f"deb [arch={architecture} signed-by={KEYRING}] {_mirror()} {release} main\n")
        with progress.step(f"fetching the package list of Debian {release} for {architecture}"):
            _apt("apt-get", *self._options, "update")
        (state / ".complete").touch()

    def unpack_kernel(self, meta: str) -> Path:
        """The folder with the kernel and modules behind a meta package."""
        package = self._dependency(meta, "linux-image-")
        if not package:
            raise ToolError(f"apt knows no kernel behind {meta}; run `apt-get update` first")
        # In newer releases the image is in a package of its own.
        return self.unpack(self._dependency(package, "linux-binary-") or package)

    def _dependency(self, package: str, prefix: str) -> str | None:
        found = re.search(rf"Depends: ({prefix}[^\s:]+)", _apt("apt-cache", *self._options, "depends", package))
        return found[1] if found else None

    def unpack(self, package: str) -> Path:
        """Downloads and unpacks a package, without installing it; gives the folder."""
        return _unpack(package, self._directory, self._options)


def _mirror() -> str:
    """Where this machine has Debian from."""
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if path.is_file() and (found := re.search(r"^[^#\n]*?(https?://\S+/debian)/?(?=\s)", path.read_text(errors="replace"), re.M)):
            return found[1]
    return "http://deb.debian.org/debian"


def _unpack(package: str, directory: Path, options: list[str]) -> Path:
    target = directory / package
    if (target / ".complete").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    downloads = directory / f"{package}.download"
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    with progress.step(f"fetching {package}"):
        _apt("apt-get", *options, "download", package, directory=downloads)
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


def guest(flavour: str | None = None) -> Guest:
    """Fetches (once) the guest of that flavour, or the usual one of the current architecture."""
    flavour = flavour or DEFAULT_FLAVOUR[current().name]
    folder = GUESTS / flavour
    result = Guest(folder / "vmlinuz", folder / "initramfs.cpio.gz")
    made_by = folder / "made-by"
    recipe = str(hash_of_recipe())
    if made_by.exists() and made_by.read_text() == recipe and result.kernel.exists() and result.initramfs.exists():
        return result
    GUESTS.mkdir(parents=True, exist_ok=True)
    chosen = FLAVOURS[flavour]
    packages = Packages(chosen)
    unpacked = packages.unpack_kernel(chosen.package)
    (busybox,) = packages.unpack("busybox-static").glob("**/bin/busybox")
    (kernel,) = (path for path in unpacked.glob("**/vmlinu[xz]*") if path.is_file())
    modules = _modules_of(unpacked, chosen.modules)
    folder.mkdir(exist_ok=True)
    shutil.copyfile(kernel, result.kernel)
    result.initramfs.write_bytes(make_initramfs(busybox.read_bytes(), modules))
    made_by.write_text(recipe)
    return result


def _modules_of(unpacked: Path, names) -> dict[str, bytes]:
    """File name -> contents of those modules that the unpacked kernel has."""
    return {path.name: path.read_bytes() for name in names for path in unpacked.glob(f"lib/modules/*/{name}")}


def modules(names: list[str], flavour: str = "cloud") -> dict[str, bytes]:
    """Modules of the fetched kernel, in this order."""
    guest(flavour)
    packages = Packages(FLAVOURS[flavour])
    found = _modules_of(packages.unpack_kernel(FLAVOURS[flavour].package), names)
    if len(found) != len(names):
        raise ToolError(f"Debian's {flavour} kernel lacks one of the modules {', '.join(names)}")
    return found


def hash_of_recipe() -> str:
    """Changes when what goes into an initramfs changes."""
    import hashlib

    return hashlib.sha256("\0".join([INITTAB, RC, PROFILE, POWER_BUTTON, *POWER_BUTTON_MODULES]).encode()).hexdigest()
