"""What the server looks up for its clients: the cache, what is in flight, failures, blocklists; and W-7."""

from __future__ import annotations

import os
import tempfile

import dns.flags
import dns.message
from twisted.internet.defer import gatherResults

from tests.peers.dns import DnsPeer
from tests.services.zones.rig import DOMAIN, DnsCase, flags, rcode, texts


class LookingUp(DnsCase):
    async def test_answers_are_kept_and_their_ttls_count_down(self) -> None:
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1", "198.51.100.2"]
        first = await self.ask("host.example.net", "A")
        self.assertEqual((first.answer[0].ttl, flags(first)), (300, "QR RD RA"))
        self.time.ahead = 100
        again = await self.ask("Host.Example.NET", "A")
        self.assertEqual((again.answer[0].ttl, texts(again, "A")), (200, texts(first, "A")))
        self.assertEqual(str(again.question[0].name), "Host.Example.NET.")
        self.time.ahead = 301
        self.assertEqual((await self.ask("host.example.net", "A")).answer[0].ttl, 300)
        self.assertEqual(len(self.peer.asked), 2)

    async def test_long_texts_are_whole_from_the_cache_too(self) -> None:
        strings = ["a" * 255, "b" * 255, "c" * 20]
        self.peer.zone["k._domainkey.example.net", "TXT"] = [" ".join(f'"{each}"' for each in strings)]
        for _ in range(2):
            found = await self.ask("k._domainkey.example.net", "TXT", use_edns=True, payload=1232)
            self.assertEqual([each.decode() for each in found.answer[0][0].strings], strings)
        self.assertEqual(len(self.peer.asked), 1)

    async def test_what_is_not_there_is_remembered_as_long_as_its_zone_says(self) -> None:
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1"]
        for name, kind, code in (("no.example.net", "A", "NXDOMAIN"), ("host.example.net", "MX", "NOERROR")):
            for _ in range(2):
                found = await self.ask(name, kind)
                self.assertEqual((rcode(found), found.answer), (code, []))
        self.assertEqual(len(self.peer.asked), 2)
        self.time.ahead = 61
        await self.ask("no.example.net", "A")
        self.assertEqual(len(self.peer.asked), 3)

    async def test_equal_questions_in_flight_are_asked_once_each_with_its_own_id(self) -> None:
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1"]
        found = await gatherResults([_deferred(self.ask("host.example.net", "A")) for _ in range(20)])
        self.assertEqual([texts(each, "A") for each in found], [["198.51.100.1"]] * 20)
        self.assertEqual(len(self.peer.asked), 1)

    async def test_each_question_goes_out_from_another_port_with_another_id(self) -> None:
        for number in range(12):
            await self.ask(f"h{number}.example.net", "A")
        self.assertGreater(len(self.peer.ports), 8)
        self.assertGreater(len(set(self.peer.ids)), 8)

    async def test_a_forged_answer_is_not_believed(self) -> None:
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1"]
        self.peer.zone["other.example.net", "A"] = ["203.0.113.66"]

        def forge(query: bytes, response: bytes) -> list[bytes]:
            wrong_id = bytes((response[0] ^ 1, response[1])) + response[2:]
            asked = dns.message.from_wire(query)
            other = dns.message.make_query("other.example.net", "A", id=asked.id)
            wrong_question = self.peer.answer(other.to_wire())
            return [wrong_id, wrong_question, b"", b"\x00" * 5, response[:20], response]

        self.peer.mangle = forge
        self.assertEqual(texts(await self.ask("host.example.net", "A"), "A"), ["198.51.100.1"])
        self.assertEqual(len(self.cache), 1)

    async def test_garbled_answers_end_in_servfail_and_nothing_else(self) -> None:
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1"]
        for cut in range(30, 61, 5):
            self.peer.mangle = lambda query, response, cut=cut: [response[:cut]]
            self.assertEqual(rcode(await self.ask("host.example.net", "A")), "SERVFAIL")
            self.time.ahead += 10
        self.peer.mangle = None
        self.assertEqual(texts(await self.ask("host.example.net", "A"), "A"), ["198.51.100.1"])

    async def test_no_answer_ends_in_servfail_which_is_remembered_for_a_moment(self) -> None:
        self.peer.mangle = lambda query, response: []
        self.assertEqual(rcode(await self.ask("host.example.net", "A")), "SERVFAIL")
        count = len(self.peer.asked)
        self.assertEqual(count, 2)
        self.assertEqual(rcode(await self.ask("host.example.net", "A")), "SERVFAIL")
        self.assertEqual(len(self.peer.asked), count)
        self.peer.mangle = None
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1"]
        self.time.ahead = 6
        self.assertEqual(texts(await self.ask("host.example.net", "A"), "A"), ["198.51.100.1"])

    async def test_a_cut_answer_is_fetched_by_tcp_and_cut_again_for_who_takes_less(self) -> None:
        self.peer.zone["many.example.net", "TXT"] = [f'"{n:02}{"x" * 200}"' for n in range(20)]
        self.peer.udp_limit = 1232
        found = await self.ask("many.example.net", "TXT")
        self.assertTrue(found.flags & dns.flags.TC)
        self.assertEqual((found.answer, self.peer.tcp_queries), ([], 1))
        self.assertEqual(len(texts(await self.ask("many.example.net", "TXT", tcp=True), "TXT")), 20)
        self.assertEqual(self.peer.tcp_queries, 1)

    async def test_the_other_server_is_asked_when_the_first_fails(self) -> None:
        other = await DnsPeer(self.time).start()
        self.addCleanup(other.stop)
        other.zone["host.example.net", "A"] = ["198.51.100.9"]
        self.peer.rcodes["host.example.net"] = 2
        self.forwarder._servers = (self.peer.address, other.address)
        self.assertEqual(texts(await self.ask("host.example.net", "A"), "A"), ["198.51.100.9"])

    async def test_ad_is_not_passed_on_unless_the_resolver_is_trusted(self) -> None:
        self.peer.authenticated = True
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1"]
        self.assertFalse((await self.ask("host.example.net", "A", want_dnssec=True)).flags & dns.flags.AD)
        self.forwarder._trust_ad = True
        self.cache.clear()
        self.assertTrue((await self.ask("host.example.net", "A", want_dnssec=True)).flags & dns.flags.AD)
        self.assertFalse((await self.ask("host.example.net", "MX")).flags & dns.flags.AD)

    async def test_who_does_not_want_recursion_gets_only_what_is_known(self) -> None:
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1"]
        self.assertEqual(rcode(await self.ask("host.example.net", "A", rd=False)), "REFUSED")
        await self.ask("host.example.net", "A")
        self.assertEqual(texts(await self.ask("host.example.net", "A", rd=False), "A"), ["198.51.100.1"])

    async def test_the_cache_is_bounded(self) -> None:
        self.cache._most = 20_000
        for number in range(60):
            self.peer.zone[f"h{number}.example.net", "A"] = ["198.51.100.1"]
            await self.ask(f"h{number}.example.net", "A")
        self.assertLessEqual(self.cache.octets, 20_000)
        self.assertLess(len(self.cache), 60)
        await self.ask("h59.example.net", "A")
        self.assertEqual(len(self.peer.asked), 60)


