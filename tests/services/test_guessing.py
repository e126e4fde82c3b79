"""Those who guess passwords, and the owner whom they must not hinder: by password, Basic's way, IMAP's and
submission's exchanges, from few addresses and from thousands."""

import base64
import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

from argon2 import PasswordHasher
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.network import customer_of, site_of
from mailsys.core.refusal import BadCredentials, RateLimited, Refusal, TemporaryFailure
from mailsys.core.sasl.plain import Claim
from mailsys.ports.accounts import Account
from mailsys.services.access.authentication import Challenge, SignedIn
from mailsys.services.access.places import AT_MOST, KIND, KnownPlaces
from mailsys.services.access.sessions import Visitor
from mailsys.services.access.sign_in import WEB
from mailsys.services.access.throttle import FIRST_WAIT, LONGEST_DELAY, QUEUED_FOR
from mailsys.stores.memory.limits import Limits as Counters
from tests.services.house import refusal
from tests.services.test_sign_in import PEER, SignInTestCase

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
STRANGE = "203.0.113.77"  # where the owner is for the first time


def v4(number: int) -> str:
    return f"198.18.{number // 250}.{number % 250 + 1}"


class GuessingTestCase(SignInTestCase):
    """bob's password is guessed at. Bounds of the case: 6 failures of a network, 3 of a pair."""

    def setUp(self) -> Deferred[None]:
        async def move_in() -> None:
            await super(GuessingTestCase, self).setUp()
            # Cheap to check, so that thousands of guesses are made in seconds.
            self.credentials = replace(self.credentials, argon2=CHEAP.hash(b"secret"))
            await self.house.accounts.set_credentials(self.house.bob.id, self.credentials)
            self.sign_in = self.renewed()

        return Deferred.fromCoroutine(move_in())

    def renewed(self) -> Any:
        """As after a restart."""
        house = self.house
        house.counters = Counters(house.clock)
        self.places = KnownPlaces(house.store.objects, house.clock, house.random.randbytes)
        return self.new(places=self.places)

    def attempt(self, password: str, peer: str, name: str = "bob") -> Deferred[Account | Refusal]:
        async def run() -> Any:
            try:
                return await self.login(name, password, peer)
            except Refusal as refused:
                return refused

        return Deferred.fromCoroutine(run())

    async def storm(self, peers: list[str], each: int = 1, name: str = "bob") -> list[Deferred[Any]]:
        """`each` guesses from all of them, at the same time; those that are still held back."""
        guesses = [
            self.attempt(f"guess {number} {peer}", peer, name) for number in range(each) for peer in peers
        ]
        await self.settle()
        return [guess for guess in guesses if not guess.called]

    async def end(self, held: list[Deferred[Any]]) -> None:
        for _ in range(4):  # in the queue, and then the longest wait
            self.house.clock.advance(QUEUED_FOR)
            await self.settle()
        for guess in held:
            self.assertIsInstance(await guess, Refusal)

    async def at_once(self, login: Any) -> Any:
        """What comes of a sign-in for which no time passes."""
        return await Deferred.fromCoroutine(login).addTimeout(10, reactor)  # type: ignore[arg-type]

    async def slowed(self, login: Any, seconds: float = LONGEST_DELAY) -> Any:
        """What comes of one that is held back."""
        pending = Deferred.fromCoroutine(login)
        await self.settle()
        self.assertFalse(pending.called, "it was not held back")
        self.house.clock.advance(seconds)
        return await pending


