"""DKIM keys with an overlap: made, seen in DNS, used, retired."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from mailsys.core.refusal import MailboxExists, NotAllowed
from mailsys.ports.accounts import DkimKey, Domain
from mailsys.services.dns.records import public_part, records
from mailsys.services.operating.key_rotation import KeyRotation
from mailsys.services.sending.sign import generate_keys
from mailsys.settings import Keys
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store
from tests.peers.zone import Zone

DAY = 86400.0
START = 1_764_000_000.0


async def make(domain: str, selector: str) -> list[DkimKey]:
    return generate_keys(domain, selector)


class RotationTests(TestCase):
    async def opened(self, **settings: Any) -> KeyRotation:
        self.time = START
        self.zone = Zone({})
        store = open_store(None, None, Events(), now=lambda: self.time)
        self.addCleanup(store.close)
        self.accounts: Any = store.accounts
        await self.accounts.put_domain(Domain("x.example"))
        rotation = KeyRotation(self.accounts, make, lambda: self.time, Keys(**settings))
        await rotation.first("x.example")
        return rotation

    async def stages(self) -> dict[str, str]:
        return {key.selector: key.stage.value for key in await self.accounts.dkim_keys("x.example")}

    async def publish(self, *selectors: str, wrong: bool = False) -> None:
        for key in await self.accounts.dkim_keys("x.example"):
            if key.selector in selectors:
                text = public_part(key).replace("p=", "p=A" if wrong else "p=").encode()
                self.zone.records[f"{key.selector}._domainkey.x.example", "TXT"] = [text]

    async def test_new_keys_sign_once_both_are_seen_and_old_ones_go_later(self) -> None:
        rotation = await self.opened()
        await rotation.rotate("x.example")
        old, new = ["m1-ed25519", "m1-rsa"], ["m20251124-ed25519", "m20251124-rsa"]
        self.assertEqual(await self.stages(), dict.fromkeys(old, "active") | dict.fromkeys(new, "new"))
        published = records("x.example", "mx.x.example", await self.accounts.dkim_keys("x.example"))
        names = {each.name for each in published}
        self.assertLessEqual({f"{each}._domainkey.x.example." for each in old + new}, names)

        await rotation.look(self.zone)  # not there yet
        await self.publish(new[0])
        await rotation.look(self.zone)  # one of two
        await self.publish(new[1], wrong=True)
        await rotation.look(self.zone)
        self.zone.records[f"{new[1]}._domainkey.x.example", "TXT"] = "!"
        await rotation.look(self.zone)
        self.assertEqual((await self.stages())[new[0]], "new")
        await self.publish(new[1])
        await rotation.look(self.zone)
        self.assertEqual(await self.stages(), dict.fromkeys(old, "old") | dict.fromkeys(new, "active"))

        self.time += 7 * DAY - 1
        await rotation.look(self.zone)
        self.assertEqual(len(await self.stages()), 4)
        self.time += 1
        await rotation.look(self.zone)
        self.assertEqual(await self.stages(), dict.fromkeys(new, "active"))

    async def test_they_can_be_used_unseen_by_command(self) -> None:
        rotation = await self.opened()
        with self.assertRaises(NotAllowed):
            await rotation.activate("x.example")
        await rotation.rotate("x.example")
        with self.assertRaises(MailboxExists):
            await rotation.rotate("x.example")
        await rotation.activate("x.example")
        self.assertEqual(sorted((await self.stages()).values()), ["active", "active", "old", "old"])

    async def test_a_selector_is_used_once_even_on_one_day(self) -> None:
        rotation = await self.opened()
        for _ in range(2):
            await rotation.rotate("x.example")
            await rotation.activate("x.example")
        self.assertEqual(len(await self.stages()), 6)

    async def test_by_schedule(self) -> None:
        rotation = await self.opened(rotate_every=90 * DAY)
        self.time += 90 * DAY - 1
        await rotation.look(self.zone)
        self.assertEqual(len(await self.stages()), 2)
        self.time += 1
        for _ in range(2):
            await rotation.look(self.zone)
            self.assertEqual(sorted((await self.stages()).values()), ["active", "active", "new", "new"])
