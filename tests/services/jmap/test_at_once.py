"""JMAP beside others who change the same mail: whatever is asked for is judged in the commit that does it.

Each trial is run once for every call of a port that the method makes, with the other's change before it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from mailsys.core.jmap import ids
from mailsys.ports.ids import MailboxId
from mailsys.ports.mailboxes import MailboxPatch, Role, TreeChange
from mailsys.ports.placements import KeywordChange
from mailsys.services.jmap.mail.snooze import SNOOZE
from mailsys.services.jmap.protocol.api import CORE, MAIL, Caller, Ports
from tests.services.jmap.between import Between, Port
from tests.services.jmap.post_rig import PostTestCase
from tests.services.jmap.rig import JmapTestCase, Json, message

Trial = Callable[[], Awaitable[bool]]


class AtOnceTestCase(JmapTestCase):
    between: Between

    def ports(self) -> Ports:
        self.between = Between()
        ports = super().ports()
        watched = {
            name: Port(getattr(ports, name), self.between) for name in ("mail", "objects", "queue", "blobs")
        }
        return replace(ports, **watched)  # type: ignore[arg-type]

    async def at_every_call(self, trial: Trial) -> int:
        """Run `trial` again and again, the other let in one call later each time, until it was not let in:
        how often it was. A trial says whether it was."""
        for at in range(1000):
            self.between.at = at
            if not await trial():
                return at
        raise AssertionError("there is no end to the calls")

    async def number(self, role: Role) -> MailboxId:
        return MailboxId(ids.mailbox_number(self.boxes[role]) or 0)

    async def uid(self, email: str, mailbox: MailboxId) -> int:
        snapshot = await self.store.mail.snapshot(self.alice.id, mailbox)
        assert snapshot is not None
        return snapshot.uids[list(snapshot.emails).index(int(email[1:]))]

    async def flag(self, email: str, keyword: str) -> None:
        """As IMAP's STORE +FLAGS."""
        inbox = await self.number(Role.INBOX)
        await self.store.mail.set_keywords(self.alice.id, inbox, [int(email[1:])], KeywordChange(add=keyword))

    async def store_keywords(self, email: str) -> set[str]:
        return set(await self.get(email, "keywords"))


