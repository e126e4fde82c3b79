"""What destinations ask of the connections to them: MTA-STS, DANE, REQUIRETLS, and TLS-Required."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from mailsys.ports.ids import TraceId
from mailsys.services.outbound.http import OutboundHttp
from mailsys.services.sending.policies import Policies
from mailsys.services.sending.sts import AGAIN, DAILY, StsPolicies
from tests.peers.authority import Authority
from tests.peers.smtp_peer import self_signed
from tests.services.post import LETTER, Post

reactor: Any = installed

ENFORCE = b"version: STSv1\r\nmode: enforce\r\nmx: mx.y.example\r\nmax_age: 864000\r\n"
TESTING = ENFORCE.replace(b"enforce", b"testing")
CA = Authority()
PROVED = CA.server("mx.y.example")
OTHER = CA.server("other.example")
POLICY_HOST = CA.server("mta-sts.y.example")


class PolicyServer(Resource):
    """https://mta-sts.y.example of the day. `text` None: 404; `moved`: a redirect."""

    isLeaf = True  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.text: bytes | None = ENFORCE
        self.kind = "text/plain; charset=utf-8"
        self.moved = False
        self.asked = 0

    def render_GET(self, request: Any) -> bytes:
        self.asked += 1
        request.setHeader("content-type", self.kind)
        if request.path != b"/.well-known/mta-sts.txt" or self.text is None:
            request.setResponseCode(404)
            return b"nothing here"
        if self.moved:
            request.redirect(b"https://mta-sts.y.example/elsewhere")
        return self.text


class Rig(TestCase):
    async def post(self, tls: Any = PROVED.context, host: Any = POLICY_HOST) -> Post:
        """`tls`: of the mail server; `host`: of the policy server; None: there is none of it."""
        post = Post(CA.trusted)
        self.peer = post.peer("mx.y.example", tls=tls)
        if tls is not None:
            self.peer.offers.append("STARTTLS")
        post.zone.records["y.example", "MX"] = [(10, "mx.y.example")]
        post.zone.records["mta-sts.y.example", "A"] = ["127.0.0.1"]
        self.server = PolicyServer()
        site = Site(self.server)
        self.port = reactor.listenSSL(0, site, host.context, interface="127.0.0.1")
        self.post_ = post
        post.policies = self.policies(post)
        self.addCleanup(maybeDeferred, self.port.stopListening)
        self.addCleanup(lambda: Deferred.fromCoroutine(post.close()))
        await post.open()
        return post

    def policies(self, post: Post) -> Policies:
        http = OutboundHttp(reactor, post.zone, allow_private=True, trust=CA.trusted)
        where = self.port.getHost().port
        self.sts = StsPolicies(post.zone, http, post.store.sts_policies, post.clock, post.now, where)
        return Policies(post.zone, self.sts, dane=True)

    def announce(self, ident: bytes = b"1") -> None:
        self.post_.zone.records["_mta-sts.y.example", "TXT"] = [b"v=STSv1; id=" + ident + b";"]

    async def sent(self, post: Post, message: bytes = LETTER, **given: Any) -> dict[str, str]:
        """What the timeline tells of one message: of its connection, and under "end" how it ended."""
        trace = await post.queue(message=message, **given)
        if not post.sending.running:
            post.start()
        post.sending.wake()
        await post.quiet()
        return await self.told(post, trace)

    async def told(self, post: Post, trace: TraceId) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry in await post.timeline(trace):
            found |= entry.detail
            found["end"] = entry.stage.value
        return found


