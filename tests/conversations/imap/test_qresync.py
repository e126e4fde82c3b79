"""Selecting, and coming back to what one knows (RFC 7162)."""

from __future__ import annotations

import re

from tests.conversations.imap.rig import ImapTestCase


def code(responses: list[bytes], name: bytes) -> int:
    for line in responses:
        found = re.search(rb"\[%b (\d+)\]" % name, line)
        if found:
            return int(found.group(1))
    raise AssertionError((name, responses))


class Selecting(ImapTestCase):
    async def test_select_tells_all_that_a_client_needs(self):
        await self.deliver(keywords="$seen")
        await self.deliver(keywords="work")
        client = await self.connect()
        responses = await client.ask(b"SELECT INBOX")
        for line in (
            b"* 2 EXISTS",
            b"* 2 RECENT",
            b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)",
            b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work \\*)] Flags that stay",
            b"* OK [UNSEEN 2] First unseen",
            b"* OK [UIDNEXT 3] Next UID at least",
            b"OK [READ-WRITE] Mailbox selected",
        ):
            self.assertIn(line, responses)
        mailbox = await self.mailbox()
        self.assertEqual(code(responses, b"UIDVALIDITY"), mailbox.uid_validity)
        self.assertEqual(code(responses, b"HIGHESTMODSEQ"), mailbox.modseq)

    async def test_examine_is_read_only_and_leaves_recent_to_others(self):
        await self.deliver()
        client = await self.connect()
        examined = await client.ask(b"EXAMINE INBOX")
        self.assertEqual(examined[-1], b"OK [READ-ONLY] Mailbox selected")
        self.assertIn(b"* OK [PERMANENTFLAGS ()] Flags that stay", examined)
        self.assertIn(b"* 1 RECENT", examined)
        self.assertIn(b"* 1 RECENT", await client.ask(b"SELECT INBOX"))

    async def test_selecting_another_closes_the_one_before_even_if_it_fails(self):
        client = await self.connect(select=b"INBOX")
        responses = await client.ask(b"SELECT Nowhere")
        self.assertEqual(responses[0], b"* OK [CLOSED] Previous mailbox closed")
        self.assertTrue(responses[1].startswith(b"NO [NONEXISTENT]"))
        self.assertTrue((await client.ask(b"FETCH 1 FLAGS"))[-1].startswith(b"BAD"))

    async def test_rev2_gets_the_name_and_no_recent_or_unseen(self):
        await self.deliver()
        client = await self.connect()
        await client.ask(b"ENABLE IMAP4rev2")
        responses = await client.ask(b"SELECT inbox")
        self.assertIn(b'* LIST (\\HasNoChildren) "/" INBOX', responses)
        self.assertFalse([line for line in responses if b"RECENT" in line or b"UNSEEN" in line])

    async def test_many_sessions_share_one_image(self):
        for _ in range(3):
            await self.connect(select=b"INBOX")
        boxes = self.factory.parts.mailboxes.hold(self.alice.id)
        self.assertEqual(len(boxes.images), 1)
        self.factory.parts.mailboxes.release(boxes)


