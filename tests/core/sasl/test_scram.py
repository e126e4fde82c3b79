"""SCRAM-SHA-256(-PLUS): RFC 5802, RFC 7677."""

import hashlib
import hmac
from base64 import b64decode, b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.sasl.failure import SaslMalformed, SaslRefused
from mailsys.core.sasl.scram import ScramKeys, ScramServer, derive, invented

BINDING = ("tls-exporter", b"\x01" * 32)


def client_final(
    first: bytes, challenge: bytes, password: str, gs2: bytes = b"n,,", bound: bytes = b""
) -> bytes:
    """What an honest client answers (RFC 5802 §3), written apart from the code under test."""
    fields = dict(part.split(b"=", 1) for part in challenge.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b64decode(fields[b"s"]), int(fields[b"i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    bare = b"c=" + b64encode(gs2 + bound) + b",r=" + fields[b"r"]
    message = first[len(gs2) :] + b"," + challenge + b"," + bare
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    return bare + b",p=" + b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True)))


class RoundsTests(SynchronousTestCase):
    def test_they_are_what_clients_take(self):
        """RFC 7677 §4 wants 4096 at least; Cyrus SASL, under mbsync and mutt, refuses more than 65,536."""
        for keys in (derive("pencil", b"0123456789abcdef"), invented("nobody", b"secret")):
            self.assertGreaterEqual(keys.iterations, 4096)
            self.assertLessEqual(keys.iterations, 65_536)


