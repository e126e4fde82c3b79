"""Clients that mean no good, or are broken: each is answered or dropped within its bound."""

from __future__ import annotations

import gc
import socket
import time
import tracemalloc
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.task import deferLater

from mailsys.imap.wire import PROBED
from tests.conversations.imap.messages import large
from tests.conversations.imap.rig import SIMPLE, ImapTestCase


class BeforeLogin(ImapTestCase):
    limits: ClassVar[dict[str, Any]] = {"imap_line": 8192, "imap_literal_before_login": 1024}

    async def test_a_line_without_end_is_refused_and_then_cut_off(self):
        client, _ = await self.greeted()
        for _ in range(64):
            client.send(b"x" * 65536)
        await client.until(rb"\* BYE")
        await client.gone()

    async def test_literals_are_small_before_login(self):
        client, _ = await self.greeted()
        client.send(b"a LOGIN {2000}\r\n")
        self.assertTrue((await client.until(b"a "))[-1].startswith(b"a NO [TOOBIG]"))
        self.assertEqual(await client.ask(b"NOOP"), [b"OK NOOP completed"])

    async def test_many_small_literals_are_no_way_around_it(self):
        client, _ = await self.greeted()
        client.send(b"a LOGIN {600+}\r\n" + b"u" * 600 + b" {600+}\r\n" + b"p" * 600 + b"\r\nb NOOP\r\n")
        responses = await client.until(b"b ")
        self.assertTrue(responses[0].startswith(b"a NO [TOOBIG]"), responses)

    async def test_an_append_before_login_is_refused_and_its_message_is_no_command(self):
        client, _ = await self.greeted()
        body = b"z LOGIN alice@example.com secret\r\n"
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\nb NOOP\r\n" % (len(body), body))
        responses = await client.until(b"b ")
        self.assertEqual([line[:2] for line in responses], [b"a ", b"b "])

    async def test_a_bare_line_feed_ends_nothing(self):
        client, _ = await self.greeted()
        client.send(b"a NOOP\nb LOGIN alice@example.com secret\r\nc CAPABILITY\r\n")
        responses = await client.until(b"c ")
        self.assertTrue(responses[0].startswith(b"a BAD"))
        self.assertFalse([line for line in responses if line.startswith(b"b ")])

    async def test_garbage_is_answered_and_does_no_harm(self):
        client, _ = await self.greeted()
        for line in (
            b"",
            b" ",
            b"*",
            b"+ x",
            b"\0\xff\xfe",
            b"a",
            b"a  NOOP",
            b'a LOGIN "un',
            b"a LOGIN {5}x",
        ):
            client.send(line + b"\r\n")
        self.assertTrue((await client.ask(b"NOOP"))[-1].startswith(b"OK"))


class SlowClients(ImapTestCase):
    limits: ClassVar[dict[str, Any]] = {"imap_idle_before_login": 0.05, "imap_idle": 0.3}

    async def _start(self) -> None:
        await super()._start()
        self.factory.wheel._tick = 0.02

    async def test_who_never_signs_in_is_sent_away(self):
        client, _ = await self.greeted()
        await client.until(rb"\* BYE Nothing was heard")
        await client.gone()

    async def test_who_signed_in_may_stay_longer_but_not_for_ever(self):
        client = await self.connect()
        begun = reactor.seconds()
        await client.until(rb"\* BYE Nothing was heard")
        self.assertGreater(reactor.seconds() - begun, 0.25)
        await client.gone()

    async def test_half_a_sasl_exchange_is_cut_off(self):
        client, _ = await self.greeted()
        client.send(b"a AUTHENTICATE PLAIN\r\n")
        await client.until(rb"\+")
        await client.gone()


class LongIdle(ImapTestCase):
    limits: ClassVar[dict[str, Any]] = {"imap_keepalive": 0.1, "imap_idle": 1.0}

    async def _start(self) -> None:
        await super()._start()
        self.factory.wheel._tick = 0.02

    async def test_who_idles_hears_that_the_connection_lives_until_it_was_silent_too_long(self):
        client = await self.connect(select=b"INBOX")
        client.send(b"i IDLE\r\n")
        await client.until(rb"\+ idling")
        said = await client.until(rb"\* BYE Nothing was heard")
        self.assertGreater(len(said), 4)
        self.assertEqual(set(said[:-1]), {b"* OK Still here"})
        await client.gone()

    async def test_outside_of_idle_nothing_is_said(self):
        client = await self.connect(select=b"INBOX")
        client.send(b"i IDLE\r\n")
        await client.until(rb"\* OK Still here")
        client.send(b"DONE\r\n")
        await client.until(rb"i OK")
        self.assertEqual(len(await client.until(rb"\* BYE Nothing was heard")), 1)

    async def test_the_system_asks_whether_the_other_end_is_there(self):
        await self.connect()
        (connection,) = self.factory.room.guests()
        handle = connection.transport.socket
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        if hasattr(socket, "TCP_KEEPIDLE"):
            self.assertEqual(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), PROBED)


