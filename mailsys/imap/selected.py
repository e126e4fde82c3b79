"""The mailbox that a session has selected: its numbering over the shared image, and what the client
must yet be told.

`core.imap.view.View` holds the numbering. Nothing is noted for a session while changes happen: when
it may tell, it asks the image what changed since. So a change costs an idle session nothing, and a
change of ten thousand rows costs others only when, and if, they look.

A `Position` counts what this client was told; a `Row` is a place in the image of this moment. Between
the two there is only the uid, but while the view shares the image's array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from mailsys.core.imap import response
from mailsys.core.imap.search import Rows
from mailsys.core.imap.sequence import SequenceSet
from mailsys.core.imap.view import Position, View
from mailsys.core.message.keywords import imap_flags
from mailsys.imap.columns import Chunk, Format, pick_rows
from mailsys.ports.ids import EmailId
from mailsys.ports.placements import KeywordChange, KeywordsChanged
from mailsys.services.mailboxes.image import Image, Row, changed

_FLAGS = Format((b"UID", b"FLAGS"))
_FLAGS_MODSEQ = Format((b"UID", b"FLAGS", b"MODSEQ"))
_SYSTEM = (b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Seen", b"\\Draft")

SHOWN_KEYWORDS: Final = 200  # in FLAGS: what a mailbox collected may be more than a client wants to parse
NEWS: Final = 1000  # flags told at a time


class NoSuchMessage(Exception):
    """A sequence number beyond the last message: BAD (RFC 9051 §9, seq-number)."""


class Selected:
    """`told` is the image's modseq up to which the client knows of all changes of flags; `highest` the
    mailbox's HIGHESTMODSEQ at which it was told of everything."""

    __slots__ = ("_known", "_untold", "_words", "highest", "image", "read_only", "told", "view")

    def __init__(self, image: Image, read_only: bool, recent: bool) -> None:
        """`recent`: the session shows \\Recent (not after ENABLE IMAP4rev2)."""
        self.image = image
        self.read_only = read_only
        first, last = self._recent_claim() if recent else (1, 0)
        self.view = View(image.uids, ((first, last),) if first <= last else ())
        self._known: dict[int, int] | None = None  # changed after `told`: uid, modseq
        self._untold: list[int] = []  # uids whose flags changed up to `told`, for the next `news`
        self.told = image.modseq
        self.highest = image.highest_modseq
        self._words = 0  # keywords that FLAGS has named

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

    def resolve(self, numbers: SequenceSet, uid: bool) -> Sequence[Position]:
        """Positions, ascending, of the messages that a set names.

        Uids that nobody has are skipped (RFC 9051 §6.4.9); numbers beyond the last are NoSuchMessage.
        `1:*` in an empty mailbox names nothing: clients ask it blindly.
        """
        beyond = not uid and not numbers.saved and numbers.largest() > self.view.count
        if beyond and (self.view.count or not numbers.has_star()):
            raise NoSuchMessage
        return self.view.positions(numbers, uid=uid)

    def uids_at(self, positions: Sequence[Position]) -> Sequence[int]:
        return list(map(self.view.uid, positions))

    def positions(self, rows: Sequence[Row]) -> Sequence[Position]:
        """Where the messages of these rows stand, without those that the client was not told of."""
        uids = self.image.uids
        if self.view.shares(uids):
            known = self.view.count
            return cast("Sequence[Position]", [row for row in rows if row < known])
        placed = [self.view.position(uids[row]) for row in rows]
        return [at for at in placed if at is not None]

    def rows(self, positions: Sequence[Position]) -> Sequence[Row]:
        """Rows of the image behind these positions, without those that are gone."""
        if self.view.shares(self.image.uids):
            return cast("Sequence[Row]", positions)
        placed = [self.image.row(self.view.uid(at)) for at in positions]
        return [row for row in placed if row is not None]

    def chunk(self, positions: Sequence[Position]) -> Chunk:
        """The rows at these positions as they are now, without those that are gone."""
        image = self.image
        rows = self.rows(positions)
        if len(rows) < len(positions):
            positions = self.positions(rows)
        return Chunk(
            [at + 1 for at in positions],
            pick_rows(image.uids, rows),
            pick_rows(image.emails, rows),
            pick_rows(image.keywords, rows),
            pick_rows(image.modseqs, rows),
            self.view.recent_ranges,
        )

    def search_rows(self, *, waits: bool) -> Rows:
        """What SEARCH looks at. `waits`: others may change the image before it is done; it keeps what
        there is now, so that all keys are judged by the same state."""
        image, view = self.image, self.view
        uids, emails, modseqs, keywords = image.uids, image.emails, image.modseqs, image.keywords
        if waits:
            uids, emails, modseqs, keywords = uids[:], emails[:], modseqs[:], keywords[:]
        return Rows(
            uids,
            emails,
            modseqs,
            keywords,
            view.select,
            view.last_uid,
            view.recent_ranges,
        )

    async def set_keywords(
        self, rows: Sequence[Row], change: KeywordChange, unchanged_since: int | None = None
    ) -> KeywordsChanged:
        """Change rows of the image for a client that knows what it asked for. It is not told of a row
        whose keywords are now what it expects; of all others, and of all where somebody else's change
        was there first, it is."""
        image = self.image
        knew = self.told == image.modseq and not self._untold
        uids, emails = pick_rows(image.uids, rows), pick_rows(image.emails, rows)
        keywords = pick_rows(image.keywords, rows)
        done, only = await image.set_keywords(rows, change, unchanged_since)
        if knew and only:
            self.told = image.modseq
            self._all_told()
        elif knew:
            now = dict(zip(done.changed, done.keywords, strict=True))
            for uid, email, before in zip(uids, emails, keywords, strict=True):
                if now.get(EmailId(email)) == changed(before, change):
                    self._knows(uid, done.modseq)
        return done

    def shown(self, chunk: Chunk) -> None:
        """The client was shown these rows' flags."""
        if self.told < self.image.modseq:
            for uid, modseq in zip(chunk.uids, chunk.modseqs, strict=True):
                if modseq > self.told:
                    self._knows(uid, modseq)

    def _knows(self, uid: int, modseq: int) -> None:
        """The client knows the flags of a row as they were at `modseq`."""
        if self._known is None:
            self._known = {}
        self._known[uid] = modseq

    # -- news ------------------------------------------------------------------------------------

    def _recent_claim(self) -> tuple[int, int]:
        """RFC 3501 §2.3.2: this is the first session told of these uids, first and last."""
        image = self.image
        first, end = (image.recent_uid, image.uid_next) if self.read_only else image.take_recent()
        return first, end - 1

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
        due = image.changed_since(self.told)
        if self._known is not None:
            known, self._known = self._known, None
            due = [uid for uid in due if self._modseq(uid) != known.get(uid, 0)]
        if self._untold:
            due = sorted({*self._untold, *due})
        self._untold = due[NEWS:]
        # rows that were not told of yet are announced by EXISTS; the client will ask for their flags
        view.note(image.uids, [(uid, 0) for uid in due[:NEWS]])
        self.told = image.modseq
        if recent and len(image.uids) and image.uids[-1] > view.last_uid:
            view.claim_recent(*self._recent_claim())
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
            chunk = self.chunk([Position(number - 1) for number, _ in changes.flags])
            responses += (_FLAGS_MODSEQ if modseq else _FLAGS).lines(chunk)
        self._all_told()
        return responses

    def _all_told(self) -> None:
        if not self._untold and not self.view.pending:
            self.highest = self.image.highest_modseq

    def _modseq(self, uid: int) -> int:
        """Of its row; -1 when that is gone."""
        row = self.image.row(uid)
        return -1 if row is None else self.image.modseqs[row]