class MtaStsTests(Rig):
    async def test_without_a_record_nobody_is_asked(self) -> None:
        told = await self.sent(await self.post())
        self.assertEqual((told["end"], told["security"]), ("sent", "opportunistic"))
        self.assertEqual(self.server.asked, 0)

    async def test_a_server_that_the_policy_names_and_that_proves_its_name_gets_the_mail(self) -> None:
        post = await self.post()
        self.announce()
        told = await self.sent(post)
        self.assertEqual((told["end"], told["security"]), ("sent", "verified by certificate (MTA-STS)"))
        self.assertTrue(self.peer.messages[0].tls)

    async def test_the_policy_is_fetched_once_and_outlives_a_restart(self) -> None:
        post = await self.post()
        self.announce()
        await self.sent(post)
        post.policies = self.policies(post)  # nothing of it was in memory
        await post.sending.stopService()
        post.sending = post.make_sending()
        del post.zone.records["_mta-sts.y.example", "TXT"]  # and somebody keeps DNS from us
        self.peer.tls = OTHER.context
        told = await self.sent(post)
        self.assertEqual((told["end"], self.server.asked, len(self.peer.messages)), ("deferred", 1, 1))
        self.assertIn("451 4.7.5 MTA-STS", told["reply"])

    async def test_a_certificate_for_another_name_gets_nothing(self) -> None:
        post = await self.post(OTHER.context)
        self.announce()
        told = await self.sent(post)
        self.assertEqual((told["end"], self.peer.messages), ("deferred", []))

    async def test_a_server_without_tls_gets_nothing(self) -> None:
        post = await self.post(None)
        self.announce()
        told = await self.sent(post)
        self.assertEqual((told["end"], self.peer.messages), ("deferred", []))
        self.assertIn("it does not offer STARTTLS", told["reply"])

    async def test_a_server_that_the_policy_does_not_name_is_passed_over(self) -> None:
        post = await self.post()
        evil = post.peer("mx.evil.example", address="127.0.0.2")
        post.zone.records["y.example", "MX"] = [(5, "mx.evil.example"), (10, "mx.y.example")]
        self.announce()
        told = await self.sent(post)
        self.assertEqual((told["end"], evil.connections, len(self.peer.messages)), ("sent", 0, 1))

    async def test_where_it_names_none_of_them_the_mail_waits(self) -> None:
        post = await self.post()
        self.announce()
        self.server.text = ENFORCE.replace(b"mx.y.example", b"mx.z.example")
        told = await self.sent(post)
        self.assertEqual((told["end"], self.peer.connections), ("deferred", 0))
        self.assertEqual(told["reply"], "451 4.7.5 mx.y.example is not in the MTA-STS policy of y.example")
        self.server.text = ENFORCE  # they correct it: RFC 8461 §5.1
        self.announce(b"2")
        await post.until_next_try()
        self.assertEqual(len(self.peer.messages), 1)

    async def test_testing_only_tells(self) -> None:
        post = await self.post(OTHER.context)
        self.announce()
        self.server.text = TESTING
        told = await self.sent(post)
        self.assertEqual((told["end"], told["security"]), ("sent", "opportunistic"))
        self.assertTrue(told["note"].startswith("MTA-STS, testing: "))
        self.server.text = TESTING.replace(b"mx.y.example", b"mx.z.example")
        self.announce(b"2")
        await post.later(10)
        told = await self.sent(post)
        self.assertEqual(told["end"], "sent")
        self.assertIn("not in the MTA-STS policy", told["note"])

    async def test_testing_tells_of_a_server_that_would_do(self) -> None:
        post = await self.post()
        self.announce()
        self.server.text = TESTING
        told = await self.sent(post)
        self.assertEqual(told["security"], "verified by certificate (MTA-STS)")
        self.assertNotIn("note", told)

    async def test_mode_none_asks_for_nothing(self) -> None:
        post = await self.post(None)
        self.announce()
        self.server.text = ENFORCE.replace(b"enforce", b"none")
        self.assertEqual((await self.sent(post))["end"], "sent")

    async def test_a_policy_that_cannot_be_had_counts_for_nothing_and_is_not_asked_for_at_once_again(
        self,
    ) -> None:
        post = await self.post(OTHER.context)
        self.announce()
        for case in ("gone", "html", "redirect", "nonsense", "large"):
            self.server.text = None if case == "gone" else ENFORCE
            self.server.kind = "text/html" if case == "html" else "text/plain"
            self.server.moved = case == "redirect"
            if case in ("nonsense", "large"):
                self.server.text = b"mode: enforce" if case == "nonsense" else ENFORCE + b"x: y\n" * 20_000
            before = self.server.asked
            self.assertEqual((await self.sent(post))["end"], "sent", case)
            await self.sent(post)
            self.assertEqual(self.server.asked, before + 1, case)
            await post.later(AGAIN + 10)

    async def test_a_policy_server_that_cannot_prove_its_name_is_not_believed(self) -> None:
        post = await self.post(OTHER.context, host=OTHER)
        self.announce()
        told = await self.sent(post)
        self.assertEqual((told["end"], self.server.asked), ("sent", 0))

    async def test_a_new_policy_that_cannot_be_had_leaves_the_old_one(self) -> None:
        post = await self.post()
        self.announce()
        await self.sent(post)
        self.server.text = None
        self.announce(b"2")
        self.peer.tls = OTHER.context
        await post.later(10)
        self.assertEqual((await self.sent(post))["end"], "deferred")

    async def test_a_policy_ends_with_its_time(self) -> None:
        post = await self.post()
        self.announce()
        await self.sent(post)
        self.server.text = None
        self.peer.tls = OTHER.context
        await post.later(864001)
        self.assertEqual((await self.sent(post))["end"], "sent")

    async def test_it_is_fetched_again_while_it_still_counts_without_any_mail(self) -> None:
        post = await self.post()
        self.announce()
        await self.sent(post)
        await self.sts.refresh()
        self.assertEqual(self.server.asked, 1)  # it is not time
        await post.later(DAILY + 1)
        await self.sts.refresh()
        self.assertEqual(self.server.asked, 2)
        kept = await post.store.sts_policies.find("y.example")
        self.assertEqual(kept.until, post.now() + 864000)
        self.server.text = None
        await post.later(DAILY + 1)
        await self.sts.refresh()
        await self.sts.refresh()
        self.assertEqual(self.server.asked, 3)  # it failed, and waits
        self.assertEqual(await post.store.sts_policies.find("y.example") is not None, True)

    async def test_many_messages_ask_for_it_once(self) -> None:
        post = await self.post()
        self.announce()
        for _ in range(10):
            await post.queue()
        post.start()
        await post.quiet()
        self.assertEqual((self.server.asked, len(self.peer.messages)), (1, 10))

    async def test_a_smart_host_is_not_the_destination(self) -> None:
        post = Post(CA.trusted)
        self.peer = post.peer("smart.x.example")
        post.settings["smarthost"] = f"127.0.0.1:{self.peer.port}"
        self.addCleanup(lambda: Deferred.fromCoroutine(post.close()))
        post.policies = Policies(post.zone, None, dane=True)
        await post.open()
        self.assertEqual((await self.sent(post))["security"], "none")


