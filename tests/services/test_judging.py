"""Port 25 with all checks: what a client hears, where mail ends, and what its owner is told."""

from mailsys.core.trust.verdict import Action, Reason
from mailsys.ports.accounts import AccountPatch
from mailsys.ports.mailboxes import Role
from mailsys.ports.placements import KeywordChange
from mailsys.services.trust.forwarders import Forwarders
from mailsys.services.trust.inspection import Said
from mailsys.settings import Greylist, Rates
from tests.services.checked import ELSEWHERE, PEER, CheckedCase, letter, publish
from tests.services.trust.makers import sealed, signed

ANN = letter("Ann <ann@friend.example>")
TAGS = b"v=1; a=rsa-sha256; c=relaxed/simple; d=%b; s=s; h=from:subject"


class OwnDomainTests(CheckedCase):
    """W-6 of the system before this one: both were taken and shown like any other mail."""

    async def test_an_envelope_sender_of_ours_from_a_stranger_is_refused_before_data(self):
        await self.checked()
        for sender in ("alice@example.com", "Alice@EXAMPLE.com", "a-b_c@xn--bcher-kva.example"):
            said = self.dial().say(f"MAIL FROM:<{sender}>\r\n".encode())
            self.assertRegex(said, rb"\A550 5\.7\.1 .*did not come from us: sign in")

    async def test_it_is_taken_where_spf_of_our_domain_lets_the_peer_send(self):
        await self.checked()
        publish(self.dns, "example.com")
        said = self.send(letter("Alice <alice@example.com>"), "alice@example.com")
        self.assertEqual(said[:3], b"250")

    async def test_it_is_put_off_when_the_dns_fails(self):
        await self.checked()
        self.dns.broken.add(("example.com", "TXT"))
        self.assertEqual(self.dial().say(b"MAIL FROM:<alice@example.com>\r\n")[:10], b"451 4.7.24")

    async def test_an_author_of_ours_is_refused_after_data_and_told_why(self):
        await self.checked()
        said = self.send(letter("The Boss <alice@example.com>"))
        self.assertRegex(said, rb"\A550 5\.7\.1 example\.com in the From field is ours, .*sign in to send")
        step = await self.judged(said)
        self.assertEqual(step.account, self.house.bob.id)
        self.assertEqual(step.detail["action"], "refuse")
        self.assertEqual(await self.mail_in(Role.INBOX), [])

    async def test_a_list_that_leaves_our_signature_whole_brings_our_mail_back(self):
        await self.checked()
        publish(self.dns, "example.com", "reject", peer="203.0.113.1")
        message = signed(letter("Alice <alice@example.com>"), TAGS % b"example.com")
        self.assertEqual(self.send(message, "list-bounces@friend.example")[:3], b"250")

    async def test_a_list_that_rewrites_is_believed_when_its_seals_are_or_somebody_lists_it(self):
        message = letter("Alice <alice@example.com>", "[list] Hi")
        results = b"friend.example; dmarc=pass header.from=example.com"
        chained = sealed(message, b"i=1; d=friend.example; s=s", results, b"none")
        await self.checked()
        self.assertEqual(self.send(chained)[:3], b"550")
        await self.checked(trusted_sealers=("friend.example",))
        self.assertEqual(self.send(chained)[:3], b"250")
        await self.checked()
        await Forwarders(self.house.store.objects).put(self.house.bob.id, ["friend.example"])
        self.assertEqual(self.send(message)[:3], b"250")
        self.assertEqual(self.send(message, "ann@friend.example", "carol@example.org")[:3], b"550")
        self.assertEqual(self.send(message, "alice@example.com")[:3], b"250")

    async def test_programs_on_this_machine_may_send_as_us(self):
        await self.checked()
        said = self.send(letter("cron <root@example.com>"), "root@example.com", peer="127.0.0.1")
        self.assertEqual(said[:3], b"250")

    async def test_without_that_right_not_even_they(self):
        await self.checked(may_send_as_us=())
        said = self.dial("127.0.0.1").say(b"MAIL FROM:<root@example.com>\r\n")
        self.assertEqual(said[:9], b"550 5.7.1")
        said = self.send(letter("cron <root@example.com>"), peer="127.0.0.1")
        self.assertEqual(said[:9], b"550 5.7.1")


