"""Trace ids, Received, Return-Path, marks of forwarding."""

from twisted.trial.unittest import SynchronousTestCase

from mailsys.ports.ids import AccountId, TraceId
from mailsys.services.delivery import forwarding_marks, received_fields, trace_ids
from mailsys.services.delivery.transactions import Client

TRACE = TraceId("0123456789abcdef")


class TraceIdTests(SynchronousTestCase):
    def test_ids_sort_by_time(self):
        ids = [trace_ids.new_trace(1e9 + n * 0.001, lambda count: b"\xff" * count) for n in range(100)]
        self.assertEqual(ids, sorted(ids))
        self.assertEqual(len(set(ids)), 100)

    def test_chance_keeps_ids_of_one_moment_apart(self):
        chance = iter([b"\x00" * 5, b"\xf0" * 5])
        first, second = (trace_ids.new_trace(1e9, lambda _: next(chance)) for _ in range(2))
        self.assertNotEqual(first, second)

    def test_an_id_is_sixteen_letters_and_digits(self):
        made = trace_ids.new_trace(4e9, lambda count: b"\xff" * count)
        self.assertEqual(len(made), 16)
        self.assertTrue(made.isalnum())


class ReceivedTests(SynchronousTestCase):
    def line(self, client: Client, **given: object) -> str:
        block = received_fields.received(client, "mx.example.com", TRACE, 1764000000.0, **given)  # type: ignore[arg-type]
        self.assertTrue(block.endswith(b"\r\n"))
        return block.decode()

    def test_the_clauses_of_rfc_5321(self):
        self.assertEqual(
            self.line(Client("192.0.2.1", 2525, "client.example"), recipient="bob@example.com"),
            "Received: from client.example ([192.0.2.1])\r\n"
            "\tby mx.example.com with ESMTP id 0123456789abcdef\r\n"
            "\tfor <bob@example.com>;\r\n"
            "\tMon, 24 Nov 2025 16:00:00 +0000\r\n",
        )

    def test_the_protocol_tells_of_tls_login_and_utf8(self):
        for client, utf8, word in (
            (Client("::1", 1, "a", esmtp=False), False, "SMTP"),
            (Client("::1", 1, "a", tls="TLSv1.3 X"), False, "ESMTPS"),
            (Client("::1", 1, "a", tls="TLSv1.3 X", account=AccountId(1)), False, "ESMTPSA"),
            (Client("::1", 1, "a", tls="TLSv1.3 X", account=AccountId(1)), True, "UTF8SMTPSA"),
            (Client("::1", 1, "a"), True, "UTF8SMTP"),
        ):
            self.assertIn(f" with {word} ", self.line(client, utf8=utf8))

    def test_an_ipv6_address_is_a_tagged_literal(self):
        self.assertIn("([IPv6:2001:db8::1])", self.line(Client("2001:db8::1", 1, "a")))

    def test_a_hostile_greeting_cannot_break_the_field(self):
        line = self.line(Client("192.0.2.1", 1, "a\r\nBcc: x (y) <z>"))
        self.assertEqual(line.count("\r\n"), 3)
        self.assertNotIn("(y)", line)

    def test_an_address_beyond_ascii_is_only_shown_with_smtputf8(self):
        client = Client("192.0.2.1", 1, "a")
        self.assertNotIn("for", self.line(client, recipient="jürgen@example.com"))
        self.assertIn(
            "for <jürgen@example.com>", self.line(client, recipient="jürgen@example.com", utf8=True)
        )


class LoopTests(SynchronousTestCase):
    def test_received_fields_are_counted_in_any_case(self):
        self.assertEqual(
            received_fields.hops(b"Received: a\r\n\tReceived: b\r\nRECEIVED : c\r\nX-Received: d\r\n\r\n"), 2
        )

    def test_a_mark_is_found_again(self):
        block = b"A: b\r\n" + forwarding_marks.forwarded("bob@example.com", "mx") + b"\r\n"
        found = forwarding_marks.marks(block)
        self.assertEqual(forwarding_marks.times_marked(found, "bob@example.com", "mx"), 1)
        self.assertEqual(forwarding_marks.times_marked(found, "eve@example.com", "mx"), 0)
        self.assertEqual(forwarding_marks.times_marked(found, "bob@example.com", "other"), 0)

    def test_a_mark_does_not_name_the_address(self):
        self.assertNotIn(b"bob", forwarding_marks.forwarded("bob@example.com", "mx"))
