"""Submission: who may write as whom, what is changed, where it goes."""

from mailsys import metrics
from mailsys.core.refusal import (
    AuthenticationRequired,
    MailLoop,
    MessageRejected,
    MessageTooBig,
    NotYourAddress,
    OverQuota,
    RateLimited,
    TooManyRecipients,
)
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.ports.accounts import AccountPatch
from mailsys.ports.emails import Column
from mailsys.ports.ids import TraceId
from mailsys.ports.timeline import Stage
from mailsys.services.delivery.transactions import Client
from mailsys.services.submission.outgoing import BadRecipient
from mailsys.services.submission.submit import HoldTooLong
from tests.services.house import START, HouseTestCase, refusal, transact

WHOLE = (
    b"From: Bob <bob@example.com>\r\nDate: Mon, 24 Nov 2025 16:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n"
)


def trace_of(text: str) -> TraceId:
    return TraceId(text.rsplit(" ", 1)[1])


class FigureTests(HouseTestCase):
    async def test_a_message_is_counted_when_it_is_taken(self):
        def figures() -> tuple[float, float]:
            value = metrics.REGISTRY.get_sample_value
            service = {"service": "submission"}
            return (
                value("mailsys_messages_received_total", service) or 0.0,
                value("mailsys_messages_delivered_total") or 0.0,
            )

        received, delivered = figures()
        await self.house.submit(self.house.bob, "alice@example.com", "x@remote.example")
        too_big = MailParameters(size=10**9)
        submitting = self.house.submit(self.house.bob, "alice@example.com", parameters=too_big)
        await refusal(self, MessageTooBig, submitting)
        self.assertEqual(figures(), (received + 1, delivered + 1))


class WhoTests(HouseTestCase):
    async def test_nobody_submits_without_signing_in(self):
        found = await refusal(
            self,
            AuthenticationRequired,
            transact(self.house.submission, Client("192.0.2.9", 1, tls="x"), ("bob@example.com",)),
        )
        self.assertEqual(found.smtp, (530, "5.7.0"))

    async def test_a_disabled_account_submits_no_more(self):
        await self.house.submit(self.house.bob, "alice@example.com")
        await self.house.accounts.change_account(self.house.bob.id, AccountPatch(enabled=False))
        await self.directory.refresh()
        await refusal(self, AuthenticationRequired, self.house.submit(self.house.bob, "alice@example.com"))

    async def test_the_envelope_sender_must_be_ones_own(self):
        for sender in ("alice@example.com", "bob@remote.example", "nobody@example.com"):
            found = await refusal(
                self, NotYourAddress, self.house.submit(self.house.bob, "alice@example.com", sender=sender)
            )
            self.assertEqual(found.smtp, (550, "5.7.1"))

    async def test_own_aliases_and_plus_forms_may_send(self):
        await self.house.alias("sales@example.com", self.house.bob)
        for sender in ("BOB@example.com", "bob+x@example.com", "sales@example.com", ""):
            await self.house.submit(self.house.bob, "alice@example.com", sender=sender)
        self.assertEqual(len(await self.house.inbox(self.house.alice)), 4)

    async def test_from_and_sender_must_be_ones_own(self):
        for header in (
            b"From: Alice <alice@example.com>\r\n",
            b"From: bob@example.com, alice@example.com\r\n",
            b"From: Team: bob@example.com, ceo@bank.example;\r\n",
            b"From: bob@example.com\r\nSender: alice@example.com\r\n",
            b'From: "bob@example.com" <ceo@bank.example>\r\n',
            b"From:\r\n bob@example.com,\r\n\tceo@bank.example\r\n",
            b"From: nobody@example.com\r\n",
            b"From: bob@example.com (,) ceo@bank.example\r\n",
        ):
            found = await refusal(
                self,
                NotYourAddress,
                self.house.submit(self.house.bob, "alice@example.com", message=header + b"\r\nx\r\n"),
            )
            self.assertEqual(found.smtp, (550, "5.7.1"))
        self.assertEqual(await self.house.inbox(self.house.alice), [])

    async def test_two_from_fields_and_none_are_refused(self):
        for header in (b"From: bob@example.com\r\nFrom: ceo@bank.example\r\n", b"Subject: x\r\n", b""):
            await refusal(
                self,
                MessageRejected,
                self.house.submit(self.house.bob, "alice@example.com", message=header + b"\r\nx\r\n"),
            )


