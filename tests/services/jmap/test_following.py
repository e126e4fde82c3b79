"""A client that follows lists by queryChanges, and mail by changes, ends with what the server has
(RFC 8620 §5.2, §5.6; RFC 8621 §4.5)."""

import random

from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import Role
from mailsys.ports.objects import ObjectChange
from mailsys.ports.placements import KeywordChange
from tests.services.jmap.rig import JmapTestCase

RECEIVED = [{"property": "receivedAt", "isAscending": False}]


class FollowingTests(JmapTestCase):
    def shapes(self):
        inbox = {"inMailbox": self.inbox}
        return [
            {},
            {"collapseThreads": True},
            {"filter": inbox, "sort": RECEIVED},
            {"filter": inbox, "sort": RECEIVED, "collapseThreads": True},
            {"filter": {**inbox, "notKeyword": "$seen"}, "sort": RECEIVED},
            {"filter": {"hasKeyword": "$flagged"}, "collapseThreads": True},
            {"filter": {"someInThreadHaveKeyword": "$flagged"}, "collapseThreads": True},
            {"filter": {"noneInThreadHaveKeyword": "$seen"}, "sort": [{"property": "subject"}]},
            {"sort": [{"property": "hasKeyword", "keyword": "$seen"}, *RECEIVED]},
            {"sort": [{"property": "someInThreadHaveKeyword", "keyword": "$seen"}, *RECEIVED]},
            {"filter": {"inMailboxOtherThan": [self.inbox]}},
            {"filter": {"operator": "NOT", "conditions": [inbox]}, "sort": [{"property": "size"}]},
            {"filter": {"subject": "three"}, "sort": RECEIVED},
        ]

    async def step(self, dice, emails):
        """Something happens to the account."""
        what = dice.random()
        if what < 0.4 or not emails:
            self.number += 1
            thread = dice.randrange(6)
            subject = ("one", "two", "three", "four", "five", "six")[thread]
            emails.append(
                await self.deliver(
                    number=1000 + self.number,
                    subject=subject,
                    more=f"References: <{thread}@example.net>\n",
                    body="x" * dice.randrange(200),
                    mailbox=dice.choice([self.inbox, self.boxes[Role.ARCHIVE]]),
                    at=1000.0 + dice.randrange(1000),
                )
            )
        elif what < 0.9:
            chosen = dice.sample(emails, min(len(emails), dice.randrange(1, 4)))
            patch = dice.choice(
                [
                    {"keywords/$seen": True},
                    {"keywords/$seen": None},
                    {"keywords/$flagged": True},
                    {"keywords/$flagged": None},
                    {"mailboxIds": {self.inbox: True}},
                    {"mailboxIds": {self.boxes[Role.ARCHIVE]: True}},
                    {"mailboxIds": {self.inbox: True, self.boxes[Role.ARCHIVE]: True}},
                ]
            )
            await self.call("Email/set", update=dict.fromkeys(chosen, patch))
        else:
            gone = emails.pop(dice.randrange(len(emails)))
            await self.call("Email/set", destroy=[gone])

    async def follow(self, shape, known):
        changes = await self.call("Email/queryChanges", **shape, sinceQueryState=known["queryState"])
        ids = [one for one in known["ids"] if one not in changes["removed"]]
        self.assertEqual(
            [one["index"] for one in changes["added"]], sorted(one["index"] for one in changes["added"])
        )
        for one in changes["added"]:
            ids.insert(one["index"], one["id"])
        now = await self.call("Email/query", **shape)
        self.assertEqual(ids, now["ids"], (shape, known, changes))
        self.assertEqual(changes["newQueryState"], now["queryState"])
        return now

    async def lists(self, seed):
        dice = random.Random(seed)
        emails = []
        self.number = 0
        for _ in range(12):
            await self.step(dice, emails)
        known = [await self.call("Email/query", **shape) for shape in self.shapes()]
        for _ in range(25):
            for _ in range(dice.randrange(1, 4)):
                await self.step(dice, emails)
            known = [await self.follow(shape, one) for shape, one in zip(self.shapes(), known, strict=True)]

    async def test_lists_are_followed(self):
        for seed in range(3):
            await self.lists(seed)

    async def test_emails_threads_and_counts_are_followed(self):
        dice = random.Random(7)
        self.number = 0
        emails = []
        kept = {"Email": {}, "Thread": {}, "Mailbox": {}}
        states = {kind: await self.state(kind) for kind in kept}
        kept["Mailbox"] = {one["id"]: one for one in (await self.call("Mailbox/get"))["list"]}
        for _ in range(30):
            for _ in range(dice.randrange(1, 4)):
                await self.step(dice, emails)
            for kind, objects in kept.items():
                properties = ["mailboxIds", "keywords", "threadId"] if kind == "Email" else None
                for _ in range(50):
                    changes = await self.call(f"{kind}/changes", sinceState=states[kind], maxChanges=2)
                    wanted = changes["created"] + changes["updated"]
                    for one in changes["created"]:
                        self.assertNotIn(one, objects)
                    for one in changes["destroyed"]:
                        del objects[one]
                    got = await self.call(f"{kind}/get", ids=wanted, properties=properties)
                    objects.update({one["id"]: one for one in got["list"]})
                    for one in got["notFound"]:
                        objects.pop(one, None)
                    states[kind] = changes["newState"]
                    if not changes["hasMoreChanges"]:
                        break
                now = await self.call(f"{kind}/get", ids=None, properties=properties)
                self.assertEqual(objects, {one["id"]: one for one in now["list"]}, kind)
                self.assertEqual(states[kind], now["state"])

    async def test_a_large_commit_is_told_to_its_end_whatever_comes_in_between(self):
        """In parts, while the account goes on: by mail, and by what is no mail but takes a modseq."""
        emails = [await self.deliver(number=n) for n in range(20)]
        other = await self.deliver(number=99)
        for between in ("nothing", "an object", "another email", "one of them", "all"):
            state = (await self.call("Email/get", ids=[]))["state"]
            numbers = [int(one[1:]) for one in emails]
            change = KeywordChange(add=between.replace(" ", "-"))
            inbox = MailboxId(int(self.inbox[1:]))
            if between in ("an object", "all"):  # the account's modseq is above the commit's from the start
                await self.write_object("before")
            await self.store.mail.set_keywords(self.alice.id, inbox, numbers, change)
            if between in ("an object", "all"):
                await self.write_object("after")
            told: set[str] = set()
            more, part = True, 0
            while more:
                changes = await self.call("Email/changes", sinceState=state, maxChanges=7)
                self.assertLessEqual(len(changes["updated"]), 7)
                told.update(changes["updated"])
                self.assertNotEqual(changes["newState"], state)
                state, more, part = changes["newState"], changes["hasMoreChanges"], part + 1
                if part > 3:
                    continue
                if between in ("an object", "all"):
                    await self.write_object(f"{part}")
                if between in ("another email", "all"):
                    patch = {other: {f"keywords/{between[:3]}{part}": True}}
                    await self.call("Email/set", update=patch)
                if between in ("one of them", "all"):
                    patch = {emails[-part]: {f"keywords/{between[:3]}{part}": True}}
                    await self.call("Email/set", update=patch)
            self.assertEqual(told - {other}, set(emails), between)
            self.assertEqual(state, (await self.call("Email/get", ids=[]))["state"])

    async def write_object(self, ident: str) -> None:
        await self.store.objects.write([ObjectChange(self.alice.id, "Thing", ident, b"{}")])
