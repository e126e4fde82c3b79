"""Greeting, login, and the commands that need no mailbox."""

from __future__ import annotations

import resource
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from tests.conversations.imap.client import ImapClient
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

    async def test_a_wrong_password_is_refused_without_saying_what_was_wrong(self):
        client, _ = await self.greeted()
        wrong = await client.ask(b"LOGIN alice@example.com wrong")
        unknown = await client.ask(b"LOGIN nobody@example.com secret")
        self.assertEqual(
            wrong + unknown, [b"NO [AUTHENTICATIONFAILED] Authentication credentials invalid"] * 2
        )

    async def test_mail_commands_are_bad_before_login(self):
        client, _ = await self.greeted()
        for command in (b"SELECT INBOX", b'LIST "" *', b"IDLE", b"FETCH 1 FLAGS", b"NAMESPACE", b"CREATE a"):
            (answer,) = await client.ask(command)
            self.assertTrue(answer.startswith(b"BAD"), (command, answer))

    async def test_selected_commands_are_bad_before_select(self):
        client = await self.connect()
        for command in (b"FETCH 1 FLAGS", b"CLOSE", b"EXPUNGE", b"SEARCH ALL", b"UID STORE 1 FLAGS ()"):
            (answer,) = await client.ask(command)
            self.assertTrue(answer.startswith(b"BAD"), (command, answer))

    async def test_a_second_login_is_bad(self):
        client = await self.connect()
        (answer,) = await client.ask(b"LOGIN alice@example.com secret")
        self.assertTrue(answer.startswith(b"BAD"))

    async def test_login_takes_literals(self):
        client, _ = await self.greeted()
        client.send(b"a LOGIN {17}\r\n")
        self.assertEqual(await client.until(rb"\+"), [b"+ OK"])
        client.send(b"alice@example.com {6+}\r\nsecret\r\n")
        self.assertTrue((await client.until(b"a "))[-1].startswith(b"a OK"))


class Authenticating(ImapTestCase):
    async def test_an_initial_response_signs_in_at_once(self):
        client, _ = await self.greeted()
        answer = await client.ask(b"AUTHENTICATE PLAIN AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==")
        self.assertTrue(answer[-1].startswith(b"OK [CAPABILITY"))

    async def test_without_one_the_server_asks(self):
        client, _ = await self.greeted()
        client.send(b"a AUTHENTICATE PLAIN\r\n")
        self.assertEqual(await client.until(rb"\+"), [b"+ "])
        client.send(b"AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==\r\n")
        self.assertTrue((await client.until(b"a "))[-1].startswith(b"a OK"))

    async def test_the_response_may_come_before_it_was_asked_for(self):
        client, _ = await self.greeted()
        client.send(b"a AUTHENTICATE PLAIN\r\nAGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==\r\nb NOOP\r\n")
        self.assertTrue((await client.until(b"b "))[-1].startswith(b"b OK"))

    async def test_a_client_may_give_up(self):
        client, _ = await self.greeted()
        client.send(b"a AUTHENTICATE PLAIN\r\n*\r\n")
        self.assertEqual((await client.until(b"a "))[-1], b"a BAD AUTHENTICATE cancelled")
        self.assertTrue((await client.ask(b"NOOP"))[-1].startswith(b"OK"))

    async def test_what_is_no_base64_is_bad(self):
        client, _ = await self.greeted()
        client.send(b"a AUTHENTICATE PLAIN\r\n!!!\r\n")
        self.assertTrue((await client.until(b"a "))[-1].startswith(b"a BAD"))
        self.assertTrue((await client.ask(b"NOOP"))[-1].startswith(b"OK"))

    async def test_an_unknown_mechanism_is_refused(self):
        client, _ = await self.greeted()
        self.assertTrue((await client.ask(b"AUTHENTICATE FANCY"))[-1].startswith(b"NO"))