class DmarcTests(CheckedCase):
    """Scenario 7: pass, fail, and each policy, with and without alignment."""

    async def test_reject_is_obeyed_and_the_reply_names_the_remedy(self):
        await self.checked()
        said = self.send(ANN, "x@elsewhere.example", peer=ELSEWHERE)
        self.assertRegex(
            said, rb"\A550 5\.7\.26 Refused by the DMARC policy of friend\.example: .*let .* sign"
        )

    async def test_spf_that_passes_for_another_domain_does_not_help(self):
        await self.checked()
        publish(self.dns, "evil.example", peer=ELSEWHERE)
        self.assertEqual(self.send(ANN, "x@evil.example", peer=ELSEWHERE)[:10], b"550 5.7.26")

    async def test_a_signature_of_another_domain_does_not_help(self):
        await self.checked()
        publish(self.dns, "evil.example", peer=ELSEWHERE)
        message = signed(ANN, TAGS % b"evil.example")
        self.assertEqual(self.send(message, "x@evil.example", peer=ELSEWHERE)[:10], b"550 5.7.26")

    async def test_aligned_spf_passes(self):
        await self.checked()
        self.assertEqual(self.send(ANN)[:3], b"250")
        [verdict] = await self.verdicts()
        self.assertIs(verdict.action, Action.INBOX)
        self.assertEqual(verdict.reasons[0].code, "dmarc-passed")

    async def test_an_aligned_signature_passes_from_anywhere(self):
        await self.checked()
        message = signed(ANN, TAGS % b"friend.example")
        self.assertEqual(self.send(message, "x@elsewhere.example", peer=ELSEWHERE)[:3], b"250")

    async def test_quarantine_goes_into_junk_and_is_explained_everywhere(self):
        await self.checked()
        publish(self.dns, "friend.example", "quarantine")
        said = self.send(ANN, "x@elsewhere.example", peer=ELSEWHERE)
        self.assertEqual(said[:3], b"250")
        [stored] = await self.mail_in(Role.JUNK)
        self.assertEqual(await self.mail_in(Role.INBOX), [])
        head = b"Return-Path: <x@elsewhere.example>\r\nAuthentication-Results: mx.example.com;\r\n"
        self.assertTrue(stored.startswith(head), stored)
        self.assertIn(b"dmarc=fail (p=quarantine)", stored)
        self.assertIn(b"\r\nX-Mailsys-Verdict: junk; score=", stored)
        self.assertTrue(stored.endswith(ANN))
        [verdict] = await self.verdicts()
        self.assertEqual((verdict.action, verdict.reasons[0].code), (Action.JUNK, "dmarc-quarantine"))
        step = await self.judged(said)
        self.assertEqual((step.account, step.detail["action"]), (self.house.bob.id, "junk"))
        self.assertTrue(step.detail["reason"].startswith("Put into Junk: friend.example asks"))

    async def test_none_is_delivered_with_a_warning(self):
        await self.checked()
        publish(self.dns, "friend.example", "none")
        self.assertEqual(self.send(ANN, "x@elsewhere.example", peer=ELSEWHERE)[:3], b"250")
        [verdict] = await self.verdicts()
        self.assertIs(verdict.action, Action.INBOX)
        self.assertIn("dmarc-failed", [one.code for one in verdict.warnings])

    async def test_a_chain_of_trusted_seals_and_a_listed_forwarder_say_otherwise(self):
        await self.checked(trusted_sealers=("relay.example",))
        publish(self.dns, "relay.example", peer=ELSEWHERE)
        results = b"relay.example; dmarc=pass header.from=friend.example"
        chained = sealed(ANN, b"i=1; d=relay.example; s=s", results, b"none")
        self.assertEqual(self.send(chained, "x@relay.example", peer=ELSEWHERE)[:3], b"250")
        failed = results.replace(b"pass", b"fail")
        chained = sealed(ANN, b"i=1; d=relay.example; s=s", failed, b"none")
        self.assertEqual(self.send(chained, "x@relay.example", peer=ELSEWHERE)[:3], b"550")
        await self.checked(forwarders=("relay.example",))
        publish(self.dns, "relay.example", peer=ELSEWHERE)
        self.assertEqual(self.send(ANN, "x@relay.example", peer=ELSEWHERE)[:3], b"250")

    async def test_of_two_recipients_with_different_outcomes_one_gets_it_as_junk(self):
        await self.checked()
        publish(self.dns, "relay.example", peer=ELSEWHERE)
        await Forwarders(self.house.store.objects).put(self.house.bob.id, ["relay.example"])
        both = ("bob@example.com", "carol@example.org")
        self.assertEqual(self.send(ANN, "x@relay.example", *both, peer=ELSEWHERE)[:3], b"250")
        [stored] = await self.mail_in(Role.INBOX)
        self.assertNotIn(b"X-Mailsys-Verdict", stored)  # it would tell one of the other
        self.assertEqual(len(await self.mail_in(Role.JUNK, self.house.carol)), 1)
        [verdict] = await self.verdicts(self.house.carol)
        self.assertEqual((verdict.action, verdict.reasons[0].code), (Action.JUNK, "dmarc-reject"))
        self.assertEqual(self.send(ANN, "x@relay.example", both[1], peer=ELSEWHERE)[:3], b"550")

    async def test_what_would_be_refused_is_not_forwarded(self):
        await self.checked()
        await self.house.forward("both@example.com", "out@far.example", keep=self.house.bob)
        publish(self.dns, "relay.example", peer=ELSEWHERE)
        await Forwarders(self.house.store.objects).put(self.house.bob.id, ["relay.example"])
        self.assertEqual(self.send(ANN, "x@relay.example", "both@example.com", peer=ELSEWHERE)[:3], b"250")
        self.assertEqual(await self.house.queued(), {})

    async def test_it_need_not_be_obeyed(self):
        await self.checked(obey_dmarc=False)
        self.assertEqual(self.send(ANN, "x@elsewhere.example", peer=ELSEWHERE)[:3], b"250")


