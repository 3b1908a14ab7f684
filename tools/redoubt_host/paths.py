"""Where things are in a checkout of Redoubt."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Everything that is built or fetched; REDOUBT_BUILD moves it out of the checkout.
BUILD = Path(os.environ.get("REDOUBT_BUILD") or REPOSITORY / "build")
SYSTEM_BUILD = BUILD / "system"  # for the host and x86-64: programs that run here, and unit tests
GUESTS = BUILD / "guests"  # fetched guest kernels and made initramfs images
RUN_DIRECTORY = REPOSITORY / ".run"
MANAGEMENT_SOCKET = RUN_DIRECTORY / "vmm.sock"
