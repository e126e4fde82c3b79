"""Port 25: what is taken, where it ends, and what is refused with which code."""

from dataclasses import replace

from mailsys.core.refusal import (
    MailLoop,
    MessageTooBig,
    OverQuota,
    RelayDenied,
    TemporaryFailure,
    TooManyRecipients,
    UnknownRecipient,
)
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.ports.accounts import AccountPatch, Domain
from mailsys.ports.emails import Column
from mailsys.ports.ids import TraceId
from mailsys.ports.timeline import Stage
from mailsys.services.delivery import forwarding_marks
from mailsys.services.delivery.transactions import Client
from tests.services.house import HOST, START, HouseTestCase, refusal, settled

MESSAGE = b"From: Eve <Eve@remote.example>\r\nTo: bob@example.com\r\nSubject: Hi\r\n\r\nHello\r\n"


def trace_of(text: str) -> TraceId:
    return TraceId(text.rsplit(" ", 1)[1])


class DeliveryTests(HouseTestCase):
    async def test_a_message_is_in_the_inbox_when_it_is_accepted_with_trace_headers_in_front(self):
        text = await self.house.receive("bob@example.com", message=MESSAGE)
        [stored] = await self.house.inbox(self.house.bob)
        head, received = stored[: -len(MESSAGE)], MESSAGE
        self.assertTrue(stored.endswith(received))
        lines = head.split(b"\r\n")
        self.assertEqual(lines[0], b"Return-Path: <eve@remote.example>")
        self.assertEqual(lines[1], b"Received: from mx.remote.example ([192.0.2.7])")
        self.assertIn(f"id {trace_of(text)}".encode(), head)
        self.assertIn(b"for <bob@example.com>", head)

    async def test_names_in_any_case_and_plus_forms_are_known(self):
        for address in ("BOB@EXAMPLE.COM", "bob+tag@example.com"):
            await self.house.receive(address)
        self.assertEqual(len(await self.house.inbox(self.house.bob)), 2)

    async def test_international_addresses_are_known_in_both_spellings(self):
        await self.house.alias("jürgen@xn--bcher-kva.example", self.house.bob)
        await self.house.receive("Jürgen@bücher.example", parameters=MailParameters(utf8=True))
        [stored] = await self.house.inbox(self.house.bob)
        self.assertIn(b"with UTF8SMTP", stored)

    async def test_postmaster_without_a_domain_reaches_somebody(self):
        await self.house.receive("Postmaster")
        self.assertEqual(len(await self.house.inbox(self.house.alice)), 1)

    async def test_the_null_sender_is_accepted(self):
        await self.house.receive("bob@example.com", sender="")
        [stored] = await self.house.inbox(self.house.bob)
        self.assertTrue(stored.startswith(b"Return-Path: <>\r\n"))

    async def test_an_account_gets_one_copy_however_many_of_its_addresses_are_named(self):
        await self.house.alias("sales@example.com", self.house.bob)
        await self.house.receive(
            "bob@example.com", "BOB@example.com", "bob+x@example.com", "sales@example.com"
        )
        self.assertEqual(len(await self.house.inbox(self.house.bob)), 1)

    async def test_several_accounts_share_one_blob_and_are_not_named_to_each_other(self):
        await self.house.receive("bob@example.com", "alice@example.com", "carol@example.org")
        blobs = set()
        for account in (self.house.bob, self.house.alice, self.house.carol):
            [(blob,)] = await self.house.inbox(account, Column.BLOB)
            blobs.add(blob)
        self.assertEqual(len(blobs), 1)
        [stored] = await self.house.inbox(self.house.carol)
        self.assertNotIn(b"for <", stored)

    async def test_a_large_message_is_delivered_whole(self):
        message = MESSAGE + b"x" * 70 + b"\r\n" + b"0123456789\r\n" * 20000
        await self.house.receive("bob@example.com", message=message, cut=50000)
        [(size, subject)] = await self.house.inbox(self.house.bob, Column.SIZE, Column.SUBJECT)
        self.assertEqual(subject, "Hi")
        [stored] = await self.house.inbox(self.house.bob)
        self.assertEqual(len(stored), size)
        self.assertTrue(stored.endswith(message))

    async def test_the_writer_becomes_a_correspondent(self):
        await self.house.receive("bob@example.com", message=MESSAGE)
        [known] = await self.house.mail.correspondents(self.house.bob.id, "eve", 10)
        self.assertEqual((known.address, known.received, known.sent), ("eve@remote.example", 1, 0))

    async def test_a_bounce_makes_no_correspondent(self):
        await self.house.receive("bob@example.com", message=MESSAGE, sender="")
        self.assertEqual(await self.house.mail.correspondents(self.house.bob.id, "eve", 10), [])

    async def test_the_timeline_tells_of_receipt_and_delivery(self):
        text = await self.house.receive("bob@example.com")
        steps = await self.house.queue.timeline(trace_of(text))
        self.assertEqual([s.stage for s in steps], [Stage.RECEIVED, Stage.DELIVERED])
        self.assertEqual(steps[0].detail["peer"], "192.0.2.7")
        self.assertEqual((steps[1].account, steps[1].recipient), (self.house.bob.id, "bob@example.com"))

    async def test_mail_for_a_disabled_account_is_kept(self):
        await self.house.accounts.change_account(self.house.bob.id, AccountPatch(enabled=False))
        await self.house.receive("bob@example.com")
        self.assertEqual(len(await self.house.inbox(self.house.bob)), 1)


