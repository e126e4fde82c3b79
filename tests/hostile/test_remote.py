"""Other servers that attack who sends to them: next hops, and name servers."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import ClassVar

from tests.hostile.next_hop import NextHop
from tests.hostile.target import HERE, MB, HostileTestCase, Server
from tests.system.local import wait_for

LETTER = b"From: me@example.org\r\nTo: x@far.example\r\nSubject: out\r\n\r\nhello\r\n"


class Flood(threading.Thread):
    """Accepts, and answers everything with the same octets over and over until nobody listens."""

    def __init__(self, first: bytes, again: bytes) -> None:
        super().__init__(daemon=True)
        self._listening = socket.create_server((HERE, 0))
        self.port: int = self._listening.getsockname()[1]
        self._first, self._again = first, again
        self.sent = 0
        self.ended = threading.Event()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            peer, _ = self._listening.accept()
            with peer:
                peer.settimeout(15)
                peer.sendall(self._first)
                if self._first:
                    peer.recv(1000)
                while self.sent < 200 * MB:
                    self.sent += peer.send(self._again)
        self._listening.close()
        self.ended.set()


class NextHops(HostileTestCase):
    """The address of the smarthost is the server's; what listens there changes from attack to attack."""

    def attack(self, first: bytes, again: bytes, **bounds: float) -> int:
        """Octets that the attacker could send."""
        flood = Flood(first, again)
        server = Server({"smarthost": f'"{HERE}:{flood.port}"', "reply_timeout": '"5s"'})
        type(self).server = server
        self.addCleanup(server.stop)
        flood.start()
        submission = self.smtp("submission")
        with self.bounded(**bounds):  # type: ignore[arg-type]
            submission.say(b"AUTH LOGIN bWVAZXhhbXBsZS5vcmc=\r\n").reply()
            submission.say(b"b3BlbiBzZXNhbWU=\r\n").reply()
            submission.say(b"MAIL FROM:<me@example.org>\r\nRCPT TO:<x@far.example>\r\nDATA\r\n")
            for _ in range(3):
                submission.reply()
            self.assertTrue(submission.say(LETTER + b".\r\n").reply().startswith(b"250"))
            flood.ended.wait(15)
        self.assertTrue(flood.ended.is_set(), "it still listens")
        return flood.sent

    def test_a_greeting_without_end(self):
        self.assertLess(self.attack(b"", b"220-" + b"x" * 100 + b"\r\n", wait=0.5), 20 * MB)

    def test_a_line_without_end(self):
        self.assertLess(self.attack(b"220 hi\r\n", b"x" * 65536, wait=0.5), 20 * MB)

    def test_offers_without_end(self):
        self.assertLess(self.attack(b"220 hi\r\n", b"250-X-OFFER\r\n" * 1000, wait=0.5), 20 * MB)

    def test_replies_to_what_was_not_asked(self):
        self.assertLess(self.attack(b"220 hi\r\n", b"250 ok\r\n" * 1000, wait=0.5), 20 * MB)

    @classmethod
    def setUpClass(cls) -> None:
        pass

    @classmethod
    def tearDownClass(cls) -> None:
        pass


class Words(HostileTestCase):
    hop: ClassVar[NextHop]

    @classmethod
    def setUpClass(cls) -> None:
        cls.hop = NextHop(b"PIPELINING")
        cls.hop.start()
        cls.server = Server({"smarthost": f'"{HERE}:{cls.hop.port}"'})

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.hop.stop()

    def test_the_words_of_a_refusal_are_quoted_safely_in_the_report(self):
        nasty = (
            b"550-5.1.1 <script>alert(1)</script>\x1b[31m \xff\xfe\r\n"
            b"550 5.1.1 Action: delivered  --boundary-- =?utf-8?q?=0AFinal-Recipient:?= "
            + b"y" * 400
            + b"\r\n"
        )
        self.hop.answers[b"RCPT"] = nasty
        wire = self.smtp("submission")
        wire.say(b"AUTH LOGIN bWVAZXhhbXBsZS5vcmc=\r\n").reply()
        wire.say(b"b3BlbiBzZXNhbWU=\r\n").reply()
        wire.say(b"MAIL FROM:<me@example.org>\r\nRCPT TO:<x@far.example>\r\nDATA\r\n")
        for _ in range(3):
            wire.reply()
        self.assertTrue(wire.say(LETTER + b".\r\n").reply().startswith(b"250"))
        imap = self.imap(b"INBOX")

        def report() -> bytes:
            told = imap.say(b"f FETCH * BODY.PEEK[]\r\n").until(b"f ")
            return b"".join(told) if any(b"BODY[]" in line for line in told) else b""

        told = wait_for(report)
        self.assertNotIn(b"\x1b", told)
        self.assertEqual(told.count(b"\nAction: "), 1)
        self.assertEqual(told.count(b"\nFinal-Recipient: "), 1)
        self.assertIn(b"Action: failed", told)
        self.assertLess(max(map(len, told.split(b"\r\n"))), 999)