class AnyTime(ImapTestCase):
    async def test_noop_capability_and_id(self):
        client, _ = await self.greeted()
        self.assertEqual(await client.ask(b"NOOP"), [b"OK NOOP completed"])
        capability = await client.ask(b"CAPABILITY")
        self.assertTrue(capability[0].startswith(b"* CAPABILITY IMAP4rev1 IMAP4rev2"))
        identity = await client.ask(b'ID ("name" "test" "version" NIL)')
        self.assertTrue(identity[0].startswith(b'* ID ("name" "mailsys" "version" "'))

    async def test_logout_says_bye_and_closes(self):
        client = await self.connect()
        self.assertEqual(await client.ask(b"LOGOUT"), [b"* BYE Logging out", b"OK LOGOUT completed"])
        await client.gone()

    async def test_namespace_has_one_personal_root(self):
        client = await self.connect()
        self.assertEqual((await client.ask(b"NAMESPACE"))[0], b'* NAMESPACE (("" "/")) NIL NIL')

    async def test_enable_names_what_it_enabled_and_ignores_the_rest(self):
        client = await self.connect()
        self.assertEqual(
            await client.ask(b"ENABLE condstore X-NONSENSE imap4rev2"),
            [b"* ENABLED CONDSTORE IMAP4rev2", b"OK ENABLE completed"],
        )

    async def test_commands_that_are_not_known_are_bad(self):
        client = await self.connect()
        self.assertEqual(await client.ask(b"XYZZY now"), [b"BAD Unknown command XYZZY"])

    async def test_pipelined_commands_are_answered_in_order(self):
        client = await self.connect()
        client.send(b"a SELECT INBOX\r\nb NOOP\r\nc FETCH 1:* FLAGS\r\nd CLOSE\r\ne LOGOUT\r\n")
        responses = await client.until(b"e ")
        tags = [line[:1] for line in responses if not line.startswith(b"*")]
        self.assertEqual(tags, [b"a", b"b", b"c", b"d", b"e"])


class Bounds(ImapTestCase):
    limits: ClassVar[dict[str, Any]] = {
        "connections_per_address": 2,
        "errors_per_session": 5,
        "imap_idle_before_login": 0.0,
    }

    async def test_connections_of_one_address_are_bounded(self):
        first, _ = await self.greeted()
        await self.greeted()
        third = ImapClient()
        self.clients.append(third)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        await connectProtocol(endpoint, third)
        self.assertEqual(await third.until(rb"\*"), [b"* BYE [LIMIT] Too many connections"])
        await third.gone()
        await first.ask(b"LOGOUT")
        await first.gone()
        await self.greeted()

    async def test_who_would_have_one_of_the_last_descriptors_is_told_to_come_back(self):
        client, _ = await self.greeted()
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.transport.fileno() + 10, before[1]))
        late, greeting = await self.greeted()
        self.assertEqual(greeting, b"* BYE [LIMIT] Too many connections")
        await late.gone()
        self.assertTrue((await client.ask(b"NOOP"))[-1].startswith(b"OK"))

    async def test_too_many_errors_end_the_session(self):
        client, _ = await self.greeted()
        client.send(b"a NONSENSE\r\n" * 5)
        responses = await client.until(rb"\* BYE")
        self.assertEqual(responses[-1], b"* BYE Too many errors")
        await client.gone()

    async def test_failed_logins_count_as_errors(self):
        client, _ = await self.greeted()
        client.send(b"a LOGIN alice@example.com wrong\r\n" * 5)
        await client.until(rb"\* BYE Too many errors")
        await client.gone()


class Stopping(ImapTestCase):
    async def test_a_stopping_server_says_bye_to_all_and_then_turns_new_ones_away(self):
        busy = await self.connect(select=b"INBOX")
        idle = await self.connect(select=b"INBOX")
        await idle.ask(b"NOOP")
        idle.send(b"a IDLE\r\n")
        await idle.until(rb"\+")
        stopped = self.factory.stop()
        await busy.until(rb"\* BYE \[UNAVAILABLE\]")
        await idle.until(rb"\* BYE \[UNAVAILABLE\]")
        await stopped
        _, greeting = await self.greeted()
        self.assertTrue(greeting.startswith(b"* BYE [UNAVAILABLE]"))
