"""IZoneStore."""

from __future__ import annotations

from dataclasses import replace

from mailsys.core.bad_field import Missing, Taken
from mailsys.core.dns.records import Record
from mailsys.core.refusal import NotAllowed, StateMismatch
from mailsys.ports.zones import ZoneKey
from tests.contracts.stage import Stage

ZONE = "example.org."
WWW = Record("www.example.org.", "A", "192.0.2.1")
OTHER = Record("www.example.org.", "A", "192.0.2.2")
MX = Record(ZONE, "MX", "10 mail.example.org.")


class ZoneContract(Stage):
    async def setUp(self) -> None:
        await super().setUp()
        self.zones = self.store.zones
        self.zone = await self.zones.create(ZONE, "root", 1000.0)

    async def test_a_zone_is_made_once(self) -> None:
        with self.assertRaises(Taken):
            await self.zones.create(ZONE, "root", 1001.0)
        self.assertEqual(await self.zones.zones(), [(ZONE, self.zone.serial)])
        self.assertEqual(await self.zones.zone(ZONE), self.zone)
        self.assertIs(await self.zones.zone("other.org."), None)

    async def test_what_is_written_is_read_with_a_later_serial(self) -> None:
        done = await self.zones.change(ZONE, [WWW, OTHER], [], "alice@example.org", 1005.0)
        self.assertEqual(done, await self.zones.zone(ZONE))
        self.assertEqual((done.own, done.changed), ((WWW, OTHER), 1005.0))
        self.assertGreater(done.serial, self.zone.serial)
        self.assertEqual(done.serial, 1005)  # a time, where it can be
        again = await self.zones.change(ZONE, [], [WWW], "alice@example.org", 1005.0)
        self.assertEqual((again.own, again.serial), ((OTHER,), 1006))

    async def test_what_is_so_already_changes_nothing(self) -> None:
        done = await self.zones.change(ZONE, [WWW], [], "x", 1005.0)
        self.assertEqual(await self.zones.change(ZONE, [WWW], [], "x", 2000.0), done)
        self.assertEqual(len(await self.zones.history(ZONE, 10)), 2)

    async def test_another_ttl_takes_the_place_of_the_first(self) -> None:
        await self.zones.change(ZONE, [WWW], [], "x", 1005.0)
        short = Record(WWW.name, "A", WWW.value, 60)
        done = await self.zones.change(ZONE, [short], [], "x", 1006.0)
        self.assertEqual(done.own, (short,))
        (last, *_) = await self.zones.history(ZONE, 10)
        self.assertEqual((last.added, last.removed), ((short,), (WWW,)))

    async def test_a_change_is_judged_by_what_stands_in_the_commit(self) -> None:
        done = await self.zones.change(ZONE, [WWW], [], "x", 1005.0, if_serial=self.zone.serial)
        with self.assertRaises(StateMismatch):
            await self.zones.change(ZONE, [OTHER], [], "y", 1006.0, if_serial=self.zone.serial)
        with self.assertRaises(Missing):
            await self.zones.change(ZONE, [MX], [OTHER], "y", 1006.0)
        with self.assertRaises(NotAllowed):
            await self.zones.change(ZONE, [Record(WWW.name, "CNAME", "a.test.")], [], "y", 1006.0)
        with self.assertRaises(Missing):
            await self.zones.change("other.org.", [WWW], [], "y", 1006.0)
        self.assertEqual(await self.zones.zone(ZONE), done)

    async def test_two_at_once_cannot_make_what_neither_may(self) -> None:
        one = self.zones.change(ZONE, [WWW], [], "x", 1005.0)
        two = self.zones.change(ZONE, [Record(WWW.name, "CNAME", "a.test.")], [], "y", 1005.0)
        await one
        with self.assertRaises(NotAllowed):
            await two

    async def test_derived_records_stand_beside_those_that_people_wrote(self) -> None:
        await self.zones.change(ZONE, [WWW], [], "x", 1005.0)
        done = await self.zones.derive(ZONE, [MX], 1006.0)
        self.assertEqual((done.own, done.derived), ((WWW,), (MX,)))
        self.assertEqual(await self.zones.derive(ZONE, [MX], 2000.0), done)
        with self.assertRaises(Missing):  # they are not people's to remove
            await self.zones.change(ZONE, [], [MX], "x", 2000.0)
        made = await self.zones.derive("new.org.", [], 3000.0)
        self.assertEqual((made.name, made.serial), ("new.org.", 3000))

    async def test_history_is_newest_first(self) -> None:
        await self.zones.change(ZONE, [WWW], [], "alice@example.org", 1005.0)
        await self.zones.derive(ZONE, [MX], 1006.0)
        await self.zones.change(ZONE, [OTHER], [WWW], "bob@example.org", 1007.0)
        history = await self.zones.history(ZONE, 10)
        self.assertEqual(
            [each.by for each in history], ["bob@example.org", "settings", "alice@example.org", "root"]
        )
        self.assertEqual((history[0].added, history[0].removed), ((OTHER,), (WWW,)))
        self.assertEqual(history[-1].what, "created")
        self.assertEqual(await self.zones.history(ZONE, 1, before=history[0].serial), [history[1]])
        with self.assertRaises(Missing):
            await self.zones.history("other.org.", 10)

    async def test_signing_begins_and_ends_once(self) -> None:
        key = ZoneKey(b"public", b"sealed", 1010.0)
        done = await self.zones.sign(ZONE, key, "root", 1010.0)
        self.assertEqual(done.keys, (key,))
        self.assertEqual(await self.zones.sign(ZONE, ZoneKey(b"2", b"2", 1011.0), "root", 1011.0), done)
        sealed = replace(key, private=b"sealed anew")
        await self.zones.keep_keys(ZONE, [sealed])
        self.assertEqual(await self.zones.zone(ZONE), replace(done, keys=(sealed,)))
        for others in ([ZoneKey(b"2", b"2", 1011.0)], [], [sealed, sealed]):
            with self.assertRaises(StateMismatch):
                await self.zones.keep_keys(ZONE, others)
        await self.zones.keep_keys(ZONE, [key])
        renewed = await self.zones.renew(ZONE, 5000.0)
        self.assertEqual((renewed.keys, renewed.serial), ((key,), 5000))
        ended = await self.zones.sign(ZONE, None, "root", 5001.0)
        self.assertEqual(ended.keys, ())
        self.assertEqual([each.what for each in await self.zones.history(ZONE, 2)], ["unsigned", "signed"])

    async def test_a_zone_that_is_made_again_has_a_later_serial(self) -> None:
        last = await self.zones.change(ZONE, [WWW], [], "x", 9000.0)
        with self.assertRaises(StateMismatch):
            await self.zones.remove(ZONE, if_serial=last.serial - 1)
        await self.zones.remove(ZONE, if_serial=last.serial)
        self.assertIs(await self.zones.zone(ZONE), None)
        with self.assertRaises(Missing):
            await self.zones.remove(ZONE)
        again = await self.zones.create(ZONE, "root", 1000.0)
        self.assertGreater(again.serial, last.serial)
        self.assertEqual((again.own, len(await self.zones.history(ZONE, 10))), ((), 1))
