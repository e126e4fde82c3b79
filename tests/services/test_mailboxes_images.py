"""Mailbox images: one in memory per mailbox, current by the change log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message.analysis import analyse
from mailsys.core.refusal import NoSuchMailbox, NotAllowed
from mailsys.ports.accounts import Credentials, Domain
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.placements import KeywordChange
from mailsys.services.mailboxes.account import AccountMailboxes, Mailboxes, check_path
from mailsys.services.mailboxes.image import LOG_UIDS, SPACING, Image
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store


class Watching:
    """A session; counts how often it was told."""

    def __init__(self) -> None:
        self.told = 0

    def image_changed(self) -> None:
        self.told += 1


class Held:
    """A mail store whose deltas come when the test says so, and are counted."""

    def __init__(self, mail: Any) -> None:
        self._mail = mail
        self.deltas = 0
        self.hold = False
        self.held: list[Any] = []
        self.fail: Exception | None = None
        self.forgetful = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mail, name)

    def delta(self, account: Any, mailbox: Any, since: int) -> Deferred[Any]:
        self.deltas += 1
        if self.fail is not None:
            problem, self.fail = self.fail, None
            raise problem
        if self.hold:
            waiting: Deferred[Any] = Deferred()
            self.held.append((waiting, account, mailbox, since))
            return waiting
        found = self._mail.delta(account, mailbox, since)
        if self.forgetful:
            found.addCallback(lambda delta: replace(delta, complete=False))
        return found

    def release(self) -> None:
        held, self.held = self.held, []
        for waiting, *arguments in held:
            self._mail.delta(*arguments).chainDeferred(waiting)


class ImageTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = Events()
        self.store = open_store(None, None, self.events)
        self.mail = Held(self.store.mail)
        accounts = self.store.accounts
        self.successResultOf(accounts.put_domain(Domain("example.com")))
        nobody = Credentials("", b"", 4096, b"", b"")
        self.alice = self.successResultOf(accounts.create_account("alice@example.com", "", nobody)).id
        self.mailboxes = Mailboxes(self.mail, self.events, self.clock)  # type: ignore[arg-type]

    def tearDown(self) -> None:
        self.successResultOf(self.store.close())

    def run_now(self, work: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def deliver(self, *places: Any, text: bytes = b"Subject: x\r\n\r\nx\r\n") -> int:
        """Gives the email's id."""
        facts = analyse(text)
        delivery = Delivery(self.alice, places or (Role.INBOX,))
        done = self.store.mail.accept(
            Acceptance(
                self.store.blobs.stage(text), facts, 0.0, (delivery,), header=text[: facts.header_size]
            )
        )
        return self.successResultOf(done).delivered[0].email

    def inbox(self) -> tuple[AccountMailboxes, Image]:
        boxes = self.mailboxes.hold(self.alice)
        mailbox = self.run_now(boxes.find("INBOX"))
        return boxes, self.run_now(boxes.open(mailbox.id))

    def change(self, image: Image, emails: list[int], change: KeywordChange) -> None:
        """By somebody else."""
        self.successResultOf(self.store.mail.set_keywords(self.alice, image.mailbox, emails, change))

    def truth(self, image: Image) -> None:
        """The image equals a snapshot read now."""
        snapshot = self.successResultOf(self.store.mail.snapshot(self.alice, image.mailbox))
        self.assertEqual(list(image.uids), list(snapshot.uids))
        self.assertEqual(list(image.emails), list(snapshot.emails))
        self.assertEqual(list(image.keywords), list(snapshot.keywords))
        self.assertEqual(list(image.modseqs), list(snapshot.modseqs))
        self.assertEqual(image.uid_next, snapshot.mailbox.uid_next)
        self.assertEqual(image.highest_modseq, snapshot.mailbox.modseq)


