"""STORE, and what other sessions are told of it."""

from __future__ import annotations

from tests.conversations.imap.rig import ImapTestCase


class Storing(ImapTestCase):
    async def _two(self):
        await self.deliver()
        await self.deliver(keywords="$seen")
        first, second = await self.connect(select=b"INBOX"), await self.connect(select=b"INBOX")
        return first, second

    async def test_flags_are_added_removed_and_replaced(self):
        client, _ = await self._two()
        for command, flags in (
            (b"STORE 2 +FLAGS (\\Flagged work)", b"\\Seen \\Flagged work \\Recent"),
            (b"STORE 2 -FLAGS (\\Seen WORK)", b"\\Flagged \\Recent"),
            (b"STORE 2 FLAGS (\\Deleted $Forwarded)", b"\\Deleted $Forwarded \\Recent"),
            (b"STORE 2 FLAGS ()", b"\\Recent"),
        ):
            self.assertEqual(
                (await client.ask(command))[-2:],
                [b"* 2 FETCH (FLAGS (%b))" % flags, b"OK STORE completed"],
            )

    async def test_flags_that_are_new_to_the_mailbox_are_announced_before_they_are_shown(self):
        client, other = await self._two()
        named = b"(\\Answered \\Flagged \\Deleted \\Seen \\Draft plum)"
        announced = [
            b"* FLAGS " + named,
            b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft plum \\*)] Flags that stay",
        ]
        self.assertEqual(
            await client.ask(b"STORE 1 +FLAGS (plum)"),
            [*announced, b"* 1 FETCH (FLAGS (plum \\Recent))", b"OK STORE completed"],
        )
        self.assertEqual(
            await other.ask(b"NOOP"), [*announced, b"* 1 FETCH (UID 1 FLAGS (plum))", b"OK NOOP completed"]
        )
        self.assertEqual(len(await client.ask(b"STORE 2 +FLAGS (Plum)")), 2)

    async def test_silence_is_kept_toward_the_one_who_asks_and_others_are_told(self):
        client, other = await self._two()
        self.assertEqual(await client.ask(b"STORE 1:2 +FLAGS.SILENT (\\Flagged)"), [b"OK STORE completed"])
        self.assertEqual(await client.ask(b"NOOP"), [b"OK NOOP completed"])
        self.assertEqual(
            await other.ask(b"NOOP"),
            [
                b"* 1 FETCH (UID 1 FLAGS (\\Flagged))",
                b"* 2 FETCH (UID 2 FLAGS (\\Seen \\Flagged))",
                b"OK NOOP completed",
            ],
        )

    async def test_uid_store_answers_with_uids(self):
        client, _ = await self._two()
        self.assertEqual(
            (await client.ask(b"UID STORE 2,9 +FLAGS \\Draft"))[0],
            b"* 2 FETCH (UID 2 FLAGS (\\Seen \\Draft \\Recent))",
        )

    async def test_there_is_a_bound_on_keywords(self):
        await self.deliver()
        client = await self.connect(select=b"INBOX")
        for start in (0, 64):
            words = b" ".join(b"w%d" % n for n in range(start, start + 64))
            self.assertEqual((await client.ask(b"STORE 1 +FLAGS.SILENT (%b)" % words))[-1][:2], b"OK")
        answer = await client.ask(b"STORE 1 +FLAGS (more \\Seen)")
        self.assertTrue(answer[-1].startswith(b"NO [LIMIT] "), answer)
        self.assertEqual((await client.ask(b"STORE 1 +FLAGS.SILENT (\\Seen)"))[-1][:2], b"OK")

    async def test_it_is_refused_where_only_examined(self):
        client, _ = await self._two()
        await client.ask(b"EXAMINE INBOX")
        self.assertTrue((await client.ask(b"STORE 1 +FLAGS (\\Seen)"))[-1].startswith(b"NO"))

    async def test_flags_that_cannot_be_set_are_bad(self):
        client, _ = await self._two()
        for flag in (b"\\Recent", b"\\Nonsense", b"\\*"):
            self.assertTrue((await client.ask(b"STORE 1 +FLAGS (%b)" % flag))[-1].startswith(b"BAD"), flag)

    async def test_flags_of_a_copy_are_those_of_the_original(self):
        client, _ = await self._two()
        await client.ask(b"COPY 1 Archive")
        await client.ask(b"STORE 1 +FLAGS (\\Flagged)")
        other = await self.connect(select=b"Archive")
        self.assertEqual((await other.ask(b"FETCH 1 FLAGS"))[0], b"* 1 FETCH (FLAGS (\\Flagged \\Recent))")

    async def test_of_messages_that_others_removed_silence_says_nothing(self):
        """RFC 2180 §4.2: who asks to be told of each is told that some are gone."""
        client, other = await self._two()
        await self.deliver()
        await client.ask(b"NOOP")
        await other.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ask(b"EXPUNGE")
        for numbers in (b"1", b"1:*"):
            silent = await client.ask(b"STORE %b +FLAGS.SILENT (\\Flagged)" % numbers)
            self.assertEqual(silent[-1], b"OK STORE completed")
            loud = await client.ask(b"STORE %b +FLAGS (\\Flagged)" % numbers)
            self.assertTrue(loud[-1].startswith(b"NO [EXPUNGEISSUED]"), loud)
        self.assertIn(b"\\Flagged", (await client.ask(b"UID FETCH 2:* FLAGS"))[0])

    async def test_silence_does_not_swallow_what_others_did_at_the_same_time(self):
        client, other = await self._two()
        other.send(b"x STORE 1 +FLAGS.SILENT (\\Answered)\r\n")
        client.send(b"y STORE 1 +FLAGS.SILENT (\\Flagged)\r\ny2 NOOP\r\n")
        await other.until(b"x ")
        responses = await client.until(b"y2 ")
        responses += await client.ask(b"NOOP")
        self.assertTrue([line for line in responses if b"\\Answered" in line], responses)