class FewTests(GuessingTestCase):
    async def guess(self, times: int, name: str = "bob", peer: str = PEER) -> None:
        for number in range(times):
            await refusal(self, BadCredentials, self.login(name, f"wrong {number}", peer))

    async def test_after_some_failures_the_answer_comes_later_and_later(self) -> None:
        await self.guess(3)
        for seconds in (0.5, 1.0, 2.0):
            pending = Deferred.fromCoroutine(refusal(self, BadCredentials, self.login(password="wrong")))
            await self.settle()
            self.house.clock.advance(seconds - 0.01)
            await self.settle()
            self.assertFalse(pending.called)
            self.house.clock.advance(0.02)
            await pending

    async def test_many_at_once_are_not_more_than_many_one_after_another(self) -> None:
        held = await self.storm([PEER], each=20)
        self.assertEqual(self.pool.hashed, 3)
        await self.end(held)
        # Five wait at a time, and hand their places on once: what waited in vain was refused.
        self.assertLessEqual(self.pool.hashed, 3 + 2 * 5)

    async def test_the_same_password_many_times_at_once_is_one_try(self) -> None:
        done = await gatherResults([self.attempt("secret", PEER) for _ in range(50)])
        self.assertEqual({each.id for each in done}, {self.house.bob.id})
        self.assertEqual(self.pool.hashed, 1)

    async def test_a_wait_that_is_due_is_not_saved_by_a_proof_that_is_remembered(self) -> None:
        """Or a guess would cost nothing while the owner is signed in."""
        await self.login(peer=STRANGE)
        await self.guess(3)
        await self.slowed(self.login(), 0.5)
        self.assertEqual(self.pool.hashed, 4)

    async def test_a_login_from_the_slowed_place_still_succeeds_and_is_forgiven(self) -> None:
        await self.guess(3)
        self.assertEqual((await self.slowed(self.login(), 0.5)).id, self.house.bob.id)
        await self.at_once(self.login())

    async def test_one_network_that_tries_many_names_is_slowed(self) -> None:
        for n in range(6):
            await self.guess(1, name=f"name{n}")
        await self.slowed(refusal(self, BadCredentials, self.login("another", "wrong")), 0.5)

    async def test_an_owner_who_comes_from_there_for_the_first_time_waits_two_seconds(self) -> None:
        """However long they have been at it, and however many of theirs wait there."""
        await self.house.accounts.set_credentials(self.house.carol.id, self.credentials)
        for n in range(3):
            await self.storm([PEER], each=10, name=f"name{n}")
        held = await self.storm([PEER], each=60)
        await self.slowed(self.login("carol@example.org"), FIRST_WAIT)
        await self.end(held)

    async def test_an_owner_among_guesses_at_him_gets_in_sooner_or_later(self) -> None:
        """From one address, new to him: whoever is there always does not keep him out for ever."""
        held: list[Deferred[Any]] = []
        for tries in range(60):
            held = [guess for guess in held if not guess.called]
            held += [self.attempt(f"guess {tries} {n}", PEER) for n in range(48 - len(held))]
            owner = self.attempt("secret", PEER)
            for _ in range(4):
                self.house.clock.advance(QUEUED_FOR)
                await self.settle()
            if isinstance(await owner, Account):
                break
        else:
            self.fail("he was kept out for forty minutes")
        self.assertLessEqual(self.pool.hashed, 3 + (tries + 1) * 15)  # and theirs are no more than before
        await self.end([guess for guess in held if not guess.called])

    async def test_and_a_minute_later_an_unrelated_account_is_not(self) -> None:
        """Many sit behind one address."""
        await self.house.accounts.set_credentials(self.house.carol.id, self.credentials)
        for n in range(6):
            await self.guess(1, name=f"name{n}")
        self.house.clock.advance(60)
        await self.at_once(self.login("carol@example.org"))

    async def test_nor_ever_where_its_owner_was_before(self) -> None:
        await self.house.accounts.set_credentials(self.house.carol.id, self.credentials)
        await self.login("carol@example.org")
        for n in range(6):
            await self.guess(1, name=f"name{n}")
        self.house.clock.advance(1)
        await self.at_once(self.login("carol@example.org"))

    async def test_a_good_login_does_not_forgive_the_network(self) -> None:
        for n in range(5):
            await self.guess(1, name=f"name{n}")
        await self.login()
        await self.guess(1, name="name6")
        await self.slowed(refusal(self, BadCredentials, self.login("another", "wrong")), 0.5)

    async def test_guessing_from_a_known_network_is_slow_as_well(self) -> None:
        await self.login()
        held = await self.storm([PEER], each=40)
        self.assertEqual(self.pool.hashed, 1 + 15)
        await self.end(held)
        self.assertLessEqual(self.pool.hashed, 1 + 15 + 2 * 5)

    async def test_a_known_browser_has_failures_of_its_own(self) -> None:
        """Whoever guesses from the owner's own network does not slow his browser."""
        mark = self.places.new_mark()
        visitor = Visitor(PEER, mark=mark)
        await self.places.note(self.house.bob.id, visitor)
        held = await self.storm([PEER], each=80)
        claim = Claim("bob", "secret")
        await self.at_once(self.sign_in.prove(claim, visitor, "web", WEB))
        forged = self.sign_in.prove(claim, replace(visitor, mark="0" * 32), "web", WEB)
        await refusal(self, RateLimited, forged)
        await self.end(held)

    async def test_a_mark_is_known_to_the_accounts_that_it_was_given_for(self) -> None:
        visitor = Visitor(PEER, mark=self.places.new_mark())
        await self.places.note(self.house.carol.id, visitor)
        origin = await self.places.origin(visitor, self.house.bob)
        self.assertEqual((origin.known, origin.place), (False, PEER))

    async def test_places_of_an_account_are_bounded(self) -> None:
        for number in range(AT_MOST + 20):
            self.house.clock.advance(1)
            await self.places.note(self.house.bob.id, Visitor(v4(number)))
        self.assertEqual(len(await self.house.store.objects.objects(self.house.bob.id, KIND)), AT_MOST)
        self.assertFalse((await self.places.origin(Visitor(v4(0)), self.house.bob)).known)
        self.assertTrue((await self.places.origin(Visitor(v4(119)), self.house.bob)).known)

    async def test_a_place_is_forgotten_when_nobody_came_for_long(self) -> None:
        await self.login()
        self.house.clock.advance(91 * 86400)
        self.assertFalse((await self.places.origin(Visitor(PEER), self.house.bob)).known)

    def test_ipv6_neighbours_count_as_one(self) -> None:
        self.assertEqual(customer_of("2001:db8::1"), customer_of("2001:db8::ffff:2"))
        self.assertNotEqual(customer_of("2001:db8::1"), customer_of("2001:db8:0:1::1"))
        self.assertEqual(site_of("2001:db8::1"), site_of("2001:db8:0:1::1"))
        self.assertNotEqual(site_of("2001:db8::1"), site_of("2001:db8:1::1"))
        self.assertEqual((customer_of("192.0.2.1"), site_of("192.0.2.1")), ("192.0.2.1", ""))
        self.assertEqual(customer_of("::ffff:192.0.2.1"), "192.0.2.1")