class ComingBack(ImapTestCase):
    async def _known(self):
        """A client that saw six messages and left; gives its UIDVALIDITY and modseq."""
        for _ in range(6):
            await self.deliver()
        client = await self.connect()
        responses = await client.ask(b"SELECT INBOX")
        return code(responses, b"UIDVALIDITY"), code(responses, b"HIGHESTMODSEQ")

    async def _meanwhile(self):
        other = await self.connect(select=b"INBOX")
        await other.ask(b"STORE 2 +FLAGS (\\Seen)")
        await other.ask(b"STORE 3,5 +FLAGS.SILENT (\\Deleted)")
        await other.ask(b"EXPUNGE")
        await self.deliver()

    async def _come_back(self, parameters: bytes) -> list[bytes]:
        client = await self.connect()
        await client.ask(b"ENABLE QRESYNC")
        return await client.ask(b"SELECT INBOX (QRESYNC (%b))" % parameters)

    async def test_it_is_told_what_vanished_and_what_changed(self):
        validity, modseq = await self._known()
        await self._meanwhile()
        responses = await self._come_back(b"%d %d" % (validity, modseq))
        self.assertIn(b"* VANISHED (EARLIER) 3,5", responses)
        fetched = [line for line in responses if b"FETCH" in line]
        self.assertRegex(fetched[0], rb"^\* 2 FETCH \(UID 2 FLAGS \(\\Seen\) MODSEQ \(\d+\)\)$")
        self.assertRegex(fetched[1], rb"^\* 5 FETCH \(UID 7 FLAGS \(\\Recent\) MODSEQ \(\d+\)\)$")
        self.assertEqual(len(fetched), 2)

    async def test_known_uids_narrow_it(self):
        validity, modseq = await self._known()
        await self._meanwhile()
        responses = await self._come_back(b"%d %d 1:3" % (validity, modseq))
        self.assertIn(b"* VANISHED (EARLIER) 3", responses)
        self.assertEqual(len([line for line in responses if b"FETCH" in line]), 1)

    async def test_sequence_match_data_is_understood(self):
        validity, modseq = await self._known()
        await self._meanwhile()
        responses = await self._come_back(b"%d %d 1:6 (1:6 1:6)" % (validity, modseq))
        self.assertIn(b"* VANISHED (EARLIER) 3,5", responses)

    async def test_another_uidvalidity_gets_no_more_than_a_select(self):
        validity, modseq = await self._known()
        await self._meanwhile()
        responses = await self._come_back(b"%d %d" % (validity + 1, modseq))
        self.assertFalse([line for line in responses if b"VANISHED" in line or b"FETCH" in line])

    async def test_nothing_happened_nothing_is_told(self):
        validity, modseq = await self._known()
        responses = await self._come_back(b"%d %d" % (validity, modseq))
        self.assertFalse([line for line in responses if b"VANISHED" in line or b"FETCH" in line])

    async def test_the_state_after_each_answer_is_a_state_to_come_back_to(self):
        validity, modseq = await self._known()
        await self._meanwhile()
        responses = await self._come_back(b"%d %d" % (validity, modseq))
        again = await self._come_back(b"%d %d" % (validity, code(responses, b"HIGHESTMODSEQ")))
        self.assertFalse([line for line in again if b"VANISHED" in line or b"FETCH" in line])

    async def test_it_must_be_enabled_first(self):
        validity, modseq = await self._known()
        client = await self.connect()
        answer = await client.ask(b"SELECT INBOX (QRESYNC (%d %d))" % (validity, modseq))
        self.assertTrue(answer[-1].startswith(b"BAD"))

    async def test_expunges_are_told_as_vanished_from_then_on(self):
        await self._known()
        client, other = await self.connect(), await self.connect(select=b"INBOX")
        await client.ask(b"ENABLE QRESYNC")
        await client.ask(b"SELECT INBOX")
        await other.ask(b"STORE 2:3 +FLAGS.SILENT (\\Deleted)")
        await other.ask(b"EXPUNGE")
        news = await client.ask(b"NOOP")
        self.assertIn(b"* VANISHED 2:3", news)
        await client.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        answer = await client.ask(b"EXPUNGE")
        self.assertEqual(answer[0], b"* VANISHED 1")
        self.assertRegex(answer[-1], rb"^OK \[HIGHESTMODSEQ \d+\]")

    async def test_fetch_can_ask_what_vanished(self):
        _, modseq = await self._known()
        await self._meanwhile()
        client = await self.connect()
        await client.ask(b"ENABLE QRESYNC")
        await client.ask(b"SELECT INBOX")
        answer = await client.ask(b"UID FETCH 1:4 (FLAGS) (CHANGEDSINCE %d VANISHED)" % modseq)
        self.assertEqual(answer[0], b"* VANISHED (EARLIER) 3")
        self.assertTrue(answer[1].startswith(b"* 2 FETCH (UID 2 FLAGS (\\Seen)"))
        self.assertEqual(len(answer), 3)
