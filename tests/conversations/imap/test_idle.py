"""IDLE: told at once, and only of one's own mailbox."""

from __future__ import annotations

from tests.conversations.imap.rig import ImapTestCase


class Idling(ImapTestCase):
    async def idle(self, mailbox: bytes = b"INBOX"):
        client = await self.connect(select=mailbox)
        client.send(b"i IDLE\r\n")
        await client.until(rb"\+ idling")
        return client

    async def test_arrivals_changes_and_expunges_are_told_at_once(self):
        idle = await self.idle()
        await self.deliver()
        self.assertEqual(await idle.until(rb"\* \d+ RECENT"), [b"* 1 EXISTS", b"* 1 RECENT"])
        other = await self.connect(select=b"INBOX")
        await other.ask(b"STORE 1 +FLAGS (\\Deleted)")
        self.assertEqual(await idle.until(rb"\* 1 FETCH"), [b"* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))"])
        await other.ask(b"EXPUNGE")
        self.assertEqual(await idle.until(rb"\* \d RECENT"), [b"* 1 EXPUNGE", b"* 0 RECENT"])
        idle.send(b"DONE\r\n")
        self.assertEqual(await idle.until(b"i "), [b"i OK IDLE completed"])

    async def test_what_came_while_idle_began_is_told(self):
        client = await self.connect(select=b"INBOX")
        await self.deliver()
        client.send(b"i IDLE\r\n")
        self.assertIn(b"* 1 EXISTS", await client.until(rb"\* \d+ RECENT"))

    async def test_other_mailboxes_do_not_matter(self):
        idle = await self.idle(b"Archive")
        await self.deliver()
        await self.deliver(path="Archive")
        self.assertEqual(await idle.until(rb"\* \d+ RECENT"), [b"* 1 EXISTS", b"* 1 RECENT"])

    async def test_anything_but_done_is_refused_and_idle_goes_on(self):
        idle = await self.idle()
        idle.send(b"a NOOP\r\n")
        self.assertEqual(await idle.until(rb"\* BAD"), [b"* BAD Only DONE ends IDLE"])
        await self.deliver()
        await idle.until(rb"\* 1 EXISTS")
        idle.send(b"done\r\n")
        await idle.until(b"i OK")

    async def test_changes_of_thousands_are_told_in_turns_and_all(self):
        for _ in range(2500):
            await self.deliver()
        idle, other = await self.idle(), await self.connect(select=b"INBOX")
        asker = await self.connect(select=b"INBOX")
        await other.ask(b"STORE 1:* +FLAGS.SILENT (\\Flagged)")
        told = await idle.until(rb"\* 2500 FETCH")
        self.assertEqual(len(told), 2500)
        self.assertEqual(len(await asker.ask(b"NOOP")), 2501)

    async def test_it_is_possible_without_a_mailbox(self):
        client = await self.connect()
        client.send(b"i IDLE\r\nDONE\r\n")
        self.assertEqual(await client.until(b"i "), [b"+ idling", b"i OK IDLE completed"])

    async def test_recent_belongs_to_the_first_session_that_was_told(self):
        first = await self.idle()
        await self.deliver()
        await first.until(rb"\* 1 RECENT")
        second = await self.connect()
        self.assertIn(b"* 0 RECENT", await second.ask(b"SELECT INBOX"))
        first.send(b"DONE\r\n")
        await first.until(b"i ")
        self.assertEqual((await first.ask(b"FETCH 1 FLAGS"))[0], b"* 1 FETCH (FLAGS (\\Recent))")
        await first.ask(b"CLOSE")
        self.assertIn(b"* 0 RECENT", await first.ask(b"SELECT INBOX"))

    async def test_rev2_clients_hear_nothing_of_recent(self):
        client = await self.connect()
        await client.ask(b"ENABLE IMAP4rev2")
        self.assertFalse([line for line in await client.ask(b"SELECT INBOX") if b"RECENT" in line])
        client.send(b"i IDLE\r\n")
        await client.until(rb"\+ idling")
        await self.deliver()
        self.assertEqual(await client.until(rb"\* 1 EXISTS"), [b"* 1 EXISTS"])
        client.send(b"DONE\r\n")
        await client.until(b"i ")
        self.assertEqual((await client.ask(b"FETCH 1 FLAGS"))[0], b"* 1 FETCH (FLAGS ())")
