"""Signed zones: dnspython verifies what we sign, and what we say is not there."""

from __future__ import annotations

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.rrset
import dns.xfr
import dns.zone
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.dns.dnssec import bitmap, compact_denial, key_tag
from mailsys.core.dns.names import to_wire
from mailsys.core.dns.zone import make_zone
from mailsys.ports.accounts import Domain
from tests.services.zones.rig import DOMAIN, DnsCase, rcode, texts

CO = 0x4000


class Signed(DnsCase):
    async def setUp(self) -> None:
        await super().setUp()
        await self.write(
            ("www", "A", "192.0.2.80"),
            ("*.w", "A", "192.0.2.1"),
            ("al", "CNAME", "www"),
            ("sub", "NS", "ns1.sub"),
            ("ns1.sub", "A", "192.0.2.53"),
            ("deep.ent", "TXT", "x"),
        )
        zone = await self.editor.sign(DOMAIN, True, "test")
        self.assertTrue(zone.keys)
        keys = await self.signed(DOMAIN, "DNSKEY", check=False)
        self.keys = {dns.name.from_text(DOMAIN): keys.answer[0]}
        self.verify(keys.answer)

    async def signed(self, name: str, kind: str, check: bool = True, **more: object) -> dns.message.Message:
        found = await self.ask(name, kind, want_dnssec=True, payload=1232, **more)
        if check:
            self.verify(found.answer)
            self.verify(found.authority)
        return found

    def verify(self, section: list[dns.rrset.RRset]) -> None:
        """Every set has a signature that holds; but the servers of a zone below, and what is below."""
        sets = [each for each in section if each.rdtype != dns.rdatatype.RRSIG]
        for records in sets:
            if records.rdtype == dns.rdatatype.NS and str(records.name) != f"{DOMAIN}.":
                continue
            (mine,) = [
                each
                for each in section
                if each.rdtype == dns.rdatatype.RRSIG
                and (each.name, each.covers) == (records.name, records.rdtype)
            ]
            dns.dnssec.validate(records, mine, self.keys, now=self.now)

    async def test_answers_are_signed(self) -> None:
        for name, kind in (
            (DOMAIN, "SOA"),
            (DOMAIN, "MX"),
            (DOMAIN, "NS"),
            (DOMAIN, "TXT"),
            (DOMAIN, "CDS"),
            (DOMAIN, "CDNSKEY"),
            (f"www.{DOMAIN}", "A"),
            (f"any.w.{DOMAIN}", "A"),
            (f"al.{DOMAIN}", "A"),
            (DOMAIN, "ANY"),
            (f"_25._tcp.mail.{DOMAIN}", "TLSA"),
        ):
            self.assertTrue((await self.signed(name, kind)).answer, (name, kind))
        self.assertEqual(len((await self.ask(DOMAIN, "MX")).answer), 1)  # nobody asked for signatures

    async def test_what_is_not_there_is_denied_by_one_small_proof(self) -> None:
        for name, types in (
            (f"no.{DOMAIN}", {"RRSIG", "NSEC", "NXNAME"}),
            (f"a.b.c.no.{DOMAIN}", {"RRSIG", "NSEC", "NXNAME"}),
            (f"www.{DOMAIN}", {"A", "RRSIG", "NSEC"}),
            (f"ent.{DOMAIN}", {"RRSIG", "NSEC"}),
            (f"any.w.{DOMAIN}", {"A", "RRSIG", "NSEC"}),
        ):
            found = await self.signed(name, "LOC")
            (proof,) = [each for each in found.authority if each.rdtype == dns.rdatatype.NSEC]
            self.assertEqual((str(proof.name), rcode(found)), (f"{name}.", "NOERROR"))
            self.assertEqual(proof[0].next, dns.name.Name([b"\0", *proof.name.labels]))
            self.assertEqual(set(proof[0].to_text().split()[1:]), types, name)

    async def test_who_knows_compact_answers_gets_nxdomain_with_them(self) -> None:
        query = dns.message.make_query(f"no.{DOMAIN}", "A", want_dnssec=True)
        query.ednsflags |= CO
        found = dns.message.from_wire(await self.datagram(query.to_wire()))
        self.assertEqual((rcode(found), found.ednsflags & CO), ("NXDOMAIN", CO))
        self.verify(found.authority)
        self.assertEqual(rcode(await self.ask(f"no.{DOMAIN}", "A")), "NXDOMAIN")

    async def test_a_zone_below_is_said_to_be_insecure_or_secured_by_its_key(self) -> None:
        found = await self.signed(f"x.sub.{DOMAIN}", "A")
        (proof,) = [each for each in found.authority if each.rdtype == dns.rdatatype.NSEC]
        self.assertEqual(set(proof[0].to_text().split()[1:]), {"NS", "RRSIG", "NSEC"})
        await self.store.accounts.put_domain(Domain(f"child.{DOMAIN}"))
        await self.book.refresh()
        await self.editor.sign(f"child.{DOMAIN}", True, "test")
        (ds,) = texts(await self.signed(f"child.{DOMAIN}", "DS"), "DS")
        self.assertEqual([ds], self.editor.delegation(f"child.{DOMAIN}"))
        keys = await self.ask(f"child.{DOMAIN}", "DNSKEY", want_dnssec=True)
        made = dns.dnssec.make_ds(f"child.{DOMAIN}.", keys.answer[0][0], "SHA256")
        self.assertEqual(made.to_text(), ds)

    async def test_rrsig_and_nsec_can_be_asked_for(self) -> None:
        found = await self.ask(f"www.{DOMAIN}", "RRSIG")
        self.assertEqual([each.rdtype for each in found.answer], [dns.rdatatype.RRSIG])
        found = await self.signed(f"www.{DOMAIN}", "NSEC")
        self.assertTrue(texts(found, "NSEC"))

    async def test_signatures_are_made_anew_each_day_and_secondaries_come_for_them(self) -> None:
        first = await self.signed(DOMAIN, "MX")
        serial = self.editor.zone(DOMAIN).serial
        self.now += 86400
        later = await self.signed(DOMAIN, "MX")
        self.assertNotEqual(texts(first, "RRSIG"), texts(later, "RRSIG"))
        self.now += 4 * 86400
        await self.book.refresh()
        self.assertGreater(self.editor.zone(DOMAIN).serial, serial)

    async def test_signing_ends(self) -> None:
        await self.editor.sign(DOMAIN, False, "test")
        found = await self.ask(DOMAIN, "MX", want_dnssec=True)
        self.assertEqual(len(found.answer), 1)
        self.assertEqual((await self.ask(DOMAIN, "DNSKEY")).answer, [])

    async def test_a_whole_zone_has_a_chain_that_a_secondary_can_answer_from(self) -> None:
        zone = await transferred(self)
        names = sorted(name for name in zone.nodes if zone.get_rdataset(name, "NSEC") is not None)
        links = {name: zone.get_rdataset(name, "NSEC")[0].next for name in names}
        self.assertEqual([links[name] for name in names], [*names[1:], names[0]])
        self.assertNotIn(dns.name.from_text(f"ns1.sub.{DOMAIN}"), links)
        for name, node in zone.nodes.items():
            for records in node.rdatasets:
                if records.rdtype in (dns.rdatatype.RRSIG, dns.rdatatype.NS) or str(name).startswith(
                    "ns1.sub"
                ):
                    continue
                signature = node.find_rdataset(dns.rdataclass.IN, dns.rdatatype.RRSIG, records.rdtype)
                dns.dnssec.validate((name, records), (name, signature), self.keys, now=self.now)


