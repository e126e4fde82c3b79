"""Outside judges over real sockets: what they are told, and what follows from what they say."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from mailsys.core.trust.verdict import Action
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.ports.judging import IJudge, Inspected, OutsideVerdict
from mailsys.services.judges.clamav import ClamAv
from mailsys.services.judges.milter import Milter
from mailsys.services.judges.panel import Panel, panel
from mailsys.services.judges.rspamd import Rspamd
from mailsys.services.judges.spamassassin import SpamAssassin
from mailsys.settings import Judges
from tests.peers.judges import Babbler, Clamd, Counted, MilterPeer, Peer, Silent

OURS = b"Received: from x by y\r\n"
HEADER = b"From: a@example.net\r\nSubject:  Two\r\n words\r\nX-Empty:\r\n\r\n"
BODY = b"Hello.\r\n" * 20_000  # more than one packet, and more than one window


def message(content: bytes = OURS + HEADER + BODY, **more: Any) -> Inspected:
    blob = StagedBlob(BlobId(b"b" * 32), len(content), data=content)
    return Inspected(
        **{
            "blob": blob,
            "peer": "192.0.2.7",
            "sender": "a@example.net",
            "recipients": ("b@example.org", "c@example.org"),
            "hello": "mx.example.net",
            "peer_name": "mx.example.net",
            "trace": "t1",
            "ours": len(OURS),
        }
        | more
    )


class _Judged(TestCase):
    def peer(self, protocol: Any, says: bytes = b"", **more: Any) -> Any:
        peer = Peer(protocol)
        self.addCleanup(peer.stop)
        for name, value in {"says": says, **more}.items():
            setattr(peer, name, value)
        return peer

    async def fails(self, judge: IJudge, about: str) -> None:
        with self.assertRaises(Exception) as caught:
            await judge.judge(message())
        self.assertIn(about, str(caught.exception))


class ClamAvTests(_Judged):
    async def ask(self, says: bytes, **more: Any) -> tuple[OutsideVerdict, Any]:
        peer = self.peer(Clamd, says)
        return await ClamAv(reactor, peer.where).judge(message(**more)), peer

    async def test_nothing_found(self) -> None:
        verdict, peer = await self.ask(b"stream: OK\0")
        self.assertEqual(verdict, OutsideVerdict(Action.INBOX))
        self.assertEqual(peer.heard, [OURS + HEADER + BODY])

    async def test_malware_is_refused_with_its_name(self) -> None:
        verdict, _ = await self.ask(b"stream: Eicar-Test-Signature FOUND\0")
        self.assertEqual(verdict.action, Action.REFUSE)
        self.assertEqual(verdict.reply, "550 5.7.1 The message contains malware: Eicar-Test-Signature")
        self.assertEqual(verdict.reasons[0].code, "malware")

    async def test_large_content_comes_from_its_file(self) -> None:
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.unlink, path)
        os.write(handle, HEADER + BODY * 20)
        os.close(handle)
        blob = StagedBlob(BlobId(b"b" * 32), len(HEADER + BODY * 20), path=path)
        _, peer = await self.ask(b"stream: OK\0", blob=blob, ours=0)
        self.assertEqual(peer.heard, [HEADER + BODY * 20])

    async def test_an_error_is_no_verdict(self) -> None:
        peer = self.peer(Clamd, b"INSTREAM size limit exceeded. ERROR\0")
        await self.fails(ClamAv(reactor, peer.where), "size limit exceeded")


class SpamAssassinTests(_Judged):
    async def ask(self, says: bytes) -> tuple[OutsideVerdict, Any]:
        peer = self.peer(Counted, says)
        return await SpamAssassin(reactor, peer.where).judge(message()), peer

    async def test_spam(self) -> None:
        verdict, peer = await self.ask(
            b"SPAMD/1.1 0 EX_OK\r\nContent-length: 14\r\nSpam: True ; 15.5 / 5.0\r\n\r\nGTUBE,NO_DATE\r\n"
        )
        self.assertEqual(verdict.action, Action.JUNK)
        (reason,) = verdict.reasons
        self.assertEqual(dict(reason.detail), {"score": "15.5", "required": "5", "symbols": "GTUBE, NO_DATE"})
        ((head, body),) = peer.heard
        self.assertTrue(head.startswith(b"SYMBOLS SPAMC/1.5\r\n"))
        self.assertEqual(body, OURS + HEADER + BODY)

    async def test_no_spam(self) -> None:
        verdict, _ = await self.ask(b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; -0.1 / 5.0\r\n\r\n\r\n")
        self.assertEqual(verdict.action, Action.INBOX)

    async def test_an_error_or_nonsense_is_no_verdict(self) -> None:
        for says, about in (
            (b"SPAMD/1.0 76 Bad header line: x\r\n\r\n", "Bad header"),
            (b"SPAMD/1.1 0 EX_OK\r\n\r\n", "no verdict"),
            (b"HTTP/1.1 200 OK\r\n\r\n", "HTTP"),
            (b"", "hung up"),
        ):
            await self.fails(SpamAssassin(reactor, self.peer(Counted, says).where), about)


class RspamdTests(_Judged):
    async def ask(self, body: bytes, status: bytes = b"200 OK") -> tuple[OutsideVerdict, Any]:
        peer = self.peer(
            Counted, b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n\r\n" + body
        )
        return await Rspamd(reactor, peer.where).judge(message()), peer

    async def test_what_it_is_told(self) -> None:
        _, peer = await self.ask(b'{"action": "no action", "score": -1.0, "required_score": 15}')
        ((head, body),) = peer.heard
        lines = head.split(b"\r\n")
        self.assertEqual(lines[0], b"POST /checkv2 HTTP/1.0")
        for line in (
            b"IP: 192.0.2.7",
            b"Helo: mx.example.net",
            b"From: a@example.net",
            b"Rcpt: b@example.org",
            b"Rcpt: c@example.org",
        ):
            self.assertIn(line, lines)
        self.assertEqual(body, HEADER + BODY)

    async def test_its_actions(self) -> None:
        for action, expected in (
            ("no action", Action.INBOX),
            ("greylist", Action.DEFER),
            ("soft reject", Action.DEFER),
            ("add header", Action.JUNK),
            ("rewrite subject", Action.JUNK),
            ("reject", Action.REFUSE),
        ):
            verdict, _ = await self.ask(
                b'{"action": "%s", "score": 7.5, "required_score": 15, "x": [1], "symbols":'
                b' {"A": {"name": "A", "score": 0.5}, "B": {"score": 7, "options": ["x"]}}}' % action.encode()
            )
            self.assertEqual(verdict.action, expected, action)
            self.assertEqual(dict(verdict.reasons[0].detail)["symbols"], "B (+7), A (+0.5)")

    async def test_nobody_puts_fields_into_the_question(self) -> None:
        peer = self.peer(Counted, b'HTTP/1.1 200 OK\r\n\r\n{"action": "no action"}')
        await Rspamd(reactor, peer.where).judge(message(hello="x\r\nIP: 127.0.0.1"))
        ((head, _),) = peer.heard
        self.assertEqual(
            [line for line in head.split(b"\r\n") if line.startswith(b"IP:")], [b"IP: 192.0.2.7"]
        )

    async def test_what_is_no_answer_of_its(self) -> None:
        for status, body, about in (
            (b"500 Oops", b"", "500"),
            (b"200 OK", b"<html>", "no answer of rspamd"),
            (b"200 OK", b'{"action": "dance"}', "dance"),
        ):
            peer = self.peer(Counted, b"HTTP/1.1 " + status + b"\r\n\r\n" + body)
            await self.fails(Rspamd(reactor, peer.where), about)


class MilterTests(_Judged):
    async def ask(
        self, answers: dict[str, list[bytes]] | None = None, flags: tuple[int, int, int] = (6, 1, 0)
    ) -> tuple[OutsideVerdict, list[tuple[str, bytes]]]:
        peer = self.peer(MilterPeer, answers=answers or {}, flags=flags)
        verdict = await Milter(reactor, peer.where, "mx.example.org").judge(message())
        while peer.open:  # it has heard the rest
            await _turn()
        return verdict, peer.heard

    async def test_the_whole_conversation(self) -> None:
        verdict, heard = await self.ask()
        self.assertEqual(verdict.action, Action.INBOX)
        told = [each for each in heard if each[0] not in "DBQ"]
        self.assertEqual(heard[0][1][:4], (6).to_bytes(4, "big"))
        self.assertEqual(
            told[1:],
            [
                ("C", b"mx.example.net\x004\0\x00192.0.2.7\0"),
                ("H", b"mx.example.net\0"),
                ("M", b"<a@example.net>\0"),
                ("R", b"<b@example.org>\0"),
                ("R", b"<c@example.org>\0"),
                ("T", b""),
                ("L", b"From\0a@example.net\0"),
                ("L", b"Subject\0 Two\n words\0"),
                ("L", b"X-Empty\0\0"),
                ("N", b""),
                ("E", b""),
            ],
        )
        self.assertEqual(b"".join(data for command, data in heard if command == "B"), BODY)
        self.assertTrue(all(len(data) <= 65535 for command, data in heard if command == "B"))
        macros = [data for command, data in heard if command == "D"]
        self.assertEqual(macros[0], b"Cj\0mx.example.org\0_\0mx.example.net [192.0.2.7]\0")
        self.assertEqual(macros[1], b"Mi\0t1\0{mail_addr}\0a@example.net\0")

    async def test_ipv6(self) -> None:
        peer = self.peer(MilterPeer, answers={}, flags=(6, 1, 0))
        await Milter(reactor, peer.where, "mx").judge(message(peer="2001:db8::7", peer_name=""))
        (told,) = [data for command, data in peer.heard if command == "C"]
        self.assertEqual(told, b"[2001:db8::7]\x006\0\0IPv6:2001:db8::7\0")

    async def test_what_it_did_not_want_to_hear_or_to_answer(self) -> None:
        """NOHELO, NOBODY and NOHDRS; NR_CONN and NR_MAIL; with LEADSPC values come with their space."""
        _, heard = await self.ask({"C": [], "M": []}, (6, 1, 0x2 | 0x10 | 0x20 | 0x1000 | 0x4000))
        self.assertEqual([each for each, _ in heard if each not in "DQ"], list("OCMRRTNE"))
        _, heard = await self.ask(flags=(6, 1, 0x100000))
        self.assertIn(("L", b"From\0 a@example.net\0"), heard)

    async def test_what_it_decides(self) -> None:
        for command, answer, action, reply in (
            ("C", b"a", Action.INBOX, ""),
            ("H", b"t", Action.DEFER, ""),
            ("M", b"r", Action.REFUSE, ""),
            ("L", b"d", Action.JUNK, ""),
            ("N", b"y550 5.7.1 No, thanks\0", Action.REFUSE, "550 5.7.1 No, thanks"),
            ("B", b"y451 4.7.1 Later\r\nRCPT TO:<x>\0", Action.DEFER, "451 4.7.1 Later RCPT TO:<x>"),
            ("E", b"r", Action.REFUSE, ""),
            ("E", b"t", Action.DEFER, ""),
        ):
            verdict, heard = await self.ask({command: [answer]})
            self.assertEqual((verdict.action, verdict.reply), (action, reply), (command, answer))
            self.assertEqual([each for each, _ in heard if each != "D"][-2:], [command, "Q"])

    async def test_progress_is_waited_for_and_the_rest_of_the_body_may_be_skipped(self) -> None:
        verdict, heard = await self.ask({"T": [b"p", b"p", b"c"], "B": [b"s"], "E": [b"p", b"c"]})
        self.assertEqual(verdict.action, Action.INBOX)
        self.assertEqual(len([each for each, _ in heard if each == "B"]), 1)

    async def test_fields_that_it_adds_and_quarantine(self) -> None:
        verdict, _ = await self.ask(
            {
                "E": [
                    b"hX-Scanned\0by\n me\0",
                    b"i\0\0\0\x01X-First\0one\0",
                    b"hBad Name\0x\0",
                    b"m\0\0\0\x01From\0x\0",
                    b"qlooks odd\0",
                    b"c",
                ]
            },
            (6, 0x31, 0),
        )
        self.assertEqual(verdict.action, Action.JUNK)
        self.assertEqual(verdict.header, (("X-Scanned", "by me"), ("X-First", "one")))
        self.assertIn("looks odd", verdict.reasons[0].text)

    async def test_one_recipient_refused_is_told_and_all_refused_refuses(self) -> None:
        verdict, _ = await self.ask({"R": [b"r"]})
        self.assertEqual(verdict.action, Action.REFUSE)
        peer = self.peer(MilterPeer, answers=_Once(b"r"), flags=(6, 1, 0))
        verdict = await Milter(reactor, peer.where, "mx").judge(message())
        self.assertEqual(verdict.action, Action.INBOX)
        self.assertEqual(dict(verdict.reasons[0].detail)["refused-recipients"], "b@example.org")

    async def test_what_is_no_milter(self) -> None:
        for flags, answers, about in (
            ((6, 0x2, 0), {}, "not offered"),  # to replace the body
            ((1, 0, 0), {}, "version 1"),
            ((6, 1, 0), {"H": [b"?"]}, "not known"),
            ((6, 1, 0), {"H": [b"y250 fine\0"]}, "not known"),
            ((6, 1, 0), {"H": [b""]}, "0 octets"),
            ((6, 1, 0), {"E": [b"p"] * 600}, "too many"),
        ):
            peer = self.peer(MilterPeer, answers=answers, flags=flags)
            await self.fails(Milter(reactor, peer.where, "mx"), about)


class _Once(dict[str, list[bytes]]):
    """Refuses the first recipient."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._answers = [[answer]]

    def get(self, command: str, default: Any = None) -> Any:
        return self._answers.pop() if command == "R" and self._answers else default


