"""The management socket: a generic QMP client, several at a time, bad ones, and tools/vmmctl."""

import json
import socket
import time
import unittest

from redoubt_host.architecture import current, on
from support import DEMO_MEMORY, Console, Qmp, Stream, System, demo_configuration, small_guest, tool


@on("x86_64", "riscv64")
class Management(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.system = System(demo_configuration())
        cls.enterClassContext(cls.system)
        cls.console = cls.system.console()
        cls.console.wait_for_prompt()

    def vmmctl(self, *arguments: str):
        return tool("vmmctl", "--socket", str(self.system.socket), *arguments, timeout=120)

    def test_greeting_and_negotiation(self):
        qmp = Qmp(self.system.socket, negotiate=False)
        self.assertIn("version", qmp.greeting["QMP"])
        self.assertEqual(qmp.request({"execute": "query-status"})["error"]["class"], "CommandNotFound")
        self.assertEqual(qmp.request({"execute": "qmp_capabilities", "id": 7}), {"return": {}, "id": 7})
        self.assertEqual(qmp.command("query-status")["status"], "running")
        self.assertTrue(qmp.command("query-status")["running"])
        self.assertIn("qemu", qmp.command("query-version"))
        self.assertIn({"name": "stop"}, qmp.command("query-commands"))
        cpus = qmp.command("query-cpus-fast")
        self.assertEqual(cpus[0]["cpu-index"], 0)

    def test_id_is_echoed_whatever_it_is(self):
        qmp = self.system.qmp()
        for identifier in (1, "x", {"a": [1, 2]}, None):
            self.assertEqual(qmp.request({"execute": "query-version", "id": identifier})["id"], identifier)

    def test_errors_have_class_and_desc(self):
        qmp = self.system.qmp()
        error = qmp.request({"execute": "no-such-command"})["error"]
        self.assertEqual(error["class"], "CommandNotFound")
        self.assertTrue(error["desc"])
        error = qmp.request({"execute": "vm-info", "arguments": {"name": "nobody"}})["error"]
        self.assertTrue(error["desc"])

    def test_stop_and_cont_send_events_and_hold_the_guest(self):
        qmp = self.system.qmp()
        qmp.command("stop")
        event = qmp.event("STOP")
        self.assertIn("seconds", event["timestamp"])
        self.assertEqual(qmp.command("query-status")["status"], "paused")
        self.console.send("echo 'wo'ken\n")
        with self.assertRaises(AssertionError):
            self.console.expect("woken", 3)
        qmp.command("cont")
        qmp.event("RESUME")
        self.console.expect("woken")
        self.console.wait_for_prompt()

    def test_bad_clients_harm_nobody(self):
        good = self.system.qmp()
        for garbage in (b"\xff\xfe\x00garbage\n", b"{" * 5000 + b"\n", b'{"execute": ', b'"' + b"a" * (1 << 20),
                        b"]]]]\n" * 100, b'{"execute": 5}\n'):
            bad = Stream(self.system.socket)
            bad.expect("QMP", 60)
            try:
                bad.send(garbage)
            except OSError:
                pass
            bad.close()
            self.assertEqual(good.command("query-status")["status"], "running")
        half = Stream(self.system.socket)
        half.expect("QMP", 60)
        half.send(b'{"execute": "qmp_capa')
        time.sleep(0.5)
        half.send(b'bilities"}\n')
        half.expect("return", 60)
        half.close()

    def test_many_clients_at_a_time(self):
        clients = [self.system.qmp() for _ in range(10)]
        for client in clients:
            client.send('{"execute": "vm-list"}\n')
        for client in clients:
            self.assertEqual(client.reply()["return"][0]["name"], "demo")
            client.close()

    def test_vmmctl_reads(self):
        listed = json.loads(self.vmmctl("list", "--json").stdout)
        self.assertEqual([vm["name"] for vm in listed], ["demo"])
        self.assertIn("running", self.vmmctl("list").stdout)
        self.assertIn(DEMO_MEMORY[current().name][:-1], self.vmmctl("info", "demo").stdout)
        stats = json.loads(self.vmmctl("stats", "demo", "--json").stdout)
        self.assertGreater(sum(stats["exits"].values()), 1000)
        wrong = self.vmmctl("info", "nobody")
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("nobody", wrong.stderr)

    def test_vmmctl_pauses_and_resumes(self):
        self.assertEqual(self.vmmctl("pause", "demo").returncode, 0)
        self.assertIn("paused", self.vmmctl("list").stdout)
        self.assertEqual(self.vmmctl("resume", "demo").returncode, 0)
        self.assertIn("running", self.vmmctl("list").stdout)

    def test_vmmctl_attach_shows_the_past_and_takes_input(self):
        result = tool("vmmctl", "--socket", str(self.system.socket), "attach", "demo", input="echo 'at'tached\n\x1d", timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("in a virtual machine of Redoubt", result.stdout)
        self.console.expect("attached")
        self.console.wait_for_prompt()

    def test_vmmctl_without_a_daemon_says_what_to_do(self):
        result = tool("vmmctl", "--socket", "/nonexistent/socket", "list")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("tools/run", result.stderr)


class LifeCycle(unittest.TestCase):
    @on("x86_64", "riscv64")
    def test_stopping_a_spinning_guest_and_starting_again_gives_every_byte_back(self):
        configuration = small_guest("spin", "spin") + small_guest("spin", "other")
        with System(configuration) as system:
            qmp = system.qmp()
            console = Console(system.socket, "spin")
            console.expect("spinning")

            def free() -> int:
                return qmp.command("query-host")["free-bytes"]

            qmp.command("vm-stop", name="spin")
            qmp.event("VM_STOPPED")
            before = free()
            for _ in range(5):
                qmp.command("vm-start", name="spin")
                Console(system.socket, "spin").expect("spinning")
                self.assertLess(free(), before)
                qmp.command("vm-stop", name="spin")
                qmp.event("VM_STOPPED")
                self.assertEqual(free(), before)
            states = {vm["name"]: vm["state"] for vm in qmp.command("vm-list")}
            self.assertEqual(states, {"spin": "stopped", "other": "running"})
            qmp.command("quit")
            self.assertEqual(system.wait_for_end(), 0)

    def test_system_reset_starts_the_guest_anew(self):
        with System(demo_configuration()) as system:
            console = system.console()
            console.wait_for_prompt()
            qmp = system.qmp()
            qmp.command("system_reset")
            qmp.event("RESET")
            console.expect("in a virtual machine of Redoubt")
            console.wait_for_prompt()


if __name__ == "__main__":
    unittest.main()