class PassingFailureTests(CheckedCase):
    async def test_spf_that_cannot_be_looked_up_is_put_off(self):
        await self.checked()
        self.dns.broken.add(("friend.example", "TXT"))
        self.dns.records.pop(("_dmarc.friend.example", "TXT"))
        self.assertRegex(self.send(ANN), rb"\A451 4\.7\.24 SPF of friend\.example could not be looked up")

    async def test_a_policy_that_cannot_be_looked_up_is_put_off(self):
        await self.checked()
        self.dns.broken.add(("_dmarc.friend.example", "TXT"))
        said = self.send(ANN, "x@elsewhere.example", peer=ELSEWHERE)
        self.assertRegex(said, rb"\A451 4\.7\.0 DMARC of friend\.example could not be looked up")

    async def test_a_key_that_cannot_be_looked_up_is_put_off_where_it_would_decide(self):
        await self.checked()
        self.dns.broken.add(("s._domainkey.friend.example", "TXT"))
        message = signed(ANN, TAGS % b"friend.example")
        self.assertEqual(self.send(message, "x@elsewhere.example", peer=ELSEWHERE)[:3], b"451")
        self.assertEqual(self.send(message)[:3], b"250")  # SPF passes, and is aligned

    async def test_it_costs_nobody_his_good_name(self):
        await self.checked(failures_per_network=1)
        self.dns.broken.add(("friend.example", "TXT"))
        for _ in range(5):
            self.assertEqual(self.send(ANN)[:3], b"451")
        self.dns.broken.clear()
        self.assertEqual(self.send(ANN)[:3], b"250")


class BlockTests(CheckedCase):
    async def test_repeated_failures_lead_to_a_block_that_ends_by_itself(self):
        await self.checked(failures_per_network=2, blocked_for=3600.0)
        said = [self.send(ANN, "x@elsewhere.example", peer=ELSEWHERE)[:3] for _ in range(3)]
        self.assertEqual(said, [b"550", b"550", b"421"])

        def greeted(address: str) -> bytes:
            self.dial(address)
            return self.greeting[:9]

        self.assertEqual(greeted(ELSEWHERE), b"421 4.7.0")
        self.assertEqual(greeted("198.51.100.200"), b"421 4.7.0")  # its network
        self.assertEqual(greeted(PEER)[:3], b"220")
        self.house.clock.advance(3600)
        self.assertEqual(greeted(ELSEWHERE)[:3], b"220")