class PanelTests(_Judged):
    async def test_all_that_the_settings_name_are_asked(self) -> None:
        clam, milter = (
            self.peer(Clamd, b"stream: X FOUND\0"),
            self.peer(MilterPeer, answers={}, flags=(6, 1, 0)),
        )
        asked = panel(Judges(milters=(milter.where,), clamav=(clam.where,)), reactor, "mx.example.org")
        self.assertTrue(asked)
        self.assertEqual([each.action for each in await asked.ask(message())], [Action.INBOX, Action.REFUSE])
        self.assertFalse(panel(Judges(), reactor, "mx.example.org"))
        self.assertEqual(await panel(Judges(), reactor, "mx.example.org").ask(message()), ())

    async def test_what_a_word_may_lead_to_at_most(self) -> None:
        clam = self.peer(Clamd, b"stream: X FOUND\0")
        asked = panel(Judges(clamav=(clam.where,), hardest="junk"), reactor, "mx.example.org")
        (verdict,) = await asked.ask(message())
        self.assertEqual((verdict.action, verdict.reply), (Action.JUNK, ""))
        self.assertEqual(verdict.reasons[0].code, "malware")

    async def test_who_is_not_there_or_makes_no_sense_is_as_the_settings_say(self) -> None:
        gone = Peer(Silent)
        await gone.stop()
        for where in (gone.where, self.peer(Babbler).where, self.peer(Clamd, b"?\0").where, "/nowhere/sock"):
            for defer, action in ((False, Action.INBOX), (True, Action.DEFER)):
                (verdict,) = await Panel([ClamAv(reactor, where)], reactor, defer=defer).ask(message())
                self.assertEqual((verdict.action, verdict.reply[:3]), (action, "451" if defer else ""), where)
                self.assertEqual(verdict.reasons[0].code, "judge-unanswered")

    async def test_who_never_answers_is_hung_up_on_in_time_and_holds_up_no_other(self) -> None:
        clock = Clock()
        silent, clam = self.peer(Silent), self.peer(Clamd, b"stream: OK\0")
        asked = Panel([Milter(reactor, silent.where, "mx"), ClamAv(reactor, clam.where)], clock, timeout=5.0)
        waiting = Deferred.fromCoroutine(asked.ask(message()))
        while not silent.heard or not clam.heard or clam.open:
            await _turn()
        self.assertNoResult(waiting)
        clock.advance(5.0)
        first, second = await waiting
        self.assertEqual(first.reasons[0].code, "judge-unanswered")
        self.assertEqual(second, OutsideVerdict(Action.INBOX))
        while silent.open:
            await _turn()

    async def test_a_large_message_is_shown_to_nobody(self) -> None:
        clam = self.peer(Clamd, b"stream: X FOUND\0")
        (verdict,) = await Panel([ClamAv(reactor, clam.where)], reactor, size=1000).ask(message())
        self.assertEqual(verdict.action, Action.INBOX)
        self.assertEqual(verdict.reasons[0].code, "judge-skipped")
        self.assertEqual(clam.heard, [])


async def _turn() -> None:
    await deferLater(reactor, 0)
