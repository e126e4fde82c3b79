"""IAccountStore."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import gatherResults

from mailsys.core.refusal import MailboxExists, NotAllowed, ObjectConflict, UnknownRecipient
from mailsys.ports.accounts import AccountPatch, Address, AddressKind, DkimKey, Domain, KeyMove, KeyStage
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId
from mailsys.ports.intake import Delivery
from tests.contracts.letters import CREDENTIALS, letter
from tests.contracts.stage import Stage


class AccountContract(Stage):
    async def test_an_account_is_found_by_id_address_and_in_the_list(self) -> None:
        accounts = self.store.accounts
        self.assertEqual(await accounts.account(self.alice.id), self.alice)
        self.assertEqual(await accounts.account_named("alice@example.org"), self.alice)
        self.assertEqual(await accounts.accounts(), [self.alice, self.bob])
        self.assertIs(await accounts.account(AccountId(999)), None)
        self.assertIs(await accounts.account_named("nobody@example.org"), None)

    async def test_a_taken_address_is_refused(self) -> None:
        with self.assertRaises(MailboxExists):
            await self.store.accounts.create_account("alice@example.org", "Other", CREDENTIALS)

    async def test_an_alias_names_its_account_but_a_forward_does_not(self) -> None:
        accounts = self.store.accounts
        await accounts.put_address(Address("al@example.org", AddressKind.ALIAS, self.alice.id))
        await accounts.put_address(
            Address("all@example.org", AddressKind.FORWARD, self.alice.id, ("x@example.net", "y@example.net"))
        )
        self.assertEqual(await accounts.account_named("al@example.org"), self.alice)
        self.assertIs(await accounts.account_named("all@example.org"), None)

    async def test_addresses_come_back_as_they_were_put(self) -> None:
        accounts = self.store.accounts
        alias = Address("al@example.org", AddressKind.ALIAS, self.alice.id)
        forward = Address("team@example.org", AddressKind.FORWARD, None, ("x@example.net", "bob@example.org"))
        await accounts.put_address(alias)
        await accounts.put_address(forward)
        primary = Address("alice@example.org", AddressKind.PRIMARY, self.alice.id)
        self.assertEqual(await accounts.address("team@example.org"), forward)
        self.assertEqual(await accounts.addresses(self.alice.id), [alias, primary])
        self.assertEqual(len(await accounts.addresses()), 4)

    async def test_a_primary_address_is_never_replaced_nor_removed(self) -> None:
        accounts = self.store.accounts
        with self.assertRaises(MailboxExists):
            await accounts.put_address(Address("alice@example.org", AddressKind.ALIAS, self.bob.id))
        with self.assertRaises(NotAllowed):
            await accounts.remove_address("alice@example.org")

    async def test_an_alias_can_be_replaced_and_removed(self) -> None:
        accounts = self.store.accounts
        await accounts.put_address(Address("al@example.org", AddressKind.ALIAS, self.alice.id))
        await accounts.put_address(Address("al@example.org", AddressKind.ALIAS, self.bob.id))
        self.assertEqual(await accounts.account_named("al@example.org"), self.bob)
        await accounts.remove_address("al@example.org")
        self.assertIs(await accounts.address("al@example.org"), None)

    async def test_what_is_missing_is_refused(self) -> None:
        accounts = self.store.accounts
        with self.assertRaises(UnknownRecipient):
            await accounts.remove_address("nobody@example.org")
        with self.assertRaises(UnknownRecipient):
            await accounts.put_address(Address("al@example.org", AddressKind.ALIAS, AccountId(999)))
        with self.assertRaises(UnknownRecipient):
            await accounts.change_account(AccountId(999), AccountPatch(enabled=False))
        with self.assertRaises(UnknownRecipient):
            await accounts.remove_account(AccountId(999))

    async def test_an_account_is_updated(self) -> None:
        changed = replace(
            self.alice, name="A.", admin=True, enabled=False, quota=99, sends_per_hour=5, sends_per_day=7
        )
        patch = AccountPatch("A.", True, False, 99, 5, 7)
        self.assertEqual(await self.store.accounts.change_account(self.alice.id, patch), changed)
        self.assertEqual(await self.store.accounts.account(self.alice.id), changed)

    async def test_what_a_patch_leaves_out_stays_as_others_wrote_it(self) -> None:
        accounts = self.store.accounts
        await gatherResults(
            [
                accounts.change_account(self.alice.id, AccountPatch(enabled=False)),
                accounts.change_account(self.alice.id, AccountPatch(name="A.")),
                accounts.change_account(self.alice.id, AccountPatch()),
            ]
        )
        found = await accounts.account(self.alice.id)
        self.assertEqual((found.name, found.enabled, found.quota), ("A.", False, self.alice.quota))

    async def test_credentials_are_kept_and_changed(self) -> None:
        accounts = self.store.accounts
        self.assertEqual(await accounts.credentials(self.alice.id), CREDENTIALS)
        other = replace(CREDENTIALS, argon2="$other", scram_salt=b"\0\xff")
        await accounts.set_credentials(self.alice.id, other)
        self.assertEqual(await accounts.credentials(self.alice.id), other)
        self.assertIs(await accounts.credentials(AccountId(999)), None)

    async def test_credentials_are_replaced_only_while_they_are_those(self) -> None:
        accounts = self.store.accounts
        other, late = replace(CREDENTIALS, argon2="$other"), replace(CREDENTIALS, argon2="$late")
        await accounts.set_credentials(self.alice.id, other, replacing=CREDENTIALS)
        with self.assertRaises(ObjectConflict):
            await accounts.set_credentials(self.alice.id, late, replacing=CREDENTIALS)
        self.assertEqual(await accounts.credentials(self.alice.id), other)

    async def test_every_change_makes_the_version_grow(self) -> None:
        accounts = self.store.accounts
        seen = [await accounts.version()]
        for change in (
            lambda: accounts.put_domain(Domain("example.org")),
            lambda: accounts.put_address(Address("al@example.org", AddressKind.ALIAS, self.alice.id)),
            lambda: accounts.set_credentials(self.alice.id, CREDENTIALS),
            lambda: accounts.change_account(self.alice.id, AccountPatch()),
            lambda: accounts.put_dkim_key(DkimKey("example.org", "s", "ed25519-sha256", b"k")),
            lambda: accounts.remove_address("al@example.org"),
            lambda: accounts.remove_account(self.bob.id),
        ):
            await change()
            seen.append(await accounts.version())
        self.assertEqual(seen, sorted(set(seen)))

    async def test_mail_does_not_make_the_version_grow(self) -> None:
        before = await self.store.accounts.version()
        await self.put(1)
        self.assertEqual(await self.store.accounts.version(), before)

    async def test_domains_are_kept_and_replaced(self) -> None:
        accounts = self.store.accounts
        await accounts.put_domain(Domain("example.org"))
        await accounts.put_domain(Domain("example.org", self.alice.id, self.bob.id))
        await accounts.put_domain(Domain("a.example"))
        self.assertEqual(
            await accounts.domains(),
            [Domain("a.example"), Domain("example.org", self.alice.id, self.bob.id)],
        )

    async def test_a_domain_with_addresses_stays(self) -> None:
        accounts = self.store.accounts
        await accounts.put_domain(Domain("example.org"))
        await accounts.put_domain(Domain("a.example"))
        with self.assertRaises(NotAllowed):
            await accounts.remove_domain("example.org")
        await accounts.remove_domain("a.example")
        self.assertEqual(await accounts.domains(), [Domain("example.org")])

    async def test_dkim_keys_are_kept_by_domain(self) -> None:
        accounts = self.store.accounts
        keys = [
            DkimKey("example.org", "a", "rsa-sha256", b"pem"),
            DkimKey("example.org", "b", "ed25519-sha256", b"pem2", KeyStage.OLD, 5.0),
        ]
        for key in (*keys, DkimKey("a.example", "a", "rsa-sha256", b"x")):
            await accounts.put_dkim_key(key)
        self.assertEqual(list(await accounts.dkim_keys("example.org")), keys)

    async def test_dkim_keys_move_together_or_not_at_all(self) -> None:
        accounts = self.store.accounts
        for selector, stage in (("a", KeyStage.ACTIVE), ("b", KeyStage.NEW)):
            await accounts.put_dkim_key(DkimKey("example.org", selector, "rsa-sha256", b"pem", stage))
        moves = [
            KeyMove("b", KeyStage.NEW, KeyStage.ACTIVE),
            KeyMove("a", KeyStage.ACTIVE, KeyStage.OLD),
        ]
        before = await accounts.version()
        both = await gatherResults([accounts.move_dkim_keys("example.org", moves, 9.0) for _ in range(2)])
        self.assertEqual(both, [True, False])
        found = await accounts.dkim_keys("example.org")
        self.assertEqual([(k.stage, k.since) for k in found], [(KeyStage.OLD, 9.0), (KeyStage.ACTIVE, 9.0)])
        self.assertGreater(await accounts.version(), before)  # signers look again
        self.assertTrue(
            await accounts.move_dkim_keys("example.org", [KeyMove("a", KeyStage.OLD, None)], 10.0)
        )
        self.assertEqual([k.selector for k in await accounts.dkim_keys("example.org")], ["b"])

    async def test_removing_an_account_removes_all_that_was_its(self) -> None:
        accounts = self.store.accounts
        await accounts.put_domain(Domain("example.org", self.alice.id, self.alice.id))
        await accounts.put_address(Address("al@example.org", AddressKind.ALIAS, self.alice.id))
        shared = letter(1)
        mine, _ = await self.accept(
            shared, Delivery(self.alice.id, heard_from="b@example.net"), Delivery(self.bob.id)
        )
        alone = letter(2)
        await self.accept(alone)
        await accounts.remove_account(self.alice.id)
        await self.store.tidy()
        self.assertIs(await accounts.account(self.alice.id), None)
        self.assertEqual([a.address for a in await accounts.addresses()], ["bob@example.org"])
        self.assertEqual(await accounts.domains(), [Domain("example.org")])
        self.assertEqual(await self.store.mail.mailboxes(self.alice.id), [])
        self.assertEqual(await self.store.mail.fetch(self.alice.id, [mine.email], [Column.SIZE]), {})
        self.assertEqual(await self.store.mail.correspondents(self.alice.id, "b", 5), [])
        self.assertIs(await self.store.blobs.size(self.store.blobs.stage(alone.content).id), None)
        self.assertEqual(
            await self.store.blobs.read(self.store.blobs.stage(shared.content).id), shared.content
        )
        await self.sound()

    async def test_an_address_can_be_used_again_and_the_id_cannot(self) -> None:
        await self.store.accounts.remove_account(self.alice.id)
        again = await self.store.accounts.create_account("alice@example.org", "New", CREDENTIALS)
        self.assertGreater(again.id, self.bob.id)
        self.assertEqual((await self.box("INBOX", again.id)).total, 0)
