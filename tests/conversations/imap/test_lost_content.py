"""Content that the disk lost is an error, never NIL and never an empty literal beside OK;
and other messages are answered all the same."""

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

    async def test_the_others_are_answered_wherever_it_stands(self):
        self.logged = []
        for number in range(9):
            await self.deliver(b"Subject: %d\r\n\r\nBody %d\r\n" % (number, number))
        await self.deliver(large(100_000))
        await self.deliver(large(2_000_000))
        change_rows(self.store, b"Subject: 0", b"Subject: 4", b"Subject: 8")
        for below, _, names in os.walk(self.store.files().folder):
            for name in names:
                change_octet(os.path.join(below, name))
        client = await self.connect(select=b"INBOX")
        for item in (b"BODY.PEEK[]", b"BODY.PEEK[TEXT]", b"BODY.PEEK[1]<0.5>"):
            answer = await client.ask(b"UID FETCH 1:* (UID %b)" % item)
            told = [int(line.split()[1]) for line in answer[:-1]]
            self.assertEqual(told, [2, 3, 4, 6, 7, 8], item)
            self.assertEqual(
                answer[-1], b"NO [CORRUPTION] The content of this message is missing or damaged here"
            )
        self.assertGreaterEqual(len(self.logged), 5)
        self.logged.clear()


def change_rows(store, *starts):
    """Flip the last octet of the messages that begin so, as a disk does."""
    connection = store.writer.batch.connection
    for start in starts:
        connection.execute(
            """UPDATE blob_data SET data = CAST(substr(data, 1, length(data) - 1) || x'21' AS BLOB)
            WHERE substr(data, 1, ?) = ?""",
            (len(start), start),
        ).fetchall()


def change_octet(path):
    with open(path, "r+b") as file:
        file.seek(-20, os.SEEK_END)
        file.write(b"?")
