"""Octets without end, floods, and clients that do not listen."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from base64 import b64encode

from tests.hostile.target import HERE, MB, HostileTestCase, Wire
from tests.system.local import wait_for

HUNDRED = 100  # megabytes


def flood(wire: Wire, octet: bytes = b"A", megabytes: int = HUNDRED) -> bool:
    """Say so many megabytes of one line; False: dropped on the way."""
    block = octet * (MB // len(octet))
    return all(wire.try_to_say(block) for _ in range(megabytes))


class EndlessLines(HostileTestCase):
    def test_a_command_of_100_mb_is_refused_and_the_connection_dropped_early(self):
        with self.bounded():
            wire = self.smtp()
            self.assertFalse(flood(wire))
            self.assertIn(b"500 5.5.2", wire.to_the_end() or b"500 5.5.2")
        self.healthy()

    def test_a_first_line_of_100_mb_on_submission_and_behind_its_auth(self):
        with self.bounded():
            self.assertFalse(flood(self.dial("submission")))
            wire = self.smtp("submission")
            wire.say(b"AUTH PLAIN ")
            self.assertFalse(flood(wire))
            wire = self.smtp("submission")
            wire.say(b"AUTH LOGIN\r\n").reply()
            self.assertFalse(flood(wire))

    def test_a_line_of_100_mb_in_a_message_is_too_big_a_message(self):
        with self.bounded(memory=40 * MB, within=30):
            wire = self.smtp()
            wire.say(b"MAIL FROM:<>\r\nRCPT TO:<me@example.org>\r\nDATA\r\n")
            for _ in range(3):
                wire.reply()
            flood(wire)
            wire.try_to_say(b"\r\n.\r\n")
            self.assertTrue(wire.reply().startswith(b"552 5.3.4"), wire.heard)

    def test_a_line_of_100_mb_behind_a_message(self):
        with self.bounded():
            wire = self.smtp()
            wire.say(b"MAIL FROM:<>\r\nRCPT TO:<me@example.org>\r\nDATA\r\n")
            for _ in range(3):
                wire.reply()
            self.assertTrue(wire.say(b"x\r\n.\r\n").reply().startswith(b"250"))
            self.assertFalse(flood(wire))

    def test_imap_lines_of_100_mb_before_login(self):
        with self.bounded():
            for first in (b"", b"a LOGIN ", b'a LOGIN "'):
                wire = self.dial("imap")
                wire.line()
                wire.say(first)
                self.assertFalse(flood(wire))

    def test_imap_lines_of_100_mb_in_authenticate_and_idle(self):
        with self.bounded():
            wire = self.dial("imap")
            wire.line()
            wire.say(b"a AUTHENTICATE PLAIN\r\n").until(b"+")
            self.assertFalse(flood(wire))
            wire = self.imap(b"INBOX")
            wire.say(b"a IDLE\r\n").until(b"+")
            self.assertFalse(flood(wire))

    def test_an_imap_line_of_100_mb_after_login_is_refused_once(self):
        with self.bounded():
            wire = self.imap()
            flood(wire)
            wire.try_to_say(b"\r\nb NOOP\r\n")
            self.assertEqual(wire.until(b"b ")[-1][:4], b"b OK")

    def test_octets_without_line_ends_that_are_not_even_text(self):
        with self.bounded():
            for service in ("smtp", "submission", "imap"):
                self.assertFalse(flood(self.dial(service), bytes(range(128, 256)), 20), service)


class Literals(HostileTestCase):
    def test_literals_of_gigabytes_before_login_are_refused_unread(self):
        with self.bounded():
            for size in (b"4000000000", b"4000000000+", b"99999999999999999999+", b"8193+", b"8193"):
                wire = self.dial("imap")
                wire.line()
                wire.say(b"a LOGIN {%b}\r\n" % size)
                heard = wire.line()
                self.assertRegex(heard, rb"^(a NO \[TOOBIG\]|\* BYE|a BAD)", size)
                self.assertNotIn(b"+ ", heard)

    def test_many_literals_before_login_are_dropped_after_a_bound(self):
        with self.bounded():
            wire = self.dial("imap")
            wire.line()
            going = True
            for _ in range(2000):
                if not (going := wire.try_to_say(b"a LOGIN {8192+}\r\n" + b"x" * 8192)):
                    break
            self.assertFalse(going)
            wire = self.dial("imap")
            wire.line()
            for _ in range(2000):
                if not (going := wire.try_to_say(b"a NOOP {8193+}\r\n" + b"x" * 8193 + b"\r\n")):
                    break
            self.assertFalse(going)

    def test_many_connections_with_literals_half_sent_take_what_was_sent(self):
        with self.bounded(memory=32 * MB):
            wires = [self.dial("imap") for _ in range(40)]
            for wire in wires:
                wire.say(b"a LOGIN {8192+}\r\n" + b"x" * 8000)
        for wire in wires:
            wire.close()

    def test_an_append_without_login_is_not_read(self):
        with self.bounded():
            wire = self.dial("imap")
            wire.line()
            wire.say(b"a APPEND INBOX {50000000+}\r\n")
            self.assertFalse(flood(wire, megabytes=20))

    def test_many_nested_literals_after_login_are_one_command_of_64_kb(self):
        with self.bounded():
            wire = self.imap()
            wire.try_to_say(b"a SEARCH" + b" SUBJECT {1+}\r\nx" * 100_000 + b"\r\nb NOOP\r\n")
            self.assertRegex(wire.until(b"b ")[-1], rb"^b OK")


class Floods(HostileTestCase):
    def test_talk_without_mail_ends_the_connection(self):
        with self.bounded():
            for command in (b"NOOP\r\n", b"RSET\r\n", b"VRFY <a@b.example>\r\n", b"HELP\r\n"):
                wire = self.smtp()
                going = True
                for _ in range(1000):
                    if not (going := wire.try_to_say(command * 4096)):
                        break
                self.assertFalse(going)
                self.assertIn(b"421 4.7.0 Too much talk without mail", wire.to_the_end())

    def test_transactions_given_up_without_end_end_too(self):
        with self.bounded():
            for ending in (b"RSET\r\n", b"EHLO again\r\n"):
                wire = self.smtp()
                once = b"MAIL FROM:<>\r\nRCPT TO:<me@example.org>\r\n" + ending
                going = True
                for _ in range(1000):
                    if not (going := wire.try_to_say(once * 1024)):
                        break
                self.assertFalse(going)

    def test_unknown_commands_end_the_connection(self):
        with self.bounded():
            for service in ("smtp", "submission"):
                wire = self.smtp(service)
                wire.try_to_say(b"GET / HTTP/1.1\r\n" * 1000)
                heard = wire.to_the_end()
                self.assertLess(heard.count(b"\r\n"), 30)
                self.assertIn(b"421 4.7.0", heard)
            wire = self.dial("imap")
            wire.try_to_say(b"GET / HTTP/1.1\r\n" * 1000)
            self.assertLess(wire.to_the_end().count(b"\r\n"), 30)

    def test_recipients_without_end_are_counted(self):
        with self.bounded():
            wire = self.smtp()
            wire.say(b"MAIL FROM:<a@example.net>\r\n" + b"RCPT TO:<me@example.org>\r\n" * 1001)
            replies = [wire.reply()[:8] for _ in range(1002)]
            self.assertEqual(replies[-2:], [b"250 2.1.", b"452 4.5."])

    def test_guessing_recipients_ends_the_connection(self):
        with self.bounded():
            wire = self.smtp()
            wire.try_to_say(
                b"MAIL FROM:<a@example.net>\r\n"
                + b"".join(b"RCPT TO:<guess%d@example.org>\r\n" % n for n in range(500))
            )
            self.assertLess(wire.to_the_end().count(b"550 5.1.1"), 25)

    def test_imap_noops_without_reading_are_not_taken_without_bound(self):
        with self.bounded():
            wire = self.imap(b"INBOX")
            wire.socket.settimeout(1)
            with self.assertRaises(TimeoutError):
                while True:
                    wire.say(b"a NOOP\r\n" * 4096)


class ManyConnections(HostileTestCase):
    def test_a_thousand_connections_from_one_address_leave_room_for_nobody_but_others(self):
        with self.bounded(memory=40 * MB):
            for service in ("smtp", "submission", "imap"):
                wires = [socket.create_connection((HERE, self.server.ports[service]), 5) for _ in range(1000)]
                refused = 0
                for each in wires[-900:]:
                    try:
                        heard = each.recv(200)
                    except ConnectionError:
                        heard = b""
                    refused += heard.startswith((b"421 4.7.0", b"* BYE [LIMIT]")) or not heard
                self.assertGreaterEqual(refused, 900, service)
                for each in wires:
                    each.close()
                time.sleep(0.1)

    def test_a_thousand_halves_of_a_tls_handshake(self):
        with self.bounded(memory=40 * MB):
            for service in ("imaps", "submissions"):
                wires = [socket.create_connection((HERE, self.server.ports[service]), 5) for _ in range(1000)]
                for each in wires:
                    with contextlib.suppress(ConnectionError):
                        each.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100)
                for each in wires:
                    each.close()
        wait_for(self.served_over_tls)

    def served_over_tls(self) -> bool:
        try:
            return self.dial("imaps").line().startswith(b"* OK")
        except (ConnectionError, ssl.SSLError):
            return False


class WhoDoesNotRead(HostileTestCase):
    def test_a_mailbox_of_60_mb_asked_for_through_a_closed_window(self):
        wire = self.imap()
        wire.say(b"a APPEND INBOX {20000000+}\r\n", b"Subject: x\r\n\r\n", b"y" * 78 + b"\r\n")
        wire.say(b"z" * (20_000_000 - 14 - 80), b"\r\n").until(b"a OK")
        wire.say(b"s SELECT INBOX\r\n").until(b"s OK")
        for _ in range(3):
            wire.say(b"c COPY 1 INBOX\r\n").until(b"c OK")
        with self.bounded(memory=32 * MB):
            deaf = []
            for _ in range(10):
                raw = socket.socket()
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                raw.connect((HERE, self.server.ports["imap"]))
                self.addCleanup(raw.close)
                raw.sendall(b'a LOGIN me@example.org "open sesame"\r\nb SELECT INBOX\r\n')
                raw.sendall(b"c FETCH 1:* (BODY.PEEK[] BODY.PEEK[TEXT] RFC822)\r\n" * 100)
                deaf.append(raw)
            time.sleep(1.5)
        for each in deaf:
            each.close()


class Slow(HostileTestCase):
    settings = {"smtp_idle": '"3s"', "smtp_data": '"6s"', "imap_idle_before_login": '"3s"'}  # noqa: RUF012

    def test_who_dribbles_is_dropped_when_his_time_is_over(self):
        """A command, a message, a literal, a SASL answer and a TLS handshake, an octet at a time."""
        data = self.smtp()
        data.say(b"MAIL FROM:<>\r\nRCPT TO:<me@example.org>\r\nDATA\r\n")
        for _ in range(3):
            data.reply()
        literal = self.dial("imap").say(b"a LOGIN {8000+}\r\n")
        sasl = self.dial("imap").say(b"a AUTHENTICATE PLAIN\r\n")
        secret = self.smtp("submission").say(b"AUTH LOGIN\r\n")
        upgrade = self.smtp("submission").say(b"STARTTLS\r\n")
        wires = {
            "command": self.smtp(),
            "greeted by nothing": self.dial("submission"),
            "data": data,
            "literal": literal,
            "line": self.dial("imap"),
            "sasl": sasl,
            "secret": secret,
            "starttls": upgrade,
        }
        sockets = {name: wire.socket for name, wire in wires.items()}
        for service in ("imaps", "submissions"):
            sockets[service] = socket.create_connection((HERE, self.server.ports[service]), 5)
            self.addCleanup(sockets[service].close)
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500
        began = time.monotonic()
        gone: dict[str, float] = {}
        with self.bounded():
            for octet in range(160):
                for name, each in sockets.items():
                    if name in gone:
                        continue
                    shaking = name in ("imaps", "submissions", "starttls")
                    each.settimeout(0.001)
                    try:
                        each.send(hello[octet : octet + 1] if shaking else b"x")
                        while each.recv(4096):
                            pass
                        gone[name] = time.monotonic() - began
                    except TimeoutError:
                        pass
                    except (ConnectionError, ssl.SSLError):
                        gone[name] = time.monotonic() - began
                if len(gone) == len(sockets):
                    break
                time.sleep(0.1)
        self.assertEqual(set(sockets) - set(gone), set())
        self.assertGreater(gone["data"], 5)  # content is a sign of life; a message has its own time
        self.assertLess(max(gone.values()), 15, gone)


class Secrets(HostileTestCase):
    GARBAGE = (
        b"=",
        b"!!!!",
        b"AA",
        b"A" * 11_000,
        b64encode(b"\0" * 5000),
        b64encode(b"\0\0"),
        b64encode(b"a\0b\0c\0d"),
        b64encode(b"\xff\xfe\0\xff\0\xff"),
        b64encode(b"\0" + b"u" * 5000 + b"\0p"),
        b64encode(b"\0me@example.org\0" + b"p" * 7000),
        b64encode(b"n,,n=,r="),
        b64encode(b"y,a=" + b"=2C" * 2000 + b",n=" + b"=3D" * 500 + b",r=x"),
        b64encode(b"p=tls-exporter,,n=me@example.org,r=x"),
        b64encode(b"n,,m=ext,n=me@example.org,r=x"),
        b64encode(b"n,,n=me=ZZ@example.org,r=\x00"),
        b64encode("n,,n=\u202e\ufffd\u0000,r=x".encode()),
    )

    def test_garbage_in_every_mechanism_is_refused(self):
        with self.bounded(memory=80 * MB, within=40):  # argon2 takes 19 MB a thread, and there are few
            for mechanism in (b"PLAIN", b"LOGIN", b"SCRAM-SHA-256", b"SCRAM-SHA-256-PLUS", b"X" * 300):
                for garbage in self.GARBAGE:
                    smtp = self.smtp("submission")
                    smtp.say(b"AUTH %b %b\r\n" % (mechanism, garbage))
                    reply = smtp.reply()
                    if reply.startswith(b"334"):
                        reply = smtp.say(garbage + b"\r\n").reply()
                    self.assertRegex(reply, rb"^(334|5\d\d |421 )")
                    smtp.close()
                    imap = self.dial("imap")
                    imap.line()
                    imap.say(b"a AUTHENTICATE %b %b\r\n" % (mechanism, garbage))
                    answer = imap.line()
                    if answer.startswith(b"+"):
                        answer = imap.say(garbage + b"\r\n").line()
                    self.assertRegex(answer, rb"^(a NO|a BAD|\+ |\* BYE)")
                    imap.close()
        self.imap()  # who knows the password is let in all the same

    def test_a_proof_for_another_exchange_is_refused(self):
        with self.bounded():
            imap = self.dial("imap")
            imap.line()
            first = b64encode(b"n,,n=me@example.org,r=abc")
            challenge = imap.say(b"a AUTHENTICATE SCRAM-SHA-256 %b\r\n" % first).line()
            self.assertTrue(challenge.startswith(b"+ "))
            final = b64encode(b"c=biws,r=abc,p=" + b64encode(b"\0" * 32))
            self.assertRegex(imap.say(final + b"\r\n").line(), rb"^a (NO|BAD)")
