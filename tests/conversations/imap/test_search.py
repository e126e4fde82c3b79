"""SEARCH, ESEARCH, SEARCHRES."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mailsys.imap import search
from tests.conversations.imap.rig import RECEIVED, SIMPLE, ImapTestCase

DAY = 86400.0


class Searching(ImapTestCase):
    async def _client(self):
        await self.deliver(SIMPLE, at=RECEIVED - 3 * DAY)
        await self.deliver(SIMPLE.replace(b"Hello", b"Plums"), keywords="$seen", at=RECEIVED)
        await self.deliver(
            b"From: Zoe <zoe@other.example>\r\nTo: bob@x.example\r\nCc: carol@x.example\r\n"
            b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Kind: rare\r\n\r\n" + b"long text " * 100,
            keywords="$flagged work",
            at=RECEIVED + DAY,
        )
        return await self.connect(select=b"INBOX")

    async def test_each_key(self):
        client = await self._client()
        for key, found in (
            (b"ALL", b" 1 2 3"),
            (b"SEEN", b" 2"),
            (b"UNSEEN", b" 1 3"),
            (b"FLAGGED", b" 3"),
            (b"KEYWORD work", b" 3"),
            (b"UNKEYWORD work", b" 1 2"),
            (b"RECENT", b" 1 2 3"),
            (b"NEW", b" 1 3"),
            (b"OLD", b""),
            (b"SUBJECT plum", b" 2"),
            (b'SUBJECT "gr\xc3\xbc\xc3\x9fe"', b" 3"),
            (b"FROM zoe@other", b" 3"),
            (b"TO alice", b" 1 2"),
            (b"CC carol", b" 3"),
            (b"BODY there", b" 1 2"),
            (b"TEXT Eve", b" 1 2"),
            (b"HEADER X-Kind rare", b" 3"),
            (b'HEADER X-Kind ""', b" 3"),
            (b"SINCE 24-Nov-2025", b" 2 3"),
            (b"BEFORE 24-Nov-2025", b" 1"),
            (b"ON 24-Nov-2025", b" 2"),
            (b"SENTON 24-Nov-2025", b" 1 2"),
            (b"LARGER 500", b" 3"),
            (b"SMALLER 500", b" 1 2"),
            (b"2:*", b" 2 3"),
            (b"UID 1,3", b" 1 3"),
            (b"NOT 2", b" 1 3"),
            (b"OR SEEN FLAGGED", b" 2 3"),
            (b"(OR SEEN FLAGGED) SUBJECT plum", b" 2"),
            (b"SUBJECT nothing", b""),
        ):
            self.assertEqual(
                await client.ask(b"SEARCH " + key), [b"* SEARCH" + found, b"OK SEARCH completed"], key
            )

    async def test_sent_dates_are_those_of_the_field_itself_whatever_its_time_and_zone(self):
        for date in (
            b"Mon, 24 Nov 2025 23:30:00 -0500",
            b"Mon, 24 Nov 2025 01:00:00 +0900 (JST)",
            b"Mon, 24 Nov 2025 12:00:00 +0000",
        ):
            await self.deliver(SIMPLE.replace(b"Mon, 24 Nov 2025 16:00:00 +0000", date))
        await self.deliver(b"Subject: no date\r\n\r\nx\r\n")
        client = await self.connect(select=b"INBOX")
        for key, found in (
            (b"SENTON 24-Nov-2025", b" 1 2 3"),
            (b"SENTON 23-Nov-2025", b""),
            (b"SENTON 25-Nov-2025", b""),
            (b"SENTSINCE 24-Nov-2025", b" 1 2 3"),
            (b"SENTSINCE 25-Nov-2025", b""),
            (b"SENTBEFORE 24-Nov-2025", b""),
            (b"SENTBEFORE 25-Nov-2025", b" 1 2 3"),
            (b"NOT SENTBEFORE 25-Nov-2025", b" 4"),
        ):
            self.assertEqual((await client.ask(b"SEARCH " + key))[0], b"* SEARCH" + found, key)

    async def test_text_looks_into_mime_fields_and_enclosed_headers_and_header_does_not(self):
        await self.deliver(
            b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
            b"Content-Type: a/pdf\r\nContent-Disposition: attachment; filename=plan.pdf\r\n\r\nx\r\n"
            b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nX-In: side\r\n\r\ny\r\n--b--\r\n"
        )
        await self.deliver()
        client = await self.connect(select=b"INBOX")
        for key, found in (
            (b"TEXT plan.pdf", b" 1"),
            (b"TEXT inner", b" 1"),
            (b'TEXT "x-in: side"', b" 1"),
            (b"SUBJECT inner", b""),
            (b"HEADER X-In side", b""),
            (b"HEADER Content-Disposition plan", b""),
            (b"BODY plan.pdf", b""),
        ):
            self.assertEqual((await client.ask(b"SEARCH " + key))[0], b"* SEARCH" + found, key)

    async def test_whom_a_bounce_is_about_is_part_of_its_body(self):
        await self.deliver(
            b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nSorry\r\n--b\r\n"
            b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
            b"Final-Recipient: rfc822; lost@remote.example\r\n--b--\r\n"
        )
        client = await self.connect(select=b"INBOX")
        self.assertEqual((await client.ask(b"SEARCH BODY lost@remote.example"))[0], b"* SEARCH 1")

    async def test_the_empty_text_asks_for_the_field(self):
        client = await self._client()
        for key, found in ((b"CC", b" 3"), (b"BCC", b""), (b"SUBJECT", b" 1 2 3"), (b"BODY", b" 1 2 3")):
            self.assertEqual((await client.ask(b'SEARCH %b ""' % key))[0], b"* SEARCH" + found, key)

    async def test_esearch_returns_what_was_asked(self):
        client = await self._client()
        client.send(b"a UID SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN\r\n")
        self.assertEqual(
            (await client.until(b"a "))[0], b'* ESEARCH (TAG "a") UID MIN 1 MAX 3 ALL 1,3 COUNT 2'
        )

    async def test_rev2_always_answers_with_esearch(self):
        client = await self.connect()
        await client.ask(b"ENABLE IMAP4rev2")
        await client.ask(b"SELECT INBOX")
        client.send(b"a SEARCH ALL\r\n")
        self.assertEqual((await client.until(b"a "))[0], b'* ESEARCH (TAG "a")')

    async def test_a_saved_result_can_be_used_and_forgets_what_was_expunged(self):
        client = await self._client()
        self.assertEqual(await client.ask(b"SEARCH RETURN (SAVE) UNSEEN"), [b"OK SEARCH completed"])
        self.assertEqual(
            (await client.ask(b"FETCH $ (UID)"))[:-1], [b"* 1 FETCH (UID 1)", b"* 3 FETCH (UID 3)"]
        )
        self.assertEqual((await client.ask(b"SEARCH $ FLAGGED"))[0], b"* SEARCH 3")
        await client.ask(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await client.ask(b"EXPUNGE")
        self.assertEqual((await client.ask(b"FETCH $ (UID)"))[:-1], [b"* 2 FETCH (UID 3)"])

    async def test_saving_with_min_saves_only_that(self):
        client = await self._client()
        await client.ask(b"SEARCH RETURN (SAVE MIN) ALL")
        self.assertEqual((await client.ask(b"UID FETCH $ (UID)"))[:-1], [b"* 1 FETCH (UID 1)"])

    async def test_people_are_found_by_what_is_shown_of_them(self):
        await self.deliver('From: "Doe\\, Jo" <jo@b.org>\r\nTo: x@b.org (Straße)\r\n\r\nGröße\r\n'.encode())
        client = await self.connect(select=b"INBOX")
        for key in (
            'FROM "Doe, Jo <jo"',
            'TO "STRASSE <x@"',
            "TO straße",
            "BODY GRÖSSE",
            "BODY größe",
            "TEXT strasse",
        ):
            asked = "SEARCH CHARSET UTF-8 " + key
            if not key.isascii():
                word, _, text = key.partition(" ")
                asked = f"SEARCH CHARSET UTF-8 {word} {{{len(text.encode())}+}}\r\n{text}"
            self.assertEqual((await client.ask(asked.encode()))[0], b"* SEARCH 1", key)

    async def test_numbers_beyond_the_last_are_those_of_no_message(self):
        client = await self._client()
        self.assertEqual((await client.ask(b"SEARCH 4:9"))[0], b"* SEARCH")
        self.assertEqual((await client.ask(b"SEARCH OR 2 7"))[0], b"* SEARCH 2")
        self.assertEqual((await client.ask(b"SEARCH NOT 4"))[0], b"* SEARCH 1 2 3")

    async def test_an_unknown_charset_is_refused(self):
        client = await self._client()
        self.assertTrue((await client.ask(b"SEARCH CHARSET KOI8-R ALL"))[-1].startswith(b"NO [BADCHARSET"))

    async def test_what_was_not_told_yet_is_not_found(self):
        client = await self._client()
        other = await self.connect()
        await other.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(SIMPLE), SIMPLE))
        found = (await client.ask(b"SEARCH ALL"))[0]
        self.assertEqual(found, b"* SEARCH 1 2 3")
        await client.ask(b"NOOP")
        self.assertEqual((await client.ask(b"SEARCH ALL"))[0], b"* SEARCH 1 2 3 4")


class InAThread(Searching):
    """As it is done in a large mailbox."""

    def setUp(self) -> Deferred[None]:
        self.patch(search, "IN_THREAD", 0)
        return super().setUp()
