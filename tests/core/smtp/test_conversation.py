"""What the receiver makes of whole conversations: each event, or the code of each refusal, in order."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.smtp import events
from mailsys.core.smtp.events import Refused
from mailsys.core.smtp.extensions import Offers, hello_reply
from mailsys.core.smtp.receiver import AUTH_LINE, Receiver

OFFERS = Offers("mx.example", 100, 10, 10, start_tls=True)
SUBMISSION = replace(OFFERS, submission=True, mechanisms=("PLAIN",))
TO_DATA = b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
TO_CHUNKS = TO_DATA.removesuffix(b"DATA\r\n")
MEGABYTE = 1 << 20


class Talk:
    """A connection. `refuse`: kinds of event that get a negative answer; `exchange`: AUTH goes on."""

    def __init__(self, offers: Offers = OFFERS, line_limit: int = 200) -> None:
        self.receiver = Receiver(offers, line_limit)
        self.refuse: set[type] = set()
        self.exchange = 0

    def hears(self, *pieces: bytes) -> list[object]:
        """Content as its octets, a refusal as its code (negative: it ends the connection), else the name."""
        said: list[object] = []
        for piece in pieces:
            self.receiver.feed(piece)
            while (event := self.receiver.next_event()) is not None:
                refused = getattr(event, "refused", None)
                if isinstance(event, events.Content):
                    said.append(event.data)
                elif isinstance(event, Refused):
                    said.append(-event.reply.code if event.fatal else event.reply.code)
                elif refused is not None:
                    said.append(f"{type(event).__name__} {refused.code}")
                else:
                    said.append(type(event).__name__)
                if isinstance(event, (events.Authenticate, events.Response)) and self.exchange:
                    self.exchange -= 1
                    self.receiver.expect_response()
                self.receiver.resume(refused is None and type(event) not in self.refuse)
        return said


class ContentTests(SynchronousTestCase):
    def test_commands_go_on_behind_a_message(self):
        said = Talk().hears(TO_DATA + b"x\r\n.\r\nMAIL FROM:<>\r\nDATA\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual(
            said,
            ["Hello", "Mail", "Recipient", "StartData", b"x\r\n", "EndOfMessage", "Mail", 554, "Quit"],
        )

    def test_refused_data_has_no_content(self):
        talk = Talk()
        talk.refuse.add(events.StartData)
        self.assertEqual(talk.hears(TO_DATA + b"NOOP\r\nDATA\r\n")[3:], ["StartData", "Noop", 503])

    def test_a_refused_sender_or_recipient_opens_nothing(self):
        talk = Talk()
        talk.refuse.add(events.Mail)
        self.assertEqual(talk.hears(TO_DATA), ["Hello", "Mail", 503, 503])
        talk = Talk()
        talk.refuse.add(events.Recipient)
        self.assertEqual(talk.hears(TO_DATA), ["Hello", "Mail", "Recipient", 554])

    def test_a_refused_greeting_leaves_the_old_state(self):
        talk = Talk()
        talk.refuse.add(events.Hello)
        self.assertEqual(talk.hears(b"EHLO x\r\nMAIL FROM:<>\r\n"), ["Hello", 503])

    def test_a_new_greeting_and_a_reset_end_the_transaction(self):
        for line, name in ((b"EHLO x\r\n", "Hello"), (b"RSET\r\n", "Reset")):
            said = Talk().hears(TO_CHUNKS + line + b"DATA\r\nMAIL FROM:<>\r\n")
            self.assertEqual(said[3:], [name, 503, "Mail"])
        self.assertEqual(Talk().hears(b"RSET\r\nMAIL FROM:<>\r\n"), ["Reset", 503])  # no greeting yet

    def test_arguments_where_none_belong(self):
        self.assertEqual(
            Talk().hears(TO_CHUNKS + b"RSET x\r\nQUIT x\r\nDATA x\r\nNOOP x\r\nSTARTTLS x\r\nDATA \r\n")[3:],
            [501, 501, 501, "Noop", 503, "StartData"],
        )
        self.assertEqual(Talk().hears(b"EHLO x\r\nSTARTTLS x\r\n"), ["Hello", 501])

    def test_over_the_limit_is_read_to_its_end_and_refused(self):
        talk = Talk()
        self.assertEqual(
            talk.hears(TO_DATA, b"x" * 98 + b"\r\n.\r\n")[4:], [b"x" * 98 + b"\r\n", "EndOfMessage"]
        )
        self.assertEqual(
            Talk().hears(TO_DATA, b"x" * 99 + b"\r\n.\r\nNOOP\r\n")[4:], ["EndOfMessage 552", "Noop"]
        )

    def test_far_over_the_limit_ends_the_connection(self):
        most = 2 * OFFERS.size + MEGABYTE
        talk = Talk()
        self.assertEqual(talk.hears(TO_DATA, b"x" * most)[4:], [])
        self.assertEqual(talk.hears(b"x", b"\r\n.\r\nNOOP\r\n"), [-552])
        self.assertEqual(talk.receiver.buffered, 0)

    def test_what_is_discarded_is_not_handed_out(self):
        talk = Talk()
        self.assertEqual(talk.hears(TO_DATA, b"x\r\n")[4:], [b"x"])
        talk.receiver.discard()
        self.assertEqual(talk.hears(b"y\r\n.\r\n"), ["EndOfMessage"])
        again = TO_DATA.removeprefix(b"EHLO x\r\n")
        self.assertEqual(talk.hears(again, b"z\r\n.\r\n")[3:], [b"z\r\n", "EndOfMessage"])

    def test_the_buffer_is_what_was_not_taken(self):
        talk = Talk()
        talk.hears(b"EHLO x\r\nNOO")
        self.assertEqual(talk.receiver.buffered, 3)
        self.assertEqual(talk.hears(b"P\r\n"), ["Noop"])
        self.assertEqual(talk.receiver.buffered, 0)


class ChunkTests(SynchronousTestCase):
    def test_chunks_make_a_message(self):
        talk = Talk()
        said = talk.hears(TO_CHUNKS + b"BDAT 3\r\nab\r", b"BDAT 3 LAST\r\n\ncdNOOP\r\nDATA\r\n")[3:]
        self.assertEqual(
            said, ["StartChunk", b"ab\r", "EndOfChunk", "StartChunk", b"\ncd", "EndOfMessage", "Noop", 503]
        )

    def test_only_the_first_chunk_is_the_first(self):
        receiver = Receiver(OFFERS, 200)
        receiver.feed(TO_CHUNKS + b"BDAT 1\r\naBDAT 1 LAST\r\nb")
        firsts = []
        while (event := receiver.next_event()) is not None:
            if isinstance(event, events.StartChunk):
                firsts.append(event.first)
            receiver.resume()
        self.assertEqual(firsts, [True, False])

    def test_an_empty_last_chunk_ends_the_message(self):
        said = Talk().hears(TO_CHUNKS + b"BDAT 1\r\naBDAT 0 LAST\r\nNOOP\r\n")[3:]
        self.assertEqual(said, ["StartChunk", b"a", "EndOfChunk", "StartChunk", "EndOfMessage", "Noop"])

    def test_a_chunk_out_of_turn_is_swallowed_and_refused(self):
        self.assertEqual(
            Talk().hears(b"EHLO x\r\nBDAT 6\r\nNOOP\r\nNOOP\r\nMAIL FROM:<>\r\nBDAT 2 LAST\r\nabDATA\r\n"),
            ["Hello", 503, "Noop", "Mail", 554, 554],
        )
        again = TO_DATA.removeprefix(b"EHLO x\r\n")
        said = Talk().hears(b"EHLO x\r\nBDAT 1\r\nx" + again + b"hello\r\n.\r\n")
        self.assertEqual(said[-2:], [b"hello\r\n", "EndOfMessage"])  # what follows is not swallowed too

    def test_a_refused_start_swallows_the_chunk(self):
        talk = Talk()
        talk.refuse |= {events.StartChunk, events.EndOfChunk}
        self.assertEqual(
            talk.hears(TO_CHUNKS + b"BDAT 6\r\nNOOP\r\nNOOP\r\nBDAT 1\r\nx")[3:],
            ["StartChunk", "EndOfChunk", "Noop", 503],
        )

    def test_over_the_limit_each_chunk_is_refused_and_counted(self):
        self.assertEqual(
            Talk().hears(TO_CHUNKS + b"BDAT 100 LAST\r\n" + b"x" * 100)[3:],
            ["StartChunk", b"x" * 100, "EndOfMessage"],
        )
        talk = Talk()
        said = talk.hears(
            TO_CHUNKS + b"BDAT 60\r\n" + b"x" * 60 + b"BDAT 41 LAST\r\n" + b"x" * 41 + b"NOOP\r\n"
        )
        self.assertEqual(said[3:], ["StartChunk", b"x" * 60, "EndOfChunk", "EndOfMessage 552", "Noop"])
        said = Talk().hears(TO_CHUNKS + b"BDAT 101\r\n" + b"x" * 101 + b"BDAT 1\r\nx")
        self.assertEqual(said[3:], ["EndOfChunk 552", 503])  # refused: the transaction is over

    def test_a_size_that_is_absurd_or_unreadable_ends_the_connection(self):
        most = 2 * OFFERS.size + MEGABYTE
        self.assertEqual(Talk().hears(TO_CHUNKS + b"BDAT %d\r\nNOOP\r\n" % (most + 1))[3:], [-552])
        self.assertEqual(Talk().hears(TO_CHUNKS + b"BDAT %d\r\nNOOP\r\n" % most)[3:], [])
        for size in (b"", b"x", b"-1", b"1 FIRST", b"1LAST", b"1" * 20):
            self.assertEqual(Talk().hears(TO_CHUNKS + b"BDAT " + size + b"\r\nNOOP\r\n")[3:], [-501], size)

    def test_binary_needs_chunks(self):
        start = TO_CHUNKS.replace(b"MAIL FROM:<a@b.example>", b"MAIL FROM:<a@b.example> BODY=BINARYMIME")
        self.assertEqual(Talk().hears(start + b"DATA\r\n")[3:], [503])
        said = Talk().hears(start + b"BDAT 3 LAST\r\na\nb")[3:]
        self.assertEqual(said, ["StartChunk", b"a\nb", "EndOfMessage"])
        said = Talk().hears(TO_CHUNKS + b"BDAT 3 LAST\r\na\nb")[3:]
        self.assertEqual(said, ["StartChunk", "EndOfMessage 550"])

    def test_a_new_transaction_is_judged_by_its_own_sender_line(self):
        start = TO_CHUNKS.replace(b"MAIL FROM:<a@b.example>", b"MAIL FROM:<a@b.example> BODY=BINARYMIME")
        self.assertEqual(
            Talk().hears(start + b"RSET\r\n" + TO_DATA)[3:],
            ["Reset", "Hello", "Mail", "Recipient", "StartData"],
        )


class LineTests(SynchronousTestCase):
    def test_a_line_too_long_is_refused_once_and_passed_over(self):
        line = b"NOOP " + b"x" * 500
        for pieces in ([line + b"\r\nNOOP\r\n"], [line, b"x" * 90, b"\r", b"\nNOOP\r\n"]):
            self.assertEqual(Talk().hears(*pieces), [500, "Noop"])

    def test_what_follows_a_line_too_long_is_no_part_of_it(self):
        said = Talk(line_limit=40).hears(b"NOOP " + b"x" * 40, b"\r\n" + b"NOOP\r\n" * 200)
        self.assertEqual(said, [500] + ["Noop"] * 200)

    def test_a_line_without_an_end_ends_the_connection(self):
        talk = Talk(line_limit=100)
        self.assertEqual(talk.hears(b"x" * 1600), [500])
        self.assertEqual(talk.hears(b"x"), [-421])
        self.assertEqual(talk.hears(b"\r\nNOOP\r\n"), [])

    def test_control_characters_and_unknown_words(self):
        self.assertEqual(
            Talk().hears(
                b"NOOP \x7f\r\nNOOP\x01\r\nNOPE\r\n\r\nnoop \t\r\nEXPN x\r\nHELP\r\nVRFY x\r\nVRFY\r\n"
            ),
            [500, 500, 500, 500, "Noop", 502, "Help", "Verify", 501],
        )

    def test_addresses_beyond_ascii_want_smtputf8(self):
        umlaut = "RCPT TO:<ü@b.example>\r\n".encode()
        for mail, codes in (
            (b"MAIL FROM:<a@b>\r\n", [553]),
            (b"MAIL FROM:<a@b> SMTPUTF8\r\n", ["Recipient"]),
        ):
            self.assertEqual(Talk().hears(b"EHLO x\r\n" + mail + umlaut)[2:], codes)
        for mail, told in (("MAIL FROM:<ü@b>\r\n", 553), ("MAIL FROM:<ü@b> SMTPUTF8\r\n", "Mail")):
            self.assertEqual(Talk().hears(b"EHLO x\r\n" + mail.encode())[1:], [told])
        both = b"EHLO x\r\nMAIL FROM:<a@b> SMTPUTF8\r\nRSET\r\nMAIL FROM:<a@b>\r\n" + umlaut
        self.assertEqual(Talk().hears(both)[-1], 553)

    def test_the_declared_size_is_judged(self):
        for size, told in ((100, "Mail"), (101, 552), (0, "Mail")):
            said = Talk().hears(b"EHLO x\r\nMAIL FROM:<a@b> SIZE=%d\r\n" % size)
            self.assertEqual(said[1:], [told], size)

    def test_paths_that_are_not_for_here(self):
        self.assertEqual(
            Talk().hears(
                b"EHLO x\r\nMAIL FROM:<postmaster>\r\nMAIL TO:<a@b>\r\nMAIL FROM:a@@b\r\nMAIL FROM:<>\r\n"
                b"RCPT TO:<>\r\nRCPT FROM:<a@b>\r\nRCPT TO:<a@b> FOO=1\r\nRCPT TO:<postmaster>\r\n"
            ),
            ["Hello", 501, 501, 501, "Mail", 501, 501, 555, "Recipient"],
        )

    def test_names_that_could_harm_a_header_are_masked(self):
        for line, name in ((b"EHLO a(b)\r\n", "a?b?"), (b"HELO " + b"a" * 300 + b"\r\n", "a" * 255)):
            receiver = Receiver(OFFERS, 400)
            receiver.feed(line)
            event = receiver.next_event()
            assert isinstance(event, events.Hello)
            self.assertEqual((event.name, event.extended), (name, line.startswith(b"EHLO")))
        self.assertEqual(Talk().hears(b"EHLO\r\nHELO a b\r\nEHLO a b c\r\n"), [501] * 3)


class TlsTests(SynchronousTestCase):
    def test_nothing_said_before_tls_counts(self):
        talk = Talk()
        self.assertEqual(talk.hears(b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<>\r\n"), ["Hello", "StartTls"])
        talk.receiver.restart(replace(OFFERS, start_tls=False))
        self.assertEqual(talk.hears(b"MAIL FROM:<>\r\nEHLO x\r\nSTARTTLS\r\n"), [503, "Hello", 503])

    def test_what_was_injected_is_known(self):
        for more, injected in ((b"", False), (b"N", True)):
            receiver = Receiver(OFFERS, 200)
            receiver.feed(b"EHLO x\r\n")
            receiver.next_event()
            receiver.resume()
            receiver.feed(b"STARTTLS\r\n" + more)
            self.assertEqual(receiver.next_event(), events.StartTls(injected))


class AuthTests(SynchronousTestCase):
    def test_an_exchange(self):
        talk = Talk(SUBMISSION)
        talk.exchange = 2
        said = talk.hears(b"EHLO x\r\nAUTH PLAIN\r\nYQ==\r\n", b"YQ==\r\n", b"NOOP\r\n")
        self.assertEqual(said, ["Hello", "Authenticate", "Response", "Response", "Noop"])

    def test_what_ends_an_exchange(self):
        for line, code in ((b"*", 501), (b"Y", 501), (b"x" * AUTH_LINE, 500)):
            talk = Talk(SUBMISSION, 4096)
            talk.exchange = 1
            said = talk.hears(b"EHLO x\r\nAUTH PLAIN\r\n", line + b"\r\nNOOP\r\n")
            self.assertEqual(said, ["Hello", "Authenticate", code, "Noop"])

    def test_responses_may_be_as_long_as_the_standard_says(self):
        fits = b"YWFh" * ((AUTH_LINE - 2 - len("AUTH PLAIN ")) // 4)
        self.assertEqual(
            Talk(SUBMISSION).hears(b"EHLO x\r\nAUTH PLAIN " + fits + b"\r\n"), ["Hello", "Authenticate"]
        )
        self.assertEqual(
            Talk(SUBMISSION, 4096).hears(b"EHLO x\r\nAUTH PLAIN " + b"x" * AUTH_LINE + b"\r\nNOOP\r\n"),
            ["Hello", 500, "Noop"],
        )
        self.assertEqual(Talk().hears(b"EHLO x\r\nAUTH PLAIN " + fits + b"\r\n")[:2], ["Hello", 500])

    def test_initial_responses(self):
        for text, initial in ((b"plain", None), (b"PLAIN =", b""), (b"PLAIN YQ==", b"a")):
            receiver = Receiver(SUBMISSION, 200)
            receiver.feed(b"EHLO x\r\n")
            receiver.next_event()
            receiver.resume()
            receiver.feed(b"AUTH " + text + b"\r\n")
            self.assertEqual(receiver.next_event(), events.Authenticate("PLAIN", initial))
        self.assertEqual(
            Talk(SUBMISSION).hears(b"EHLO x\r\nAUTH\r\nAUTH PLAIN Y\r\nAUTH " + b"x" * 21 + b"\r\n"),
            ["Hello", 501, 501, 501],
        )
        self.assertEqual(Talk().hears(b"EHLO x\r\nAUTH PLAIN\r\n"), ["Hello", 503])


class GreetingTests(SynchronousTestCase):
    def test_the_latest_hold_is_a_minute_that_can_be_kept(self):
        """RFC 4865 §3: seconds, and the latest time; rounded down, so that the promise holds."""
        offers = replace(SUBMISSION, hold=3600)
        for now, until in ((0.0, "01:00:00"), (59.9, "01:00:00"), (60.0, "01:01:00"), (7260.5, "03:01:00")):
            self.assertIn(f"FUTURERELEASE 3600 1970-01-01T{until}Z".encode(), hello_reply(offers, now))
        self.assertNotIn(b"FUTURERELEASE", hello_reply(SUBMISSION, 0.0))

    def test_only_what_can_be_had_is_offered(self):
        said = hello_reply(Offers("mx.example", 1, 2, 3), 0.0)
        self.assertIn(b"250-SIZE 1\r\n", said)
        self.assertTrue(said.endswith(b"250 LIMITS MAILMAX=3 RCPTMAX=2\r\n"))
        said = hello_reply(replace(SUBMISSION, require_tls=True, mechanisms=("A", "B")), 0.0)
        self.assertTrue(said.endswith(b"250-STARTTLS\r\n250-REQUIRETLS\r\n250 AUTH A B\r\n"))
