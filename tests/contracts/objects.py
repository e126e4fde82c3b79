"""IObjectStore: small documents of an account, written on conditions, and their change log."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import gatherResults

from mailsys.core.refusal import ObjectConflict, StateMismatch
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.objects import ObjectChange, ObjectsWritten
from tests.contracts.letters import letter
from tests.contracts.stage import Stage


class ObjectContract(Stage):
    def change(self, name: str, value: bytes | None = b"{}", remove: bool = False) -> ObjectChange:
        return ObjectChange(self.alice.id, "Identity", name, value, remove)

    async def write(self, *changes: ObjectChange, if_state: int | None = None) -> int:
        written: ObjectsWritten = await self.store.objects.write(changes, if_state)
        return written.modseq

    async def test_written_read_changed_and_removed(self) -> None:
        objects = self.store.objects
        first = await self.write(self.change("b", b'{"n":1}'), self.change("a", b'{"n":"\xc3\xa9"}'))
        found = await objects.objects(self.alice.id, "Identity")
        self.assertEqual(
            [(one.id, one.value, one.created_modseq, one.modseq) for one in found],
            [("b", b'{"n":1}', first, first), ("a", b'{"n":"\xc3\xa9"}', first, first)],
        )
        second = await self.write(self.change("b", b"[]"))
        (one,) = await objects.objects(self.alice.id, "Identity", ["missing", "b"])
        self.assertEqual((one.value, one.created_modseq, one.modseq), (b"[]", first, second))
        await objects.write([self.change("b", remove=True)])
        self.assertEqual(await objects.objects(self.alice.id, "Identity", ["b"]), [])
        self.assertEqual(await objects.objects(self.bob.id, "Identity"), [])
        self.assertEqual((await self.store.mail.states(self.alice.id))["Identity"], second + 1)

    async def test_changes_tell_it_all(self) -> None:
        objects = self.store.objects
        since = await self.write(self.change("old"), self.change("kept"), self.change("again"))
        await objects.write([self.change("new"), self.change("old", remove=True)])
        await objects.write([self.change("again", remove=True)])
        await objects.write([self.change("again"), self.change("kept", None)])
        found = await objects.changes(self.alice.id, "Identity", since, 100)
        self.assertEqual(
            (found.created, sorted(found.updated), found.destroyed), (("new",), ["again", "kept"], ("old",))
        )
        self.assertTrue(found.complete)

    async def test_touching_what_is_missing_does_nothing(self) -> None:
        before = await self.store.mail.modseq(self.alice.id)
        await self.store.objects.write([self.change("missing", None), self.change("missing", remove=True)])
        self.assertEqual(await self.store.mail.modseq(self.alice.id), before)

    async def test_listeners_hear_the_kind(self) -> None:
        await self.store.objects.write([self.change("a")])
        self.assertEqual(self.heard[-1].kinds, frozenset({"Identity"}))

    async def test_objects_come_with_a_message_in_one_commit(self) -> None:
        written = letter()
        await self.store.mail.accept(
            Acceptance(
                self.store.blobs.stage(written.content),
                written.facts,
                1.0,
                (Delivery(self.alice.id),),
                header=written.header,
                objects=(ObjectChange(self.alice.id, "EmailSubmission", "s", b"{}"),),
            )
        )
        ((owner, one),) = await self.store.objects.of_kind("EmailSubmission", 10)
        self.assertEqual((owner, one.id), (self.alice.id, "s"))
        self.assertEqual(len(self.heard), 1)
        self.assertEqual(self.heard[0].modseq, one.modseq)

    async def test_states_before_and_after_are_the_kinds_own(self) -> None:
        objects = self.store.objects
        first = await objects.write([self.change("a")])
        self.assertEqual((first.before, first.after), (0, first.modseq))
        await self.put(1)
        await objects.write([ObjectChange(self.alice.id, "Other", "x", b"{}")])
        second = await objects.write([self.change("b")])
        self.assertEqual((second.before, second.after), (first.modseq, second.modseq))
        third = await objects.write([self.change("missing", None)])
        self.assertEqual((third.before, third.after), (second.modseq, second.modseq))
        self.assertEqual(await objects.write([]), ObjectsWritten(0, 0, 0))

    async def test_what_stands_elsewhere_is_not_written_over(self) -> None:
        objects = self.store.objects
        first = await self.write(self.change("a"))
        modseq = await self.store.mail.modseq(self.alice.id)
        for wrong in (
            replace(self.change("a", b"[]"), if_modseq=first - 1),
            replace(self.change("a", b"[]"), if_modseq=0),
            replace(self.change("missing", b"[]"), if_modseq=first),
            replace(self.change("a", remove=True), if_modseq=first + 1),
        ):
            with self.assertRaises(ObjectConflict):
                await objects.write([self.change("other"), wrong])
        self.assertEqual(await self.store.mail.modseq(self.alice.id), modseq)
        self.assertEqual([one.id for one in await objects.objects(self.alice.id, "Identity")], ["a"])
        second = await self.write(replace(self.change("a", b"[]"), if_modseq=first))
        await self.write(replace(self.change("new"), if_modseq=0))
        with self.assertRaises(ObjectConflict):
            await self.write(replace(self.change("a", remove=True), if_modseq=first))
        await self.write(replace(self.change("a", remove=True), if_modseq=second))

    async def test_of_many_that_read_the_same_one_writes(self) -> None:
        first = await self.write(self.change("a", b"0"))
        change = replace(self.change("a", b"1"), if_modseq=first)
        outcomes = await gatherResults(
            [self.store.objects.write([change]).addErrback(lambda failure: failure.type) for _ in range(9)]
        )
        self.assertEqual(outcomes.count(ObjectConflict), 8)

    async def test_a_state_that_moved_on_refuses_all(self) -> None:
        first = await self.write(self.change("a"))
        await self.put(1)  # another kind's change is none of this one's
        second = await self.write(self.change("b"), if_state=first)
        with self.assertRaises(StateMismatch):
            await self.write(self.change("c"), if_state=first)
        self.assertEqual(await self.write(self.change("c"), if_state=second), second + 1)

    async def test_a_message_waits_for_its_objects_condition(self) -> None:
        (before,) = [await self.write(ObjectChange(self.alice.id, "EmailSubmission", "s", b"{}"))]
        taken = replace(ObjectChange(self.alice.id, "EmailSubmission", "s", b"[]"), if_modseq=0)
        with self.assertRaises(ObjectConflict):
            await self.store.mail.accept(self.acceptance(letter(), objects=(taken,)))
        self.assertEqual(await self.rows(), [])
        accepted = await self.store.mail.accept(
            self.acceptance(letter(), objects=(replace(taken, if_modseq=before),))
        )
        written = accepted.written
        self.assertEqual(
            (written.before, written.after), (before, await self.store.mail.modseq(self.alice.id))
        )
        await self.sound()
