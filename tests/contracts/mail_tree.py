"""IMailboxStore.change_tree: changes of the tree that are made together, in one commit."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import gatherResults

from mailsys.core.refusal import (
    MailboxExists,
    MailboxHasChildren,
    MailboxHasEmails,
    NoSuchMailbox,
    NotAllowed,
    RoleTaken,
    StateMismatch,
    TooManyMailboxes,
)
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import Mailbox, MailboxPatch, NewMailbox, Role, TreeChange, TreeChanged
from tests.contracts.stage import Stage


class TreeContract(Stage):
    async def change(self, *, if_state: int | None = None, **change: Any) -> TreeChanged:
        found: TreeChanged = await self.store.mail.change_tree(self.alice.id, TreeChange(**change), if_state)
        return found

    async def make_boxes(self, *paths: str) -> list[MailboxId]:
        return [(await self.store.mail.create_mailbox(self.alice.id, path)).id for path in paths]

    async def paths(self) -> dict[str, Mailbox]:
        return {box.path: box for box in await self.store.mail.mailboxes(self.alice.id)}

    async def state(self) -> int:
        found: int = (await self.store.mail.states(self.alice.id))["Mailbox"]
        return found

    def why(self, done: TreeChanged) -> dict[Any, type]:
        return {key: type(refusal) for key, refusal in done.refused.items()}

    async def test_created_as_it_was_asked_for(self) -> None:
        await self.store.mail.delete_mailbox(self.alice.id, (await self.box("Archive")).id)
        before = await self.state()
        done = await self.change(
            create=(
                NewMailbox("c", "Child", "p", subscribed=False),
                NewMailbox("p", "Parent", None, Role.ARCHIVE, 7),
            )
        )
        self.assertEqual((done.before, done.after), (before, before + 1))
        parent, child = done.created["p"], done.created["c"]
        self.assertEqual(
            (parent.path, parent.role, parent.sort_order, parent.subscribed),
            ("Parent", Role.ARCHIVE, 7, True),
        )
        self.assertEqual((child.path, child.parent, child.subscribed), ("Parent/Child", parent.id, False))
        self.assertEqual(await self.box("Parent/Child"), child)
        self.assertEqual(len(self.heard), 2)
        self.assertTrue(self.heard[-1].tree)
        await self.sound()

    async def test_creates_below_creates_in_any_order(self) -> None:
        done = await self.change(
            create=tuple(NewMailbox(f"k{n}", f"n{n}", f"k{n - 1}" if n else None) for n in reversed(range(9)))
        )
        self.assertEqual(len(done.created), 9)
        self.assertIn("/".join(f"n{n}" for n in range(9)), await self.paths())

    async def test_names_go_round(self) -> None:
        a, b, c = await self.make_boxes("A", "B", "C")
        done = await self.change(
            update=(MailboxPatch(a, "B"), MailboxPatch(b, "C"), MailboxPatch(c, "A", sort_order=3))
        )
        self.assertEqual(self.why(done), {})
        found = await self.paths()
        self.assertEqual([found[path].id for path in "ABC"], [c, a, b])
        self.assertEqual(done.updated[c], found["A"])
        await self.sound()

    async def test_roles_are_exchanged(self) -> None:
        archive, trash = await self.box("Archive"), await self.box("Trash")
        done = await self.change(
            update=(MailboxPatch(archive.id, role=Role.TRASH), MailboxPatch(trash.id, role=Role.ARCHIVE))
        )
        self.assertEqual(self.why(done), {})
        self.assertEqual((await self.box("Archive")).role, Role.TRASH)
        self.assertEqual((await self.box("Trash")).role, Role.ARCHIVE)
        await self.put(1, Role.TRASH)
        self.assertEqual((await self.box("Archive")).total, 1)

    async def test_parent_and_child_are_exchanged(self) -> None:
        a, b = await self.make_boxes("A", "A/B")
        done = await self.change(update=(MailboxPatch(a, parent=b), MailboxPatch(b, to_root=True)))
        self.assertEqual(self.why(done), {})
        self.assertEqual({(await self.paths())[path].id for path in ("B", "B/A")}, {a, b})

    async def test_a_parent_is_destroyed_with_its_children(self) -> None:
        a, b, c = await self.make_boxes("A", "A/B", "A/B/C")
        done = await self.change(destroy=(a, c, b))
        self.assertEqual((done.destroyed, done.refused), ((a, c, b), {}))
        since = await self.store.mail.mailboxes_changed(self.alice.id, done.before, 10)
        self.assertEqual(set(since.destroyed), {a, b, c})
        await self.sound()

    async def test_a_name_that_becomes_free_is_taken(self) -> None:
        (a,) = await self.make_boxes("A")
        done = await self.change(create=(NewMailbox("n", "A"),), destroy=(a,))
        self.assertEqual(self.why(done), {})
        self.assertEqual((await self.paths())["A"].id, done.created["n"].id)

    async def test_what_keeps_one_keeps_those_that_wanted_its_place(self) -> None:
        a, b = await self.make_boxes("A", "B")
        await self.put(1, a)
        done = await self.change(
            create=(NewMailbox("n", "A"), NewMailbox("below", "x", "n"), NewMailbox("other", "Other")),
            destroy=(a, b),
        )
        self.assertEqual(self.why(done), {a: MailboxHasEmails, "n": MailboxExists, "below": NotAllowed})
        taken = done.refused["n"]
        assert isinstance(taken, MailboxExists)
        self.assertEqual(taken.existing, a)
        self.assertEqual((set(done.created), done.destroyed), ({"other"}, (b,)))
        await self.sound()

    async def test_each_refusal_says_why(self) -> None:
        a, b, c = await self.make_boxes("A", "A/B", "C")
        his = (await self.box("INBOX", self.bob.id)).id
        done = await self.change(
            create=(
                NewMailbox("taken", "C"),
                NewMailbox("role", "New", role=Role.SENT),
                NewMailbox("orphan", "New", MailboxId(99999)),
                NewMailbox("keyless", "New", "nothing"),
                NewMailbox("inbox", "inbox"),
                NewMailbox("nameless", ""),
                NewMailbox("slash", "a/b"),
                NewMailbox("long", "x" * 2000),
            ),
            update=(
                MailboxPatch(a, parent=b),
                MailboxPatch(his, sort_order=1),
                MailboxPatch(self.inbox, "Mine"),
            ),
            destroy=(c, MailboxId(88888)),
        )
        self.assertEqual(
            self.why(done),
            {
                "role": RoleTaken,
                "orphan": NotAllowed,
                "keyless": NotAllowed,
                "inbox": MailboxExists,
                "nameless": NotAllowed,
                "slash": NotAllowed,
                "long": NotAllowed,
                a: NotAllowed,
                his: NoSuchMailbox,
                self.inbox: NotAllowed,
                88888: NoSuchMailbox,
            },
        )
        self.assertEqual(done.destroyed, (c,))
        done = await self.change(update=(MailboxPatch(self.inbox, clear_role=True),), destroy=(a, self.inbox))
        self.assertEqual(self.why(done), {self.inbox: NotAllowed, a: MailboxHasChildren})
        done = await self.change(destroy=(self.inbox,))
        self.assertEqual(self.why(done), {self.inbox: NotAllowed})

    async def test_of_two_that_want_the_same_the_earlier_gets_it(self) -> None:
        (a,) = await self.make_boxes("A")
        done = await self.change(
            create=(NewMailbox("one", "X"), NewMailbox("two", "X")), update=(MailboxPatch(a, "X"),)
        )
        self.assertEqual(self.why(done), {"two": MailboxExists, a: MailboxExists})

    async def test_levels_are_bounded(self) -> None:
        done = await self.change(
            create=tuple(NewMailbox(f"k{n}", "n", f"k{n - 1}" if n else None) for n in range(40)),
            most_deep=10,
        )
        self.assertEqual(len(done.created), 10)
        self.assertEqual(len(done.refused), 30)
        (a, _) = await self.make_boxes("A", "A/B")
        done = await self.change(update=(MailboxPatch(a, parent=done.created["k8"].id),), most_deep=10)
        self.assertEqual(self.why(done), {a: NotAllowed})  # itself just fits, what is below it does not

    async def test_emails_are_removed_when_asked_and_marked_ones_do_not_count(self) -> None:
        a, b = await self.make_boxes("A", "B")
        kept = await self.put(1, a)
        await self.put(2, a)
        marked = await self.put(3, b)
        await self.mark(marked, mailbox=b)
        await self.store.mail.copy(self.alice.id, a, [1], self.inbox)
        done = await self.change(destroy=(a, b))
        self.assertEqual((self.why(done), done.destroyed), ({a: MailboxHasEmails}, (b,)))
        done = await self.change(destroy=(a,), remove_emails=True)
        self.assertEqual(done.destroyed, (a,))
        self.assertEqual([row.email for row in await self.rows()], [kept])
        await self.sound()

    async def test_subscriptions_follow(self) -> None:
        a, b, c = await self.make_boxes("A", "A/B", "C")
        for path in ("A", "A/B", "C"):
            await self.store.mail.subscribe(self.alice.id, path, True)
        await self.change(update=(MailboxPatch(a, "C"), MailboxPatch(c, "A", subscribed=False)))
        found = await self.paths()
        self.assertEqual(
            [(path, found[path].id, found[path].subscribed) for path in ("A", "C", "C/B")],
            [("A", c, False), ("C", a, True), ("C/B", b, True)],
        )
        await self.change(destroy=(a, b))
        self.assertEqual(await self.store.mail.lost_subscriptions(self.alice.id), [])

    async def test_only_what_changed_is_told(self) -> None:
        a, b = await self.make_boxes("A", "B")
        before = await self.state()
        modseq = await self.store.mail.modseq(self.alice.id)
        done = await self.change(update=(MailboxPatch(a, "A", sort_order=0),))
        self.assertEqual((done.before, done.after, set(done.updated)), (before, before, {a}))
        self.assertEqual(await self.store.mail.modseq(self.alice.id), modseq)
        done = await self.change(update=(MailboxPatch(b, sort_order=5), MailboxPatch(a)))
        found = await self.store.mail.mailboxes_changed(self.alice.id, before, 10)
        self.assertEqual((found.updated, found.only_counts), ((b,), False))

    async def test_a_state_that_moved_on_refuses_all(self) -> None:
        (a,) = await self.make_boxes("A")
        state = await self.state()
        done = await self.change(update=(MailboxPatch(a, "B"),), if_state=state)
        with self.assertRaises(StateMismatch):
            await self.change(destroy=(a,), if_state=state)
        await self.put(1)  # counts are part of it
        with self.assertRaises(StateMismatch):
            await self.change(destroy=(a,), if_state=done.after)
        self.assertIn("B", await self.paths())

    async def test_two_callers_and_one_name(self) -> None:
        change = TreeChange(create=(NewMailbox("n", "Same"),))
        both = [self.store.mail.change_tree(self.alice.id, change) for _ in range(2)]
        both.append(
            self.store.mail.create_mailbox(self.alice.id, "Same").addErrback(lambda failure: failure.value)
        )
        one, other, third = await gatherResults(both)
        number = one.created["n"].id
        self.assertEqual((other.refused["n"].existing, third.existing), (number, number))
        self.assertEqual((other.before, other.after), (one.after, one.after))

    async def test_patches_of_different_properties_from_two_callers(self) -> None:
        (a,) = await self.make_boxes("A")
        await gatherResults(
            [
                self.store.mail.change_tree(self.alice.id, TreeChange(update=(patch,)))
                for patch in (MailboxPatch(a, "B"), MailboxPatch(a, sort_order=4), MailboxPatch(a, "C"))
            ]
        )
        self.assertEqual((await self.paths())["C"].sort_order, 4)

    async def test_many_mailboxes_and_many_changes_take_no_time(self) -> None:
        made: list[MailboxId] = []
        for start in range(0, 4400, 1100):
            done = await self.change(
                create=tuple(
                    NewMailbox(f"k{n}", f"n{n}", f"k{n - 1}" if n % 11 else None)
                    for n in range(start, start + 1100)
                )
            )
            made += [box.id for box in done.created.values()]
        self.assertEqual(len(made), 4400)
        started = time.process_time()
        done = await self.change(
            create=tuple(NewMailbox(f"x{n}", f"x{n}", f"x{n - 1}" if n % 9 else made[n]) for n in range(500)),
            update=tuple(MailboxPatch(box, f"m{n}") for n, box in enumerate(made[600:1100])),
        )
        self.assertEqual((len(done.created), len(done.updated), done.refused), (500, 500, {}))
        self.assertLess(time.process_time() - started, 2.0)  # some 0.15 s here
        # One account may have only so many: the first that fit are made.
        done = await self.change(create=tuple(NewMailbox(f"y{n}", f"y{n}") for n in range(700)))
        self.assertEqual(list(done.created), [f"y{n}" for n in range(len(done.created))])
        self.assertEqual(len(done.created) + len(done.refused), 700)
        self.assertEqual({type(each) for each in done.refused.values()}, {TooManyMailboxes})
        again = await self.change(create=(NewMailbox("z", "z"),))
        self.assertIsInstance(again.refused["z"], TooManyMailboxes)
