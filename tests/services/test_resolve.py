import struct
from random import Random
from socket import AF_INET, SOCK_DGRAM, socket

import dns.message
import dns.rcode
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsys.ports.resolver import Answer, ResolverError
from mailsys.services.dns.message import decode_response, encode_query
from mailsys.services.dns.resolve import StubResolver, configured_servers, system_servers
from tests.peers.dns import DnsPeer


class Later:
    """The real reactor with its own idea of time, so that answers age without waiting."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def seconds(self) -> float:
        return reactor.seconds() + self.ahead

    def __getattr__(self, name: str):
        return getattr(reactor, name)


class ResolverTests(TestCase):
    async def setUp(self) -> None:
        self.peer = await DnsPeer(reactor).start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.peer.stop()))
        self.clock = Later()
        self.resolver = self.make()

    def make(self, *more: tuple[str, int], **given) -> StubResolver:
        values = {"random": Random(7), "timeout": 0.25} | given
        return StubResolver(self.clock, [*more, self.peer.address], **values)

    async def test_it_gives_each_kind_of_record_in_its_form(self):
        zone = self.peer.zone
        zone["example.net", "MX"] = ["10 MX1.Example.Net.", "0 ."]
        zone["example.net", "A"] = ["192.0.2.1"]
        zone["example.net", "AAAA"] = ["2001:db8::1"]
        zone["example.net", "TXT"] = ['"v=spf1 " "-all"']
        zone["1.2.0.192.in-addr.arpa", "PTR"] = ["Host.Example.Net."]
        zone["_25._tcp.example.net", "TLSA"] = ["3 1 1 " + "ab" * 32]
        for name, rtype, records in (
            ("example.net", "MX", {(10, "mx1.example.net"), (0, "")}),
            ("EXAMPLE.net.", "A", {"192.0.2.1"}),
            ("example.net", "AAAA", {"2001:db8::1"}),
            ("example.net", "TXT", {b"v=spf1 -all"}),
            ("1.2.0.192.in-addr.arpa", "PTR", {"host.example.net"}),
            ("_25._tcp.example.net", "TLSA", {(3, 1, 1, b"\xab" * 32)}),
        ):
            answer = await self.resolver.query(name, rtype)
            self.assertEqual(set(answer.records), records, name)
            self.assertTrue(answer.exists)

    async def test_a_type_of_no_use_to_mail_is_given_as_text(self):
        self.peer.zone["_imaps._tcp.example.net", "SRV"] = ["0 1 993 mail.example.net."]
        answer = await self.resolver.query("_imaps._tcp.example.net", "SRV")
        self.assertEqual(answer.records, ("0 1 993 mail.example.net.",))
        self.assertFalse((await self.resolver.query("_pop3._tcp.example.net", "SRV")).exists)

    async def test_a_type_that_does_not_exist_is_an_error(self):
        with self.assertRaises(ResolverError):
            await self.resolver.query("example.net", "NONSENSE")

    async def test_no_such_name_and_no_such_record_are_told_apart(self):
        self.peer.host("example.net", "192.0.2.1")
        self.assertEqual(await self.resolver.query("example.net", "MX"), Answer((), True, 60))
        self.assertEqual(await self.resolver.query("nowhere.net", "MX"), Answer((), False, 60))

    async def test_an_answer_is_asked_for_once_until_it_ages(self):
        self.peer.host("example.net", "192.0.2.1")
        for _ in range(3):
            await self.resolver.query("example.net", "A")
        self.assertEqual(len(self.peer.asked), 1)
        self.clock.ahead = 301
        await self.resolver.query("example.net", "A")
        self.assertEqual(len(self.peer.asked), 2)

    async def test_a_negative_answer_is_kept_as_its_soa_says(self):
        await self.resolver.query("nowhere.net", "A")
        self.clock.ahead = 59
        await self.resolver.query("nowhere.net", "A")
        self.assertEqual(len(self.peer.asked), 1)
        self.clock.ahead = 61
        await self.resolver.query("nowhere.net", "A")
        self.assertEqual(len(self.peer.asked), 2)

    async def test_equal_questions_in_flight_are_asked_once(self):
        self.peer.host("example.net", "192.0.2.1")
        answers = await gatherResults([self.resolver.query("example.net", "A") for _ in range(20)])
        self.assertEqual([a.records for a in answers], [("192.0.2.1",)] * 20)
        self.assertEqual(len(self.peer.asked), 1)

    async def test_each_query_has_its_own_port_and_id(self):
        for n in range(20):
            await self.resolver.query(f"h{n}.net", "A")
        self.assertGreater(len(self.peer.ports), 15)
        self.assertGreater(len(set(self.peer.ids)), 15)

    async def test_aliases_are_followed_within_an_answer(self):
        self.peer.zone["www.net", "CNAME"] = ["a.net."]
        self.peer.zone["a.net", "CNAME"] = ["b.net."]
        self.peer.host("b.net", "192.0.2.9")
        self.assertEqual((await self.resolver.query("www.net", "A")).records, ("192.0.2.9",))
        self.assertEqual(len(self.peer.asked), 1)

    async def test_an_alias_that_leads_out_of_the_answer_is_asked_for(self):
        self.peer.zone["www.net", "CNAME"] = ["elsewhere.net."]
        self.peer.host("elsewhere.net", "192.0.2.9")
        self.assertEqual((await self.resolver.query("www.net", "A")).records, ("192.0.2.9",))
        self.assertEqual([name for name, _ in self.peer.asked], ["www.net", "elsewhere.net"])

    async def test_an_alias_loop_ends(self):
        self.peer.zone["elsewhere.net", "CNAME"] = ["elsewhere.net."]
        with self.assertRaises(ResolverError):
            await self.resolver.query("elsewhere.net", "A")
        self.assertLess(len(self.peer.asked), 20)

    async def test_a_cut_answer_is_fetched_over_tcp(self):
        self.peer.zone["big.net", "TXT"] = [f'"{n:0200}"' for n in range(100)]
        self.peer.udp_limit = 1232
        answer = await self.resolver.query("big.net", "TXT")
        self.assertEqual(len(answer.records), 100)
        self.assertEqual(self.peer.tcp_queries, 1)

    async def test_a_forged_answer_is_not_heard(self):
        self.peer.host("example.net", "192.0.2.1")
        self.peer.host("evil.net", "203.0.113.6")

        def forge(query: bytes, response: bytes) -> list[bytes]:
            asked = list(self.peer.asked)
            other = bytes([query[0] ^ 1]) + query[1:]
            wrong_id = bytes([response[0] ^ 1]) + response[1:]
            wrong_name = self.peer.answer(query.replace(b"\x07example", b"\x04evil", 1))
            not_a_response = query
            self.peer.asked = asked
            return [b"", b"x" * 40, other, wrong_id, wrong_name, not_a_response, response]

        self.peer.mangle = forge
        self.assertEqual((await self.resolver.query("example.net", "A")).records, ("192.0.2.1",))

    async def test_silence_is_retried_and_then_a_passing_failure(self):
        self.peer.mangle = lambda query, response: []
        with self.assertRaises(ResolverError):
            await self.resolver.query("example.net", "A")
        self.assertEqual(len(self.peer.asked), 2)

    async def test_servfail_is_a_passing_failure_and_not_remembered(self):
        self.peer.rcodes["example.net"] = dns.rcode.SERVFAIL
        with self.assertRaises(ResolverError):
            await self.resolver.query("example.net", "A")
        del self.peer.rcodes["example.net"]
        self.peer.host("example.net", "192.0.2.1")
        self.assertEqual((await self.resolver.query("example.net", "A")).records, ("192.0.2.1",))

    async def test_the_next_server_is_asked_when_one_is_gone(self):
        gone = await DnsPeer(reactor).start()
        await gone.stop()
        self.peer.host("example.net", "192.0.2.1")
        resolver = self.make(gone.address)
        self.assertEqual((await resolver.query("example.net", "A")).records, ("192.0.2.1",))

    async def test_authenticated_data_is_believed_only_where_that_is_set(self):
        self.peer.authenticated = True
        self.peer.host("example.net", "192.0.2.1")
        self.assertFalse((await self.resolver.query("example.net", "A")).authenticated)
        self.assertTrue((await self.make(trust_ad=True).query("example.net", "A")).authenticated)

    async def test_what_can_be_no_name_does_not_exist(self):
        for name in ("", "x" * 64 + ".net", ".".join(["abc"] * 80)):
            self.assertFalse((await self.resolver.query(name, "A")).exists, name)
        self.assertEqual(self.peer.asked, [])

    async def test_a_thousand_questions_at_once_are_all_answered(self):
        for n in range(1000):
            self.peer.host(f"h{n}.net", "192.0.2.1")
        resolver = self.make(timeout=60.0)  # peer and resolver share this process, and it may be a slow one
        told = await DeferredList([resolver.query(f"h{n}.net", "A") for n in range(1000)], consumeErrors=True)
        self.assertEqual([answer for ok, answer in told if not ok or answer.records != ("192.0.2.1",)], [])
        self.assertEqual(len(self.peer.asked), 1000)  # none was lost in a full buffer and asked again

    async def test_many_that_fail_without_waiting_all_fail(self):
        """What cannot be a name is answered at once; those behind it in the row do not end inside it."""
        self.peer.host("example.net", "192.0.2.1")
        names = [f"h{n}.net" for n in range(200)] + [f"{'x' * 64}{n}.net" for n in range(2000)]
        told = await DeferredList([self.resolver.query(name, "A") for name in names], consumeErrors=True)
        self.assertEqual([answer for ok, answer in told if not ok or answer.exists], [])
        self.assertTrue((await self.resolver.query("example.net", "A")).exists)

    async def test_an_answer_that_came_while_this_process_stood_still_is_heard(self):
        with socket(AF_INET, SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(10)
            resolver = StubResolver(reactor, [server.getsockname()], random=Random(7), timeout=0.03)
            asked = resolver.query("example.net", "A")
            over = reactor.seconds() + 0.02
            query, whence = server.recvfrom(512)
            self.peer.host("example.net", "192.0.2.1")
            server.sendto(self.peer.answer(query), whence)
            while reactor.seconds() < over:  # the reactor has no turn until the time is over
                pass
            self.assertEqual((await asked).records, ("192.0.2.1",))
            server.setblocking(False)
            with self.assertRaises(BlockingIOError):
                server.recv(512)  # it was not asked again


QUERY = encode_query("example.net", "A", 0x4242)
QUESTION = QUERY[12:29]


def response(*records: bytes, answers: int | None = None, flags: int = 0x8180) -> bytes:
    count = len(records) if answers is None else answers
    return struct.pack("!HHHHHH", 0x4242, flags, 1, count, 0, 0) + QUESTION + b"".join(records)


def record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, 16, len(data)) + data


SELF = b"\xc0\x0c"


class HostileAnswerTests(SynchronousTestCase):
    def read(self, wire: bytes):
        return decode_response(wire, "example.net", "A", 0x4242)

    def test_the_question_reads_as_it_was_written(self):
        self.assertEqual(dns.message.from_wire(QUERY).question[0].to_text(), "example.net. IN A")
        self.assertEqual(dns.message.from_wire(QUERY).payload, 1232)

    def test_thousands_of_records_are_bounded(self):
        found = self.read(response(*[record(SELF, 1, bytes((192, 0, n >> 8, n & 255))) for n in range(4000)]))
        self.assertEqual(len(found.records), 500)

    def test_pointer_loops_and_cuts_and_lies_about_length_are_garbage(self):
        good = response(record(SELF, 1, b"\x01\x02\x03\x04"))
        self.assertEqual(self.read(good).records, ("1.2.3.4",))
        at = len(QUERY) - 11  # where the first record begins
        loop = struct.pack("!H", 0xC000 | at)
        forward = struct.pack("!H", 0xC000 | (at + 2))
        for wire in (
            response(record(loop, 1, b"\x01\x02\x03\x04")),
            response(record(forward, 1, b"\x01\x02\x03\x04")),
            response(record(SELF, 1, b"\x01\x02\x03")),
            response(record(SELF, 1, b"\x01\x02\x03\x04"), answers=2),
            good[:-1],
            response(record(b"\x80" + b"x" * 63 + b"\x00", 1, b"\x01\x02\x03\x04")),
        ):
            self.assertIsNone(self.read(wire))

    def test_records_of_other_names_and_types_are_left_alone(self):
        found = self.read(
            response(
                record(b"\x04evil\x00", 1, b"\x06\x06\x06\x06"),
                record(SELF, 16, b"\x03txt"),
                record(SELF, 65000, b"?"),
                record(SELF, 1, b"\x01\x02\x03\x04"),
            )
        )
        self.assertEqual(found.records, ("1.2.3.4",))

    def test_odd_names_cannot_pass_for_others(self):
        alias = record(SELF, 5, b"\x09a.b c\x00\xff\r\n\x00")
        self.assertEqual(self.read(response(alias)).alias, r"a\046b\032c\000\255\013\010")

    @given(st.binary(max_size=80), st.integers(0, 60), st.booleans())
    @settings(max_examples=400)
    def test_garbage_never_raises(self, noise, at, whole):
        good = response(record(SELF, 5, b"\x01c\xc0\x14"), record(b"\x01c\xc0\x14", 1, b"\x01\x02\x03\x04"))
        wire = good[:2] + noise if whole else good[:at] + noise + good[at + len(noise) :]
        self.read(wire)


class ServerListTests(SynchronousTestCase):
    def test_resolv_conf_is_read(self):
        text = "# x\nsearch a b\nnameserver 192.0.2.53\n nameserver 2001:db8::53 # y\nnameserver\n"
        self.assertEqual(system_servers(text), [("192.0.2.53", 53), ("2001:db8::53", 53)])
        self.assertEqual(system_servers(""), [("127.0.0.1", 53)])

    def test_settings_come_first(self):
        self.assertEqual(
            configured_servers(["192.0.2.1", "192.0.2.1:5353", "[::1]:5353", "::1"]),
            [("192.0.2.1", 53), ("192.0.2.1", 5353), ("::1", 5353), ("::1", 53)],
        )

    def test_a_missing_file_means_the_local_server(self):
        self.assertEqual(configured_servers((), self.mktemp()), [("127.0.0.1", 53)])

    def test_a_server_that_cannot_be_asked_fails_the_query(self):
        resolver = StubResolver(Clock(), [], random=Random(1))
        self.failureResultOf(resolver.query("example.net", "A"), ResolverError)
