"""IStrangers, and the verdicts that emails are kept with."""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from mailsys.core.trust.verdict import Action, Reason, Verdict
from mailsys.ports.ids import EmailId
from mailsys.ports.intake import Delivery
from mailsys.ports.patches import EmailPatch
from mailsys.ports.placements import KeywordChange
from mailsys.ports.strangers import HALF_LIFE, Patience, Standing
from tests.contracts.letters import letter
from tests.contracts.stage import Stage

FIRST = Reason("spf-fail", "example.net says: not from there.", 2.0, (("domain", "example.net"),))
VERDICT = Verdict(Action.JUNK, (FIRST, Reason("unsigned", "Nobody signed it: “Ü”.", 0.3)), (FIRST,), 2.3)
ORIGIN = ("network:192.0.2.0/24", "domain:example.net")
PATIENCE = Patience(delay=60.0, window=3600.0, keep=86400.0)


class StrangersContract(Stage):
    """`make` gives a store whose time is `time`."""

    async def setUp(self) -> None:
        self.time = 1_700_000_000.0
        await super().setUp()

    async def put(self, number: int = 1, verdict: Verdict | None = VERDICT) -> EmailId:
        delivery = Delivery(self.alice.id, verdict=verdict)
        acceptance = self.acceptance(letter(number), delivery, at=self.time, origin=ORIGIN)
        accepted = await self.store.mail.accept(acceptance)
        return EmailId(accepted.delivered[0].email)

    async def standing(self, key: str = ORIGIN[1]) -> Standing:
        found = await self.store.strangers.standings([key, "domain:unknown.example"])
        self.assertLessEqual(set(found), {key})
        standing: Standing = found.get(key, Standing())
        return standing

    async def say(self, email: EmailId, **change: str) -> None:
        await self.store.mail.set_keywords(self.alice.id, self.inbox, [email], KeywordChange(**change))

    # -- verdicts ------------------------------------------------------------------------------------

    async def test_a_verdict_stays_with_its_email(self) -> None:
        email, without = await self.put(), await self.put(2, None)
        found = await self.store.mail.verdicts(self.alice.id, [email, without, 999])
        self.assertEqual(found, {email: VERDICT})
        self.assertEqual(await self.store.mail.verdicts(self.bob.id, [email]), {})

    async def test_it_goes_with_its_email(self) -> None:
        email = await self.put()
        await self.store.mail.change_emails(self.alice.id, destroy=[email])
        self.assertEqual(await self.store.mail.verdicts(self.alice.id, [email]), {})
        self.assertEqual(await self.store.mail.integrity(), [])

    async def test_it_goes_with_its_account(self) -> None:
        await self.put()
        await self.store.accounts.remove_account(self.alice.id)
        await self.store.tidy()
        self.assertEqual(await self.store.mail.integrity(), [])

    # -- reputation ----------------------------------------------------------------------------------

    async def test_each_message_counts_once_for_all_that_it_comes_from(self) -> None:
        await self.put()
        await self.put(2)
        found = await self.store.strangers.standings(ORIGIN)
        self.assertEqual(found, dict.fromkeys(ORIGIN, Standing(taken=2.0)))

    async def test_what_people_say_counts_once_and_can_be_taken_back(self) -> None:
        email = await self.put()
        for _ in range(2):
            await self.say(email, add="$junk")
        self.assertEqual(await self.standing(), Standing(1.0, junk=1.0))
        await self.say(email, add="$notjunk", remove="$junk")
        self.assertEqual(await self.standing(), Standing(1.0, good=1.0))
        await self.say(email, remove="$notjunk")
        self.assertEqual(await self.standing(), Standing(1.0))

    async def test_a_move_into_junk_says_so(self) -> None:
        email = await self.put()
        junk = (await self.box("Junk")).id
        patch = EmailPatch(email, enter=(junk,), leave=(self.inbox,))
        await self.store.mail.change_emails(self.alice.id, [patch])
        self.assertEqual((await self.standing()).junk, 1.0)

    async def test_refusals_count(self) -> None:
        await gatherResults([self.store.strangers.refused(ORIGIN) for _ in range(3)])
        self.assertEqual(await self.standing(), Standing(refused=3.0))

    async def test_it_halves_in_time_and_is_forgotten(self) -> None:
        await self.store.strangers.refused(ORIGIN)
        self.time += HALF_LIFE
        self.assertAlmostEqual((await self.standing()).refused, 0.5)
        await self.store.strangers.refused(ORIGIN)
        self.assertAlmostEqual((await self.standing()).refused, 1.5)
        self.time += 7 * HALF_LIFE
        await self.store.tidy()
        self.assertEqual(await self.standing(), Standing())

    # -- greylisting ---------------------------------------------------------------------------------

    async def knock(self, *keys: str, origin: str = "host") -> float:
        wait: float = await self.store.strangers.knock(keys, origin, PATIENCE)
        return wait

    async def test_who_comes_back_in_time_is_let_in_and_known_from_then_on(self) -> None:
        self.assertEqual(await self.knock("a"), 60.0)
        self.time += 20.0
        self.assertEqual(await self.knock("a"), 40.0)
        self.time += 40.0
        self.assertEqual(await self.knock("a", "b"), 0.0)
        self.assertEqual(await self.knock("c"), 0.0)
        self.assertEqual(await self.knock("c", origin="another host"), 60.0)

    async def test_who_comes_back_too_late_begins_anew(self) -> None:
        await self.knock("a")
        self.time += 3601.0
        self.assertEqual(await self.knock("a"), 60.0)

    async def test_who_stays_away_is_a_stranger_again(self) -> None:
        await self.knock("a")
        self.time += 60.0
        await self.knock("a")
        for _ in range(3):  # each message makes it longer
            self.time += 80000.0
            self.assertEqual(await self.knock("z"), 0.0)
        self.time += 86401.0
        self.assertEqual(await self.knock("z"), 60.0)

    async def test_two_at_once_are_one_after_the_other(self) -> None:
        knocks = [self.store.strangers.knock(["a"], "host", PATIENCE) for _ in range(5)]
        self.assertEqual(await gatherResults(knocks), [60.0] * 5)
