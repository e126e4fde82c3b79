"""Where addresses lead."""

from mailsys.ports.accounts import AccountPatch, Domain
from mailsys.ports.queue_items import QueueRecipient
from mailsys.services.delivery.deliver import plan, resolve
from mailsys.services.delivery.directory import FORWARD_TARGETS, Route
from tests.services.house import HouseTestCase


class RouteTests(HouseTestCase):
    async def test_an_exact_address_leads_to_its_account(self):
        self.assertEqual(await self.route("bob@example.com"), Route((self.house.bob.id,), ()))

    async def test_case_does_not_matter(self):
        self.assertEqual(await self.route("BoB@eXample.COM"), Route((self.house.bob.id,), ()))

    async def test_a_domain_is_the_same_in_u_labels_and_a_labels(self):
        await self.house.alias("j\u00fcrgen@xn--bcher-kva.example", self.house.bob)
        for address in (
            "j\u00fcrgen@b\u00fccher.example",
            "J\u00dcRGEN@B\u00dcCHER.EXAMPLE",
            "ju\u0308rgen@xn--bcher-kva.example",
        ):
            self.assertEqual(await self.route(address), Route((self.house.bob.id,), ()))
        self.assertTrue(self.directory.is_local_domain("b\u00fccher.example"))

    async def test_an_alias_leads_to_its_account(self):
        await self.house.alias("sales@example.com", self.house.bob)
        self.assertEqual(await self.route("sales@example.com"), Route((self.house.bob.id,), ()))

    async def test_a_plus_tag_is_ignored(self):
        self.assertEqual(await self.route("bob+lists@example.com"), Route((self.house.bob.id,), ()))
        self.assertEqual(await self.route("bob+a+b@example.com"), Route((self.house.bob.id,), ()))

    async def test_an_exact_address_with_a_plus_goes_first(self):
        await self.house.alias("bob+news@example.com", self.house.alice)
        self.assertEqual(await self.route("bob+news@example.com"), Route((self.house.alice.id,), ()))

    async def test_unknown_addresses_lead_nowhere(self):
        for address in (
            "nobody@example.com",
            "+x@example.com",
            "bob@elsewhere.example",
            "bob",
            "",
            "@",
            "bob@",
            "x" * 5000,
        ):
            self.assertIsNone(await self.route(address))

    async def test_a_catch_all_takes_what_nobody_has(self):
        await self.house.accounts.put_domain(Domain("example.org", catch_all=self.house.carol.id))
        await self.directory.refresh()
        self.assertEqual(await self.route("anything@example.org"), Route((self.house.carol.id,), ()))
        self.assertIsNone(await self.route("anything@example.com"))

    async def test_a_new_address_works_at_once(self):
        self.assertIsNone(await self.route("new@example.com"))
        await self.house.alias("new@example.com", self.house.bob)
        self.assertIsNotNone(await self.route("new@example.com"))

    async def test_a_new_domain_works_at_once(self):
        self.assertIsNone(await self.route("bob@example.net"))
        await self.house.accounts.put_domain(Domain("example.net", catch_all=self.house.bob.id))
        self.assertIsNotNone(await self.route("bob@example.net"))

    async def test_a_removed_address_is_forgotten_when_the_version_is_looked_at(self):
        await self.house.alias("old@example.com", self.house.bob)
        self.assertIsNotNone(await self.route("old@example.com"))
        await self.house.accounts.remove_address("old@example.com")
        self.assertIsNotNone(self.directory.cached("old@example.com"))
        self.assertTrue(await self.directory.refresh())
        self.assertIsNone(self.directory.cached("old@example.com"))
        self.assertIsNone(await self.route("old@example.com"))

    async def test_the_version_is_looked_at_each_second(self):
        await self.house.alias("old@example.com", self.house.bob)
        await self.route("old@example.com")
        await self.house.accounts.remove_address("old@example.com")
        self.house.clock.advance(1.0)
        self.assertIsNone(self.directory.cached("old@example.com"))

    async def test_the_cache_answers_without_waiting_and_is_bounded(self):
        self.assertIsNone(self.directory.cached("bob@example.com"))
        await self.route("bob@example.com")
        self.assertEqual(self.directory.cached("bob@example.com"), Route((self.house.bob.id,), ()))
        small = self.house.new_directory(size=3)
        await small.start()
        for n in range(10):
            await small.route(f"bob+{n}@example.com")
        self.assertEqual(sum(small.cached(f"bob+{n}@example.com") is not None for n in range(10)), 3)
        small.stop()


class PostmasterTests(HouseTestCase):
    async def test_postmaster_and_abuse_reach_the_first_administrator(self):
        for address in ("postmaster@example.com", "Abuse@example.org", "PostMaster", "abuse+x@example.com"):
            self.assertEqual(await self.route(address), Route((self.house.alice.id,), ()))

    async def test_they_reach_whom_the_domain_names(self):
        await self.house.accounts.put_domain(Domain("example.org", postmaster=self.house.carol.id))
        await self.directory.refresh()
        self.assertEqual(await self.route("abuse@example.org"), Route((self.house.carol.id,), ()))

    async def test_they_do_not_fall_to_the_catch_all(self):
        await self.house.accounts.put_domain(Domain("example.org", catch_all=self.house.carol.id))
        await self.directory.refresh()
        self.assertEqual(await self.route("postmaster@example.org"), Route((self.house.alice.id,), ()))

    async def test_without_an_administrator_they_reach_the_first_account(self):
        await self.house.accounts.change_account(self.house.alice.id, AccountPatch(admin=False))
        self.assertEqual(await self.route("postmaster@example.com"), Route((self.house.alice.id,), ()))

    async def test_an_address_of_that_name_goes_first(self):
        await self.house.alias("abuse@example.com", self.house.bob)
        self.assertEqual(await self.route("abuse@example.com"), Route((self.house.bob.id,), ()))


