"""Scenario 7 over the wire: a system with a DNS to ask, its port 25, its web API and its commands."""

from __future__ import annotations

import smtplib
import subprocess
from typing import ClassVar

import dkim

from tests.peers.dns_thread import DnsThread
from tests.services.trust.makers import published, rsa_key
from tests.system.local import command
from tests.system.test_everyday import EverydayTestCase

SELECTOR = b"s"


def letter(author: str, subject: str) -> bytes:
    return f"From: <{author}>\r\nTo: <alice@local.test>\r\nSubject: {subject}\r\n\r\nHello\r\n".encode()


class TrustTests(EverydayTestCase):
    dns: ClassVar[DnsThread]

    @classmethod
    def setUpClass(cls) -> None:
        cls.dns = DnsThread()
        cls.addClassCleanup(cls.dns.stop)
        # A peer on loopback that honest.test may send by, and a key of each domain.
        for domain, policy, spf in (
            ("honest.test", "reject", "ip4:127.0.0.1 "),
            ("strict.test", "reject", ""),
            ("mild.test", "quarantine", ""),
            ("lax.test", "none", ""),
            ("other.test", None, "ip4:127.0.0.1 "),
        ):
            key = published(rsa_key(1024)).decode()
            cls.dns.zone[domain, "TXT"] = [f'"v=spf1 {spf}-all"']
            cls.dns.zone[f"s._domainkey.{domain}", "TXT"] = [f'"v=DKIM1; p={key}"']
            if policy is not None:
                cls.dns.zone[f"_dmarc.{domain}", "TXT"] = [f'"v=DMARC1; p={policy}"']
        cls.options = ("--resolver", cls.dns.address)
        super().setUpClass()

    def tried(self, sender: str, content: bytes) -> tuple[int, str]:
        """The reply to the whole message, or the one that ended it before."""
        with smtplib.SMTP("127.0.0.1", self.system.port("smtp"), timeout=20) as client:
            try:
                client.sendmail(sender, ["alice@local.test"], content)
            except smtplib.SMTPSenderRefused as refused:
                return refused.smtp_code, refused.smtp_error.decode()
            except smtplib.SMTPDataError as refused:
                return refused.smtp_code, refused.smtp_error.decode()
        return 250, ""

    def signed(self, content: bytes, domain: bytes) -> bytes:
        from cryptography.hazmat.primitives import serialization as form

        pem = rsa_key(1024).private_bytes(
            form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption()
        )
        return (
            bytes(dkim.sign(content, SELECTOR, domain, pem, include_headers=[b"from", b"subject"])) + content
        )

    def test_who_pretends_to_be_us_is_refused(self) -> None:
        code, text = self.tried("alice@local.test", letter("alice@local.test", "me?"))
        self.assertEqual((code, text[:5]), (550, "5.7.1"))
        code, text = self.tried("x@other.test", letter("boss@local.test", "urgent"))
        self.assertEqual((code, text[:5]), (550, "5.7.1"))
        self.assertIn("sign in to send", text)

    def test_aligned_spf_and_an_aligned_signature_pass(self) -> None:
        self.assertEqual(self.tried("a@honest.test", letter("a@honest.test", "by spf"))[0], 250)
        content = self.signed(letter("a@strict.test", "by signature"), b"strict.test")
        self.assertEqual(self.tried("x@other.test", content)[0], 250)
        for subject in ("by spf", "by signature"):
            verdict = self.alice.get(self.found(self.alice, subject), "verdict")["verdict"]
            self.assertEqual(verdict["action"], "inbox")
            self.assertIn("dmarc-passed", [one["code"] for one in verdict["reasons"]])

    def test_what_passes_for_another_domain_does_not_help(self) -> None:
        code, text = self.tried("x@other.test", letter("a@strict.test", "by another"))
        self.assertEqual((code, text[:6]), (550, "5.7.26"))
        content = self.signed(letter("a@strict.test", "by another"), b"other.test")
        self.assertEqual(self.tried("x@other.test", content)[0], 550)

    def test_quarantine_is_spam_and_none_is_delivered_with_a_warning(self) -> None:
        self.assertEqual(self.tried("x@other.test", letter("a@mild.test", "quarantined"))[0], 250)
        email = self.found(self.alice, "quarantined", "junk")
        verdict = self.alice.get(email, "verdict")["verdict"]
        self.assertEqual((verdict["action"], verdict["reasons"][0]["code"]), ("junk", "dmarc-quarantine"))
        steps = {step["stage"]: step["detail"] for step in self.alice.timeline(email)}
        self.assertIn("mild.test asks to treat", steps["judged"]["reason"])
        self.assertEqual(self.tried("x@other.test", letter("a@lax.test", "lax"))[0], 250)
        verdict = self.alice.get(self.found(self.alice, "lax"), "verdict")["verdict"]
        self.assertIn("dmarc-failed", [one["code"] for one in verdict["warnings"]])

    def test_a_refusal_is_found_by_its_trace(self) -> None:
        _, text = self.tried("x@other.test", letter("a@strict.test", "traced"))
        trace = text.rstrip().rstrip(")").rpartition("(")[2]
        state = str(self.system.state)
        found = subprocess.run(
            command("trace", "--state", state, trace), capture_output=True, text=True, timeout=60, check=True
        )
        self.assertIn("strict.test asks to refuse mail", found.stdout)

    def test_a_dns_that_fails_puts_it_off(self) -> None:
        self.dns.peer.rcodes["_dmarc.broken.test"] = 2
        code, text = self.tried("a@broken.test", letter("a@broken.test", "later"))
        self.assertEqual((code, text[:4]), (451, "4.7."))
