"""Greeting, login, and the commands that need no mailbox."""

from __future__ import annotations

from tests.conversations.imap.rig import ImapTestCase


class BeforeLogin(ImapTestCase):
    async def test_the_greeting_names_the_host_and_what_it_can(self):
        _, greeting = await self.greeted()
        self.assertRegex(
            greeting, rb"\* OK \[CAPABILITY IMAP4rev1 IMAP4rev2 .*AUTH=PLAIN\] mail.example.com IMAP4 ready"
        )

    async def test_login_gives_the_full_list_of_capabilities(self):
        client, _ = await self.greeted()
        (answer,) = await client.ask(b"LOGIN alice@example.com secret")
        self.assertTrue(answer.startswith(b"OK [CAPABILITY IMAP4rev1 IMAP4rev2"))
        for word in (b"IDLE", b"CONDSTORE", b"QRESYNC", b"MOVE", b"OBJECTID", b"APPENDLIMIT=52428800"):
            self.assertIn(word, answer)
        self.assertNotIn(b"AUTH=", answer)
