"""Forwards leave with a sender of ours, and what bounces finds its way back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailsys.core.queue.report import Action, Reported
from mailsys.core.refusal import RelayDenied, UnknownRecipient
from tests.services.house import DOMAIN, START, HouseTestCase, refusal

EVE = "eve@remote.example"
DAY = int(START // 86400)


class SrsTests(HouseTestCase):
    async def forwarded(self, **given: Any) -> Any:
        await self.house.forward("fwd@example.com", "zoe@far.example")
        await self.house.receive("fwd@example.com", **given)
        return (await self.house.queued())["far.example"].item

    async def test_others_mail_leaves_with_a_sender_of_ours(self):
        item = await self.forwarded()
        self.assertTrue(item.sender.startswith("SRS0="))
        self.assertTrue(item.sender.endswith(f"=remote.example=eve@{DOMAIN}"))

    async def test_our_own_and_no_sender_stay(self):
        self.assertEqual((await self.forwarded(sender="carol@example.org")).sender, "carol@example.org")

    async def test_a_bounce_stays_one(self):
        self.assertEqual((await self.forwarded(sender="")).sender, "")

    async def test_a_bounce_goes_back_to_the_true_sender(self):
        sender = (await self.forwarded()).sender
        for spelled in (sender, sender.lower()):
            await self.house.receive(spelled, sender="")
        items = [q.item for q in await self.house.queue.items(10) if q.item.destination == "remote.example"]
        self.assertEqual([[r.address for r in item.recipients] for item in items], [[EVE], [EVE]])
        self.assertEqual([item.sender for item in items], ["", ""])

    async def test_nobody_is_relayed_for(self):
        good = (await self.forwarded()).sender
        forged = f"SRS0=aaaaaaaa=aa=victim.example=bob@{DOMAIN}"
        old = self.house.srs.forward(EVE, DAY - 30)
        foreign = "SRS0=aaaaaaaa=aa=victim.example=bob@elsewhere.example"
        self.assertEqual(
            (await refusal(self, UnknownRecipient, self.house.receive(forged, sender=""))).smtp[0], 550
        )
        await refusal(self, UnknownRecipient, self.house.receive(old, sender=""))
        await refusal(self, UnknownRecipient, self.house.receive(good, sender=EVE))  # no bounce
        self.assertEqual(len(await self.house.queue.items(10)), 1)
        await refusal(self, RelayDenied, self.house.receive(foreign, sender=""))

    async def test_a_catch_all_gets_none_of_it(self):
        domains = {d.name: d for d in await self.house.accounts.domains()}

        await self.house.accounts.put_domain(replace(domains[DOMAIN], catch_all=self.house.bob.id))
        await self.house.directory.refresh()
        forged = f"SRS0=aaaaaaaa=aa=victim.example=bob@{DOMAIN}"
        await refusal(self, UnknownRecipient, self.house.receive(forged, sender=""))
        self.assertEqual(await self.house.inbox(self.house.bob), [])

    async def test_our_own_report_goes_to_the_true_sender_at_once(self):
        item = await self.forwarded()
        reported = Reported("zoe@far.example", Action.FAILED, "550 5.1.1 nobody", "", "", START)
        made = await self.house.reception.intake.reporter.make_report(item, [reported], header=b"", now=START)
        (queued,) = made.queued
        self.assertEqual((queued.destination, queued.recipients[0].address), ("remote.example", EVE))