class Stale(DnsCase):
    stale = 3600.0

    async def test_when_nobody_answers_what_is_over_is_given_once_more(self) -> None:
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1"]
        await self.ask("host.example.net", "A")
        self.peer.mangle = lambda query, response: []
        self.time.ahead = 400
        found = await self.ask("host.example.net", "A")
        self.assertEqual((texts(found, "A"), found.answer[0].ttl), (["198.51.100.1"], 30))
        count = len(self.peer.asked)
        self.time.ahead = 410
        self.assertEqual((await self.ask("host.example.net", "A")).answer[0].ttl, 20)  # without waiting
        self.assertEqual(len(self.peer.asked), count)
        self.time.ahead = 300 + 3601
        self.assertEqual(rcode(await self.ask("host.example.net", "A")), "SERVFAIL")


class Blocked(DnsCase):
    async def setUp(self) -> None:
        handle, self.path = tempfile.mkstemp()
        os.close(handle)
        self.addCleanup(os.unlink, self.path)
        self.blocked = (self.path, "/does/not/exist")
        self.write_list(
            "0.0.0.0 ads.example.net tracker.example\n# remark\n*.whole.example\n"
            "||block.example^\nplain.example\n"
        )
        await super().setUp()

    def write_list(self, text: str) -> None:
        with open(self.path, "w") as file:
            file.write(text)

    async def test_blocked_names_lead_nowhere(self) -> None:
        for name in (
            "ads.example.net",
            "TRACKER.example",
            "whole.example",
            "a.b.whole.example",
            "x.block.example",
            "plain.example",
        ):
            found = await self.ask(name, "A")
            self.assertEqual((texts(found, "A"), found.answer[0].ttl), (["0.0.0.0"], 300), name)
            self.assertEqual(texts(await self.ask(name, "AAAA"), "AAAA"), ["::"])
            found = await self.ask(name, "MX")
            self.assertEqual((rcode(found), found.answer), ("NOERROR", []))
        self.assertEqual(self.peer.asked, [])
        self.assertEqual(rcode(await self.ask("sub.ads.example.net", "A")), "NXDOMAIN")
        self.assertEqual(rcode(await self.ask("sub.plain.example", "A")), "NXDOMAIN")

    async def test_lists_are_read_again_when_they_change(self) -> None:
        self.peer.zone["ads.example.net", "A"] = ["198.51.100.1"]
        self.write_list(f"more.example.net\nmail.{DOMAIN}\nwww.{DOMAIN}\n")
        await self.blocklist._look()
        self.assertEqual(texts(await self.ask("ads.example.net", "A"), "A"), ["198.51.100.1"])
        self.assertEqual(texts(await self.ask("more.example.net", "A"), "A"), ["0.0.0.0"])
        # Our own names are ours to say.
        self.assertEqual(texts(await self.ask(f"mail.{DOMAIN}", "A"), "A"), ["192.0.2.25"])


def _deferred(coroutine: object) -> object:
    from twisted.internet.defer import Deferred

    return Deferred.fromCoroutine(coroutine)
