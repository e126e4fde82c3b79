"""APPEND: synchronising or not, one or many at a time, and all that can be wrong with it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, ClassVar

from twisted.internet import reactor

from mailsys.core.message.analysis import analyse
from mailsys.core.refusal import OverQuota
from mailsys.ports.accounts import AccountPatch
from mailsys.ports.emails import Column
from mailsys.services.content.reading import MessageReader
from mailsys.stores.sqlite.store import open_store
from tests.conversations.imap.messages import BINARY, large
from tests.conversations.imap.rig import SIMPLE, ImapTestCase


def append(mailbox: bytes, message: bytes, tag: bytes = b"a", options: bytes = b"") -> bytes:
    return b"%b APPEND %b %b{%d+}\r\n%b\r\n" % (tag, mailbox, options, len(message), message)


class Appending(ImapTestCase):
    async def test_a_synchronising_literal_is_asked_for(self):
        client = await self.connect()
        client.send(b"a APPEND INBOX {%d}\r\n" % len(SIMPLE))
        self.assertEqual(await client.until(rb"\+"), [b"+ OK"])
        client.send(SIMPLE + b"\r\n")
        answer = await client.until(b"a ")
        self.assertRegex(answer[-1], rb"^a OK \[APPENDUID \d+ 1\]")
        await client.ask(b"SELECT INBOX")
        self.assertEqual(
            (await client.ask(b"FETCH 1 BODY.PEEK[]"))[0], b"* 1 FETCH (BODY[] {157}\r\n%b)" % SIMPLE
        )

    async def test_a_small_message_that_takes_long_to_read_is_read_in_a_thread(self):
        client = await self.connect()
        (connection,) = self.factory._connections
        parts = connection._session.parts
        threads = []

        def watched(content: Any) -> Any:
            threads.append(threading.current_thread())
            return analyse(content)

        connection._session.parts = replace(parts, reader=MessageReader(watched, parts.offload))
        hard = b"To: " + b"a:;" * 4000 + b"\r\n\r\nx\r\n"
        for message in (SIMPLE, hard):
            client.send(append(b"INBOX", message))
            await client.until(b"a OK")
        self.assertIs(threads[0], threading.main_thread())
        self.assertIsNot(threads[1], threading.main_thread())

    async def test_flags_and_date_are_kept(self):
        client = await self.connect(select=b"INBOX")
        client.send(append(b"INBOX", SIMPLE, options=b'(\\Seen Work) "17-Jul-1996 02:44:25 -0700" '))
        await client.until(b"a OK")
        self.assertEqual(
            (await client.ask(b"FETCH 1 (FLAGS INTERNALDATE)"))[0],
            b'* 1 FETCH (FLAGS (\\Seen work \\Recent) INTERNALDATE "17-Jul-1996 09:44:25 +0000")',
        )

    async def test_the_selected_mailbox_shows_it_before_the_answer(self):
        client, other = await self.connect(select=b"INBOX"), await self.connect(select=b"INBOX")
        client.send(append(b"INBOX", SIMPLE))
        responses = await client.until(b"a OK")
        self.assertEqual(responses[:-1], [b"* 1 EXISTS", b"* 1 RECENT"])
        self.assertIn(b"* 1 EXISTS", await other.ask(b"NOOP"))

    async def test_pipelined_messages_are_answered_in_order_with_ascending_uids(self):
        client = await self.connect()
        count = 300
        client.send(
            b"".join(append(b"INBOX", SIMPLE, b"a%d" % n) for n in range(1, count + 1)) + b"z NOOP\r\n"
        )
        responses = await client.until(b"z ")
        answers = [line for line in responses if line.startswith(b"a")]
        self.assertEqual(len(answers), count)
        for number, line in enumerate(answers, 1):
            self.assertRegex(line, rb"^a%d OK \[APPENDUID \d+ %d\]" % (number, number))

    async def test_a_command_behind_an_append_sees_what_it_did(self):
        client = await self.connect()
        client.send(append(b"INBOX", SIMPLE) + b"b STATUS INBOX (MESSAGES)\r\n")
        self.assertIn(b"* STATUS INBOX (MESSAGES 1)", await client.until(b"b "))

    async def test_a_large_message_comes_back_identical(self):
        message = large(2_000_000)
        client = await self.connect(select=b"INBOX")
        client.send(append(b"INBOX", message))
        await client.until(b"a OK")
        (line, _) = await client.ask(b"FETCH 1 BODY.PEEK[]")
        self.assertEqual(line, b"* 1 FETCH (BODY[] {%d}\r\n%b)" % (len(message), message))

    async def test_a_literal8_may_hold_any_octet(self):
        client = await self.connect(select=b"INBOX")
        client.send(b"a APPEND INBOX ~{%d+}\r\n%b\r\n" % (len(BINARY), BINARY))
        await client.until(b"a OK")
        mailbox = await self.mailbox()
        snapshot = await self.mail.snapshot(self.alice.id, mailbox.id)
        rows = await self.mail.fetch(self.alice.id, list(snapshot.emails), [Column.BLOB])
        self.assertEqual(await self.store.blobs.read(rows[snapshot.emails[0]][0]), BINARY)

    async def test_a_missing_mailbox_could_be_created(self):
        client = await self.connect()
        client.send(append(b"None", SIMPLE) + b"b NOOP\r\n")
        responses = await client.until(b"b ")
        self.assertTrue(responses[0].startswith(b"a NO [TRYCREATE]"), responses)

    async def test_a_synchronising_literal_for_a_missing_mailbox_is_not_asked_for(self):
        client = await self.connect()
        client.send(b"a APPEND None {1000}\r\n")
        self.assertTrue((await client.until(b"a "))[-1].startswith(b"a NO [TRYCREATE]"))
        self.assertEqual(await client.ask(b"NOOP"), [b"OK NOOP completed"])

    async def test_failed_and_good_ones_keep_their_order(self):
        client = await self.connect()
        client.send(
            append(b"INBOX", SIMPLE, b"a") + append(b"None", SIMPLE, b"b") + append(b"INBOX", SIMPLE, b"c")
        )
        answers = [line[:4] for line in await client.until(b"c ")]
        self.assertEqual(answers, [b"a OK", b"b NO", b"c OK"])

    async def test_text_behind_the_literal_spoils_it(self):
        client = await self.connect()
        client.send(b"a APPEND INBOX {5+}\r\nhello world\r\n")
        self.assertTrue((await client.until(b"a "))[-1].startswith(b"a BAD"))
        self.assertEqual((await client.ask(b"STATUS INBOX (MESSAGES)"))[0], b"* STATUS INBOX (MESSAGES 0)")


class Bounded(ImapTestCase):
    limits: ClassVar[dict[str, Any]] = {"message_size": 1000}

    async def test_a_message_over_the_bound_is_refused_before_it_is_sent(self):
        client = await self.connect()
        client.send(b"a APPEND INBOX {1001}\r\n")
        self.assertTrue((await client.until(b"a "))[-1].startswith(b"a NO [TOOBIG]"))
        self.assertEqual(await client.ask(b"NOOP"), [b"OK NOOP completed"])

    async def test_octets_that_come_all_the_same_are_dropped(self):
        client = await self.connect()
        client.send(append(b"INBOX", b"x" * 1500))
        self.assertTrue((await client.until(b"a "))[-1].startswith(b"a NO [TOOBIG]"))
        self.assertEqual(await client.ask(b"NOOP"), [b"OK NOOP completed"])

    async def test_the_bound_is_announced(self):
        client = await self.connect()
        self.assertIn(b"APPENDLIMIT=1000", (await client.ask(b"CAPABILITY"))[0])


class Quota(ImapTestCase):
    async def test_a_full_account_is_told_so(self):
        account = await self.store.accounts.account(self.alice.id)
        await self.store.accounts.change_account(account.id, AccountPatch(quota=200))
        client = await self.connect()
        client.send(append(b"INBOX", SIMPLE, b"a") + append(b"INBOX", SIMPLE, b"b"))
        responses = await client.until(b"b ")
        self.assertTrue(responses[0].startswith(b"a OK"))
        self.assertEqual(responses[1], b"b NO [OVERQUOTA] " + OverQuota().text.encode())


class OnDisk(ImapTestCase):
    """Commits take their time here."""

    async def open_store(self):
        return open_store(self.mktemp(), reactor, self.events)

    async def _stored(self) -> int:
        return (await self.mailbox()).total

    async def test_a_stopping_server_answers_what_it_has_taken(self):
        client = await self.connect()
        client.send(b"".join(append(b"INBOX", SIMPLE, b"a%d" % n) for n in range(50)))
        await client.until(b"a0 ")
        stopped = self.factory.stop()
        responses = await client.until(rb"\* BYE")
        await stopped
        answered = 1 + len([line for line in responses if b" OK [APPENDUID" in line])
        self.assertEqual(await self._stored(), answered)

    async def test_a_client_that_leaves_harms_nobody(self):
        client = await self.connect(select=b"INBOX")
        client.send(b"".join(append(b"INBOX", SIMPLE, b"a%d" % n) for n in range(50)))
        await client.until(b"a0 ")
        client.transport.abortConnection()
        await client.gone()
        await self.factory.stop()
        self.assertGreater(await self._stored(), 0)
        self.assertEqual(self.factory.connections, 0)

    async def test_group_commit_is_used(self):
        events = []
        self.events.subscribe(self.alice.id, events.append)
        client = await self.connect()
        client.send(b"".join(append(b"INBOX", SIMPLE, b"a%d" % n) for n in range(200)))
        await client.until(b"a199 ")
        self.assertLess(len(events), 100)  # one event a commit