class ForwardTests(HouseTestCase):
    async def test_a_forward_goes_elsewhere(self):
        await self.house.forward("fwd@example.com", "Eve@remote.example")
        self.assertEqual(await self.route("fwd@example.com"), Route((), ("Eve@remote.example",)))

    async def test_a_forward_to_ours_leads_to_accounts(self):
        await self.house.forward(
            "team@example.com", "bob@example.com", "carol+t@example.org", "bob+2@example.com"
        )
        self.assertEqual(
            await self.route("team@example.com"), Route((self.house.bob.id, self.house.carol.id), ())
        )

    async def test_a_forward_may_keep_a_copy(self):
        await self.house.forward("fwd@example.com", "eve@remote.example", keep=self.house.bob)
        self.assertEqual(
            await self.route("fwd@example.com"), Route((self.house.bob.id,), ("eve@remote.example",))
        )

    async def test_forwards_to_forwards_are_followed_and_loops_end(self):
        await self.house.forward("a@example.com", "b@example.com")
        await self.house.forward("b@example.com", "c@example.org", "bob@example.com")
        await self.house.forward("c@example.org", "a@example.com", "eve@remote.example")
        self.assertEqual(
            await self.route("a@example.com"), Route((self.house.bob.id,), ("eve@remote.example",))
        )

    async def test_a_forward_that_only_loops_is_unknown(self):
        await self.house.forward("a@example.com", "b@example.com")
        await self.house.forward("b@example.com", "a@example.com")
        self.assertIsNone(await self.route("a@example.com"))

    async def test_a_dead_target_does_not_harm_the_others(self):
        await self.house.forward("a@example.com", "nobody@example.com", "not an address", "bob@example.com")
        self.assertEqual(await self.route("a@example.com"), Route((self.house.bob.id,), ()))

    async def test_the_depth_of_forwards_is_bounded(self):
        for n in range(30):
            await self.house.forward(f"f{n}@example.com", f"f{n + 1}@example.com")
        await self.house.forward("f30@example.com", "eve@remote.example")
        self.assertIsNone(await self.route("f0@example.com"))
        self.assertIsNotNone(await self.route("f25@example.com"))

    async def test_the_number_of_targets_is_bounded(self):
        await self.house.forward(
            "a@example.com", *(f"x{n}@remote.example" for n in range(FORWARD_TARGETS + 50))
        )
        route = await self.route("a@example.com")
        self.assertLessEqual(len(route.forwards), FORWARD_TARGETS)


class ResolveTests(HouseTestCase):
    async def test_waiting_mail_is_resolved_anew_and_the_unknown_told_apart(self):
        await self.house.forward("fwd@example.com", "zoe@far.example")
        recipients = [QueueRecipient(f"{name}@example.com") for name in ("bob", "nobody", "fwd")]
        found, unknown = await resolve(self.directory, recipients)
        self.assertEqual([r.address for r in unknown], ["nobody@example.com"])
        made = plan(found, "eve@remote.example", self.directory.is_local_domain)
        self.assertEqual(made.accounts, {self.house.bob.id: "bob@example.com"})
        [(destination, onward)] = made.outgoing.items()
        self.assertEqual(destination, "far.example")
        self.assertEqual(onward["zoe@far.example"].original, "rfc822;fwd@example.com")


class OwnerTests(HouseTestCase):
    async def test_own_addresses_in_all_their_forms(self):
        await self.house.alias("sales@example.com", self.house.bob)
        await self.house.forward("away@example.com", "x@remote.example", keep=self.house.bob)
        for address in (
            "bob@example.com",
            "BOB+tag@Example.com",
            "sales@example.com",
            "sales+x@example.com",
            "away@example.com",
        ):
            self.assertTrue(await self.directory.owns(self.house.bob.id, address), address)

    async def test_not_what_is_anothers_or_nobodys(self):
        await self.house.forward("team@example.com", "bob@example.com", "alice@example.com")
        await self.house.forward("one@example.com", "bob@example.com")
        for address in (
            "alice@example.com",
            "nobody@example.com",
            "bob@remote.example",
            "team@example.com",
            "one@example.com",
            "postmaster@example.com",
            "",
            "bob",
        ):
            self.assertFalse(await self.directory.owns(self.house.bob.id, address), address)

    async def test_a_catch_all_owns_what_nobody_else_has(self):
        await self.house.accounts.put_domain(Domain("example.org", catch_all=self.house.bob.id))
        await self.directory.refresh()
        self.assertTrue(await self.directory.owns(self.house.bob.id, "anything@example.org"))
        self.assertFalse(await self.directory.owns(self.house.bob.id, "carol@example.org"))
