"""Builds Redoubt with meson and ninja, saying what it is doing."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from . import progress
from .architecture import ARCHITECTURES, current
from .paths import BUILD, REPOSITORY
from .progress import ToolError


def shown(directory: Path) -> Path:
    """A build directory as it is named to people."""
    return directory.relative_to(REPOSITORY) if directory.is_relative_to(REPOSITORY) else directory


def configure(directory: Path, options: list[str] = (), compiler: str | None = None) -> None:
    """Sets up a meson build directory once; meson itself notices later changes."""
    if (directory / "build.ninja").exists():
        return
    shutil.rmtree(directory, ignore_errors=True)
    environment = dict(os.environ)
    if compiler:
        environment["CXX"] = compiler
    with progress.step(f"configuring {shown(directory)}"):
        result = subprocess.run(
            ["meson", "setup", str(directory), str(REPOSITORY), *options],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        shutil.rmtree(directory, ignore_errors=True)
        raise ToolError("meson failed:\n" + result.stdout[-4000:])


def ninja(directory: Path, targets: list[str] = ()) -> None:
    """Builds; quiet when there is nothing to do, one line of progress on a terminal otherwise."""
    command = ["ninja", "-C", str(directory), *targets]
    dry = subprocess.run([*command, "-n"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if "no work to do" in dry.stdout:
        return
    with progress.step(f"building {shown(directory)}"):
        if sys.stderr.isatty() and not progress.quiet:
            status = subprocess.run(command, stdout=sys.stderr).returncode
            output = ""
        else:
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            status, output = result.returncode, result.stdout
    if status:
        raise ToolError("the build failed" + (":\n" + output[-6000:] if output else ""))


def system(targets: list[str] = (), arch: str | None = None) -> Path:
    """The kernel and everything that goes into the boot archive, for that architecture or the current one."""
    architecture = ARCHITECTURES[arch] if arch else current()
    configure(architecture.build, architecture.setup)
    ninja(architecture.build, targets)
    return architecture.build


@functools.cache
def judge() -> list[str]:
    """The command that judges configurations for the current architecture; made if need be."""
    program, *arguments = current().judge
    return [str(system([program], arch="x86_64") / program), *arguments]


def sanitized() -> Path:
    """Host code under AddressSanitizer and UndefinedBehaviorSanitizer; optimizing that takes longer than running it slowly."""
    directory = BUILD / "sanitized"
    configure(directory, ["-Dhost_only=true", "-Db_sanitize=address,undefined", "-Doptimization=0",
                          "-Ddebug=false", "-Dcpp_args=-g1"])
    ninja(directory)
    return directory


def fuzzers() -> Path:
    """The libFuzzer targets."""
    directory = BUILD / "fuzzers"
    # Only the compiler that builds the product judges warnings: clang finds others in libstdc++'s headers.
    configure(directory, ["-Dhost_only=true", "-Dfuzzing=true", "-Doptimization=1", "-Db_lundef=false",
                          "-Dwerror=false"], compiler="clang++-19")
    ninja(directory, [f"tests/fuzz/{source.stem}" for source in sorted((REPOSITORY / "tests/fuzz").glob("*_fuzz.cpp"))])
    return directory
