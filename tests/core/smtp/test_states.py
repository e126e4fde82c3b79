"""The table of states, whole: every state and every command."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.smtp import events
from mailsys.core.smtp.events import Refused
from mailsys.core.smtp.extensions import Offers
from mailsys.core.smtp.receiver import Receiver
from mailsys.core.smtp.states import RULES, State

COMMANDS = {
    b"HELO": (b"HELO x", events.Hello),
    b"EHLO": (b"EHLO x", events.Hello),
    b"RSET": (b"RSET", events.Reset),
    b"NOOP": (b"NOOP", events.Noop),
    b"QUIT": (b"QUIT", events.Quit),
    b"HELP": (b"HELP", events.Help),
    b"VRFY": (b"VRFY x", events.Verify),
    b"EXPN": (b"EXPN x", Refused),
    b"STARTTLS": (b"STARTTLS", events.StartTls),
    b"AUTH": (b"AUTH PLAIN", events.Authenticate),
    b"MAIL": (b"MAIL FROM:<a@example.org>", events.Mail),
    b"RCPT": (b"RCPT TO:<b@example.org>", events.Recipient),
    b"DATA": (b"DATA", events.StartData),
    b"BDAT": (b"BDAT 1\r\nx", events.StartChunk),
}
WAY = {
    State.START: b"",
    State.READY: b"EHLO x\r\n",
    State.SENDER: b"EHLO x\r\nMAIL FROM:<a@example.org>\r\n",
    State.RECIPIENTS: b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n",
    State.CHUNKS: b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nBDAT 1\r\nx",
}
# rows: commands; columns: START READY SENDER RECIPIENTS CHUNKS. ".": allowed
EXPECTED = """
    HELO     .   .   .   .   .
    EHLO     .   .   .   .   .
    RSET     .   .   .   .   .
    NOOP     .   .   .   .   .
    QUIT     .   .   .   .   .
    HELP     .   .   .   .   .
    VRFY     .   .   .   .   .
    EXPN     .   .   .   .   .
    STARTTLS 503 .   503 503 503
    AUTH     503 .   503 503 503
    MAIL     503 .   503 503 503
    RCPT     503 503 .   .   503
    DATA     503 503 554 .   503
    BDAT     503 503 554 .   .
"""


def in_state(state: State) -> Receiver:
    offers = Offers("mx.example", 1000, 10, 10, start_tls=True, submission=True, mechanisms=("PLAIN",))
    receiver = Receiver(offers, 1000)
    receiver.feed(WAY[state])
    while receiver.next_event() is not None:
        receiver.resume()
    assert receiver.state is state
    return receiver


class StateTests(SynchronousTestCase):
    def test_every_command_in_every_state(self):
        rows = [row.split() for row in EXPECTED.strip().splitlines()]
        self.assertEqual({row[0].encode() for row in rows}, set(RULES))
        for verb, *cells in rows:
            line, kind = COMMANDS[verb.encode()]
            for state, cell in zip(State, cells, strict=True):
                with self.subTest(f"{verb} in {state}"):
                    receiver = in_state(state)
                    receiver.feed(line + b"\r\n" * (verb != "BDAT"))
                    event = receiver.next_event()
                    if cell == ".":
                        self.assertIsInstance(event, kind)
                    else:
                        self.assertIsInstance(event, Refused)
                        self.assertEqual((event.reply.code, event.reply.enhanced), (int(cell), "5.5.1"))
                        receiver.resume()
                        self.assertIs(receiver.state, state)

    def test_what_is_refused_changes_no_state(self):
        for verb, (line, _kind) in COMMANDS.items():
            for state in State:
                if state not in RULES[verb].allowed or verb in (b"HELO", b"EHLO", b"RSET", b"BDAT", b"DATA"):
                    continue
                receiver = in_state(state)
                receiver.feed(line + b"\r\n")
                receiver.next_event()
                receiver.resume(accepted=False)
                self.assertIs(receiver.state, state, verb)

    def test_the_whole_table_has_an_answer(self):
        for rule in RULES.values():
            self.assertEqual(rule.allowed | set(rule.otherwise), set(State))
            self.assertEqual(rule.allowed & set(rule.otherwise), set())
