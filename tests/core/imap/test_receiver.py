"""The IMAP receiver: octets to events, however they are cut, within bounds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.imap.commands import Append, Authenticate, Login, Select, Simple
from mailsys.core.imap.receiver import (
    AppendData,
    AppendEnd,
    AuthData,
    Bad,
    Continue,
    Fatal,
    IdleDone,
    Parsed,
    Receiver,
    TooBig,
)


def drain(receiver: Receiver) -> list:
    """Every event to be had, answered as a session would."""
    events: list = []
    while (event := receiver.next_event()) is not None:
        if isinstance(event, AppendData) and events and isinstance(events[-1], AppendData):
            events[-1] = AppendData(events[-1].data + event.data)
        else:
            events.append(event)
        if isinstance(event, Parsed):
            if event.command == Simple(b"IDLE"):
                receiver.expect_done()
            elif isinstance(event.command, Authenticate):
                receiver.expect_auth()
        receiver.resume()
    return events


def received(data: bytes, receiver: Receiver | None = None) -> list:
    if receiver is None:
        receiver = Receiver(append_limit=1_000_000)
        receiver.logged_in()
    receiver.feed(data)
    return drain(receiver)


class Commands(SynchronousTestCase):
    def test_a_line_is_a_command(self):
        self.assertEqual(received(b"a1 noop\r\n"), [Parsed(b"a1", Simple(b"NOOP"))])

    def test_pipelined_commands_come_one_by_one(self):
        receiver = Receiver()
        receiver.feed(b"a NOOP\r\nb CHECK\r\n")
        self.assertEqual(receiver.next_event(), Parsed(b"a", Simple(b"NOOP")))
        self.assertIsNone(receiver.next_event())
        receiver.resume()
        self.assertEqual(receiver.next_event(), Parsed(b"b", Simple(b"CHECK")))

    def test_a_bare_lf_ends_no_line_and_is_refused_at_once(self):
        self.assertEqual(
            received(b"a NOOP\nb NOOP\r\nc NOOP\r\n"),
            [Bad(b"a", "Lines end with CRLF, not LF"), Parsed(b"c", Simple(b"NOOP"))],
        )

    def test_a_lonely_lf_is_refused(self):
        self.assertEqual(received(b"\n")[0], Bad(None, "Lines end with CRLF, not LF"))

    def test_a_bare_cr_is_no_line_end(self):
        self.assertEqual([type(e) for e in received(b"a NOOP\rb NOOP\r\nc NOOP\r\n")], [Bad, Parsed])

    def test_an_unreadable_tag_is_answered_untagged(self):
        self.assertEqual([e.tag for e in received(b"+ NOOP\r\n\r\n(((\r\n* OK\r\n")], [None] * 4)

    def test_a_line_too_long_is_refused_before_it_ends_and_dropped(self):
        receiver = Receiver(line_limit=1000)
        self.assertEqual(received(b"a NOOP " + b"x" * 2000, receiver), [Bad(b"a", "Command line too long")])
        self.assertEqual(received(b"y" * 2000, receiver), [])
        self.assertLess(receiver.buffered, 100)
        self.assertEqual(received(b"\r\nb NOOP\r\n", receiver), [Parsed(b"b", Simple(b"NOOP"))])

    def test_an_endless_line_ends_the_connection(self):
        receiver = Receiver()
        events = []
        for _ in range(100):
            events += received(b"x" * 65536, receiver)
        self.assertEqual([type(e) for e in events], [Bad, Fatal])
        self.assertEqual(receiver.buffered, 0)

    def test_a_refused_long_line_takes_its_literal_with_it(self):
        receiver = Receiver(line_limit=100)
        events = received(b"a NOOP " + b"x" * 200 + b" {8+}\r\nb NOOP\r\n tail\r\nc NOOP\r\n", receiver)
        self.assertEqual(events, [Bad(b"a", "Command line too long"), Parsed(b"c", Simple(b"NOOP"))])

    def test_starttls_drops_what_was_sent_ahead(self):
        receiver = Receiver()
        receiver.feed(b"a STARTTLS\r\nb LOGIN x y\r\n")
        self.assertEqual(receiver.next_event(), Parsed(b"a", Simple(b"STARTTLS")))
        self.assertTrue(receiver.drop_pending())
        receiver.resume()
        self.assertIsNone(receiver.next_event())
        self.assertFalse(receiver.drop_pending())


class Literals(SynchronousTestCase):
    def test_a_synchronising_literal_is_asked_for(self):
        receiver = Receiver()
        self.assertEqual(received(b"a LOGIN {5}\r\n", receiver), [Continue()])
        self.assertEqual(received(b"alice {3}\r\n", receiver), [Continue()])
        self.assertEqual(received(b"a\r\n\r\n", receiver), [Parsed(b"a", Login(b"alice", b"a\r\n"))])

    def test_a_non_synchronising_literal_is_just_read(self):
        self.assertEqual(
            received(b"a SELECT {5+}\r\n{3+}\n\r\n"),
            [Bad(b"a", "Mailbox name holds a forbidden character")],
        )
        self.assertEqual(received(b"a SELECT {4+}\r\n{3+}\r\n"), [Parsed(b"a", Select("{3+}", False))])

    def test_a_literals_last_cr_and_a_following_lf_are_no_line_end(self):
        events = received(b"a LOGIN x {2+}\r\ny\r\nb NOOP\r\n")
        self.assertEqual(events[0], Bad(b"a", "Lines end with CRLF, not LF"))

    def test_a_synchronising_literal_over_the_limit_before_login_is_never_asked_for(self):
        receiver = Receiver()
        self.assertEqual(
            received(b"a LOGIN {8193}\r\nb NOOP\r\n", receiver), [TooBig(b"a"), Parsed(b"b", Simple(b"NOOP"))]
        )

    def test_literals_before_login_count_together(self):
        receiver = Receiver()
        events = received(b"a LOGIN {8000+}\r\n" + b"x" * 8000 + b" {200}\r\n", receiver)
        self.assertEqual(events, [TooBig(b"a")])

    def test_a_refused_literal_that_comes_all_the_same_is_dropped(self):
        receiver = Receiver()
        events = received(b"a LOGIN {9000+}\r\n" + b"b NOOP\r\n" * 1125 + b" x\r\nc NOOP\r\n", receiver)
        self.assertEqual(events, [TooBig(b"a"), Parsed(b"c", Simple(b"NOOP"))])

    def test_a_literal_bomb_before_login_ends_the_connection(self):
        for size in (b"999999999", b"18446744073709551615", b"99999999999999999999"):
            receiver = Receiver()
            self.assertEqual([type(e) for e in received(b"a LOGIN {%b+}\r\n" % size, receiver)], [Fatal])
            received(b"x" * 100_000, receiver)
            self.assertEqual(receiver.buffered, 0)

    def test_many_small_literals_are_bounded_by_the_line(self):
        receiver = Receiver(line_limit=1000)
        receiver.logged_in()
        events = received(b"a SEARCH" + b" BODY {1+}\r\nx" * 100 + b"\r\nb NOOP\r\n", receiver)
        self.assertEqual([type(e) for e in events], [Bad, Parsed])

    def test_literal_minus_refuses_more_than_4096_unasked(self):
        receiver = Receiver(literal_minus=True)
        receiver.logged_in()
        events = received(b"a SELECT {4097+}\r\n" + b"x" * 4097 + b"\r\nb NOOP\r\n", receiver)
        self.assertEqual(
            events, [Bad(b"a", "Literal too big for LITERAL-", b"TOOBIG"), Parsed(b"b", Simple(b"NOOP"))]
        )

    def test_limits_to_the_octet(self):
        for size, kinds in ((4096, [Parsed, Parsed]), (4097, [Bad, Parsed])):
            receiver = Receiver(literal_minus=True)
            receiver.logged_in()
            line = b"a SEARCH TEXT {%d+}\r\n" % size + b"x" * size + b"\r\nb NOOP\r\n"
            self.assertEqual([type(e) for e in received(line, receiver)], kinds, size)
        for size, kinds in ((8192, [Parsed]), (8193, [TooBig, Bad])):
            line = b"a LOGIN x {%d+}\r\n" % size + b"x" * size + b"\r\n"
            self.assertEqual([type(e) for e in received(line, Receiver())][: len(kinds)][:1], kinds[:1], size)
        megabytes = 50 * 1024 * 1024
        for size, kind in ((megabytes, Continue), (megabytes + 1, TooBig)):
            receiver = Receiver()
            receiver.logged_in()
            told = received(b"a APPEND x {%d}\r\n" % size, receiver)
            self.assertIsInstance(told[-1], kind, size)
        fits = b"YWFh" * ((16 * 1024 - 2) // 4)
        for line, fine in ((fits, True), (b"x" * 16 * 1024, False)):
            told = received(b"a AUTHENTICATE PLAIN\r\n" + line + b"\r\n")
            self.assertEqual(isinstance(told[1], AuthData), fine, len(line))

    def test_literal_minus_holds_for_messages_too(self):
        receiver = Receiver(literal_minus=True)
        receiver.logged_in()
        events = received(b"a APPEND x {4097+}\r\n" + b"x" * 4097 + b"\r\nb NOOP\r\n", receiver)
        self.assertEqual(
            events, [Bad(b"a", "Literal too big for LITERAL-", b"TOOBIG"), Parsed(b"b", Simple(b"NOOP"))]
        )

    def test_a_chain_of_refused_literals_ends_the_connection(self):
        receiver = Receiver()
        piece = b"{100000+}\r\n" + b"x" * 100_000
        events = received(b"a LOGIN " + piece * 10, receiver)
        self.assertEqual([type(e) for e in events], [TooBig, Fatal])
        receiver.feed(b"b NOOP\r\n")
        self.assertEqual(receiver.buffered, 0)

    def test_so_much_of_a_refused_literal_is_read_before_login(self):
        for size, kinds in ((256 * 1024, [TooBig, Parsed]), (256 * 1024 + 1, [Fatal])):
            line = b"a LOGIN x {%d+}\r\n" % size + b"x" * size + b"\r\nb NOOP\r\n"
            events = received(line, Receiver())
            self.assertEqual([type(e) for e in events], kinds, size)

    def test_refusing_what_was_not_offered_changes_nothing(self):
        receiver = Receiver()
        receiver.refuse_append()  # nothing was offered: nothing happens
        self.assertEqual(received(b"a NOOP\r\n", receiver), [Parsed(b"a", Simple(b"NOOP"))])


class Appending(SynchronousTestCase):
    def test_a_message_is_announced_asked_for_streamed_and_ended(self):
        receiver = Receiver()
        receiver.logged_in()
        self.assertEqual(
            received(b"a APPEND inbox (\\Seen) {10}\r\n", receiver),
            [Parsed(b"a", Append("INBOX", (b"\\Seen",), None, 10)), Continue()],
        )
        self.assertEqual(received(b"hello", receiver), [AppendData(b"hello")])
        self.assertEqual(received(b"w\r\n\0d", receiver), [AppendData(b"w\r\n\0d")])
        self.assertEqual(received(b"\r", receiver), [])
        self.assertEqual(received(b"\n", receiver), [AppendEnd()])

    def test_pipelined_messages_follow_each_other(self):
        one = b"a APPEND x {3+}\r\nabc\r\n"
        self.assertEqual(
            received(one * 2), [Parsed(b"a", Append("x", (), None, 3)), AppendData(b"abc"), AppendEnd()] * 2
        )

    def test_the_mailbox_may_be_a_literal(self):
        self.assertEqual(
            received(b'a APPEND {3+}\r\nfoo (\\Draft) "01-Jan-1970 01:00:00 +0100" {2+}\r\nhi\r\n'),
            [Parsed(b"a", Append("foo", (b"\\Draft",), 0.0, 2)), AppendData(b"hi"), AppendEnd()],
        )

    def test_literal8_and_the_utf8_form(self):
        self.assertEqual(
            received(b"a APPEND x ~{2+}\r\nhi\r\nb APPEND x UTF8 (~{2+}\r\nhi)\r\n"),
            [
                Parsed(b"a", Append("x", (), None, 2, binary=True)),
                AppendData(b"hi"),
                AppendEnd(),
                Parsed(b"b", Append("x", (), None, 2, binary=True, utf8=True)),
                AppendData(b"hi"),
                AppendEnd(),
            ],
        )

    def test_a_second_message_in_one_command_spoils_the_first(self):
        events = received(b"a APPEND x {2+}\r\nhi (\\Seen) {6+}\r\nb NOOP\r\nc NOOP\r\n")
        self.assertEqual(
            events[2:],
            [Bad(b"a", "Only one message may be appended at a time"), Parsed(b"c", Simple(b"NOOP"))],
        )

    def test_a_message_over_the_limit_is_refused_before_it_is_sent(self):
        self.assertEqual([type(e) for e in received(b"a APPEND x {1000001}\r\nb NOOP\r\n")], [TooBig, Parsed])

    def test_a_message_over_the_limit_that_comes_all_the_same_is_dropped(self):
        events = received(b"a APPEND x {1000001+}\r\n" + b"x" * 1000001 + b"\r\nb NOOP\r\n")
        self.assertEqual([type(e) for e in events], [TooBig, Parsed])

    def test_a_message_far_over_the_limit_ends_the_connection(self):
        self.assertEqual([type(e) for e in received(b"a APPEND x {10000000+}\r\n")], [Fatal])

    def test_nobody_appends_before_login(self):
        self.assertEqual(received(b"a APPEND x {10}\r\nb NOOP\r\n", Receiver())[0], Bad(b"a", "Log in first"))

    def test_a_refused_append_is_not_asked_for(self):
        receiver = Receiver()
        receiver.logged_in()
        receiver.feed(b"a APPEND x {10}\r\nb NOOP\r\n")
        receiver.next_event()
        receiver.refuse_append()
        receiver.resume()
        self.assertEqual(drain(receiver), [Parsed(b"b", Simple(b"NOOP"))])

    def test_a_refused_append_that_comes_all_the_same_is_dropped(self):
        receiver = Receiver()
        receiver.logged_in()
        receiver.feed(b"a APPEND x {8+}\r\nc NOOP\r\n\r\nb NOOP\r\n")
        receiver.next_event()
        receiver.refuse_append()
        receiver.resume()
        self.assertEqual(drain(receiver), [Parsed(b"b", Simple(b"NOOP"))])

    def test_a_malformed_append_takes_its_message_with_it(self):
        events = received(b"a APPEND x (\\Recent) {8+}\r\nc NOOP\r\n\r\nb NOOP\r\n")
        self.assertEqual([type(e) for e in events], [Bad, Parsed])

    def test_a_large_message_is_never_held_whole(self):
        receiver = Receiver()
        receiver.logged_in()
        total = 0
        receiver.feed(b"a APPEND x {10000000+}\r\n")
        drain(receiver)
        for _ in range(100):
            receiver.feed(b"x" * 100_000)
            total += sum(len(e.data) for e in drain(receiver))
            self.assertEqual(receiver.buffered, 0)
        self.assertEqual(total, 10_000_000)


class Modes(SynchronousTestCase):
    def test_only_done_ends_idle(self):
        self.assertEqual(
            received(b"a IDLE\r\nb NOOP\r\ndone\r\nc NOOP\r\n"),
            [
                Parsed(b"a", Simple(b"IDLE")),
                Bad(None, "Only DONE ends IDLE"),
                IdleDone(),
                Parsed(b"c", Simple(b"NOOP")),
            ],
        )

    def test_a_flood_in_idle_ends_the_connection(self):
        self.assertEqual([type(e) for e in received(b"a IDLE\r\n" + b"x" * 5000)], [Parsed, Fatal])

    def test_a_sasl_line_is_decoded(self):
        self.assertEqual(
            received(b"a AUTHENTICATE plain\r\nAGEAYg==\r\nb NOOP\r\n"),
            [Parsed(b"a", Authenticate("PLAIN", None)), AuthData(b"\0a\0b"), Parsed(b"b", Simple(b"NOOP"))],
        )

    def test_a_star_cancels_authentication(self):
        self.assertEqual(received(b"a AUTHENTICATE PLAIN\r\n*\r\n")[1], AuthData(None))

    def test_an_empty_sasl_line_is_empty_data(self):
        self.assertEqual(received(b"a AUTHENTICATE PLAIN\r\n\r\n")[1], AuthData(b""))

    def test_malformed_base64_is_refused(self):
        for line in (b"!!!", b"YQ", b"YQ==YQ==", b"=", b"a b", b"\xff"):
            self.assertEqual(
                received(b"a AUTHENTICATE PLAIN\r\n" + line + b"\r\n")[1], Bad(b"a", "Malformed base64")
            )

    def test_a_bare_lf_ends_no_sasl_line_and_what_follows_is_dropped(self):
        self.assertEqual(
            received(b"a AUTHENTICATE PLAIN\r\nAA==\nb NOOP\r\nc NOOP\r\n")[1:],
            [Bad(b"a", "Lines end with CRLF, not LF"), Parsed(b"c", Simple(b"NOOP"))],
        )

    def test_a_bare_lf_ends_no_idle(self):
        self.assertEqual(
            received(b"a IDLE\r\nDONE\nDONE\r\n")[1:], [Bad(None, "Only DONE ends IDLE"), IdleDone()]
        )

    def test_an_endless_sasl_line_ends_the_connection(self):
        self.assertEqual(
            [type(e) for e in received(b"a AUTHENTICATE PLAIN\r\n" + b"A" * 20000)], [Parsed, Fatal]
        )


PIECES = [
    b"a NOOP\r\n",
    b"b LOGIN {5}\r\nalice {1+}\r\nx\r\n",
    b"c APPEND x (\\Seen) {7+}\r\na\r\nb\n{}\r\n",
    b"d APPEND {1}\r\nx ~{0}\r\n\r\n",
    b"e APPEND x {3+}\r\nabc {4+}\r\nabcd\r\n",
    b"f APPEND x {2000+}\r\n" + b"x" * 2000 + b"\r\n",
    b"g IDLE\r\nnot\r\nDONE\r\n",
    b"h AUTHENTICATE PLAIN\r\nAA==\r\n",
    b"i NOOP\n",
    b"j NOOP {3+}\r\nxyz\r\n",
    b"k LOGIN {600+}\r\n" + b"\r\n" * 300 + b" x\r\n",
    b"l " + b"x" * 600 + b"{2+}\r\n\r\n\r\n",
    b"\r\n",
    b"{",
    b"}",
    b"\r",
    b"\n",
    b"{1+}\r\n",
    b"\0",
    b"\xff\xfe",
    b"(" * 50,
]


class AnyCut(SynchronousTestCase):
    @settings(max_examples=150)
    @given(
        pieces=st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)), max_size=8),
        cuts=st.lists(st.integers(0, 4000), max_size=20),
        logged_in=st.booleans(),
    )
    @example(PIECES, list(range(4000)), True)
    def test_any_cut_of_the_octets_gives_the_same_events(self, pieces, cuts, logged_in):
        data = b"".join(pieces)

        def run(parts: list[bytes]) -> list:
            receiver = Receiver(line_limit=500, literal_limit_before_login=100, append_limit=1000)
            if logged_in:
                receiver.logged_in()
            events: list = []
            for part in parts:
                receiver.feed(part)
                for event in drain(receiver):
                    if isinstance(event, AppendData) and events and isinstance(events[-1], AppendData):
                        events[-1] = AppendData(events[-1].data + event.data)
                    else:
                        events.append(event)
            return events

        marks = [0, *sorted({c for c in cuts if c < len(data)}), len(data)]
        self.assertEqual(run([data[a:b] for a, b in pairwise(marks)]), run([data]))

    def test_single_octets_are_read_in_linear_time(self):
        receiver = Receiver()
        for _ in range(65000):
            receiver.feed(b"(")
            self.assertIsNone(receiver.next_event())
