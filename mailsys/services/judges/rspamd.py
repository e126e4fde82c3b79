"""rspamd over HTTP: /checkv2 of its normal worker. HTTP/1.0, so that the answer comes unchunked."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.message.text import clean
from mailsys.core.trust.verdict import Action, Reason
from mailsys.ports.judging import IJudge, Inspected, OutsideVerdict
from mailsys.services.judges.conversation import Unanswered, connect

_ACTIONS: Final = {
    "no action": Action.INBOX,
    "greylist": Action.DEFER,
    "soft reject": Action.DEFER,
    "add header": Action.JUNK,
    "rewrite subject": Action.JUNK,
    "quarantine": Action.JUNK,
    "reject": Action.REFUSE,
    "discard": Action.REFUSE,  # what is accepted is never dropped
}
_TOLD: Final = 20  # symbols


class _Symbol(msgspec.Struct, frozen=True):
    name: str = ""
    score: float = 0.0


class _Answer(msgspec.Struct, frozen=True):
    action: str
    score: float = 0.0
    required_score: float = 0.0
    symbols: Annotated[dict[str, _Symbol], Meta(max_length=2000)] = {}


@implementer(IJudge)
class Rspamd:
    def __init__(self, reactor: Any, where: str) -> None:
        self.name = f"rspamd at {where}"
        self._reactor = reactor
        self._where = where

    def judge(self, message: Inspected) -> Deferred[OutsideVerdict]:
        return Deferred.fromCoroutine(self._judge(message))

    async def _judge(self, message: Inspected) -> OutsideVerdict:
        talk = await connect(self._reactor, self._where)
        try:
            await talk.tell(message.blob, message.ours, self._head(message))
            status = (await talk.line(b"\r\n")).split(None, 2)
            while await talk.line(b"\r\n"):
                pass
            body = await talk.rest()
        finally:
            talk.hang_up()
        if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or status[1] != b"200":
            raise Unanswered(clean(b" ".join(status).decode("ascii", "replace"), 200))
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except msgspec.DecodeError as problem:
            raise Unanswered(f"no answer of rspamd's: {problem}"[:200]) from None
        return _verdict(answer)

    def _head(self, message: Inspected) -> bytes:
        fields = [
            ("Content-Length", str(max(message.blob.size - message.ours, 0))),
            ("IP", message.peer),
            ("Helo", message.hello),
            ("Hostname", message.peer_name),
            ("From", message.sender),
            *(("Rcpt", recipient) for recipient in message.recipients),
            ("Queue-Id", message.trace),
        ]
        lines = [f"{name}: {_one_line(value)}\r\n" for name, value in fields if value]
        return f"POST /checkv2 HTTP/1.0\r\n{''.join(lines)}\r\n".encode()


def _one_line(value: str) -> str:
    return "".join(c for c in value if c.isprintable())


def _verdict(answer: _Answer) -> OutsideVerdict:
    action = _ACTIONS.get(answer.action)
    if action is None:
        raise Unanswered(f"an action that is not known: {clean(answer.action, 50)}")
    strongest = sorted(answer.symbols.items(), key=lambda each: -abs(each[1].score))[:_TOLD]
    symbols = ", ".join(f"{name} ({symbol.score:+g})" for name, symbol in strongest if symbol.score)
    detail = (
        ("action", clean(answer.action, 50)),
        ("score", f"{answer.score:g}"),
        ("required", f"{answer.required_score:g}"),
        ("symbols", clean(symbols, 1000)),
    )
    text = f"rspamd says “{answer.action}” ({answer.score:g} of {answer.required_score:g} points)."
    return OutsideVerdict(action, (Reason("rspamd", text, detail=detail),))
