"""The host's end of the port, against a fake guest end."""

import socket
import threading
import unittest

from tools_support import DirectoryTest, FakeGuest, eventually

from redoubt_host import unix_socket
from redoubt_host.mux import MuxThread
from redoubt_host.mux_frames import INITIAL_CREDIT, LARGEST_PAYLOAD, Frame, FrameParser, FrameType, word_frame


class FrameParserTest(unittest.TestCase):
    def test_finds_frames_wherever_the_stream_is_cut(self):
        frames = [Frame(7, FrameType.OPEN, b"/run/vmmd.sock"), word_frame(7, FrameType.WINDOW, 5), Frame(7, FrameType.CLOSE)]
        stream = b"".join(frame.encode() for frame in frames)
        for cut in range(len(stream)):
            parser = FrameParser()
            self.assertEqual(parser.feed(stream[:cut]) + parser.feed(stream[cut:]), frames)

    def test_encodes_as_the_protocol_says(self):
        self.assertEqual(Frame(0x01020304, FrameType.DATA, b"hi").encode(), b"\4\3\2\1\3\0\0\0\2\0\0\0hi")

    def test_skips_garbage(self):
        frame = Frame(200, FrameType.DATA, b"x" * LARGEST_PAYLOAD)
        parser = FrameParser()
        self.assertEqual(parser.feed(b"\xff" * 100 + frame.encode()), [frame])
        self.assertEqual(parser.skipped, 100)


