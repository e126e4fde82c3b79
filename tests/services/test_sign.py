import base64
import hashlib
import re
from dataclasses import replace
from random import Random

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from mailsys.ports.accounts import KeyStage
from mailsys.ports.ids import BlobId
from mailsys.services.sending.sign import Signer, author_domain, generate_keys
from tests.services.published import dns_record

KEYS = generate_keys("x.example")
DNS = {name.encode(): text.encode() for name, text in map(dns_record, KEYS)}
MESSAGE = (
    b"Received: from somewhere\r\n\tby elsewhere\r\n"
    b'From: "Alice, A." <alice@X.example>\r\nTo: b@y.example\r\nSubject:  Lunch \t on\r\n Friday\r\n'
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x.example>\r\n\r\n"
    b"Dear Bob, \r\n\r\n.dot\t \tand blanks\r\n\r\n\r\n"
)


class Keys:
    """The part of IAccountStore that signing reads."""

    def __init__(self, **by_domain) -> None:
        self.by_domain = by_domain
        self.number = 1

    def version(self):
        return maybeDeferred(lambda: self.number)

    def dkim_keys(self, domain: str):
        return maybeDeferred(lambda: self.by_domain.get(domain, []))


def dnsfunc(name: bytes, timeout: int = 5) -> bytes | None:
    return DNS.get(name.rstrip(b"."))


def verify(message: bytes, index: int = 0) -> bool:
    try:
        return dkim.DKIM(message).verify(idx=index, dnsfunc=dnsfunc)
    except dkim.ValidationError:  # the body's hash
        return False


def verify_ed25519(message: bytes) -> None:
    """RFC 8463 §3 by hand (dkimpy needs PyNaCl for it): raises when the signature is wrong."""
    _, field = re.findall(rb"^DKIM-Signature:.*?\r\n(?![ \t])", message, re.S | re.M)[:2]
    assert b"a=ed25519-sha256" in field
    hasher = dkim.HashThrough(hashlib.sha256())
    d = dkim.DKIM(message)
    signature = re.search(rb"\bb=(.*)", field, re.S)[1]
    names = re.sub(rb"\s", b"", re.search(rb"\bh=([^;]*)", field, re.S)[1]).split(b":")
    policy = dkim.canonicalization.CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    dkim.hash_headers(
        hasher, policy, policy.canonicalize_headers(d.headers), names, (b"DKIM-Signature", field[15:]), {}
    )
    raw = base64.b64decode(re.search(rb"p=(.*)", DNS[b"m1-ed25519._domainkey.x.example"])[1])
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(signature), hasher.digest())


class SigningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.keys = Keys(**{"x.example": KEYS})
        self.signer = Signer(self.keys, maybeDeferred, lambda: 1764000000.0)
        self.reads = 0

    def sign(self, message: bytes, sender: str = "bounce@x.example", number: int = 0) -> bytes:
        async def read(start: int, length: int) -> bytes:
            self.reads += 1
            return message[start : start + length]

        blob = BlobId(hash(message).to_bytes(8, "big", signed=True) * 4)
        return self.successResultOf(
            Deferred.fromCoroutine(self.signer.signatures(blob, len(message), sender, read))
        )

    def test_stock_dkimpy_verifies_the_rsa_signature(self):
        self.assertTrue(verify(self.sign(MESSAGE) + MESSAGE))

    def test_the_ed25519_signature_verifies(self):
        verify_ed25519(self.sign(MESSAGE) + MESSAGE)

    def test_a_changed_body_or_header_does_not_verify(self):
        signed = self.sign(MESSAGE) + MESSAGE
        self.assertFalse(verify(signed.replace(b"Dear Bob", b"Dear Eve")))
        self.assertFalse(verify(signed.replace(b"Friday", b"Sunday")))

    def test_a_second_from_or_subject_does_not_verify(self):
        signature = self.sign(MESSAGE)
        for field in (b"From: evil@z.example\r\n", b"Subject: evil\r\n", b"Reply-To: evil@z.example\r\n"):
            self.assertFalse(verify(signature + field + MESSAGE), field)

    def test_a_large_body_is_hashed_in_windows(self):
        body = Random(1).randbytes(700_000).replace(b"\n", b"").replace(b"\r", b"")
        lines = b"\r\n".join(body[i : i + 70] for i in range(0, len(body), 70))
        message = MESSAGE + lines + b"\r\n"
        signature = self.sign(message)
        self.assertGreater(self.reads, 2)
        self.assertTrue(verify(signature + message))

    def test_a_message_signs_once_for_all_its_destinations(self):
        self.assertEqual(self.sign(MESSAGE), self.sign(MESSAGE))
        self.assertEqual(len(self.signer._made), 1)

    def test_a_change_of_keys_is_seen(self):
        self.assertNotEqual(self.sign(MESSAGE), b"")
        self.keys.by_domain.clear()
        self.keys.number += 1
        self.assertEqual(self.sign(MESSAGE), b"")

    def test_the_senders_domain_signs_when_the_authors_is_not_ours(self):
        message = MESSAGE.replace(b"alice@X.example", b"alice@other.example")
        self.assertIn(b"d=x.example", self.sign(message))
        self.assertEqual(self.sign(message, sender="a@other.example"), b"")
        self.assertEqual(self.sign(message, sender=""), b"")

    def test_keys_that_are_not_active_do_not_sign(self):
        self.keys.by_domain["x.example"] = [replace(KEYS[0], stage=KeyStage.OLD), KEYS[1]]
        signature = self.sign(MESSAGE)
        self.assertEqual(signature.count(b"DKIM-Signature:"), 1)
        self.assertIn(b"a=ed25519-sha256", signature)

    def test_lines_of_the_signature_are_short(self):
        self.assertTrue(all(len(line) <= 78 for line in self.sign(MESSAGE).split(b"\r\n")))

    def test_odd_messages_are_signed_or_left_alone_but_never_wrongly(self):
        for message in (
            b"From: a@x.example\r\n\r\n",
            b"From: a@x.example\r\n\r\n\r\n \r\n",
            b"From: a@x.example\r\n",
        ):
            self.assertTrue(verify(self.sign(message) + message), message)
        self.assertEqual(self.sign(b"From: a@x.example\n\nbody\n"), b"")
        self.assertEqual(self.sign(b"From: a@x.example\r\nX: " + b"y" * 300_000 + b"\r\n\r\nbody"), b"")

    @given(
        st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"  \r\n", b"\xc3\xbc", b"."]), max_size=30),
        st.lists(
            st.sampled_from([b"X-A: b\r\n", b"cc:\r\n\tc@y.example\r\n", b"To:  x \r\n", b"Cc: d \t\r\n"]),
            max_size=4,
        ),
    )
    @settings(max_examples=60)
    def test_what_is_signed_verifies(self, body, fields):
        message = b"From: a@x.example\r\n" + b"".join(fields) + b"\r\n" + b"".join(body) + b"\r\n"
        self.assertTrue(verify(self.sign(message) + message))

    def test_the_authors_domain_is_read(self):
        for block, domain in (
            (b"From: a@X.example\r\n", "x.example"),
            (b'from: "a@evil.example" <b@x.example>\r\n', "x.example"),
            ("From: <a@bücher.example>\r\n".encode(), "xn--bcher-kva.example"),
            (b"Sender: a@x.example\r\n", ""),
            (b"From: nobody\r\n", ""),
        ):
            self.assertEqual(author_domain(block), domain, block)

    def test_the_records_publish_the_public_halves_only(self):
        for key in KEYS:
            name, text = dns_record(key)
            self.assertEqual(name, f"{key.selector}._domainkey.x.example")
            self.assertTrue(text.startswith("v=DKIM1; k="))
            self.assertNotIn("PRIVATE", text)
