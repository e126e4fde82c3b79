"""Signing in."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailsys.core.refusal import (
    AppPasswordNeeded,
    BadCredentials,
    InsufficientStorage,
    MessageRejected,
    UnsupportedParameter,
)
from mailsys.ports.accounts import Account, AccountPatch, Credentials
from mailsys.ports.objects import IObjectStore, ObjectChange
from mailsys.services.access.at_rest import AtRest
from mailsys.services.access.authentication import Challenge, SignedIn
from mailsys.services.access.passwords import (
    NOBODY,
    PasswordPool,
    hash_password,
    make_credentials,
    password_matches,
)
from mailsys.services.access.places import KnownPlaces
from mailsys.services.access.second_factor import SecondFactor
from mailsys.services.access.sign_in import BesidePasswords, SignIn
from mailsys.services.access.throttle import Throttle
from mailsys.settings import Limits
from tests.services.house import House, HouseTestCase, refusal

PEER = "192.0.2.5"
BINDING = ("tls-exporter", b"\x07" * 32)


class Counted(PasswordPool):
    """Tells how many passwords were really hashed."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.hashed = 0
        self.under_way: list[Deferred[None]] = []

    async def run(self, work: Any, lane: str = "", known: bool = False) -> Any:
        self.hashed += 1
        self.under_way.append(Deferred())
        mine = self.under_way[-1]
        try:
            return await super().run(work, lane, known)
        finally:
            self.under_way.remove(mine)
            mine.callback(None)

    async def settled(self) -> None:
        """Nothing is being hashed."""
        while self.under_way:
            waiting: Deferred[None] = Deferred()
            self.under_way[0].chainDeferred(waiting)
            await waiting


class SignInTestCase(HouseTestCase):
    timeout = 15
    credentials: Credentials

    def setUp(self) -> Deferred[None]:
        async def move_in() -> None:
            self.house = await House().open()
            self.directory = self.house.directory
            self.pool = Counted(reactor, threads=1)  # type: ignore[arg-type]
            self.pool.start()
            type(self).credentials = getattr(type(self), "credentials", None) or await hash_password(
                "secret", self.pool
            )
            self.pool.hashed = 0
            await self.house.accounts.set_credentials(self.house.bob.id, self.credentials)
            self.sign_in = self.new()

        return Deferred.fromCoroutine(move_in())

    def new(self, secret: bytes = b"s" * 32, **more: Any) -> SignIn:
        return SignIn(
            self.house.accounts,
            Throttle(
                self.house.counters,
                Limits(failures_per_address=6, failures_per_account=3),
                self.house.clock,
                self.house.random.randbytes,
            ),
            self.house.clock,
            self.pool,
            self.house.random.randbytes,
            "example.com",
            secret,
            BesidePasswords(**more),
        )

    def tearDown(self) -> Deferred[None]:
        self.pool.stop()
        return super().tearDown()

    async def settle(self) -> None:
        """Let the store's threads, and those that hash, answer what was asked of them."""
        for _ in range(20):
            await self.house.accounts.version()
            await self.pool.settled()

    async def login(
        self, name: str = "bob@example.com", password: str = "secret", peer: str = PEER
    ) -> Account:
        return await self.sign_in.password(name, password, peer)


class FullStore:
    """Objects of a store whose disk is full: they can be read."""

    def __init__(self, objects: IObjectStore) -> None:
        self.objects = objects.objects

    async def write(self, changes: Any, if_state: int | None = None) -> Any:
        raise InsufficientStorage(cause="database or disk is full")


