"""FETCH (RFC 9051 §6.4.5, RFC 7162 §3.1.4 and §3.2.6).

Answers are made in chunks: rows of the image, columns of the store, and for sections the messages
themselves in batches. After each piece the session waits until the client has read enough of it,
so a slow reader costs a buffer, and others get their turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred

from mailsys.core.imap.commands import Fetch, Section
from mailsys.core.imap.fetch import is_header
from mailsys.core.imap.lexer import BadCommand
from mailsys.core.imap.response import without_nul
from mailsys.core.imap.sequence import Ranges, render_ranges, to_ranges
from mailsys.core.imap.view import Position
from mailsys.core.message.header import MAX_HEADER
from mailsys.core.message.keywords import names
from mailsys.core.refusal import ContentLost
from mailsys.imap.columns import Chunk, Format
from mailsys.imap.content import (
    IN_MEMORY,
    IN_MEMORY_PARTS,
    PIECE,
    ContentGone,
    InMemory,
    Streamed,
    UnknownEncoding,
    from_block,
    from_blocks,
    needs_tree,
)
from mailsys.imap.selected import Selected
from mailsys.imap.session import Answer, ClientGone, Session
from mailsys.log import Log
from mailsys.ports.emails import Column
from mailsys.ports.ids import BlobId
from mailsys.ports.placements import Delta, KeywordChange

log = Log("imap")

ROWS: Final = 500  # of one chunk; the store takes up to 1,000
IMAGE_ROWS: Final = 4000  # of one that needs nothing but the image
FIRST_ROWS: Final = 50  # the first chunk tells how large rows are
CHUNK_OCTETS: Final = 512 * 1024  # of answers that one chunk should come to
TURN: Final = 0.004  # seconds of cutting messages before other connections get their turn
BATCH: Final = 1024 * 1024  # octets of messages read at a time
SOME: Final = 16  # sections at most of messages that are answered together; of more, one after the other

_SEEN: Final = KeywordChange(add="$seen")


async def fetch(session: Session, tag: bytes, command: Fetch) -> Answer:
    selected = session.selection
    if command.vanished and not session.qresync:
        raise BadCommand("Enable QRESYNC first")  # RFC 7162 §3.2.6
    if command.changed_since is not None or b"MODSEQ" in command.items:
        session.enable_condstore()
    since = command.changed_since
    if since is not None and command.vanished:
        delta = await selected.image.since(since)
        # One moment: what went meanwhile is told, and numbered no more, before anything is answered.
        session.news(expunge=True)
        wanted = command.numbers.resolve(selected.image.uid_next - 1)
        tell_vanished(session, selected, delta, wanted)
    positions = selected.resolve(command.numbers, command.uid)
    if since is not None:
        positions = _changed(selected, positions, since)
    for line in selected.new_flags():
        session.say(line)
    if all(map(is_header, command.sections)):
        outcome = await _ready(session, selected, positions, command)
    else:
        outcome = await _messages(session, selected, positions, command)
    if outcome.missing and await _is_lost(session, selected, outcome.missing):
        return b"NO", ContentLost().text, ContentLost.imap
    if outcome.undecodable:
        return b"NO", "A part's transfer encoding is not known", b"UNKNOWN-CTE"
    if outcome.answered < len(positions) and not command.uid:
        # RFC 9051 §7.1 EXPUNGEISSUED: others removed them, and we may not say which just yet. Uids that do
        # not exist are passed over in silence (§6.4.9).
        return b"NO", "Some of the messages no longer exist", b"EXPUNGEISSUED"
    return b"OK", "FETCH completed", b""


@dataclass(slots=True)
class _Outcome:
    answered: int = 0
    undecodable: bool = False  # a BINARY could not be decoded
    missing: list[tuple[int, BlobId]] = field(default_factory=list)  # emails whose content was not there


async def _is_lost(session: Session, selected: Selected, missing: Sequence[tuple[int, BlobId]]) -> bool:
    """Content that is not there is that of an email which was destroyed a moment ago; or else we lost it,
    which is never answered with OK."""
    account = selected.image.account
    lost = False
    for start in range(0, len(missing), ROWS):
        piece = missing[start : start + ROWS]
        alive = await session.mail.fetch(account, [email for email, _ in piece], (Column.SIZE,))
        for email, blob in piece:
            if email in alive:
                lost = True
                log.error("content missing", None, account=account, email=email, blob=blob.hex())
    return lost


def _changed(selected: Selected, positions: Sequence[Position], since: int) -> Sequence[Position]:
    """RFC 7162 §3.1.4.1: only messages whose modseq is greater."""
    modseqs = selected.image.modseqs
    return selected.positions([row for row in selected.rows(positions) if modseqs[row] > since])


def tell_vanished(session: Session, selected: Selected, delta: Delta, wanted: Ranges | None) -> None:
    """RFC 7162 §3.2.6: which of `wanted` uids (None: all) went, by a delta that the image agrees with.
    The store's record of that ends somewhere: then every uid that does not exist is said to have gone."""
    image = selected.image
    limits = wanted if wanted is not None else [(1, image.uid_next - 1)]
    if delta.complete:
        gone: Ranges = _within(delta.vanished, limits)
    else:
        gone = _gaps(limits, image.uids, image.uid_next - 1)
    if gone:
        session.say(b"* VANISHED (EARLIER) " + render_ranges(gone) + b"\r\n")


