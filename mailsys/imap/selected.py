"""The mailbox that a session has selected: its numbering over the shared image, and what the client
must yet be told.

`core.imap.view.View` holds the numbering. Nothing is noted for a session while changes happen: when
it may tell, it asks the image what changed since. So a change costs an idle session nothing, and a
change of ten thousand rows costs others only when, and if, they look.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from mailsys.core.imap import response
from mailsys.core.imap.search import Rows
from mailsys.core.imap.sequence import SequenceSet
from mailsys.core.imap.view import View
from mailsys.core.message.keywords import imap_flags
from mailsys.imap.columns import Chunk, Format, pick_rows
from mailsys.ports.placements import KeywordChange, KeywordsChanged
from mailsys.services.mailboxes.image import Image

_FLAGS = Format((b"UID", b"FLAGS"))
_FLAGS_MODSEQ = Format((b"UID", b"FLAGS", b"MODSEQ"))
_SYSTEM = (b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Seen", b"\\Draft")

SHOWN_KEYWORDS: Final = 200  # in FLAGS: what a mailbox collected may be more than a client wants to parse
NEWS: Final = 1000  # flags told at a time


class NoSuchMessage(Exception):
    """A sequence number beyond the last message: BAD (RFC 9051 §9, seq-number)."""


class Selected:
    """`told` is the image's modseq up to which the client knows of all changes of flags."""

    __slots__ = ("_noted", "_untold", "_words", "image", "read_only", "told", "view")

    def __init__(self, image: Image, read_only: bool, recent: bool) -> None:
        """`recent`: the session shows \\Recent (not after ENABLE IMAP4rev2)."""
        self.image = image
        self.read_only = read_only
        self.view = View(image.uids)
        self._noted = image.uids
        self._untold: list[int] = []  # uids whose flags changed up to `told`, for the next `news`
        self.told = image.modseq
        self._words = 0  # keywords that FLAGS has named
        if recent:
            self._claim_recent()

    # -- keywords --------------------------------------------------------------------------------

    def flags(self) -> list[bytes]:
        """FLAGS and PERMANENTFLAGS as of now (RFC 9051 §7.3.5)."""
        words = self.image.words
        self._words = len(words)
        found = [*_SYSTEM, *sorted(map(imap_flags, words))[:SHOWN_KEYWORDS]]
        lasting = () if self.read_only else (*found, b"\\*")
        code = b"PERMANENTFLAGS " + response.flag_list(lasting)
        return [
            b"* FLAGS " + response.flag_list(found) + b"\r\n",
            response.untagged(b"OK", "Flags that stay", code),
        ]

    def new_flags(self) -> list[bytes]:
        """`flags`, when there are keywords that the client was not told of: before it sees them."""
        if len(self.image.words) <= self._words or self._words > SHOWN_KEYWORDS:
            return []
        return self.flags()

    # -- numbers ---------------------------------------------------------------------------------

    def resolve(self, numbers: SequenceSet, uid: bool) -> array[int]:
        """Positions (sequence number - 1, ascending) of the messages that a set names.

        Uids that nobody has are skipped (RFC 9051 §6.4.9); numbers beyond the last are NoSuchMessage.
        `1:*` in an empty mailbox names nothing: clients ask it blindly.
        """
        self.check(numbers, uid)
        positions = array("I")
        for start, stop in self.view.spans(numbers, uid=uid):
            positions.extend(range(start, stop))
        return positions

    def check(self, numbers: SequenceSet, uid: bool) -> None:
        if uid or numbers.saved or numbers.largest() <= self.view.count:
            return
        if self.view.count or not numbers.has_star():
            raise NoSuchMessage

    def uids_at(self, positions: Sequence[int]) -> Sequence[int]:
        if self._in_step:
            return pick_rows(self.image.uids, positions)
        return [self.view.uid(at + 1) for at in positions]

    def chunk(self, positions: Sequence[int]) -> Chunk:
        """The rows at these positions as they are now, without those that are gone."""
        image = self.image
        rows: Sequence[int] = positions
        if not self._in_step:
            placed = [(at, image.index(self.view.uid(at + 1))) for at in positions]
            positions = [at for at, row in placed if row >= 0]
            rows = [row for _, row in placed if row >= 0]
        return Chunk(
            [at + 1 for at in positions],
            pick_rows(image.uids, rows),
            pick_rows(image.emails, rows),
            pick_rows(image.keywords, rows),
            pick_rows(image.modseqs, rows),
            self.view.recent_ranges,
        )

    def rows(self, positions: Sequence[int]) -> Sequence[int]:
        """Rows of the image behind these positions, without those that are gone."""
        if self._in_step:
            return positions
        return [row for row in map(self.image.index, self.uids_at(positions)) if row >= 0]

    @property
    def _in_step(self) -> bool:
        """Whether number n is row n - 1 of the image."""
        return self._noted is self.image.uids and self.view.current

    def search_rows(self) -> Rows:
        """What SEARCH looks at."""
        image, view = self.image, self.view
        return Rows(
            image.uids,
            image.emails,
            image.modseqs,
            image.keywords,
            view.select,
            view.last_uid,
            view.recent_ranges,
        )

    async def set_keywords(
        self, rows: Sequence[int], change: KeywordChange, unchanged_since: int | None = None
    ) -> KeywordsChanged:
        """Change rows of the image. What the client did itself counts as told, unless others changed
        something at the same time: then everything is told once more."""
        before = self.image.modseq
        done, only = await self.image.set_keywords(rows, change, unchanged_since)
        if only and self.told == before:
            self.told = self.image.modseq
        return done

    # -- news ------------------------------------------------------------------------------------

    def _claim_recent(self) -> None:
        """RFC 3501 §2.3.2: this is the first session told of these messages."""
        image = self.image
        first, end = (image.recent_uid, image.uid_next) if self.read_only else image.take_recent()
        self.view.claim_recent(first, end - 1)

    @property
    def more(self) -> bool:
        """The last `news` was not all: `news` is due again when others have had their turn."""
        return bool(self._untold)

    def news(self, *, expunge: bool, vanished: bool, modseq: bool, recent: bool) -> list[bytes]:
        """Untagged responses about what changed since the last call, flags of up to `NEWS` messages.

        `expunge`: they may renumber messages now (RFC 9051 §7.5.1). `vanished`, `modseq`, `recent`:
        what the client has enabled, or not.
        """
        image, view = self.image, self.view
        if self.told == image.modseq and not view.pending and not self._untold:
            return []
        changed = image.changed_since(self.told)
        if self._untold:
            changed = sorted({*self._untold, *changed})
        self._untold = changed[NEWS:]
        changed = changed[:NEWS]
        # rows that were not told of yet are announced by EXISTS; the client will ask for their flags
        view.note(image.uids, [(uid, 0) for uid in changed])
        self._noted = image.uids
        self.told = image.modseq
        if recent and len(image.uids) and image.uids[-1] > view.last_uid:
            self._claim_recent()
        changes = view.flush(expunge=expunge)
        responses = self.new_flags()
        if changes.vanished:
            if vanished:  # RFC 7162 §3.2.10
                responses.append(response.vanished(changes.vanished))
            else:
                responses.append(response.expunged(changes.expunged))
        if changes.exists is not None:
            responses.append(response.exists(changes.exists))
        if recent and changes.recent is not None:
            responses.append(response.recent(changes.recent))
        if changes.flags:
            chunk = self.chunk([number - 1 for number, _ in changes.flags])
            responses += (_FLAGS_MODSEQ if modseq else _FLAGS).lines(chunk)
        return responses
