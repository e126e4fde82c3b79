"""The property `isNewToThread`: who takes part in a thread for the first time."""

from __future__ import annotations

from typing import Any

from mailsys.services.jmap.contacts.methods import register_contacts
from mailsys.services.jmap.mail.newcomers import NEWCOMERS
from mailsys.services.jmap.protocol.api import CORE, MAIL
from mailsys.services.people.contacts import Contacts
from tests.services.jmap.rig import START, JmapTestCase, message


class NewcomersTests(JmapTestCase):
    count = 0

    async def arrive(self, sender: str, more: str = "", **given: Any) -> str:
        """An email of the conversation that begins with the first one."""
        self.count += 1
        answers = "" if self.count == 1 else "References: <1@example.net>\n"
        subject = "Plan" if self.count == 1 else "Re: Plan"
        content = message(subject, sender=sender, more=answers + more, number=self.count)
        return await self.deliver(content, at=START + self.count, **given)

    async def new(self, *emails: str) -> list[bool]:
        arguments = {"accountId": self.account, "ids": emails, "properties": ["threadId", "isNewToThread"]}
        found = await self.request(["Email/get", arguments, "c"], using=[CORE, MAIL, NEWCOMERS])
        ((name, value, _),) = found["methodResponses"]
        self.assertEqual(name, "Email/get", value)
        self.assertEqual(len({each["threadId"] for each in value["list"]}), 1)
        marks = {each["id"]: each["isNewToThread"] for each in value["list"]}
        return [marks[each] for each in emails]

    async def test_a_stranger_is_marked_and_nobody_who_was_named_before(self) -> None:
        emails = [
            await self.arrive("Bob <bob@example.net>", more="Cc: Dan <DAN@Example.net>\n"),
            await self.arrive("alice@example.com"),
            await self.arrive("dan@example.NET"),
            await self.arrive('"bob@example.net" <eve@elsewhere.test>'),
            await self.arrive("eve@elsewhere.test"),  # was marked once
            await self.arrive("bob@example.net.elsewhere.test"),
        ]
        self.assertEqual(await self.new(*emails), [False, False, False, True, False, True])

    async def test_the_first_of_a_thread_is_new_to_nothing(self) -> None:
        self.assertEqual(await self.new(await self.arrive("eve@elsewhere.test")), [False])

    async def test_who_names_an_address_in_a_text_does_not_bring_it_in(self) -> None:
        first = await self.arrive('"\\"eve\\" \\"elsewhere.test\\"" <bob@example.net>')
        second = await self.arrive("eve@elsewhere.test")
        self.assertEqual(await self.new(first, second), [False, True])

    async def test_without_an_address_one_is_new(self) -> None:
        emails = [await self.arrive("bob@example.net"), await self.arrive("undisclosed")]
        self.assertEqual(await self.new(*emails), [False, True])

    async def test_whom_the_account_wrote_to_or_keeps_as_a_contact_is_not_new(self) -> None:
        first = await self.arrive("bob@example.net")
        await self.deliver(message("Other", number=99), sent_to=("carol@example.net",))
        carol = await self.arrive("Carol@example.net")
        dora = await self.arrive("dora@example.net")
        self.assertEqual(await self.new(first, carol, dora), [False, False, True])
        contacts = Contacts(
            self.store.mail, self.store.blobs, self.store.objects, self.api.ports.offload, self.clock.seconds
        )
        register_contacts(self.api, contacts)
        card = {"name": {"full": "Dora"}, "emails": {"e": {"address": "Dora@Example.net"}}}
        using = [CORE, MAIL, "urn:ietf:params:jmap:contacts"]
        arguments = {"accountId": self.account, "create": {"c": card}}
        made = await self.request(["ContactCard/set", arguments, "c"], using=using)
        self.assertIn("c", made["methodResponses"][0][1]["created"])
        self.assertEqual(await self.new(dora), [False])

    async def test_without_the_capability_there_is_no_such_property(self) -> None:
        email = await self.arrive("bob@example.net")
        await self.fails("invalidArguments", "Email/get", ids=[email], properties=["isNewToThread"])
        session = await self.api.session(self.caller, "https://mail.example.com")
        self.assertIn(NEWCOMERS, session["capabilities"])

    async def test_the_hundred_before_count(self) -> None:
        first = await self.arrive("bob@example.net")
        for _ in range(100):
            await self.arrive("dan@example.net")
        last = await self.arrive("bob@example.net")
        self.assertEqual(await self.new(first, last), [False, True])