class PathTests(CheckedCase):
    async def test_a_computer_without_a_name_speaks_against_a_message_that_nobody_vouches_for(self):
        await self.checked()
        for peer, code in ((ELSEWHERE, "address-unnamed"), ("198.51.100.10", "address-mismatch")):
            if code == "address-mismatch":
                self.dns.records["10.100.51.198.in-addr.arpa", "PTR"] = ["mx.friend.example"]
            self.send(letter("Eve <eve@some.example>"), "eve@some.example", peer=peer)
            self.assertIn(code, [one.code for one in (await self.verdicts())[-1].reasons])

    async def test_nor_does_a_name_help_or_hurt_where_somebody_vouches(self):
        await self.checked()
        self.dns.records.pop(("1.2.0.192.in-addr.arpa", "PTR"))
        self.send(ANN)
        [verdict] = await self.verdicts()
        self.assertEqual([one.code for one in verdict.reasons], ["dmarc-passed", "first-contact"])


class ResultsTests(CheckedCase):
    async def test_results_that_claim_to_be_ours_are_taken_out(self):
        await self.checked()
        forged = "Authentication-Results: mx.example.com; dmarc=pass header.from=bank.example\r\n"
        other = "Authentication-Results: mx.friend.example; spf=pass\r\n"
        self.assertEqual(self.send(letter("Ann <ann@friend.example>", more=forged + other))[:3], b"250")
        [stored] = await self.mail_in(Role.INBOX)
        self.assertEqual(stored.count(b"Authentication-Results: mx.example.com;"), 1)
        self.assertNotIn(b"bank.example", stored)
        self.assertIn(other.encode(), stored)

    async def test_a_large_message_gets_them_in_front_as_well(self):
        await self.checked()
        message = letter("Ann <ann@friend.example>") + b"0123456789\r\n" * 30000
        self.assertEqual(self.send(message)[:3], b"250")
        [stored] = await self.mail_in(Role.INBOX)
        self.assertIn(b">\r\nAuthentication-Results: mx.example.com;", stored[:100])
        self.assertTrue(stored.endswith(message))
        self.assertEqual(stored.count(b"Return-Path"), 1)
        self.assertEqual(await self.house.mail.integrity(), [])

    async def test_peers_that_are_exempt_are_not_looked_up(self):
        await self.checked()
        self.assertEqual(self.send(ANN, peer="127.0.0.1")[:3], b"250")
        self.assertEqual(self.dns.asked, [])
        [stored] = await self.mail_in(Role.INBOX)
        self.assertNotIn(b"Authentication-Results", stored)


