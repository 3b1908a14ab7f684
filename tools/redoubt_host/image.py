"""tools/image: bootable images."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import archive, build, progress
from .architecture import ARCHITECTURES
from .paths import BUILD, REPOSITORY
from .progress import ToolError

GRUB_CONFIGURATION = """\
set timeout=0
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
menuentry "Redoubt" {{
    multiboot2 /boot/kernel.elf {command_line}
    module2 /boot/archive.cpio
    boot
}}
"""


def make_iso(output: Path, boot_archive: Path, command_line: str = "") -> None:
    """An ISO that boots through GRUB on BIOS and on UEFI."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "boot/grub").mkdir(parents=True)
        subprocess.run(["strip", "--strip-debug", "-o", str(root / "boot/kernel.elf"), str(ARCHITECTURES["x86_64"].kernel)], check=True)
        shutil.copyfile(boot_archive, root / "boot/archive.cpio")
        (root / "boot/grub/grub.cfg").write_text(GRUB_CONFIGURATION.format(command_line=command_line))
        output.parent.mkdir(parents=True, exist_ok=True)
        result = subprocess.run(["grub-mkrescue", "-o", str(output), str(root)],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        raise ToolError("grub-mkrescue failed:\n" + result.stdout[-2000:])


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/image", description="Makes bootable images of Redoubt.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    iso = kinds.add_parser("iso", help="an ISO for GRUB on BIOS and UEFI machines")
    iso.add_argument("--config", type=Path, default=REPOSITORY / "examples/demo.toml", metavar="FILE.toml",
                     help="the virtual machines it starts (default: examples/demo.toml)")
    iso.add_argument("--output", "-o", type=Path, default=BUILD / "redoubt.iso", metavar="FILE.iso")
    iso.add_argument("--command-line", default="", help="the kernel's command line")
    arguments = parser.parse_args()
    try:
        build.system()
        archive.check_configuration(arguments.config)
        boot_archive = BUILD / "iso-archive.cpio"
        archive.pack(boot_archive, archive.read_configuration(arguments.config))
        with progress.step(f"writing {arguments.output}"):
            make_iso(arguments.output, boot_archive, arguments.command_line)
        boot_archive.unlink()
    except ToolError as error:
        print(f"tools/image: {error}", file=sys.stderr)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