class EmailTests(AtOnceTestCase):
    async def test_a_flag_beside_a_flag_of_imap(self) -> None:
        async def trial() -> bool:
            email = await self.deliver()
            self.between.let_in(lambda: self.flag(email, "$answered"))
            found = await self.call("Email/set", update={email: {"keywords/$flagged": True}})
            reached = self.between.stop()
            self.assertEqual(found["updated"], {email: None})
            if reached:
                self.assertEqual(await self.store_keywords(email), {"$answered", "$flagged"})
            return reached

        self.assertGreaterEqual(await self.at_every_call(trial), 1)

    async def test_a_label_beside_a_move(self) -> None:
        archive, trash = await self.number(Role.ARCHIVE), self.boxes[Role.TRASH]
        inbox = await self.number(Role.INBOX)

        async def trial() -> bool:
            email = await self.deliver()
            uid = await self.uid(email, inbox)
            self.between.let_in(lambda: self.store.mail.move(self.alice.id, inbox, [uid], archive))
            await self.call("Email/set", update={email: {f"mailboxIds/{trash}": True}})
            reached = self.between.stop()
            if reached:
                self.assertEqual(
                    await self.get(email, "mailboxIds"), {ids.mailbox_id(archive): True, trash: True}
                )
            return reached

        self.assertGreaterEqual(await self.at_every_call(trial), 1)

    async def test_no_state_hides_what_others_did(self) -> None:
        async def trial() -> bool:
            mine, other = await self.deliver(), await self.deliver(number=2, subject="Other")
            known = await self.state("Email")
            self.between.let_in(lambda: self.flag(other, "$answered"))
            draft = {"mailboxIds": {self.inbox: True}, "subject": "New"}
            found = await self.call(
                "Email/set",
                create={"a": draft, "b": draft},
                update={mine: {"keywords/$seen": True}, "#a": {"keywords/$seen": True}},
                destroy=["#b"],
            )
            reached = self.between.stop()
            state = found["newState"] if found["oldState"] == known else known
            changes = await self.call("Email/changes", sinceState=state)
            self.assertEqual(other in changes["updated"], reached, (self.between.at, found, changes))
            self.assertEqual((len(found["updated"]), len(found["destroyed"])), (2, 1))
            return reached

        self.assertGreaterEqual(await self.at_every_call(trial), 2)

    async def test_the_state_expected_is_judged_in_the_commit(self) -> None:
        async def trial() -> bool:
            email, other = await self.deliver(), await self.deliver(number=2, subject="Other")
            known = await self.state("Email")
            self.between.let_in(lambda: self.flag(other, "$answered"))
            kind, value = await self.answer(
                "Email/set", ifInState=known, update={email: {"keywords/$seen": True}}
            )
            reached = self.between.stop()
            seen = await self.store_keywords(email)
            if reached:
                self.assertEqual((kind, value["type"], seen), ("error", "stateMismatch", set()))
            else:
                self.assertEqual((value["oldState"], seen), (known, {"$seen"}))
            return reached

        self.assertGreaterEqual(await self.at_every_call(trial), 1)

    async def test_what_is_created_is_judged_by_it_as_well(self) -> None:
        other = await self.deliver()
        blob = await self.upload(message(number=3), "message/rfc822")
        new = {"mailboxIds": {self.inbox: True}}
        for name, arguments in (
            ("Email/set", {"create": {"n": new}}),
            ("Email/import", {"emails": {"n": {"blobId": blob, **new}}}),
        ):

            async def trial(name: str = name, arguments: Json = arguments) -> bool:
                known, count = await self.state("Email"), len((await self.call("Email/query"))["ids"])
                self.between.let_in(lambda: self.flag(other, f"{name[6:]}{self.between.at}"))
                kind, value = await self.answer(name, ifInState=known, **arguments)
                reached = self.between.stop()
                made = len((await self.call("Email/query"))["ids"]) - count
                if reached:
                    self.assertEqual((kind, value["type"], made), ("error", "stateMismatch", 0))
                else:
                    self.assertEqual((value["oldState"], made), (known, 1))
                return reached

            self.assertGreaterEqual(await self.at_every_call(trial), 2)

    async def test_what_is_left_when_the_state_is_over_is_told_so(self) -> None:
        """A second commit of one call, with another's change in between."""
        other = await self.deliver()
        told: list[str] = []

        async def trial() -> bool:
            known = await self.state("Email")
            self.between.let_in(lambda: self.flag(other, f"own{self.between.at}"))
            draft = {"mailboxIds": {self.inbox: True}, "subject": f"New {self.between.at}"}
            _, value = await self.answer(
                "Email/set", ifInState=known, create={"a": draft}, update={"#a": {"keywords/$seen": True}}
            )
            reached = self.between.stop()
            if value.get("created") and value["notUpdated"]:
                ((_, error),) = value["notUpdated"].items()
                told.append(error["type"])
                self.assertEqual(await self.store_keywords(value["created"]["a"]["id"]), set())
            if not reached:
                self.assertEqual((value["notUpdated"], value["newState"]), (None, await self.state("Email")))
            return reached

        await self.at_every_call(trial)
        self.assertEqual(set(told), {"stateMismatch"})

    async def test_a_mailbox_that_goes_meanwhile_is_named(self) -> None:
        async def trial() -> bool:
            made = await self.call("Mailbox/set", create={"b": {"name": f"Box {self.between.at}"}})
            box = made["created"]["b"]["id"]
            email = await self.deliver()
            gone = TreeChange(destroy=(MailboxId(int(box[1:])),), remove_emails=True)
            self.between.let_in(lambda: self.store.mail.change_tree(self.alice.id, gone))
            found = await self.call(
                "Email/set",
                create={"n": {"mailboxIds": {box: True}}, "m": {"mailboxIds": {self.inbox: True}}},
                update={email: {f"mailboxIds/{box}": True}},
            )
            reached = self.between.stop()
            self.assertIn("m", found["created"])
            if reached:
                error = found["notUpdated"][email]
                self.assertEqual((error["type"], error["properties"]), ("invalidProperties", ["mailboxIds"]))
                self.assertEqual(await self.get(email, "mailboxIds"), {self.inbox: True})
            return reached

        self.assertGreaterEqual(await self.at_every_call(trial), 1)

    async def test_two_change_how_one_email_waits(self) -> None:
        archive = self.boxes[Role.ARCHIVE]

        async def set_(email: str, **patch: Any) -> Json:
            arguments = {"accountId": self.account, "update": {email: patch}}
            found = await self.request(["Email/set", arguments, "c"], using=[CORE, MAIL, SNOOZE])
            value: Json = found["methodResponses"][0][1]
            self.assertEqual(value["notUpdated"], None)
            return value

        async def trial() -> bool:
            email = await self.deliver()
            await set_(email, snoozed={"until": "2026-01-01T08:00:00Z"})

            async def other() -> None:
                await set_(email, **{"snoozed/moveToMailboxId": archive})

            self.between.let_in(other)
            await set_(email, **{"snoozed/until": "2026-02-01T08:00:00Z"})
            reached = self.between.stop()
            (snooze,) = (await self.store.mail.snoozed(self.alice.id, [int(email[1:])])).values()
            self.assertEqual(snooze.until, 1769932800.0)
            if reached:
                self.assertEqual(snooze.target, await self.number(Role.ARCHIVE))
            return reached

        self.assertGreaterEqual(await self.at_every_call(trial), 2)

    async def test_two_snooze_the_first_email_ever(self) -> None:
        value = {"snoozed": {"until": "2026-01-01T08:00:00Z"}}

        async def set_(email: str) -> None:
            arguments = {"accountId": self.account, "update": {email: value}}
            found = await self.request(["Email/set", arguments, "c"], using=[CORE, MAIL, SNOOZE])
            self.assertEqual(list(found["methodResponses"][0][1]["updated"]), [email])

        async def trial() -> bool:
            one, two = await self.deliver(), await self.deliver(number=2, subject="Other")
            self.between.let_in(lambda: set_(two))
            await set_(one)
            reached = self.between.stop()
            rooms = [
                box for box in await self.store.mail.mailboxes(self.alice.id) if box.role is Role.SNOOZED
            ]
            self.assertEqual([box.total for box in rooms], [2 if reached else 1])
            gone = TreeChange(destroy=(rooms[0].id,), remove_emails=True)
            await self.store.mail.change_tree(self.alice.id, gone)
            return reached

        self.assertGreater(await self.at_every_call(trial), 3)


