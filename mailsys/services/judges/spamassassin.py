"""SpamAssassin's daemon: SYMBOLS of the SPAMC protocol 1.5 (spamd(8), spamd/PROTOCOL)."""

from __future__ import annotations

import re
from typing import Any, Final

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.message.text import clean
from mailsys.core.trust.verdict import Action, Reason
from mailsys.ports.judging import IJudge, Inspected, OutsideVerdict
from mailsys.services.judges.conversation import Unanswered, connect

_SPAM: Final = re.compile(rb"(True|False|Yes|No)\s*;\s*(-?[\d.]{1,10})\s*/\s*(-?[\d.]{1,10})", re.I)
_NAMED: Final = 200  # symbols


@implementer(IJudge)
class SpamAssassin:
    def __init__(self, reactor: Any, where: str) -> None:
        self.name = f"SpamAssassin at {where}"
        self._reactor = reactor
        self._where = where

    def judge(self, message: Inspected) -> Deferred[OutsideVerdict]:
        return Deferred.fromCoroutine(self._judge(message))

    async def _judge(self, message: Inspected) -> OutsideVerdict:
        talk = await connect(self._reactor, self._where)
        try:
            head = b"SYMBOLS SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % message.blob.size
            # With our Received field: that is where it learns who the peer was.
            await talk.tell(message.blob, before=head)
            status = (await talk.line(b"\r\n")).split(None, 2)
            if len(status) < 2 or not status[0].startswith(b"SPAMD/") or status[1] != b"0":
                raise Unanswered(clean(b" ".join(status).decode("ascii", "replace"), 200))
            found = None
            for _ in range(20):
                line = await talk.line(b"\r\n")
                if not line:
                    break
                name, _, value = line.partition(b":")
                if name.strip().lower() == b"spam":
                    found = _SPAM.match(value.strip())
            if found is None:
                raise Unanswered("no verdict in its answer")
            symbols = (await talk.rest()).decode("ascii", "replace")
        finally:
            talk.hang_up()
        score, required = float(found[2]), float(found[3])
        is_spam = found[1].lower() in (b"true", b"yes")
        names = ", ".join(each.strip() for each in symbols.split(",")[:_NAMED])
        detail = (("score", f"{score:g}"), ("required", f"{required:g}"), ("symbols", clean(names, 1000)))
        said = "calls it spam" if is_spam else "does not call it spam"
        reason = Reason(
            "spamassassin", f"SpamAssassin {said} ({score:g} of {required:g} points).", detail=detail
        )
        return OutsideVerdict(Action.JUNK if is_spam else Action.INBOX, (reason,))
