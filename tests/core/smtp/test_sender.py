"""Conversations with the client side: `<` lines come from the server, `>` lines are what it must say."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.smtp.envelope import Envelope, EnvelopeRecipient, Fate
from mailsys.core.smtp.sender import (
    BodyWanted,
    Closed,
    Finished,
    Ready,
    Sender,
    TlsAccepted,
    TlsRefused,
    Waiting,
)

ALL = ["PIPELINING", "SIZE=1000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"]


def envelope(*recipients: str, sender: str = "a@x.example", size: int = 100, **given) -> Envelope:
    people = tuple(EnvelopeRecipient(r) for r in (recipients or ("b@y.example",)))
    return Envelope(sender, people, size, **given)


class Conversation:
    def __init__(self, *offers: str, greet: bool = True) -> None:
        self.sender = Sender("mx.example.com")
        self.events = []
        if greet:
            self.hear("220 mx.y.example ESMTP")
            self.said()
            lines = ["mx.y.example", *offers]
            for line in lines[:-1]:
                self.hear(f"250-{line}")
            self.hear(f"250 {lines[-1]}")
            self.events.clear()

    def hear(self, *lines: str) -> None:
        for line in lines:
            self.sender.feed(line.encode() + b"\r\n")
        while (event := self.sender.next_event()) is not None:
            self.events.append(event)

    def said(self) -> list[str]:
        return self.sender.take().decode().split("\r\n")[:-1]

    def begin(self, envelope: Envelope) -> list[str]:
        self.sender.begin(envelope)
        self.hear()
        return self.said()

    def body(self, content: bytes = b"Subject: x\r\n\r\nHi\r\n") -> bytes:
        return self.sender.body(content) + self.sender.end_body()

    @property
    def last(self):
        return self.events[-1]

    @property
    def fates(self) -> list[Fate]:
        finished = [e for e in self.events if isinstance(e, Finished)][-1]
        return [result.fate for result in finished.results]

    @property
    def replies(self) -> list[str]:
        finished = [e for e in self.events if isinstance(e, Finished)][-1]
        return [result.reply for result in finished.results]


class GreetingTests(SynchronousTestCase):
    def test_it_says_ehlo_and_reads_what_is_offered(self):
        talk = Conversation(greet=False)
        self.assertEqual(talk.said(), [])
        talk.hear("220-mx.y.example", "220 welcome")
        self.assertEqual(talk.said(), ["EHLO mx.example.com"])
        talk.hear(
            "250-mx.y.example hello",
            "250-size 1000",
            "250-AUTH=PLAIN LOGIN",
            "250 LIMITS RCPTMAX=20 MAILMAX=5",
        )
        self.assertIsInstance(talk.last, Ready)
        offered = talk.last.capabilities
        self.assertEqual((offered.name, offered.size_limit), ("mx.y.example", 1000))
        self.assertEqual((offered.recipients_at_once, offered.transactions), (20, 5))
        self.assertTrue(offered.offers("AUTH"))

    def test_it_falls_back_to_helo(self):
        talk = Conversation(greet=False)
        talk.hear("220 old", "502 what?")
        self.assertEqual(talk.said(), ["EHLO mx.example.com", "HELO mx.example.com"])
        talk.hear("250 old")
        self.assertEqual(talk.last, Ready(talk.sender.capabilities))
        self.assertEqual(talk.begin(envelope()), ["MAIL FROM:<a@x.example>"])

    def test_a_refusing_greeting_closes(self):
        talk = Conversation(greet=False)
        talk.hear("554 5.7.1 You are listed")
        self.assertEqual(talk.last, Closed("554 5.7.1 You are listed", True))

    def test_what_is_no_reply_closes(self):
        for line in ("hello", "999 x", "2200 x", "220", "\x00"):
            talk = Conversation(greet=False)
            talk.hear("220 a" if line == "220" else line, "250-a", "251 b")
            self.assertIsInstance(talk.last, Closed, line)

    def test_a_reply_without_end_closes(self):
        for flood in (b"220-x\r\n" * 1000, b"x" * 10_000, b"220 " + b"x" * 5000 + b"\r\n"):
            sender = Sender("me")
            sender.feed(flood)
            self.assertIsInstance(sender.next_event(), Closed)

    def test_starttls_begins_anew(self):
        talk = Conversation("STARTTLS", "PIPELINING")
        talk.sender.start_tls()
        self.assertEqual(talk.said(), ["STARTTLS"])
        talk.hear("220 go")
        self.assertEqual(talk.last, TlsAccepted())
        self.assertIs(talk.sender.waiting, Waiting.HANDSHAKE)
        talk.sender.tls_started()
        self.assertEqual(talk.said(), ["EHLO mx.example.com"])
        talk.hear("250 mx.y.example")
        self.assertFalse(talk.last.capabilities.offers("PIPELINING"))

    def test_replies_injected_before_tls_close(self):
        talk = Conversation("STARTTLS")
        talk.sender.start_tls()
        talk.sender.feed(b"220 go\r\n250 evil\r\n")
        self.assertIsInstance(talk.sender.next_event(), Closed)

    def test_starttls_may_be_refused(self):
        talk = Conversation("STARTTLS")
        talk.sender.start_tls()
        talk.hear("454 4.7.0 not now")
        self.assertEqual(talk.last, TlsRefused("454 4.7.0 not now"))


class TransactionTests(SynchronousTestCase):
    def test_with_pipelining_the_envelope_is_one_write(self):
        talk = Conversation(*ALL)
        self.assertEqual(
            talk.begin(envelope("b@y.example", "c@y.example")),
            ["MAIL FROM:<a@x.example> SIZE=100", "RCPT TO:<b@y.example>", "RCPT TO:<c@y.example>", "DATA"],
        )
        talk.hear("250 ok", "250 ok", "250 ok", "354 go")
        self.assertEqual(talk.last, BodyWanted())
        self.assertEqual(talk.body(), b"Subject: x\r\n\r\nHi\r\n.\r\n")
        talk.hear("250 2.0.0 queued as 42")
        self.assertEqual(talk.replies, ["250 2.0.0 queued as 42"] * 2)
        self.assertTrue(talk.last.usable)

    def test_without_pipelining_it_waits_for_each_answer(self):
        talk = Conversation("SIZE")
        self.assertEqual(
            talk.begin(envelope("b@y.example", "c@y.example")), ["MAIL FROM:<a@x.example> SIZE=100"]
        )
        talk.hear("250 ok")
        self.assertEqual(talk.said(), ["RCPT TO:<b@y.example>"])
        talk.hear("550 5.1.1 no b")
        self.assertEqual(talk.said(), ["RCPT TO:<c@y.example>"])
        talk.hear("250 ok")
        self.assertEqual(talk.said(), ["DATA"])
        talk.hear("354 go")
        talk.body()
        talk.hear("250 ok")
        self.assertEqual(talk.fates, [Fate.FAILED, Fate.ACCEPTED])

    def test_recipients_have_their_own_answers(self):
        talk = Conversation(*ALL)
        talk.begin(envelope("b@y.example", "c@y.example", "d@y.example", "e@y.example"))
        talk.hear("250 ok", "250 ok", "450 4.2.0 grey", "550 5.1.1 no", "552 5.5.3 too many", "354 go")
        talk.body()
        talk.hear("250 ok")
        self.assertEqual(talk.fates, [Fate.ACCEPTED, Fate.DEFERRED, Fate.FAILED, Fate.DEFERRED])

    def test_a_refused_sender_speaks_for_all_recipients(self):
        talk = Conversation(*ALL)
        talk.begin(envelope("b@y.example", "c@y.example"))
        talk.hear("550 5.7.1 not you", "503 5.5.1 mail first", "503 5.5.1 mail first", "503 5.5.1 no")
        self.assertEqual(talk.replies, ["550 5.7.1 not you"] * 2)
        self.assertTrue(talk.last.usable)

    def test_when_nobody_is_taken_and_the_server_waits_it_gets_an_empty_message(self):
        talk = Conversation(*ALL)
        talk.begin(envelope())
        talk.hear("250 ok", "550 5.1.1 no", "354 go on anyway")
        self.assertEqual(talk.said(), ["."])
        talk.hear("554 5.5.1 no valid recipients")
        self.assertEqual(talk.replies, ["550 5.1.1 no"])

    def test_a_refusal_of_data_speaks_for_those_taken(self):
        talk = Conversation(*ALL)
        talk.begin(envelope("b@y.example", "c@y.example"))
        talk.hear("250 ok", "250 ok", "550 5.1.1 no", "451 4.3.0 disk")
        self.assertEqual(talk.fates, [Fate.DEFERRED, Fate.FAILED])

    def test_a_refusal_after_the_dot_speaks_for_those_taken(self):
        talk = Conversation(*ALL)
        talk.begin(envelope("b@y.example", "c@y.example"))
        talk.hear("250 ok", "250 ok", "450 later", "354 go")
        talk.body()
        talk.hear("554 5.7.1 spam")
        self.assertEqual(talk.fates, [Fate.FAILED, Fate.DEFERRED])

    def test_the_next_message_after_an_open_transaction_begins_with_rset(self):
        talk = Conversation(*ALL)
        talk.begin(envelope())
        talk.hear("250 ok", "550 5.1.1 no", "554 no recipients")
        self.assertEqual(talk.begin(envelope())[0], "RSET")
        talk.hear("250 reset", "250 ok", "250 ok", "354 go")
        talk.body()
        talk.hear("250 ok")
        self.assertEqual(talk.fates, [Fate.ACCEPTED])
        self.assertEqual(talk.begin(envelope())[0], "MAIL FROM:<a@x.example> SIZE=100")

    def test_421_defers_whoever_has_no_answer_and_closes(self):
        for replies in (
            ["421 4.3.2 bye"],
            ["250 ok", "250 ok", "421 bye"],
            ["250 ok", "250 ok", "250 ok", "421 bye"],
        ):
            talk = Conversation(*ALL)
            talk.begin(envelope("b@y.example", "c@y.example"))
            talk.hear(*replies)
            self.assertEqual(talk.fates, [Fate.DEFERRED] * 2)
            self.assertIsInstance(talk.last, Closed)

    def test_quitting_is_said_once_and_answered(self):
        talk = Conversation(*ALL)
        talk.sender.quit()
        self.assertEqual((talk.said(), talk.sender.waiting), (["QUIT"], Waiting.QUIT))
        talk.hear("221 2.0.0 bye")
        self.assertEqual(talk.last, Closed("221 2.0.0 bye", True))
        talk.sender.quit()
        self.assertEqual(talk.said(), [])

    def test_nobody_taken_and_yet_the_server_waits_for_content(self):
        talk = Conversation(*ALL)
        talk.begin(envelope())
        talk.hear("250 ok", "550 5.1.1 no", "354 go")
        self.assertEqual((talk.said(), talk.sender.waiting), (["."], Waiting.END))
        talk.hear("554 5.5.1 nothing")
        self.assertEqual((talk.fates, talk.last.usable), ([Fate.FAILED], True))
        self.assertEqual(talk.begin(envelope())[0], "MAIL FROM:<a@x.example> SIZE=100")

    def test_without_pipelining_nobody_taken_leaves_the_connection_usable(self):
        talk = Conversation("SIZE")
        talk.begin(envelope())
        talk.hear("250 ok", "550 5.1.1 no")
        self.assertEqual((talk.fates, talk.last.usable), ([Fate.FAILED], True))
        self.assertEqual(talk.said(), ["RCPT TO:<b@y.example>"])
        self.assertEqual(talk.begin(envelope()), ["RSET"])

    def test_a_farewell_is_quoted_in_its_own_words(self):
        talk = Conversation(*ALL)
        talk.begin(envelope())
        talk.hear("421 4.3.2 bye")
        (result,) = talk.events[-2].results
        self.assertEqual((result.reply, result.remote, result.ambiguous), ("421 4.3.2 bye", True, False))
        talk = Conversation(*ALL)
        talk.begin(envelope())
        talk.sender.lost("501 5.5.4 Given up")  # our own trouble fails no message for good
        talk.hear()
        (result,) = talk.events[-2].results
        self.assertEqual((result.reply, result.remote), ("451 4.4.2 501 5.5.4 Given up", False))

    def test_each_kind_of_answer_to_data(self):
        for answer, fate, usable in (
            ("250 what", Fate.DEFERRED, False),
            ("355 what", Fate.DEFERRED, False),
            ("399 what", Fate.DEFERRED, False),
            ("400 later", Fate.DEFERRED, True),
            ("500 no", Fate.FAILED, True),
        ):
            talk = Conversation(*ALL)
            talk.begin(envelope())
            talk.hear("250 ok", "250 ok", answer)
            finished = next(event for event in talk.events if isinstance(event, Finished))
            self.assertEqual((finished.results[0].fate, finished.usable), (fate, usable), answer)

    def test_a_5xx_while_the_body_goes_out_is_the_answer(self):
        talk = Conversation(*ALL)
        talk.begin(envelope())
        talk.hear("250 ok", "250 ok", "354 go")
        talk.sender.body(b"x\r\n")
        talk.hear("552 5.3.4 too big after all")
        self.assertEqual(talk.fates, [Fate.FAILED])
        self.assertIsInstance(talk.last, Closed)

    def test_a_connection_lost_at_any_moment_only_defers(self):
        replies = ["250 ok", "250 ok", "550 5.1.1 no", "354 go"]
        for heard in range(len(replies) + 1):
            talk = Conversation(*ALL)
            talk.begin(envelope("b@y.example", "c@y.example"))
            talk.hear(*replies[:heard])
            talk.sender.lost("451 4.4.2 Lost")
            talk.hear()
            expected = Fate.FAILED if heard >= 3 else Fate.DEFERRED
            self.assertEqual(talk.fates, [Fate.DEFERRED, expected], heard)
            self.assertFalse(talk.events[-2].usable)

    def test_a_connection_lost_after_the_dot_is_told_apart(self):
        talk = Conversation(*ALL)
        talk.begin(envelope())
        talk.hear("250 ok", "250 ok", "354 go")
        talk.body()
        talk.sender.lost("451 4.4.2 Lost")
        talk.hear()
        result = talk.events[-2].results[0]
        self.assertEqual((result.fate, result.ambiguous), (Fate.DEFERRED, True))
        self.assertIn("may arrive twice", result.reply)

    def test_a_positive_answer_that_is_none_is_not_taken_for_acceptance(self):
        talk = Conversation(*ALL)
        talk.begin(envelope())
        talk.hear("250 ok", "250 ok", "250 data ok?")
        self.assertEqual(talk.fates, [Fate.DEFERRED])

    def test_words_of_replies_are_one_bounded_printable_line(self):
        talk = Conversation(*ALL)
        talk.begin(envelope())
        talk.sender.feed(
            b"250 ok\r\n550-5.1.1 no\x07such\xff\r\n550-5.1.1 user\r\n550 5.1.1 " + b"x" * 3000 + b"\r\n"
        )
        talk.hear("554 no recipients")
        reply = talk.replies[0]
        self.assertTrue(reply.startswith("550 5.1.1 no such user xxx"), reply[:60])
        self.assertLess(len(reply), 1100)

    def test_each_wait_has_its_name(self):
        talk = Conversation("SIZE")
        seen = [talk.sender.waiting]
        talk.begin(envelope())
        for reply in ("250 ok", "250 ok", "354 go"):
            seen.append(talk.sender.waiting)
            talk.hear(reply)
        seen.append(talk.sender.waiting)
        talk.body()
        seen.append(talk.sender.waiting)
        self.assertEqual(
            seen, [Waiting.NOTHING, Waiting.MAIL, Waiting.RCPT, Waiting.DATA, Waiting.BODY, Waiting.END]
        )


class ParameterTests(SynchronousTestCase):
    def test_parameters_go_along_where_they_are_offered(self):
        person = EnvelopeRecipient("b@y.example", "SUCCESS,FAILURE", "rfc822;b+c=d@y.example")
        talk = Conversation(*ALL)
        said = talk.begin(Envelope("a@x.example", (person,), 9, eight_bit=True, ret="HDRS", envid="id=1 +"))
        self.assertEqual(said[0], "MAIL FROM:<a@x.example> SIZE=9 BODY=8BITMIME RET=HDRS ENVID=id+3D1+20+2B")
        self.assertEqual(
            said[1], "RCPT TO:<b@y.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bc+3Dd@y.example"
        )

    def test_parameters_stay_away_where_they_are_not(self):
        person = EnvelopeRecipient("b@y.example", "SUCCESS", "rfc822;b@y.example")
        talk = Conversation("PIPELINING")
        said = talk.begin(Envelope("a@x.example", (person,), 9, eight_bit=True, ret="FULL", envid="1"))
        self.assertEqual(said[:2], ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>"])

    def test_utf8_is_refused_honestly_where_it_is_not_offered(self):
        for message in (envelope("bü@y.example"), envelope(utf8=True), envelope(sender="ä@x.example")):
            talk = Conversation("PIPELINING")
            self.assertEqual(talk.begin(message), [])
            self.assertTrue(talk.replies[0].startswith("550 5.6.7"))
            self.assertTrue(talk.last.usable)

    def test_utf8_goes_where_it_is_offered(self):
        talk = Conversation(*ALL)
        said = talk.begin(envelope("bü@y.example"))
        self.assertEqual(said[:2], ["MAIL FROM:<a@x.example> SIZE=100 SMTPUTF8", "RCPT TO:<bü@y.example>"])

    def test_a_message_over_the_offered_size_is_not_offered(self):
        talk = Conversation(*ALL)
        talk.begin(envelope(size=1001))
        self.assertTrue(talk.replies[0].startswith("552 5.3.4"))

    def test_requiretls_is_asked_for_or_refused(self):
        talk = Conversation("REQUIRETLS")
        self.assertEqual(talk.begin(envelope(require_tls=True)), ["MAIL FROM:<a@x.example> REQUIRETLS"])
        talk = Conversation("SIZE")
        talk.begin(envelope(require_tls=True))
        self.assertTrue(talk.replies[0].startswith("550 5.7.30"))

    def test_binary_goes_in_one_chunk_or_not_at_all(self):
        talk = Conversation("PIPELINING", "CHUNKING", "BINARYMIME")
        self.assertEqual(
            talk.begin(envelope(binary=True, size=4)),
            ["MAIL FROM:<a@x.example> BODY=BINARYMIME", "RCPT TO:<b@y.example>"],
        )
        talk.hear("250 ok", "250 ok")
        self.assertEqual(talk.said(), ["BDAT 4 LAST"])
        self.assertEqual(talk.body(b".\n\r."), b".\n\r.")
        talk.hear("250 ok")
        self.assertEqual(talk.fates, [Fate.ACCEPTED])
        talk = Conversation("8BITMIME")
        talk.begin(envelope(binary=True))
        self.assertTrue(talk.replies[0].startswith("554 5.6.3"))

    def test_an_address_cannot_break_out_of_its_command(self):
        evil = (
            "b@y.example> NOTIFY=NEVER",
            "b@y.example\r\nRSET",
            "a b@y.example",
            "<b@y.example",
            'x"y@z.example',
        )
        talk = Conversation(*ALL)
        said = talk.begin(envelope(*evil, "c@y.example", '"odd > name"@y.example'))
        self.assertEqual(said[1:3], ["RCPT TO:<c@y.example>", 'RCPT TO:<"odd > name"@y.example>'])
        talk = Conversation(*ALL)
        talk.begin(envelope(sender="a@x.example> SIZE=1"))
        self.assertTrue(talk.replies[0].startswith("553 5.1.7"))


REPLIES = st.sampled_from(
    [
        b"250 ok\r\n",
        b"354 go\r\n",
        b"450 later\r\n",
        b"550 no\r\n",
        b"421 bye\r\n",
        b"250-a\r\n",
        b"x\r\n",
        b"220 hi\r\n",
    ]
)


class AnyServerTests(SynchronousTestCase):
    @given(st.lists(REPLIES, max_size=14), st.booleans(), st.integers(1, 9))
    @settings(max_examples=500)
    def test_whatever_a_server_says_each_recipient_gets_one_result_and_250_alone_accepts(
        self, replies, pipelining, cut
    ):
        talk = Conversation(*(ALL if pipelining else ["SIZE"]))
        talk.begin(envelope("b@y.example", "c@y.example"))
        wire = b"".join(replies)
        bodies = 0
        for start in range(0, len(wire), cut):
            talk.sender.feed(wire[start : start + cut])
            talk.hear()
            if talk.sender.waiting is Waiting.BODY:
                talk.body()
                bodies += 1
        talk.sender.lost("451 4.4.2 Lost")
        talk.hear()
        finished = [event for event in talk.events if isinstance(event, Finished)]
        self.assertEqual(len(finished), 1)
        self.assertEqual(len(finished[0].results), 2)
        accepted = [r for r in finished[0].results if r.fate is Fate.ACCEPTED]
        if accepted:
            self.assertEqual(bodies, 1)
            self.assertTrue(all(r.reply.startswith("2") for r in accepted))