def tlsa(server: Any, usage: int = 3, selector: int = 1, matching: int = 1) -> tuple[int, int, int, bytes]:
    certificate: x509.Certificate = server.certificate
    octets = certificate.public_bytes(Encoding.DER)
    if selector:
        octets = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return (
        usage,
        selector,
        matching,
        [octets, hashlib.sha256(octets).digest(), hashlib.sha512(octets).digest()][matching],
    )


class DaneTests(Rig):
    async def signed(self, *records: Any, tls: Any = PROVED.context) -> Post:
        post = await self.post(tls)
        post.zone.authenticated |= {"y.example", "mx.y.example"}
        where = f"_{self.peer.port}._tcp.mx.y.example"
        post.zone.records[where, "TLSA"] = list(records)
        post.zone.authenticated.add(where)
        self.where = where
        return post

    async def test_the_certificate_that_its_records_name(self) -> None:
        for usage, server in ((3, PROVED), (2, CA)):
            for selector in (0, 1):
                for matching in (0, 1, 2):
                    post = await self.signed(tlsa(server, usage, selector, matching))
                    told = await self.sent(post)
                    self.assertEqual((told["end"], told["security"]), ("sent", "verified by DANE"))

    async def test_another_certificate_gets_nothing(self) -> None:
        for record in (tlsa(OTHER), tlsa(CA), (*tlsa(PROVED, 2)[:3], bytes(32))):
            post = await self.signed(record)
            told = await self.sent(post)
            self.assertEqual((told["end"], self.peer.messages), ("deferred", []))
            self.assertIn("451 4.7.5 DANE", told["reply"])

    async def test_an_authority_vouches_for_the_name_too(self) -> None:
        post = await self.signed(tlsa(CA, 2), tls=OTHER.context)
        told = await self.sent(post)
        self.assertEqual((told["end"], self.peer.messages), ("deferred", []))
        self.assertIn("for another name", told["reply"])

    async def test_its_own_key_may_have_any_name_and_no_authority(self) -> None:
        context, trusted = self_signed("whatever.test")
        own = x509.load_der_x509_certificate(trusted.dump())
        key = own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        post = await self.signed((3, 1, 1, hashlib.sha256(key).digest()), tls=context)
        self.assertEqual((await self.sent(post))["security"], "verified by DANE")

    async def test_no_tls_gets_nothing(self) -> None:
        post = await self.signed(tlsa(PROVED), tls=None)
        self.assertEqual(((await self.sent(post))["end"], self.peer.messages), ("deferred", []))

    async def test_records_that_are_of_no_use_ask_for_tls_and_no_more(self) -> None:
        post = await self.signed((1, 1, 1, bytes(32)), tls=OTHER.context)
        self.assertEqual((await self.sent(post))["security"], "opportunistic")
        post = await self.signed((1, 1, 1, bytes(32)), tls=None)
        self.assertEqual(((await self.sent(post))["end"], self.peer.messages), ("deferred", []))

    async def test_only_authenticated_answers_count(self) -> None:
        for missing in ("y.example", "mx.y.example", "_TLSA"):
            post = await self.signed(tlsa(OTHER))
            post.zone.authenticated.discard(self.where if missing == "_TLSA" else missing)
            told = await self.sent(post)
            self.assertEqual((told["end"], told["security"]), ("sent", "opportunistic"), missing)

    async def test_records_that_cannot_be_looked_up_put_the_host_off(self) -> None:
        post = await self.signed()
        post.zone.records[self.where, "TLSA"] = "!"
        told = await self.sent(post)
        self.assertEqual((told["end"], self.peer.connections), ("deferred", 0))
        self.assertIn("could not be looked up", told["reply"])

    async def test_a_name_without_records_is_as_before(self) -> None:
        post = await self.signed(tls=OTHER.context)
        self.assertEqual((await self.sent(post))["security"], "opportunistic")

    async def test_dane_comes_before_mta_sts(self) -> None:
        post = await self.signed(tlsa(OTHER))
        self.announce()  # by MTA-STS it would be good
        self.assertEqual((await self.sent(post))["end"], "deferred")
        context, trusted = self_signed("mx.y.example")  # no authority, which MTA-STS would ask for
        own = x509.load_der_x509_certificate(trusted.dump())
        key = own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        post = await self.signed((3, 1, 1, hashlib.sha256(key).digest()), tls=context)
        self.announce()
        self.assertEqual((await self.sent(post))["security"], "verified by DANE")


