"""ClamAV's daemon: INSTREAM over a TCP or Unix socket (clamd(8))."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.message.text import clean
from mailsys.core.trust.verdict import Action, Reason
from mailsys.ports.judging import IJudge, Inspected, OutsideVerdict
from mailsys.services.judges.conversation import Unanswered, connect, windows


@implementer(IJudge)
class ClamAv:
    def __init__(self, reactor: Any, where: str) -> None:
        self.name = f"ClamAV at {where}"
        self._reactor = reactor
        self._where = where

    def judge(self, message: Inspected) -> Deferred[OutsideVerdict]:
        return Deferred.fromCoroutine(self._judge(message))

    async def _judge(self, message: Inspected) -> OutsideVerdict:
        talk = await connect(self._reactor, self._where)
        try:
            await talk.say(b"zINSTREAM\0")
            for window in windows(message.blob):
                await talk.say(len(window).to_bytes(4, "big") + window)
            await talk.say(bytes(4))
            answer = (await talk.line(b"\0")).decode("utf-8", "replace")
        finally:
            talk.hang_up()
        found = answer.removeprefix("stream: ")
        if found == "OK":
            return OutsideVerdict(Action.INBOX)
        if not found.endswith(" FOUND"):
            raise Unanswered(f"{clean(answer, 200)}")
        name = clean(found.removesuffix(" FOUND"), 100)
        reason = Reason("malware", f"It contains malware: {name}.", detail=(("name", name),))
        ascii_name = name.encode("ascii", "replace").decode("ascii")
        return OutsideVerdict(
            Action.REFUSE, (reason,), f"550 5.7.1 The message contains malware: {ascii_name}"
        )
