"""What differs between the architectures Redoubt runs on, seen from the host."""

import os
from dataclasses import dataclass
from pathlib import Path

from .paths import BUILD, REPOSITORY, SYSTEM_BUILD


@dataclass(frozen=True)
class Architecture:
    """How Redoubt is built for it, and the machine QEMU makes of it."""

    name: str
    title: str  # for people
    build: Path  # of the kernel and its user space
    setup: list[str]  # for meson
    tools: str  # what its binutils' names begin with
    cpu: str  # QEMU's -cpu unless told otherwise
    plain_cpu: str  # one that cannot virtualize
    full_cpu: str  # one with every feature that QEMU emulates
    machine: list[str]  # QEMU's command and what is always there
    serial_device: str  # the virtio console
    judge: list[str]  # judges a configuration, on this machine: of SYSTEM_BUILD, and arguments

    @property
    def kernel(self) -> Path:
        return self.build / "kernel/kernel.elf"


EXIT_PORT = 0xF4

ARCHITECTURES = {architecture.name: architecture for architecture in [
    Architecture(
        name="x86_64", title="x86-64", build=SYSTEM_BUILD, setup=[], tools="", cpu="EPYC,+svm,+npt", plain_cpu="qemu64,-svm", full_cpu="max",
        machine=["qemu-system-x86_64", "-M", "q35", "-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=4"],
        serial_device="virtio-serial-pci,disable-legacy=on", judge=["vmmd/vmmd", "check"]),
    Architecture(
        name="riscv64", title="riscv64", build=BUILD / "riscv64", setup=["--cross-file", str(REPOSITORY / "tools/riscv64.cross")],
        tools="riscv64-linux-gnu-", cpu="rv64,h=true", plain_cpu="rv64,h=false,sstc=false",
        full_cpu="rv64,h=true,v=true,zbc=true,zbs=true,zkr=true,svpbmt=true,svinval=true",
        machine=["qemu-system-riscv64", "-M", "virt", "-global", "virtio-mmio.force-legacy=false"],
        serial_device="virtio-serial-device", judge=["vmmd/config_check_riscv64"]),
]}

# What tools and tests work with unless told otherwise.
_current = os.environ.get("REDOUBT_ARCH", "x86_64")


def on(*names: str):
    """Marks a test class or a test that runs on these architectures; without, it runs on x86-64."""
    def mark(test):
        test.architectures = names
        return test
    return mark


def current() -> Architecture:
    return ARCHITECTURES[_current]


def select(name: str) -> None:
    """For this process and its children."""
    global _current
    _current = os.environ["REDOUBT_ARCH"] = name