class ScramTests(SynchronousTestCase):
    keys = derive("pencil", b"0123456789abcdef", 4096)

    def converse(
        self, machine: ScramServer, gs2: bytes = b"n,,", bound: bytes = b"", password: str = "pencil"
    ) -> bytes:
        first = gs2 + b"n=user,r=clientnonce"
        self.assertEqual(machine.first(first), "user")
        challenge = machine.challenge(self.keys)
        return machine.final(client_final(first, challenge, password, gs2, bound))

    def test_the_example_of_rfc_7677_is_reproduced(self):
        salt = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
        machine = ScramServer(False, None, b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
        self.assertEqual(machine.first(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), "user")
        self.assertEqual(
            machine.challenge(derive("pencil", salt, 4096)),
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        )
        self.assertEqual(
            machine.final(
                b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
            ),
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        )

    def test_a_wrong_password_is_refused(self):
        with self.assertRaises(SaslRefused):
            self.converse(ScramServer(False, None, b"nonce"), password="pen")

    def test_a_bound_channel_is_proved(self):
        final = self.converse(ScramServer(True, BINDING, b"nonce"), b"p=tls-exporter,,", BINDING[1])
        self.assertTrue(final.startswith(b"v="))

    def test_a_proof_for_another_channel_is_refused(self):
        with self.assertRaises(SaslRefused):
            self.converse(ScramServer(True, BINDING, b"nonce"), b"p=tls-exporter,,", b"\x02" * 32)

    def test_a_client_that_thinks_we_cannot_bind_though_we_offered_it_is_told_of_no_login(self):
        with self.assertRaises(SaslRefused):
            ScramServer(False, BINDING, b"nonce").first(b"y,,n=user,r=abc")

    def test_y_is_fine_when_plus_was_not_offered(self):
        self.assertTrue(self.converse(ScramServer(False, None, b"nonce"), b"y,,").startswith(b"v="))

    def test_plus_without_a_binding_is_refused(self):
        for gs2 in (b"n,,", b"y,,", b"p=tls-unique,,"):
            with self.assertRaises(SaslRefused):
                ScramServer(True, BINDING, b"nonce").first(gs2 + b"n=user,r=abc")

    def test_a_binding_without_plus_is_refused(self):
        with self.assertRaises(SaslRefused):
            ScramServer(False, BINDING, b"nonce").first(b"p=tls-exporter,,n=user,r=abc")

    def test_a_changed_gs2_header_is_noticed(self):
        machine = ScramServer(False, None, b"nonce")
        first = b"n,,n=user,r=abc"
        machine.first(first)
        challenge = machine.challenge(self.keys)
        with self.assertRaises(SaslRefused):
            machine.final(client_final(first, challenge, "pencil").replace(b"c=biws", b"c=eSws"))

    def test_another_nonce_is_refused(self):
        machine = ScramServer(False, None, b"nonce")
        first = b"n,,n=user,r=abc"
        machine.first(first)
        challenge = machine.challenge(self.keys)
        with self.assertRaises(SaslRefused):
            machine.final(client_final(first, challenge, "pencil").replace(b"r=abcnonce", b"r=abcother"))

    def test_commas_and_equals_signs_in_names_are_unescaped(self):
        self.assertEqual(ScramServer(False, None, b"n").first(b"n,,n=a=2Cb=3Dc,r=abc"), "a,b=c")

    def test_the_authzid_is_kept(self):
        machine = ScramServer(False, None, b"n")
        machine.first(b"n,a=other,n=user,r=abc")
        self.assertEqual(machine.acting_as, "other")

    def test_an_unknown_mandatory_extension_is_malformed(self):
        with self.assertRaises(SaslMalformed):
            ScramServer(False, None, b"n").first(b"n,,m=x,n=user,r=abc")

    def test_names_that_cannot_be_prepared_are_malformed(self):
        for name in (b"\xff", b"\x07", "\u00ad".encode()):
            with self.assertRaises(SaslMalformed):
                ScramServer(False, None, b"n").first(b"n,,n=" + name + b",r=abc")

    def test_first_messages_outside_the_grammar_are_malformed(self):
        for message in (
            b"",
            b"x,,n=a,r=b",
            b"n,,n=a",
            b"n,,n=,r=b",
            b"n,,n=a=b,r=c",
            b"n,,n=a,r=" + b"x" * 257,
        ):
            with self.assertRaises(SaslMalformed):
                ScramServer(False, None, b"n").first(message)

    def test_final_messages_outside_the_grammar_are_malformed(self):
        for message in (
            b"",
            b"c=biws,r=abcn",
            b"c=b,r=abcn,p=AAAA",
            b"c=biws,r=abcn,p=A",
            b"c=biws,r=abcn,p=AAAA",
            b"c=biws,r=abcn,p=" + b"A" * 5000,
        ):
            machine = ScramServer(False, None, b"n")
            machine.first(b"n,,n=user,r=abc")
            machine.challenge(self.keys)
            with self.assertRaises(SaslMalformed):
                machine.final(message)

    def test_keys_are_only_taken_once_the_name_is_known(self):
        with self.assertRaises(SaslMalformed):
            ScramServer(False, None, b"n").challenge(self.keys)

    def test_messages_out_of_turn_are_malformed(self):
        machine = ScramServer(False, None, b"n")
        with self.assertRaises(SaslMalformed):
            machine.final(b"c=biws,r=abc,p=AAAA")
        machine.first(b"n,,n=user,r=abc")
        with self.assertRaises(SaslMalformed):
            machine.first(b"n,,n=user,r=abc")

    def test_a_proof_is_tried_only_once(self):
        machine = ScramServer(False, None, b"n")
        first = b"n,,n=user,r=abc"
        machine.first(first)
        challenge = machine.challenge(self.keys)
        with self.assertRaises(SaslRefused):
            machine.final(client_final(first, challenge, "wrong"))
        with self.assertRaises(SaslMalformed):
            machine.final(client_final(first, challenge, "pencil"))

    def test_invented_keys_are_the_same_each_time_and_differ_by_name(self):
        secret = b"s" * 32
        self.assertEqual(invented("x@y", secret), invented("x@y", secret))
        self.assertNotEqual(invented("x@y", secret).salt, invented("z@y", secret).salt)
        self.assertEqual(invented("x@y", secret).iterations, derive("p", b"salt").iterations)
        self.assertEqual(len(invented("x@y", secret).salt), 16)

    def test_huge_messages_are_malformed(self):
        with self.assertRaises(SaslMalformed):
            ScramServer(False, None, b"n").first(b"n,,n=user,r=" + b"x" * 10000)

    @given(st.binary(max_size=200), st.binary(max_size=200))
    @settings(max_examples=150)
    def test_any_bytes_end_in_a_sasl_failure_or_a_name(self, first: bytes, final: bytes):
        machine = ScramServer(False, None, b"n")
        try:
            machine.first(b"n,,n=" + first)
        except (SaslMalformed, SaslRefused):
            return
        machine.challenge(ScramKeys(b"salt", 4096, b"x" * 32, b"y" * 32))
        with self.assertRaises((SaslMalformed, SaslRefused)):  # type: ignore[arg-type]
            machine.final(final)
