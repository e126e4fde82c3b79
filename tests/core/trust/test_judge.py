"""From evidence to a verdict, without a network: order, exceptions, weights."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.evidence import (
    AddressEvidence,
    ArcEvidence,
    DkimEvidence,
    DmarcEvidence,
    Evidence,
    Policy,
    Signed,
    Spf,
    SpfEvidence,
)
from mailsys.core.trust.explained import REASONS_KEPT, as_value, field, from_json, sentence, to_json
from mailsys.core.trust.judge import WEIGHTS, JudgePolicy, judge
from mailsys.core.trust.lookalike import claimed_address, folded_name, looks_like, mixes_scripts, skeleton
from mailsys.core.trust.verdict import Action, Reason, Verdict

FAILED = DmarcEvidence(Signed.FAIL, "b.test", "b.test", "b.test", Policy.REJECT)
MAIL = Evidence(
    "192.0.2.1", "mx.b.test", "x@c.test", "ann@b.test", "Ann", SpfEvidence(Spf.PASS, "c.test"), dmarc=FAILED
)
OURS = JudgePolicy(is_ours=lambda domain: domain == "a.test", own_domains=("a.test",))


class JudgeTests(SynchronousTestCase):
    def test_a_chain_is_believed_when_all_its_sealers_are_and_the_first_saw_it_pass(self):
        chain = ArcEvidence(Signed.PASS, ("two.test", "one.test"), 0, "", Signed.PASS)
        both = replace(OURS, sealers=frozenset({"one.test", "two.test"}))
        for policy, arc, action in (
            (both, chain, Action.INBOX),
            (replace(both, sealers=frozenset({"two.test"})), chain, Action.REFUSE),
            (both, replace(chain, first_dmarc=Signed.FAIL), Action.REFUSE),
            (both, replace(chain, result=Signed.FAIL), Action.REFUSE),
            (OURS, chain, Action.REFUSE),
        ):
            self.assertIs(judge(replace(MAIL, arc=arc), (), policy).action, action)

    def test_a_forwarder_has_to_prove_that_it_is_one(self):
        policy = replace(OURS, forwarders=frozenset({"lists.test"}))
        named = AddressEvidence(Signed.PASS, "mx.lists.test")
        signed = DkimEvidence(Signed.PASS, "lists.test")
        for mail, action in (
            (replace(MAIL, hello="lists.test", sender="x@lists.test"), Action.REFUSE),
            (replace(MAIL, spf=SpfEvidence(Spf.PASS, "lists.test")), Action.INBOX),
            (replace(MAIL, address=named), Action.INBOX),
            (replace(MAIL, address=replace(named, result=Signed.FAIL)), Action.REFUSE),
            (replace(MAIL, address=replace(named, name="evillists.test")), Action.REFUSE),
            (replace(MAIL, dkim=(signed,)), Action.INBOX),
            (replace(MAIL, dkim=(replace(signed, partial=True),)), Action.REFUSE),
        ):
            self.assertIs(judge(mail, (), policy).action, action, mail)

    def test_our_own_domain_wants_a_whole_signature_of_that_very_domain(self):
        mail = replace(MAIL, author="bob@a.test", dmarc=DmarcEvidence(Signed.NONE, "a.test"))
        one = DkimEvidence(Signed.PASS, "a.test")
        for signature, action in (
            (one, Action.INBOX),
            (replace(one, partial=True), Action.REFUSE),
            (replace(one, domain="evil.a.test"), Action.REFUSE),
            (replace(one, result=Signed.FAIL), Action.REFUSE),
            (replace(one, result=Signed.TEMPERROR), Action.DEFER),
        ):
            self.assertIs(judge(replace(mail, dkim=(signature,)), (), OURS).action, action, signature)

    def test_a_body_that_was_signed_in_part_is_told(self):
        part = DkimEvidence(Signed.PASS, "b.test", partial=True)
        passed = replace(FAILED, result=Signed.PASS, aligned_dkim=("b.test",))
        verdict = judge(replace(MAIL, dmarc=passed, dkim=(part,)), (), OURS)
        self.assertIn("signed-in-part", [one.code for one in verdict.warnings])
        verdict = judge(replace(MAIL, dmarc=passed, dkim=(part, replace(part, partial=False))), (), OURS)
        self.assertEqual(verdict.reasons[0].code, "dmarc-passed")

    def test_weights_add_up_and_can_be_set(self):
        mail = replace(MAIL, dmarc=replace(FAILED, policy=Policy.NONE))
        reason = Reason("content", "It reads like junk.", 4.0)
        self.assertIs(judge(mail, [reason], OURS).action, Action.JUNK)
        self.assertIs(judge(mail, [reason], replace(OURS, junk_at=8.0)).action, Action.INBOX)
        self.assertIs(judge(mail, [reason], replace(OURS, weights={"content": 0.5})).action, Action.INBOX)

    @given(
        st.sampled_from(Spf),
        st.sampled_from(Signed),
        st.sampled_from(Signed),
        st.sampled_from(Policy),
        st.text(max_size=40),
        st.text(max_size=40),
    )
    def test_whatever_strangers_write_there_is_a_verdict_that_can_be_told_and_kept(
        self, spf, dkim, dmarc, policy, author, name
    ):
        mail = Evidence(
            "192.0.2.1", name, author, author, name, SpfEvidence(spf, author),
            dkim=(DkimEvidence(dkim, author),), dmarc=DmarcEvidence(dmarc, author, policy=policy),
        )  # fmt: skip
        verdict = judge(mail, (), OURS)
        self.assertEqual(verdict.action in (Action.REFUSE, Action.DEFER), bool(verdict.reply))
        line = field(verdict)
        self.assertTrue(line.isascii() and line.endswith(b"\r\n"))
        self.assertNotIn(b"\n", line.replace(b"\r\n\t", b"")[:-2])
        kept = from_json(to_json(verdict))
        self.assertEqual((kept.action, kept.score), (verdict.action, verdict.score))
        self.assertEqual(as_value(kept)["reasons"], as_value(verdict)["reasons"])
        self.assertEqual(to_json(kept), to_json(verdict))

    def test_what_is_kept_is_bounded(self):
        many = tuple(Reason(f"r{n}", "x" * 10_000, 1.0, (("d", "y" * 10_000),)) for n in range(100))
        self.assertLess(len(to_json(Verdict(Action.JUNK, many, many, 100.0))), 25_000)
        self.assertEqual(len(from_json(to_json(Verdict(Action.JUNK, many))).reasons), REASONS_KEPT)
        self.assertLess(len(sentence(Verdict(Action.JUNK, many))), 400)

    def test_the_first_reason_is_the_one_that_decided(self):
        verdict = judge(replace(MAIL, dmarc=replace(FAILED, policy=Policy.QUARANTINE)), (), OURS)
        self.assertEqual((verdict.action, verdict.reasons[0].code), (Action.JUNK, "dmarc-quarantine"))
        self.assertGreater(WEIGHTS["dmarc-quarantine"], OURS.junk_at)


class LookalikeTests(SynchronousTestCase):
    def test_names_that_are_made_to_be_taken_for_ours(self):
        for name in (
            "examp1e.com", "exarnple.com", "xn--xample-2of.com", "example.com.evil.test", "login.examp1e.com",
        ):  # fmt: skip
            self.assertEqual(looks_like(name, ["example.com"]), "example.com", name)

    def test_names_that_are_ours_or_something_else(self):
        for name in ("example.com", "mail.example.com", "example.org", "sample.com", "com", ""):
            self.assertEqual(looks_like(name, ["example.com"]), "", name)

    def test_mixed_alphabets(self):
        self.assertTrue(mixes_scripts("xn--xample-2of.com"))  # a Cyrillic first letter
        for name in ("example.com", "bücher.example", "xn--bcher-kva.example", "почта.test"):
            self.assertFalse(mixes_scripts(name), name)

    def test_an_address_in_a_name(self):
        self.assertEqual(claimed_address("Boss (boss@a.test)", "x@b.test"), "boss@a.test")
        self.assertEqual(claimed_address("x@b.test", "x@b.test"), "")
        self.assertEqual(claimed_address("support@", "x@b.test"), "")

    def test_names_of_people_in_any_order(self):
        self.assertEqual(folded_name("Archer, Alice"), folded_name("ALICE  ARCHER"))

    @given(st.text())
    def test_any_text_has_a_skeleton(self, text):
        self.assertIsInstance(skeleton(text), str)
        self.assertEqual(skeleton(text), skeleton(text))
