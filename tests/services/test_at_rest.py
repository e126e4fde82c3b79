"""A store that was stolen, one whose key is another, and one that was kept plain before."""

import contextlib
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pyotp
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase

from mailsys.assembly import StoreProblem, administer
from mailsys.core.refusal import ObjectConflict
from mailsys.ports.accounts import DkimKey
from mailsys.ports.objects import ObjectChange
from mailsys.services.access import second_factor
from mailsys.services.access.at_rest import AtRest, Unreadable, is_hidden
from mailsys.services.access.passwords import make_credentials, password_matches
from mailsys.services.access.resealing import reseal
from mailsys.services.access.sealed_accounts import SealedAccounts
from mailsys.services.access.second_factor import SecondFactor
from mailsys.services.access.system_key import KeyProblem, is_sealed, note_sealed, system_key
from mailsys.services.notifying import webhook_records
from mailsys.services.operating import commands as c
from mailsys.services.sending.sign import generate_keys
from mailsys.services.zones import keys as keys_of_zones
from mailsys.settings import Secrets, Settings
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store
from tests.services.house import HouseTestCase, refusal

KEY = b"k" * 32


class SealedTests(HouseTestCase):
    def sealed(self, key: bytes = KEY) -> SealedAccounts:
        return SealedAccounts(self.house.store.accounts, AtRest(key, os.urandom))

    async def test_who_has_the_store_alone_has_nothing_to_guess_at(self) -> None:
        made = make_credentials("secret")
        sealed = self.sealed()
        await sealed.set_credentials(self.house.bob.id, made)
        dora = await sealed.create_account("dora@example.com", "Dora", made)
        for account in (self.house.bob.id, dora.id):
            kept = await self.house.store.accounts.credentials(account)
            self.assertTrue(is_hidden(kept.argon2))
            fields = (kept.scram_salt, kept.scram_iterations, kept.scram_stored_key, kept.scram_server_key)
            self.assertEqual(fields, (b"", 0, b"", b""))
            self.assertFalse(password_matches(kept.argon2, "secret"))
            self.assertEqual(await sealed.credentials(account), made)

    async def test_nor_can_he_sign_mail(self) -> None:
        sealed = self.sealed()
        (key, _) = generate_keys("example.com")
        await sealed.put_dkim_key(key)
        (kept,) = await self.house.store.accounts.dkim_keys("example.com")
        self.assertNotIn(b"PRIVATE KEY", kept.private)
        self.assertEqual(list(await sealed.dkim_keys("example.com")), [key])

    async def test_another_key_reads_nothing_and_says_so(self) -> None:
        await self.sealed().set_credentials(self.house.bob.id, make_credentials("secret"))
        other = self.sealed(b"o" * 32)
        for reading in (other.credentials(self.house.bob.id), Deferred.fromCoroutine(other.seal_all())):
            found = await refusal(self, Unreadable, reading)
            self.assertIn("another key", str(found))

    async def test_one_accounts_password_does_not_open_another(self) -> None:
        """Who can write to the store puts his own hash in the administrator's place."""
        store = self.house.store.accounts
        sealed = self.sealed()
        await sealed.set_credentials(self.house.bob.id, make_credentials("secret"))
        await store.set_credentials(self.house.alice.id, await store.credentials(self.house.bob.id))
        await refusal(self, Unreadable, sealed.credentials(self.house.alice.id))

    async def test_what_was_plain_is_read_and_sealed_once(self) -> None:
        store = self.house.store.accounts
        made = make_credentials("secret")
        keys = generate_keys("example.com")
        await store.set_credentials(self.house.bob.id, made)
        for key in keys:
            await store.put_dkim_key(key)
        sealed = self.sealed()
        self.assertEqual(await sealed.credentials(self.house.bob.id), made)
        self.assertEqual(await sealed.seal_all(), 3 + 2)  # three people, two keys
        self.assertTrue(is_hidden((await store.credentials(self.house.bob.id)).argon2))
        self.assertEqual(await sealed.credentials(self.house.bob.id), made)
        self.assertEqual(set(await sealed.dkim_keys("example.com")), set(keys))
        self.assertEqual(await sealed.seal_all(), 0)

    async def test_a_password_that_is_changed_while_all_is_sealed_stays(self) -> None:
        sealed = self.sealed()
        new = make_credentials("new")
        await gatherResults(
            [Deferred.fromCoroutine(sealed.seal_all()), sealed.set_credentials(self.house.bob.id, new)]
        )
        self.assertEqual(await sealed.credentials(self.house.bob.id), new)

    async def test_it_is_replaced_only_while_it_is_that(self) -> None:
        sealed = self.sealed()
        first, second, late = (make_credentials(each) for each in ("first", "second", "late"))
        await sealed.set_credentials(self.house.bob.id, first)
        await sealed.set_credentials(self.house.bob.id, second, replacing=first)
        await refusal(self, ObjectConflict, sealed.set_credentials(self.house.bob.id, late, replacing=first))
        self.assertEqual(await sealed.credentials(self.house.bob.id), second)


class KeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp())
        self.state.mkdir(parents=True)
        self.other = self.state / "elsewhere" / "key"
        self.other.parent.mkdir()

    def key(self, setting: str = "", **environment: str) -> bytes:
        return system_key(setting, self.state, environment)

    def problem(self, setting: str = "", **environment: str) -> str:
        return str(self.assertRaises(KeyProblem, self.key, setting, **environment))

    def test_one_is_made_and_stays(self) -> None:
        made = self.key()
        self.assertEqual((len(made), self.key()), (32, made))
        self.assertEqual((self.state / "secret").stat().st_mode & 0o777, 0o600)

    def test_it_may_lie_elsewhere(self) -> None:
        self.other.write_bytes(KEY)
        self.assertEqual(self.key("elsewhere/key"), KEY)
        self.assertEqual(self.key(str(self.other.absolute())), KEY)
        self.assertFalse((self.state / "secret").exists())

    def test_or_be_a_credential_of_systemd(self) -> None:
        folder = self.state / "credentials"
        folder.mkdir()
        made = self.key(CREDENTIALS_DIRECTORY=str(folder))  # none there: as ever
        (self.state / "secret").rename(folder / "mailsys-key")
        self.assertEqual(self.key(CREDENTIALS_DIRECTORY=str(folder)), made)
        self.assertFalse((self.state / "secret").exists())

    def test_none_is_made_where_one_is_asked_for(self) -> None:
        self.assertIn("no such file", self.problem("elsewhere/key"))

    def test_none_is_made_for_a_store_that_was_sealed_with_one(self) -> None:
        """It would lie there as if it were the right one, when that comes back elsewhere."""
        note_sealed(self.state, KEY)
        with self.assertRaises(KeyProblem):
            self.key()
        self.assertFalse((self.state / "secret").exists())

    def test_a_damaged_one_is_refused(self) -> None:
        (self.state / "secret").write_bytes(b"short")
        self.assertIn("damaged", self.problem())

    def test_another_than_the_store_was_sealed_with_is_refused(self) -> None:
        self.key()
        self.other.write_bytes(KEY)
        self.assertIn("another key", self.problem("elsewhere/key"))
        (self.state / "secret").unlink()
        self.assertFalse(is_sealed(self.state, KEY))
        note_sealed(self.state, KEY)
        self.assertTrue(is_sealed(self.state, KEY))
        self.assertIn("another key", str(self.assertRaises(KeyProblem, is_sealed, self.state, b"o" * 32)))


