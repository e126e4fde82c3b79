"""From the queue to other servers and back."""

import os
from dataclasses import replace
from random import Random

import dkim
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailsys.ports.accounts import Credentials, Domain
from mailsys.ports.queue import Settlement
from mailsys.ports.queue_items import Outcome, QueueRecipient
from mailsys.ports.timeline import Stage
from mailsys.services.dns.resolve import StubResolver
from mailsys.services.sending.send import LOOK
from mailsys.services.sending.sign import generate_keys
from tests.peers.dns import DnsPeer
from tests.peers.smtp_peer import self_signed
from tests.services.post import LETTER, START, Post
from tests.services.published import dns_record

HOUR, DAY = 3600.0, 86400.0
NOBODY = Credentials("", b"", 4096, b"", b"")
KEYS = generate_keys("x.example")


def status(report) -> list:
    """The groups of a report's machine part."""
    return report.get_payload()[1].get_payload()


class SendingTests(TestCase):
    async def post(self, **settings) -> Post:
        post = Post(settings.pop("trust", None), **settings)
        peer = post.peer("mx.y.example")
        post.zone.records["y.example", "MX"] = [(10, "mx.y.example")]
        self.addCleanup(lambda: Deferred.fromCoroutine(post.close()))
        await post.open()
        self.peer = peer
        return post

    # -- carried ------------------------------------------------------------------------------------

    async def test_a_queued_message_arrives_and_leaves_the_queue(self):
        post = await self.post()
        trace = await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual([m.content for m in self.peer.messages], [LETTER])
        self.assertEqual(self.peer.messages[0].recipients, ["RCPT TO:<bob@y.example>"])
        self.assertEqual(await post.items(), [])
        self.assertEqual(await post.stages(trace), ["connected", "sent"])
        sent = (await post.timeline(trace))[1]
        self.assertEqual((sent.recipient, sent.detail["reply"]), ("bob@y.example", "250 2.0.0 queued"))

    async def test_mail_queued_while_it_runs_goes_at_once(self):
        post = await self.post()
        post.start()
        await post.quiet()
        await post.queue()
        await post.quiet()
        self.assertEqual(len(self.peer.messages), 1)

    async def test_mail_of_which_no_word_came_goes_with_the_next_look(self):
        """Another process queued it, or the word of it was lost."""
        post = await self.post()
        post.store.queue.listen = lambda wake: None
        post.start()
        await post.quiet()
        await post.turns(20)
        await post.queue()
        await post.turns(20)
        self.assertEqual(self.peer.messages, [])
        await post.later(LOOK * 1.25)
        await post.quiet()
        self.assertEqual(len(self.peer.messages), 1)

    async def test_a_message_is_signed_for_its_authors_domain(self):
        post = await self.post()
        for key in KEYS:
            await post.store.accounts.put_dkim_key(key)
        await post.queue()
        post.start()
        await post.quiet()
        content = self.peer.messages[0].content
        self.assertTrue(content.endswith(LETTER))
        self.assertEqual(content.count(b"DKIM-Signature:"), 2)
        published = {name.encode(): text.encode() for name, text in map(dns_record, KEYS)}
        self.assertTrue(
            dkim.verify(content, dnsfunc=lambda name, timeout=5: published.get(name.rstrip(b".")))
        )

    async def test_mail_for_one_destination_shares_a_connection(self):
        post = await self.post(connections_per_destination=1)
        for _ in range(12):
            await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual((len(self.peer.messages), self.peer.connections), (12, 1))

    async def test_a_connection_is_kept_a_little_while_and_then_closed(self):
        post = await self.post()
        post.start()
        await post.queue()
        await post.quiet()
        await post.later(1)
        await post.queue()
        await post.quiet()
        self.assertEqual(self.peer.connections, 1)
        await post.later(6)
        await post.turns(20)
        self.assertEqual(len(self.peer.open), 0)
        await post.queue()
        await post.quiet()
        self.assertEqual((len(self.peer.messages), self.peer.connections), (3, 2))

    async def test_a_kept_connection_that_went_stale_costs_no_delay(self):
        post = await self.post()
        post.start()
        await post.queue()
        await post.quiet()
        for drop in ("MAIL", "END"):
            self.peer.drop_at, self.peer.drops = drop, 1
            trace = await post.queue()
            await post.quiet()
            if drop == "MAIL":
                self.assertEqual(await post.stages(trace), ["connected", "sent"])
            else:  # it may have been taken: not sent again at once
                self.assertEqual(await post.stages(trace), ["connected", "deferred"])

    async def test_a_connection_carries_no_more_than_is_set(self):
        post = await self.post(messages_per_connection=3, connections_per_destination=1)
        for _ in range(7):
            await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual((len(self.peer.messages), self.peer.connections), (7, 3))

    async def test_connections_grow_while_it_goes_well_and_stay_within_what_is_set(self):
        post = await self.post(connections_per_destination=3)
        for _ in range(200):
            await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual(len(self.peer.messages), 200)
        self.assertGreater(self.peer.most_open, 1)
        self.assertLessEqual(self.peer.most_open, 3)

    async def test_all_connections_together_stay_within_what_is_set(self):
        post = await self.post(connections=2)
        for n in range(10):
            post.zone.records[f"d{n}.example", "A"] = ["127.0.0.1"]
            await post.queue(f"u@d{n}.example", destination=f"d{n}.example")
        post.start()
        await post.quiet()
        self.assertEqual(len(self.peer.messages), 10)

    async def test_tarpits_do_not_take_all_connections_for_long(self):
        post = await self.post(connections=2)
        tarpit = post.peer("a.example", "b.example", "c.example", address="127.0.0.8")
        tarpit.silent_at = "GREETING"
        for name in ("a", "b", "c"):
            await post.queue(f"u@{name}.example", destination=f"{name}.example")
        post.start()
        while len(tarpit.open) < 2:
            await post.turns(1)
        await post.queue()
        await post.turns(50)
        self.assertEqual((len(tarpit.open), len(self.peer.messages)), (2, 0))
        for _ in range(35):
            post.clock.advance(1)
            await post.turns(10)
        self.assertEqual((len(tarpit.open), len(self.peer.messages)), (3, 1))

    async def test_hosts_that_never_greet_hold_up_nobody(self):
        """60 destinations on as many networks, with room for 50."""
        post = await self.post()
        for n in range(60):
            silent = post.peer(f"s{n}.example", address=f"127.1.{n}.1")
            silent.silent_at = "GREETING"
            await post.queue(f"u@s{n}.example", destination=f"s{n}.example")
        post.start()
        await post.turns(300)
        self.assertEqual(sum(len(peer.open) for peer in post.peers), 50)
        trace = await post.queue()
        for _ in range(11):
            post.clock.advance(0.1)
            await post.turns(20)
        self.assertEqual(len(self.peer.messages), 1)
        self.assertEqual(await post.stages(trace), ["connected", "sent"])
        await self.seconds(post, 61)  # they are given up one by one, and wait for their next turn
        self.assertEqual(sum(len(peer.open) for peer in post.peers[1:]), 0)
        items = await post.items()
        self.assertEqual(
            {item.last_error for item in items}, {"451 4.4.2 Timed out while waiting for the greeting"}
        )
        self.assertEqual({item.attempts for item in items}, {1})

    async def test_a_destination_that_did_not_greet_the_last_time_takes_nobody_s_place(self):
        post = await self.post(connections=4, connecting_per_network=100, schedule=(300.0,))
        silent = post.peer(*(f"s{n}.example" for n in range(20)), address="127.0.0.8")
        silent.silent_at = "GREETING"
        for n in range(20):
            await post.queue(f"u@s{n}.example", destination=f"s{n}.example")
        post.start()
        await self.seconds(post, 200)
        self.assertEqual({item.attempts for item in await post.items()}, {1})
        silent.most_open = 0
        while len(silent.open) < 4:
            await self.seconds(post, 1)
        await self.seconds(post, 20)
        self.assertEqual(silent.most_open, 4)
        await post.queue()
        await self.seconds(post, 1)
        await post.turns(100)
        self.assertEqual(len(self.peer.messages), 1)

    async def test_one_machine_behind_many_domains_has_a_share_of_connections(self):
        post = await self.post(connecting_per_network=3)
        silent = post.peer(*(f"s{n}.example" for n in range(20)), address="127.0.1.8")
        silent.silent_at = "GREETING"
        for n in range(20):
            await post.queue(f"u@s{n}.example", destination=f"s{n}.example")
        await post.queue()
        post.start()
        await self.seconds(post, 30)
        self.assertEqual((silent.most_open, len(self.peer.messages)), (3, 1))
        self.assertEqual({item.attempts for item in await post.items()}, {0})
        await self.seconds(post, 600)
        self.assertEqual(silent.most_open, 3)
        self.assertEqual({item.attempts for item in await post.items() if item.attempts}, {1, 2})

    async def seconds(self, post: Post, count: int) -> None:
        for _ in range(count):
            post.clock.advance(1)
            await post.turns(5)

    async def test_a_rate_per_destination_is_kept(self):
        post = await self.post(per_second_per_destination=0.5, connections_per_destination=1)
        for _ in range(4):
            await post.queue()
        post.start()
        for second in range(7):
            await post.turns(100)
            self.assertEqual(len(self.peer.messages), second // 2 + 1)
            post.clock.advance(1)
        await post.quiet()

    async def test_more_than_a_hundred_recipients_go_in_several_transactions(self):
        post = await self.post()
        await post.queue(*[f"u{n}@y.example" for n in range(250)])
        post.start()
        await post.quiet()
        self.assertEqual([len(m.recipients) for m in self.peer.messages], [100, 100, 50])
        self.assertEqual(await post.items(), [])

    async def test_a_smart_host_gets_the_mail_of_all_domains(self):
        post = Post()
        self.peer = post.peer()
        post.settings["smarthost"] = f"127.0.0.1:{self.peer.port}"
        self.addCleanup(lambda: Deferred.fromCoroutine(post.close()))
        await post.open()
        for n in range(5):
            await post.queue(f"u@d{n}.example", destination=f"d{n}.example")
        post.start()
        await post.quiet()
        self.assertEqual(len(self.peer.messages), 5)
        self.assertLessEqual(self.peer.most_open, 5)

    async def test_the_whole_way_with_questions_over_the_wire(self):
        names = await DnsPeer(reactor).start()
        self.addCleanup(lambda: Deferred.fromCoroutine(names.stop()))
        post = Post()
        self.peer = post.peer()
        self.addCleanup(lambda: Deferred.fromCoroutine(post.close()))
        post.resolver = StubResolver(reactor, [names.address], random=Random(1))
        await post.open()
        names.zone["y.example", "MX"] = ["10 mx.y.example.", "5 dead.y.example."]
        names.host("mx.y.example", "127.0.0.1")
        names.host("dead.y.example", "127.0.0.7")
        await post.queue()
        await post.queue("u@nowhere.example", destination="nowhere.example")
        post.start()
        await post.quiet()
        self.assertEqual([m.content for m in self.peer.messages], [LETTER])
        (report,) = await post.inbox()
        self.assertEqual(status(report)[1]["Status"], "5.1.2")

    # -- hosts ---------------------------------------------------------------------------------------

    async def test_the_next_host_is_tried_when_the_first_cannot_be_reached_or_is_busy(self):
        for case in ("refused", "GREETING", "421"):
            post = await self.post()
            post.zone.records["y.example", "MX"] = [(10, "dead.y.example"), (20, "mx.y.example")]
            if case == "refused":
                post.zone.records["dead.y.example", "A"] = ["127.0.0.7"]
            else:
                first = post.peer("dead.y.example", address="127.0.0.8")
                first.drop_at = case
                first.replies = {"GREETING": ["421 4.3.2 busy"]} if case == "421" else {}
            await post.queue()
            post.start()
            await post.quiet()
            self.assertEqual(len(self.peer.messages), 1, case)
            self.assertEqual(await post.items(), [])

    async def test_a_host_that_turns_out_to_be_us_is_a_loop(self):
        post = await self.post()
        self.peer.replies["NAME"] = ["MX.x.example hello"]
        await post.queue()
        post.start()
        await post.quiet()
        (report,) = await post.inbox()
        self.assertEqual(status(report)[1]["Status"], "5.4.6")
        self.assertEqual(self.peer.messages, [])

    async def test_a_null_mx_fails_at_once(self):
        post = await self.post()
        post.zone.records["y.example", "MX"] = [(0, "")]
        await post.queue()
        post.start()
        await post.quiet()
        (report,) = await post.inbox()
        self.assertEqual(status(report)[1]["Status"], "5.1.10")
        self.assertIn("accepts no mail at all", report.get_payload()[0].get_payload())

    async def test_a_failing_lookup_is_tried_again(self):
        post = await self.post()
        post.zone.records["y.example", "MX"] = "!"
        trace = await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual(await post.stages(trace), ["deferred"])
        post.zone.records["y.example", "MX"] = [(10, "mx.y.example")]
        await post.until_next_try()
        self.assertEqual(len(self.peer.messages), 1)

    async def test_a_dead_destination_holds_up_nobody(self):
        post = await self.post(connections_per_destination=2)
        post.zone.records["dead.example", "A"] = ["127.0.0.7"]
        for n in range(30):
            await post.queue(f"u{n}@dead.example", destination="dead.example")
        await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual(len(self.peer.messages), 1)
        self.assertEqual({item.attempts for item in await post.items()}, {1})

    # -- trying again ----------------------------------------------------------------------------------

    async def test_deferred_mail_is_tried_by_the_schedule(self):
        post = await self.post(delay_notice=0)
        self.peer.replies["RCPT"] = ["450 4.2.0 later"]
        await post.queue()
        post.start()
        await post.quiet()
        waits = [round(await post.until_next_try()) for _ in range(8)]
        for wait, expected in zip(waits, [300, 900, 1800, 3600, 7200, 14400, 14400, 14400], strict=True):
            self.assertLessEqual(abs(wait - expected), expected * 0.1)
        (item,) = await post.items()
        self.assertEqual((item.attempts, item.last_error), (9, "450 4.2.0 later"))
        del self.peer.replies["RCPT"]
        await post.until_next_try()
        self.assertEqual(len(self.peer.messages), 1)
        self.assertEqual(await post.inbox(), [])

    async def test_each_recipient_has_its_own_fate(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["250 ok", "450 4.2.0 later", "550 5.1.1 no such user", "250 ok"]
        await post.queue("b@y.example", "c@y.example", "d@y.example")
        post.start()
        await post.quiet()
        (item,) = await post.items()
        self.assertEqual(
            [r.outcome for r in item.item.recipients], [Outcome.DELIVERED, Outcome.PENDING, Outcome.FAILED]
        )
        (report,) = await post.inbox()
        self.assertEqual([g["Final-Recipient"] for g in status(report)[1:]], ["rfc822; d@y.example"])
        await post.until_next_try()
        self.assertEqual([m.recipients for m in self.peer.messages],
                         [["RCPT TO:<b@y.example>"], ["RCPT TO:<c@y.example>"]])  # fmt: skip
        self.assertEqual(await post.items(), [])

    async def test_after_four_hours_the_sender_is_told_once_that_it_takes_long(self):
        post = await self.post()
        self.peer.replies["MAIL"] = ["451 4.3.0 not now"]
        trace = await post.queue()
        post.start()
        await post.quiet()
        while post.clock.seconds() < START + 4 * HOUR - 1:
            self.assertEqual(await post.inbox(), [])
            await post.until_next_try()
        (report,) = await post.inbox()
        self.assertLess(post.clock.seconds(), START + 4 * HOUR + 5)
        group = status(report)[1]
        self.assertEqual((group["Action"], group["Status"]), ("delayed", "4.3.0"))
        self.assertIn("Will-Retry-Until", group)
        for _ in range(3):
            await post.until_next_try()
        self.assertEqual(len(await post.inbox()), 1)
        self.assertIn("notified", await post.stages(trace))

    async def test_after_five_days_it_is_given_up_and_the_sender_told(self):
        post = await self.post(delay_notice=0)
        self.peer.replies["MAIL"] = ["451 4.3.0 not now"]
        await post.queue()
        post.start()
        await post.quiet()
        while await post.items():
            await post.until_next_try()
        self.assertLess(abs(post.clock.seconds() - START - 5 * DAY), 60)
        (report,) = await post.inbox()
        self.assertEqual(status(report)[1]["Action"], "failed")
        self.assertIn("It was tried for 5 days.", report.get_payload()[0].get_payload())

    async def test_a_message_whose_content_was_lost_is_never_sent_empty_and_its_sender_is_told(self):
        post = await self.post(attempts=2, delay_notice=0)
        for ret in ("", "FULL"):
            await post.queue(message=LETTER + b"0123456789\r\n" * 10_000 + ret.encode(), ret=ret)
        for queued in await post.items():
            os.remove(post.store.files().path(queued.blob))
        post.start()
        await post.quiet()
        while await post.items():
            await post.until_next_try()
        self.assertEqual(self.peer.messages, [])
        reports = await post.inbox()
        self.assertEqual([status(each)[1]["Action"] for each in reports], ["failed", "failed"])

    async def test_a_cap_on_attempts_is_kept(self):
        post = await self.post(attempts=3)
        self.peer.replies["MAIL"] = ["451 4.3.0 not now"]
        await post.queue()
        post.start()
        await post.quiet()
        await post.until_next_try()
        self.assertEqual(await post.inbox(), [])
        await post.until_next_try()
        self.assertEqual((len(await post.inbox()), await post.items()), (1, []))

    async def test_held_mail_waits_for_its_time(self):
        post = await self.post()
        await post.queue(due=START + DAY)
        post.start()
        await post.quiet()
        self.assertEqual(self.peer.connections, 0)
        await post.until_next_try()
        self.assertEqual((len(self.peer.messages), post.clock.seconds() // DAY), (1, (START + DAY) // DAY))

    async def test_the_timeline_names_the_hosts_that_took_nothing(self):
        post = await self.post()
        post.zone.records["y.example", "MX"] = [
            (10, "dead.y.example"),
            (15, "busy.y.example"),
            (20, "mx.y.example"),
        ]
        post.zone.records["dead.y.example", "A"] = ["127.0.0.7"]
        busy = post.peer("busy.y.example", address="127.0.0.8")
        busy.replies["GREETING"] = ["554 5.7.1 Not from you"]
        trace = await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual(await post.stages(trace), ["unreached", "unreached", "connected", "sent"])
        dead, refused, _, _ = [step.detail for step in await post.timeline(trace)]
        port = self.peer.port
        self.assertEqual(dead["host"], f"dead.y.example [127.0.0.7]:{port}")
        self.assertTrue(dead["reply"].startswith("451 4.4.1 dead.y.example [127.0.0.7]: "))
        self.assertEqual(
            refused, {"host": f"busy.y.example [127.0.0.8]:{port}", "reply": "554 5.7.1 Not from you"}
        )
        post.zone.records["y.example", "MX"] = [(10, "dead.y.example")]
        await post.later(10)
        trace = await post.queue()
        await post.quiet()
        self.assertEqual(await post.stages(trace), ["unreached", "deferred"])

    async def test_who_bounced_is_suggested_less(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["550 5.1.1 No such user", "550 5.7.1 Not from you"]
        for address in ("B@y.example", "c@y.example", "nobody@x.example"):
            await post.credit(address)
        await post.queue("b@Y.example")
        await post.queue("c@y.example")
        await post.queue("nobody@x.example", destination="local")
        post.start()
        await post.quiet()
        self.assertEqual(await post.items(), [])
        found = await post.store.mail.correspondents(post.alice.id, "", 10)
        self.assertEqual([one.address for one in found], ["c@y.example"])

    async def test_held_mail_credits_its_writer_with_the_reader(self):
        post = await self.post()
        bob = await post.store.accounts.create_account("bob@x.example", "Bob", NOBODY)
        await post.queue("bob@x.example", "alice@x.example", destination="local", due=post.now() + 10)
        post.start()
        await post.later(11)
        (found,) = await post.store.mail.correspondents(bob.id, "", 10)
        self.assertEqual((found.address, found.name, found.received), ("alice@x.example", "Alice", 1))
        self.assertEqual(await post.store.mail.correspondents(post.alice.id, "", 10), [])

    async def test_a_hold_ends_to_the_second(self):
        post = await self.post()
        await post.queue(due=post.now() + 10)
        post.start()
        await post.later(9.9)
        self.assertEqual(self.peer.messages, [])
        await post.later(0.2)
        self.assertEqual(len(self.peer.messages), 1)

    # -- reports -----------------------------------------------------------------------------------------

    async def test_a_failure_is_reported_to_the_sender_here(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["550 5.1.1 No such user"]
        trace = await post.queue()
        post.start()
        await post.quiet()
        (report,) = await post.inbox()
        self.assertEqual(report["In-Reply-To"], "<lunch@x.example>")
        self.assertEqual(report["Return-Path"], "<>")
        about, bob = status(report)
        self.assertEqual(about["Reporting-MTA"], "dns; mx.x.example")
        self.assertEqual(bob["Diagnostic-Code"], "smtp; 550 5.1.1 No such user")
        self.assertEqual(bob["Remote-MTA"], "dns; mx.y.example")
        self.assertIn(b"Subject: Lunch", report.get_payload()[2].get_payload(decode=True))
        self.assertEqual(await post.stages(trace), ["connected", "failed", "notified"])
        self.assertEqual(await post.items(), [])

    async def test_a_report_joins_the_conversation_of_the_message_it_is_about(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["550 5.1.1 No such user"]
        sent = await post.keep_sent(LETTER)
        await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual(await post.threads(), {sent.thread})

    async def test_a_failure_is_reported_to_a_sender_elsewhere_by_mail_without_sender(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["550 5.1.1 No such user", "250 ok"]
        await post.queue(sender="zoe@z.example", account=None)
        post.zone.records["z.example", "A"] = ["127.0.0.1"]
        post.start()
        await post.quiet()
        (report,) = self.peer.messages
        self.assertTrue(report.mail.startswith("MAIL FROM:<> "))
        self.assertTrue(report.recipients[0].startswith("RCPT TO:<zoe@z.example> NOTIFY=NEVER"))

    async def test_a_report_is_never_reported_on(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["550 5.1.1 No such user"]
        await post.queue(sender="")
        post.start()
        await post.quiet()
        self.assertEqual((await post.items(), await post.inbox()), ([], []))

    async def test_who_wants_no_report_gets_none(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["550 5.1.1 No such user"]
        await post.queue(QueueRecipient("b@y.example", notify="NEVER"))
        post.start()
        await post.quiet()
        self.assertEqual((await post.items(), await post.inbox()), ([], []))

    async def test_ret_full_returns_the_message_and_the_default_its_header(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["550 5.1.1 No such user"]
        await post.queue(ret="FULL", envid="e1")
        await post.queue()
        post.start()
        await post.quiet()
        full, header = await post.inbox()
        self.assertEqual(full.get_payload()[2].get_payload()[0].get_payload(), "At noon?\r\n")
        self.assertEqual(status(full)[0]["Original-Envelope-Id"], "e1")
        self.assertNotIn("At noon", header.as_string())

    async def test_success_is_passed_on_where_the_next_host_can_report_it(self):
        post = await self.post()
        await post.queue(QueueRecipient("b@y.example", notify="SUCCESS", original="rfc822;b@y.example"))
        post.start()
        await post.quiet()
        self.assertEqual(
            self.peer.messages[0].recipients,
            ["RCPT TO:<b@y.example> NOTIFY=SUCCESS ORCPT=rfc822;b@y.example"],
        )
        self.assertEqual(await post.inbox(), [])

    async def test_success_is_reported_as_relayed_where_the_next_host_cannot(self):
        post = await self.post()
        self.peer.offers = ["PIPELINING"]
        await post.queue(QueueRecipient("b@y.example", notify="SUCCESS,FAILURE"))
        post.start()
        await post.quiet()
        (report,) = await post.inbox()
        self.assertEqual(status(report)[1]["Action"], "relayed")

    # -- honesty -----------------------------------------------------------------------------------------

    async def test_international_mail_is_not_bent_for_a_server_that_cannot_take_it(self):
        post = await self.post()
        await post.queue("bü@y.example", utf8=True)
        post.start()
        await post.quiet()
        (report,) = await post.inbox()
        self.assertEqual(status(report)[1]["Status"], "5.6.7")
        self.assertEqual(self.peer.messages, [])

    async def test_an_international_domain_goes_out_in_a_labels_to_any_server(self):
        post = await self.post()
        await post.queue("b@bücher.y.example")
        post.start()
        await post.quiet()
        self.assertEqual(self.peer.messages[0].recipients, ["RCPT TO:<b@xn--bcher-kva.y.example>"])
        self.assertNotIn("SMTPUTF8", self.peer.messages[0].mail)

    async def test_requiretls_goes_only_by_verified_tls(self):
        context, certificate = self_signed("mx.y.example")
        post = await self.post(trust=certificate)
        self.peer.tls = context
        self.peer.offers += ["STARTTLS", "REQUIRETLS"]
        trace = await post.queue(require_tls=True)
        post.start()
        await post.quiet()
        self.assertTrue(self.peer.messages[0].tls)
        self.assertIn("REQUIRETLS", self.peer.messages[0].mail)
        self.assertEqual(
            (await post.timeline(trace))[0].detail["security"], "verified by certificate (REQUIRETLS)"
        )

    async def test_a_large_receivers_refusal_comes_with_what_helps(self):
        post = await self.post()
        self.peer.replies["END"] = ["550 5.7.26 This mail has been blocked: the sender is unauthenticated"]
        trace = await post.queue()
        post.start()
        await post.quiet()
        failed = next(e for e in await post.timeline(trace) if e.stage is Stage.FAILED)
        self.assertIn("SPF and DKIM records", failed.detail["remedy"])
        (report,) = await post.inbox()
        text = " ".join(report.get_payload()[0].get_payload().split())
        self.assertIn("only from domains that prove it is theirs", text)
        self.assertIn("said: 550 5.7.26 This mail", text)

    async def test_requiretls_without_tls_fails_honestly(self):
        post = await self.post()
        await post.queue(require_tls=True)
        post.start()
        await post.quiet()
        (report,) = await post.inbox()
        self.assertEqual(status(report)[1]["Status"], "5.7.10")

    # -- mail that stays here ------------------------------------------------------------------------------

    async def test_held_mail_for_people_here_is_delivered_when_its_time_comes(self):
        post = await self.post()
        trace = await post.queue("alice@x.example", destination="local", due=START + HOUR)
        post.start()
        await post.quiet()
        self.assertEqual(await post.inbox(), [])
        await post.until_next_try()
        (letter,) = await post.inbox()
        self.assertEqual(letter["Subject"], "Lunch")
        self.assertIn("delivered", await post.stages(trace))
        self.assertEqual(await post.items(), [])

    async def test_held_mail_for_nobody_here_is_reported(self):
        post = await self.post()
        await post.queue("gone@x.example", "alice@x.example", destination="local")
        post.start()
        await post.quiet()
        first, second = await post.inbox()
        report = first if first.is_multipart() else second
        self.assertEqual(status(report)[1]["Final-Recipient"], "rfc822; gone@x.example")
        self.assertEqual(status(report)[1]["Status"], "5.1.1")

    async def test_held_mail_for_a_forward_goes_on(self):
        post = await self.post()
        await post.alias("list@x.example", "bob@y.example")
        await post.queue("list@x.example", destination="local")
        post.start()
        await post.quiet()
        self.assertTrue(self.peer.messages[0].recipients[0].startswith("RCPT TO:<bob@y.example>"))

    # -- at least once, twice at most at one moment ---------------------------------------------------------

    async def test_a_connection_lost_at_any_moment_loses_nothing(self):
        for moment in ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"):
            post = await self.post()
            self.peer.drop_at, self.peer.drops = moment, 1
            trace = await post.queue()
            post.start()
            await post.quiet()
            self.assertEqual(self.peer.messages, [], moment)
            self.assertEqual((await post.stages(trace))[-1], "deferred", moment)
            await post.until_next_try()
            self.assertEqual(len(self.peer.messages), 1, moment)
            self.assertEqual(await post.items(), [])

    async def test_what_was_answered_for_is_settled_before_the_next_message_is_begun(self):
        post = await self.post(connections_per_destination=1)
        for _ in range(5):
            await post.queue()
        seen = []
        reply = self.peer.reply

        def look(command: str, default: str) -> str:
            if command == "MAIL":
                Deferred.fromCoroutine(post.items()).addCallback(lambda items: seen.append(len(items)))
            return reply(command, default)

        self.peer.reply = look
        post.start()
        await post.quiet()
        self.assertEqual(seen, [5, 4, 3, 2, 1])

    async def test_a_dead_process_s_items_are_taken_over_and_what_it_settled_is_not_sent_again(self):
        post = await self.post()
        await post.queue("b@y.example", "c@y.example")
        (lease,) = await post.store.queue.lease("y.example", post.clock.seconds(), 120, 5)
        first, second = lease.item.item.recipients
        post.start()  # the other process holds it
        await post.quiet()
        self.assertEqual(self.peer.messages, [])
        done = replace(first, outcome=Outcome.DELIVERED)
        await post.store.queue.settle(lease, Settlement((done, second), due=post.clock.seconds()))
        await post.later(1)
        self.assertEqual([m.recipients for m in self.peer.messages], [["RCPT TO:<c@y.example>"]])

    async def test_a_commit_that_fails_is_tried_again_and_the_message_is_not(self):
        post = await self.post()
        await post.queue()
        settle, failures = post.store.queue.settle, [1, 2]

        def fail_twice(lease, settlement):
            if failures:
                raise OSError(f"disk {failures.pop()}")
            return settle(lease, settlement)

        self.patch(post.store.queue, "settle", fail_twice)
        post.start()
        for _ in range(200):
            await post.turns(2)
            post.clock.advance(0.1)
        await post.quiet()
        self.assertEqual((len(self.peer.messages), await post.items()), (1, []))

    async def test_a_report_that_cannot_be_made_keeps_the_failure_and_not_the_delivery_open(self):
        post = await self.post()
        self.peer.replies["RCPT"] = ["250 ok", "550 5.1.1 no"]
        await post.queue("b@y.example", "c@y.example")
        attempt = post.sending._attempt
        means = attempt.means
        attempt.means = replace(means, reporter=replace(means.reporter, analyse=lambda data: 1 // 0))
        post.start()
        await post.quiet()
        (item,) = await post.items()
        self.assertEqual([r.outcome for r in item.item.recipients], [Outcome.DELIVERED, Outcome.PENDING])
        attempt.means = means
        await post.until_next_try()
        self.assertEqual((len(self.peer.messages), len(await post.inbox()), await post.items()), (1, 1, []))

    async def test_a_server_that_takes_one_message_per_connection_gets_more_connections(self):
        post = await self.post()
        self.peer.offers += ["LIMITS MAILMAX=1 RCPTMAX=2"]
        await post.queue(*[f"u{n}@y.example" for n in range(5)])
        await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual(sorted(len(m.recipients) for m in self.peer.messages), [1, 1, 2, 2])
        self.assertEqual(self.peer.connections, 4)

    async def test_a_stopped_service_finishes_what_it_began_and_begins_nothing_new(self):
        post = await self.post(connections_per_destination=1)
        for _ in range(3):
            await post.queue()
        self.peer.silent_at = "DATA"
        post.start()
        while not any(command == "DATA" for command in self.peer.commands):
            await post.turns(1)
        stopped = post.sending.stopService()
        self.assertFalse(stopped.called)
        (session,) = self.peer.open
        self.peer.silent_at = ""
        session.in_data = True
        session.say("354 go on")
        await stopped
        self.assertEqual(len(self.peer.messages), 1)
        items = await post.items()
        self.assertEqual([(i.attempts, i.leased_until) for i in items], [(0, 0.0)] * 2)

    async def test_a_connection_that_is_not_yet_made_does_not_hold_up_the_stop(self):
        post = await self.post()
        await post.queue()
        self.peer.silent_at = "GREETING"
        post.start()
        while not self.peer.open:
            await post.turns(1)
        await post.sending.stopService()
        (item,) = await post.items()
        self.assertEqual((item.attempts, item.leased_until), (0, 0.0))

    async def test_waiting_for_a_turn_does_not_hold_up_the_stop(self):
        post = await self.post(per_second_per_destination=0.01, connections_per_destination=1)
        await post.queue()
        await post.queue()
        post.start()
        while not self.peer.messages:
            await post.turns(1)
        await post.turns(20)
        await post.sending.stopService()
        self.assertEqual([item.attempts for item in await post.items()], [0])

    async def test_a_transaction_that_does_not_end_is_cut_when_the_service_stops(self):
        post = await self.post()
        await post.queue()
        self.peer.silent_at = "END"
        post.start()
        while not any(command == "DATA" for command in self.peer.commands):
            await post.turns(1)
        stopped = post.sending.stopService()
        await post.turns(20)
        self.assertFalse(stopped.called)
        post.clock.advance(16)
        await stopped
        self.assertEqual(len(await post.items()), 1)

    async def test_a_second_service_over_the_same_queue_sends_nothing_twice(self):
        post = await self.post()
        for _ in range(60):
            await post.queue()
        other = post.make_sending()
        self.addCleanup(other.stopService)
        other.startService()
        post.start()
        await post.quiet()
        while other._lanes:
            await post.turns(1)
        self.assertEqual(len(self.peer.messages), 60)

    async def test_mail_of_a_domain_without_people_waits_for_nothing_here(self):
        post = await self.post()
        await post.store.accounts.put_domain(Domain("empty.example"))
        self.peer.replies["RCPT"] = ["550 5.1.1 no"]
        await post.queue(sender="nobody@empty.example")
        post.start()
        await post.quiet()
        self.assertEqual(await post.items(), [])