class FormerPasswordTests(GuessingTestCase):
    """A phone that has the old password still keeps nobody out."""

    async def changed(self) -> None:
        self.assertIsInstance(await self.attempt("secret", STRANGE), Account)
        self.credentials = replace(self.credentials, argon2=CHEAP.hash(b"another"))
        await self.house.accounts.set_credentials(self.house.bob.id, self.credentials)

    async def test_a_device_that_has_it_is_told_no_and_is_not_slowed(self) -> None:
        await self.changed()
        for _ in range(30):
            self.assertIsInstance(await self.attempt("secret", STRANGE), BadCredentials)
        self.assertIsInstance(await self.attempt("another", STRANGE), Account)

    async def test_one_that_was_never_right_counts(self) -> None:
        await self.changed()
        await self.settle()
        for n in range(6):
            await self.attempt("guess", STRANGE, f"nobody{n}")
        await self.slowed(refusal(self, BadCredentials, self.login("carol", "wrong", STRANGE)), 0.5)

    async def test_that_of_another_account_counts(self) -> None:
        await self.changed()
        for n in range(6):
            await self.attempt("secret", STRANGE, f"nobody{n}")
        await self.slowed(refusal(self, BadCredentials, self.login("carol", "wrong", STRANGE)), 0.5)


class ManyTests(GuessingTestCase):
    """3, 100, 1,000 addresses at bob, at the same time, three guesses each; and again a minute later."""

    timeout = 100

    async def attack(self, peers: list[str], checked_at_most: int) -> None:
        await self.at_once(self.login())  # at home
        self.sign_in = self.renewed()  # after a restart, so that nothing is remembered in memory alone
        hashed = self.pool.hashed
        held = await self.storm(peers, each=3)
        self.assertLessEqual(self.pool.hashed - hashed, checked_at_most)
        for _ in range(2):
            await self.at_once(self.login())  # the known network
            self.assertEqual((await self.at_once(self.attempt_(STRANGE))).id, self.house.bob.id)
            self.house.clock.advance(400)  # proofs are forgotten
            for guess in held:
                await guess
            hashed = self.pool.hashed
            held = await self.storm(peers, each=3)
            self.assertLessEqual(self.pool.hashed - hashed, checked_at_most)
        await self.end(held)

    async def attempt_(self, peer: str) -> Account:
        return await self.login(peer=peer)

    async def test_three_addresses(self) -> None:
        await self.attack([v4(n) for n in range(3)], 3 * 3)

    async def test_a_hundred_addresses(self) -> None:
        await self.attack([v4(n) for n in range(100)], 100 * 3)

    async def test_who_had_his_tries_has_to_stand_in_line(self) -> None:
        """How many guesses at one account are checked in a quarter of an hour, from 100 networks that
        do not stop: three each, and those in line."""
        peers = [v4(n) for n in range(100)]
        for _ in range(9):
            held = await self.storm(peers, each=2)
            self.house.clock.advance(100)
            for guess in held:
                await guess
        self.assertLessEqual(self.pool.hashed, 100 * 3 + 9 * 4)

    async def test_a_site_of_ipv6_has_no_more_than_a_few_networks(self) -> None:
        """65,536 networks of 2^64 addresses are one site's."""
        same_network = [f"2001:db8:0:1::{n:x}" for n in range(1, 100)]
        await self.end(await self.storm(same_network))
        self.assertLessEqual(
            self.pool.hashed, 3 + 5 + 5
        )  # that wait half a second to eight, and so do five more
        self.house.clock.advance(1000)
        before = self.pool.hashed
        same_site = [f"2001:db8:7:{n:x}::1" for n in range(1, 100)]
        held = await self.storm(same_site)
        self.assertLessEqual(self.pool.hashed - before, 4 * 3)
        await self.at_once(self.attempt_("2001:db8:8::1"))
        await self.end(held)