def everything_in(folder: Path) -> bytes:
    """Also what is left in pages that are free, and in the write-ahead log."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


class StoreTests(HouseTestCase):
    """A store on disk, as the assembly opens it."""

    timeout = 30

    async def test_an_old_store_is_sealed_when_it_is_opened_and_needs_its_key_from_then_on(self) -> None:
        state = Path(self.mktemp())
        settings = Settings(state=str(state), domain="example.org")
        store = open_store(settings.state, reactor, Events())
        made = await store.accounts.create_account("alice@example.org", "", make_credentials("secret"))
        await store.accounts.put_dkim_key(DkimKey("example.org", "s", "ed25519-sha256", b"plain key"))
        await store.close()

        async def accounts(administration: Any) -> Any:
            return await administration.perform(c.ListAccounts())

        await administer(settings, reactor, accounts)
        store = open_store(settings.state, reactor, Events())
        kept = await store.accounts.credentials(made.id)
        self.assertTrue(is_hidden(kept.argon2))
        await store.close()
        self.assertNotIn(b"$argon2id$", everything_in(state))

        key = (state / "secret").read_bytes()
        (state / "secret").write_bytes(b"o" * 32)
        found = await refusal(self, StoreProblem, administer(settings, reactor, accounts))
        self.assertIn("another key", str(found))
        (state / "secret").unlink()
        (state / "key").write_bytes(key)
        elsewhere = Settings(state=settings.state, domain="example.org", secrets=Secrets(key="key"))
        self.assertEqual(len(await administer(elsewhere, reactor, accounts)), 1)


class ResealTests(HouseTestCase):
    """Under a new key, with a crash at each secret on the way."""

    async def test_all_is_sealed_anew_whatever_comes_in_between(self) -> None:
        store, state = self.house.store, Path(self.mktemp())
        state.mkdir(parents=True)  # noqa: ASYNC240
        old, new = KEY, b"n" * 32
        made = make_credentials("secret")
        accounts = SealedAccounts(store.accounts, AtRest(old, os.urandom))
        await accounts.set_credentials(self.house.bob.id, made)
        (dkim, _) = generate_keys("example.com")
        await accounts.put_dkim_key(dkim)
        clock = self.house.clock

        def factor(key: bytes) -> SecondFactor:
            hidden = AtRest(key, os.urandom)
            return SecondFactor(store.objects, accounts, store.once, clock, os.urandom, "x", hidden)

        bob = self.house.bob
        begun = await factor(old).begin_totp(bob)
        codes = await factor(old).confirm_totp(bob.id, pyotp.TOTP(begun.secret).at(int(clock.seconds())))
        hook = AtRest(old, os.urandom).hide("whsec_x", f"webhook w1 of account {bob.id}")
        record = json.dumps({"url": "https://x.example/", "secret": hook, "events": [], "created": 1.0})
        await store.objects.write([ObjectChange(bob.id, "Webhook", "w1", record.encode())])
        await store.zones.create("example.com.", "x", 1.0)
        signer = keys_of_zones.make_key("example.com.", AtRest(old, os.urandom), 1.0)
        await store.zones.sign("example.com.", signer, "x", 1.0)
        note_sealed(state, old)

        crashes = 0
        while True:
            left = iter([os.urandom(12)] * (crashes + 1))  # the first one is for what nobody has
            with contextlib.suppress(StopIteration, RuntimeError):
                count = await reseal(
                    state, store.accounts, store.objects, (old, new), lambda n, left=left: next(left),
                    (second_factor.reseal, webhook_records.reseal),
                    (partial(keys_of_zones.reseal, store.zones),),
                )  # fmt: skip
                break
            crashes += 1
            for key in (old, new):
                self.assertIn("reseal", str(self.assertRaises(KeyProblem, is_sealed, state, key)))
        self.assertGreater(crashes, 10)
        self.assertGreaterEqual(count, 1 + 1 + 1 + 10 + 1)
        self.assertTrue(is_sealed(state, new))
        accounts = SealedAccounts(store.accounts, AtRest(new, os.urandom))
        self.assertEqual(await accounts.credentials(bob.id), made)
        self.assertEqual(list(await accounts.dkim_keys("example.com")), [dkim])
        zone = await store.zones.zone("example.com.")
        keys_of_zones.load_key("example.com.", zone.keys[0], AtRest(new, os.urandom))
        clock.advance(60)
        self.assertEqual(await factor(new).check(bob.id, codes[3]), "recovery")
        self.assertEqual(
            await factor(new).check(bob.id, pyotp.TOTP(begun.secret).at(int(clock.seconds()))), "totp"
        )
        ((stored),) = await store.objects.objects(bob.id, "Webhook")
        kept = json.loads(stored.value)["secret"]
        self.assertEqual(AtRest(new, os.urandom).show(kept, f"webhook w1 of account {bob.id}"), "whsec_x")
        for keys in ((old, new), (b"o" * 32, b"p" * 32)):
            with self.assertRaises(KeyProblem):
                await reseal(state, store.accounts, store.objects, keys, os.urandom, ())
