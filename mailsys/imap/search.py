"""SEARCH (RFC 9051 §6.4.4; ESEARCH: RFC 4731, SEARCHRES: RFC 5182, CONDSTORE: RFC 7162 §3.1.5)."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mailsys.core.imap import response
from mailsys.core.imap.commands import Search, Text
from mailsys.core.imap.search import (
    Rows,
    SearchPlan,
    evaluate,
    highest_modseq,
    make_plan,
    sent_bounds,
    undecided,
)
from mailsys.core.message.dates import own_day
from mailsys.imap.selected import Selected
from mailsys.imap.session import Answer, Session
from mailsys.ports.emails import Column
from mailsys.ports.query import TextField

IN_THREAD: Final = 20_000  # messages from which on a search is not the reactor's work
_AT_ONCE: Final = 1000  # emails of one IMailStore.fetch
_ENVELOPE_DATE: Final = re.compile(rb'\((?:"((?:[^"\\]|\\.)*)"|\{[0-9]+\}\r\n(.{1,200}))', re.DOTALL)


async def search(session: Session, tag: bytes, command: Search) -> Answer:
    selected = session.selection
    if session.rev2 and command.returns is None:
        returns: frozenset[bytes] | None = frozenset((b"ALL",))  # RFC 9051 §6.4.4: ESEARCH always
    else:
        returns = command.returns
    plan = make_plan(command.key)
    if plan.uses_modseq:
        session.enable_condstore()
    if returns is not None and b"SAVE" in returns:
        selected.view.saved = array("I")  # RFC 5182 §2.1: a search that fails leaves nothing saved
    in_thread = len(selected.image.uids) > IN_THREAD
    rows = selected.search_rows(waits=bool(plan.texts or plan.columns or in_thread))
    texts = {one: await _look_up(session, selected, one) for one in plan.texts}
    columns = await _columns(session, selected, plan, rows, texts)

    def work() -> tuple[array[int], bytes]:
        uids = evaluate(plan, rows, texts, columns)
        return uids, _answer(tag, command.uid, plan, rows, uids, returns, selected)

    if in_thread:
        uids, answer = await session.parts.offload(work)
    else:
        uids, answer = work()
    if returns is not None and b"SAVE" in returns:
        selected.view.saved = _saved(uids, returns)
    session.say(answer)
    return b"OK", "SEARCH completed", b""


def _answer(
    tag: bytes,
    uid: bool,
    plan: SearchPlan,
    rows: Rows,
    uids: array[int],
    returns: frozenset[bytes] | None,
    selected: Selected,
) -> bytes:
    found: Sequence[int] = uids if uid else [n for n in selected.view.numbers(uids) if n]
    modseq = None
    if plan.uses_modseq and uids:
        modseq = highest_modseq(rows, _counted(uids, returns))
    if returns is None:
        return response.search_line(found, modseq=modseq)
    if returns == {b"SAVE"}:
        return b""
    return response.esearch(tag, found, returns, uid=uid, modseq=modseq)


async def _look_up(session: Session, selected: Selected, text: Text) -> array[int]:
    image = selected.image
    return await session.mail.search_text(
        image.account, image.mailbox, TextField(text.field), text.needle, text.header
    )


async def _columns(
    session: Session, selected: Selected, plan: SearchPlan, rows: Rows, texts: Mapping[Text, array[int]]
) -> dict[str, dict[int, Any]]:
    """The stored columns of those messages that they decide."""
    if not plan.columns:
        return {}
    emails = undecided(plan, rows, texts)
    wanted = [Column(name) for name in plan.columns]
    values: dict[str, dict[int, Any]] = {name: {} for name in plan.columns}
    for start in range(0, len(emails), _AT_ONCE):
        piece = emails[start : start + _AT_ONCE]
        found = await session.mail.fetch(selected.image.account, piece, wanted)
        for at, name in enumerate(plan.columns):
            values[name].update({email: row[at] for email, row in found.items()})
    if sent := values.get(Column.SENT_AT.value):
        await _own_days(session, selected, sent_bounds(plan.key), sent)
    return values


async def _own_days(session: Session, selected: Selected, days: set[int], sent: dict[int, Any]) -> None:
    """Where a zone may make a difference, put the moment in the Date field's own day (RFC 9051 §6.4.4).
    The stored moment is in UTC: the field itself is in the envelope."""
    near = {day + shift for day in days for shift in (-1, 0)}
    unsure = [email for email, at in sent.items() if at is not None and at // 86400 in near]
    for start in range(0, len(unsure), _AT_ONCE):
        piece = unsure[start : start + _AT_ONCE]
        found = await session.mail.fetch(selected.image.account, piece, (Column.ENVELOPE,))
        for email, (envelope,) in found.items():
            date = _ENVELOPE_DATE.match(envelope) if isinstance(envelope, bytes) else None
            day = None if date is None else own_day(date.group(1) or date.group(2))
            if day is not None:
                sent[email] = day * 86400.0


def _saved(uids: array[int], returns: frozenset[bytes]) -> array[int]:
    """RFC 5182 §2.4: with MIN or MAX, but neither ALL nor COUNT, only those are saved."""
    if not uids or returns & {b"ALL", b"COUNT"} or not returns & {b"MIN", b"MAX"}:
        return uids
    ends = ([uids[0]] if b"MIN" in returns else []) + ([uids[-1]] if b"MAX" in returns else [])
    return array("I", sorted(set(ends)))


def _counted(uids: array[int], returns: frozenset[bytes] | None) -> Sequence[int]:
    """RFC 4731 §3.2: the messages whose highest MODSEQ is shown."""
    return uids if returns is None else _saved(uids, returns)
