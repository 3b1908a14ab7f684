"""A machine whose processes can be killed by name, and what must be true of it afterwards."""

import re
import time
from contextlib import contextmanager

from redoubt_host import archive
from redoubt_host.architecture import current
from redoubt_host.machine import MachineOptions
from support import BOOT_SECONDS, Stream, System


class Killing:
    """For a TestCase with `system`, while killable_system() lasts."""

    processors = 1

    @contextmanager
    def killable_system(self, configuration: str):
        killer = (current().build / "tests/system/services/killer").read_bytes()
        start = archive.START_LIST.read_text() + ("killer bin/killer uses=log,chan grant=power memory=1M restart=always "
                                                  "ready=no-wait -- --port faults\n")
        options = MachineOptions(processors=self.processors,
                                 extra=["-chardev", "socket,id=faults,path=faults.sock,server=on,wait=off",
                                        "-device", "virtserialport,chardev=faults,name=faults"])
        with System(configuration, start_list=start, extra={"bin/killer": killer}, options=options) as self.system:
            self.system.qmp().close()
            self.port = Stream(self.system.directory / "faults.sock")
            yield self.system

    def order_kill(self, *names: str) -> None:
        """As soon as possible, by the helper in the machine."""
        self.port.send("".join(name + "\n" for name in names))

    def wait_for_order(self, name: str) -> None:
        """Until init has killed it, or has found nothing of that name."""
        self.port.expect(rf"^{re.escape(name)} \d+$")

    def ends(self, name: str) -> int:
        return len(re.findall(rf"init: {re.escape(name)} ended: killed by killer", self.system.log()))

    def kill(self, *names: str) -> None:
        """Returns when init has told of all."""
        before = [self.ends(name) for name in names]
        self.order_kill(*names)
        self.wait_until(lambda: all(self.ends(name) > count for name, count in zip(names, before)),
                        f"{names} were not killed")

    def wait_until(self, condition, complaint) -> None:
        """`complaint` can be a function that gives it."""
        deadline = time.monotonic() + BOOT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(complaint() if callable(complaint) else complaint)
            time.sleep(0.1)

    def rows(self) -> dict[str, dict]:
        """vm-list, as soon as management works."""
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            try:
                qmp = self.system.qmp()
                rows = qmp.command("vm-list")
                qmp.close()
                return {row["name"]: row for row in rows}
            except (AssertionError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def free_bytes(self) -> int:
        qmp = self.system.qmp()
        free = qmp.command("query-host")["free-bytes"]
        qmp.close()
        return free

    def wait_for_state(self, *names: str, free: int) -> dict[str, dict]:
        """Those VMs run, and everything that was used is back."""
        rows: dict[str, dict] = {}

        def settled() -> bool:
            nonlocal rows
            rows = self.rows()
            return (all(rows[name]["state"] == "running" and "monitor" in rows[name] for name in names)
                    and self.free_bytes() == free)

        self.wait_until(settled, lambda: f"it does not settle: {rows}, {self.free_bytes()} of {free} bytes free")
        return rows
