"""The property `snoozed` and its sort, beside what scripts/snooze.txt shows over HTTP."""

from __future__ import annotations

from typing import Any

from mailsys.ports.mailboxes import Role
from mailsys.services.jmap.mail.snooze import SNOOZE
from mailsys.services.jmap.protocol.api import CORE, MAIL
from tests.services.jmap.rig import JmapTestCase, Json

UNTIL = "2026-01-01T08:00:00Z"


class SnoozeTests(JmapTestCase):
    async def snooze_call(self, name: str, **arguments: Any) -> Json:
        arguments.setdefault("accountId", self.account)
        found = await self.request([name, arguments, "c"], using=[CORE, MAIL, SNOOZE])
        ((_, value, _),) = found["methodResponses"]
        return value  # type: ignore[no-any-return]

    async def put(self, **more: Any) -> str:
        value = {"mailboxIds": {self.inbox: True}, "subject": "Hello", **more}
        return (await self.call("Email/set", create={"e": value}))["created"]["e"]["id"]  # type: ignore[no-any-return]

    async def test_the_session_announces_it(self) -> None:
        session = await self.api.session(self.caller, "https://mail.example.com")
        self.assertIn(SNOOZE, session["capabilities"])

    async def test_without_the_capability_there_is_no_such_property_and_no_such_sort(self) -> None:
        email = await self.put()
        answer = await self.call("Email/set", update={email: {"snoozed": {"until": UNTIL}}})
        self.assertEqual(answer["notUpdated"][email]["properties"], ["snoozed"])
        _, error = await self.answer("Email/get", ids=[email], properties=["snoozed"])
        self.assertEqual(error["type"], "invalidArguments")
        sort = [{"property": "snoozedUntil", "mailboxId": self.inbox}]
        _, error = await self.answer("Email/query", sort=sort)
        self.assertEqual(error["type"], "unsupportedSort")
        _, error = await self.answer("Email/query", filter={"attachmentName": "x"})
        self.assertEqual(error["type"], "unsupportedFilter")

    async def test_a_mailbox_of_that_name_becomes_the_one(self) -> None:
        made = await self.call("Mailbox/set", create={"b": {"name": "Snoozed"}})
        email = await self.put()
        await self.snooze_call("Email/set", update={email: {"snoozed": {"until": UNTIL}}})
        (box,) = (await self.call("Mailbox/get", ids=[made["created"]["b"]["id"]]))["list"]
        self.assertEqual((box["role"], box["totalEmails"]), ("snoozed", 1))

    async def test_labels_stay(self) -> None:
        made = await self.call("Mailbox/set", create={"b": {"name": "Work"}})
        work = made["created"]["b"]["id"]
        email = await self.put(mailboxIds={self.inbox: True, work: True})
        await self.snooze_call("Email/set", update={email: {"snoozed": {"until": UNTIL}}})
        (box,) = (await self.call("Mailbox/query", filter={"role": "snoozed"}))["ids"]
        (found,) = (await self.call("Email/get", ids=[email], properties=["mailboxIds"]))["list"]
        self.assertEqual(found["mailboxIds"], {work: True, box: True})
        await self.snooze_call("Email/set", update={email: {"snoozed": None}})
        (found,) = (await self.call("Email/get", ids=[email], properties=["mailboxIds"]))["list"]
        self.assertEqual(found["mailboxIds"], {work: True, self.inbox: True})

    async def test_one_member_is_patched(self) -> None:
        email = await self.put()
        archive = self.boxes[Role.ARCHIVE]
        snoozed = {"until": UNTIL, "moveToMailboxId": archive}
        await self.snooze_call("Email/set", update={email: {"snoozed": snoozed}})
        later = "2026-02-01T08:00:00Z"
        answer = await self.snooze_call("Email/set", update={email: {"snoozed/until": later}})
        self.assertEqual(answer["updated"], {email: None})
        answer = await self.snooze_call("Email/get", ids=[email], properties=["snoozed"])
        shown = answer["list"][0]["snoozed"]
        self.assertEqual((shown["until"], shown["moveToMailboxId"]), (later, archive))

    async def test_what_came_back_stands_first_though_newer_mail_is_there(self) -> None:
        old = await self.put(receivedAt="2025-11-01T00:00:00Z")
        new = await self.put(receivedAt="2025-11-02T00:00:00Z", subject="Other")
        await self.snooze_call("Email/set", update={old: {"snoozed": {"until": "2025-11-24T00:00:00Z"}}})
        woken = await self.store.mail.wake(self.clock.seconds(), 10)
        self.assertEqual(woken.emails, 1)
        arguments: Json = {
            "filter": {"inMailbox": self.inbox},
            "sort": [{"property": "snoozedUntil", "mailboxId": self.inbox, "isAscending": False}],
            "collapseThreads": True,
        }
        self.assertEqual((await self.snooze_call("Email/query", **arguments))["ids"], [old, new])
        plain = {"filter": {"inMailbox": self.inbox}}
        self.assertEqual((await self.snooze_call("Email/query", **plain))["ids"], [new, old])
        answer = await self.snooze_call("Email/get", ids=[old], properties=["snoozed", "keywords"])
        self.assertEqual(answer["list"], [{"id": old, "snoozed": None, "keywords": {"$new": True}}])
