"""EXPUNGE, CLOSE, COPY, MOVE, and when others are told."""

from __future__ import annotations

from tests.conversations.imap.rig import SIMPLE, ImapTestCase


class Expunging(ImapTestCase):
    async def _selected(self, count: int = 4):
        for _ in range(count):
            await self.deliver()
        return await self.connect(select=b"INBOX"), await self.connect(select=b"INBOX")

    async def test_each_session_is_told_in_numbers_that_are_right_when_read(self):
        client, other = await self._selected()
        await client.ask(b"STORE 1,3:4 +FLAGS.SILENT (\\Deleted)")
        self.assertEqual(
            await client.ask(b"EXPUNGE"),
            [b"* 4 EXPUNGE", b"* 3 EXPUNGE", b"* 1 EXPUNGE", b"* 1 RECENT", b"OK Expunged"],
        )
        self.assertEqual(
            [line for line in await other.ask(b"NOOP") if b"EXPUNGE" in line],
            [b"* 4 EXPUNGE", b"* 3 EXPUNGE", b"* 1 EXPUNGE"],
        )
        self.assertEqual((await other.ask(b"FETCH 1:* (UID)"))[:-1], [b"* 1 FETCH (UID 2)"])

    async def test_never_during_fetch_store_and_search_by_number(self):
        client, other = await self._selected()
        await client.ask(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
        await client.ask(b"EXPUNGE")
        for command in (b"FETCH 1 FLAGS", b"STORE 1 +FLAGS (\\Seen)", b"SEARCH ALL"):
            responses = await other.ask(command)
            self.assertFalse([line for line in responses if b"EXPUNGE" in line], responses)
        self.assertEqual(
            await other.ask(b"UID SEARCH 1"), [b"* SEARCH 1", b"* 2 EXPUNGE", b"OK SEARCH completed"]
        )

    async def test_uid_expunge_only_takes_what_is_named(self):
        client, _ = await self._selected()
        await client.ask(b"STORE 1:3 +FLAGS.SILENT (\\Deleted)")
        self.assertEqual((await client.ask(b"UID EXPUNGE 2,4:9"))[:-1], [b"* 2 EXPUNGE", b"* 3 RECENT"])

    async def test_close_expunges_without_a_word_and_unselect_does_not(self):
        client, other = await self._selected()
        await client.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        self.assertEqual(await client.ask(b"UNSELECT"), [b"OK Mailbox unselected"])
        self.assertFalse([line for line in await other.ask(b"NOOP") if b"EXPUNGE" in line])
        await client.ask(b"SELECT INBOX")
        self.assertEqual(await client.ask(b"CLOSE"), [b"OK Mailbox closed"])
        self.assertIn(b"* 1 EXPUNGE", await other.ask(b"NOOP"))

    async def test_examine_changes_nothing(self):
        client, _ = await self._selected()
        await client.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await client.ask(b"EXAMINE INBOX")
        self.assertTrue((await client.ask(b"EXPUNGE"))[-1].startswith(b"NO"))
        self.assertTrue((await client.ask(b"MOVE 1 Archive"))[-1].startswith(b"NO"))
        await client.ask(b"CLOSE")
        self.assertEqual((await client.ask(b"STATUS INBOX (MESSAGES)"))[0], b"* STATUS INBOX (MESSAGES 4)")


class Copying(ImapTestCase):
    async def _selected(self):
        for _ in range(3):
            await self.deliver(keywords="$seen")
        return await self.connect(select=b"INBOX")

    async def test_copy_tells_the_uids_of_both_sides(self):
        client = await self._selected()
        await client.ask(b"COPY 3 Archive")
        self.assertRegex((await client.ask(b"COPY 1:2 Archive"))[-1], rb"^OK \[COPYUID \d+ 1:2 2:3\]")
        await client.ask(b"SELECT Archive")
        self.assertEqual(
            (await client.ask(b"FETCH 1:3 (UID FLAGS)"))[-2], b"* 3 FETCH (UID 3 FLAGS (\\Seen \\Recent))"
        )

    async def test_move_tells_the_uids_and_then_the_expunges(self):
        client = await self._selected()
        responses = await client.ask(b"UID MOVE 1,3 Archive")
        self.assertRegex(responses[0], rb"^\* OK \[COPYUID \d+ 1,3 1,2\]")
        self.assertEqual(responses[1:], [b"* 3 EXPUNGE", b"* 1 EXPUNGE", b"* 1 RECENT", b"OK MOVE completed"])

    async def test_the_email_stays_the_same(self):
        client = await self._selected()
        before = (await client.ask(b"FETCH 1 (EMAILID)"))[0]
        await client.ask(b"MOVE 1 Archive")
        await client.ask(b"SELECT Archive")
        self.assertEqual((await client.ask(b"FETCH 1 (EMAILID)"))[0], before)

    async def test_a_missing_target_could_be_created(self):
        client = await self._selected()
        for verb in (b"COPY", b"MOVE", b"UID COPY", b"UID MOVE"):
            self.assertTrue((await client.ask(verb + b" 1 Nowhere"))[-1].startswith(b"NO [TRYCREATE]"))

    async def test_uids_that_nobody_has_copy_nothing(self):
        client = await self._selected()
        self.assertEqual(await client.ask(b"UID COPY 77 Archive"), [b"OK No messages to COPY"])

    async def test_copies_into_the_same_mailbox_are_new_messages(self):
        client = await self._selected()
        responses = await client.ask(b"COPY 1 INBOX")
        self.assertEqual(responses[:2], [b"* 4 EXISTS", b"* 4 RECENT"])
        self.assertRegex(responses[-1], rb"COPYUID \d+ 1 4")

    async def test_numbers_of_messages_that_others_removed_are_refused(self):
        client = await self._selected()
        other = await self.connect(select=b"INBOX")
        await other.ask(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
        await other.ask(b"EXPUNGE")
        self.assertTrue((await client.ask(b"COPY 1:3 Archive"))[-1].startswith(b"NO [EXPUNGEISSUED]"))


class MovingByCopy(ImapTestCase):
    """COPY, STORE \\Deleted, EXPUNGE: how clients without MOVE move. \\Deleted is of the placement alone."""

    async def _flags(self, client, number: int = 1) -> set[bytes]:
        line = (await client.ask(b"FETCH %d FLAGS" % number))[0]
        return set(line.partition(b"(FLAGS (")[2].rstrip(b")").split()) - {b"\\Recent"}

    async def test_the_copy_is_not_marked_and_stays(self):
        await self.deliver()
        client, other = await self.connect(select=b"INBOX"), await self.connect()
        await client.ask(b"COPY 1 Archive")
        await other.ask(b"SELECT Archive")
        await client.ask(b"STORE 1 +FLAGS (\\Deleted \\Flagged)")
        self.assertEqual(await self._flags(client), {b"\\Deleted", b"\\Flagged"})
        await other.ask(b"NOOP")
        self.assertEqual(await self._flags(other), {b"\\Flagged"})
        for box, count in ((b"INBOX", 1), (b"Archive", 0)):
            status = (await client.ask(b"STATUS %b (MESSAGES DELETED)" % box))[0]
            self.assertEqual(status, b"* STATUS %b (MESSAGES 1 DELETED %d)" % (box, count))
        self.assertEqual((await other.ask(b"SEARCH DELETED"))[0], b"* SEARCH")
        self.assertEqual((await client.ask(b"SEARCH DELETED"))[0], b"* SEARCH 1")
        self.assertIn(b"* 1 EXPUNGE", await client.ask(b"EXPUNGE"))
        self.assertEqual(await other.ask(b"EXPUNGE"), [b"OK Nothing to expunge"])
        self.assertTrue((await other.ask(b"FETCH 1 BODY.PEEK[]"))[-1].startswith(b"OK"))
        await other.ask(b"CLOSE")
        self.assertIn(b"* 1 EXISTS", await other.ask(b"SELECT Archive"))

    async def test_what_is_marked_is_copied_without_the_mark(self):
        await self.deliver(keywords="$seen")
        client = await self.connect(select=b"INBOX")
        await client.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted work)")
        for command in (b"COPY 1 Archive", b"COPY 1 INBOX", b"MOVE 1 Trash"):
            self.assertTrue((await client.ask(command))[-1].startswith(b"OK"), command)
        for box in (b"Archive", b"INBOX", b"Trash"):
            await client.ask(b"SELECT " + box)
            self.assertEqual(await self._flags(client), {b"\\Seen", b"work"}, box)

    async def test_the_mark_in_one_mailbox_outlasts_changes_in_the_other(self):
        await self.deliver()
        client, other = await self.connect(select=b"INBOX"), await self.connect()
        await client.ask(b"COPY 1 Archive")
        await other.ask(b"SELECT Archive")
        await client.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ask(b"STORE 1 FLAGS (\\Seen)")
        await client.ask(b"NOOP")
        self.assertEqual(await self._flags(client), {b"\\Deleted", b"\\Seen"})
        await other.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await client.ask(b"STORE 1 -FLAGS (\\Deleted)")
        await other.ask(b"NOOP")
        self.assertEqual(await self._flags(client), {b"\\Seen"})
        self.assertEqual(await self._flags(other), {b"\\Deleted", b"\\Seen"})
        self.assertIn(b"* 1 EXPUNGE", await other.ask(b"UID EXPUNGE 1"))
        self.assertEqual(await client.ask(b"CLOSE"), [b"OK Mailbox closed"])
        self.assertIn(b"* 1 EXISTS", await client.ask(b"SELECT INBOX"))

    async def test_a_mark_in_one_mailbox_is_no_news_in_the_other(self):
        await self.deliver()
        client, other = await self.connect(select=b"INBOX"), await self.connect()
        await client.ask(b"COPY 1 Archive")
        await other.ask(b"SELECT Archive")
        await client.ask(b"STORE 1 +FLAGS (\\Deleted)")
        self.assertEqual(await other.ask(b"NOOP"), [b"OK NOOP completed"])

    async def test_append_may_mark_what_it_brings(self):
        client = await self.connect(select=b"INBOX")
        client.send(b"a APPEND INBOX (\\Deleted \\Seen) {%d+}\r\n%b\r\n" % (len(SIMPLE), SIMPLE))
        await client.until(b"a OK")
        self.assertEqual(await self._flags(client), {b"\\Deleted", b"\\Seen"})
        await client.ask(b"COPY 1 Archive")
        self.assertIn(b"* 1 EXPUNGE", await client.ask(b"EXPUNGE"))
        await client.ask(b"SELECT Archive")
        self.assertEqual(await self._flags(client), {b"\\Seen"})

    async def test_conditional_store_knows_of_marks(self):
        await self.deliver()
        client, other = await self.connect(select=b"INBOX"), await self.connect(select=b"INBOX")
        modseq = (await self.mailbox()).modseq
        await other.ask(b"STORE 1 +FLAGS (\\Deleted)")
        answer = await client.ask(b"STORE 1 (UNCHANGEDSINCE %d) -FLAGS (\\Deleted)" % modseq)
        self.assertTrue(answer[-1].startswith(b"OK [MODIFIED 1]"), answer)
        self.assertEqual(await self._flags(client), {b"\\Deleted"})
