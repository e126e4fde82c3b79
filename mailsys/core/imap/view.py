"""What one session believes about its selected mailbox, and what it must yet be told (RFC 9051 §7.4, §7.5.1).

    view = View(image_uids, recent)            at SELECT, told as EXISTS
    view.note(image_uids, changed, vanished)   at each change of the shared image
    view.flush(expunge=True) -> Changes        what to send now; afterwards the client knows
    view.select(numbers, uid=...) -> array     the uids that a client's message set names
    view.positions(numbers, uid=...)           where these stand in the client's numbering

Message numbers, less one, are positions in an ascending array of uids. The array is the *image's own* as long
as the session agrees with it: a session costs a few references then, whatever the mailbox's size.
The image may append to its array in place (the view remembers how many it has told), but takes a
new array when rows vanish; a view that may not tell of that yet keeps the old one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NewType, cast

from mailsys.core.imap.sequence import SequenceSet

# Message number - 1 in what one client was told. Not the row of an image, which others change meanwhile.
Position = NewType("Position", int)


@dataclass(frozen=True, slots=True)
class Changes:
    """Responses due, to be sent in this order. Falsy when there are none."""

    expunged: tuple[int, ...] = ()  # EXPUNGE numbers, each as of the moment it is sent (descending)
    vanished: tuple[int, ...] = ()  # the same as uids, ascending: one VANISHED in place of EXPUNGEs
    exists: int | None = None
    recent: int | None = None  # with EXISTS, and when it changed; not to rev2 clients
    flags: tuple[tuple[int, int], ...] = ()  # (number, uid) to send FETCH FLAGS for, ascending

    def __bool__(self) -> bool:
        return bool(self.expunged or self.flags) or self.exists is not None or self.recent is not None


_NOTHING = Changes()
_NO_UIDS: array[int] = array("I")


class View:
    """One session's numbering. Not for use by two sessions."""

    __slots__ = ("_changed", "_count", "_recent", "_recent_told", "_target", "_uids", "_vanished", "saved")

    def __init__(self, uids: array[int], recent: Sequence[tuple[int, int]] = ()) -> None:
        """`uids`: the image's array, ascending 'I'; `recent`: uid ranges that are \\Recent here."""
        self._uids = uids
        self._count = len(uids)
        self._target = uids  # what the image has now
        self._changed: dict[int, int] | None = None  # uid -> modseq: flags to tell
        self._vanished: set[int] | None = None  # uids told that the image no longer has
        self._recent: tuple[tuple[int, int], ...] = tuple(recent)
        self._recent_told = self.recent_count()
        self.saved: array[int] = _NO_UIDS  # "$" (RFC 5182): uids of the last SEARCH RETURN (SAVE)

    # -- the client's numbering ----------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Messages as the client counts them."""
        return self._count

    @property
    def last_uid(self) -> int:
        """The highest uid that the client was told of; 0 in an empty mailbox."""
        return self._uids[self._count - 1] if self._count else 0

    def shares(self, uids: array[int]) -> bool:
        """Whether every position told is the row of that number in an image that has `uids`."""
        return self._uids is uids

    def uid(self, position: Position) -> int:
        if not 0 <= position < self._count:
            raise IndexError(position)
        return self._uids[position]

    def position(self, uid: int) -> Position | None:
        """Where message `uid` stands; None when the client knows none such."""
        at = bisect_left(self._uids, uid, 0, self._count)
        return Position(at) if at < self._count and self._uids[at] == uid else None

    def number(self, uid: int) -> int:
        """The number of message `uid`; 0 when the client knows none such."""
        at = self.position(uid)
        return 0 if at is None else at + 1

    def numbers(self, uids: Sequence[int]) -> list[int]:
        """The numbers of many uids, in step, 0 for those the client does not know."""
        if len(uids) * 4 > self._count:
            index = dict(zip(self._uids[: self._count], range(1, self._count + 1), strict=True))
            return [index.get(uid, 0) for uid in uids]
        return [self.number(uid) for uid in uids]

    def spans(self, numbers: SequenceSet, *, uid: bool) -> list[tuple[int, int]]:
        """Ascending [start, stop) positions, number n being position n-1, of what a set names."""
        count, uids = self._count, self._uids
        spans: list[tuple[int, int]] = []
        if numbers.saved:
            for one in self.saved:
                if number := self.number(one):
                    if spans and spans[-1][1] == number - 1:
                        spans[-1] = (spans[-1][0], number)
                    else:
                        spans.append((number - 1, number))
            return spans
        for low, high in numbers.resolve(self.last_uid if uid else count):
            if uid:
                start, stop = bisect_left(uids, low, 0, count), bisect_right(uids, high, 0, count)
            else:
                start, stop = low - 1, min(high, count)
            if start < stop:
                spans.append((start, stop))
        return spans

    def positions(self, numbers: SequenceSet, *, uid: bool) -> Sequence[Position]:
        """The positions, ascending, that a client's set names."""
        spans = self.spans(numbers, uid=uid)
        if len(spans) == 1:
            return cast("Sequence[Position]", range(*spans[0]))
        found = array("I")
        for start, stop in spans:
            found.extend(range(start, stop))
        return cast("Sequence[Position]", found)

    def select(self, numbers: SequenceSet, *, uid: bool) -> array[int]:
        """The uids, ascending, of the messages that a client's set names."""
        return self.uids(self.spans(numbers, uid=uid))

    def uids(self, spans: Iterable[tuple[int, int]]) -> array[int]:
        found = array("I")
        for start, stop in spans:
            found += self._uids[start:stop]
        return found

    # -- \Recent (RFC 3501 §2.3.2) --------------------------------------------------------------------

    @property
    def recent_ranges(self) -> tuple[tuple[int, int], ...]:
        return self._recent

    def claim_recent(self, low: int, high: int) -> None:
        """Uids `low` to `high`, both included, are \\Recent in this session. Ranges ascend."""
        if low > high:
            return
        if self._recent and self._recent[-1][1] + 1 >= low:
            self._recent = (*self._recent[:-1], (self._recent[-1][0], max(high, self._recent[-1][1])))
        else:
            self._recent = (*self._recent, (low, high))

    def recent_count(self) -> int:
        uids, count = self._uids, self._count
        return sum(
            bisect_right(uids, high, 0, count) - bisect_left(uids, low, 0, count)
            for low, high in self._recent
        )

    # -- what the client must be told --------------------------------------------------------------------

    def note(
        self,
        uids: array[int],
        changed: Iterable[tuple[int, int]] = (),
        vanished: Iterable[int] = (),
    ) -> None:
        """The image has `uids` now. `changed`: (uid, modseq) of rows whose flags changed; `vanished`:
        uids it no longer has, as far as is known: `flush` finds those that are not named. Rows that
        the client was not told of yet concern it in `uids` only."""
        self._target = uids
        last = self.last_uid
        fresh = {uid: modseq for uid, modseq in changed if uid <= last}
        if fresh:
            self._changed = fresh if self._changed is None else self._changed | fresh
        gone = {uid for uid in vanished if self.number(uid)}
        if gone:
            self._vanished = gone if self._vanished is None else self._vanished | gone

    @property
    def pending(self) -> bool:
        """Whether there is anything to tell."""
        return (
            self._uids is not self._target
            or len(self._target) != self._count
            or self._changed is not None
            or self._vanished is not None
        )

    def flush(self, *, expunge: bool) -> Changes:
        """What to send now, counted as told. `expunge`: message numbers may change (see `states`)."""
        if not self.pending:
            return _NOTHING
        told = self._count
        self._reconcile()
        numbers: tuple[int, ...] = ()
        gone: tuple[int, ...] = ()
        if self._vanished is None:
            self._uids, self._count = self._target, len(self._target)
        elif expunge:
            gone = tuple(sorted(self._vanished))
            numbers = tuple(reversed(self.numbers(gone)))
            told -= len(gone)
            self._vanished = None
            self._uids, self._count = self._target, len(self._target)
        else:
            at = bisect_right(self._target, self.last_uid)
            if at < len(self._target):
                self._uids = self._uids[: self._count] + self._target[at:]
                self._count = len(self._uids)
        flags: tuple[tuple[int, int], ...] = ()
        if self._changed is not None:
            uids = sorted(self._changed.keys() - (self._vanished or ()))
            flags = tuple([pair for pair in zip(self.numbers(uids), uids, strict=True) if pair[0]])
            self._changed = None
        grown = self._count > told
        recent = self.recent_count()
        news = grown or recent != self._recent_told
        self._recent_told = recent
        return Changes(numbers, gone, self._count if grown else None, recent if news else None, flags)

    def _reconcile(self) -> None:
        """Find vanished rows that were not noted: what the client has, without them, must be exactly
        how the image's array begins.

        Nothing is ever put between rows that were told (uids ascend), so up to the next vanished row
        the two arrays agree at a fixed distance, and from there on nowhere: each is found by bisection.
        """
        mine, theirs, count = self._uids, self._target, self._count
        if mine is theirs:
            return
        kept = bisect_right(theirs, self.last_uid)
        missing = count - kept
        if missing == len(self._vanished or ()):
            return
        if missing * 16 > count:
            self._vanished = set(mine[:count]).difference(theirs)
            return
        gone: set[int] = set()
        at = 0
        while len(gone) < missing:
            shift, high = len(gone), count
            while at < high:
                middle = (at + high) // 2
                if middle - shift < kept and mine[middle] == theirs[middle - shift]:
                    at = middle + 1
                else:
                    high = middle
            gone.add(mine[at])
            at += 1
        self._vanished = gone
