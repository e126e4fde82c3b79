"""PushSubscription: what is told to whom, and what is never told."""

import json
import os
import time
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.defer import DeferredQueue, fail, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from mailsys.ports.resolver import Answer, ResolverError
from mailsys.services.access.revocation import Revoked
from mailsys.services.jmap.extensions.push_subscriptions import PushSubscriptions
from mailsys.services.looking import MOST
from mailsys.services.notifying.push_delivery import PushDelivery
from mailsys.services.notifying.push_turns import LENGTH, PushTurns
from mailsys.services.notifying.push_vapid import Vapid
from mailsys.services.outbound.http import ForbiddenTarget, OutboundHttp, is_public, target_of
from tests.services.meanwhile import Meanwhile
from tests.web.rig import WebTestCase, reactor


class Names:
    """A resolver for one name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    def query(self, name: str, rtype: str) -> Any:
        if rtype == "AAAA":
            return fail(ResolverError("SERVFAIL"))
        return succeed(Answer(self.addresses, True, 60))


class PushService(Resource):
    isLeaf = True  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.got: DeferredQueue[tuple[dict[str, str], bytes]] = DeferredQueue()
        self.status = [201]

    def render_POST(self, request: Any) -> bytes:
        headers = {k.decode().lower(): v[0].decode() for k, v in request.requestHeaders.getAllRawHeaders()}
        request.setResponseCode(self.status.pop(0) if len(self.status) > 1 else self.status[0])
        self.got.put((headers, request.content.read()))
        return b""

    async def next(self) -> Any:
        _, body = await self.got.get().addTimeout(5, reactor)
        return json.loads(body)


class SubscriptionTests(WebTestCase):
    def prepare(self) -> None:
        self.service = PushService()
        self.service_port = reactor.listenTCP(0, Site(self.service), interface="127.0.0.1")
        self.target = f"http://127.0.0.1:{self.service_port.getHost().port}/push"
        self.retries, self.looks = Clock(), Clock()
        self.shift = 0.0
        self.outbound = OutboundHttp(reactor, Names(), allow_private=True)
        self.pushes = self.make()
        self.pushes.register(self.api)

    def make(self, holds: Any = None) -> PushSubscriptions:
        vapid = Vapid(b"x" * 32, "postmaster@example.com", time.time)
        turns = PushTurns(self.store.objects, self.now, os.urandom(8).hex())
        self.delivery = PushDelivery(
            self.feed, self.outbound, self.retries, self.now, os.urandom, turns, vapid
        )
        return PushSubscriptions(
            self.store.objects, self.delivery, self.counters, self.looks, self.now, os.urandom, True, holds
        )

    def now(self) -> float:
        return time.time() + self.shift

    async def close(self) -> None:
        await self.pushes.stop()
        await maybeDeferred(self.service_port.stopListening)
        await super().close()

    async def set(self, user: str = "alice", **arguments: Any) -> Any:
        ((name, answer, _),) = await self.call(["PushSubscription/set", arguments, "0"], user=user)
        self.assertEqual(name, "PushSubscription/set", answer)
        return answer

    async def get(self, user: str = "alice", **arguments: Any) -> Any:
        ((_, answer, _),) = await self.call(["PushSubscription/get", arguments, "0"], user=user)
        return answer

    async def subscribe(self, **properties: Any) -> str:
        answer = await self.set(create={"a": {"deviceClientId": "d", "url": self.target, **properties}})
        id_: str = answer["created"]["a"]["id"]
        word = await self.service.next()
        self.assertEqual((word["@type"], word["pushSubscriptionId"]), ("PushVerification", id_))
        code = word["verificationCode"]
        answer = await self.set(update={id_: {"verificationCode": code}})
        self.assertEqual(answer["updated"], {id_: None})
        return id_

    async def test_new_mail_is_pushed_once_the_code_was_repeated(self) -> None:
        await self.subscribe()
        await self.deliver()
        word = await self.service.next()
        self.assertEqual(word["@type"], "StateChange")
        self.assertEqual(word["changed"], {self.A: await self.api.state_change(self.alice.id)})

    async def test_nothing_is_pushed_before(self) -> None:
        await self.set(create={"a": {"deviceClientId": "d", "url": self.target}})
        await self.service.next()
        await self.deliver()
        self.assertEqual(self.service.got.pending, [])

    async def test_the_address_must_be_https(self) -> None:
        """RFC 8620 §7.2. Even here, where tests listen on this machine without."""
        properties = {"deviceClientId": "d", "url": "http://push.example.com/"}
        answer = await self.set(create={"a": properties})
        self.assertEqual(answer["notCreated"]["a"]["properties"], ["url"])

    async def test_it_goes_with_the_credentials_that_made_it(self) -> None:
        """RFC 8620 §7.2."""
        id_ = await self.subscribe()
        for other in (
            Revoked(self.alice.id, "session"),
            Revoked(self.bob.id),
            Revoked(self.alice.id, but="password"),
        ):
            self.pushes.revoked(other)
        self.assertEqual([one["id"] for one in (await self.get())["list"]], [id_])
        self.pushes.revoked(Revoked(self.alice.id, "password"))
        while (await self.get())["list"]:
            pass
        self.assertEqual(self.delivery.positions(), [])

    async def test_nothing_is_pushed_for_an_account_that_was_removed(self) -> None:
        await self.subscribe()
        await self.accounts.remove_account(self.alice.id)
        self.pushes.revoked(Revoked(self.alice.id))
        self.assertEqual(self.delivery.positions(), [])

    async def test_one_whose_credentials_went_while_nobody_listened_goes_at_the_start(self) -> None:
        await self.subscribe()
        await self.pushes.stop()
        self.pushes = self.make(holds=lambda account, credential: succeed(credential != "password"))
        await self.pushes.start()
        self.assertEqual(await self.store.objects.objects(self.alice.id, "PushSubscription"), [])

    async def test_a_wrong_code_is_refused(self) -> None:
        answer = await self.set(create={"a": {"deviceClientId": "d", "url": self.target}})
        id_ = answer["created"]["a"]["id"]
        answer = await self.set(update={id_: {"verificationCode": "guess"}})
        self.assertEqual(answer["notUpdated"][id_]["properties"], ["verificationCode"])

    async def test_only_the_types_asked_for_are_pushed(self) -> None:
        await self.subscribe(types=["Mailbox"])
        await self.deliver()
        self.assertEqual(list((await self.service.next())["changed"][self.A]), ["Mailbox"])

    async def test_where_it_goes_is_never_given_out(self) -> None:
        id_ = await self.subscribe()
        answer = await self.get()
        self.assertEqual(set(answer), {"list", "notFound"})
        self.assertEqual(
            set(answer["list"][0]), {"id", "deviceClientId", "verificationCode", "expires", "types"}
        )
        self.assertEqual(answer["list"][0]["id"], id_)
        for name in ("url", "keys"):
            self.assertEqual((await self.get(properties=[name]))["type"], "forbidden")
        self.assertEqual((await self.get(accountId=self.A))["type"], "invalidArguments")

    async def test_another_account_has_none_of_it(self) -> None:
        id_ = await self.subscribe()
        self.assertEqual((await self.get("bob"))["list"], [])
        self.assertEqual((await self.get("bob", ids=[id_]))["notFound"], [id_])
        answer = await self.set("bob", destroy=[id_], update={id_ + "x": {"types": None}})
        self.assertEqual(answer["notDestroyed"][id_]["type"], "notFound")

    async def test_properties_are_checked(self) -> None:
        good = {"deviceClientId": "d", "url": self.target}
        for name, value in (
            ("deviceClientId", 1),
            ("url", None),
            ("url", "ftp://example.com/"),
            ("keys", {"p256dh": "x", "auth": "y"}),
            ("verificationCode", "x"),
            ("expires", "yesterday"),
            ("expires", "2001-01-01T00:00:00Z"),
            ("types", "Email"),
            ("nonsense", 1),
        ):
            answer = await self.set(create={"a": good | {name: value}})
            self.assertEqual(answer["notCreated"]["a"]["properties"], [name])

    async def test_fixed_properties_stay(self) -> None:
        id_ = await self.subscribe()
        answer = await self.set(update={id_: {"url": "https://elsewhere.example/"}})
        self.assertEqual(answer["notUpdated"][id_]["properties"], ["url"])

    async def test_it_ends_within_a_month(self) -> None:
        answer = await self.set(
            create={"a": {"deviceClientId": "d", "url": self.target, "expires": "2099-01-01T00:00:00Z"}}
        )
        self.assertNotEqual(answer["created"]["a"]["expires"], "2099-01-01T00:00:00Z")

    async def test_a_destroyed_one_is_silent(self) -> None:
        id_ = await self.subscribe()
        self.assertEqual((await self.set(destroy=[id_]))["destroyed"], [id_])
        await self.deliver()
        self.assertEqual((self.service.got.pending, (await self.get())["list"]), ([], []))

    async def test_a_failure_is_tried_again_later_with_the_last_word(self) -> None:
        await self.subscribe()
        self.service.status = [503, 201]
        await self.deliver()
        await self.service.next()
        await self.settled(
            lambda: len(self.retries.getDelayedCalls()) == 2
        )  # to try again, and its turn's end
        await self.deliver()
        self.retries.advance(31)
        word = await self.service.next()
        self.assertEqual(word["changed"], {self.A: await self.api.state_change(self.alice.id)})

    async def test_one_that_is_gone_is_removed(self) -> None:
        await self.subscribe()
        self.service.status = [410]
        await self.deliver()
        await self.service.next()
        for _ in range(100):
            if not (await self.get())["list"]:
                return
        self.fail("it is still there")

    async def test_after_a_restart_what_was_missed_is_pushed(self) -> None:
        await self.subscribe()
        await self.deliver()
        await self.service.next()
        await self.settled(lambda: any(each.position for each in self.delivery.positions()))
        await self.pushes.stop()
        self.pushes = self.make()
        await self.deliver()
        await self.pushes.start()
        word = await self.service.next()
        self.assertEqual(word["changed"], {self.A: await self.api.state_change(self.alice.id)})

    async def test_after_a_restart_nothing_is_pushed_when_nothing_changed(self) -> None:
        await self.subscribe()
        await self.deliver()
        await self.service.next()
        await self.settled(lambda: self.delivered())
        await self.pushes.stop()
        self.pushes = self.make()
        await self.pushes.start()
        await self.call(["Core/echo", {}, "0"])
        self.assertEqual(self.service.got.pending, [])

    async def another(self) -> tuple[PushSubscriptions, PushDelivery]:
        """Another process takes up what there is."""
        before = self.pushes, self.delivery
        made = self.make(), self.delivery
        self.pushes, self.delivery = before
        self.addCleanup(made[0].stop)
        await made[0].start()
        return made

    async def test_of_two_processes_one_pushes(self) -> None:
        await self.subscribe()
        await self.deliver()
        await self.service.next()
        await self.settled(lambda: self.delivered())
        _, other = await self.another()
        for _ in range(3):
            await self.deliver()
            await self.service.next()
        await self.settled(lambda: self.delivered())
        await self.pushes.stop()  # gives its turn back, with how far it told
        self.shift += LENGTH
        self.retries.advance(LENGTH + 2)  # the other looks whether it is its turn
        await self.settled(lambda: other.positions()[0].position == self.delivered_to())
        self.assertEqual(self.service.got.pending, [])
        await self.deliver()
        await self.service.next()

    async def test_when_the_one_that_pushes_dies_the_other_goes_on(self) -> None:
        id_ = await self.subscribe()
        await self.deliver()
        await self.service.next()
        await self.settled(lambda: self.delivered())
        await self.another()
        self.delivery.remove(self.alice.id, id_)  # as if it was killed: nothing is written
        await self.deliver()
        self.assertEqual(self.service.got.pending, [])
        self.shift += LENGTH
        self.retries.advance(LENGTH + 2)
        word = await self.service.next()
        self.assertEqual(word["changed"], {self.A: await self.api.state_change(self.alice.id)})

    async def test_what_another_process_makes_and_removes_is_found_by_looking(self) -> None:
        _, other = await self.another()
        self.assertEqual(other.positions(), [])
        id_ = await self.subscribe()
        self.looks.advance(MOST)
        await self.settled(lambda: len(other.positions()) == 1)
        await self.set(destroy=[id_])
        self.looks.advance(MOST)
        await self.settled(lambda: other.positions() == [])
        self.assertEqual(await self.store.objects.objects(self.alice.id, "PushState"), [])

    async def test_two_who_verify_and_rename_at_once_are_both_heeded(self) -> None:
        answer = await self.set(create={"a": {"deviceClientId": "d", "url": self.target}})
        id_ = answer["created"]["a"]["id"]
        code = (await self.service.next())["verificationCode"]
        meanwhile = Meanwhile(self.store.objects)
        self.api.ports = replace(self.api.ports, objects=meanwhile)

        async def verified() -> None:
            await self.set(update={id_: {"verificationCode": code}})

        meanwhile.before("write", verified)
        await self.set(update={id_: {"types": ["Email"]}})
        (found,) = (await self.get())["list"]
        self.assertEqual((found["verificationCode"], found["types"]), (code, ["Email"]))

    def delivered_to(self) -> str:
        return max(self.feed._watches[self.alice.id].states.values(), key=int)

    def delivered(self) -> bool:
        position = self.feed._watches[self.alice.id].states
        return all(each.position == max(position.values(), key=int) for each in self.delivery.positions())

    async def settled(self, condition: Any) -> None:
        from twisted.internet.task import deferLater

        for _ in range(300):
            if condition():
                return
            await deferLater(reactor, 0.01)
        self.fail("it did not come to be")

    async def test_with_keys_it_is_encrypted_for_them(self) -> None:
        private, secret = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _text(public), "auth": _text(secret)}
        await self.set(create={"a": {"deviceClientId": "d", "url": self.target, "keys": keys}})
        headers, body = await self.service.got.get()
        self.assertEqual(headers["content-encoding"], "aes128gcm")
        self.assertRegex(headers["authorization"], r"^vapid t=[\w.-]+, k=[\w-]{87}$")
        word = json.loads(_decrypt(body, private, public, secret))
        self.assertEqual(word["@type"], "PushVerification")


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decrypt(body: bytes, private: Any, public: bytes, secret: bytes) -> bytes:
    """The user agent's side of RFC 8291."""
    salt, length = body[:16], body[20]
    theirs, record = body[21 : 21 + length], body[21 + length :]
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))

    def hkdf(salt: bytes, ikm: bytes, info: bytes, size: int) -> bytes:
        return HKDF(hashes.SHA256(), size, salt, info).derive(ikm)

    ikm = hkdf(secret, shared, b"WebPush: info\0" + public + theirs, 32)
    key = hkdf(salt, ikm, b"Content-Encoding: aes128gcm\0", 16)
    nonce = hkdf(salt, ikm, b"Content-Encoding: nonce\0", 12)
    return AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")[:-1]


class TargetTests(SynchronousTestCase):
    def test_addresses_of_the_inside_are_not_public(self) -> None:
        for address in (
            "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
            "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1",
            "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1",
        ):  # fmt: skip
            self.assertFalse(is_public(address), address)
        for address in ("9.9.9.9", "2620:fe::fe"):
            self.assertTrue(is_public(address), address)

    def test_urls_that_lead_inside_are_refused_at_once(self) -> None:
        for url in (
            "http://push.example.com/", "https://localhost/", "https://127.0.0.1/", "https://[::1]/",
            "https://push.example.com:25/", "https://user@push.example.com/", "https://intranet/",
            "https://push.example.com/\r\nX: y", "https://", "gopher://push.example.com/", "https://é.example/",
        ):  # fmt: skip
            self.assertRaises(ForbiddenTarget, target_of, url)

    def test_a_name_that_leads_inside_is_refused(self) -> None:
        http = OutboundHttp(Clock(), Names("10.0.0.1"))
        from twisted.internet.defer import Deferred

        work = Deferred.fromCoroutine(http.request("POST", "https://push.example.com/"))
        self.failureResultOf(work, ForbiddenTarget)