class PasswordTests(SignInTestCase):
    async def test_a_full_disk_keeps_nobody_out(self) -> None:
        """He comes to make room; that his place was not noted matters less."""
        house = self.house
        full: Any = FullStore(house.store.objects)
        self.sign_in = self.new(places=KnownPlaces(full, house.clock, house.random.randbytes))
        self.assertEqual((await self.login()).id, house.bob.id)

    async def test_the_right_password_signs_in(self):
        self.assertEqual((await self.login()).id, self.house.bob.id)

    async def test_names_in_any_case_aliases_and_bare_names_are_known(self):
        await self.house.alias("robert@example.org", self.house.bob)
        for name in ("BOB@Example.com", "bob", "Robert@example.org"):
            self.assertEqual((await self.login(name)).id, self.house.bob.id)

    async def test_every_failure_has_one_text(self):
        await self.house.accounts.set_credentials(self.house.alice.id, self.credentials)
        await self.house.accounts.change_account(self.house.alice.id, AccountPatch(enabled=False))
        texts = set()
        for name, password in (
            ("bob", "wrong"),
            ("nobody", "secret"),
            ("alice", "secret"),
            ("@", "secret"),
            ("x" * 5000, "secret"),
            ("bob", "x" * 4000),
        ):
            texts.add(
                (
                    await refusal(
                        self, BadCredentials, self.login(name, password, f"198.51.100.{len(texts)}")
                    )
                ).text
            )
        self.assertEqual(len(texts), 1)

    async def test_an_unknown_name_costs_a_hash_too(self):
        await refusal(self, BadCredentials, self.login("nobody"))
        self.assertEqual(self.pool.hashed, 1)
        self.assertFalse(password_matches(NOBODY, "secret"))

    async def test_a_proved_password_is_not_hashed_again_for_minutes(self):
        for _ in range(3):
            await self.login()
        self.assertEqual(self.pool.hashed, 1)
        self.house.clock.advance(301)
        await self.login()
        self.assertEqual(self.pool.hashed, 2)

    async def test_a_changed_password_is_asked_for_at_once(self):
        await self.login()
        await self.house.accounts.set_credentials(self.house.bob.id, make_credentials("other"))
        await refusal(self, BadCredentials, self.login())
        await self.login(password="other")

    async def test_a_disabled_account_is_out_at_once(self):
        await self.login()
        await self.house.accounts.change_account(self.house.bob.id, AccountPatch(enabled=False))
        await refusal(self, BadCredentials, self.login())


class MechanismTests(SignInTestCase):
    def test_nothing_is_offered_without_tls(self):
        self.assertEqual(self.sign_in.mechanisms(False, False), ())

    def test_binding_brings_plus_first(self):
        self.assertEqual(self.sign_in.mechanisms(True, True)[0], "SCRAM-SHA-256-PLUS")
        self.assertNotIn("SCRAM-SHA-256-PLUS", self.sign_in.mechanisms(True, False))

    def test_unknown_mechanisms_are_refused(self):
        for name in ("CRAM-MD5", "SCRAM-SHA-256-PLUS", ""):
            self.assertRaises(UnsupportedParameter, self.sign_in.start, name, PEER, None)

    async def test_plain(self):
        exchange = self.sign_in.start("plain", PEER, None)
        self.assertEqual(await exchange.respond(None), Challenge(b""))
        done = await exchange.respond(b"\0bob\0secret")
        self.assertEqual(done, SignedIn(await self.login()))

    async def test_plain_with_an_authzid(self):
        await self.sign_in.start("PLAIN", PEER, None).respond(b"BOB@example.com\0bob\0secret")
        await refusal(
            self,
            BadCredentials,
            self.sign_in.start("PLAIN", PEER, None).respond(b"alice@example.com\0bob\0secret"),
        )

    async def test_login(self):
        exchange = self.sign_in.start("LOGIN", PEER, None)
        self.assertEqual(await exchange.respond(None), Challenge(b"Username:"))
        self.assertEqual(await exchange.respond(b"bob"), Challenge(b"Password:"))
        done = await exchange.respond(b"secret")
        assert isinstance(done, SignedIn)
        self.assertEqual(done.account.id, self.house.bob.id)

    async def test_garbage_is_malformed_and_ends_the_exchange(self):
        exchange = self.sign_in.start("PLAIN", PEER, None)
        await refusal(self, MessageRejected, exchange.respond(b"\xff"))
        await refusal(self, MessageRejected, exchange.respond(b"\0bob\0secret"))


