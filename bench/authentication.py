"""SPF, DKIM, ARC and DMARC: our verdicts against those of npm's mailauth, over the same DNS table.

    python -m bench.authentication NODE_MODULES [--count 500] [--seed 1] [--mbox FILE] [--show 20]

NODE_MODULES: where `npm install` with bench/mailauth/package.json put it. Messages are made at random: direct,
forged, forwarded, through lists, sealed, from subdomains, with keys and policies of all kinds. `--mbox`: messages of
an mbox file (plain or .xz) as well, each as it is, as signed here, and as changed afterwards. Prints, for each kind
of difference, how many there are and why; exits with 1 when one is not explained.
"""

from __future__ import annotations

import argparse
import base64
import json
import lzma
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailsys.core.trust.evidence import Evidence, Signed
from tests.peers.dns_table import DnsTable
from tests.services.trust.makers import SHORT, ed_key, published, rsa_key, sealed, signed
from tests.services.trust.rig import NOW, examined

HERE = Path(__file__).parent
PEER, OTHER, FORWARDER, LIST = "192.0.2.10", "198.51.100.66", "203.0.113.5", "203.0.113.9"
PEER6 = "2001:db8::10"
TAGS = b"v=1; a=%s; c=relaxed/%s; d=%s; s=%s; h=%s"
NAMES = b"from:to:subject:date"


@dataclass
class Case:
    message: bytes
    ip: str = PEER
    helo: str = "mail.o0.test"
    sender: str = ""
    notes: list[str] = field(default_factory=list)  # why another verdict is due


def dns() -> DnsTable:
    table = DnsTable()
    spf = [
        b"v=spf1 ip4:192.0.2.10 ip6:2001:db8::/32 -all",
        b"v=spf1 include:_spf.o0.test ~all",
        b"v=spf1 mx a:mail.o2.test ?all",
        b"v=spf1 redirect=_spf.o0.test",
        b"v=spf1 exists:%{ir}.%{l1r-}.ok.test -all",
        b"v=spf1 foo:bar -all",
        b"v=spf1 include:nothing.test -all",
        b"v=spf1 include:broken.test -all",
        b"v=spf1 ip4:192.0.2.0/24 exp=why.test -all",
        b"v=spf1 a:x1.test a:x2.test a:x3.test a:x4.test -all",
        b"v=spf1 include:l.test include:l.test include:l.test include:l.test include:l.test ip4:192.0.2.10 -all",
        b"v=spf1 ptr:o11.test -all",
    ]
    dmarc = [
        b"v=DMARC1; p=reject",
        b"v=DMARC1; p=quarantine; sp=reject",
        b"v=DMARC1; p=none; rua=mailto:d@o2.test",
        b"v=DMARC1; p=reject; adkim=s; aspf=s",
        b"v=DMARC1; p=reject; sp=none; np=quarantine",
        b"v=DMARC1; p=reject; t=y",
        None,
        b"v=DMARC1;p=quarantine;pct=0;ri=1;x=y",
        b"v=DMARC1; p=bad; rua=mailto:a@o8.test",
        b"v=DMARC1; p=bad",
        b"v=DMARC1; p=reject; adkim=s",
        b"v=DMARC1; p=reject; aspf=s; fo=1:d",
    ]
    for n in range(12):
        name = f"o{n}.test"
        table.txt(name, b"other", spf[n])
        table.txt(f"news.{name}", b"v=spf1 ip4:192.0.2.10 -all")
        table.txt(f"mail.{name}", b"v=spf1 a -all")
        table.records[name, "MX"] = [(10, f"mail.{name}")]
        table.records[name, "A"] = ["192.0.2.1"]
        table.records[f"mail.{name}", "A"] = [PEER]
        table.records[f"mail.{name}", "AAAA"] = [PEER6]
        if dmarc[n]:
            table.txt(f"_dmarc.{name}", dmarc[n])
        for domain in (name, f"news.{name}"):
            keys(table, domain)
    table.txt("_dmarc.news.o1.test", b"v=DMARC1; p=none")  # a record between
    table.txt("_dmarc.team.o2.test", b"v=DMARC1; p=reject; psd=n")
    keys(table, "team.o2.test")
    table.txt("_dmarc.two.test", b"v=DMARC1; p=reject", b"v=DMARC1; p=none")
    table.txt("_dmarc.bank.test", b"v=DMARC1; p=none; sp=quarantine; np=reject; psd=y")
    keys(table, "one.bank.test")
    table.records["one.bank.test", "A"] = ["192.0.2.1"]
    table.txt("one.bank.test", b"v=spf1 ip4:192.0.2.10 -all")
    table.broken |= {"broken.test", "_dmarc.broken.test", "b._domainkey.o0.test"}
    table.txt("_spf.o0.test", b"v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::10 -all")
    table.txt("why.test", b"%{i} is not %{d}")
    for n in range(3):
        table.records[f"x{n + 1}.test", "AAAA"] = [PEER6]
    table.txt("l.test", b"v=spf1 include:m.test ?all")
    table.txt("m.test", b"v=spf1 ?all")
    table.records["10.2.0.192.in-addr.arpa", "PTR"] = ["mail.o11.test"]
    table.records["10.2.0.192.bob.ok.test", "A"] = ["127.0.0.2"]
    for name, ip in (("fwd.test", FORWARDER), ("list.test", LIST)):
        table.txt(name, f"v=spf1 ip4:{ip} -all".encode())
        table.txt(f"_dmarc.{name}", b"v=DMARC1; p=reject")
        keys(table, name)
    return table