class Following(ImageTestCase):
    def test_all_kinds_of_changes_are_followed(self) -> None:
        emails = [self.deliver() for _ in range(5)]
        _, image = self.inbox()
        image.watch(Watching())
        mail = self.store.mail
        self.deliver()
        self.successResultOf(
            mail.set_keywords(self.alice, image.mailbox, emails[1:3], KeywordChange(add="$seen"))
        )
        self.successResultOf(mail.expunge(self.alice, image.mailbox, [1, 4], only_deleted=False))
        self.successResultOf(image.current())
        self.truth(image)

    def test_an_expunge_gives_new_arrays_and_leaves_the_old_ones_alone(self) -> None:
        for _ in range(3):
            self.deliver()
        _, image = self.inbox()
        before = image.uids
        self.successResultOf(self.store.mail.expunge(self.alice, image.mailbox, [2], only_deleted=False))
        self.successResultOf(image.current())
        self.assertEqual((list(before), list(image.uids)), ([1, 2, 3], [1, 3]))

    def test_an_arrival_grows_them_in_place(self) -> None:
        self.deliver()
        _, image = self.inbox()
        before = image.uids
        self.deliver()
        self.successResultOf(image.current())
        self.assertIs(before, image.uids)

    def test_changes_are_remembered_for_sessions_that_lag(self) -> None:
        emails = [self.deliver() for _ in range(4)]
        _, image = self.inbox()
        first = image.modseq
        for email in (emails[2], emails[0]):
            self.change(image, [email], KeywordChange(add="$seen"))
            self.successResultOf(image.current())
        self.assertEqual(image.changed_since(first), [1, 3])
        self.assertEqual(image.changed_since(image.modseq - 1), [1])
        self.assertEqual(image.changed_since(image.modseq), [])

    def test_what_was_forgotten_is_found_by_comparing_rows(self) -> None:
        emails = [self.deliver() for _ in range(3)]
        _, image = self.inbox()
        first = image.modseq
        self.successResultOf(
            self.store.mail.set_keywords(self.alice, image.mailbox, emails[:2], KeywordChange(add="$seen"))
        )
        self.successResultOf(image.current())
        image._remember(image.modseq, range(LOG_UIDS + 1))  # type: ignore[arg-type]
        self.assertEqual(image.changed_since(first), [1, 2])

    def test_a_change_log_that_does_not_reach_back_means_reading_anew(self) -> None:
        for _ in range(3):
            self.deliver()
        _, image = self.inbox()
        self.mail.forgetful = True
        self.successResultOf(self.store.mail.expunge(self.alice, image.mailbox, [2], only_deleted=False))
        self.deliver()
        self.successResultOf(image.current())
        self.truth(image)

    def test_a_deleted_mailbox_no_longer_exists(self) -> None:
        boxes = self.mailboxes.hold(self.alice)
        made = self.successResultOf(self.store.mail.create_mailbox(self.alice, "short"))
        image = self.run_now(boxes.open(made.id))
        watching = Watching()
        image.watch(watching)
        self.successResultOf(self.store.mail.delete_mailbox(self.alice, made.id))
        self.assertFalse(image.exists)
        self.assertEqual(watching.told, 1)
        self.failureResultOf(Deferred.fromCoroutine(boxes.open(made.id)), NoSuchMailbox)


class Reading(ImageTestCase):
    def test_many_commits_while_one_read_is_in_flight_cost_one_more(self) -> None:
        _, image = self.inbox()
        image.watch(Watching())
        self.mail.hold = True
        self.deliver()
        for _ in range(50):
            self.deliver()
        self.assertEqual(self.mail.deltas, 1)
        self.mail.hold = False
        self.mail.release()
        self.assertLessEqual(self.mail.deltas, 2)
        self.truth(image)

    def test_reads_that_nobody_waits_for_keep_a_distance(self) -> None:
        _, image = self.inbox()
        watching = Watching()
        image.watch(watching)
        for _ in range(20):
            self.deliver()
        self.assertEqual(self.mail.deltas, 1)
        self.clock.advance(SPACING)
        self.assertEqual(self.mail.deltas, 2)
        self.assertEqual(watching.told, 2)
        self.truth(image)

    def test_nobody_looks_nothing_is_read_until_somebody_does(self) -> None:
        boxes, image = self.inbox()
        for _ in range(3):
            self.deliver()
        self.assertEqual(self.mail.deltas, 0)
        again = self.run_now(boxes.open(image.mailbox))
        self.assertIs(again, image)
        self.truth(image)

    def test_other_mailboxes_wake_nobody(self) -> None:
        _, image = self.inbox()
        watching = Watching()
        image.watch(watching)
        self.deliver(Role.SENT)
        self.assertEqual((self.mail.deltas, watching.told), (0, 0))

    def test_a_failed_read_is_told_to_who_waits_and_tried_again_for_who_watches(self) -> None:
        _, image = self.inbox()
        watching = Watching()
        image.watch(watching)
        self.mail.fail = RuntimeError("disk")
        self.deliver()
        self.assertEqual(watching.told, 0)
        self.clock.advance(1.0)
        self.assertEqual(watching.told, 1)

    def test_a_failed_read_fails_the_one_who_asked(self) -> None:
        _, image = self.inbox()
        self.deliver()
        self.mail.fail = RuntimeError("disk")
        self.failureResultOf(image.current(), RuntimeError)
        self.successResultOf(image.current())
        self.truth(image)