class ThousandTests(GuessingTestCase):
    timeout = 110

    async def test_a_thousand_addresses_do_not_hinder_the_owner(self) -> None:
        await self.at_once(self.login())
        self.sign_in = self.renewed()
        guesses = [self.attempt(f"guess {n}", v4(n)) for n in range(1000)]
        for _ in range(5):
            await self.house.accounts.version()
        known, strange = self.attempt("secret", PEER), self.attempt("secret", STRANGE)
        done: list[str] = []
        known.addCallback(lambda found: done.append("known") or found)
        strange.addCallback(lambda found: done.append("strange") or found)
        for guess in guesses:
            guess.addCallback(lambda found: done.append("guess") or found)
        self.assertEqual((await known).id, self.house.bob.id)
        self.assertLessEqual(len(done), 100, "the known owner waited behind strangers")
        self.assertEqual((await strange).id, self.house.bob.id)  # behind at most one guess of each network
        for guess in guesses:
            self.assertIsInstance(await guess, BadCredentials)


class ServiceTests(GuessingTestCase):
    """The same by each way in."""

    async def plain(self, service: str, password: str, peer: str) -> SignedIn:
        exchange = self.sign_in.for_service(service).start("PLAIN", peer, None)
        done = await exchange.respond(f"\0bob\0{password}".encode())
        assert isinstance(done, SignedIn)
        return done

    async def scram(self, service: str, password: str, peer: str) -> SignedIn:
        exchange = self.sign_in.for_service(service).start("SCRAM-SHA-256", peer, None)
        first = b"n=bob,r=abcdef"
        challenge = await exchange.respond(b"n,," + first)
        assert isinstance(challenge, Challenge)
        fields = dict(part.split(b"=", 1) for part in challenge.data.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b64decode(fields[b"s"]), int(fields[b"i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        bare = b"c=" + b64encode(b"n,,") + b",r=" + fields[b"r"]
        signature = hmac.digest(
            hashlib.sha256(key).digest(), b",".join((first, challenge.data, bare)), "sha256"
        )
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        done = await exchange.respond(bare + b",p=" + base64.b64encode(proof))
        assert isinstance(done, SignedIn)
        return done

    async def guessed_at(self) -> None:
        """By strangers who keep the line full."""
        await self.storm([v4(n) for n in range(100)], each=3)

    async def test_imap_and_submission_are_open_to_the_owner(self) -> None:
        for service in ("imap", "smtp"):
            await self.plain(service, "secret", PEER)
            await self.guessed_at()
            for way in (self.plain, self.scram):
                for peer in (PEER, "203.0.113.1", "203.0.113.2"):
                    await self.at_once(way(service, "secret", peer))
            self.house.clock.advance(30)

    async def test_guessing_by_scram_is_slowed(self) -> None:
        for _ in range(3):
            await refusal(self, BadCredentials, self.scram("imap", "wrong", PEER))
        await self.slowed(refusal(self, BadCredentials, self.scram("imap", "wrong", PEER)), 0.5)

    async def test_many_proofs_of_scram_at_once_are_not_more(self) -> None:
        tries = [
            Deferred.fromCoroutine(refusal(self, Refusal, self.scram("imap", f"wrong {n}", PEER)))
            for n in range(12)
        ]
        await self.settle()
        self.assertEqual(sum(each.called for each in tries), 3)  # checked; 5 wait, 4 stand in the queue
        self.house.clock.advance(QUEUED_FOR)
        await self.settle()
        self.assertEqual(sum(each.called for each in tries), 3 + 5)  # the 4 wait in their places
        self.house.clock.advance(LONGEST_DELAY)
        await gatherResults(tries)


class FairTests(GuessingTestCase):
    """Threads that hash are shared out by network."""

    async def test_one_network_does_not_starve_others(self) -> None:
        order: list[str] = []

        def work(who: str) -> Any:
            return lambda: order.append(who)

        flood = [Deferred.fromCoroutine(self.pool.run(work("flood"), "a")) for _ in range(40)]
        one = Deferred.fromCoroutine(self.pool.run(work("one"), "b"))
        known = Deferred.fromCoroutine(self.pool.run(work("known"), "c", known=True))
        await gatherResults([*flood, one, known])
        self.assertLess(order.index("known"), 3)
        self.assertLess(order.index("one"), 5)

    async def test_known_ones_do_not_starve_strangers(self) -> None:
        order: list[str] = []
        known = [
            Deferred.fromCoroutine(self.pool.run(lambda: order.append("known"), f"k{n}", known=True))
            for n in range(40)
        ]
        one = Deferred.fromCoroutine(self.pool.run(lambda: order.append("one"), "b"))
        await gatherResults([*known, one])
        self.assertLess(order.index("one"), 8)

    async def test_a_full_house_makes_room_for_who_is_alone(self) -> None:
        self.pool._most = 10
        flood = [Deferred.fromCoroutine(self.pool.run(lambda: None, "a")) for _ in range(11)]
        one = Deferred.fromCoroutine(self.pool.run(lambda: "done", "b"))
        self.assertEqual(await one, "done")
        await refusal(self, TemporaryFailure, flood[-1])
        await gatherResults(flood[:-1])
