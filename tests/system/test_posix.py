"""The POSIX layer inside Redoubt: libposix/selftest.cpp as a process beside the real schemes, without vmmd."""

import tempfile
import unittest
from pathlib import Path

from redoubt_host import archive
from redoubt_host.architecture import current, on
from redoubt_host.machine import Machine, MachineOptions

BOOT_SECONDS = 120
SELFTEST = current().build / "libposix/libposix_selftest"
START = "\n".join([line for line in archive.START_LIST.read_text().splitlines() if not line.startswith("vmmd")]) + """
selftest bin/selftest uses=initfs,console,log,chan memory=64M heap=4M restart=never on-exit=poweroff -- """


@on("x86_64", "riscv64")
class Posix(unittest.TestCase):
    def run_selftest(self, argument: str) -> tuple[int | None, str]:
        """Boots the self-test with an argument; gives the machine's exit code and the log."""
        with tempfile.TemporaryDirectory(prefix="redoubt-test-") as directory:
            path = Path(directory) / "boot.cpio"
            archive.pack(path, archive.Configuration("", {}, [], False), start_list=f"{START}{argument}\n",
                         extra={"bin/selftest": SELFTEST.read_bytes()})
            machine = Machine(Path(directory), path, MachineOptions(memory="512M"))
            machine.start()
            try:
                ended = machine.wait(BOOT_SECONDS)
                log = machine.system_log.read_text(errors="replace")
                self.assertTrue(ended, log)
                return machine.exit_code(), log
            finally:
                machine.stop()

    def test_what_vmmd_uses_of_libc_asio_and_the_schemes_works(self):
        code, log = self.run_selftest("all")
        self.assertNotIn("FAIL", log)
        self.assertRegex(log, r"selftest: \d+ passed, 0 failed")
        self.assertEqual(code, 0, log)

    def test_a_thread_that_overflows_its_stack_hits_the_guard_page_and_ends_only_its_process(self):
        code, log = self.run_selftest("overflow")
        self.assertRegex(log, "init: selftest ended: page fault")
        self.assertNotIn("panic", log)
        self.assertNotEqual(code, 0)

    def test_an_abort_says_so(self):
        code, log = self.run_selftest("abort")
        self.assertIn("terminate called", log)
        self.assertIn("aborted, signal 6", log)
        self.assertRegex(log, "init: selftest ended: exit code 134")
        self.assertNotEqual(code, 0)


if __name__ == "__main__":
    unittest.main()