class OwnChanges(ImageTestCase):
    def test_our_own_change_is_not_read_back(self) -> None:
        for _ in range(4):
            self.deliver()
        _, image = self.inbox()
        image.watch(Watching())
        done, only = self.run_now(image.set_keywords([0, 2], KeywordChange(add="$flagged")))
        self.assertTrue(only)
        self.assertEqual(len(done.changed), 2)
        self.assertEqual(self.mail.deltas, 0)
        self.truth(image)
        self.assertEqual(image.changed_since(done.modseq - 1), [1, 3])

    def test_each_way_of_changing_has_its_effect(self) -> None:
        for _ in range(2):
            self.deliver()
        _, image = self.inbox()
        for change in (
            KeywordChange(add="$flagged work"),
            KeywordChange(remove="work"),
            KeywordChange(replace="$seen zebra"),
            KeywordChange(add="a", remove="zebra"),
            KeywordChange(replace=""),
        ):
            self.run_now(image.set_keywords([0], change))
            self.truth(image)

    def test_somebody_elses_change_in_between_is_read(self) -> None:
        emails = [self.deliver() for _ in range(3)]
        _, image = self.inbox()
        self.successResultOf(
            self.store.mail.set_keywords(
                self.alice, image.mailbox, emails[2:], KeywordChange(add="$answered")
            )
        )
        _, only = self.run_now(image.set_keywords([0], KeywordChange(add="$flagged")))
        self.assertFalse(only)
        self.truth(image)

    def test_who_waits_while_our_change_is_worked_in_is_not_forgotten(self) -> None:
        self.deliver()
        _, image = self.inbox()
        real = self.store.mail.set_keywords
        waiting: list[Deferred[None]] = []

        def slow(*arguments: Any) -> Deferred[Any]:
            done = real(*arguments)  # its event comes first
            waiting.append(image.current())
            return done

        self.mail.set_keywords = slow  # type: ignore[attr-defined]
        self.run_now(image.set_keywords([0], KeywordChange(add="$flagged")))
        self.successResultOf(waiting[0])

    def test_what_a_read_in_flight_brings_is_not_taken_for_ours(self) -> None:
        emails = [self.deliver() for _ in range(2)]
        _, image = self.inbox()
        image.watch(Watching())
        self.mail.hold = True
        self.successResultOf(
            self.store.mail.set_keywords(
                self.alice, image.mailbox, emails[1:], KeywordChange(add="$answered")
            )
        )
        real = self.store.mail.set_keywords

        def slow(*arguments: Any) -> Deferred[Any]:
            self.mail.hold = False
            self.mail.release()  # the read that was in flight comes in while we write
            return real(*arguments)

        self.mail.set_keywords = slow  # type: ignore[attr-defined]
        _, only = self.run_now(image.set_keywords([0], KeywordChange(add="$flagged")))
        self.assertFalse(only)
        self.truth(image)

    def test_conflicts_are_left_alone(self) -> None:
        for _ in range(2):
            self.deliver()
        _, image = self.inbox()
        done, _ = self.run_now(
            image.set_keywords([0, 1], KeywordChange(add="$flagged"), unchanged_since=image.modseqs[0])
        )
        self.assertEqual((len(done.changed), len(done.conflicts)), (1, 1))
        self.truth(image)

    def test_keywords_are_what_the_commit_left_not_what_we_would_have_made_of_ours(self) -> None:
        emails = [self.deliver() for _ in range(2)]
        _, image = self.inbox()
        real = self.store.mail.set_keywords

        def beaten(*arguments: Any) -> Deferred[Any]:
            self.change(image, emails, KeywordChange(add="work", remove="$flagged"))
            return real(*arguments)

        self.mail.set_keywords = beaten  # type: ignore[attr-defined]
        _, only = self.run_now(image.set_keywords([0], KeywordChange(add="$flagged")))
        self.assertFalse(only)
        self.assertEqual(list(image.keywords), ["$flagged work", "work"])
        self.truth(image)

    def test_the_mark_deleted_is_of_the_placement(self) -> None:
        self.deliver(Role.INBOX, Role.ARCHIVE)
        boxes, image = self.inbox()
        archive = self.run_now(boxes.find("Archive"))
        other = self.run_now(boxes.open(archive.id))
        self.run_now(image.set_keywords([0], KeywordChange(add="$deleted work")))
        self.successResultOf(other.current())
        self.assertEqual((image.keywords, other.keywords), (["$deleted work"], ["work"]))
        self.truth(image)
        self.truth(other)