class ListTests(CheckedCase):
    trust = {"address_lists": ("dnsbl.example=6",), "domain_lists": ("dbl.example=6",)}  # noqa: RUF012

    async def checked(self, **given):
        await super().checked(**given)
        self.list("2.0.0.127.dnsbl.example", "test.dbl.example")

    def list(self, *names: str) -> None:
        for name in names:
            self.dns.records[name, "A"] = ["127.0.0.2"]

    async def test_a_listed_address_is_junk_and_the_list_explains_itself(self):
        await self.checked()
        self.list("9.100.51.198.dnsbl.example")
        self.dns.txt("9.100.51.198.dnsbl.example", b"sends spam, see https://dnsbl.example")
        self.send(letter("Eve <eve@some.example>"), "eve@some.example", peer=ELSEWHERE)
        [verdict] = await self.verdicts()
        self.assertEqual((verdict.action, verdict.reasons[0].code), (Action.JUNK, "listed"))
        self.assertIn("It says: sends spam", verdict.reasons[0].text)

    async def test_a_listed_domain_is_junk(self):
        await self.checked()
        self.list("some.example.dbl.example")
        self.send(letter("Eve <eve@some.example>"), "x@other.example", peer=ELSEWHERE)
        [verdict] = await self.verdicts()
        self.assertIs(verdict.action, Action.JUNK)

    async def test_a_list_that_lists_everything_is_left_out(self):
        await self.checked()
        self.list("1.0.0.127.dnsbl.example", "9.100.51.198.dnsbl.example")
        self.send(letter("Eve <eve@some.example>"), "eve@some.example", peer=ELSEWHERE)
        [verdict] = await self.verdicts()
        self.assertIs(verdict.action, Action.INBOX)

    async def test_one_that_does_not_answer_is_left_out_and_asked_again_later(self):
        await self.checked()
        self.list("9.100.51.198.dnsbl.example")
        self.dns.broken.add("2.0.0.127.dnsbl.example")
        for _ in range(2):
            self.send(letter("Eve <eve@some.example>"), "eve@some.example", peer=ELSEWHERE)
        asked = [name for name, _ in self.dns.asked if name.endswith("dnsbl.example")]
        self.assertEqual(asked, ["2.0.0.127.dnsbl.example"])
        self.dns.broken.clear()
        self.house.clock.advance(601)
        self.send(letter("Eve <eve@some.example>"), "eve@some.example", peer=ELSEWHERE)
        self.assertEqual([one.action for one in await self.verdicts()], [Action.INBOX] * 2 + [Action.JUNK])


class GreylistTests(CheckedCase):
    greylist = Greylist(mode="suspicious", score=1.5, delay=60.0)
    eve = letter("Eve <eve@some.example>")

    async def test_a_suspicious_stranger_has_to_come_again_and_is_known_then(self):
        await self.checked()
        said = self.send(self.eve, "eve@some.example", peer=ELSEWHERE)
        self.assertRegex(said, rb"\A451 4\.7\.1 We do not know you yet: try again in 60 seconds")
        self.house.clock.advance(60)
        self.assertEqual(self.send(self.eve, "eve@some.example", peer=ELSEWHERE)[:3], b"250")
        said = self.send(self.eve, "eve@some.example", "carol@example.org", peer=ELSEWHERE)
        self.assertEqual(said[:3], b"250")

    async def test_who_is_vouched_for_need_not(self):
        await self.checked()
        self.assertEqual(self.send(ANN)[:3], b"250")

    async def test_whom_somebody_writes_to_need_not(self):
        await self.checked()
        await self.house.submit(self.house.bob, "eve@some.example")
        self.assertEqual(self.send(self.eve, "eve@some.example", peer=ELSEWHERE)[:3], b"250")

    async def test_one_recipient_who_knows_him_lets_the_message_in(self):
        await self.checked()
        await self.house.submit(self.house.bob, "eve@some.example")
        both = ("bob@example.com", "carol@example.org")
        self.assertEqual(self.send(self.eve, "eve@some.example", *both, peer=ELSEWHERE)[:3], b"250")


class ReputationTests(CheckedCase):
    async def test_what_people_called_junk_makes_the_next_from_there_suspect(self):
        await self.checked()
        for _ in range(4):
            self.send(ANN)
        [inbox] = [
            box for box in await self.house.mail.mailboxes(self.house.bob.id) if box.role is Role.INBOX
        ]
        emails = (await self.house.mail.snapshot(self.house.bob.id, inbox.id)).emails
        await self.house.mail.set_keywords(
            self.house.bob.id, inbox.id, list(emails), KeywordChange(add="$junk")
        )
        self.house.clock.advance(31)  # what was known is used again for half a minute
        self.send(ANN, "ann@friend.example", "carol@example.org")
        [verdict] = await self.verdicts(self.house.carol)
        found = [one for one in verdict.reasons if one.code == "bad-reputation"]
        self.assertEqual(
            [one.text for one in found], ["Much of what came from ann@friend.example before was junk."]
        )


