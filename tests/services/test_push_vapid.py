"""VAPID (RFC 8292): what a push service checks."""

import json
from base64 import urlsafe_b64decode
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from twisted.trial.unittest import SynchronousTestCase

from mailsys.services.notifying.push_vapid import Vapid

SECRET = b"a secret of thirty-two octets..."


def octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def checked(authorization: str) -> Any:
    """The claims, once the signature was found to be the key's."""
    scheme, t, k = authorization.replace(",", "").split(" ")
    assert scheme == "vapid"
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets(k.removeprefix("k=")))
    header, claims, signature = t.removeprefix("t=").split(".")
    raw = octets(signature)
    assert len(raw) == 64
    both = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(both, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(octets(header)) == {"typ": "JWT", "alg": "ES256"}
    return json.loads(octets(claims))


class VapidTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1.7e9
        self.vapid = Vapid(SECRET, "postmaster@example.com", lambda: self.now)

    def test_a_token_names_the_service_the_end_and_whom_to_write_to(self) -> None:
        claims = checked(self.vapid.authorization("https://push.example:8443/v1/abc?d=e"))
        self.assertEqual(
            claims,
            {
                "aud": "https://push.example:8443",
                "exp": 1_700_000_000 + 12 * 3600,
                "sub": "mailto:postmaster@example.com",
            },
        )

    def test_a_token_of_another_is_found_out(self) -> None:
        other = Vapid(bytes(32), "postmaster@example.com", lambda: self.now)
        mixed = other.authorization("https://a.example/").partition(" k=")[0] + f" k={self.vapid.public}"
        self.assertRaises(InvalidSignature, checked, mixed)

    def test_the_key_is_the_same_after_a_restart_and_has_the_form_that_browsers_take(self) -> None:
        again = Vapid(SECRET, "postmaster@example.com", lambda: self.now)
        self.assertEqual(again.public, self.vapid.public)
        self.assertEqual((len(octets(again.public)), octets(again.public)[0]), (65, 4))
        self.assertEqual(again.capability(), {"applicationServerKey": again.public})

    def test_tokens_are_used_again_for_a_while_and_each_service_has_its_own(self) -> None:
        first = self.vapid.authorization("https://a.example/1")
        self.assertEqual(self.vapid.authorization("https://a.example/2"), first)
        self.assertEqual(checked(self.vapid.authorization("https://b.example/"))["aud"], "https://b.example")
        self.now += 7 * 3600
        again = self.vapid.authorization("https://a.example/1")
        self.assertNotEqual(again, first)
        self.assertGreater(checked(again)["exp"], self.now)

    def test_services_beyond_number_are_forgotten(self) -> None:
        for number in range(300):
            self.vapid.authorization(f"https://{number}.example/")
        self.assertLessEqual(len(self.vapid._tokens), 100)
