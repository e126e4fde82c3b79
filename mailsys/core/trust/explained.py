"""A verdict in words and as it is kept: one sentence, one header field, one JSON document."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from mailsys.core.trust.verdict import Action, Reason, Verdict

FIELD: Final = b"x-mailsys-verdict"
REASONS_KEPT: Final = 30  # of each verdict
TEXT_KEPT: Final = 300  # characters of one sentence, or of one variable part of it

_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_DID: Final = {
    Action.INBOX: "Delivered",
    Action.JUNK: "Put into Junk",
    Action.DEFER: "Put off",
    Action.REFUSE: "Refused",
}


def sentence(verdict: Verdict) -> str:
    """What was done and the reason that decided, in one sentence of English."""
    did = _DID[verdict.action]
    if not verdict.reasons:
        return f"{did}: nothing speaks against it."
    first = verdict.reasons[0]
    if verdict.action is Action.INBOX and first.weight >= 0:
        return f"{did}: nothing that counts speaks against it ({verdict.score:g})."
    return f"{did}: {first.text}"[:TEXT_KEPT]


def field(verdict: Verdict) -> bytes:
    """The header field, CRLF at the end: the action and the score for programs, the sentence for people. All
    of it printable ASCII, in lines that are no longer than 78 octets where words allow."""
    words = [f"{verdict.action.value};", f"score={verdict.score:g};", *sentence(verdict).split()]
    lines = ["X-Mailsys-Verdict:"]
    for word in words:
        word = _UNPRINTABLE.sub("?", word)
        if len(lines[-1]) + len(word) > 77:
            lines.append("\t" + word)
        else:
            lines[-1] += " " + word
    return "\r\n".join(lines).encode("ascii") + b"\r\n"


def to_json(verdict: Verdict) -> bytes:
    """As it is kept; without its reply. Short: there is one for every email. Warnings that are among the
    reasons, as most are, are only numbered."""
    reasons = verdict.reasons[:REASONS_KEPT]
    number = {reason: n for n, reason in enumerate(reasons)}
    warnings = [number.get(one, _to_list(one)) for one in verdict.warnings[:REASONS_KEPT]]
    value = [verdict.action.value, verdict.score, [_to_list(one) for one in reasons], warnings]
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(data: bytes) -> Verdict:
    action, score, reasons, warnings = json.loads(data)
    found = tuple(map(_from_list, reasons))
    warned = tuple(found[one] if isinstance(one, int) else _from_list(one) for one in warnings)
    return Verdict(Action(action), found, warned, float(score))


def _to_list(reason: Reason) -> list[Any]:
    detail = [[_kept(name), _kept(value)] for name, value in reason.detail]
    return [reason.code, _kept(reason.text), round(reason.weight, 2), *detail]


def _from_list(value: list[Any]) -> Reason:
    code, text, weight, *detail = value
    return Reason(code, text, float(weight), tuple((name, found) for name, found in detail))


def as_value(verdict: Verdict) -> dict[str, Any]:
    """As programs see it (JMAP, timelines)."""
    return {
        "action": verdict.action.value,
        "score": verdict.score,
        "sentence": sentence(verdict),
        "reasons": [_as_value(one) for one in verdict.reasons[:REASONS_KEPT]],
        "warnings": [_as_value(one) for one in verdict.warnings[:REASONS_KEPT]],
    }


def _as_value(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "text": _kept(reason.text),
        "weight": round(reason.weight, 2),
        "detail": {name: _kept(value) for name, value in reason.detail},
    }


def _kept(text: str) -> str:
    """Bounded, and without control characters or halves of surrogates."""
    text = text[:TEXT_KEPT]
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
