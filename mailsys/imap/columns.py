"""FETCH items that are ready values: what of an image or a stored column goes where.

A request is compiled once into one `%` format and one producer per item; each chunk of rows then
costs one `zip` and one `%` per row. Nothing here waits.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailsys.core.imap.dates import render_date_time
from mailsys.core.imap.response import row_format
from mailsys.core.message.keywords import imap_flags
from mailsys.ports.emails import Column
from mailsys.services.mailboxes.image import Row


@dataclass(slots=True)
class Chunk:
    """Rows being answered, as parallel columns."""

    numbers: Sequence[int]  # sequence numbers
    uids: Sequence[int]  # ascending
    emails: Sequence[int]
    keywords: Sequence[str]
    modseqs: Sequence[int]
    recent: tuple[tuple[int, int], ...] = ()  # uid ranges, ends included, that are \Recent here
    stored: dict[Column, Sequence[Any]] = field(default_factory=dict)

    def only(self, keep: Sequence[int]) -> Chunk:
        """The rows at `keep`."""

        def pick(values: Sequence[Any]) -> list[Any]:
            return [values[at] for at in keep]

        return Chunk(
            pick(self.numbers),
            pick(self.uids),
            pick(self.emails),
            pick(self.keywords),
            pick(self.modseqs),
            self.recent,
            {column: pick(values) for column, values in self.stored.items()},
        )


Producer = Callable[[Chunk], Iterable[Any]]


def flags(chunk: Chunk) -> list[bytes]:
    known = {keywords: imap_flags(keywords) for keywords in set(chunk.keywords)}
    lists = [known[keywords] for keywords in chunk.keywords]
    for low, high in chunk.recent:
        start, end = bisect_left(chunk.uids, low), bisect_right(chunk.uids, high)
        if start < end:
            marked = {one: one + b" \\Recent" if one else b"\\Recent" for one in known.values()}
            lists[start:end] = [marked[one] for one in lists[start:end]]
    return lists


def _stored(column: Column) -> Producer:
    return lambda chunk: chunk.stored[column]


# what must be read from the store for an item, and its column
ITEMS: dict[bytes, tuple[tuple[Column, ...], Producer]] = {
    b"UID": ((), lambda chunk: chunk.uids),
    b"FLAGS": ((), flags),
    b"MODSEQ": ((), lambda chunk: chunk.modseqs),  # RFC 7162 §3.1.4.2
    b"EMAILID": ((), lambda chunk: chunk.emails),  # RFC 8474 §5.1
    b"THREADID": ((Column.THREAD,), _stored(Column.THREAD)),  # RFC 8474 §5.2
    b"INTERNALDATE": (
        (Column.RECEIVED_AT,),
        lambda chunk: map(render_date_time, chunk.stored[Column.RECEIVED_AT]),
    ),
    b"RFC822.SIZE": ((Column.SIZE,), _stored(Column.SIZE)),
    b"ENVELOPE": ((Column.ENVELOPE,), _stored(Column.ENVELOPE)),
    b"BODY": ((Column.BODY,), _stored(Column.BODY)),
    b"BODYSTRUCTURE": ((Column.BODY_STRUCTURE,), _stored(Column.BODY_STRUCTURE)),
}


class Format:
    """A compiled list of items, with room for values computed elsewhere."""

    __slots__ = ("_format", "_opening", "_producers", "columns", "shows_flags")

    def __init__(self, items: Sequence[bytes], labels: Sequence[bytes] = ()) -> None:
        """`labels` name sections (`BODY[TEXT]`), whose rendered values `lines` is given in step."""
        columns: dict[Column, None] = {}
        self._producers: list[Producer] = []
        for item in items:
            needed, producer = ITEMS[item]
            self._producers.append(producer)
            columns.update(dict.fromkeys(needed))
        self._format = row_format((*items, *labels))
        self._opening = row_format(items, b"")
        self.columns = tuple(columns)
        self.shows_flags = b"FLAGS" in items

    def lines(self, chunk: Chunk, *values: Iterable[bytes]) -> list[bytes]:
        """One untagged FETCH response for each row."""
        columns = [producer(chunk) for producer in self._producers]
        return list(map(self._format.__mod__, zip(chunk.numbers, *columns, *values, strict=True)))

    def opening(self, chunk: Chunk) -> bytes:
        """The first row's response as far as its items go, sections and `)` to follow."""
        columns = [producer(chunk) for producer in self._producers]
        return self._opening % next(iter(zip(chunk.numbers, *columns, strict=True)))


def pick_rows(values: array[int] | Sequence[Any], rows: Sequence[Row]) -> Sequence[Any]:
    """Values at `rows`: a slice when the rows are consecutive, which they mostly are."""
    if rows and rows[-1] - rows[0] == len(rows) - 1:
        return values[rows[0] : rows[-1] + 1]
    return [values[at] for at in rows]