async def transferred(case: DnsCase, kind: str = "AXFR") -> dns.zone.Zone:
    query = dns.message.make_query(DOMAIN, kind)
    wire = query.to_wire()
    found = await case.streamed(len(wire).to_bytes(2, "big") + wire + QUESTION_AFTER, 10_000)
    zone = dns.zone.Zone(DOMAIN, relativize=False)
    with dns.xfr.Inbound(zone, dns.rdatatype.AXFR) as inbound:
        for each in found:
            if inbound.process_message(dns.message.from_wire(each, xfr=True, one_rr_per_rrset=True)):
                break
    return zone


# Larger than any: the connection ends once the transfer is through.
QUESTION_AFTER = b"\xff\xff"


class Transfers(DnsCase):
    async def test_a_secondary_gets_the_whole_zone(self) -> None:
        await self.write(*(("big", "TXT", f"{n:03} " + "x" * 200) for n in range(300)))
        zone = await transferred(self)
        self.assertEqual(len(zone.get_rdataset(f"big.{DOMAIN}.", "TXT")), 300)
        serial = self.editor.zone(DOMAIN).serial
        self.assertEqual(zone.get_rdataset(f"{DOMAIN}.", "SOA")[0].serial, serial)
        shown = {(each.record.name, each.record.type) for each in self.editor.records(DOMAIN)}
        there = {
            (str(name), dns.rdatatype.to_text(each.rdtype))
            for name, node in zone.nodes.items()
            for each in node.rdatasets
        }
        self.assertEqual(there - {(f"{DOMAIN}.", "SOA")}, shown)

    async def test_who_has_it_already_is_told_so(self) -> None:
        serial = self.editor.zone(DOMAIN).serial
        for has, count in ((serial, 1), (serial - 1, len(self.editor.records(DOMAIN)) + 2)):
            query = dns.message.make_query(DOMAIN, "IXFR")
            soa = f"m. h. {has} 1 1 1 1"
            query.authority.append(dns.rrset.from_text(f"{DOMAIN}.", 0, "IN", "SOA", soa))
            wire = query.to_wire()
            (answer,) = await self.streamed(len(wire).to_bytes(2, "big") + wire, 1)
            found = dns.message.from_wire(answer, one_rr_per_rrset=True)
            self.assertEqual(len(found.answer), count)
            by_datagram = dns.message.from_wire(await self.datagram(wire))
            self.assertEqual(len(by_datagram.answer), 1)

    async def test_a_zone_that_is_not_ours(self) -> None:
        self.assertEqual(rcode(await self.ask("example.net", "AXFR", tcp=True)), "NOTAUTH")
        self.assertEqual(rcode(await self.ask(f"www.{DOMAIN}", "AXFR", tcp=True)), "NOTAUTH")