class MuxTest(DirectoryTest):
    def setUp(self):
        super().setUp()
        self.chardev = self.listener("mux.sock")
        self.path = self.folder / "vmm.sock"
        self.mux = MuxThread(self.folder / "mux.sock", self.path)
        self.mux.start()
        self.addCleanup(self.mux.stop)
        self.guest = FakeGuest(self.chardev)
        self.addCleanup(lambda: self.guest.close())
        self.guest.greet()

    def client(self) -> socket.socket:
        made = unix_socket.connect(self.path, 5)
        self.addCleanup(made.close)
        return made

    def open(self) -> tuple[socket.socket, int]:
        return self.client(), self.guest.accept()

    def test_opens_the_daemons_socket_and_carries_both_ways(self):
        client = self.client()
        frame = self.guest.next()
        self.assertEqual((frame.type, frame.payload), (FrameType.OPEN, b"/run/vmmd.sock"))
        self.guest.send(Frame(frame.stream, FrameType.OPENED), Frame(frame.stream, FrameType.DATA, b"greeting\n"))
        self.assertEqual(client.recv(100), b"greeting\n")
        client.sendall(b"request\n")
        self.assertEqual(self.guest.next(), Frame(frame.stream, FrameType.DATA, b"request\n"))

    def test_keeps_several_clients_apart(self):
        pairs = [self.open() for _ in range(10)]
        self.assertEqual(len({stream for _, stream in pairs}), 10)
        for client, stream in pairs:
            self.guest.send(Frame(stream, FrameType.DATA, str(stream).encode()))
        for client, stream in pairs:
            self.assertEqual(client.recv(100), str(stream).encode())

    def test_a_refused_client_is_closed(self):
        client = self.client()
        self.guest.send(Frame(self.guest.next().stream, FrameType.REFUSED))
        self.assertEqual(client.recv(1), b"")

    def test_the_guests_close_ends_the_client_after_its_data(self):
        client, stream = self.open()
        self.guest.send(Frame(stream, FrameType.DATA, b"last words"), Frame(stream, FrameType.CLOSE))
        self.assertEqual(client.recv(100), b"last words")
        self.assertEqual(client.recv(1), b"")

    def test_the_clients_end_closes_the_stream(self):
        client, stream = self.open()
        client.close()
        self.assertEqual(self.guest.next(), Frame(stream, FrameType.CLOSE))

    def test_answers_reach_a_client_that_has_sent_its_last_byte(self):
        client, stream = self.open()
        client.sendall(b"request\n")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.guest.next().payload, b"request\n")
        self.guest.send(Frame(stream, FrameType.DATA, b"answer\n"))
        self.assertEqual(client.recv(100), b"answer\n")
        self.assertEqual(self.guest.next(), Frame(stream, FrameType.CLOSE))

    def test_sends_no_more_than_the_guest_granted(self):
        client, stream = self.open()
        sender = threading.Thread(target=client.sendall, args=(b"x" * (INITIAL_CREDIT + 500),))
        sender.start()
        self.assertEqual(len(self.guest.receive(stream, INITIAL_CREDIT)), INITIAL_CREDIT)
        self.assertTrue(self.guest.silent(0.2))
        self.guest.send(word_frame(stream, FrameType.WINDOW, 1000))
        self.assertEqual(len(self.guest.receive(stream, 500)), 500)
        sender.join()

    def test_grants_what_the_client_has_taken(self):
        client, stream = self.open()
        chunk = Frame(stream, FrameType.DATA, b"y" * LARGEST_PAYLOAD)
        self.guest.send(*[chunk] * (INITIAL_CREDIT // LARGEST_PAYLOAD))
        granted = 0
        while granted < INITIAL_CREDIT:
            client.recv(65536)
            while not self.guest.silent(0.02):
                frame = self.guest.next()
                self.assertEqual((frame.type, frame.stream), (FrameType.WINDOW, stream))
                granted += frame.word()
        self.assertEqual(granted, INITIAL_CREDIT)

    def test_closes_a_stream_on_which_more_comes_than_was_granted(self):
        client, stream = self.open()
        other, other_stream = self.open()
        flood = Frame(stream, FrameType.DATA, b"z" * LARGEST_PAYLOAD)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.guest.send(*[flood] * 1000)
        while self.guest.next() != Frame(stream, FrameType.CLOSE):
            pass
        self.guest.send(Frame(other_stream, FrameType.DATA, b"unharmed"))
        self.assertEqual(other.recv(100), b"unharmed")

    def test_data_for_no_stream_is_answered_with_close(self):
        self.guest.send(Frame(99, FrameType.DATA, b"?"))
        self.assertEqual(self.guest.next(), Frame(99, FrameType.CLOSE))

    def test_a_hello_out_of_turn_ends_all_streams_and_is_answered_once(self):
        client, _ = self.open()
        self.guest.send(word_frame(0, FrameType.HELLO, 1))
        self.assertEqual(client.recv(1), b"")
        self.assertEqual(self.guest.next(), word_frame(0, FrameType.HELLO, 1))
        self.guest.send(word_frame(0, FrameType.HELLO, 1))
        self.assertTrue(self.guest.silent(0.1))
        client, stream = self.open()
        self.guest.send(Frame(stream, FrameType.DATA, b"anew"))
        self.assertEqual(client.recv(100), b"anew")

    def test_garbage_from_the_guest_harms_nothing(self):
        client, stream = self.open()
        self.guest.send_raw(b"\xff" * 1000)
        self.guest.send(Frame(stream, FrameType.WINDOW, b"odd"), Frame(stream, FrameType.DATA, b"fine"))
        self.assertEqual(client.recv(100), b"fine")

    def test_serves_the_next_machine_when_one_has_ended(self):
        client, _ = self.open()
        self.guest.close()
        self.assertEqual(client.recv(1), b"")
        self.guest = FakeGuest(self.chardev)
        self.guest.greet()
        client, stream = self.open()
        self.guest.send(Frame(stream, FrameType.DATA, b"second"))
        self.assertEqual(client.recv(100), b"second")

    def test_stop_closes_clients_and_removes_the_socket(self):
        client, _ = self.open()
        self.mux.stop()
        self.assertEqual(client.recv(1), b"")
        self.assertFalse(self.path.exists())

    def test_refuses_a_socket_that_is_served(self):
        with self.assertRaisesRegex(OSError, "served by another process"):
            MuxThread(self.folder / "mux.sock", self.path).start()


class EarlyMuxTest(DirectoryTest):
    def test_closes_clients_while_no_machine_is_ready(self):
        path = self.folder / "vmm.sock"
        mux = MuxThread(self.folder / "mux.sock", path)
        mux.start()
        self.addCleanup(mux.stop)
        with unix_socket.connect(path, 5) as client:
            self.assertEqual(client.recv(1), b"")

    def test_waits_for_qemu_to_make_its_socket(self):
        path = self.folder / "vmm.sock"
        mux = MuxThread(self.folder / "mux.sock", path)
        mux.start()
        self.addCleanup(mux.stop)
        guest = FakeGuest(self.listener("mux.sock"))
        self.addCleanup(guest.close)
        guest.greet()

    def test_replaces_a_stale_socket_and_takes_long_paths(self):
        folder = self.folder / ("long" * 30)
        folder.mkdir()
        path = folder / "vmm.sock"
        unix_socket.listen(path).close()
        self.assertTrue(path.exists())
        mux = MuxThread(self.folder / "mux.sock", path)
        mux.start()
        self.addCleanup(mux.stop)
        self.assertTrue(eventually(lambda: unix_socket.is_served(path)))


if __name__ == "__main__":
    unittest.main()
