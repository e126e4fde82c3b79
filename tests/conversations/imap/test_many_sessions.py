"""Several sessions change one mailbox at random; each keeps its own picture of it by what it is told.

In the end every picture must be the truth. The seeds make it repeatable.
"""

from __future__ import annotations

import random

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from mailsys.imap import selected
from mailsys.stores.sqlite.store import open_store
from tests.conversations.imap.picture import Picture
from tests.conversations.imap.rig import SIMPLE, ImapTestCase


class Together(ImapTestCase):
    timeout = 60

    async def _picture(self, kind: int) -> Picture:
        picture = Picture(await self.connect(), self.fail)
        if kind == 1:
            await picture.ask(b"ENABLE QRESYNC")
        if kind == 2:
            await picture.ask(b"ENABLE IMAP4rev2")
        await picture.ask(b"SELECT INBOX")
        await picture.ask(b"FETCH 1:* (UID FLAGS)")
        return picture

    async def _step(self, chance: random.Random, picture: Picture) -> None:
        count = len(picture.rows)
        what = chance.randrange(12)
        if what == 0 or not count:
            picture.client.send(b"x APPEND INBOX {%d+}\r\n%b\r\n" % (len(SIMPLE), SIMPLE))
            picture.hear(await picture.client.until(b"x OK"))
            return
        low = chance.randint(1, count)
        span = b"%d:%d" % (low, min(count, low + chance.randrange(4)))
        flag = chance.choice((b"\\Seen", b"\\Flagged", b"work", b"\\Deleted"))
        sign = chance.choice((b"+", b"+", b"-", b""))
        silent = chance.choice((b"", b".SILENT"))
        if what <= 3:
            await picture.ask(b"STORE %b %bFLAGS%b (%b)" % (span, sign, silent, flag))
            if silent:  # a careful client asks rather than guesses
                await picture.ask(b"FETCH %b (UID FLAGS)" % span)
        elif what == 4:
            await picture.ask(b"UID STORE 1:* (UNCHANGEDSINCE 12) +FLAGS (%b)" % flag)
        elif what == 5:
            await picture.ask(b"EXPUNGE")
        elif what == 6:
            await picture.ask(b"COPY %b INBOX" % span)
        elif what == 7:
            await picture.ask(b"MOVE %d Archive" % low)
        elif what == 8:
            await picture.ask(b"FETCH %b (UID FLAGS)" % span)
        elif what == 9:
            await picture.ask(b"UID SEARCH FLAGGED")
        elif what == 10:
            await picture.ask(b"SEARCH 1:%d" % count)
        else:
            await picture.ask(b"NOOP")

    async def _steps(self, chance: random.Random, picture: Picture, count: int) -> None:
        for _ in range(count):
            await self._step(chance, picture)

    async def _play(self, seed: int, kinds: tuple[int, ...], at_once: bool = False) -> None:
        chance = random.Random(seed)
        for _ in range(6):
            await self.deliver()
        pictures = [await self._picture(kind) for kind in kinds]
        if at_once:
            parts = [self._steps(random.Random(seed + n), one, 60) for n, one in enumerate(pictures)]
            await gatherResults([Deferred.fromCoroutine(part) for part in parts], consumeErrors=True)
        else:
            for _ in range(250):
                await self._step(chance, chance.choice(pictures))
        truth = await self._picture(0)
        for picture in pictures:
            await picture.ask(b"NOOP")
            unknown = [n for n, row in enumerate(picture.rows, 1) if None in row]
            if unknown:  # arrivals are only announced
                await picture.ask(b"FETCH %b (UID FLAGS)" % b",".join(b"%d" % n for n in unknown))
            self.assertEqual(picture.rows, truth.rows)

    async def test_plain_sessions(self):
        await self._play(1, (0, 0, 0))

    async def test_sessions_with_qresync_and_rev2(self):
        await self._play(2, (0, 1, 2, 1))

    async def test_again_with_another_seed(self):
        await self._play(3, (0, 1, 2))


class AtOnce(Together):
    """The store works in threads, and nobody waits for anybody."""

    async def open_store(self):
        return open_store(self.mktemp(), reactor, self.events)

    async def _play(self, seed: int, kinds: tuple[int, ...], at_once: bool = True) -> None:
        await super()._play(seed, kinds, at_once)


class InTurns(Together):
    """As when thousands of flags have changed: told two at a time."""

    def setUp(self) -> Deferred[None]:
        self.patch(selected, "NEWS", 2)
        return super().setUp()
