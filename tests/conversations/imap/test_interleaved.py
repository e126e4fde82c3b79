"""Others change the mailbox at any moment of a command: each answer is of one moment, and in the end the
client knows the truth.

The store's port is wrapped so that, before and after any of its calls, a whole change by others happens:
a message goes, one gets another flag, one is unflagged, one comes. Every command is tried with the change
at each of its moments, one after the other, until it has no more of them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mailsys.ports.placements import KeywordChange
from tests.conversations.imap.client import ImapClient
from tests.conversations.imap.picture import Picture, numbers
from tests.conversations.imap.rig import SIMPLE, ImapTestCase

_MODSEQ = re.compile(rb"\[HIGHESTMODSEQ (\d+)\]")
_TURNS = 40  # of the reactor, for another session that has to wait for the one it interrupts


class Interrupted:
    """A mail store; `act` is run at moment `at` of the calls made from then on."""

    def __init__(self, mail: Any) -> None:
        self.inside = mail
        self.at = 0
        self.moments = 0
        self.act: Callable[[], Awaitable[None]] | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inside, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if self.act is None:
                return method(*arguments, **named)
            return Deferred.fromCoroutine(self._call(method, arguments, named))

        return call

    async def _call(self, method: Any, arguments: Any, named: Any) -> Any:
        await self._moment()
        result = await method(*arguments, **named)
        await self._moment()
        return result

    async def _moment(self) -> None:
        self.moments += 1
        if self.act is not None and self.moments > self.at:
            act, self.act = self.act, None
            await act()


class InterruptedTestCase(ImapTestCase):
    timeout = 120

    async def open_store(self) -> Any:
        store = await super().open_store()
        store.mail = Interrupted(store.mail)
        return store

    async def _start(self) -> None:
        await super()._start()
        self.boxes = 0

    async def box(self, count: int = 6) -> bytes:
        """A mailbox of its own for each schedule, with messages 1 to `count`: 2 and 4 are flagged."""
        self.boxes += 1
        name = f"box{self.boxes}"
        await self.mail.create_mailbox(self.alice.id, name)
        for number in range(1, count + 1):
            await self.deliver(path=name, keywords="$flagged" if number in (2, 4) else "")
        return name.encode()

    async def by_another_process(self, box: bytes) -> None:
        """Straight to the store: 3 goes, 5 gets a flag, 4 loses one, one comes."""
        mail, account = self.mail.inside, self.alice.id
        mailbox = (await self.mailbox(box.decode())).id
        rows = await mail.snapshot(account, mailbox)
        email = dict(zip(rows.uids, rows.emails, strict=True))
        if 3 in email:
            await mail.expunge(account, mailbox, [3], False)
        if 5 in email:
            await mail.set_keywords(account, mailbox, [email[5]], KeywordChange(add="work"))
        if 4 in email:
            await mail.set_keywords(account, mailbox, [email[4]], KeywordChange(remove="$flagged"))
        await self.deliver(path=box.decode())

    async def by_another_session(self, other: ImapClient) -> None:
        """The same by IMAP in this process: whole commands, as far as they come before those who are
        interrupted go on."""
        done = Deferred.fromCoroutine(self._commands(other))
        for _ in range(_TURNS):
            if done.called:
                break
            await deferLater(reactor, 0)
        self.left = done

    async def _commands(self, other: ImapClient) -> None:
        for command in (
            b"UID STORE 3 +FLAGS.SILENT (\\Deleted)",
            b"UID EXPUNGE 3",
            b"UID STORE 5 +FLAGS (work)",
            b"UID STORE 4 -FLAGS.SILENT (\\Flagged)",
        ):
            await other.ask(command)
        other.send(b"x APPEND %b {%d+}\r\n%b\r\n" % (self.name, len(SIMPLE), SIMPLE))
        await other.until(b"x OK")

    async def every_moment(
        self, prepare: Callable[[bytes], Awaitable[Any]], command: Callable[[Any, bytes], Awaitable[Any]]
    ) -> int:
        """Both kinds of others at each moment; gives how many schedules there were."""
        schedules = 0
        for in_process in (False, True):
            at = 0
            while True:
                self.name = box = await self.box()
                who = await prepare(box)
                self.left: Deferred[None] | None = None
                if in_process:
                    act = partial(self.by_another_session, await self.connect(select=box))
                else:
                    act = partial(self.by_another_process, box)
                self.mail.at, self.mail.moments, self.mail.act = at, 0, act
                await command(who, box)
                over = self.mail.act is not None
                self.mail.act = None
                if self.left is not None:
                    await self.left
                schedules += 1
                await self.ends_with_the_truth(who, box, at)
                for client in self.clients:
                    client.transport.loseConnection()
                self.clients.clear()
                if over:
                    break
                at += 1
        return schedules

    async def ends_with_the_truth(self, picture: Picture, box: bytes, at: int) -> None:
        truth = Picture(await self.connect(), self.fail)
        await truth.ask(b"EXAMINE " + box)
        await truth.ask(b"FETCH 1:* (UID FLAGS)")
        await picture.ask(b"NOOP")
        unknown = [n for n, row in enumerate(picture.rows, 1) if None in row]
        if unknown:  # arrivals are only announced
            await picture.ask(b"FETCH %b (UID FLAGS)" % b",".join(b"%d" % n for n in unknown))
        self.assertEqual(picture.rows, truth.rows, f"change at moment {at}")


class Selected(InterruptedTestCase):
    """In a mailbox that was selected before."""

    async def _picture(self, box: bytes) -> Picture:
        picture = Picture(await self.connect(), self.fail)
        await picture.ask(b"ENABLE QRESYNC")
        await picture.ask(b"SELECT " + box)
        await picture.ask(b"FETCH 1:* (UID FLAGS)")
        return picture

    async def _try(self, text: bytes, guess: Callable[[Picture], None] | None = None) -> None:
        async def command(picture: Picture, _box: bytes) -> None:
            if guess is not None:
                guess(picture)
            await picture.ask(text)

        self.assertGreater(await self.every_moment(self._picture, command), 2)

    async def test_fetch(self) -> None:
        async def command(picture: Picture, _box: bytes) -> None:
            lines = await picture.client.ask(b"FETCH 1:* (UID FLAGS RFC822.SIZE)")
            picture.hear([line.replace(b" RFC822.SIZE 157", b"") for line in lines], by_number=True)

        await self.every_moment(self._picture, command)

    async def test_fetch_that_marks_seen(self) -> None:
        async def command(picture: Picture, _box: bytes) -> None:
            lines = await picture.client.ask(b"UID FETCH 1:* (BODY[HEADER.FIELDS (X-NONE)])")
            picture.hear([re.sub(rb" ?BODY\[[^\]]*\] \{2\}\r\n\r\n", b"", line) for line in lines])

        await self.every_moment(self._picture, command)

    async def test_fetch_of_what_changed_and_vanished(self) -> None:
        async def command(picture: Picture, box: bytes) -> None:
            modseq = (await self.mailbox(box.decode())).modseq - 5
            await picture.ask(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)" % modseq)

        await self.every_moment(self._picture, command)

    async def test_store(self) -> None:
        await self._try(b"STORE 1:* +FLAGS (\\Flagged)")

    async def test_store_that_replaces(self) -> None:
        await self._try(b"UID STORE 1:* FLAGS (\\Draft)")

    async def test_silent_store(self) -> None:
        def flagged(picture: Picture) -> None:
            picture.rows = [
                (uid, b" ".join(sorted({*(flags or b"").split(), b"\\Flagged"})))
                for uid, flags in picture.rows
            ]

        await self._try(b"STORE 1:* +FLAGS.SILENT (\\Flagged)", flagged)

    async def test_store_unless_changed(self) -> None:
        async def command(picture: Picture, box: bytes) -> None:
            modseq = (await self.mailbox(box.decode())).modseq
            await picture.ask(b"UID STORE 1:* (UNCHANGEDSINCE %d) +FLAGS (later)" % modseq)

        await self.every_moment(self._picture, command)

    async def test_expunge(self) -> None:
        async def command(picture: Picture, _box: bytes) -> None:
            await picture.ask(b"EXPUNGE")

        async def prepare(box: bytes) -> Picture:
            picture = await self._picture(box)
            await picture.ask(b"STORE 1,4 +FLAGS (\\Deleted)")
            return picture

        await self.every_moment(prepare, command)

    async def test_move(self) -> None:
        await self._try(b"UID MOVE 2,3 Archive")

    async def test_copy_into_itself(self) -> None:
        async def command(picture: Picture, box: bytes) -> None:
            await picture.ask(b"UID COPY 2:4 " + box)

        await self.every_moment(self._picture, command)

    async def test_noop(self) -> None:
        async def command(picture: Picture, box: bytes) -> None:
            await self.deliver(path=box.decode())
            await picture.ask(b"NOOP")

        await self.every_moment(self._picture, command)

    async def test_append(self) -> None:
        async def command(picture: Picture, box: bytes) -> None:
            picture.client.send(b"a APPEND %b {%d+}\r\n%b\r\n" % (box, len(SIMPLE), SIMPLE))
            picture.hear(await picture.client.until(b"a OK"))

        await self.every_moment(self._picture, command)

    async def test_search_judges_all_keys_by_one_state(self) -> None:
        """4 is flagged and small: it matches before the change, and not after it. What may never be is
        that neither key was looked at."""
        found: list[bytes] = []

        async def command(picture: Picture, _box: bytes) -> None:
            responses = await picture.ask(b"UID SEARCH OR FLAGGED LARGER 100")
            found.extend(line for line in responses if line.startswith(b"* SEARCH"))

        await self.every_moment(self._picture, command)
        for line in found:
            self.assertIn(b" 4 ", line + b" ")  # all are larger than 100 octets


class ComingBack(InterruptedTestCase):
    """SELECT with QRESYNC, and what the client has afterwards, when it leaves at once and comes again."""

    async def _away(self, box: bytes) -> dict[str, Any]:
        client = await self.connect()
        await client.ask(b"ENABLE QRESYNC")
        responses = await client.ask(b"SELECT " + box)
        lines = await client.ask(b"FETCH 1:* (UID FLAGS)")
        cache: dict[int, bytes] = {}
        self._learn(cache, [re.sub(rb" MODSEQ \(\d+\)", b"", line) for line in lines])
        validity = int(re.search(rb"UIDVALIDITY (\d+)", b" ".join(responses))[1])  # type: ignore[index]
        await client.ask(b"CLOSE")
        await self.by_another_process(box)
        return {"cache": cache, "modseq": self._modseq(responses), "validity": validity}

    def _modseq(self, responses: Sequence[bytes]) -> int:
        return int(_MODSEQ.findall(b"\n".join(responses))[-1])

    def _learn(self, cache: dict[int, bytes], responses: Sequence[bytes]) -> None:
        for line in responses:
            if line.startswith(b"* VANISHED"):
                for uid in numbers(line.split(b" ")[-1]):
                    cache.pop(uid, None)
            elif found := re.match(rb"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)", line):
                cache[int(found[1])] = b" ".join(sorted(set(found[2].split()) - {b"\\Recent"}))

    async def _come_back(self, known: dict[str, Any], box: bytes) -> Picture:
        picture = Picture(await self.connect(), self.fail)
        await picture.ask(b"ENABLE QRESYNC")
        responses = await picture.ask(
            b"SELECT %b (QRESYNC (%d %d))" % (box, known["validity"], known["modseq"])
        )
        self._learn(known["cache"], responses)
        known["modseq"] = self._modseq(responses)
        known["picture"] = picture
        return picture

    async def _select(self, known: dict[str, Any], box: bytes) -> None:
        await self._come_back(known, box)

    async def ends_with_the_truth(self, known: Any, box: bytes, at: int) -> None:
        await super().ends_with_the_truth(known["picture"], box, at)
        # the same client, with no more than what that one answer told, after a lost connection
        await self._come_back(known, box)
        rows = await self.mail.snapshot(self.alice.id, (await self.mailbox(box.decode())).id)
        self.assertEqual(sorted(known["cache"]), list(rows.uids), f"change at moment {at}")
        flags = [b"\\Flagged" in known["cache"][uid] for uid in rows.uids]
        self.assertEqual(flags, ["$flagged" in words for words in rows.keywords], f"change at moment {at}")

    async def test_select(self) -> None:
        self.assertGreater(await self.every_moment(self._away, self._select), 4)

    async def test_select_by_rev2(self) -> None:
        async def select(known: dict[str, Any], box: bytes) -> None:
            picture = Picture(await self.connect(), self.fail)
            await picture.ask(b"ENABLE QRESYNC IMAP4rev2")
            asked = b"SELECT %b (QRESYNC (%d %d))" % (box, known["validity"], known["modseq"])
            responses = await picture.ask(asked)
            self._learn(known["cache"], responses)
            known["modseq"], known["picture"] = self._modseq(responses), picture

        await self.every_moment(self._away, select)
