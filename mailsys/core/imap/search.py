"""SEARCH over a mailbox's columns (RFC 9051 §6.4.4).

    plan = make_plan(command.key)
    plan.texts                                    look each up: IMailStore.search_text
    emails = undecided(plan, rows)                if plan.columns: fetch these columns of these emails
    uids = evaluate(plan, rows, texts, columns)   ascending uids that match

Every predicate becomes a mask, one octet of 0 or 1 a row, kept as one big integer: and, or, not
are single operations of C over the whole mailbox. What the image cannot say is first bounded from
both sides, so that only rows which it really decides are asked of the store.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final

from mailsys.core.imap import object_ids
from mailsys.core.imap.commands import (
    All,
    And,
    Date,
    Keyword,
    ModSeq,
    Not,
    Numbers,
    ObjectId,
    Or,
    SearchKey,
    Size,
    Text,
)
from mailsys.core.imap.sequence import SequenceSet
from mailsys.core.message import keywords

_NOTHING: Final = Not(All())


@dataclass(frozen=True, slots=True)
class SearchPlan:
    key: SearchKey  # simplified
    texts: tuple[Text, ...]  # each once
    columns: tuple[str, ...]  # of received_at, sent_at, size, thread (ports.mail.Column)
    uses_modseq: bool  # RFC 7162 §3.1.5: the answer carries the highest MODSEQ


@dataclass(frozen=True, slots=True)
class Rows:
    """The image's columns, in step, and the session's view of them.

    `select(numbers, uid=)` is the view's; `known` its last uid: later rows were not told yet and
    do not match. `modseqs`, `emails` and `uids` are arrays; `keywords` canonical strings.
    """

    uids: array[int]
    emails: array[int]
    modseqs: array[int]
    keywords: Sequence[str]
    select: Callable[..., Sequence[int]]
    known: int
    recent: Sequence[tuple[int, int]] = ()


@dataclass(slots=True)
class _Needs:
    texts: dict[Text, None] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    modseq: bool = False


def make_plan(key: SearchKey) -> SearchPlan:
    """Simplify a key and list what the image cannot answer."""
    simple = _simplify(key)
    needs = _Needs()
    _collect(simple, needs)
    modseq = _Needs()
    _collect(key, modseq)  # also where simplification dropped it
    return SearchPlan(simple, tuple(needs.texts), tuple(needs.columns), modseq.modseq)


def _simplify(key: SearchKey) -> SearchKey:
    match key:
        case And(keys):
            kept: dict[SearchKey, None] = {}
            for one in map(_simplify, keys):
                if one == _NOTHING:
                    return _NOTHING
                if isinstance(one, And):
                    kept.update(dict.fromkeys(one.keys))
                elif not isinstance(one, All):
                    kept[one] = None
            if not kept:
                return All()
            return next(iter(kept)) if len(kept) == 1 else And(tuple(kept))
        case Or(left, right):
            left, right = _simplify(left), _simplify(right)
            if isinstance(left, All) or isinstance(right, All):
                return All()
            if left in (_NOTHING, right):
                return right
            return left if right == _NOTHING else Or(left, right)
        case Not(inner):
            inner = _simplify(inner)
            return inner.key if isinstance(inner, Not) else Not(inner)
        case Numbers(SequenceSet(ranges, False)) if (1, 0) in ranges or (0, 1) in ranges:
            return All()
        case Text("body" | "text", ""):
            return All()  # every text contains the empty one
        case Text(name, "") if name != "header":
            return Text("header", "", name)  # as HEADER does: messages that have the field
        case Size(smaller=0):
            return _NOTHING
        case ObjectId(kind, text):
            known = object_ids.number("M" if kind == "EMAILID" else "T", text)
            return key if known is not None else _NOTHING
        case ModSeq(0):
            return All()
    return key


def _collect(key: SearchKey, needs: _Needs) -> None:
    match key:
        case And(keys):
            for one in keys:
                _collect(one, needs)
        case Or(left, right):
            _collect(left, needs)
            _collect(right, needs)
        case Not(inner):
            _collect(inner, needs)
        case Text():
            needs.texts[key] = None
        case Date(sent=sent):
            needs.columns["sent_at" if sent else "received_at"] = None
        case Size():
            needs.columns["size"] = None
        case ObjectId("THREADID"):
            needs.columns["thread"] = None
        case ModSeq():
            needs.modseq = True


class _Masks:
    """Masks over `rows`; `unknown` is what a predicate of the store's counts as."""

    def __init__(
        self,
        rows: Rows,
        texts: Mapping[Text, Iterable[int]] | None,
        columns: Mapping[str, Mapping[int, Any]] | None,
    ) -> None:
        self._rows = rows
        self._texts = texts
        self._columns = columns
        self.ones = int.from_bytes(b"\1" * len(rows.uids), "little")

    def bounds(self, key: SearchKey) -> tuple[int, int]:
        """(rows that surely match, rows that may)."""
        match key:
            case And(keys):
                sure = possible = self.ones
                for one in keys:
                    low, high = self.bounds(one)
                    sure &= low
                    possible &= high
                    if not possible:
                        break
                return sure, possible
            case Or(left, right):
                low, high = self.bounds(left)
                low2, high2 = self.bounds(right)
                return low | low2, high | high2
            case Not(inner):
                low, high = self.bounds(inner)
                return self.ones ^ high, self.ones ^ low
        mask = self._leaf(key)
        return (0, self.ones) if mask is None else (mask, mask)

    def _leaf(self, key: SearchKey) -> int | None:
        """The mask of a simple key; None when its answer is not at hand."""
        rows = self._rows
        match key:
            case All():
                return self.ones
            case Keyword("\\recent"):
                return self._where(
                    lambda uid: any(low <= uid <= high for low, high in rows.recent), rows.uids
                )
            case Keyword(name):
                verdicts = {one: name in keywords.names(one) for one in set(rows.keywords)}
                return self._where(verdicts.__getitem__, rows.keywords)
            case Numbers(numbers, uid):
                return self._where(set(rows.select(numbers, uid=uid)).__contains__, rows.uids)
            case ModSeq(least):
                return self._where(least.__le__, rows.modseqs)
            case ObjectId("EMAILID", text):
                return self._where((object_ids.number("M", text) or 0).__eq__, rows.emails)
            case Text():
                if self._texts is None:
                    return None
                return self._where(set(self._texts.get(key, ())).__contains__, rows.emails)
        return self._column(key)

    def _column(self, key: SearchKey) -> int | None:
        if self._columns is None:
            return None
        match key:
            case Date(sent, first, last):
                values = self._columns["sent_at" if sent else "received_at"]
                low = float("-inf") if first is None else first * 86400.0
                high = float("inf") if last is None else last * 86400.0
                good = {email for email, at in values.items() if at is not None and low <= at < high}
            case Size(larger, smaller):
                least = -1 if larger is None else larger
                most = 2**64 if smaller is None else smaller
                good = {email for email, size in self._columns["size"].items() if least < size < most}
            case ObjectId(_, text):
                thread = object_ids.number("T", text)
                good = {email for email, one in self._columns["thread"].items() if one == thread}
            case _:
                raise TypeError(key)
        return self._where(good.__contains__, self._rows.emails)

    def _where(self, test: Callable[[Any], bool], values: Iterable[Any]) -> int:
        return int.from_bytes(bytes(map(test, values)), "little")

    def told(self, mask: int) -> bytes:
        """The mask as octets, rows that the session was not told of left out."""
        octets = mask.to_bytes(len(self._rows.uids), "little")
        uids = self._rows.uids
        if uids and uids[-1] > self._rows.known:
            return bytes(map(bool.__and__, map(bool, octets), map(self._rows.known.__ge__, uids)))
        return octets


