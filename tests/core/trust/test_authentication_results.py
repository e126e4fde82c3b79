"""Authentication-Results: ours, and those that only say that they are."""

import re
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.authentication_results import ForgedResultsFilter, claims, render, without_forged
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

FULL = Evidence(
    peer="2001:db8::1",
    hello="mail.b.test",
    sender="bob@b.test",
    spf=SpfEvidence(Spf.PASS, "b.test", "matched ip4:192.0.2.1"),
    spf_hello=SpfEvidence(Spf.NONE, "mail.b.test"),
    dkim=(
        DkimEvidence(Signed.PASS, "b.test", "s", "rsa-sha256", 2048, "@b.test"),
        DkimEvidence(Signed.FAIL, "c.test", "t", "ed25519-sha256", cause="the body was changed"),
    ),
    dmarc=DmarcEvidence(Signed.PASS, "b.test", "b.test", "b.test", Policy.REJECT, Policy.REJECT),
    arc=ArcEvidence(Signed.PASS, ("l.test",), 0),
    address=AddressEvidence(Signed.PASS, "mail.b.test", ("mail.b.test",)),
)


class OursTests(SynchronousTestCase):
    def test_all_of_it(self):
        self.assertEqual(
            render("mx.a.test", FULL),
            b"Authentication-Results: mx.a.test;\r\n"
            b"\tspf=pass smtp.mailfrom=bob@b.test;\r\n"
            b"\tspf=none smtp.helo=mail.b.test;\r\n"
            b"\tdkim=pass (2048-bit key) header.d=b.test header.s=s header.a=rsa-sha256;\r\n"
            b'\tdkim=fail reason="the body was changed" header.d=c.test header.s=t\r\n'
            b"\t header.a=ed25519-sha256;\r\n"
            b"\tdmarc=pass (p=reject) header.from=b.test;\r\n"
            b'\tarc=pass header.oldest-pass=0 smtp.remote-ip="2001:db8::1";\r\n'
            b'\tiprev=pass (mail.b.test) policy.iprev="2001:db8::1"\r\n',
        )

    def test_nothing_was_checked(self):
        self.assertEqual(
            render("mx.a.test", Evidence("192.0.2.1", "x", "")),
            b"Authentication-Results: mx.a.test;\r\n\tnone\r\n",
        )

    def test_unsigned(self):
        self.assertIn(b"\r\n\tdkim=none;\r\n\tdmarc=pass", render("mx.a.test", replace(FULL, dkim=())))

    def test_null_sender(self):
        found = replace(FULL, sender="", spf=FULL.spf_hello)
        text = render("mx.a.test", found)
        self.assertEqual(text.count(b"spf="), 1)
        self.assertIn(b"spf=none smtp.helo=mail.b.test", text)

    @given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=400))
    @example('a";\r\n\tdkim=pass', "x\r\nSubject: y", "(")
    def test_strangers_cannot_write_into_it(self, cause, hello, sender):
        text = render(
            "mx.a.test",
            Evidence(
                "192.0.2.1",
                hello,
                sender,
                spf=SpfEvidence(Spf.FAIL, hello, cause),
                spf_hello=SpfEvidence(Spf.FAIL, sender, cause),
                dkim=(DkimEvidence(Signed.NEUTRAL, hello, sender, cause, cause=cause),) * 40,
                dmarc=DmarcEvidence(Signed.PERMERROR, hello, cause=cause),
                arc=ArcEvidence(Signed.FAIL, (), cause=cause),
                address=AddressEvidence(Signed.PASS, hello),
            ),
        )
        self.assertLess(len(text), 16000)
        self.assertTrue(text.isascii())
        lines = text.split(b"\r\n")
        self.assertEqual(lines.pop(), b"")
        self.assertTrue(all(re.fullmatch(rb"\t[\x20-\x7e]+", line) for line in lines[1:]))
        bare = re.sub(rb'"(?:[^"\\]|\\.)*"', b"Q", text)  # outside of quotes
        self.assertNotIn(b'"', bare)
        self.assertNotIn(b"=pass", bare.replace(b"iprev=pass", b""))