class OneMoment(ImageTestCase):
    """`since`: what happened, and arrays that agree with it."""

    def test_what_happened_since_and_the_arrays_end_at_the_same_commit(self) -> None:
        emails = [self.deliver() for _ in range(4)]
        _, image = self.inbox()
        first = image.modseq
        self.change(image, emails[:1], KeywordChange(add="$seen"))
        self.successResultOf(image.current())
        self.successResultOf(self.store.mail.expunge(self.alice, image.mailbox, [2], only_deleted=False))
        self.deliver()
        delta = self.run_now(image.since(first))
        self.assertEqual((delta.vanished, image.modseq), ((2,), delta.modseq))
        self.assertEqual(list(image.uids), [1, 3, 4, 5])
        self.assertEqual([image.uids[row] for row in image.rows_since(first)], [1, 5])
        self.clock.advance(0)
        self.truth(image)

    def test_nobody_changes_the_arrays_before_who_asked_has_looked(self) -> None:
        for _ in range(3):
            self.deliver()
        _, image = self.inbox()
        image.watch(Watching())
        seen: list[tuple[int, list[int]]] = []

        async def ask() -> None:
            delta = await image.since(0)
            seen.append((delta.modseq, list(image.uids)))

        self.mail.hold = True
        asking = Deferred.fromCoroutine(ask())
        self.successResultOf(self.store.mail.expunge(self.alice, image.mailbox, [1], only_deleted=False))
        waiting = image.current()  # for its own read, behind the other
        self.mail.hold = False
        self.mail.release()
        self.successResultOf(asking)
        self.assertEqual(seen, [(image.modseq, list(image.uids))])
        self.successResultOf(self.store.mail.expunge(self.alice, image.mailbox, [2], only_deleted=False))
        self.assertEqual(list(image.uids), seen[0][1])
        self.clock.advance(0)
        self.successResultOf(waiting)
        self.truth(image)

    def test_modseqs_beyond_our_own_are_nothing_new(self) -> None:
        self.deliver()
        _, image = self.inbox()
        delta = self.run_now(image.since(1_000_000))
        self.assertEqual((delta.added, delta.changed, delta.vanished), ((), (), ()))
        self.clock.advance(0)
        self.truth(image)

    def test_a_record_that_does_not_reach_back_means_reading_anew(self) -> None:
        for _ in range(3):
            self.deliver()
        _, image = self.inbox()
        self.mail.forgetful = True
        self.assertFalse(self.run_now(image.since(0)).complete)
        self.clock.advance(0)
        self.mail.forgetful = False
        self.truth(image)

    def test_a_mailbox_that_is_gone_has_no_moments(self) -> None:
        made = self.successResultOf(self.store.mail.create_mailbox(self.alice, "box"))
        boxes, _ = self.inbox()
        image = self.run_now(boxes.open(made.id))
        self.successResultOf(self.store.mail.delete_mailbox(self.alice, made.id))
        self.failureResultOf(Deferred.fromCoroutine(image.since(0)), NoSuchMailbox)

    def test_a_failed_read_leaves_the_way_free(self) -> None:
        self.deliver()
        _, image = self.inbox()
        self.mail.fail = RuntimeError("disk")
        self.failureResultOf(Deferred.fromCoroutine(image.since(0)), RuntimeError)
        self.clock.advance(0)
        self.deliver()
        self.successResultOf(image.current())
        self.truth(image)


class LostEvents(ImageTestCase):
    """Nobody tells us of what others did."""

    def setUp(self) -> None:
        super().setUp()
        self.deliver()
        self.boxes, self.image = self.inbox()
        self.boxes.close()  # no more events
        self.deliver()

    def test_a_commit_that_is_known_of_is_reached(self) -> None:
        self.successResultOf(self.image.reach(self.image.modseq + 1))
        self.assertEqual(list(self.image.uids), [1, 2])


class Unseen(ImageTestCase):
    def test_the_first_unseen_is_found_by_whole_words(self) -> None:
        for _ in range(3):
            self.deliver()
        _, image = self.inbox()
        self.run_now(image.set_keywords([0], KeywordChange(add="$seen")))
        self.run_now(image.set_keywords([1], KeywordChange(add="$seenbefore")))
        self.assertEqual(image.first_unseen(), 1)
        self.run_now(image.set_keywords([0, 1, 2], KeywordChange(add="$seen")))
        self.assertIsNone(image.first_unseen())