class Forms(SynchronousTestCase):
    def test_bitmap(self) -> None:
        # RFC 4034 §4.3
        self.assertEqual(bitmap([1, 15, 46, 47, 1234]).hex(), "0006400100000003" + "041b" + "00" * 26 + "20")

    def test_key_tag_is_that_of_dnspython(self) -> None:
        data = bytes.fromhex("0101030d") + bytes(range(64))
        key = dns.rdata.from_wire("IN", "DNSKEY", data, 0, len(data))
        self.assertEqual(key_tag(data), dns.dnssec.key_id(key))

    def test_the_next_name_of_the_longest_ones(self) -> None:
        apex = to_wire("example.org")
        soa = to_wire("a") + to_wire("b") + bytes(20)
        zone = make_zone(apex, 1, [(apex, 6, 300, soa)], True)
        for first in ("a" * 49, "z" * 49, "\\255" * 49, "\\064" * 49):
            name = to_wire(f"{first}.{'x' * 63}.{'y' * 63}.{'w' * 63}.example.org")
            self.assertEqual(len(name), 255)
            (data,) = compact_denial(zone, name, None).datas
            after = dns.rdata.from_wire("IN", "NSEC", data, 0, len(data)).next
            self.assertGreater(after, dns.name.from_wire(name, 0)[0])
