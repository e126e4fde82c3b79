"""NOTIFY to secondaries, our records in a zone of another server's, and what the world sees."""

from __future__ import annotations

import random
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update
import dns.zone
from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.refusal import NotAllowed
from mailsys.services.zones import notify
from mailsys.services.zones.check import check
from mailsys.services.zones.notify import Notifier
from mailsys.services.zones.push import PushKey, push, read_key
from tests.peers.zone import Zone
from tests.services.zones.rig import DOMAIN, DnsCase

SECRET = "c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgb2N0ZXRzIQ=="
KEY = PushKey("push.", "hmac-sha256", SECRET)


class _Secondary(DatagramProtocol):
    def __init__(self, silent: int) -> None:
        self.silent = silent
        self.heard: list[tuple[str, str, str]] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        query = dns.message.from_wire(datagram)
        question = query.question[0]
        self.heard.append(
            (dns.opcode.to_text(query.opcode()), str(question.name), dns.rdatatype.to_text(question.rdtype))
        )
        self.silent -= 1
        if self.silent < 0:
            self.transport.write(dns.message.make_response(query).to_wire(), addr)


class Notifying(DnsCase):
    async def begin(self, silent: int = 0) -> _Secondary:
        secondary = _Secondary(silent)
        port = reactor.listenUDP(0, secondary, "127.0.0.1")
        self.addCleanup(port.stopListening)
        notifier = Notifier(reactor, [("127.0.0.1", port.getHost().port)], random.Random(1))
        self.book.changed.append(notifier.told)
        self.addCleanup(notifier.stop)
        self.notifier = notifier
        return secondary

    async def quiet(self) -> None:
        while self.notifier._under_way:
            await deferLater(reactor, 0.005, lambda: None)

    async def test_a_change_is_told(self) -> None:
        secondary = await self.begin()
        await self.write(("www", "A", "192.0.2.1"))
        await self.quiet()
        self.assertEqual(secondary.heard, [("NOTIFY", f"{DOMAIN}.", "SOA")])

    async def test_who_does_not_answer_is_told_again_and_changes_in_between_once(self) -> None:
        self.patch(notify, "PATIENCE", 0.05)
        secondary = await self.begin(silent=1)
        for number in range(5):
            await self.write(("www", "A", f"192.0.2.{number}"))
        await self.quiet()
        self.assertEqual(len(secondary.heard), 3)


class _Primary(Protocol):
    """A server that takes updates under one key, into a zone of dnspython's."""

    factory: Any

    def connectionMade(self) -> None:
        self.buffer = b""

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) < 2 or len(self.buffer) < 2 + int.from_bytes(self.buffer[:2], "big"):
            return
        zone = self.factory.zone
        keyring = {dns.name.from_text("push."): dns.tsig.Key("push.", SECRET, "hmac-sha256")}
        try:
            query = dns.message.from_wire(self.buffer[2:], keyring=keyring)
        except dns.exception.DNSException:
            query = dns.message.from_wire(self.buffer[2:], continue_on_error=True, ignore_trailing=True)
        response = dns.message.make_response(query)
        if query.opcode() == dns.opcode.UPDATE:
            if query.had_tsig:
                self.apply(zone, query)
            else:
                response.set_rcode(dns.rcode.REFUSED)
        else:
            question = query.question[0]
            found = zone.get_rrset(question.name, question.rdtype)
            if found is not None:
                response.answer.append(found)
        wire = response.to_wire()
        self.transport.write(len(wire).to_bytes(2, "big") + wire)

    def apply(self, zone: dns.zone.Zone, update: Any) -> None:
        for records in update.update:
            if records.deleting == dns.rdataclass.ANY:
                zone.delete_rdataset(records.name, records.rdtype)
            elif records.deleting == dns.rdataclass.NONE:
                there = zone.get_rdataset(records.name, records.rdtype)
                for each in records:
                    there.discard(each)
            else:
                there = zone.find_rdataset(records.name, records.rdtype, create=True)
                for each in records:
                    there.add(each, records.ttl)