class Conditionally(ImapTestCase):
    async def _modseq(self, client, number: int = 1) -> int:
        line = (await client.ask(b"FETCH %d (MODSEQ)" % number))[-2]
        return int(line.rpartition(b"(")[2].rstrip(b")"))

    async def test_changes_since_are_a_conflict(self):
        await self.deliver()
        await self.deliver()
        client, other = await self.connect(select=b"INBOX"), await self.connect(select=b"INBOX")
        modseq = await self._modseq(client, 2)
        await other.ask(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
        answer = await client.ask(b"STORE 1:2 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Seen)" % modseq)
        self.assertTrue(answer[-1].startswith(b"OK [MODIFIED 1]"), answer)
        self.assertIn(b"* 2 FETCH (UID 2 MODSEQ (%d))" % (modseq + 2), answer)
        self.assertEqual(
            (await client.ask(b"FETCH 1:2 (FLAGS)"))[:2],
            [b"* 1 FETCH (FLAGS (\\Flagged \\Recent))", b"* 2 FETCH (FLAGS (\\Seen \\Recent))"],
        )

    async def test_uid_store_names_conflicts_by_uid(self):
        for _ in range(3):
            await self.deliver()
        client = await self.connect(select=b"INBOX")
        await client.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await client.ask(b"EXPUNGE")
        answer = await client.ask(b"UID STORE 2:3 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)")
        self.assertTrue(answer[-1].startswith(b"OK [MODIFIED 2:3]"), answer)

    async def test_from_then_on_modseqs_come_along(self):
        await self.deliver()
        client, other = await self.connect(), await self.connect(select=b"INBOX")
        await client.ask(b"SELECT INBOX (CONDSTORE)")
        await other.ask(b"STORE 1 +FLAGS (\\Seen)")
        news = await client.ask(b"NOOP")
        self.assertRegex(news[0], rb"^\* 1 FETCH \(UID 1 FLAGS \(\\Seen\) MODSEQ \(\d+\)\)$")

    async def test_fetch_changedsince(self):
        for _ in range(3):
            await self.deliver()
        client = await self.connect(select=b"INBOX")
        modseq = await self._modseq(client, 3)
        await client.ask(b"STORE 2 +FLAGS (\\Seen)")
        answer = await client.ask(b"FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % modseq)
        self.assertEqual(answer[:-1], [b"* 2 FETCH (FLAGS (\\Seen \\Recent) MODSEQ (%d))" % (modseq + 1)])

    async def test_search_modseq_tells_the_highest(self):
        for _ in range(3):
            await self.deliver()
        client = await self.connect(select=b"INBOX")
        modseq = await self._modseq(client, 3)
        answer = await client.ask(b"SEARCH MODSEQ %d" % modseq)
        self.assertEqual(answer[0], b"* SEARCH 3 (MODSEQ %d)" % modseq)
