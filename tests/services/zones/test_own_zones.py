"""What the server says of our own zones: acceptance scenario 22, and the rest of DNS-1 … DNS-10 and W-25."""

from __future__ import annotations

import dns.flags
import dns.rdatatype

from mailsys.core.bad_field import BadField, Missing, Taken
from mailsys.core.refusal import NotAllowed, StateMismatch
from mailsys.ports.accounts import Domain
from mailsys.services.zones.editing import Wanted
from tests.services.zones.rig import DOMAIN, DnsCase, flags, rcode, texts


class OwnZones(DnsCase):
    async def test_each_type_is_answered_as_it_was_written(self) -> None:
        written = [
            ("www", "A", "192.0.2.80"),
            ("www", "AAAA", "2001:db8::80"),
            ("web", "CNAME", "www"),
            ("@", "TXT", '"v=other" "two strings"'),
            ("_sip._tcp", "SRV", "1 2 5060 sip.example.net."),
            ("sub", "NS", "ns1.sub"),
            ("ns1.sub", "A", "192.0.2.53"),
            ("_443._tcp.www", "TLSA", "3 1 1 " + "cd" * 32),
            ("www", "HTTPS", '1 . alpn="h2"'),
            ("@", "CAA", '0 iodef "mailto:sec@example.org"'),
            ("10.0.0", "PTR", "www.example.org."),
            ("_ssh", "SSHFP", "1 2 " + "ef" * 32),
        ]
        await self.write(*written)
        for name, kind, value in written:
            if name in ("sub", "ns1.sub"):
                continue
            whole = DOMAIN if name == "@" else f"{name}.{DOMAIN}"
            found = await self.ask(whole, kind, rd=False)
            expected = "www.example.org." if kind == "CNAME" else value
            self.assertIn(expected, texts(found, kind), (name, kind))
            self.assertEqual((rcode(found), flags(found)), ("NOERROR", "QR AA RA"), (name, kind))
        # A text replaces only those of its kind: SPF stands beside it.
        found = await self.ask(DOMAIN, "TXT")
        self.assertEqual(len(texts(found, "TXT")), 2)
        self.assertIn('"v=spf1 mx -all"', texts(found, "TXT"))

    async def test_a_mail_domain_has_what_the_world_must_see(self) -> None:
        soa = texts(await self.ask(DOMAIN, "SOA"), "SOA")[0].split()
        self.assertEqual(soa[:2], ["mail.example.org.", "hostmaster.example.org."])
        self.assertEqual(int(soa[2]), self.editor.zone(DOMAIN).serial)
        for name, kind, value in (
            (DOMAIN, "NS", "ns2.example.net."),
            (DOMAIN, "MX", "10 mail.example.org."),
            (DOMAIN, "TXT", '"v=spf1 mx -all"'),
            (f"_dmarc.{DOMAIN}", "TXT", '"v=DMARC1; p=quarantine; rua=mailto:postmaster@example.org"'),
            (f"_smtp._tls.{DOMAIN}", "TXT", '"v=TLSRPTv1; rua=mailto:postmaster@example.org"'),
            (f"_imaps._tcp.{DOMAIN}", "SRV", "0 1 993 mail.example.org."),
            (f"_jmap._tcp.{DOMAIN}", "SRV", "0 1 443 mail.example.org."),
            (DOMAIN, "CAA", '0 issue "letsencrypt.org"'),
            (f"mail.{DOMAIN}", "A", "192.0.2.25"),
            (f"mail.{DOMAIN}", "AAAA", "2001:db8::25"),
            (f"mail.{DOMAIN}", "HTTPS", "1 ."),
            (f"_25._tcp.mail.{DOMAIN}", "TLSA", "3 1 1 " + "ab" * 32),
        ):
            self.assertIn(value, texts(await self.ask(name, kind), kind), (name, kind))

    async def test_several_mx_come_all_with_the_addresses_of_our_hosts(self) -> None:
        await self.write(("@", "MX", "10 mail"), ("@", "MX", "20 backup.example.net."))
        found = await self.ask(DOMAIN, "MX")
        self.assertEqual(sorted(texts(found, "MX")), ["10 mail.example.org.", "20 backup.example.net."])
        self.assertEqual(texts(found, "A", "additional"), ["192.0.2.25"])
        self.assertEqual(texts(found, "AAAA", "additional"), ["2001:db8::25"])

    async def test_long_texts_and_texts_that_are_not_ascii(self) -> None:
        long = "v=DKIM1; p=" + "A" * 700
        await self.write(("k._domainkey", "TXT", long), ("u", "TXT", "grüße " * 60))
        for _ in range(2):  # the second is from what is kept
            found = await self.ask(f"k._domainkey.{DOMAIN}", "TXT", use_edns=True, payload=1232)
            (record,) = found.answer[0]
            self.assertEqual([len(each) for each in record.strings], [255, 255, 201])
            self.assertEqual(b"".join(record.strings).decode(), long)
            found = await self.ask(f"u.{DOMAIN}", "TXT", use_edns=True, payload=1232)
            (record,) = found.answer[0]
            self.assertEqual(b"".join(record.strings).decode(), ("grüße " * 60).strip())

    async def test_names_of_our_addresses(self) -> None:
        await self.write(("www", "A", "192.0.2.80"), ("www", "AAAA", "2001:db8::80"))
        for address, name in (
            ("80.2.0.192.in-addr.arpa", "www.example.org."),
            ("25.2.0.192.in-addr.arpa", "mail.example.org."),
            ("0.8." + "0." * 22 + "8.b.d.0.1.0.0.2.ip6.arpa", "www.example.org."),
        ):
            found = await self.ask(address, "PTR")
            self.assertEqual((texts(found, "PTR"), flags(found)), ([name], "QR AA RD RA"))
        await self.editor.change(DOMAIN, [], [Wanted("www", "A")], "test")
        self.peer.zone["80.2.0.192.in-addr.arpa", "PTR"] = ["elsewhere.test."]
        self.assertEqual(texts(await self.ask("80.2.0.192.in-addr.arpa", "PTR"), "PTR"), ["elsewhere.test."])

    async def test_a_reverse_zone_of_ours_has_them_too_but_what_is_written_there_goes_first(self) -> None:
        await self.editor.create("2.0.192.in-addr.arpa", "test")
        await self.write(("www", "A", "192.0.2.80"))
        await self.write(("25", "PTR", "relay.example.org."), zone="2.0.192.in-addr.arpa")
        self.assertEqual(texts(await self.ask("80.2.0.192.in-addr.arpa", "PTR"), "PTR"), ["www.example.org."])
        self.assertEqual(
            texts(await self.ask("25.2.0.192.in-addr.arpa", "PTR"), "PTR"), ["relay.example.org."]
        )
        self.assertEqual(rcode(await self.ask("81.2.0.192.in-addr.arpa", "PTR")), "NXDOMAIN")

    async def test_an_alias_is_followed_within_our_zones_and_beyond_for_our_clients(self) -> None:
        await self.write(("a", "CNAME", "b"), ("b", "CNAME", "www"), ("www", "A", "192.0.2.80"))
        await self.write(("out", "CNAME", "host.elsewhere.example."))
        self.peer.zone["host.elsewhere.example", "A"] = ["198.51.100.7"]
        found = await self.ask(f"a.{DOMAIN}", "A")
        self.assertEqual(texts(found, "CNAME"), ["b.example.org.", "www.example.org."])
        self.assertEqual(texts(found, "A"), ["192.0.2.80"])
        for _ in range(2):
            found = await self.ask(f"out.{DOMAIN}", "A")
            self.assertEqual(
                texts(found, "CNAME") + texts(found, "A"), ["host.elsewhere.example.", "198.51.100.7"]
            )
        self.assertEqual(self.peer.asked, [("host.elsewhere.example", "A")])
        found = await self.ask(f"out.{DOMAIN}", "A", rd=False)
        self.assertEqual(texts(found, "A"), [])
        # Aliases in a circle end.
        await self.write(("c1", "CNAME", "c2"), ("c2", "CNAME", "c1"))
        self.assertEqual(len(texts(await self.ask(f"c1.{DOMAIN}", "A"), "CNAME")), 2)

    async def test_a_name_of_ours_without_the_type_is_not_asked_for_elsewhere(self) -> None:
        for name, code in (
            (f"mail.{DOMAIN}", "NOERROR"),
            (f"_tcp.{DOMAIN}", "NOERROR"),
            (f"no.{DOMAIN}", "NXDOMAIN"),
        ):
            found = await self.ask(name, "LOC")
            self.assertEqual((rcode(found), found.answer, flags(found)), (code, [], "QR AA RD RA"))
            self.assertEqual(found.authority[0].rdtype, dns.rdatatype.SOA)
            self.assertEqual(found.authority[0].ttl, 300)
        self.assertEqual(self.peer.asked, [])

    async def test_letters_of_any_case_are_the_same_and_come_back_as_they_came(self) -> None:
        query = "MaIl.ExAmPlE.oRg."
        found = await self.ask(query, "A")
        self.assertEqual(str(found.question[0].name), query)
        self.assertEqual(str(found.answer[0].name), query)
        self.assertEqual(texts(found, "A"), ["192.0.2.25"])

    async def test_wildcards(self) -> None:
        await self.write(
            ("*.w", "A", "192.0.2.1"),
            ("*.w", "MX", "5 mail"),
            ("host.w", "TXT", "here"),
            ("*.c", "CNAME", "www"),
            ("www", "A", "192.0.2.80"),
            ("x.ent.w", "TXT", "below"),
        )
        found = await self.ask(f"any.thing.w.{DOMAIN}", "A")
        self.assertEqual(
            (texts(found, "A"), str(found.answer[0].name)), (["192.0.2.1"], f"any.thing.w.{DOMAIN}.")
        )
        # RFC 4592 §2.2.1: what exists is not covered, nor what is below it, nor an empty name between.
        for name, code in (
            (f"host.w.{DOMAIN}", "NOERROR"),
            (f"sub.host.w.{DOMAIN}", "NXDOMAIN"),
            (f"ent.w.{DOMAIN}", "NOERROR"),
            (f"w.{DOMAIN}", "NOERROR"),
        ):
            found = await self.ask(name, "A")
            self.assertEqual((rcode(found), found.answer), (code, []), name)
        self.assertEqual(rcode(await self.ask(f"y.w.{DOMAIN}", "LOC")), "NOERROR")
        found = await self.ask(f"q.c.{DOMAIN}", "A")
        self.assertEqual(texts(found, "A"), ["192.0.2.80"])

    async def test_a_zone_below_is_referred_to_with_glue(self) -> None:
        await self.write(
            ("sub", "NS", "ns1.sub"),
            ("sub", "NS", "ns.example.net."),
            ("ns1.sub", "A", "192.0.2.53"),
        )
        for name in (f"sub.{DOMAIN}", f"deep.below.sub.{DOMAIN}", f"ns1.sub.{DOMAIN}"):
            found = await self.ask(name, "A")
            self.assertEqual((rcode(found), found.answer, flags(found)), ("NOERROR", [], "QR RD RA"), name)
            self.assertEqual(
                sorted(texts(found, "NS", "authority")), ["ns.example.net.", "ns1.sub.example.org."]
            )
            self.assertEqual(texts(found, "A", "additional"), ["192.0.2.53"])
        found = await self.ask(f"sub.{DOMAIN}", "DS")
        self.assertEqual((found.answer, flags(found)), ([], "QR AA RD RA"))

    async def test_any_gets_one_set(self) -> None:
        found = await self.ask(DOMAIN, "ANY")
        self.assertEqual(len(found.answer), 1)
        self.assertLess(self.size, 150)

    async def test_what_does_not_fit_is_cut_and_comes_whole_by_tcp(self) -> None:
        await self.write(*(("many", "TXT", f"{n:02} " + "x" * 180) for n in range(30)))
        for size in (None, 600, 1232, 4096):
            more = {} if size is None else {"use_edns": True, "payload": size}
            found = await self.ask(f"many.{DOMAIN}", "TXT", **more)
            self.assertEqual((found.answer, bool(found.flags & dns.flags.TC)), ([], True), size)
            self.assertLessEqual(self.size, 512)
        found = await self.ask(f"many.{DOMAIN}", "TXT", tcp=True)
        self.assertEqual((len(texts(found, "TXT")), bool(found.flags & dns.flags.TC)), (30, False))
        # 700 octets: by EDNS, not without.
        await self.write(("some", "TXT", "y" * 700))
        self.assertTrue((await self.ask(f"some.{DOMAIN}", "TXT")).flags & dns.flags.TC)
        self.assertTrue(texts(await self.ask(f"some.{DOMAIN}", "TXT", use_edns=True, payload=1232), "TXT"))

    async def test_changes_are_seen_at_once_and_remembered(self) -> None:
        for number in range(5):
            await self.editor.change(
                DOMAIN,
                [Wanted("www", "A", f"192.0.2.{number}")],
                [Wanted("www", "A")] if number else [],
                "alice@example.org",
            )
            self.assertEqual(texts(await self.ask(f"www.{DOMAIN}", "A"), "A"), [f"192.0.2.{number}"])
        history = await self.editor.history(DOMAIN, 10)
        self.assertEqual(history[0].by, "alice@example.org")
        self.assertEqual(
            [each.value for each in (*history[0].added, *history[0].removed)], ["192.0.2.4", "192.0.2.3"]
        )
        serial = int(texts(await self.ask(DOMAIN, "SOA"), "SOA")[0].split()[2])
        self.assertEqual(serial, history[0].serial)
        await self.editor.change(DOMAIN, [], [Wanted("www", "A")], "test")
        self.assertEqual(rcode(await self.ask(f"www.{DOMAIN}", "A")), "NXDOMAIN")

    async def test_a_new_domain_and_a_removed_one(self) -> None:
        self.assertEqual(rcode(await self.ask("new.example", "MX")), "NXDOMAIN")  # elsewhere
        await self.store.accounts.put_domain(Domain("new.example"))
        await self.book.refresh()
        self.assertEqual(texts(await self.ask("new.example", "MX"), "MX"), ["10 mail.example.org."])
        with self.assertRaises(NotAllowed):
            await self.editor.remove("new.example", "test")
        await self.store.accounts.remove_domain("new.example")
        await self.book.refresh()
        self.assertEqual(self.editor.names(), ["example.org."])

    async def test_a_domain_below_another_is_delegated_to(self) -> None:
        await self.store.accounts.put_domain(Domain(f"sub.{DOMAIN}"))
        await self.book.refresh()
        found = await self.ask(f"sub.{DOMAIN}", "MX")
        self.assertEqual((texts(found, "MX"), flags(found)), (["10 mail.example.org."], "QR AA RD RA"))
        shown = {(each.record.name, each.record.type) for each in self.editor.records(DOMAIN)}
        self.assertIn((f"sub.{DOMAIN}.", "NS"), shown)

    async def test_what_is_no_record_is_refused(self) -> None:
        for wanted in (
            Wanted("www", "A", "192.0.2.300"),
            Wanted("www", "A", "::1"),
            Wanted("www", "AAAA", "192.0.2.1"),
            Wanted("www", "MX", "mail"),
            Wanted("www", "SOA", "a b 1 2 3 4 5"),
            Wanted("www", "RRSIG", "x"),
            Wanted("other.net.", "A", "192.0.2.1"),
            Wanted("x" * 64, "A", "192.0.2.1"),
            Wanted("www", "A", "192.0.2.1", 0),
            Wanted("www", "TXT", '"open'),
            Wanted("www", "MX", "10 192.0.2.1 x"),
            Wanted("a..b", "A", "192.0.2.1"),
            Wanted("www", "SRV", "1 2 70000 h"),
            Wanted("www", "CAA", "0 issue"),
        ):
            with self.assertRaises(BadField, msg=wanted):
                await self.editor.change(DOMAIN, [wanted], [], "test")
        await self.write(("www", "A", "192.0.2.80"), ("al", "CNAME", "www"))
        for wanted in (
            Wanted("www", "CNAME", "mail"),
            Wanted("al", "A", "192.0.2.1"),
            Wanted("al", "CNAME", "mail"),
            Wanted("@", "CNAME", "www"),
            Wanted("@", "MX", "5 al"),
            Wanted("x", "DS", "1 13 2 " + "ab" * 32),
        ):
            with self.assertRaises(NotAllowed, msg=wanted):
                await self.editor.change(DOMAIN, [wanted], [], "test")
        with self.assertRaises(NotAllowed):  # it follows from the settings
            await self.editor.change(DOMAIN, [], [Wanted("mail", "A", "192.0.2.25")], "test")
        with self.assertRaises(Missing):
            await self.editor.change("other.org", [], [], "test")
        with self.assertRaises(StateMismatch):
            await self.editor.change(DOMAIN, [Wanted("x", "A", "192.0.2.1")], [], "test", if_serial=1)
        with self.assertRaises(Taken):
            await self.editor.create(DOMAIN, "test")

    async def test_own_records_replace_those_that_follow_from_the_settings(self) -> None:
        await self.write(("mail", "A", "203.0.113.9"), ("@", "TXT", "v=spf1 a -all"))
        self.assertEqual(texts(await self.ask(f"mail.{DOMAIN}", "A"), "A"), ["203.0.113.9"])
        self.assertEqual(texts(await self.ask(DOMAIN, "TXT"), "TXT"), ['"v=spf1 a -all"'])
        await self.editor.change(DOMAIN, [], [Wanted("mail", "A")], "test")
        self.assertEqual(texts(await self.ask(f"mail.{DOMAIN}", "A"), "A"), ["192.0.2.25"])


class NotOurClients(DnsCase):
    clients = ()
    secondaries = ()

    async def test_the_world_gets_our_zones_and_nothing_else(self) -> None:
        self.assertEqual(flags(await self.ask(DOMAIN, "MX")), "QR AA RD")
        for name, kind in (("example.net", "A"), ("org", "NS"), (".", "NS"), (".", "ANY")):
            found = await self.ask(name, kind)
            self.assertEqual((rcode(found), flags(found), found.authority), ("REFUSED", "QR RD", []))
        self.assertEqual(self.peer.asked, [])
        await self.write(("out", "CNAME", "host.example.net."))
        found = await self.ask(f"out.{DOMAIN}", "A")
        self.assertEqual((texts(found, "CNAME"), rcode(found)), (["host.example.net."], "NOERROR"))
        self.assertEqual(self.peer.asked, [])

    async def test_nobody_gets_a_whole_zone(self) -> None:
        for tcp in (True, False):
            self.assertEqual(rcode(await self.ask(DOMAIN, "AXFR", tcp=tcp)), "REFUSED")
