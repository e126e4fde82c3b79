"""Contacts as vCards over the API, and as suggestions."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from mailsys.core.jmap.ids import blob_id
from mailsys.core.message.analysis import analyse
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.services.people.contacts import DEFAULT_BOOK, card_id
from tests.web.api.rig import ApiTestCase

ANNA = """BEGIN:VCARD
VERSION:3.0
UID:anna
N:Öz;Anna;;;
FN:Anna Öz
EMAIL;TYPE=INTERNET,HOME:anna@example.org
EMAIL;TYPE=WORK:oez@company.test
PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo=
X-OWN:kept
END:VCARD
"""
BERT = "BEGIN:VCARD\nVERSION:2.1\nN:Abel;Bert\nTEL;CELL:123\nEND:VCARD\n"
TEAM = """BEGIN:VCARD
VERSION:4.0
KIND:group
UID:team
FN:Tennis team
MEMBER:urn:uuid:anna
MEMBER:urn:uuid:nobody
END:VCARD
"""


class ContactsCase(ApiTestCase):
    async def open(self) -> None:
        await super().open()
        self.browser = await self.signed_in("alice")

    async def upload(self, content: str | bytes, account: Any = None) -> str:
        octets = content.encode() if isinstance(content, str) else content
        sink = self.blobs.sink()
        for at in range(0, len(octets), 65536):
            wait = sink.write(octets[at : at + 65536])
            if wait is not None:
                await wait
        staged = await sink.finish()
        await self.mail.hold((account or self.alice).id, staged, "text/vcard", self.clock.seconds() + 3600)
        return blob_id(staged.id)

    async def take(self, content: str | bytes, **more: Any) -> Any:
        answer = await self.browser.ask(
            "POST", "/contacts/import", {"blobId": await self.upload(content), **more}
        )
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    async def export(self, query: str = "") -> str:
        answer = await self.browser.ask("GET", f"/contacts/export{query}")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.header("content-type"), "text/vcard; charset=utf-8")
        return answer.body.decode().replace("\r\n ", "").replace("\r\n", "\n")


class VCardTests(ContactsCase):
    async def test_in_and_out(self) -> None:
        done = await self.take(ANNA + BERT + TEAM)
        self.assertEqual(done, {"created": 3, "updated": 0, "unchanged": 0, "failed": 0, "faults": []})
        out = await self.export()
        self.assertEqual(out.count("BEGIN:VCARD\nVERSION:4.0\n"), 3)
        self.assertIn("data:image/png;base64,iVBORw0KGgo=", out)
        self.assertIn("X-OWN:kept\n", out)
        self.assertEqual((await self.export("?version=3.0")).count("VERSION:3.0"), 3)
        one = await self.export(f"?ids={card_id('anna')},Cnothing")
        self.assertEqual((one.count("BEGIN:"), "UID:anna" in one), (1, True))
        self.assertEqual(await self.export("?addressBookId=AB7"), "")

    async def test_what_is_there_is_replaced_not_doubled(self) -> None:
        await self.take(ANNA + BERT)
        self.assertEqual((await self.take(ANNA + BERT))["unchanged"], 2)
        done = await self.take(ANNA.replace("Anna Öz", "Anna Kaya"))
        self.assertEqual((done["created"], done["updated"]), (0, 1))
        self.assertIn("FN:Anna Kaya", await self.export())
        back = await self.take(await self.export())  # what went out comes back as it is
        self.assertEqual((back["unchanged"], back["created"]), (2, 0))

    async def test_each_that_is_not_taken_is_told_of(self) -> None:
        broken = "BEGIN:VCARD\nFN:No end\n"
        empty = "BEGIN:VCARD\nVERSION:4.0\nX-A:1\nEND:VCARD\n"
        photo = "BEGIN:VCARD\nFN:Photo\nPHOTO:data:image/png;base64,!!\nEND:VCARD\n"
        done = await self.take(ANNA + broken + empty + photo + BERT)
        self.assertEqual((done["created"], done["failed"]), (2, 3))
        lines = ANNA.count("\n")
        self.assertEqual([one["line"] for one in done["faults"]], [lines + 1, lines + 3, lines + 7])
        self.assertEqual(done["faults"][2]["name"], "Photo")
        self.assertEqual((await self.take("no cards in it"))["created"], 0)

    async def test_a_file_with_more_than_there_is_room_for(self) -> None:
        self.contacts.most_cards = 120
        cards = "".join(f"BEGIN:VCARD\nUID:{n}\nFN:Person {n}\nEND:VCARD\n" for n in range(300))
        done = await self.take(cards)
        self.assertEqual((done["created"], done["failed"], len(done["faults"])), (120, 180, 100))
        self.assertEqual((await self.export()).count("BEGIN:"), 120)

    async def test_into_an_address_book(self) -> None:
        await self.take(ANNA, addressBookId=DEFAULT_BOOK)
        answer = await self.browser.ask(
            "POST", "/contacts/import", {"blobId": await self.upload(ANNA), "addressBookId": "AB7"}
        )
        self.assertEqual(answer.status, 404)

    async def test_the_uploads_of_others_are_not_there(self) -> None:
        foreign = await self.upload(ANNA, self.bob)
        answer = await self.browser.ask("POST", "/contacts/import", {"blobId": foreign})
        self.assertEqual(answer.status, 404)
        await self.take(ANNA)
        bob = await self.signed_in("bob")
        answer = await bob.ask("GET", f"/contacts/export?ids={card_id('anna')}")
        self.assertEqual((answer.status, answer.body), (200, b""))

    async def test_a_sign_in_that_may_only_read(self) -> None:
        made = await self.browser.make_app_password("mail:read")
        token = {"Authorization": f"Bearer {made.json['secret']}"}
        answer = await self.ask("POST", "/contacts/import", {"blobId": "B1"}, headers=token)
        self.assertEqual(answer.status, 403)
        answer = await self.ask("GET", "/contacts/export", headers=token)
        self.assertEqual(answer.status, 200)


class SuggestionTests(ContactsCase):
    async def heard(self, sent_to: tuple[str, ...] = (), heard_from: str = "", times: int = 1) -> None:
        for _ in range(times):
            message = b"Subject: x\r\n\r\n"
            await self.mail.accept(
                Acceptance(
                    self.blobs.stage(message), analyse(message), 1.7e9,
                    (Delivery(self.alice.id, heard_from=heard_from, sent_to=sent_to),), header=message,
                )
            )  # fmt: skip

    async def suggest(self, text: str, limit: int = 10) -> list[Any]:
        return (await self.browser.ask("GET", f"/suggestions?q={quote(text)}&limit={limit}")).json[
            "suggestions"
        ]

    async def test_contacts_come_first_and_by_rank(self) -> None:
        await self.take(ANNA + TEAM)
        await self.heard(sent_to=("annika@example.net",), times=3)
        await self.heard(sent_to=("oez@company.test",))
        await self.heard(heard_from="anna@example.org", times=2)
        found = await self.suggest("ann")
        self.assertEqual(
            [(one["address"], one["name"], one["contact"], one["sent"], one["received"]) for one in found],
            [
                ("oez@company.test", "Anna Öz", True, 1, 0),
                ("anna@example.org", "Anna Öz", True, 0, 2),
                ("annika@example.net", "", False, 3, 0),
            ],
        )
        self.assertEqual([one["address"] for one in await self.suggest("ann", 1)], ["oez@company.test"])

    async def test_by_any_name_and_by_address_once(self) -> None:
        await self.take(ANNA)
        for text in ("Öz", "anna ö", "ANNA"):
            self.assertEqual(len(await self.suggest(text)), 2, text)
        self.assertEqual([one["address"] for one in await self.suggest("oez@")], ["oez@company.test"])
        for text in ("na", "z", "%", "_nna"):
            self.assertEqual(await self.suggest(text), [], text)

    async def test_a_group_stands_for_its_members(self) -> None:
        await self.take(ANNA + TEAM)
        (team,) = await self.suggest("tennis")
        self.assertEqual((team["address"], team["name"]), ("", "Tennis team"))
        self.assertEqual(team["members"], [{"name": "Anna Öz", "address": "anna@example.org"}])

    async def test_they_are_the_accounts_own(self) -> None:
        await self.take(ANNA)
        bob = await self.signed_in("bob")
        self.assertEqual((await bob.ask("GET", "/suggestions?q=ann")).json["suggestions"], [])