class RefusalTests(HouseTestCase):
    bounds = {"recipients_incoming": 3, "message_size": 1_000_000, "received_headers": 5}  # noqa: RUF012

    async def test_mail_for_others_is_not_relayed(self):
        for address in (
            "x@remote.example",
            "bob@example.com.evil.example",
            "a%remote.example@elsewhere.example",
        ):
            found = await refusal(self, RelayDenied, self.house.receive(address))
            self.assertEqual(found.smtp, (550, "5.7.1"))

    async def test_an_unknown_recipient_is_refused_and_the_others_are_served(self):
        house = self.house
        client = Client("192.0.2.7", 1)
        transaction = house.reception.begin(client, "eve@remote.example", MailParameters())
        found = await refusal(
            self, UnknownRecipient, transaction.add_recipient("nobody@example.com", RcptParameters())
        )
        self.assertEqual(found.smtp, (550, "5.1.1"))
        await settled(transaction.add_recipient("bob@example.com", RcptParameters()))
        sink = await settled(transaction.open_body())
        sink.write(MESSAGE)
        await transaction.commit(await sink.finish())
        self.assertEqual(len(await house.inbox(house.bob)), 1)

    async def test_a_store_without_any_address_does_not_say_that_somebody_is_unknown(self):
        store = self.house.accounts
        for account in await store.accounts():
            await store.remove_account(account.id)
        for address in await store.addresses():
            await store.remove_address(address.address)
        directory = self.house.new_directory()
        self.house.reception.intake = replace(self.house.reception.intake, directory=directory)
        await directory.start()
        self.addCleanup(directory.stop)
        await refusal(self, TemporaryFailure, self.house.receive("bob@example.com"))

    async def test_percent_hack_is_no_relay(self):
        await refusal(self, UnknownRecipient, self.house.receive("x%remote.example@example.com"))

    async def test_recipients_are_bounded(self):
        await self.house.accounts.put_domain(Domain("example.org", catch_all=self.house.carol.id))
        addresses = [f"n{n}@example.org" for n in range(4)]
        found = await refusal(self, TooManyRecipients, self.house.receive(*addresses))
        self.assertEqual(found.smtp, (452, "4.5.3"))
        await self.house.receive(*addresses[:3])
        found = await refusal(self, TooManyRecipients, self.house.receive(*addresses))

    async def test_a_declared_size_beyond_the_limit_is_refused_at_mail(self):
        await refusal(
            self,
            MessageTooBig,
            self.house.receive("bob@example.com", parameters=MailParameters(size=1_000_001)),
        )

    async def test_a_full_mailbox_refuses_for_now(self):
        await self.house.accounts.change_account(self.house.bob.id, AccountPatch(quota=1000))
        await self.house.receive("bob@example.com", message=MESSAGE + b"x" * 1000)
        found = await refusal(self, OverQuota, self.house.receive("bob@example.com"))
        self.assertEqual(found.smtp, (452, "4.2.2"))
        await self.house.receive("alice@example.com")

    async def test_a_declared_size_that_does_not_fit_the_quota_is_refused(self):
        await self.house.accounts.change_account(self.house.bob.id, AccountPatch(quota=1000))
        await refusal(
            self, OverQuota, self.house.receive("bob@example.com", parameters=MailParameters(size=1001))
        )
        await self.house.receive("bob@example.com", parameters=MailParameters(size=900))

    async def test_too_many_received_fields_are_a_loop(self):
        await self.house.receive("bob@example.com", message=b"Received: x\r\n" * 5 + MESSAGE)
        found = await refusal(
            self, MailLoop, self.house.receive("bob@example.com", message=b"Received: x\r\n" * 6 + MESSAGE)
        )
        self.assertEqual(found.smtp, (554, "5.4.6"))

    async def test_an_account_removed_since_rcpt_is_a_failure_for_now(self):
        house = self.house
        await house.receive("bob@example.com")
        await house.accounts.remove_account(house.bob.id)
        found = await refusal(self, Exception, house.receive("bob@example.com"))
        self.assertEqual(found.smtp[0], 451)
        found = await refusal(self, UnknownRecipient, house.receive("bob@example.com"))

    async def test_an_aborted_transaction_leaves_nothing(self):
        transaction = self.house.reception.begin(Client("192.0.2.7", 1), "", MailParameters())
        await settled(transaction.add_recipient("bob@example.com", RcptParameters()))
        sink = await settled(transaction.open_body())
        sink.write(MESSAGE)
        sink.abort()
        transaction.abort()
        self.assertEqual(await self.house.inbox(self.house.bob), [])


