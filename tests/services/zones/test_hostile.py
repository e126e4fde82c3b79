"""What strangers may send, and how much they get for it: garbage, floods, forged addresses (W-8, W-25)."""

from __future__ import annotations

import random
import struct

import dns.edns
import dns.flags
import dns.message
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.dns.cookies import Cookies, siphash
from mailsys.core.dns.question import read_question
from mailsys.core.dns.rates import Rates, Verdict
from tests.services.zones.rig import DOMAIN, DnsCase, rcode, texts

QUERY = dns.message.make_query(DOMAIN, "MX", use_edns=True, payload=4096, want_dnssec=True).to_wire()


class Garbage(DnsCase):
    """Nothing that is sent ends the server, or is answered with much."""

    clients = ()

    async def setUp(self) -> None:
        await super().setUp()
        await self.editor.sign(DOMAIN, True, "test")
        self.random = random.Random(7)

    def answered(self, wire: bytes) -> bytes:
        answer = self.service.datagram(wire, "198.51.100.1")
        self.assertIsInstance(answer, (bytes, type(None)))
        return answer or b""

    def mutated(self) -> bytes:
        wire = bytearray(QUERY)
        for _ in range(self.random.randint(1, 6)):
            where = self.random.randrange(len(wire))
            what = self.random.randrange(4)
            if what == 0:
                wire[where] = self.random.randrange(256)
            elif what == 1:
                del wire[where : where + self.random.randint(1, 20)]
            elif what == 2:
                wire[where:where] = self.random.randbytes(self.random.randint(1, 20))
            else:
                wire[where] ^= 1 << self.random.randrange(8)
            if not wire:
                break
        return bytes(wire)

    async def test_20_000_datagrams_of_garbage(self) -> None:
        for number in range(20_000):
            wire = self.random.randbytes(self.random.randint(0, 80)) if number % 4 == 0 else self.mutated()
            answer = self.answered(wire)
            self.assertLessEqual(len(answer), 1232)
            if answer:
                self.assertEqual(answer[:2], wire[:2])
                self.assertTrue(answer[2] & 0x80)
        self.assertEqual(rcode(await self.ask(DOMAIN, "MX")), "NOERROR")

    async def test_the_same_over_tcp(self) -> None:
        for _ in range(60):
            wire = self.mutated()[:400]
            lied = self.random.choice((len(wire), len(wire) + 3, 5, 0, 0xFFFF))
            octets = lied.to_bytes(2, "big") + wire
            protocol = self.streamed(octets, 1)
            if lied == len(wire):
                await protocol
            else:  # it would wait for the rest
                protocol.close()
        self.assertEqual(rcode(await self.ask(DOMAIN, "MX", tcp=True)), "NOERROR")

    async def test_answers_are_never_answered(self) -> None:
        response = bytearray(QUERY)
        response[2] |= 0x80
        self.assertEqual(self.answered(bytes(response)), b"")
        for length in range(12):
            self.assertEqual(self.answered(QUERY[:length]), b"")

    async def test_what_is_not_done_is_said_shortly(self) -> None:
        opcode = bytearray(QUERY)
        for code in (1, 2, 4, 5, 6):
            opcode[2] = code << 3
            self.assertEqual(
                dns.message.from_wire(self.answered(bytes(opcode)), question_only=True).rcode(), 4
            )
        two = struct.pack("!6H", 1, 0, 2, 0, 0, 0) + QUERY[12:29] * 2
        self.assertEqual(self.answered(two)[3] & 15, 1)
        chaos = dns.message.make_query("version.bind", "TXT", rdclass="CH").to_wire()
        self.assertEqual(self.answered(chaos)[3] & 15, 4)
        future = dns.message.make_query(DOMAIN, "MX", use_edns=1).to_wire()
        self.assertEqual(rcode(dns.message.from_wire(self.answered(future))), "BADVERS")
        pointer = struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c\x00\x01\x00\x01"
        self.assertEqual(self.answered(pointer)[3] & 15, 1)

    async def test_no_answer_by_udp_is_larger_than_what_the_client_takes(self) -> None:
        for name in (DOMAIN, f"mail.{DOMAIN}", f"no.{DOMAIN}", f"{'a.' * 110}{DOMAIN}"):
            for kind in ("ANY", "TXT", "DNSKEY", "MX", "NS", "A", "RRSIG", "NSEC", "SOA"):
                for size in (0, 512, 1232, 65535):
                    query = dns.message.make_query(
                        name, kind, use_edns=bool(size), payload=size or None, want_dnssec=bool(size)
                    )
                    self.assertLessEqual(len(self.answered(query.to_wire())), min(max(size, 512), 1232))


