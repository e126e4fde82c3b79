"""What it costs to authenticate one message, in milliseconds of this thread, DNS warm and in memory.

    python -m bench.authentication_cost [--count 300]

Ordinary mail (5 KB, RSA-2048 and Ed25519 signature, SPF over five records, DMARC, iprev), and what is made to cost time.
"""

from __future__ import annotations

import argparse
import time

from twisted.internet.defer import Deferred, succeed

from mailsys.core.trust.authentication_results import render
from mailsys.services.trust.authenticate import Authenticator
from mailsys.services.trust.content import Content
from tests.peers.dns_table import DnsTable
from tests.services.trust.makers import ed_key, published, rsa_key, sealed, signed
from tests.services.trust.rig import clock, content, now_result

TAGS = b"v=1; a=rsa-sha256; c=relaxed/simple; d=b.test; s=s; h=from:to:subject:date"
HEAD = (
    b"From: Bob <bob@b.test>\r\nTo: alice@a.test\r\nSubject: Lunch\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@b.test>\r\n"
)
BODY = b"Hello Alice, this is a line.\r\n" * 130
RECEIVED = b"Received: from a by b with ESMTP id x;\r\n\tMon, 23 Nov 2026 10:00:00 +0000\r\n"


def zone() -> DnsTable:
    dns = DnsTable()
    dns.txt("s._domainkey.b.test", b"v=DKIM1; p=" + published(rsa_key(2048)))
    dns.txt("e._domainkey.b.test", b"k=ed25519; p=" + published(ed_key()))
    dns.txt("b.test", b"v=spf1 include:_spf.b.test include:x.b.test ip4:198.51.100.0/24 mx -all")
    dns.txt("_spf.b.test", b"v=spf1 include:_n1.b.test include:_n2.b.test ~all")
    for n, name in enumerate(("_n1.b.test", "_n2.b.test", "x.b.test")):
        dns.txt(name, b"v=spf1 " + b" ".join(b"ip4:10.%d.%d.0/24" % (n, i) for i in range(12)) + b" ~all")
    dns.records["b.test", "MX"] = [(10, "mail.b.test")]
    dns.records["mail.b.test", "A"] = ["192.0.2.1"]
    dns.txt("mail.b.test", b"v=spf1 a -all")
    dns.txt("_dmarc.b.test", b"v=DMARC1; p=reject")
    dns.records["1.2.0.192.in-addr.arpa", "PTR"] = ["mail.b.test"]
    return dns


def twice(message: bytes) -> bytes:
    ed = TAGS.replace(b"rsa-", b"ed25519-").replace(b"s=s", b"s=e")
    return signed(signed(message, TAGS, rsa_key(2048)), ed, ed_key())


def hostile() -> dict[str, bytes]:
    fields = twice(HEAD + b"\r\n" + BODY).partition(b"From:")[0]
    spaces = b"a" + b" " * 40000 + b"\r\n" + (b" " * 70 + b"\t\r\n") * 5000
    names = b":x-folded" * 900
    many = signed(HEAD + b"\r\n" + BODY, TAGS.replace(b"/simple", b"/relaxed") + names, rsa_key(2048))
    sets = HEAD + b"\r\n" + BODY
    for n in range(1, 51):
        chain = b"pass" if n > 1 else b"none"
        sets = sealed(sets, b"i=%d; d=b.test; s=s" % n, b"x; none", chain, rsa_key(2048))
    relaxed = signed(HEAD + b"\r\n" + spaces, TAGS.replace(b"/simple", b"/relaxed"), rsa_key(2048), b"a\r\n")
    folded = b"X-Folded: a\r\n" + b"\tb\r\n" * 61_000
    return {
        "500 signatures": fields * 250 + HEAD + b"\r\n" + BODY,
        "40,000 spaces and 5,000 blank lines, relaxed": relaxed,
        "250 KB of folded header": folded + HEAD + b"\r\n" + BODY,
        "1 MB of folded header": folded * 4 + HEAD + b"\r\n" + BODY,
        "10 signatures over 900 names each, and 200 KB of header": many.partition(b"From:")[0] * 10
        + folded[:180_000]
        + b"\r\n"
        + HEAD
        + b"\r\n"
        + BODY,
        "20,000 fields": b"".join(b"Y%d: z\r\n" % n for n in range(20_000)) + HEAD + b"\r\n" + BODY,
        "50 ARC sets": sets,
        "all of it": (fields * 250 + folded)[: 250 * 1024] + b"\r\n" + HEAD + b"\r\n" + spaces,
    }


def given(message: bytes) -> Content:
    """The header cut as `MessageReader` cuts it."""
    whole = content(message)
    if len(whole.header) <= 256 * 1024:
        return whole
    return Content(whole.header[: 256 * 1024], whole.blob, 256 * 1024, whole=False)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=300)
    count = parser.parse_args().count
    made = Authenticator(zone(), lambda work: succeed(work()), clock(), "mx.a.test")

    def examine(message: Content):
        return now_result(
            Deferred.fromCoroutine(made.examine("192.0.2.1", "mail.b.test", "bob@b.test", message))
        )

    ordinary = given(twice(HEAD + RECEIVED * 5 + b"\r\n" + BODY))
    examine(ordinary)
    turns = []
    for _ in range(count):
        begun = time.thread_time()
        evidence = examine(ordinary)
        turns.append(time.thread_time() - begun)
    turns.sort()
    print(f"{1000 * turns[len(turns) // 2]:8.2f} ms  ordinary mail (median of {count})")
    begun = time.thread_time()
    for _ in range(count):
        render("mx.a.test", evidence)
    print(f"{1000 * (time.thread_time() - begun) / count:8.2f} ms  its Authentication-Results")
    for name, message in hostile().items():
        one = given(message)
        best = []
        for _ in range(5):
            begun = time.thread_time()
            examine(one)
            best.append(time.thread_time() - begun)
        print(f"{1000 * sorted(best)[2]:8.2f} ms  {name}")


if __name__ == "__main__":
    main()