class NameServer(threading.Thread):
    """Answers every query over UDP with each of `make(query)`."""

    def __init__(self, make: Callable[[bytes], list[bytes]]) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HERE, 0))
        self._socket.settimeout(0.2)
        self.port: int = self._socket.getsockname()[1]
        self._make = make
        self.over = False
        self.asked = 0

    def run(self) -> None:
        while not self.over:
            try:
                query, peer = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            self.asked += 1
            for answer in self._make(query):
                self._socket.sendto(answer, peer)
        self._socket.close()


def question(query: bytes) -> bytes:
    return query[12 : query.index(b"\0", 12) + 5]


def header(query: bytes, answers: int, flags: int = 0x8180, id_shift: int = 0) -> bytes:
    number = (struct.unpack("!H", query[:2])[0] + id_shift) & 0xFFFF
    return struct.pack("!HHHHHH", number, flags, 1, answers, 0, 0)


def record(data: bytes, kind: int = 15, name: bytes = b"\xc0\x0c", ttl: int = 300) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


class NameServers(HostileTestCase):
    ATTACKS: ClassVar = {
        "a name that points to itself": lambda q: [
            header(q, 1)
            + question(q)
            + record(b"\0\x0a" + struct.pack("!H", 0xC000 + 12 + len(question(q)) + 14))
        ],
        "counts that lie": lambda q: [header(q, 65535) + question(q)],
        "four thousand records": lambda q: [
            header(q, 4000) + question(q) + record(b"\0\x0a\x01m\xc0\x0c") * 3000
        ],
        "a chain of aliases to itself": lambda q: [
            header(q, 500) + question(q) + record(b"\xc0\x0c", 5) * 500
        ],
        "nothing but garbage": lambda q: [q[:2] + b"\xff" * 60_000],
        "a thousand answers to others": lambda q: [
            header(q, 1, id_shift=n) + question(q) + record(b"\0\x0a\x01m\xc0\x0c") for n in range(1, 1000)
        ],
        "mail servers on every loopback": lambda q: [
            header(q, 1)
            + question(q)
            + (record(b"\x7f\0\0\1", 1) if question(q)[-4:-2] == b"\0\1" else record(b"\0\x0a\xc0\x0c"))
        ],
        "truncated for ever": lambda q: [header(q, 0, 0x8380) + question(q)],
        "an empty datagram": lambda q: [b""],
    }

    @classmethod
    def setUpClass(cls) -> None:
        cls.answer = lambda query: []
        cls.names = NameServer(lambda query: cls.answer(query))
        cls.names.start()
        cls.server = Server({"servers": f'["{HERE}:{cls.names.port}"]', "timeout": '"0.3s"'})

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.names.over = True

    def test_hostile_answers_cost_little_and_end_in_a_retry_or_a_report(self):
        wire = self.smtp("submission")
        wire.say(b"AUTH LOGIN bWVAZXhhbXBsZS5vcmc=\r\n").reply()
        wire.say(b"b3BlbiBzZXNhbWU=\r\n").reply()
        for number, (name, answer) in enumerate(self.ATTACKS.items()):
            with self.subTest(name), self.bounded():
                type(self).answer = answer
                asked = self.names.asked
                wire.say(b"MAIL FROM:<me@example.org>\r\nRCPT TO:<x@dest%d.example>\r\nDATA\r\n" % number)
                for _ in range(3):
                    wire.reply()
                self.assertTrue(wire.say(LETTER + b".\r\n").reply().startswith(b"250"))
                wait_for(lambda asked=asked: self.names.asked > asked)
                time.sleep(0.4)  # more than the wait for one answer
                self.assertLess(self.names.asked - asked, 50, name)
