"""FETCH: every item, sections octet for octet, partials, \\Seen, and what happens beside it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from mailsys.ports.emails import Column
from tests.conversations.imap.messages import BINARY, HEADER_SIZE, MULTIPART, large
from tests.conversations.imap.rig import SIMPLE, ImapTestCase


def literal(data: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(data), data)


class Items(ImapTestCase):
    async def test_all_items_that_are_no_content(self):
        await self.deliver(keywords="$seen custom")
        client = await self.connect(select=b"INBOX")
        (line, done) = await client.ask(
            b"FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)"
        )
        self.assertEqual(done, b"OK FETCH completed")
        self.assertEqual(
            line,
            b'* 1 FETCH (UID 1 FLAGS (\\Seen custom \\Recent) INTERNALDATE "24-Nov-2025 16:00:00 +0000"'
            b' RFC822.SIZE 157 ENVELOPE ("Mon, 24 Nov 2025 16:00:00 +0000" "Hello"'
            b' (("Eve" NIL "eve" "remote.example")) (("Eve" NIL "eve" "remote.example"))'
            b' (("Eve" NIL "eve" "remote.example")) ((NIL NIL "alice" "example.com")) NIL NIL NIL'
            b' "<1@remote.example>") BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 13 1)'
            b' BODYSTRUCTURE ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 13 1 NIL NIL NIL NIL))',
        )

    async def test_object_ids(self):
        await self.deliver()
        client = await self.connect(select=b"INBOX")
        line = (await client.ask(b"FETCH 1 (EMAILID THREADID)"))[0]
        self.assertRegex(line, rb"^\* 1 FETCH \(EMAILID \(M\d+\) THREADID \(T\d+\)\)$")

    async def test_macros(self):
        await self.deliver()
        client = await self.connect(select=b"INBOX")
        self.assertRegex(
            (await client.ask(b"FETCH 1 FAST"))[0], rb"FETCH \(FLAGS .*INTERNALDATE .*RFC822.SIZE"
        )

    async def test_uid_fetch_answers_with_uids_and_skips_those_nobody_has(self):
        for _ in range(3):
            await self.deliver()
        client = await self.connect(select=b"INBOX")
        self.assertEqual(
            await client.ask(b"UID FETCH 2,7:9,3 FLAGS"),
            [
                b"* 2 FETCH (UID 2 FLAGS (\\Recent))",
                b"* 3 FETCH (UID 3 FLAGS (\\Recent))",
                b"OK FETCH completed",
            ],
        )

    async def test_a_star_beyond_the_end_means_the_last(self):
        await self.deliver()
        client = await self.connect(select=b"INBOX")
        self.assertEqual((await client.ask(b"UID FETCH 100:* (UID)"))[0], b"* 1 FETCH (UID 1)")

    async def test_numbers_beyond_the_last_are_bad(self):
        await self.deliver()
        client = await self.connect(select=b"INBOX")
        self.assertTrue((await client.ask(b"FETCH 2 FLAGS"))[-1].startswith(b"BAD"))

    async def test_everything_of_an_empty_mailbox_is_nothing(self):
        client = await self.connect(select=b"INBOX")
        self.assertEqual(await client.ask(b"FETCH 1:* FLAGS"), [b"OK FETCH completed"])

    async def test_thousands_of_rows_come_whole_and_in_order(self):
        for _ in range(1250):
            await self.deliver()
        client = await self.connect(select=b"INBOX")
        responses = await client.ask(b"FETCH 1:* (UID ENVELOPE)")
        self.assertEqual(len(responses), 1251)
        self.assertTrue(
            all(line.startswith(b"* %d FETCH (UID %d " % (n, n)) for n, line in enumerate(responses[:-1], 1))
        )


class Sections(ImapTestCase):
    async def fetch(self, client, item: bytes) -> bytes:
        line, done = await client.ask(b"FETCH 1 (" + item + b")")
        self.assertEqual(done, b"OK FETCH completed")
        self.assertTrue(line.startswith(b"* 1 FETCH ("))
        self.assertTrue(line.endswith(b")"))
        return line.removeprefix(b"* 1 FETCH (")[:-1]

    async def test_sections_of_a_multipart(self):
        await self.deliver(MULTIPART)
        client = await self.connect(select=b"INBOX")
        inner = MULTIPART[
            MULTIPART.index(b"From: inner") : MULTIPART.index(
                b"\r\n--cut\r\nContent-Type: text/plain\r\nContent-T"
            )
        ]
        for item, value in (
            (b"BODY.PEEK[]", MULTIPART),
            (b"BODY.PEEK[HEADER]", MULTIPART[:HEADER_SIZE]),
            (b"BODY.PEEK[TEXT]", MULTIPART[HEADER_SIZE:]),
            (b"BODY.PEEK[1]", b"first"),
            (b"BODY.PEEK[1.MIME]", b"Content-Type: text/plain; charset=utf-8\r\n\r\n"),
            (b"BODY.PEEK[2]", b"AAEC\r\nAwQ="),
            (b"BODY.PEEK[3]", inner),
            (b"BODY.PEEK[3.HEADER]", b"From: inner@remote.example\r\nSubject: Inside\r\n\r\n"),
            (b"BODY.PEEK[3.TEXT]", b"inner text"),
            (b"BODY.PEEK[3.1]", b"inner text"),
        ):
            label = item.replace(b".PEEK", b"")
            self.assertEqual(await self.fetch(client, item), label + b" " + literal(value))

    async def test_header_fields_and_their_complement(self):
        await self.deliver(MULTIPART)
        client = await self.connect(select=b"INBOX")
        self.assertEqual(
            await self.fetch(client, b"BODY.PEEK[HEADER.FIELDS (subject X-None from)]"),
            b"BODY[HEADER.FIELDS (subject X-None from)] "
            + literal(b"From: Eve <eve@remote.example>\r\nSubject: Parts\r\n\r\n"),
        )
        self.assertEqual(
            await self.fetch(client, b"BODY.PEEK[HEADER.FIELDS.NOT (From To Content-Type MIME-Version)]"),
            b"BODY[HEADER.FIELDS.NOT (From To Content-Type MIME-Version)] "
            + literal(b"Subject: Parts\r\n\r\n"),
        )
        self.assertEqual(
            await self.fetch(client, b"BODY.PEEK[3.HEADER.FIELDS (Subject)]"),
            b"BODY[3.HEADER.FIELDS (Subject)] " + literal(b"Subject: Inside\r\n\r\n"),
        )

    async def test_partials_are_cut_exactly(self):
        await self.deliver(SIMPLE)
        client = await self.connect(select=b"INBOX")
        for section, whole in ((b"", SIMPLE), (b"TEXT", b"Hello there\r\n"), (b"HEADER", SIMPLE[:-13])):
            for start, length in ((0, 5), (3, 4), (0, 100000), (5, 100000), (100000, 5), (len(whole), 1)):
                item = b"BODY.PEEK[%b]<%d.%d>" % (section, start, length)
                wanted = b"BODY[%b]<%d> %b" % (section, start, literal(whole[start : start + length]))
                self.assertEqual(await self.fetch(client, item), wanted)

    async def test_a_part_that_does_not_exist_is_nil(self):
        await self.deliver(MULTIPART)
        client = await self.connect(select=b"INBOX")
        for item in (b"BODY.PEEK[9]", b"BODY.PEEK[1.2]", b"BODY.PEEK[1.HEADER]", b"BINARY.PEEK[9]"):
            self.assertEqual(await self.fetch(client, item), item.replace(b".PEEK", b"") + b" NIL")

    async def test_binary_decodes(self):
        await self.deliver(MULTIPART)
        client = await self.connect(select=b"INBOX")
        self.assertEqual(await self.fetch(client, b"BINARY.PEEK[2]"), b"BINARY[2] ~{5}\r\n\0\1\2\3\4")
        self.assertEqual(await self.fetch(client, b"BINARY.PEEK[2]<1.2>"), b"BINARY[2]<1> ~{2}\r\n\1\2")
        self.assertEqual(await self.fetch(client, b"BINARY.SIZE[2]"), b"BINARY.SIZE[2] 5")

    async def test_binary_of_an_unknown_encoding_is_refused(self):
        await self.deliver(MULTIPART)
        client = await self.connect(select=b"INBOX")
        self.assertTrue((await client.ask(b"FETCH 1 BINARY.PEEK[4]"))[-1].startswith(b"NO [UNKNOWN-CTE]"))

    async def test_nul_is_in_no_plain_literal_and_comes_back_identical_in_binary(self):
        await self.deliver(BINARY)
        client = await self.connect(select=b"INBOX")
        shown = BINARY.replace(b"\0", b"\x80")
        self.assertEqual(await self.fetch(client, b"BODY.PEEK[]"), b"BODY[] " + literal(shown))
        self.assertEqual(await self.fetch(client, b"BODY.PEEK[TEXT]<0.2>"), b"BODY[TEXT]<0> {2}\r\n\x80\1")
        self.assertEqual(await self.fetch(client, b"BODY.PEEK[1]<0.2>"), b"BODY[1]<0> {2}\r\n\x80\1")
        self.assertEqual(await self.fetch(client, b"BINARY.PEEK[]"), b"BINARY[] ~" + literal(BINARY))

    async def test_nul_in_headers_and_in_large_messages(self):
        message = b"Subject: a\0b\r\n\r\n" + b"\0" * 700_000 + b"\r\n"
        await self.deliver(message)
        client = await self.connect(select=b"INBOX")
        for items in (
            b"BODY.PEEK[]",
            b"BODY.PEEK[HEADER]",
            b"BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
            b"ENVELOPE",
        ):
            self.assertNotIn(b"\0", await self.fetch(client, items))
        self.assertEqual(await self.fetch(client, b"BINARY.PEEK[]"), b"BINARY[] ~" + literal(message))

    async def test_the_old_names(self):
        await self.deliver(SIMPLE)
        client = await self.connect(select=b"INBOX")
        self.assertEqual(
            await self.fetch(client, b"RFC822.HEADER"), b"RFC822.HEADER " + literal(SIMPLE[:-13])
        )
        self.assertEqual(
            (await client.ask(b"FETCH 1 RFC822.TEXT"))[0],
            b"* 1 FETCH (FLAGS (\\Seen \\Recent) RFC822.TEXT {13}\r\nHello there\r\n)",
        )
        self.assertEqual(await self.fetch(client, b"RFC822"), b"RFC822 " + literal(SIMPLE))


class ManySections(ImapTestCase):
    async def test_a_thousand_sections_are_answered_as_one_by_one(self):
        parts = b"".join(b"--b\r\nX-N: %d\r\n\r\npart %d\r\n" % (n, n) for n in range(1, 1000))
        message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"
        await self.deliver(message)
        client = await self.connect(select=b"INBOX")
        items = b" ".join(b"BODY.PEEK[%d]" % n for n in range(1, 1001))
        (line, done) = await client.ask(b"FETCH 1 (UID %b)" % items)
        self.assertEqual(done, b"OK FETCH completed")
        told = b" ".join(b"BODY[%d] %b" % (n, literal(b"part %d" % n)) for n in range(1, 1000))
        self.assertEqual(line, b"* 1 FETCH (UID 1 %b BODY[1000] NIL)" % told)

    async def test_many_parts_of_the_header_mark_as_few_do(self):
        await self.deliver()
        client = await self.connect(select=b"INBOX")
        items = b" ".join(b"BODY[HEADER]<%d.5>" % n for n in range(40))
        header = SIMPLE[: SIMPLE.index(b"\r\n\r\n") + 4]
        told = b" ".join(b"BODY[HEADER]<%d> %b" % (n, literal(header[n : n + 5])) for n in range(40))
        self.assertEqual(
            await client.ask(b"FETCH 1 (%b)" % items),
            [b"* 1 FETCH (FLAGS (\\Seen \\Recent) %b)" % told, b"OK FETCH completed"],
        )

    async def test_a_part_of_unknown_encoding_among_many_is_told_before_anything_is_sent(self):
        await self.deliver(MULTIPART.replace(b"base64", b"x-odd"))
        client = await self.connect(select=b"INBOX")
        items = b" ".join(
            [b"BODY.PEEK[1]<%d.1>" % n for n in range(20)] + [b"BINARY.PEEK[%d]" % n for n in (1, 2, 3)]
        )
        answer = await client.ask(b"FETCH 1 (%b)" % items)
        self.assertEqual(answer, [b"NO [UNKNOWN-CTE] A part's transfer encoding is not known"])


class LargeMessages(ImapTestCase):
    async def test_a_large_message_is_streamed_octet_for_octet(self):
        message = large(3_000_000)
        await self.deliver(SIMPLE)
        await self.deliver(message)
        client = await self.connect(select=b"INBOX")
        responses = await client.ask(b"FETCH 1:2 (UID BODY.PEEK[] BODY.PEEK[HEADER.FIELDS (Subject)])")
        self.assertEqual(
            responses[1],
            b"* 2 FETCH (UID 2 BODY[] %b BODY[HEADER.FIELDS (Subject)] {18}\r\nSubject: Large\r\n\r\n)"
            % literal(message),
        )
        self.assertEqual(responses[2], b"OK FETCH completed")

    async def test_partials_and_parts_of_it(self):
        message = large(2_500_000)
        start = message.index(b"base64\r\n\r\n") + 10
        part = message[start : message.index(b"\r\n--cut--")]
        await self.deliver(message)
        client = await self.connect(select=b"INBOX")
        line = (await client.ask(b"FETCH 1 (BODY.PEEK[]<1000000.700000> BODY.PEEK[2]<5.10> BODY.PEEK[1])"))[0]
        self.assertEqual(
            line,
            b"* 1 FETCH (BODY[]<1000000> %b BODY[2]<5> %b BODY[1] %b)"
            % (literal(message[1_000_000:1_700_000]), literal(part[5:15]), literal(b"see below")),
        )
        self.assertEqual(
            (await client.ask(b"FETCH 1 BODY.PEEK[2]"))[0], b"* 1 FETCH (BODY[2] %b)" % literal(part)
        )

    async def test_its_attachment_can_be_had_decoded(self):
        message = large(1_500_000)
        start = message.index(b"base64\r\n\r\n") + 10
        data = b64decode(message[start : message.index(b"\r\n--cut--")])
        await self.deliver(message)
        client = await self.connect(select=b"INBOX")
        line = (await client.ask(b"FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[2])"))[0]
        self.assertEqual(
            line, b"* 1 FETCH (BINARY.SIZE[2] %d BINARY[2] ~{%d}\r\n%b)" % (len(data), len(data), data)
        )
        line = (await client.ask(b"FETCH 1 BINARY.PEEK[2]<400000.300000>"))[0]
        self.assertEqual(line, b"* 1 FETCH (BINARY[2]<400000> ~{300000}\r\n%b)" % data[400_000:700_000])


class Seen(ImapTestCase):
    async def test_reading_content_marks_it_seen_and_says_so(self):
        await self.deliver()
        client, other = await self.connect(select=b"INBOX"), await self.connect(select=b"INBOX")
        line = (await client.ask(b"FETCH 1 BODY[TEXT]"))[0]
        self.assertEqual(line, b"* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {13}\r\nHello there\r\n)")
        self.assertEqual((await client.ask(b"NOOP"))[:-1], [])
        self.assertEqual((await other.ask(b"NOOP"))[:-1], [b"* 1 FETCH (UID 1 FLAGS (\\Seen))"])

    async def test_reading_it_again_says_nothing_of_flags(self):
        await self.deliver(keywords="$seen")
        client = await self.connect(select=b"INBOX")
        self.assertEqual((await client.ask(b"FETCH 1 BODY[]<0.4>"))[0], b"* 1 FETCH (BODY[]<0> {4}\r\nDate)")

    async def test_a_peek_does_not(self):
        await self.deliver()
        client = await self.connect(select=b"INBOX")
        await client.ask(b"FETCH 1 (BODY.PEEK[] BODY.PEEK[HEADER] RFC822.HEADER BINARY.SIZE[1])")
        self.assertEqual((await client.ask(b"FETCH 1 FLAGS"))[0], b"* 1 FETCH (FLAGS (\\Recent))")

    async def test_nothing_does_in_a_mailbox_that_is_only_examined(self):
        await self.deliver()
        client = await self.connect()
        await client.ask(b"EXAMINE INBOX")
        await client.ask(b"FETCH 1 BODY[]")
        self.assertEqual((await client.ask(b"FETCH 1 FLAGS"))[0], b"* 1 FETCH (FLAGS (\\Recent))")


class Losing:
    """A blob store that has lost whatever `lost` says."""

    def __init__(self, blobs: Any) -> None:
        self._blobs = blobs
        self.lost: Callable[[Any], bool] = lambda _blob: False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)

    def read(self, blob: Any, start: int = 0, length: int | None = None) -> Deferred[bytes | None]:
        return succeed(None) if self.lost(blob) else self._blobs.read(blob, start, length)

    def read_many(self, blobs: list[Any], limit: int) -> Deferred[list[bytes]]:
        if all(map(self.lost, blobs)):
            return succeed([])
        return self._blobs.read_many(blobs, limit).addCallback(
            lambda found: [b"" if self.lost(b) else one for b, one in zip(blobs, found, strict=False)]
        )


class LostContent(ImapTestCase):
    """Content that should be there is never answered with OK."""

    COMMANDS = (b"BODY.PEEK[]", b"BODY.PEEK[TEXT]", b"BODY.PEEK[1]", b"BINARY.PEEK[1]")

    async def open_store(self) -> Any:
        store = await super().open_store()
        store.blobs = Losing(store.blobs)
        return store

    def _said(self) -> None:
        self.assertTrue(self.logged)
        self.assertTrue(all(event["event"] == "content missing" for event in self.logged), self.logged)
        self.logged.clear()

    async def test_of_one_the_others_are_answered(self):
        await self.deliver()
        await self.deliver(SIMPLE + b"more\r\n")
        await self.deliver(SIMPLE + b"and more\r\n")
        client = await self.connect(select=b"INBOX")
        lost = (await self.mail.fetch(self.alice.id, [2], (Column.BLOB,)))[2][0]
        self.store.blobs.lost = lambda blob: blob == lost
        for items in self.COMMANDS:
            responses = await client.ask(b"UID FETCH 1:* (UID %b)" % items)
            self.assertEqual([line.split(b" ")[1] for line in responses[:-1]], [b"1", b"3"], items)
            self.assertTrue(responses[-1].startswith(b"NO [CORRUPTION] "), responses[-1])
            self._said()

    async def test_of_all_and_of_large_ones(self):
        await self.deliver(large(700_000))
        client = await self.connect(select=b"INBOX")
        self.store.blobs.lost = lambda blob: True
        for items in self.COMMANDS:
            responses = await client.ask(b"FETCH 1 (%b)" % items)
            self.assertEqual(len(responses), 1, items)
            self.assertTrue(responses[0].startswith(b"NO [CORRUPTION] "), responses)
            self._said()

    async def test_of_an_email_that_others_destroyed_is_no_loss(self):
        uid = await self.deliver()
        client = await self.connect(select=b"INBOX")

        def gone(_blob: Any) -> bool:
            self.mail.expunge(self.alice.id, inbox, [uid], False)
            return True

        inbox = (await self.mailbox()).id
        self.store.blobs.lost = gone
        self.assertEqual((await client.ask(b"UID FETCH 1 (BODY.PEEK[])"))[-1], b"OK FETCH completed")


class BesideOthers(ImapTestCase):
    async def test_uids_that_others_removed_are_passed_over_without_an_error(self):
        for command in (
            b"UID FETCH %d (FLAGS)",
            b"UID FETCH %d (BODY.PEEK[])",
            b"UID FETCH %d (ENVELOPE BODY.PEEK[HEADER] BODY.PEEK[1])",
            b"UID FETCH %d (BODY[])",
            b"UID STORE %d +FLAGS (\\Seen)",
            b"UID COPY %d Trash",
            b"UID MOVE %d Trash",
        ):
            uid = await self.deliver()
            client, other = await self.connect(select=b"INBOX"), await self.connect(select=b"INBOX")
            await other.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
            await other.ask(b"EXPUNGE")
            answer = await client.ask(command % uid)
            self.assertTrue(answer[-1].startswith(b"OK "), (command, answer))
            self.assertIn(b"* 1 EXPUNGE", answer)

    async def test_messages_that_others_removed_are_left_out_and_that_is_said(self):
        for _ in range(3):
            await self.deliver()
        client, other = await self.connect(select=b"INBOX"), await self.connect(select=b"INBOX")
        await other.ask(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
        await other.ask(b"EXPUNGE")
        responses = await client.ask(b"FETCH 1:3 (UID)")
        self.assertEqual(
            responses,
            [
                b"* 1 FETCH (UID 1)",
                b"* 3 FETCH (UID 3)",
                b"NO [EXPUNGEISSUED] Some of the messages no longer exist",
            ],
        )
        self.assertEqual(
            (await client.ask(b"FETCH 3 BODY.PEEK[TEXT]"))[0],
            b"* 3 FETCH (BODY[TEXT] {13}\r\nHello there\r\n)",
        )
        self.assertEqual(await client.ask(b"NOOP"), [b"* 2 EXPUNGE", b"* 2 RECENT", b"OK NOOP completed"])
        self.assertEqual((await client.ask(b"FETCH 2 (UID)"))[0], b"* 2 FETCH (UID 3)")

    async def test_arrivals_are_told_even_while_an_expunge_must_wait(self):
        for _ in range(2):
            await self.deliver()
        client, other = await self.connect(select=b"INBOX"), await self.connect(select=b"INBOX")
        await other.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ask(b"EXPUNGE")
        await self.deliver()
        responses = await client.ask(b"FETCH 2 (UID)")
        self.assertEqual(responses[0], b"* 2 FETCH (UID 2)")
        while b"* 3 EXISTS" not in responses:  # the news travels within milliseconds
            responses += await client.ask(b"FETCH 2 (UID)")
        self.assertFalse([line for line in responses if b"EXPUNGE" in line])
        await client.ask(b"NOOP")
        self.assertEqual(
            (await client.ask(b"FETCH 1:* (UID)"))[:-1], [b"* 1 FETCH (UID 2)", b"* 2 FETCH (UID 3)"]
        )
