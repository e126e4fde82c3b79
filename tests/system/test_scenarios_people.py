"""Scenarios 2, 3, 5 and 17: mail among neighbours, and whom it makes one be suggested."""

from tests.system.local import wait_for
from tests.system.test_everyday import EverydayTestCase


class PeopleTests(EverydayTestCase):
    def test_to_oneself_it_is_there_at_once_and_waits_in_no_queue(self) -> None:
        sent = self.alice.send(["alice@local.test"], "note to myself")
        subjects = {}
        for role in ("sent", "inbox"):
            found = self.alice.call(
                "Email/get", ids=self.alice.emails(role), properties=["subject", "keywords"]
            )
            subjects[role] = {each["subject"]: "$seen" in each["keywords"] for each in found["list"]}
        self.assertTrue(subjects["sent"]["note to myself"] is False or sent)
        self.assertIn("note to myself", subjects["inbox"])
        self.assertFalse(subjects["inbox"]["note to myself"])
        stages = [step["stage"] for step in self.alice.timeline(sent)]
        self.assertIn("delivered", stages)
        self.assertNotIn("queued", stages)

    def test_a_neighbour_is_suggested_on_both_sides_also_after_time_to_undo(self) -> None:
        for undo, times in ((None, 1), (1, 2)):
            subject = f"undo {undo}"
            sent = self.bob.send(["carol@local.test"], subject, undo=undo)
            self.assertIn(sent, self.bob.emails("sent"))
            self.found(self.carol, subject)
            self.assertEqual(self.bob.suggested("car"), [("carol@local.test", times, 0)])
            wait_for(lambda: self.carol.suggested("bo"))
            self.assertEqual(self.carol.suggested("bo"), [("bob@local.test", 0, times)])

    def test_who_is_nobody_is_suggested_no_more_once_that_is_known(self) -> None:
        for undo in (None, 1):
            subject = f"to nobody, undo {undo}"
            sent = self.alice.send(["nobody@local.test"], subject, undo=undo)
            report = self.found(self.alice, f"[Not delivered] {subject}")
            states = self.alice.call("Email/get", ids=[sent, report], properties=["threadId", "keywords"])
            by_id = {each["id"]: each for each in states["list"]}
            self.assertEqual(by_id[sent]["threadId"], by_id[report]["threadId"])
            self.assertNotIn("$seen", by_id[report]["keywords"])
            self.assertEqual(self.alice.suggested("nobo"), [])

    def test_suggestions_are_ranked_bounded_and_take_letters_as_letters(self) -> None:
        people = [f"bo{n}@elsewhere.test" for n in range(8)]
        for n, address in enumerate(people):
            for k in range(n // 2 + 1):
                self.arrive(f"From: {address}\nSubject: from {address} {k}\n\nx\n", sender=address)
        self.found(self.alice, f"from {people[-1]} 3")
        for subject in ("once", "again"):
            self.alice.send(["bob@local.test", "BOB@local.test"], subject)
        found = self.alice.suggested("BO")
        self.assertEqual(found[0], ("bob@local.test", 2, 0))  # six points; the best of the others has four
        ranks = [3 * sent + received for _, sent, received in found]
        self.assertEqual(ranks, sorted(ranks, reverse=True))
        limited = self.alice.ask("GET", "/api/v1/suggestions?q=bo&limit=5").json["suggestions"]
        self.assertEqual([each["address"] for each in limited], [address for address, _, _ in found[:5]])
        for text in (".*", "bo%", "bo_", "(bo", "[", "\\", "bo?"):
            self.assertEqual(self.alice.suggested(text), [], text)