class MailboxTests(AtOnceTestCase):
    async def test_a_call_is_one_commit(self) -> None:
        made = await self.call("Mailbox/set", create={one: {"name": one} for one in ("a", "b", "c")})
        a, b, c = (made["created"][one]["id"] for one in "abc")
        self.between.calls.clear()
        found = await self.call(
            "Mailbox/set",
            create={"n": {"name": "c"}, "m": {"name": "m", "parentId": "#n"}},
            update={a: {"name": "b"}, b: {"name": "a", "parentId": "#n"}},
            destroy=[c],
        )
        self.assertEqual((len(found["created"]), len(found["updated"]), found["destroyed"]), (2, 2, [c]))
        self.assertEqual(self.between.calls.count("change_tree"), 1)

    async def test_another_property_is_changed_beside(self) -> None:
        async def trial() -> bool:
            made = await self.call("Mailbox/set", create={"b": {"name": f"Box {self.between.at}"}})
            box = made["created"]["b"]["id"]
            known = await self.state("Mailbox")
            patch = MailboxPatch(MailboxId(int(box[1:])), sort_order=5)
            self.between.let_in(
                lambda: self.store.mail.change_tree(self.alice.id, TreeChange(update=(patch,)))
            )
            found = await self.call("Mailbox/set", update={box: {"name": f"Case {self.between.at}"}})
            reached = self.between.stop()
            (after,) = (await self.call("Mailbox/get", ids=[box]))["list"]
            self.assertEqual(
                (after["name"], after["sortOrder"]), (f"Case {self.between.at}", 5 if reached else 0)
            )
            if reached:
                self.assertNotEqual(found["oldState"], known)
            return reached

        self.assertGreaterEqual(await self.at_every_call(trial), 1)

    async def test_the_state_expected_is_judged_in_the_commit(self) -> None:
        async def trial() -> bool:
            known = await self.state("Mailbox")
            name = f"Mine {self.between.at}"
            self.between.let_in(
                lambda: self.store.mail.create_mailbox(self.alice.id, f"Other {self.between.at}")
            )
            kind, value = await self.answer("Mailbox/set", ifInState=known, create={"n": {"name": name}})
            reached = self.between.stop()
            names = {box["name"] for box in (await self.call("Mailbox/get"))["list"]}
            if reached:
                self.assertEqual((kind, value["type"], name in names), ("error", "stateMismatch", False))
            else:
                self.assertEqual((value["oldState"], name in names), (known, True))
            return reached

        self.assertGreaterEqual(await self.at_every_call(trial), 1)


