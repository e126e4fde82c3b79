"""Scenarios 10, 14 and 15: what belongs together, who is new to it, and lists of it."""

from typing import Any

from tests.system.test_everyday import EverydayTestCase


class ThreadTests(EverydayTestCase):
    def conversation(self, name: str, field: str) -> list[str]:
        """Five messages between two domains, which are tied by one field alone."""
        ids: list[str] = []
        for n in range(5):
            person = f"person@{('far', 'near')[n % 2]}.test"
            tie = ids if field == "References" else ids[-1:]
            ties = f"{field}: {' '.join(tie)}\n" if tie else ""
            ids.append(f"<{name}.{n}@{person.partition('@')[2]}>")
            subject = f"Re: {name}" if n else name
            about = f"From: {person}\nTo: alice@local.test\nSubject: {subject}\n"
            self.arrive(f"{about}Message-ID: {ids[-1]}\n{ties}\nAnswer {n}\n", sender=person)
        found = self.alice.call("Email/get", ids=self.alice.emails("inbox"), properties=["subject"])
        return [each["id"] for each in found["list"] if each["subject"].endswith(name)]

    def told(self, emails: list[str]) -> list[Any]:
        found = self.alice.call("Email/get", ids=emails, properties=["threadId", "isNewToThread", "from"])
        return list(found["list"])

    def text_of(self, words: str) -> str:
        (email,) = self.alice.emails("inbox", text=f'"{words}"')
        return email

    def test_five_across_two_domains_by_either_field_alone(self) -> None:
        for field in ("In-Reply-To", "References"):
            told = self.told(self.conversation(f"by.{field.lower()}", field))
            self.assertEqual(len(told), 5)
            self.assertEqual(len({each["threadId"] for each in told}), 1)
            new = [each["from"][0]["email"] for each in told if each["isNewToThread"]]
            self.assertEqual(new, ["person@near.test"])  # with his first message

    def test_a_stranger_is_kept_out_by_another_subject_and_marked_when_he_copies_it(self) -> None:
        (thread,) = {each["threadId"] for each in self.told(self.conversation("plan", "References"))}
        tie = "References: <plan.0@far.test>\nFrom: Eve <eve@elsewhere.test>\n"
        self.arrive(f"Subject: Cheap pills\nMessage-ID: <e1@elsewhere.test>\n{tie}\nBuy\n")
        self.arrive(f"Subject: Re: plan\nMessage-ID: <e2@elsewhere.test>\n{tie}\nPay here instead\n")
        other, copied = self.told([self.found(self.alice, "Cheap pills"), self.text_of("Pay here instead")])
        self.assertNotEqual(other["threadId"], thread)
        self.assertFalse(other["isNewToThread"])
        self.assertEqual((copied["threadId"], copied["isNewToThread"]), (thread, True))

    def test_who_quotes_a_neighbours_message_gets_into_his_own_conversation_only(self) -> None:
        sent = self.alice.send(["bob@local.test"], "between us")
        mine = self.alice.get(sent, "messageId", "threadId")
        self.carol.send(
            ["bob@local.test"], "Re: between us",
            inReplyTo=mine["messageId"], references=mine["messageId"],
        )  # fmt: skip
        first, copied = self.found(self.bob, "between us"), self.found(self.bob, "Re: between us")
        self.assertFalse(self.bob.get(first, "isNewToThread")["isNewToThread"])
        self.assertTrue(self.bob.get(copied, "isNewToThread")["isNewToThread"])
        (thread,) = self.alice.call("Thread/get", ids=[mine["threadId"]])["list"]
        self.assertEqual(thread["emailIds"], [sent])


class ListTests(EverydayTestCase):
    def listed(self, **place: Any) -> Any:
        return self.bob.call(
            "Email/query", filter={"inMailbox": self.bob.mailbox("archive")}, limit=10,
            collapseThreads=True, calculateTotal=True,
            sort=[{"property": "receivedAt", "isAscending": False}], **place,
        )  # fmt: skip

    def take_in(self, first: int, count: int, at: str) -> list[str]:
        box = self.bob.mailbox("archive")
        emails = {}
        for n in range(first, first + count):
            blob = self.bob.upload(f"Subject: one moment {n}\n\nx\n".replace("\n", "\r\n").encode())
            emails[str(n)] = {"blobId": blob, "mailboxIds": {box: True}, "receivedAt": at}
        return [each["id"] for each in self.bob.call("Email/import", emails=emails)["created"].values()]

    def test_an_empty_folder_then_pages_that_hold_each_once_while_mail_comes_in(self) -> None:
        empty = self.listed()
        self.assertEqual((empty["ids"], empty["total"]), ([], 0))
        made = self.take_in(0, 35, "2026-11-02T10:00:00Z")
        page = self.listed()
        seen = list(page["ids"])
        newer: list[str] = []
        while page["ids"]:
            newer += self.take_in(100 + len(newer), 1, "2026-11-03T10:00:00Z")  # above what is looked at
            page = self.listed(anchor=seen[-1], anchorOffset=1)
            seen += page["ids"]
        self.assertEqual(sorted(seen), sorted(made))
        self.assertEqual(len(seen), len(set(seen)))
        fresh = self.listed()
        self.assertEqual(fresh["total"], 35 + len(newer))
        self.assertEqual(set(fresh["ids"][: len(newer)]), set(newer))