class ForwardTests(HouseTestCase):
    async def test_a_forward_goes_into_the_queue_with_its_envelope_kept(self):
        await self.house.forward("fwd@example.com", "Zoe@far.example")
        text = await self.house.receive(
            "fwd@example.com",
            parameters=MailParameters(body="8BITMIME", ret="HDRS", envid="E1", require_tls=True),
            rcpt=RcptParameters("SUCCESS,FAILURE", "rfc822;first@x.example"),
        )
        item = (await self.house.queued())["far.example"].item
        self.assertEqual(self.house.srs.back(item.sender, int(START // 86400)), "eve@remote.example")
        [recipient] = item.recipients
        self.assertEqual(
            (recipient.address, recipient.notify, recipient.original),
            ("Zoe@far.example", "SUCCESS,FAILURE", "rfc822;first@x.example"),
        )
        self.assertEqual(
            (item.trace, item.ret, item.envid, item.require_tls, item.eight_bit, item.utf8, item.account),
            (trace_of(text), "HDRS", "E1", True, False, False, None),
        )

    async def test_what_goes_on_has_no_return_path(self):
        await self.house.forward("fwd@example.com", "zoe@far.example", keep=self.house.bob)
        await self.house.receive("fwd@example.com")
        [stored] = await self.house.inbox(self.house.bob)
        self.assertNotIn(b"Return-Path", stored)

    async def test_destinations_are_grouped_and_addresses_distinct(self):
        await self.house.forward("a@example.com", "x@far.example", "y@far.example", "z@near.example")
        await self.house.forward("b@example.com", "X@far.example", "bob@example.com")
        await self.house.receive("a@example.com", "b@example.com")
        queued = await self.house.queued()
        self.assertEqual(sorted(queued), ["far.example", "near.example"])
        self.assertEqual(
            [r.address for r in queued["far.example"].item.recipients], ["x@far.example", "y@far.example"]
        )
        self.assertEqual(len(await self.house.inbox(self.house.bob)), 1)

    async def test_eight_bit_content_and_utf8_headers_are_told_to_the_queue(self):
        await self.house.forward("fwd@example.com", "zoe@far.example")
        await self.house.receive("fwd@example.com", message="Subject: ä\r\n\r\nx\r\n".encode())
        item = (await self.house.queued())["far.example"].item
        self.assertEqual((item.eight_bit, item.utf8), (True, True))

    async def test_a_message_that_comes_back_is_a_loop(self):
        await self.house.forward("fwd@example.com", "zoe@far.example")
        back = forwarding_marks.forwarded("fwd@example.com", HOST) + MESSAGE
        await refusal(self, MailLoop, self.house.receive("fwd@example.com", message=back))
        self.assertEqual(await self.house.queued(), {})

    async def test_a_message_that_comes_back_is_kept_where_a_copy_is_kept(self):
        await self.house.forward("fwd@example.com", "zoe@far.example", keep=self.house.bob)
        back = forwarding_marks.forwarded("fwd@example.com", HOST) + MESSAGE
        await self.house.receive("fwd@example.com", message=back)
        self.assertEqual(await self.house.queued(), {})
        self.assertEqual(len(await self.house.inbox(self.house.bob)), 1)

    async def test_what_was_forwarded_bears_a_mark(self):
        await self.house.forward("fwd@example.com", "zoe@far.example", keep=self.house.bob)
        await self.house.receive("fwd@example.com")
        [stored] = await self.house.inbox(self.house.bob)
        marks = forwarding_marks.marks(stored)
        self.assertEqual(forwarding_marks.times_marked(marks, "fwd@example.com", HOST), 1)

    async def test_a_list_does_not_send_to_its_writer(self):
        await self.house.forward("list@example.com", "Eve@Remote.example", "zoe@far.example")
        await self.house.receive("list@example.com")
        self.assertEqual(list(await self.house.queued()), ["far.example"])

    async def test_a_forward_to_the_writer_alone_is_not_lost(self):
        await self.house.forward("fwd@example.com", "eve@remote.example")
        await self.house.receive("fwd@example.com")
        self.assertEqual(list(await self.house.queued()), ["remote.example"])


class SuccessReportTests(HouseTestCase):
    async def test_notify_success_brings_a_report(self):
        await self.house.receive("bob@example.com", rcpt=RcptParameters("SUCCESS"))
        item = (await self.house.queued())["remote.example"].item
        self.assertEqual((item.sender, item.recipients[0].address), ("", "eve@remote.example"))

    async def test_without_it_there_is_none(self):
        for notify in ("", "NEVER", "FAILURE,DELAY"):
            await self.house.receive("bob@example.com", rcpt=RcptParameters(notify))
        await self.house.receive("bob@example.com", sender="", rcpt=RcptParameters("SUCCESS"))
        self.assertEqual(await self.house.queued(), {})