class SendingTests(PostTestCase, AtOnceTestCase):
    def sent(self, submission: str) -> Json:
        drafts, sent = self.boxes[Role.DRAFTS], self.boxes[Role.SENT]
        return {
            submission: {f"mailboxIds/{drafts}": None, f"mailboxIds/{sent}": True, "keywords/$draft": None}
        }

    async def set_submission(self, **arguments: Any) -> list[Any]:
        found = await self.request(["EmailSubmission/set", {"accountId": self.account, **arguments}, "c"])
        return [(name, value) for name, value, _ in found["methodResponses"]]

    async def test_who_has_it_to_send_has_it_as_sent(self) -> None:
        """After the commit that takes the message nothing more is written."""
        email = await self.draft("bob@example.com,far@y.example")
        self.between.fails_after = "accept"
        (_, value), (implied, changed) = await self.set_submission(
            create={"s": {"identityId": "I0", "emailId": email}}, onSuccessUpdateEmail=self.sent("#s")
        )
        self.assertTrue(self.between.failing)
        self.assertEqual(
            (list(value["created"]), implied, changed["updated"]), (["s"], "Email/set", {email: None})
        )
        self.assertEqual((len(await self.inbox_of(self.bob)), len(await self.items())), (1, 1))
        found = await self.get(email, "mailboxIds", "keywords")
        self.assertEqual(found["mailboxIds"], {self.boxes[Role.SENT]: True})
        self.assertEqual(found["keywords"], {"$seen": True})
        self.assertEqual(changed["newState"], await self.state("Email"))

    async def test_one_that_is_to_go_when_sent_goes_with_it(self) -> None:
        email = await self.draft()
        self.between.fails_after = "accept"
        (_, value), (_, changed) = await self.set_submission(
            create={"s": {"identityId": "I0", "emailId": email}}, onSuccessDestroyEmail=["#s"]
        )
        self.assertEqual((list(value["created"]), changed["destroyed"]), (["s"], [email]))
        self.assertEqual((await self.call("Email/get", ids=[email]))["notFound"], [email])

    async def test_a_receipt_marks_its_email_by_the_commit_that_takes_it(self) -> None:
        email = await self.deliver(message(more="Disposition-Notification-To: Eve <eve@remote.example>\n"))
        seen = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}
        arguments = {
            "accountId": self.account,
            "identityId": "I0",
            "send": {"k": {"forEmailId": email, "disposition": seen}},
        }
        for patch, done in (({"subject": "x"}, False), ({}, True)):
            arguments["onSuccessUpdateEmail"] = {"#k": {"keywords/$mdnsent": True, **patch}}
            self.between.fails_after = "accept"
            found = await self.request(["MDN/send", arguments, "c"])
            self.assertEqual("$mdnsent" in await self.get(email, "keywords"), done)
            if done:
                (_, sent, _), (implied, changed, _) = found["methodResponses"]
                self.assertEqual(list(sent["sent"]), ["k"])
                self.assertEqual((implied, changed["updated"]), ("Email/set", {email: None}))
                self.assertEqual(changed["newState"], await self.state("Email"))
        self.assertEqual(len(await self.items()), 1)

    async def test_what_is_taken_back_is_a_draft_again_with_it(self) -> None:
        email = await self.draft("far@y.example")
        envelope = {
            "mailFrom": {"email": "alice@example.com", "parameters": {"HOLDFOR": "60"}},
            "rcptTo": [{"email": "far@y.example", "parameters": None}],
        }
        made = await self.submit(email, envelope=envelope)
        self.between.fails_after = "withdraw"
        (_, value), (_, changed) = await self.set_submission(
            update={made["id"]: {"undoStatus": "canceled"}},
            onSuccessUpdateEmail={made["id"]: {"keywords/$flagged": True}},
        )
        self.assertTrue(self.between.failing)
        self.assertEqual((list(value["updated"]), changed["updated"]), ([made["id"]], {email: None}))
        self.assertIn("$flagged", await self.get(email, "keywords"))
        self.assertEqual(await self.items(), [])

    async def test_what_cannot_be_patched_is_sent_all_the_same(self) -> None:
        for patch, type_ in (
            ({"subject": "x"}, "invalidProperties"),
            ({"mailboxIds/F999": True}, "invalidProperties"),
        ):
            email = await self.draft("far@y.example")
            (_, value), (_, changed) = await self.set_submission(
                create={"s": {"identityId": "I0", "emailId": email}}, onSuccessUpdateEmail={"#s": patch}
            )
            self.assertEqual(list(value["created"]), ["s"])
            self.assertEqual((changed["updated"], changed["notUpdated"][email]["type"]), (None, type_))

    async def test_one_email_sent_twice_goes_at_last(self) -> None:
        email = await self.draft("far@y.example")
        value = {"identityId": "I0", "emailId": email}
        (_, answer), (_, changed) = await self.set_submission(
            create={"a": value, "b": value}, onSuccessDestroyEmail=["#a"]
        )
        self.assertEqual((set(answer["created"]), changed["destroyed"]), ({"a", "b"}, [email]))
        self.assertEqual(len(await self.items()), 2)

    async def test_a_sign_in_that_may_only_send_sends_nothing_that_lies_here(self) -> None:
        """To send it to oneself would be to read it."""
        email = await self.draft("far@y.example")
        value = {"identityId": "I0", "emailId": email}
        call = ["EmailSubmission/set", {"accountId": self.account, "create": {"s": value}}, "c"]
        found = await self.request(call, caller=Caller(self.alice, frozenset(("send",))))
        ((_, error, _),) = found["methodResponses"]
        self.assertEqual((error["type"], await self.items()), ("forbidden", []))

    async def test_a_sign_in_that_may_read_and_send_changes_no_email(self) -> None:
        email = await self.draft("far@y.example")
        found = await self.request(
            ["EmailSubmission/set", {"accountId": self.account,
                "create": {"s": {"identityId": "I0", "emailId": email}},
                "onSuccessUpdateEmail": self.sent("#s")}, "c"],
            caller=Caller(self.alice, frozenset(("send", "mail:read"))),
        )  # fmt: skip
        (_, sent, _), (_, error, _) = found["methodResponses"]
        self.assertEqual((list(sent["created"]), error["type"]), (["s"], "forbidden"))
        self.assertIn("$draft", await self.get(email, "keywords"))

    async def test_two_that_expect_the_same_state_send_once(self) -> None:
        async def trial() -> bool:
            email = await self.draft("far@y.example")
            known = await self.state("EmailSubmission")
            value = {"identityId": "I0", "emailId": email}
            answers: list[Any] = []

            async def other() -> None:
                answers.append(await self.set_submission(ifInState=known, create={"o": value}))

            items = len(await self.items())
            self.between.let_in(other)
            answers.append(await self.set_submission(ifInState=known, create={"s": value}))
            reached = self.between.stop()
            self.assertEqual(len(await self.items()) - items, 1, (self.between.at, answers))
            if reached:
                self.assertEqual(sum(one[0][0] == "error" for one in answers), 1)
            return reached

        self.assertGreater(await self.at_every_call(trial), 3)

    async def test_no_state_hides_what_others_did(self) -> None:
        """Of submissions and emails alike; two that are sent in one call."""

        async def trial() -> bool:
            one, two = await self.draft("far@y.example"), await self.draft("far@y.example")
            third = await self.draft("far@y.example")
            emails, submissions = await self.state("Email"), await self.state("EmailSubmission")
            made: list[str] = []

            async def other() -> None:
                made.append((await self.submit(third))["id"])
                await self.flag_draft(third)

            self.between.let_in(other)
            (_, value), (_, changed) = await self.set_submission(
                create={"a": {"identityId": "I0", "emailId": one}, "b": {"identityId": "I0", "emailId": two}},
                onSuccessUpdateEmail={**self.sent("#a"), **self.sent("#b")},
            )
            reached = self.between.stop()
            self.assertEqual((len(value["created"]), len(changed["updated"])), (2, 2))
            for kind, answer, known, expected in (
                ("EmailSubmission", value, submissions, made),
                ("Email", changed, emails, [third] if reached else []),
            ):
                state = answer["newState"] if answer["oldState"] == known else known
                told = await self.call(f"{kind}/changes", sinceState=state)
                self.assertLessEqual(
                    set(expected), {*told["created"], *told["updated"]}, (self.between.at, kind)
                )
            return reached

        self.assertGreater(await self.at_every_call(trial), 5)

    async def flag_draft(self, email: str) -> None:
        drafts = await self.number(Role.DRAFTS)
        await self.store.mail.set_keywords(
            self.alice.id, drafts, [int(email[1:])], KeywordChange(add="$flagged")
        )
