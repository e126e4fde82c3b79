"""The services behind the real SMTP server: what a client hears."""

from base64 import b64encode
from dataclasses import replace

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailsys.ports.accounts import AccountPatch
from mailsys.services.access.passwords import PasswordPool, make_credentials
from mailsys.services.access.sign_in import SignIn
from mailsys.services.access.throttle import Throttle
from mailsys.settings import Limits
from mailsys.smtp.server import SmtpFactory
from mailsys.smtp.service import Service
from tests.conversations.smtp.wire import Conversation
from tests.services.house import HOST, HouseTestCase


class PortTwentyFiveTests(HouseTestCase):
    def dial(self, address: str = "192.0.2.1") -> Conversation:
        house = self.house
        return Conversation(
            SmtpFactory(
                Service(house.reception, None, HOST, house.limits, False, house.clock.seconds),
                house.clock,
            ),
            address,
        )

    async def test_new_connections_in_a_minute_are_bounded_by_address_and_by_network(self):
        house = self.house
        limits = Limits(connects_per_minute=3, connects_per_minute_per_network=5)
        house.reception.intake = replace(house.reception.intake, limits=limits)
        refused = b"421 4.7.0 Too many new connections, try again later\r\n"

        def heard(*addresses: str) -> list[bytes]:
            return [self.dial(address).heard()[:3] for address in addresses]

        self.assertEqual(heard(*["192.0.2.1"] * 3), [b"220"] * 3)
        line = self.dial("192.0.2.1")
        self.assertEqual((line.heard(), line.closed), (refused, True))
        self.assertEqual(heard(*(f"192.0.2.{n}" for n in range(2, 6))), [b"220"] * 2 + [b"421"] * 2)
        self.assertEqual(heard("198.51.100.1", *["127.0.0.1"] * 20), [b"220"] * 21)
        self.assertEqual(heard(*(f"2001:db8::{n}" for n in range(4))), [b"220"] * 3 + [b"421"])
        self.assertEqual(heard(*(f"2001:db8:0:{n}::1" for n in range(1, 4))), [b"220"] * 2 + [b"421"])
        house.clock.advance(60)
        self.assertEqual(heard("192.0.2.1", "192.0.2.9"), [b"220"] * 2)

    async def test_a_pipelined_transaction_with_one_refused_recipient(self):
        line = self.dial()
        line.heard()
        heard = line.say(
            b"EHLO mx.remote.example\r\n"
            b"MAIL FROM:<eve@remote.example> BODY=8BITMIME\r\nRCPT TO:<BOB@Example.COM>\r\n"
            b"RCPT TO:<nobody@example.com>\r\nRCPT TO:<x@far.example>\r\nDATA\r\n"
        )
        self.assertIn(b"\r\n550 5.1.1 No such mailbox here\r\n550 5.7.1 Relaying denied\r\n354 ", heard)
        heard = line.say(b"Subject: x\r\n\r\n..dot\r\n.\r\n")
        self.assertRegex(heard, rb"\A250 2\.0\.0 Accepted as [0-9a-z]{16}\r\n\Z")
        [stored] = await self.house.inbox(self.house.bob)
        self.assertTrue(stored.endswith(b"Subject: x\r\n\r\n.dot\r\n"))
        self.assertIn(heard[-18:-2], stored)

    async def test_a_recipient_that_is_over_quota_hears_a_temporary_code(self):
        line = self.dial()
        line.say(b"EHLO a\r\n")
        await self.house.accounts.change_account(self.house.bob.id, AccountPatch(quota=10))
        line.say(b"MAIL FROM:<> SIZE=100\r\n")
        self.assertTrue(line.say(b"RCPT TO:<bob@example.com>\r\n").startswith(b"452 4.2.2 "))


class SubmissionTests(HouseTestCase):
    def setUp(self) -> Deferred[None]:
        def ready(_: object) -> Deferred[None]:
            house = self.house
            self.pool = PasswordPool(reactor, threads=1)  # type: ignore[arg-type]
            self.pool.start()
            self.addCleanup(self.pool.stop)
            sign_in = SignIn(
                house.accounts,
                Throttle(house.counters, Limits(), house.clock, house.random.randbytes),
                house.clock,
                self.pool,
                house.random.randbytes,
                "example.com",
            )
            self.factory = SmtpFactory(
                Service(
                    house.submission,
                    sign_in,
                    HOST,
                    house.limits,
                    True,
                    house.clock.seconds,
                    login_without_tls=True,
                ),
                house.clock,
            )
            return house.accounts.set_credentials(house.bob.id, make_credentials("secret"))

        return super().setUp().addCallback(ready)

    async def signed_in(self) -> Conversation:
        line = Conversation(self.factory, "127.0.0.1")
        line.say(b"EHLO laptop\r\n")
        line.heard()
        line.say(b"AUTH PLAIN " + b64encode(b"\0bob\0secret") + b"\r\n")
        await self.pool.run(lambda: None)  # its one thread has checked the password then
        heard = line.heard()
        self.assertEqual(heard, b"235 2.7.0 Signed in\r\n")
        return line

    async def test_a_forged_from_is_refused_after_its_data(self):
        line = await self.signed_in()
        line.say(b"MAIL FROM:<bob@example.com>\r\nRCPT TO:<alice@example.com>\r\nDATA\r\n")
        heard = line.say(b"From: Alice <alice@example.com>\r\n\r\nx\r\n.\r\n")
        self.assertEqual(heard, b"550 5.7.1 You may not write as <alice@example.com>\r\n")
        self.assertEqual(await self.house.inbox(self.house.alice), [])

    async def test_the_next_message_on_the_connection_is_taken(self):
        line = await self.signed_in()
        for header in (
            b"Subject: nobody wrote this\r\n",
            b"From: bob@example.com\r\nBcc: zoe@far.example\r\n",
        ):
            line.say(b"MAIL FROM:<bob@example.com>\r\nRCPT TO:<alice@example.com>\r\nDATA\r\n")
            heard = line.say(header + b"\r\nx\r\n.\r\n")
        self.assertTrue(heard.startswith(b"250 2.0.0 Queued as "))
        [stored] = await self.house.inbox(self.house.alice)
        self.assertNotIn(b"Bcc", stored)
        self.assertIn(b"with ESMTPA ", stored)

    async def test_chunks_are_edited_like_data(self):
        line = await self.signed_in()
        line.say(b"MAIL FROM:<bob@example.com> BODY=BINARYMIME\r\nRCPT TO:<alice@example.com>\r\n")
        for chunk in (b"From: bob@", b"example.com\r\nBcc: a@b.example\r\n\r", b"\nx\0y"):
            heard = line.say(b"BDAT %d%b\r\n" % (len(chunk), b" LAST" * (chunk[0] == 10)) + chunk)
        self.assertTrue(heard.startswith(b"250 2.0.0 Queued as "), heard)
        [stored] = await self.house.inbox(self.house.alice)
        self.assertTrue(stored.endswith(b">\r\n\r\nx\0y"), stored)
        self.assertNotIn(b"Bcc", stored)