def keys(table: DnsTable, domain: str) -> None:
    rsa = published(rsa_key(1024))
    for selector, record in {
        "r": b"v=DKIM1; k=rsa; p=" + rsa,
        "r2": b"p=" + published(rsa_key(2048)),
        "e": b"v=DKIM1; k=ed25519; p=" + published(ed_key()),
        "rev": b"v=DKIM1; p=",
        "bad": b"v=DKIM1; p=####",
        "y": b"v=DKIM1; t=y; p=" + rsa,
        "strict": b"v=DKIM1; t=s; p=" + rsa,
        "sha1": b"v=DKIM1; h=sha1; p=" + rsa,
        "web": b"v=DKIM1; s=web; p=" + rsa,
        "short": b"v=DKIM1; p=" + published(short()),
    }.items():
        table.txt(f"{selector}._domainkey.{domain}", record)


def short():
    return load_pem_private_key(SHORT, None)


SELECTORS = (
    ["r"] * 12 + ["r2"] * 6 + ["e"] * 6 + ["rev", "bad", "y", "strict", "sha1", "web", "short", "none", "b"]
)
AUTHORS = [
    *(f"o{n}.test" for n in range(12)),
    *(f"news.o{n}.test" for n in range(12)),
    *(f"ghost.o{n}.test" for n in (0, 4, 4, 6)),
    "team.o2.test",
    "x.team.o2.test",
    "two.test",
    "one.bank.test",
    "ghost.bank.test",
    "broken.test",
    "nobody.test",
]


def organization(domain: str) -> str:
    return ".".join(domain.split(".")[-2:])