def _within(uids: Sequence[int], limits: Ranges) -> Ranges:
    kept: list[int] = []
    at = 0
    for uid in uids:
        while at < len(limits) and limits[at][1] < uid:
            at += 1
        if at == len(limits):
            break
        if limits[at][0] <= uid:
            kept.append(uid)
    return to_ranges(kept)


def _gaps(limits: Ranges, present: Sequence[int], last: int) -> Ranges:
    """Ranges within `limits` and up to `last` that hold none of `present` (ascending)."""
    gaps: Ranges = []
    at = 0
    for low, high in limits:
        high = min(high, last)
        while at < len(present) and present[at] < low:
            at += 1
        while at < len(present) and present[at] <= high:
            if low < present[at]:
                gaps.append((low, present[at] - 1))
            low = present[at] + 1
            at += 1
        if low <= high:
            gaps.append((low, high))
    return gaps


# -- rows, read ahead ------------------------------------------------------------------------------


class _Rows:
    """Chunks of rows in order; the store reads the next one while one is written."""

    def __init__(
        self,
        session: Session,
        selected: Selected,
        positions: Sequence[Position],
        columns: Sequence[Column],
        weight: int = 1,
    ) -> None:
        """`weight`: sections to be cut out of each message."""
        self._session = session
        self._selected = selected
        self._positions = positions
        self._columns = columns
        self._start = 0
        self._most = max(ROWS // weight, 1) if columns else IMAGE_ROWS
        self._size = min(self._most, FIRST_ROWS) if columns else IMAGE_ROWS
        self._ahead: Deferred[Chunk] | None = None

    async def next(self) -> Chunk | None:
        """Rows that still exist out of the next so many; None at the end."""
        ahead = self._ahead or self._read()
        if ahead is None:
            return None
        self._ahead = None
        chunk = await ahead
        if self._columns:
            self._ahead = self._read()
        return chunk

    def wrote(self, octets: int) -> None:
        """How much the last chunk came to: the next ones are made to fit."""
        if octets > CHUNK_OCTETS:
            self._size = max(self._size * CHUNK_OCTETS // octets, 1)
        elif octets < CHUNK_OCTETS // 2:
            self._size = min(self._size * 2, self._most)

    def close(self) -> None:
        """Nobody will ask for more: a read that fails now is nobody's failure."""
        if self._ahead is not None:
            self._ahead.addErrback(lambda _: None)

    def _read(self) -> Deferred[Chunk] | None:
        if self._start >= len(self._positions):
            return None
        piece = self._positions[self._start : self._start + self._size]
        self._start += len(piece)
        return Deferred.fromCoroutine(self._fill(self._selected.chunk(piece)))

    async def _fill(self, chunk: Chunk) -> Chunk:
        columns = self._columns
        if not chunk.emails:
            chunk.stored = dict.fromkeys(columns, ())
        if not columns or not chunk.emails:
            return chunk
        found = await self._session.mail.fetch(self._selected.image.account, chunk.emails, columns)
        if len(found) < len(chunk.emails):
            chunk = chunk.only([at for at, email in enumerate(chunk.emails) if email in found])
        stored: list[Sequence[Any]] = list(zip(*[found[email] for email in chunk.emails], strict=True))
        chunk.stored = dict(zip(columns, stored or [()] * len(columns), strict=True))
        return chunk


def _columns(form: Format, *more: Column) -> tuple[Column, ...]:
    return (*form.columns, *(column for column in more if column not in form.columns))


# -- \Seen -----------------------------------------------------------------------------------------


def _marks_seen(selected: Selected, sections: Sequence[Section]) -> bool:
    """RFC 9051 §6.4.5: reading content sets \\Seen unless it is a peek or the mailbox is read-only."""
    if selected.read_only:
        return False
    return any(not section.peek and section.kind != b"BINARY.SIZE" for section in sections)


async def _mark_seen(selected: Selected, chunk: Chunk) -> bool:
    """True when some were not seen before: then the chunk holds their new flags, to be shown."""
    image = selected.image
    flags = zip(chunk.uids, chunk.keywords, strict=True)
    unseen = [uid for uid, keywords in flags if "$seen" not in names(keywords)]
    rows = [row for row in map(image.row, unseen) if row is not None]
    if not rows:
        return False
    await image.set_keywords(rows, _SEEN)
    words, modseqs = list(chunk.keywords), list(chunk.modseqs)
    for at, now in enumerate(map(image.row, chunk.uids)):
        if now is not None:
            words[at], modseqs[at] = image.keywords[now], image.modseqs[now]
    chunk.keywords, chunk.modseqs = words, modseqs
    return True


def _with_flags(session: Session, items: Sequence[bytes]) -> tuple[bytes, ...]:
    more = (b"FLAGS", b"MODSEQ") if session.condstore else (b"FLAGS",)
    return (*items, *(item for item in more if item not in items))


# -- items that are ready, and the message's own header --------------------------------------------


async def _ready(
    session: Session, selected: Selected, positions: Sequence[Position], command: Fetch
) -> _Outcome:
    sections = command.sections
    labels = [section.label for section in sections]
    form = plain = Format(command.items, labels)
    columns = _columns(form, Column.HEADER) if sections else form.columns
    marks = _marks_seen(selected, sections)
    seen = Format(_with_flags(session, command.items), labels) if marks else plain
    outcome = _Outcome()
    rows = _Rows(session, selected, positions, columns, max(len(sections), 1))
    try:
        while (chunk := await rows.next()) is not None:
            if marks:
                form = seen if await _mark_seen(selected, chunk) else plain
            if sections:
                blocks = await _header_blocks(session, selected, chunk, outcome)
                if len(sections) > SOME:
                    for at, block in enumerate(blocks):
                        render = partial(from_block, block=block)
                        await _one_by_one(session, form, chunk.only((at,)), sections, render)
                        _answered(selected, form, chunk.only((at,)), outcome)
                    continue
                values = [from_blocks(section, blocks) for section in sections]
                lines = form.lines(chunk, *values)
            else:
                lines = form.lines(chunk)
            _answered(selected, form, chunk, outcome)
            data = b"".join(lines)
            rows.wrote(len(data))
            session.say(data)
            await session.flow()
    finally:
        rows.close()
    return outcome


def _answered(selected: Selected, form: Format, chunk: Chunk, outcome: _Outcome) -> None:
    outcome.answered += len(chunk.numbers)
    if form.shows_flags:
        selected.shown(chunk)


async def _header_blocks(
    session: Session, selected: Selected, chunk: Chunk, outcome: _Outcome
) -> Sequence[bytes]:
    """The messages' header blocks; one that fills all that the store keeps apart comes from the blob."""
    blocks: Sequence[bytes] = chunk.stored[Column.HEADER]
    full = [at for at, size in enumerate(map(len, blocks)) if size >= MAX_HEADER]
    if full:
        blocks = list(blocks)
        emails = [chunk.emails[at] for at in full]
        columns = (Column.HEADER_SIZE, Column.BLOB)
        found = await session.mail.fetch(selected.image.account, emails, columns)
        for at, email in zip(full, emails, strict=True):
            if email in found:
                size, blob = found[email]
                try:
                    blocks[at] = await session.contents.read(BlobId(blob), 0, int(size))  # type: ignore[arg-type, call-overload]
                except (
                    ContentGone,
                    ContentLost,
                ):  # what is kept apart is answered all the same
                    outcome.missing.append((email, BlobId(blob)))  # type: ignore[arg-type]
    return blocks


# -- contents --------------------------------------------------------------------------------------


async def _messages(
    session: Session, selected: Selected, positions: Sequence[Position], command: Fetch
) -> _Outcome:
    sections = command.sections
    labels = [section.label for section in sections]
    form = plain = Format(command.items, labels)
    marks = _marks_seen(selected, sections)
    seen = Format(_with_flags(session, command.items), labels) if marks else plain
    trees = any(map(needs_tree, sections))
    limit, batch = (IN_MEMORY_PARTS, BATCH // 4) if trees else (IN_MEMORY, BATCH)
    outcome = _Outcome()
    rows = _Rows(session, selected, positions, _columns(form, Column.SIZE, Column.HEADER_SIZE, Column.BLOB))
    try:
        while (chunk := await rows.next()) is not None:
            if marks:
                form = seen if await _mark_seen(selected, chunk) else plain
            sizes, blobs = chunk.stored[Column.SIZE], chunk.stored[Column.BLOB]
            at = 0
            while at < len(sizes):
                if sizes[at] > limit:
                    row = chunk.only((at,))
                    if await _large(session, form, row, sections, outcome):
                        _answered(selected, form, row, outcome)
                    at += 1
                    continue
                end, total = at, 0
                while end < len(sizes) and sizes[end] <= limit and total < batch:
                    total += sizes[end]
                    end += 1
                try:
                    contents = await session.blobs.read_many(list(blobs[at:end]), batch)
                except ContentLost:  # the first of them; the others are answered
                    outcome.missing.append((chunk.emails[at], blobs[at]))
                    at += 1
                    continue
                if not contents:  # none of them exists any more
                    contents = [b""] * (end - at)
                done = 0
                if len(sections) > SOME:
                    done = len(contents)
                    for offset, content in enumerate(contents):
                        row = chunk.only((at + offset,))
                        if await _many(session, form, row, content, sections, outcome):
                            _answered(selected, form, row, outcome)
                while done < len(contents):
                    piece = chunk.only(range(at + done, at + len(contents)))
                    looked, answered, lines = _small(form, piece, contents[done:], sections, outcome)
                    done += looked
                    _answered(selected, form, answered, outcome)
                    session.say(b"".join(lines))
                    await session.flow()
                at += done
    finally:
        rows.close()
    return outcome


def _small(
    form: Format, chunk: Chunk, contents: Sequence[bytes], sections: Sequence[Section], outcome: _Outcome
) -> tuple[int, Chunk, list[bytes]]:
    """Answer for messages in memory until the turn is over: how many were looked at, the rows that are
    answered, and their responses."""
    values: list[list[bytes]] = []
    kept: list[int] = []
    sizes, headers = chunk.stored[Column.SIZE], chunk.stored[Column.HEADER_SIZE]
    until = time.monotonic() + TURN
    looked = 0
    for at, content in enumerate(contents):
        looked += 1
        if len(content) != sizes[at]:
            outcome.missing.append((chunk.emails[at], chunk.stored[Column.BLOB][at]))
            continue
        message = InMemory(content, headers[at])
        try:
            values.append([message.render(section) for section in sections])
            kept.append(at)
        except UnknownEncoding:
            outcome.undecodable = True
        if time.monotonic() > until:
            break
    if len(kept) < len(chunk.numbers):
        chunk = chunk.only(kept)
    return looked, chunk, form.lines(chunk, *zip(*values, strict=True)) if values else []


async def _many(
    session: Session,
    form: Format,
    row: Chunk,
    content: bytes,
    sections: Sequence[Section],
    outcome: _Outcome,
) -> bool:
    """A message in memory of which many sections are asked for; whether it was answered."""
    if len(content) != row.stored[Column.SIZE][0]:
        outcome.missing.append((row.emails[0], row.stored[Column.BLOB][0]))
        return False
    message = InMemory(content, row.stored[Column.HEADER_SIZE][0])
    try:
        for section in sections:
            message.check(section)
    except UnknownEncoding:
        outcome.undecodable = True
        return False
    await _one_by_one(session, form, row, sections, message.render)
    return True


async def _one_by_one(
    session: Session,
    form: Format,
    row: Chunk,
    sections: Sequence[Section],
    render: Callable[[Section], bytes],
) -> None:
    """Answer for one row, section by section: a thousand of them are never held together, and others get
    their turn in between."""
    opening = form.opening(row)
    for section in sections:
        space = b"" if opening.endswith(b"(") else b" "
        session.say(b"%b%b%b %b" % (opening, space, section.label, render(section)))
        opening = b""
        await session.flow()
    session.say(b")\r\n")
    await session.flow()


async def _large(
    session: Session, form: Format, chunk: Chunk, sections: Sequence[Section], outcome: _Outcome
) -> bool:
    """One message that is never held whole; whether it was answered."""
    blob, size = chunk.stored[Column.BLOB][0], chunk.stored[Column.SIZE][0]
    header_size = chunk.stored[Column.HEADER_SIZE][0]
    try:
        values = [await session.contents.large(section, blob, size, header_size) for section in sections]
        for value in values:
            if isinstance(value, Streamed) and value.pieces is None and value.size:
                # Its end is there: after the literal was announced a refusal could not be told any more.
                await session.contents.read(blob, value.start + value.size - 1, 1)
    except UnknownEncoding:
        outcome.undecodable = True
        return False
    except (ContentGone, ContentLost):
        outcome.missing.append((chunk.emails[0], blob))
        return False
    opening = form.opening(chunk)
    for section, value in zip(sections, values, strict=True):
        opening += b"%b%b " % (b"" if opening.endswith(b"(") else b" ", section.label)
        if isinstance(value, bytes):
            opening += value
            continue
        session.say(opening + value.opening)
        opening = b""
        # From here on the client counts octets: a failure can only end the connection.
        await _stream(session, blob, value)
    session.say(opening + b")\r\n")
    await session.flow()
    return True


async def _stream(session: Session, blob: BlobId, value: Streamed) -> None:
    try:
        if value.pieces is not None:
            for piece in value.pieces:
                session.say(piece)
                await session.flow()
            return
        end = value.start + value.size
        for start in range(value.start, end, PIECE):
            piece = await session.contents.read(blob, start, min(PIECE, end - start))
            session.say(piece if value.binary else without_nul(piece))
            await session.flow()
    except ClientGone:
        raise
    except BaseException:
        session.abort("a literal could not be completed")
        raise
