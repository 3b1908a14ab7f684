"""Attaching a terminal: keys, and that the terminal comes back on every way out."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import unittest

from tools_support import REPOSITORY, DirectoryTest, FakeDaemon, eventually

from redoubt_host.terminal import EscapeKeys, attach_terminal

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from redoubt_host.terminal import attach_terminal
print("LEFT", attach_terminal(Path(sys.argv[2]), "web", quit_key=sys.argv[3] == "quit"))
"""


class EscapeKeysTest(unittest.TestCase):
    def test_one_key_detaches(self):
        self.assertEqual(EscapeKeys(False).filter(b"ls\r\x1dmore"), (b"ls\r", True))

    def test_two_keys_quit_even_apart(self):
        keys = EscapeKeys(True)
        self.assertEqual(keys.filter(b"a\x1d"), (b"a", False))
        self.assertEqual(keys.filter(b"qz"), (b"", True))

    def test_the_escape_can_be_typed(self):
        self.assertEqual(EscapeKeys(True).filter(b"\x1d\x1dq\x1dx"), (b"\x1dq\x1dx", False))


class AttachTest(DirectoryTest):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.listener("vmm.sock"))
        self.path = self.folder / "vmm.sock"

    def attach(self, mode: str):
        """A process attached from a pseudo-terminal: the process, our end of it, its settings before."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        before = termios.tcgetattr(slave)
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(REPOSITORY / "tools"), str(self.path), mode],
                                   stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.read_until(master, b"# ")
        return process, master, slave, before

    def read_until(self, descriptor: int, end: bytes) -> bytes:
        data = b""
        while end not in data:
            self.assertTrue(select.select([descriptor], [], [], 10)[0], f"only {data!r} came")
            data += os.read(descriptor, 4096)
        return data

    def test_detaches_by_key_and_gives_the_terminal_back(self):
        process, master, slave, before = self.attach("detach")
        self.assertNotEqual(termios.tcgetattr(slave), before)
        os.write(master, b"ls\r\x03")
        eventually(lambda: self.daemon.typed == b"ls\r\x03")
        self.daemon.consoles[0].sendall(b"file\r\n# ")
        self.read_until(master, b"file")
        os.write(master, b"\x1d")
        self.read_until(master, b"LEFT True")
        self.assertEqual(process.wait(5), 0)
        self.assertEqual(termios.tcgetattr(slave), before)

    def test_quit_key_leaves(self):
        process, master, slave, before = self.attach("quit")
        os.write(master, b"\x1dq")
        self.read_until(master, b"LEFT True")
        self.assertEqual(process.wait(5), 0)
        self.assertEqual(termios.tcgetattr(slave), before)

    def test_the_consoles_end_leaves(self):
        process, master, slave, before = self.attach("quit")
        self.daemon.consoles[0].shutdown(2)
        self.read_until(master, b"LEFT False")
        self.assertEqual(process.wait(5), 0)
        self.assertEqual(termios.tcgetattr(slave), before)

    def test_ends_with_the_vm_and_says_why(self):
        process, master, slave, before = self.attach("detach")
        self.daemon.consoles[0].sendall(b"Power down.\r\n")
        self.daemon.emit("VM_STOPPED", name="other", reason="not this one")
        self.daemon.emit("VM_STOPPED", name="web", reason="guest powered off")
        output = self.read_until(master, b"LEFT False")
        self.assertIn(b"Power down.", output)
        self.assertIn(b"web has stopped: guest powered off", output)

    def test_signals_give_the_terminal_back(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            process, _, slave, before = self.attach("detach")
            process.send_signal(number)
            self.assertEqual(process.wait(5), 128 + number)
            self.assertEqual(termios.tcgetattr(slave), before)

    def test_needs_no_terminal(self):
        source, keyboard = os.pipe()
        screen, sink = os.pipe()
        for descriptor in (source, screen, sink):
            self.addCleanup(os.close, descriptor)
        os.write(keyboard, b"echo hi\n")
        os.close(keyboard)

        def finish():
            eventually(lambda: self.daemon.typed == b"echo hi\n")
            self.daemon.emit("VM_STOPPED", name="web", reason="done")

        threading.Thread(target=finish).start()
        self.assertFalse(attach_terminal(self.path, None, source=source, sink=sink))
        self.assertEqual(os.read(screen, 100), b"boot log\r\n# ")


if __name__ == "__main__":
    unittest.main()