def one_case(random: Random) -> Case:
    author = random.choice(AUTHORS)
    org = organization(author)
    body = b"".join(
        random.choice([b"Hello  Alice,", b"", b"\tsee you soon ", b"=20", b"caf\xc3\xa9"]) + b"\r\n"
        for _ in range(random.randrange(6))
    )
    message = (
        f"From: Bob <bob@{author}>\r\nTo: alice@a.test\r\nSubject: {random.choice(['Lunch', '  Lunch  at one ', 'x'])}\r\n"
        "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\n"
    ).encode() + body
    case = Case(message, sender=f"bob@{random.choice([author, author, org, 'o0.test'])}")
    case.helo = random.choice([f"mail.{org}", "mail.o0.test", "unknown", "[192.0.2.10]"])
    signers = random.choice([[], [author], [author], [org], [author, "fwd.test"], ["o0.test"], [org, org]])
    for signer in signers:
        case.message = sign(random, case, signer)
    way = random.choice(["direct"] * 4 + ["forged", "forward", "srs", "list", "list", "changed", "v6"])
    if way == "forged":
        case.ip = OTHER
    elif way == "v6":
        case.ip = PEER6
    elif way == "changed":
        case.message += b"Buy now\r\n"
    elif way in ("forward", "srs"):
        case.ip = FORWARDER
        if way == "srs":
            case.sender, case.helo = "SRS0=x=y=o0.test=bob@fwd.test", "mx.fwd.test"
        seal(random, case, "fwd.test")
    elif way == "list":
        case.ip, case.sender, case.helo = LIST, "list-bounces@list.test", "mx.list.test"
        if random.random() < 0.5:
            seal(random, case, "fwd.test")
        if random.random() < 0.7:
            case.message = (
                case.message.replace(b"Subject: ", b"Subject: [list] ", 1) + b"-- \r\nlist footer\r\n"
            )
        if random.random() < 0.5:
            case.message = sign(random, case, "list.test")
        seal(random, case, "list.test")
        if random.random() < 0.15:
            case.message = case.message.replace(b"To: alice", b"To: Alice", 1)
    if random.random() < 0.04:
        case.message = b"From: Eve <eve@o0.test>\r\n" + case.message
    if random.random() < 0.03:
        case.sender = ""
    return case


def sign(random: Random, case: Case, domain: str) -> bytes:
    selector = random.choice(SELECTORS)
    ed = selector == "e"
    extra = random.choice([b""] * 10 + [
        b"; t=%d" % (NOW - 100), b"; x=%d" % (NOW - 10), b"; x=%d" % (NOW + 9999999), b"; l=LEN", b"; l=0",
        b"; i=bob@" + domain.encode(), b"; i=@sub." + domain.encode(), b"; i=@elsewhere.test", b"; v2=1", b"; l=99999",
    ])  # fmt: skip
    names = random.choice(
        [NAMES, NAMES, NAMES, b"From : From : To : Subject", b"from:received:x-none", b"to:subject"]
    )
    mode = random.choice([b"simple", b"relaxed"])
    rest = case.message.partition(b"\r\n\r\n")[2]
    if mode == b"simple":
        body = rest.rstrip(b"\r\n") + b"\r\n"
    else:
        body = re.sub(rb"[ \t]+", b" ", rest)
        body = re.sub(rb" \r\n", b"\r\n", body).rstrip(b"\r\n")
        body = body + b"\r\n" if body else b""
    if extra == b"; l=0":
        body = b""
    extra = extra.replace(b"LEN", b"%d" % len(body))
    key = (
        ed_key()
        if ed
        else rsa_key(2048)
        if selector == "r2"
        else short()
        if selector == "short"
        else rsa_key(1024)
    )
    algorithm = b"ed25519-sha256" if ed else b"rsa-sha256"
    tags = TAGS % (algorithm, mode, domain.encode(), selector.encode(), names) + extra
    return signed(case.message, tags, key, body)


def seal(random: Random, case: Case, domain: str) -> None:
    kind = random.choice(["good"] * 6 + ["none", "none", "wrong cv", "bad key", "gap"])
    if kind == "none":
        return
    number = case.message.lower().count(b"arc-seal:") + 1
    chain = b"none" if number == 1 else b"pass"
    if kind == "wrong cv":
        chain = random.choice([b"fail", b"pass" if number == 1 else b"none"])
    if kind == "gap":
        number += 1
    selector = b"r2" if kind == "bad key" else b"r"
    tags = b"i=%d; d=%s; s=%s" % (number, domain.encode(), selector)
    with suppress(ValueError):  # only sets without gap can be sealed
        results = domain.encode() + b"; dmarc=pass header.from=o0.test"
        case.message = sealed(case.message, tags, results, chain)