class ContentTests(HouseTestCase):
    async def stored(self, message: bytes, cut: int = 1000) -> bytes:
        await self.house.submit(self.house.bob, "alice@example.com", message=message, cut=cut)
        return (await self.house.inbox(self.house.alice))[-1]

    async def test_a_complete_message_stays_octet_for_octet_behind_the_trace(self):
        message = WHOLE + b"X-Odd:\t a \r\n\r\nbody\r\n\r\n.\r\nBcc: not a header\r\n"
        stored = await self.stored(message)
        self.assertTrue(stored.endswith(b"+0000\r\n" + message))
        self.assertTrue(stored.startswith(b"Return-Path: <bob@example.com>\r\nReceived: from laptop "))
        self.assertIn(b"with ESMTPSA ", stored)

    async def test_bcc_is_removed_with_its_folds_even_when_octets_come_one_by_one(self):
        message = (
            b"Bcc: x@far.example,\r\n y@far.example\r\n" + WHOLE + b"bCc:\r\n\tz@far.example\r\n\r\nhi\r\n"
        )
        stored = await self.stored(message, cut=1)
        self.assertTrue(stored.endswith(WHOLE + b"\r\nhi\r\n"))
        self.assertNotIn(b"far.example", stored)

    async def test_date_and_message_id_are_added_when_missing(self):
        stored = await self.stored(b"From: bob@example.com\r\n\r\nhi\r\n")
        self.assertIn(b"\r\nDate: Mon, 24 Nov 2025 16:00:00 +0000\r\n", stored)
        self.assertRegex(stored, rb"\r\nMessage-ID: <[0-9a-z.]+@example\.com>\r\n\r\nhi\r\n\Z")

    async def test_a_huge_header_is_refused(self):
        await refusal(
            self, MessageTooBig, self.stored(WHOLE + b"X: y\r\n" * 60000 + b"\r\nhi\r\n", cut=30000)
        )

    async def test_a_large_body_streams_through(self):
        body = b"0123456789abcdef\r\n" * 20000
        stored = await self.stored(WHOLE + b"\r\n" + body, cut=60000)
        self.assertTrue(stored.endswith(WHOLE + b"\r\n" + body))

    async def test_a_looping_message_is_refused(self):
        await refusal(self, MailLoop, self.stored(b"Received: x\r\n" * 51 + WHOLE + b"\r\nhi\r\n"))


class WayTests(HouseTestCase):
    async def test_self_neighbours_and_the_world_get_one_copy_each_from_one_blob(self):
        await self.house.alias("sales@example.com", self.house.alice)
        text = await self.house.submit(
            self.house.bob,
            "bob@example.com",
            "alice@example.com",
            "Sales@example.com",
            "carol+x@example.org",
            "zoe@far.example",
            "Yan@far.example",
            "ZOE@FAR.example",
            "xia@near.example",
        )
        blobs = set()
        for account in (self.house.bob, self.house.alice, self.house.carol):
            [(blob,)] = await self.house.inbox(account, Column.BLOB)
            blobs.add(blob)
        queued = await self.house.queued()
        self.assertEqual(
            {d: [r.address for r in q.item.recipients] for d, q in queued.items()},
            {"far.example": ["zoe@far.example", "Yan@far.example"], "near.example": ["xia@near.example"]},
        )
        blobs |= {q.blob for q in queued.values()}
        self.assertEqual(len(blobs), 1)
        item = queued["far.example"].item
        self.assertEqual(
            (item.account, item.sender, item.trace), (self.house.bob.id, "bob@example.com", trace_of(text))
        )
        [stored] = await self.house.inbox(self.house.bob)
        self.assertNotIn(b"Return-Path", stored)

    async def test_parameters_go_along(self):
        await self.house.submit(
            self.house.bob,
            "zoe@far.example",
            parameters=MailParameters(body="BINARYMIME", utf8=True, ret="FULL", envid="E", require_tls=True),
            rcpt=RcptParameters("DELAY", "rfc822;o@far.example"),
        )
        item = (await self.house.queued())["far.example"].item
        self.assertEqual(
            (item.binary, item.eight_bit, item.utf8, item.ret, item.envid, item.require_tls, item.hold),
            (True, False, False, "FULL", "E", True, False),
        )
        self.assertEqual(
            (item.recipients[0].notify, item.recipients[0].original), ("DELAY", "rfc822;o@far.example")
        )

    async def test_international_recipients_need_smtputf8_and_a_labels(self):
        await self.house.submit(self.house.bob, "zoë@bücher-welt.example")
        [(destination, queued)] = (await self.house.queued()).items()
        self.assertEqual(destination, "xn--bcher-welt-9db.example")
        self.assertTrue(queued.item.utf8)

    async def test_a_domain_alone_needs_no_smtputf8(self):
        await self.house.submit(self.house.bob, "zoe@bücher-welt.example")
        [(destination, queued)] = (await self.house.queued()).items()
        self.assertEqual((destination, queued.item.utf8), ("xn--bcher-welt-9db.example", False))

    async def test_a_forward_of_ours_is_resolved(self):
        await self.house.forward("team@example.com", "alice@example.com", "zoe@far.example")
        await self.house.submit(self.house.bob, "team@example.com")
        self.assertEqual(len(await self.house.inbox(self.house.alice)), 1)
        self.assertEqual(list(await self.house.queued()), ["far.example"])

    async def test_an_unknown_neighbour_is_taken_and_left_to_the_queue_to_report(self):
        await self.house.submit(self.house.bob, "nobody@example.com", "alice@example.com")
        self.assertEqual(len(await self.house.inbox(self.house.alice)), 1)
        item = (await self.house.queued())["local"].item
        self.assertEqual([r.address for r in item.recipients], ["nobody@example.com"])
        self.assertEqual((item.due, item.sender), (START, "bob@example.com"))

    async def test_those_written_to_become_correspondents_without_a_sent_copy(self):
        await self.house.submit(self.house.bob, "Zoe@far.example", "alice@example.com", "bob@example.com")
        found = await self.house.mail.correspondents(self.house.bob.id, "", 10)
        self.assertEqual(
            sorted((c.address, c.sent, c.received) for c in found),
            [("alice@example.com", 1, 0), ("zoe@far.example", 1, 0)],
        )
        [heard] = await self.house.mail.correspondents(self.house.alice.id, "", 10)
        self.assertEqual((heard.address, heard.received), ("bob@example.com", 1))

    async def test_the_timeline_tells_the_submitter(self):
        text = await self.house.submit(self.house.bob, "zoe@far.example", "alice@example.com")
        steps = await self.house.queue.timeline(trace_of(text))
        self.assertEqual(
            [(s.stage, s.account, s.recipient) for s in steps],
            [
                (Stage.SUBMITTED, self.house.bob.id, ""),
                (Stage.DELIVERED, self.house.alice.id, "alice@example.com"),
                (Stage.QUEUED, self.house.bob.id, "zoe@far.example"),
            ],
        )

    async def test_bad_recipients_are_refused(self):
        for address in ("x@[192.0.2.1]", "x@[IPv6:2001:db8::1]", "bob", "x@", "x@a..b", "a b@far.example"):
            await refusal(self, BadRecipient, self.house.submit(self.house.bob, address))

    async def test_notify_success_is_reported_to_the_submitter(self):
        await self.house.submit(self.house.bob, "alice@example.com", rcpt=RcptParameters("SUCCESS"))
        [report] = await self.house.inbox(self.house.bob)
        self.assertIn(b"Action: delivered", report)