class Floods(DnsCase):
    clients = ()
    rate = 5.0

    def answers(
        self, query: dns.message.Message, count: int = 100, address: str = "198.51.100.1"
    ) -> list[bytes]:
        found = []
        for _ in range(count):
            answer = self.service.datagram(query.to_wire(), address)
            if answer:
                found.append(answer)
        return found

    async def test_one_network_is_not_flooded(self) -> None:
        query = dns.message.make_query(DOMAIN, "MX", use_edns=True, payload=4096)
        found = self.answers(query)
        cut = [each for each in found if each[2] & 2]
        self.assertEqual((whole(found), len(cut)), (25, 37))
        self.assertLessEqual(max(map(len, cut)), len(query.to_wire()))  # nothing is won by it
        # The whole network is one; others, and other answers, are not affected.
        self.assertEqual(whole(self.answers(query, 10, "198.51.100.77")), 0)
        self.assertEqual(whole(self.answers(query, 10, "203.0.113.5")), 10)
        self.assertEqual(whole(self.answers(dns.message.make_query(DOMAIN, "SOA"), 10)), 10)
        self.time.ahead = 60
        self.assertEqual(whole(self.answers(query, 5)), 5)

    async def test_names_that_do_not_exist_are_one_answer_and_so_is_garbage(self) -> None:
        names = [dns.message.make_query(f"n{number}.{DOMAIN}", "A") for number in range(100)]
        self.assertEqual(sum(whole(self.answers(each, 1)) for each in names), 25)
        self.assertEqual(whole(self.answers(dns.message.make_query("example.net", "A"))), 25)
        garbage = [QUERY[:12] + b"\xff" + bytes([number]) for number in range(100)]
        self.assertEqual(whole([self.service.datagram(each, "198.51.100.1") or b"" for each in garbage]), 25)

    async def test_who_shows_our_cookie_and_who_comes_by_tcp_gets_all(self) -> None:
        first = dns.message.make_query(DOMAIN, "MX", use_edns=True)
        first.use_edns(options=[dns.edns.GenericOption(10, b"8octets!")])
        found = dns.message.from_wire(self.answers(first, 1)[0])
        (option,) = [each for each in found.options if each.otype == 10]
        cookie = option.to_wire() if not hasattr(option, "data") else option.data
        self.assertEqual(len(cookie), 24)
        second = dns.message.make_query(DOMAIN, "MX", use_edns=True)
        second.use_edns(options=[dns.edns.GenericOption(10, cookie)])
        self.assertEqual(whole(self.answers(second)), 100)
        # It is worth nothing at another address, or later.
        self.assertLess(whole(self.answers(second, 100, "203.0.113.9")), 30)
        self.now += 4000
        self.assertLess(whole(self.answers(second, 100, "192.0.2.99")), 30)
        for _ in range(40):
            self.assertEqual(len(texts(await self.ask(DOMAIN, "MX", tcp=True), "MX")), 1)


def whole(answers: list[bytes]) -> int:
    """How many are more than a word to come by TCP."""
    return sum(bool(each) and not each[2] & 2 for each in answers)


class Streams(DnsCase):
    async def test_questions_in_a_row_are_all_answered(self) -> None:
        self.peer.zone["host.example.net", "A"] = ["198.51.100.1"]
        queries = [
            dns.message.make_query(DOMAIN if n % 2 else "host.example.net", "A").to_wire() for n in range(40)
        ]
        octets = b"".join(len(each).to_bytes(2, "big") + each for each in queries)
        found = await self.streamed(octets, 40)
        self.assertEqual({each[:2] for each in found}, {each[:2] for each in queries})

    async def test_a_connection_from_one_network_too_many_is_closed(self) -> None:
        self.streams.room._each = 0
        self.assertEqual(await self.streamed(b"", 1), [])

    async def test_a_question_that_is_too_long_ends_the_connection(self) -> None:
        self.assertEqual(await self.streamed(b"\xff\xff" + bytes(100), 1), [])

    async def test_a_silent_connection_is_closed(self) -> None:
        self.patch(__import__("mailsys.dns.streams", fromlist=["IDLE"]), "IDLE", 0.02)
        self.assertEqual(await self.streamed(b"\x00", 1), [])
        await deferLater(reactor, 0, lambda: None)
        self.assertEqual(self.streams.connections, 0)


class Reading(SynchronousTestCase):
    @settings(max_examples=500, deadline=None)
    @given(st.binary(max_size=200))
    def test_any_octets(self, wire: bytes) -> None:
        read_question(wire)
        read_question(b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01" + wire)

    def test_siphash_and_cookie_are_those_of_the_rfc(self) -> None:
        key = bytes(range(16))
        self.assertEqual(siphash(key, bytes(range(15))), 0xA129CA6149BE45E5.to_bytes(8, "little"))
        # RFC 9018 appendix A.1
        cookies = Cookies(bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf"))
        made = cookies.made(bytes.fromhex("2464c4abcf10c957"), "198.51.100.100", 1559731985.0)
        self.assertEqual(made.hex(), "2464c4abcf10c957010000005cf79f111f8130c3eee29480")

    def test_rates_come_back_with_time(self) -> None:
        rates = Rates(2.0)
        self.assertEqual([rates.judge("n", 0.0) for _ in range(11)].count(Verdict.SEND), 10)
        self.assertIs(rates.judge("n", 1.0), Verdict.SEND)
        self.assertIs(Rates(0).judge("n", 0.0), Verdict.SEND)