def mbox_cases(path: str, random: Random, count: int) -> list[Case]:
    data = Path(path).read_bytes()
    if path.endswith(".xz"):
        data = lzma.decompress(data)
    messages = re.split(rb"(?:^|\r\n)From [^\r\n]*\r\n", data)[1:]
    cases = []
    for message in messages[:count]:
        if b"\r\n\r\n" not in message:
            continue
        message += b"\r\n"
        cases.append(Case(message, sender="bob@o0.test"))
        made = Case(message, sender="bob@o1.test")
        made.message = sign(random, made, "o0.test")
        cases.append(made)
        head, _, body = made.message.partition(b"\r\n\r\n")
        if body.strip():
            cases.append(Case(head + b"\r\n\r\n" + body.replace(b"e", b"E", 1), sender="bob@o2.test"))
    return cases


def oracle(modules: str, table: DnsTable, cases: list[Case]) -> list[dict]:
    records = {
        f"{name} {kind}": [one.decode("utf-8") if isinstance(one, bytes) else one for one in values]
        for (name, kind), values in table.records.items()
    }
    lines = [json.dumps({"records": records, "broken": sorted(table.broken)})]
    lines += [
        json.dumps({
            "ip": one.ip, "helo": one.helo, "sender": one.sender, "message": base64.b64encode(one.message).decode(),
        })
        for one in cases
    ]  # fmt: skip
    ran = subprocess.run(
        ["node", str(HERE / "mailauth" / "judge.js")],
        input="\n".join(lines).encode(),
        env={**os.environ, "NODE_PATH": modules},
        stdout=subprocess.PIPE,
        check=True,
        timeout=600,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def differences(ours: Evidence, theirs: dict) -> list[tuple[str, str, str, str]]:
    """(what, ours, theirs, detail)"""
    found = []
    spf = ours.spf.result.value
    if spf != theirs["spf"]:
        found.append(("spf", spf, str(theirs["spf"]), f"{ours.spf.domain}: {ours.spf.cause}"))
    mine = [one for one in ours.dkim if one.domain]
    for one, (d, s, result, comment, _) in zip(mine, theirs["dkim"], strict=False):
        if (one.result is Signed.PASS) != (result == "pass"):
            found.append(("dkim", one.result.value, result, f"{one.cause} | {comment} {d} {s}"))
    if len(mine) != len(theirs["dkim"]):
        found.append(
            ("dkim count", str(len(mine)), str(len(theirs["dkim"])), str([one.cause for one in ours.dkim]))
        )
    if ours.arc.result.value != theirs["arc"]:
        found.append(
            ("arc", ours.arc.result.value, theirs["arc"], f"{ours.arc.cause} | {theirs['arcComment']}")
        )
    if ours.dmarc.result.value != theirs["dmarc"]:
        found.append(
            (
                "dmarc",
                ours.dmarc.result.value,
                theirs["dmarc"],
                f"{ours.dmarc.author_domain}: {ours.dmarc.cause}",
            )
        )
    elif ours.dmarc.record_domain and ours.dmarc.policy.value != theirs["policy"]:
        detail = f"{ours.dmarc.author_domain} at {ours.dmarc.record_domain}"
        found.append(("policy", ours.dmarc.policy.value, theirs["policy"], detail))
    return found


SAID = {
    "the key is not for mail": "mailauth ignores s= of keys (RFC 6376 3.6.1)",
    "the key is not for SHA-256": "mailauth ignores h= of keys (RFC 6376 3.6.1)",
    "the key is not for subdomains": "mailauth ignores t=s of keys (RFC 6376 3.6.1)",
    "From is not signed": "mailauth passes signatures without From (RFC 6376 6.1.1: PERMFAIL)",
    "i= is not within d=": "mailauth ignores i= (RFC 6376 6.1.1: PERMFAIL)",
    "the body is shorter than l=": "mailauth ignores that l= is too long (RFC 6376 3.5: must not be)",
}


def why(case: Case, ours: Evidence, theirs: dict, what: str, all_of_it: list) -> str:
    """Why we think that ours is the right one; "" when we do not know."""
    if what == "spf":
        if ours.spf.result.value == "temperror":
            return "mailauth takes SERVFAIL in include for no match (RFC 7208 5.2: temperror)"
        if "look-ups without answer" in ours.spf.cause:
            return "mailauth counts no void look-up while the other kind of address is there; we, for IPv6 peers only (RFC 7208 4.6.4: all)"
    if what == "dkim":
        for one, (*_, result, comment, _) in zip(ours.dkim, theirs["dkim"], strict=False):
            if (one.result is Signed.PASS) == (result == "pass"):
                continue
            if one.cause in SAID:
                return SAID[one.cause]
            if one.partial and b"l=0;" in case.message and comment == "body hash did not verify":
                return "mailauth takes l=0 for no l= (RFC 6376 3.5)"
    if what == "arc":
        return ""
    if what in ("dmarc", "policy"):
        found = ours.dmarc
        if not found.author_domain:
            return "mailauth gives none without exactly one author; we say permerror"
        if found.policy is not found.published:
            return "t=y (RFC 9989 4.7), unknown to mailauth"
        if found.cause == "the policy cannot be read" or found.record_domain == "o8.test":
            return "an invalid p=: none with rua=, else nothing (RFC 9989 4.10.1)"
        if any(each[0] in ("spf", "dkim") for each in all_of_it):
            return "follows from SPF or DKIM above"
        if (
            found.organizational_domain != ".".join(found.author_domain.split(".")[-2:])
            or found.record_domain == "bank.test"
        ):
            return "the tree walk and np=, psd= (RFC 9989 4.10) instead of the public suffix list"
        if (
            found.author_domain.startswith("ghost.")
            or found.record_domain == "o4.test" != found.author_domain
        ):
            return "np= (RFC 9989 4.7), unknown to mailauth"
        if found.result is Signed.FAIL and found.record_domain in ("o3.test", "o10.test", "o11.test"):
            return "mailauth lets strict alignment fall back to relaxed (RFC 9989 4.4)"
        if found.result is Signed.TEMPERROR:
            return "an aligned check was not finished: temperror (RFC 9989 5.3.5 leaves it to us)"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("modules")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mbox")
    parser.add_argument("--mbox-count", type=int, default=3000)
    options = parser.parse_args()
    random = Random(options.seed)
    table = dns()
    cases = [one_case(random) for _ in range(options.count)]
    if options.mbox:
        cases += mbox_cases(options.mbox, random, options.mbox_count)
    theirs = oracle(options.modules, table, cases)
    assert len(theirs) == len(cases)
    reasons: Counter[str] = Counter()
    unknown: list[str] = []
    seen: Counter[str] = Counter()
    agreed = 0
    for case, other in zip(cases, theirs, strict=True):
        ours = examined(table, case.message, case.ip, case.helo, case.sender)
        seen[f"spf {ours.spf.result.value}"] += 1
        seen[f"dmarc {ours.dmarc.result.value}"] += 1
        seen[f"arc {ours.arc.result.value}"] += 1
        seen.update(f"dkim {one.result.value}" for one in ours.dkim)
        found = differences(ours, other)
        agreed += not found
        for what, mine, his, detail in found:
            reason = why(case, ours, other, what, found)
            if reason:
                reasons[f"{what}: {reason}"] += 1
            else:
                unknown.append(f"{what}: {mine} here, {his} there: {detail[:200]}")
    print(len(cases), "messages;", ", ".join(f"{name} {n}" for name, n in sorted(seen.items())))
    print(agreed, "verdicts agree in everything; differences:")
    for reason, n in reasons.most_common():
        print(f"{n:6} {reason}")
    for text, n in Counter(unknown).most_common(60):
        print(f"{n:6} NOT EXPLAINED {text}")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