class Recent(ImageTestCase):
    def test_messages_are_recent_once(self) -> None:
        self.deliver()
        boxes, image = self.inbox()
        self.assertEqual(image.take_recent(), (1, 2))
        self.assertEqual(image.take_recent(), (2, 2))
        self.run_now(boxes.left(image))
        snapshot = self.successResultOf(self.store.mail.snapshot(self.alice, image.mailbox))
        self.assertEqual(snapshot.recent_uid, 2)


class Sharing(ImageTestCase):
    def test_sessions_of_one_account_share_tree_and_images(self) -> None:
        first, image = self.inbox()
        second, other = self.inbox()
        self.assertIs(first, second)
        self.assertIs(image, other)

    def test_two_who_open_at_once_read_once(self) -> None:
        boxes = self.mailboxes.hold(self.alice)
        mailbox = self.run_now(boxes.find("INBOX"))
        reading: Deferred[Any] = Deferred()
        real = self.store.mail.snapshot
        count = []

        def slow(*arguments: Any) -> Deferred[Any]:
            count.append(arguments)
            return reading.addCallback(lambda _: real(*arguments))

        self.mail.snapshot = slow  # type: ignore[attr-defined]
        one = Deferred.fromCoroutine(boxes.open(mailbox.id))
        two = Deferred.fromCoroutine(boxes.open(mailbox.id))
        reading.callback(None)
        self.assertIs(self.successResultOf(one), self.successResultOf(two))
        self.assertEqual(len(count), 1)

    def test_a_commit_between_the_reading_and_now_is_not_missed(self) -> None:
        boxes = self.mailboxes.hold(self.alice)
        mailbox = self.run_now(boxes.find("INBOX"))
        snapshot = self.successResultOf(self.store.mail.snapshot(self.alice, mailbox.id))
        self.deliver()
        self.mail.snapshot = lambda *_: succeed(snapshot)  # type: ignore[attr-defined]
        image = self.run_now(boxes.open(mailbox.id))
        self.truth(image)

    def test_what_was_left_is_kept_within_a_bound(self) -> None:
        self.mailboxes = Mailboxes(self.mail, self.events, self.clock, kept_rows=1500)  # type: ignore[arg-type]
        boxes, _ = self.inbox()
        self.mailboxes.release(boxes)
        again, _ = self.inbox()
        self.assertIs(again, boxes)
        self.mailboxes.release(again)
        nobody = Credentials("", b"", 4096, b"", b"")
        bob = self.successResultOf(self.store.accounts.create_account("bob@example.com", "", nobody))
        self.mailboxes.release(self.mailboxes.hold(bob.id))
        third = self.mailboxes.hold(self.alice)
        self.assertIsNot(third, boxes)

    def test_images_of_mailboxes_that_were_only_looked_at_are_few(self) -> None:
        boxes = self.mailboxes.hold(self.alice)
        for number in range(20):
            made = self.successResultOf(self.store.mail.create_mailbox(self.alice, f"box{number}"))
            image = self.run_now(boxes.open(made.id))
            self.run_now(boxes.left(image))
        self.assertLess(len(boxes.images), 10)


class Trees(ImageTestCase):
    def test_the_tree_is_read_again_after_a_change_to_it_only(self) -> None:
        boxes = self.mailboxes.hold(self.alice)
        tree = self.run_now(boxes.tree())
        self.deliver()
        self.assertIs(self.run_now(boxes.tree()), tree)
        self.successResultOf(self.store.mail.create_mailbox(self.alice, "new"))
        self.assertIsNotNone(self.run_now(boxes.tree()).find("new"))

    def test_the_inbox_is_found_in_any_case(self) -> None:
        boxes = self.mailboxes.hold(self.alice)
        for name in ("INBOX", "inbox", "InBox"):
            self.assertEqual(self.run_now(boxes.find(name)).role, Role.INBOX)
        self.failureResultOf(Deferred.fromCoroutine(boxes.find("archive")), NoSuchMailbox)


class Paths(SynchronousTestCase):
    def test_paths_are_made_canonical(self) -> None:
        self.assertEqual(check_path("Entwu\u0308rfe/"), "Entw\xfcrfe")
        self.assertEqual(check_path("inbox/x"), "INBOX/x")

    def test_paths_that_would_harm_are_refused(self) -> None:
        for path in (
            "",
            "/",
            "a//b",
            "/a",
            "a*",
            "a%b",
            "a\x07",
            "a\u2028b",
            "a\ud800",
            "n" * 256,
            "d/" * 40 + "d",
        ):
            self.assertRaises(NotAllowed, check_path, path)