def sent_bounds(key: SearchKey) -> set[int]:
    """The days (since 1970-01-01) at whose beginning SENTBEFORE, SENTON or SENTSINCE of a key change."""
    match key:
        case And(keys):
            return set().union(*map(sent_bounds, keys))
        case Or(left, right):
            return sent_bounds(left) | sent_bounds(right)
        case Not(inner):
            return sent_bounds(inner)
        case Date(True, first, last):
            return {day for day in (first, last) if day is not None}
    return set()


def undecided(plan: SearchPlan, rows: Rows, texts: Mapping[Text, Iterable[int]] | None = None) -> array[int]:
    """Emails ('q') whose stored columns decide whether they match: those to fetch `plan.columns` of.

    With `texts` at hand already, they narrow it further.
    """
    masks = _Masks(rows, texts, None)
    sure, possible = masks.bounds(plan.key)
    return array("q", compress(rows.emails, masks.told(possible ^ sure)))


def evaluate(
    plan: SearchPlan,
    rows: Rows,
    texts: Mapping[Text, Iterable[int]] | None = None,
    columns: Mapping[str, Mapping[int, Any]] | None = None,
) -> array[int]:
    """The matching uids ('I', ascending).

    `texts`: per Text of the plan the ids of emails that contain it. `columns`: per column name the
    value by email id, for at least the undecided emails; a missing email's does not match. Dates
    are compared by their UTC day; `sent_at` is that of the Date field's own day where that may make
    a difference (`sent_bounds`), for RFC 9051 §6.4.4 disregards its time and zone.
    """
    masks = _Masks(rows, texts or {}, columns or {name: {} for name in plan.columns})
    sure, _ = masks.bounds(plan.key)
    return array("I", compress(rows.uids, masks.told(sure)))


def highest_modseq(rows: Rows, uids: Iterable[int]) -> int:
    """The highest modseq among rows with these uids; 0 for none."""
    wanted = set(uids)
    return max((m for uid, m in zip(rows.uids, rows.modseqs, strict=True) if uid in wanted), default=0)
