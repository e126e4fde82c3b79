"""Hashing passwords in bounded threads."""

import threading

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsys.core.refusal import NotAllowed, TemporaryFailure
from mailsys.core.sasl.scram import derive
from mailsys.services.access.passwords import (
    PasswordPool,
    hash_password,
    make_credentials,
    password_matches,
    verify_password,
)
from tests.services.house import refusal


class CredentialTests(SynchronousTestCase):
    def test_both_forms_are_of_the_same_password(self):
        made = make_credentials("pa\u0308ss")
        self.assertTrue(password_matches(made.argon2, "p\u00e4ss"))
        self.assertFalse(password_matches(made.argon2, "pass"))
        keys = derive("p\u00e4ss", made.scram_salt, made.scram_iterations)
        self.assertEqual((keys.stored_key, keys.server_key), (made.scram_stored_key, made.scram_server_key))

    def test_the_cost_is_owasps(self):
        self.assertTrue(make_credentials("x").argon2.startswith("$argon2id$v=19$m=19456,t=2,p=1$"))
        self.assertGreaterEqual(make_credentials("x").scram_iterations, 4096)

    def test_equal_passwords_have_different_hashes(self):
        self.assertNotEqual(make_credentials("x").argon2, make_credentials("x").argon2)

    def test_empty_and_endless_passwords_are_refused(self):
        for password in ("", "x" * 1025):
            self.assertRaises(NotAllowed, make_credentials, password)

    def test_a_broken_hash_matches_nothing(self):
        for stored in ("", "$argon2id$", "plain"):
            self.assertFalse(password_matches(stored, "x"))


class PoolTests(TestCase):
    def setUp(self) -> None:
        self.pool = PasswordPool(reactor, threads=1, waiting=2)  # type: ignore[arg-type]
        self.pool.start()
        self.addCleanup(self.pool.stop)

    async def test_hashing_and_checking_happen_in_a_thread(self):
        made = await hash_password("secret", self.pool)
        self.assertTrue(await verify_password(made.argon2, "secret", self.pool))
        self.assertNotEqual(await self.pool.run(threading.get_ident), threading.get_ident())

    async def test_only_so_many_may_wait(self):
        gate = threading.Event()
        waiting = [Deferred.fromCoroutine(self.pool.run(gate.wait)) for _ in range(3)]  # one at work
        await refusal(self, TemporaryFailure, self.pool.run(gate.wait))
        gate.set()
        for pending in waiting:
            await pending
        await self.pool.run(gate.wait)