class RequireTlsTests(Rig):
    async def test_dane_proves_what_requiretls_asks_for(self) -> None:
        post = await self.post()
        where = f"_{self.peer.port}._tcp.mx.y.example"
        post.zone.authenticated |= {"y.example", "mx.y.example", where}
        post.zone.records[where, "TLSA"] = [tlsa(PROVED)]
        self.peer.offers.append("REQUIRETLS")
        told = await self.sent(post, require_tls=True)
        self.assertEqual((told["end"], told["security"]), ("sent", "verified by DANE"))
        self.assertIn("REQUIRETLS", self.peer.messages[0].mail)

    async def test_a_server_that_does_not_keep_it_gets_nothing(self) -> None:
        post = await self.post()
        await self.sent(post, require_tls=True)
        (report,) = await post.inbox()
        self.assertIn("Status: 5.7.30", report.as_string())
        self.assertEqual(self.peer.messages, [])

    async def test_a_policy_that_is_only_tested_does_not_make_it_less(self) -> None:
        post = await self.post(OTHER.context)
        self.announce()
        self.server.text = TESTING
        self.peer.offers.append("REQUIRETLS")
        self.assertEqual(
            ((await self.sent(post, require_tls=True))["end"], self.peer.messages), ("notified", [])
        )

    async def test_tls_required_no_goes_by_whatever_way_there_is(self) -> None:
        post = await self.post(OTHER.context)
        self.announce()
        told = await self.sent(post, b"TLS-Required: No\r\n" + LETTER)
        self.assertEqual((told["end"], told["security"]), ("sent", "opportunistic"))
        told = await self.sent(post)  # the next message does not ride along
        self.assertEqual((told["end"], len(self.peer.messages)), ("deferred", 1))

    async def test_requiretls_outweighs_tls_required_no(self) -> None:
        post = await self.post(OTHER.context)
        self.peer.offers.append("REQUIRETLS")
        told = await self.sent(post, b"TLS-Required: No\r\n" + LETTER, require_tls=True)
        self.assertEqual((told["end"], self.peer.messages), ("notified", []))

    async def test_a_report_of_it_goes_as_freely(self) -> None:
        post = await self.post(None)
        self.peer.replies["RCPT"] = ["550 5.1.1 nobody"]
        await self.sent(post, b"TLS-Required: No\r\n" + LETTER)
        (report,) = await post.inbox()
        self.assertEqual(report["TLS-Required"], "No")