class WarningTests(CheckedCase):
    async def warned(self, message: bytes) -> dict[str, str]:
        self.assertEqual(self.send(message)[:3], b"250")
        return {one.code: one.text for one in (await self.verdicts())[-1].warnings}

    async def test_a_first_contact_is_told_once(self):
        await self.checked()
        self.assertIn("first-contact", await self.warned(ANN))
        self.assertNotIn("first-contact", await self.warned(ANN))

    async def test_names_that_are_made_to_deceive(self):
        await self.checked()
        await self.house.accounts.change_account(self.house.alice.id, AccountPatch(name="Alice Archer"))
        publish(self.dns, "examp1e.com")
        for author, code in (
            ("Alice Archer <alice@friend.example>", "lookalike-name"),
            ("ARCHER, Alice <a@friend.example>".replace(",", ""), "lookalike-name"),
            ('"service@bank.example" <x@friend.example>', "name-has-address"),
        ):
            self.assertIn(code, await self.warned(letter(author)), author)
        self.send(letter("Bob <bob@examp1e.com>"), "bob@examp1e.com")
        self.assertIn("lookalike-domain", [one.code for one in (await self.verdicts())[-1].warnings])


class OpinionTests(CheckedCase):
    """Content filters and judges outside."""

    async def test_reasons_are_added_and_a_harder_word_counts(self):
        async def filtered(brought):
            return Said(by_account={self.house.bob.id: [Reason("content", "It reads like junk.", 9.0)]})

        await self.checked(opinions=(filtered,))
        both = ("bob@example.com", "carol@example.org")
        self.assertEqual(self.send(ANN, "ann@friend.example", *both)[:3], b"250")
        [verdict] = await self.verdicts()
        self.assertEqual((verdict.action, verdict.reasons[0].code), (Action.JUNK, "content"))
        self.assertEqual(len(await self.mail_in(Role.INBOX, self.house.carol)), 1)

    async def test_one_that_refuses_is_heard(self):
        async def virus(brought):
            reason = Reason("virus", "It carries a virus.")
            return Said([reason], action=Action.REFUSE, reply="550 5.7.1 A virus is in it")

        await self.checked(opinions=(virus,))
        self.assertRegex(self.send(ANN), rb"\A550 5\.7\.1 A virus is in it")
        self.assertEqual(len(await self.mail_in(Role.JUNK)), 1)  # rescued, in case that they are wrong


class PaceTests(CheckedCase):
    rates = Rates(messages_per_minute=4, unknown_recipients_per_hour=4, longest_delay=10.0)

    async def test_who_is_fast_waits_first_and_is_refused_later(self):
        await self.checked()
        line = self.dial()
        self.assertEqual([self.send(ANN, line=line)[:3] for _ in range(4)], [b"250"] * 4)
        self.assertEqual(line.say(b"MAIL FROM:<ann@friend.example>\r\n"), b"")  # held back
        self.house.clock.advance(10)
        self.assertEqual(line.heard()[:3], b"250")
        line.say(b"RSET\r\n")
        for _ in range(2):
            self.assertEqual(line.say(b"MAIL FROM:<ann@friend.example>\r\nRSET\r\n"), b"")
            self.house.clock.advance(10)
            line.heard()
        self.assertEqual(line.say(b"MAIL FROM:<ann@friend.example>\r\n")[:9], b"450 4.7.1")
        self.house.clock.advance(60)
        self.assertEqual(self.send(ANN, line=line)[:3], b"250")

    async def test_who_guesses_at_addresses_waits_and_is_sent_away(self):
        await self.checked()
        line = self.dial()
        line.say(b"MAIL FROM:<ann@friend.example>\r\n")
        for n in range(4):
            self.assertEqual(line.say(f"RCPT TO:<guess{n}@example.com>\r\n".encode())[:9], b"550 5.1.1")
        for n in range(3):
            self.assertEqual(line.say(f"RCPT TO:<more{n}@example.com>\r\n".encode()), b"")
            self.house.clock.advance(10)
            self.assertEqual(line.heard()[:9], b"550 5.1.1")
        self.assertEqual(line.say(b"RCPT TO:<last@example.com>\r\n")[:3], b"421")
        self.assertTrue(line.closed)

    async def test_this_machine_is_not_slowed_down(self):
        await self.checked()
        line = self.dial("127.0.0.1")
        self.assertEqual({self.send(ANN, line=line)[:3] for _ in range(20)}, {b"250"})