class ForgedTests(SynchronousTestCase):
    def test_whose_they_are(self):
        for value in (
            b" mx.a.test; spf=pass",
            b" MX.A.Test;spf=pass",
            b"mx.a.test 1; none",
            b"\r\n\tmx.a.test\r\n\t;\r\n spf=pass",
            b" (hi \\) (there)) mx.a.test (x); spf=pass",
            b' "mx.a.test"; spf=pass',
            b' "mx.a\\.test" 1; spf=pass',
            b" mx.a.test.; spf=pass",
            b" mx.a.test spf=pass",
            b" mx.a.test",
            b" mx.a.test/1; spf=pass",
            b" mx.a.test(x); spf=pass",
        ):
            self.assertTrue(claims(value, "mx.a.test"), value)
        for value in (
            b" mx.b.test; spf=pass",
            b" xmx.a.test; spf=pass",
            b" mx.a.test.b.test; spf=pass",
            b" spf=pass (mx.a.test)",
            b"",
            b" (mx.a.test",
            b" ;mx.a.test",
            b"(" * 70000 + b"mx.a.test",
        ):
            self.assertFalse(claims(value, "mx.a.test"), value)
        self.assertTrue(claims(" bücher.test; none".encode(), "xn--bcher-kva.test"))

    def test_only_theirs_are_taken_out(self):
        forged = b"authentication-RESULTS : (x)\r\n mx.a.test; dkim=pass\r\n"
        other = b"Authentication-Results: mx.b.test; dkim=pass\r\n"
        rest = b"Subject: mx.a.test\r\nX-Authentication-Results: mx.a.test; x\r\n\r\n"
        self.assertEqual(
            without_forged(forged + other + forged + rest + forged, "mx.a.test"), other + rest + forged
        )
        self.assertEqual(without_forged(b"A: b\r\n" + forged, "mx.a.test"), b"A: b\r\n")
        same = other + rest
        self.assertIs(without_forged(same, "mx.a.test"), same)

    @settings(max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"Authentication-Results: mx.a.test; dkim=pass\r\n",
                    b"Authentication-Results:\r\n\tmx.a.test; x\r\n y\r\n",
                    b"Authentication-Results: other; x\r\n",
                    b"Subject: x\r\n\ty\r\n",
                    b"Long: " + b"x" * 300 + b"\r\n",
                    b"no field\r\n",
                    b"\r\n",
                ]
            ),
            max_size=12,
        ),
        st.lists(st.integers(1, 40), max_size=30),
    )
    def test_any_cut(self, parts, cuts):
        message = b"".join(parts)
        end = b"".join(parts[: parts.index(b"\r\n")]) if b"\r\n" in parts else message
        taken = ForgedResultsFilter("mx.a.test")
        out, at = [], 0
        for cut in cuts:
            out.append(taken.feed(message[at : at + cut]))
            at += cut
        out += (taken.feed(message[at:]), taken.finish())
        self.assertEqual(b"".join(out), without_forged(end, "mx.a.test") + message[len(end) :])
        self.assertEqual(taken.removed, without_forged(end, "mx.a.test") != end)

    def test_long_fields(self):
        for name, passes in ((b"Subject", True), (b"Authentication-Results", False)):
            field = name + b": " + b"mx.a.test; x\r\n " * 10000 + b"\r\n"
            message = b"A: b\r\n" + field + b"C: d\r\n\r\nbody\r\n\r\n"
            for step in (7, 1000, 70000, 1 << 20):
                taken = ForgedResultsFilter("mx.a.test")
                held = 0
                out = b""
                for at in range(0, len(message), step):
                    out += taken.feed(message[at : at + step])
                    held = max(held, at + step - len(out))
                out += taken.finish()
                self.assertEqual(out, message if passes else message.replace(field, b""), (name, step))
                if passes:
                    self.assertLess(held, 66000 + step)