class WhoDoesNotRead(ImapTestCase):
    timeout = 60

    async def test_a_reader_that_stands_still_costs_one_buffer_not_the_mailbox(self):
        message = large(1_000_000)
        for number in range(20):
            await self.deliver(message.replace(b"see below", b"see %05d" % number))
        client = await self.connect(select=b"INBOX")
        client.transport.pauseProducing()
        gc.collect()
        tracemalloc.start()
        client.send(b"a FETCH 1:* BODY.PEEK[]\r\n" * 3)
        for _ in range(50):
            await deferLater(reactor, 0.01)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(peak, 8_000_000)
        client.transport.abortConnection()
        await client.gone()

    async def test_a_client_that_asks_without_reading_is_not_read_either(self):
        client = await self.connect()
        client.transport.pauseProducing()
        for _ in range(200):
            client.send(b"a CAPABILITY\r\n" * 2000)
            await deferLater(reactor, 0)
        (connection,) = self.factory.room.guests()
        self.assertLess(len(connection.transport.dataBuffer) + connection.transport._tempDataLen, 1_000_000)
        self.assertLess(connection._receiver.buffered, 1_000_000)
        client.transport.abortConnection()
        await client.gone()


class AfterLogin(ImapTestCase):
    async def test_others_are_answered_while_one_asks_for_everything(self):
        for _ in range(2000):
            await self.deliver(SIMPLE)
        greedy, other = await self.connect(select=b"INBOX"), await self.connect()
        greedy.send(b"a FETCH 1:* (ENVELOPE BODY.PEEK[])\r\n" * 5 + b"b NOOP\r\n")
        longest = 0.0
        for _ in range(20):
            begun = time.process_time()
            await other.ask(b"NOOP")
            longest = max(longest, time.process_time() - begun)
        self.assertLess(longest, 0.5)  # of this process's own time; a stall would be seconds
        await greedy.until(b"b ")

    async def test_a_flood_of_pipelined_commands_lets_others_in(self):
        flood, other = await self.connect(), await self.connect()
        flood.send(b"a NOOP\r\n" * 20_000 + b"b NOOP\r\n")
        await other.ask(b"NOOP")
        self.assertFalse([line for line in flood.responses if line.startswith(b"b ")])
        await flood.until(b"b ")

    async def test_list_patterns_cannot_be_made_to_explode(self):
        client = await self.connect()
        await client.ask(b"CREATE " + b"a" * 200)
        begun = time.process_time()
        await client.ask(b'LIST "" "' + b"*a" * 400 + b'b"')
        await client.ask(b'LIST "" "' + b"%a" * 400 + b'b"')
        self.assertLess(time.process_time() - begun, 1.0)

    async def test_a_message_that_is_cut_off_leaves_nothing_behind(self):
        client = await self.connect()
        client.send(b"a APPEND INBOX {2000000+}\r\n" + b"x" * 500_000)
        await deferLater(reactor, 0.05)
        client.transport.abortConnection()
        await client.gone()
        again = await self.connect()
        self.assertEqual((await again.ask(b"STATUS INBOX (MESSAGES)"))[0], b"* STATUS INBOX (MESSAGES 0)")

    async def test_a_failure_of_ours_is_told_and_the_session_goes_on(self):
        await self.deliver()
        client = await self.connect(select=b"INBOX")

        class Broken:
            def __getattr__(self, name):
                raise RuntimeError("broken on purpose")

        from dataclasses import replace

        (connection,) = self.factory.room.guests()
        whole = connection._session.parts
        connection._session.parts = replace(whole, mail=Broken())
        self.assertEqual(await client.ask(b"FETCH 1 ENVELOPE"), [b"NO [SERVERBUG] Internal error"])
        connection._session.parts = whole
        self.assertIn("broken on purpose", self.logged.pop()["failure"])
        self.assertEqual((await client.ask(b"FETCH 1 ENVELOPE"))[-1], b"OK FETCH completed")