class Pushing(DnsCase):
    async def setUp(self) -> None:
        await super().setUp()
        text = (
            "@ 60 IN SOA a. b. 1 1 1 1 1\n@ 60 IN NS a.\n@ 60 IN MX 5 old.example.net.\n"
            '@ 60 IN TXT "v=spf1 -all"\n@ 60 IN TXT "site=1"\nwww 60 IN A 192.0.2.9\n'
        )
        self.theirs = dns.zone.from_text(text, origin=DOMAIN, relativize=False)
        factory = Factory.forProtocol(_Primary)
        factory.zone = self.theirs
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.address = ("127.0.0.1", port.getHost().port)
        self.records = [each.record for each in self.book.of_domain(DOMAIN)]

    def there(self, name: str, kind: str) -> list[str]:
        found = self.theirs.get_rdataset(name, kind)
        return [] if found is None else sorted(str(each) for each in found)

    async def test_our_records_take_the_place_of_those_that_were_there(self) -> None:
        for _ in range(2):  # twice is as once
            self.assertEqual(
                await push(reactor, self.address, KEY, f"{DOMAIN}.", self.records), len(self.records)
            )
            self.assertEqual(self.there(f"{DOMAIN}.", "MX"), ["10 mail.example.org."])
            self.assertEqual(self.there(f"{DOMAIN}.", "TXT"), ['"site=1"', '"v=spf1 mx -all"'])
            self.assertEqual(self.there(f"www.{DOMAIN}.", "A"), ["192.0.2.9"])
            self.assertEqual(len(self.there(f"_dmarc.{DOMAIN}.", "TXT")), 1)

    async def test_what_the_other_server_says_is_told(self) -> None:
        with self.assertRaises(NotAllowed) as caught:
            await push(reactor, self.address, None, f"{DOMAIN}.", self.records)
        self.assertIn("REFUSED", caught.exception.text)
        self.assertEqual(self.there(f"{DOMAIN}.", "MX"), ["5 old.example.net."])

    async def test_an_answer_that_is_not_signed_is_not_believed(self) -> None:
        other = PushKey("push.", "hmac-sha256", "b3RoZXI=")
        with self.assertRaises(NotAllowed):
            await push(reactor, self.address, other, f"{DOMAIN}.", self.records)

    async def test_what_the_world_sees(self) -> None:
        wanted = self.book.of_domain(DOMAIN)
        world: dict[Any, Any] = {
            (DOMAIN, "MX"): [(10, "mail.example.org")],
            (DOMAIN, "TXT"): [b"site=1", b"v=spf1 mx -all"],
            (f"_dmarc.{DOMAIN}", "TXT"): [b"v=DMARC1; p=none", b"v=DMARC1; p=reject"],
            (f"mail.{DOMAIN}", "A"): ["192.0.2.99"],
            (f"mail.{DOMAIN}", "AAAA"): "!",
            (f"_25._tcp.mail.{DOMAIN}", "TLSA"): [(3, 1, 1, bytes.fromhex("ab" * 32))],
            ("25.2.0.192.in-addr.arpa", "PTR"): ["mail.example.org"],
        }
        seen = {(each.record.name, each.record.type): each for each in await check(Zone(world), wanted)}
        states = {key: each.state for key, each in seen.items()}
        self.assertEqual(states[f"{DOMAIN}.", "MX"], "good")
        self.assertEqual(states[f"{DOMAIN}.", "TXT"], "good")
        self.assertEqual(states[f"_dmarc.{DOMAIN}.", "TXT"], "differs")  # two are none
        self.assertEqual(states[f"mail.{DOMAIN}.", "A"], "differs")
        self.assertEqual(seen[f"mail.{DOMAIN}.", "A"].found, ("192.0.2.99",))
        self.assertEqual(states[f"mail.{DOMAIN}.", "AAAA"], "unknown")
        self.assertEqual(states[f"_25._tcp.mail.{DOMAIN}.", "TLSA"], "good")
        self.assertEqual(states["25.2.0.192.in-addr.arpa.", "PTR"], "good")
        self.assertEqual(states[f"_imaps._tcp.{DOMAIN}.", "SRV"], "missing")


class Keys(SynchronousTestCase):
    def test_keys_are_read_as_bind_and_knot_write_them(self) -> None:
        for text in (
            f'key "push." {{\n\talgorithm hmac-sha256;\n\tsecret "{SECRET}";\n}};\n',
            (
                f"# hmac-sha256:push.:{SECRET}\nkey:\n  - id: push.\n"
                f"    algorithm: hmac-sha256\n    secret: {SECRET}\n"
            ),
        ):
            self.assertEqual(read_key(text), KEY)
        with self.assertRaises(ValueError):
            read_key("nothing")