class ScramTests(SignInTestCase):
    async def scram(
        self,
        name: bytes = b"bob",
        password: bytes = b"secret",
        binding: tuple[str, bytes] | None = None,
        plus: bool = False,
        gs2: bytes = b"n,,",
    ) -> SignedIn:
        exchange = self.sign_in.start("SCRAM-SHA-256" + "-PLUS" * plus, PEER, binding)
        first = b"n=" + name + b",r=abcdef"
        challenge = await exchange.respond(gs2 + first)
        assert isinstance(challenge, Challenge)
        self.challenge = challenge.data
        fields = dict(part.split(b"=", 1) for part in challenge.data.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", password, b64decode(fields[b"s"]), int(fields[b"i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        bound = gs2 + (binding[1] if plus and binding else b"")
        bare = b"c=" + b64encode(bound) + b",r=" + fields[b"r"]
        message = b",".join((first, challenge.data, bare))
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        done = await exchange.respond(bare + b",p=" + b64encode(proof))
        assert isinstance(done, SignedIn)
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self.assertEqual(done.final, b"v=" + b64encode(hmac.digest(server_key, message, "sha256")))
        return done

    async def with_a_factor(self) -> None:
        """bob has one, and a SignIn that knows."""
        house = self.house
        objects, chance = house.store.objects, house.random.randbytes
        factor = SecondFactor(
            objects, house.accounts, house.store.once, house.clock, chance, "x", AtRest(b"k" * 32, chance)
        )
        policy = ObjectChange(house.bob.id, "SecondFactor", "policy", b'{"wish":true,"holds":true}')
        await objects.write([policy])
        self.sign_in = self.new(factor=factor)

    async def test_who_needs_an_app_password_is_told_when_the_own_one_was_right(self):
        await self.with_a_factor()
        await refusal(self, AppPasswordNeeded, self.scram())
        with self.assertRaises(BadCredentials) as guessed:
            await self.scram(password=b"wrong")
        self.assertIs(type(guessed.exception), BadCredentials)

    async def test_the_right_password_signs_in_and_the_server_proves_itself(self):
        self.assertEqual((await self.scram()).account.id, self.house.bob.id)

    async def test_a_bound_channel(self):
        done = await self.scram(binding=BINDING, plus=True, gs2=b"p=tls-exporter,,")
        self.assertEqual(done.account.id, self.house.bob.id)

    async def test_a_downgrade_is_refused(self):
        await refusal(self, BadCredentials, self.scram(binding=BINDING, gs2=b"y,,"))

    async def test_a_wrong_password_and_a_disabled_account_are_refused(self):
        await refusal(self, BadCredentials, self.scram(password=b"wrong"))
        await self.house.accounts.change_account(self.house.bob.id, AccountPatch(enabled=False))
        await refusal(self, BadCredentials, self.scram())

    async def test_an_unknown_user_cannot_be_told_from_a_known_one(self):
        shapes = set()
        for name in (b"bob", b"nobody", b"Nobody@example.com"):
            await refusal(self, BadCredentials, self.scram(name, b"wrong"))
            nonce, salt, iterations = self.challenge.split(b",")
            shapes.add((len(nonce), len(salt), iterations))
            if name != b"bob":
                shapes.add(("salt", salt))
        self.assertEqual(len(shapes), 2, shapes)  # one shape, one salt for both spellings of nobody

    async def test_the_invented_salt_outlives_a_restart(self):
        await refusal(self, BadCredentials, self.scram(b"nobody", b"wrong"))
        before = self.challenge.split(b",")[1]
        self.sign_in = self.new()
        await refusal(self, BadCredentials, self.scram(b"nobody", b"wrong"))
        self.assertEqual(self.challenge.split(b",")[1], before)

    async def test_another_authzid_is_refused(self):
        await refusal(self, BadCredentials, self.scram(gs2=b"n,a=alice,"))
        await self.scram(gs2=b"n,a=bob@example.com,")

    async def test_failures_slow_it_down_as_well(self):
        for _ in range(3):
            await refusal(self, BadCredentials, self.scram(password=b"wrong"))
        pending = Deferred.fromCoroutine(self.scram())
        await self.settle()
        self.assertFalse(pending.called)
        self.house.clock.advance(0.5)
        await pending