class FutureReleaseTests(HouseTestCase):
    async def test_a_held_message_waits_for_its_time_neighbours_included(self):
        await self.house.submit(
            self.house.bob, "alice@example.com", "zoe@far.example", parameters=MailParameters(hold_for=3600)
        )
        self.assertEqual(await self.house.inbox(self.house.alice), [])
        queued = await self.house.queued()
        self.assertEqual(
            {d: q.due for d, q in queued.items()}, {"local": START + 3600, "far.example": START + 3600}
        )
        self.assertEqual([r.address for r in queued["local"].item.recipients], ["alice@example.com"])

    async def test_a_time_that_is_past_holds_nothing(self):
        await self.house.submit(
            self.house.bob, "alice@example.com", parameters=MailParameters(hold_until=START - 5)
        )
        self.assertEqual(len(await self.house.inbox(self.house.alice)), 1)

    async def test_holding_is_bounded(self):
        for parameters in (
            MailParameters(hold_for=31 * 86400),
            MailParameters(hold_until=START + 31 * 86400),
        ):
            found = await refusal(
                self,
                HoldTooLong,
                self.house.submit(self.house.bob, "alice@example.com", parameters=parameters),
            )
            self.assertEqual(found.smtp[0], 501)


class BoundTests(HouseTestCase):
    bounds = {"recipients_submission": 5, "sends_per_hour": 6, "sends_per_day": 8}  # noqa: RUF012

    async def test_recipients_of_one_message_are_bounded(self):
        await refusal(
            self,
            TooManyRecipients,
            self.house.submit(self.house.bob, *(f"n{n}@far.example" for n in range(6))),
        )

    async def test_recipients_per_hour_are_bounded_for_each_account(self):
        await self.house.submit(self.house.bob, *(f"n{n}@far.example" for n in range(5)))
        found = await refusal(
            self, RateLimited, self.house.submit(self.house.bob, "a@far.example", "b@far.example")
        )
        self.assertEqual(found.smtp, (450, "4.7.1"))
        await self.house.submit(self.house.alice, "a@far.example")

    async def test_an_hour_later_there_is_room_until_the_day_is_full(self):
        await self.house.submit(self.house.bob, *(f"n{n}@far.example" for n in range(5)))
        self.house.clock.advance(3601)
        await self.house.submit(self.house.bob, *(f"n{n}@far.example" for n in range(3)))
        await refusal(self, RateLimited, self.house.submit(self.house.bob, "a@far.example"))

    async def test_an_accounts_own_bound_goes_before_the_servers(self):
        await self.house.accounts.change_account(self.house.bob.id, AccountPatch(sends_per_hour=1))
        await self.directory.refresh()
        await self.house.submit(self.house.bob, "a@far.example")
        await refusal(self, RateLimited, self.house.submit(self.house.bob, "b@far.example"))

    async def test_a_full_neighbour_is_refused_for_now(self):
        await self.house.accounts.change_account(self.house.alice.id, AccountPatch(quota=10))
        await self.directory.refresh()
        await refusal(
            self,
            OverQuota,
            self.house.submit(self.house.bob, "alice@example.com", parameters=MailParameters(size=100)),
        )
