"""Content that the disk lost is an error, never NIL and never an empty literal beside OK."""

from __future__ import annotations

import os

from tests.conversations.imap.messages import large
from tests.conversations.imap.rig import ImapTestCase


class LostContent(ImapTestCase):
    async def test_every_way_to_read_it_is_refused_and_what_is_known_of_it_is_told(self):
        self.logged = []
        await self.deliver()
        await self.deliver(large(2_000_000))
        await self.deliver(large(100_000))
        root = self.store.files().folder
        lost = [os.path.join(below, name) for below, _, names in os.walk(root) for name in names]
        self.assertEqual(len(lost), 2)
        for path in lost:
            os.remove(path)
        client = await self.connect(select=b"INBOX")
        for number in (b"2", b"3"):
            for item in (
                b"BODY.PEEK[]",
                b"BODY.PEEK[TEXT]",
                b"BODY.PEEK[1]",
                b"BINARY.PEEK[1]",
                b"RFC822.TEXT",
            ):
                answer = await client.ask(b"FETCH %b (%b)" % (number, item))
                self.assertTrue(answer[-1].startswith(b"NO [CORRUPTION] "), answer)
                # RFC822.TEXT has set Seen before it is known that there is nothing to read
                self.assertFalse([line for line in answer[:-1] if b"FLAGS" not in line or b"{" in line])
            (line, done) = await client.ask(b"FETCH %b (RFC822.SIZE ENVELOPE)" % number)
            self.assertIn(b"RFC822.SIZE", line)
            self.assertEqual(done, b"OK FETCH completed")
        answer = await client.ask(b"FETCH 1:* (BODY.PEEK[])")
        self.assertIn(b"Hello there", answer[0])
        self.assertTrue(answer[-1].startswith(b"NO [CORRUPTION] "), answer)
        self.logged.clear()  # the store tells of each
