"""Two processes change the same objects at the same time: both get what they asked for, or are told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from mailsys.core.queue.report import Action, Original, Reported, compose_report
from mailsys.services.answering import vacation
from mailsys.services.answering.feedback import Feedback
from mailsys.services.delivery.arrivals import Arrivals
from mailsys.services.jmap.contacts.methods import CONTACTS, register_contacts
from mailsys.services.jmap.extensions.methods import register_more
from mailsys.services.jmap.mail.methods import register_mail
from mailsys.services.jmap.protocol.api import Caller, JmapApi
from mailsys.services.jmap.submission.methods import register_sending
from mailsys.services.people.contacts import Contacts
from tests.services.jmap.post_rig import ALL, PostTestCase
from tests.services.jmap.rig import Json, message
from tests.services.meanwhile import Meanwhile

PNG = "data:image/png;base64,iVBORw0KGgo="


class TwoTestCase(PostTestCase):
    """`call` asks a process over `self.objects`, in which something else may come in between; `there` asks
    another process over the same store."""

    async def open(self) -> None:
        await super().open()
        self.objects = Meanwhile(self.store.objects)
        self.mail = Meanwhile(self.store.mail)
        ports = self.api.ports
        self.api.ports = replace(ports, objects=self.objects, mail=self.mail)  # type: ignore[arg-type]
        self.elsewhere = JmapApi(ports, self.clock, self.random)
        register_mail(self.elsewhere, self.random)
        self.their_responder = self.new_responder()
        identities = register_sending(self.elsewhere, self.submission, self.directory, self.their_responder)
        register_more(self.elsewhere, self.submission, identities, self.directory, self.store.once)
        for api in (self.api, self.elsewhere):
            found = api.ports
            register_contacts(
                api, Contacts(found.mail, found.blobs, found.objects, maybeDeferred, self.clock.seconds)
            )

    async def request(self, *calls: Any, caller: Caller | None = None, **more: Any) -> Json:
        return await self.ask(self.api, *calls, caller=caller, **more)

    async def ask(self, api: JmapApi, *calls: Any, caller: Caller | None = None, **more: Any) -> Json:
        body = {"using": [*ALL, CONTACTS], "methodCalls": list(calls), **more}
        return json.loads(await api.call(caller or self.caller, json.dumps(body).encode()))

    async def there(self, name: str, /, **arguments: Any) -> Any:
        found = await self.ask(self.elsewhere, [name, {"accountId": self.account, **arguments}, "c"])
        ((kind, value, _),) = found["methodResponses"]
        self.assertEqual(kind, name, value)
        return value


class IdentityTests(TwoTestCase):
    async def identity(self, id_: str = "I0") -> Json:
        (found,) = (await self.there("Identity/get", ids=[id_]))["list"]
        return found

    async def test_two_changes_of_one_identity_are_both_kept(self) -> None:
        await self.call("Identity/get", ids=[])
        theirs: list[Json] = []

        async def first() -> None:
            theirs.append(await self.there("Identity/set", update={"I0": {"textSignature": "theirs"}}))

        self.objects.before("write", first)
        ours = await self.call("Identity/set", update={"I0": {"name": "ours"}})
        now = await self.identity()
        self.assertEqual((now["name"], now["textSignature"]), ("ours", "theirs"))
        self.assertEqual(ours["oldState"], theirs[0]["newState"])  # nothing of theirs is hidden in it
        changes = await self.there("Identity/changes", sinceState=theirs[0]["oldState"])
        self.assertEqual((changes["updated"], changes["newState"]), (["I0"], ours["newState"]))

    async def test_who_expects_a_state_is_told_that_it_is_gone(self) -> None:
        state = (await self.call("Identity/get", ids=[]))["state"]

        async def first() -> None:
            await self.there("Identity/set", update={"I0": {"textSignature": "theirs"}})

        self.objects.before("write", first)
        await self.fails("stateMismatch", "Identity/set", ifInState=state, update={"I0": {"name": "ours"}})
        self.assertEqual((await self.identity())["name"], "Alice")

    async def test_what_is_destroyed_meanwhile_is_not_made_again(self) -> None:
        made = await self.call("Identity/set", create={"i": {"email": "alice@example.com"}})
        id_ = made["created"]["i"]["id"]

        async def first() -> None:
            await self.there("Identity/set", destroy=[id_])

        self.objects.before("write", first)
        found = await self.call("Identity/set", update={id_: {"name": "ours"}})
        self.assertEqual(found["notUpdated"][id_]["type"], "notFound")
        self.assertEqual(found["oldState"], found["newState"])
        self.assertEqual((await self.there("Identity/get", ids=[id_]))["notFound"], [id_])

    async def test_a_creation_that_did_not_hold_leaves_no_name_behind(self) -> None:
        await self.call("Identity/get", ids=[])

        async def first() -> None:
            create = {str(n): {"email": "alice@example.com"} for n in range(199)}
            await self.there("Identity/set", create=create)

        self.objects.before("write", first)
        found = await self.request(
            [
                "Identity/set",
                {"accountId": self.account, "create": {"i": {"email": "alice@example.com"}}},
                "0",
            ],
            createdIds={},
        )
        self.assertEqual(found["methodResponses"][0][1]["notCreated"]["i"]["type"], "overQuota")
        self.assertEqual(found["createdIds"], {})

    async def test_when_others_are_first_without_end_it_is_said_so_and_nothing_is_done(self) -> None:
        await self.call("Identity/get", ids=[])
        count = iter(range(1000))

        async def first() -> None:
            await self.there("Identity/set", update={"I0": {"textSignature": str(next(count))}})

        self.objects.always_before("write", first)
        await self.fails("serverUnavailable", "Identity/set", update={"I0": {"name": "ours"}})
        self.assertEqual((await self.identity())["name"], "Alice")

    async def test_the_first_one_is_made_once(self) -> None:
        async def first() -> None:
            await self.there("Identity/set", update={"I0": {"name": "theirs"}})

        self.objects.before("write", first)
        (found,) = (await self.call("Identity/get", ids=None))["list"]
        self.assertEqual(found["name"], "theirs")
        self.assertEqual((await self.identity())["name"], "theirs")

    async def test_nothing_written_moves_no_state(self) -> None:
        found = await self.call("Identity/set", update={"I0": {"name": "Alice"}})
        self.assertEqual((found["updated"], found["oldState"]), ({"I0": None}, found["newState"]))


class ChangesTests(TwoTestCase):
    async def test_a_commit_of_many_is_told_in_parts(self) -> None:
        before = (await self.call("Identity/get", ids=[]))["state"]
        create = {str(n): {"email": "alice@example.com"} for n in range(5)}
        made = await self.call("Identity/set", create=create)
        expected = {one["id"] for one in made["created"].values()}
        state, told = before, []
        for rest in (3, 1, 0):
            found = await self.call("Identity/changes", sinceState=state, maxChanges=2)
            told += found["created"]
            self.assertEqual(found["hasMoreChanges"], rest > 0)
            state = found["newState"]
            await self.there("VacationResponse/set", update={"singleton": {"subject": str(rest)}})
        self.assertEqual((set(told), len(told), state), (expected, 5, made["newState"]))

    async def test_what_changes_between_two_parts_is_told_after_them(self) -> None:
        before = (await self.call("Identity/get", ids=[]))["state"]
        create = {str(n): {"email": "alice@example.com"} for n in range(4)}
        made = await self.call("Identity/set", create=create)
        ids = sorted(one["id"] for one in made["created"].values())
        first = await self.call("Identity/changes", sinceState=before, maxChanges=2)
        self.assertEqual(first["created"], ids[:2])
        await self.there("Identity/set", update={ids[3]: {"name": "x"}, ids[0]: {"name": "x"}})
        await self.there("Identity/set", update={ids[1]: {"name": "x"}, ids[2]: {"name": "x"}})
        told, state = set(), first["newState"]
        for _ in range(10):
            found = await self.call("Identity/changes", sinceState=state, maxChanges=2)
            told |= {*found["created"], *found["updated"]}
            state = found["newState"]
            if not found["hasMoreChanges"]:
                break
        self.assertEqual(told, set(ids))
        self.assertEqual(state, (await self.call("Identity/get", ids=[]))["state"])


class VacationTests(TwoTestCase):
    async def away(self, **given: Any) -> None:
        await self.there("VacationResponse/set", update={"singleton": {"isEnabled": True, **given}})

    async def test_two_processes_answer_a_sender_once(self) -> None:
        await self.away()
        ours = vacation.Responder(
            self.store.mail, self.store.objects, self.store.blobs, self.once, self.directory, self.clock,  # type: ignore[arg-type]
            self.random,
        )  # fmt: skip
        header = message().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

        async def first() -> None:
            self.their_responder.arrives("eve@remote.example", {self.alice.id: ""}, header, b"")  # type: ignore[arg-type]
            await self.their_responder.stop()

        self.once.before("take", first)
        ours.arrives("eve@remote.example", {self.alice.id: ""}, header, b"")  # type: ignore[arg-type]
        await ours.stop()
        self.assertEqual(self.once.left, [])
        self.assertEqual(len(await self.queued()), 1)

    async def test_an_answer_that_cannot_be_queued_is_not_taken_for_sent(self) -> None:
        await self.away()
        mail = Meanwhile(self.store.mail)

        async def fail() -> None:
            raise OSError("the disk is full")

        mail.before("accept", fail)
        self.arrivals._readers[0] = self.responder = vacation.Responder(
            mail, self.store.objects, self.store.blobs, self.store.once, self.directory, self.clock,  # type: ignore[arg-type]
            self.random,
        )  # fmt: skip
        await self.receive(message())
        self.assertEqual(await self.queued(), [])
        await self.receive(message(number=2))
        self.assertEqual(len(await self.queued()), 1)

    async def test_who_goes_away_by_another_process_answers_within_the_time_of_a_look(self) -> None:
        await self.receive(message())
        await self.away()
        self.clock.advance(vacation.LOOK)
        await self.receive(message(number=2))
        self.assertEqual(len(await self.queued()), 1)

    async def test_who_comes_back_by_another_process_answers_no_more(self) -> None:
        await self.away()
        await self.receive(message())
        await self.there("VacationResponse/set", update={"singleton": {"isEnabled": False}})
        await self.receive(message(number=2), sender="other@remote.example")
        self.assertEqual(len(await self.queued()), 1)

    async def test_two_changes_of_it_are_both_kept(self) -> None:
        async def first() -> None:
            await self.there("VacationResponse/set", update={"singleton": {"subject": "theirs"}})

        self.objects.before("write", first)
        await self.call("VacationResponse/set", update={"singleton": {"textBody": "ours"}})
        (now,) = (await self.there("VacationResponse/get"))["list"]
        self.assertEqual((now["subject"], now["textBody"]), ("theirs", "ours"))


class ReportTests(TwoTestCase):
    async def test_two_reports_about_one_message_are_both_put_down(self) -> None:
        email = await self.draft("far@y.example,near@y.example")
        submission = (await self.submit(email))["id"]
        (name,) = await self.get(email, "messageId")
        original = Original(
            "alice@example.com", self.clock.seconds(), f"Message-ID: <{name}>\r\n\r\n".encode()
        )

        def report(address: str) -> bytes:
            told = Reported(address, Action.FAILED, "550 no", "mx.y.example")
            return compose_report(
                original, [told], hostname="mx.y.example", postmaster="postmaster@y.example",
                now=self.clock.seconds(), unique="u" * 20,
            ).data  # fmt: skip

        objects = Meanwhile(self.store.objects)
        ours = Feedback(objects, self.store.blobs, maybeDeferred)  # type: ignore[arg-type]
        theirs = self.feedback
        self.reception.intake = replace(self.reception.intake, arrivals=Arrivals(ours))

        async def first() -> None:
            self.reception.intake = replace(self.reception.intake, arrivals=Arrivals(theirs))
            await self.receive(report("near@y.example"), sender="")

        objects.before("write", first)
        await self.receive(report("far@y.example"), sender="")
        await ours.stop()
        self.assertEqual(objects.left, [])
        found = await self.submission_of(submission)
        self.assertEqual(
            {one: status["delivered"] for one, status in found["deliveryStatus"].items()},
            {"far@y.example": "no", "near@y.example": "no"},
        )
        self.assertEqual(len(found["dsnBlobIds"]), 2)


class ReceiptTests(TwoTestCase):
    async def test_two_who_ask_at_once_send_one_receipt(self) -> None:
        email = await self.deliver(more="Disposition-Notification-To: bob@example.net\n")
        disposition = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}
        request = {
            "identityId": "I0",
            "send": {"k": {"forEmailId": email, "disposition": disposition}},
            "onSuccessUpdateEmail": {"#k": {"keywords/$mdnsent": True}},
        }

        async def first() -> None:
            asked = ["MDN/send", {"accountId": self.account, **request}, "c"]
            found = await self.ask(self.elsewhere, asked)
            self.assertIsNone(found["methodResponses"][0][1]["notSent"], found)

        self.once.before("take", first)  # ours has read the keywords, and found none, before
        asked = ["MDN/send", {"accountId": self.account, **request}, "c"]
        answers = [await self.ask(self.api, asked) for _ in range(2)]
        refused = [answer["methodResponses"][0][1]["notSent"]["k"]["type"] for answer in answers]
        self.assertEqual(refused, ["mdnAlreadySent"] * 2)
        self.assertEqual(len(await self.queued()), 1)

    async def test_a_receipt_that_could_not_be_sent_can_be_sent(self) -> None:
        email = await self.deliver(more="Disposition-Notification-To: bob@example.net\n")
        disposition = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}
        request = {
            "identityId": "I0",
            "send": {"k": {"forEmailId": email, "disposition": disposition}},
            "onSuccessUpdateEmail": {"#k": {"keywords/$mdnsent": True}},
        }
        bound = self.limits_of_mail.sends_per_hour
        await self.counters.hit(f"sends-hour:{self.alice.id}", 3600.0, bound)
        found = await self.request(["MDN/send", {"accountId": self.account, **request}, "c"])
        self.assertEqual(found["methodResponses"][0][1]["notSent"]["k"]["type"], "rateLimit")
        self.clock.advance(3600.0)
        found = await self.request(["MDN/send", {"accountId": self.account, **request}, "c"])
        self.assertIsNone(found["methodResponses"][0][1]["notSent"], found)


class ContactTests(TwoTestCase):
    async def card(self, **given: Any) -> str:
        found = await self.there("ContactCard/set", create={"c": given})
        self.assertIsNone(found["notCreated"], found)
        return found["created"]["c"]["id"]

    async def read(self, id_: str) -> Json:
        (found,) = (await self.there("ContactCard/get", ids=[id_]))["list"]
        return found

    async def test_two_changes_of_one_card_are_both_kept(self) -> None:
        id_ = await self.card(name={"full": "Anna"})

        async def first() -> None:
            await self.there("ContactCard/set", update={id_: {"notes": {"n": {"note": "theirs"}}}})

        self.objects.before("write", first)
        await self.call("ContactCard/set", update={id_: {"name/full": "ours"}})
        now = await self.read(id_)
        self.assertEqual((now["name"]["full"], now["notes"]["n"]["note"]), ("ours", "theirs"))

    async def test_of_one_uid_there_is_one_card(self) -> None:
        async def first() -> None:
            await self.card(uid="u", name={"full": "theirs"})

        await self.call("AddressBook/get")
        self.objects.before("write", first)
        found = await self.call("ContactCard/set", create={"c": {"uid": "u", "name": {"full": "ours"}}})
        error = found["notCreated"]["c"]
        self.assertEqual((error["type"], error["properties"]), ("invalidProperties", ["uid"]))
        self.assertEqual((await self.read(error["existingId"]))["name"]["full"], "theirs")

    async def book(self) -> str:
        return (await self.there("AddressBook/set", create={"b": {"name": "Work"}}))["created"]["b"]["id"]

    async def test_no_card_enters_a_book_that_goes(self) -> None:
        book = await self.book()

        async def first() -> None:
            await self.there("AddressBook/set", destroy=[book])

        self.objects.before("write", first)
        found = await self.call(
            "ContactCard/set", create={"c": {"name": {"full": "A"}, "addressBookIds": {book: True}}}
        )
        self.assertEqual(found["notCreated"]["c"]["properties"], ["addressBookIds"])
        self.assertEqual((await self.there("ContactCard/get"))["list"], [])

    async def test_no_book_goes_with_a_card_that_just_entered(self) -> None:
        book = await self.book()

        async def first() -> None:
            await self.card(name={"full": "A"}, addressBookIds={book: True})

        self.objects.before("write", first)
        found = await self.call("AddressBook/set", destroy=[book])
        self.assertEqual(found["notDestroyed"][book]["type"], "addressBookHasContents")
        self.assertEqual(len((await self.there("ContactCard/get"))["list"]), 1)

    async def test_a_card_that_changes_while_its_book_goes_keeps_its_change(self) -> None:
        book = await self.book()
        id_ = await self.card(name={"full": "A"}, addressBookIds={book: True, "AB0": True})

        async def first() -> None:
            await self.there("ContactCard/set", update={id_: {"name/full": "theirs"}})

        self.objects.before("write", first)
        await self.call("AddressBook/set", destroy=[book], onDestroyRemoveContents=True)
        now = await self.read(id_)
        self.assertEqual((now["name"]["full"], now["addressBookIds"]), ("theirs", {"AB0": True}))

    async def test_the_states_of_books_and_cards_are_their_own(self) -> None:
        await self.call("AddressBook/get")
        before = (await self.call("ContactCard/get", ids=[]))["state"]
        found = await self.call("ContactCard/set", create={"c": {"name": {"full": "A"}}})
        self.assertEqual(found["oldState"], before)
        self.assertEqual(found["newState"], (await self.call("ContactCard/get", ids=[]))["state"])
        state = (await self.call("AddressBook/get"))["state"]
        again = await self.call("AddressBook/set", ifInState=state, update={"AB0": {"name": "Mine"}})
        self.assertEqual(again["oldState"], state)

    async def test_the_first_book_is_made_once(self) -> None:
        async def first() -> None:
            await self.there("AddressBook/set", update={"AB0": {"name": "theirs"}})

        self.objects.before("write", first)
        (found,) = (await self.call("AddressBook/get"))["list"]
        self.assertEqual(found["name"], "theirs")

    async def test_there_is_one_default_book(self) -> None:
        one, other = await self.book(), await self.book()

        async def first() -> None:
            await self.there("AddressBook/set", onSuccessSetIsDefault=one)

        self.objects.before("write", first)
        await self.call("AddressBook/set", onSuccessSetIsDefault=other)
        books = (await self.there("AddressBook/get"))["list"]
        self.assertEqual([book["id"] for book in books if book["isDefault"]], [other])

    async def test_a_photo_that_leaves_one_card_and_enters_another_stays(self) -> None:
        for port, method in ((self.mail, "let_go"), (self.objects, "write")):
            with_photo = await self.card(name={"full": "A"}, media={"p": {"kind": "photo", "uri": PNG}})
            other = await self.card(name={"full": "B"})

            async def first(other: str = other) -> None:
                photo = {"media": {"p": {"kind": "photo", "uri": PNG}}}
                await self.there("ContactCard/set", update={other: photo})

            port.before(method, first)
            await self.call("ContactCard/set", update={with_photo: {"media": None}})
            await self.has_photo(other)
            await self.there("ContactCard/set", destroy=[with_photo, other])

    async def test_a_photo_that_enters_a_card_while_it_is_let_go_of_stays(self) -> None:
        with_photo = await self.card(name={"full": "A"}, media={"p": {"kind": "photo", "uri": PNG}})
        other = await self.card(name={"full": "B"})

        async def first() -> None:
            await self.there("ContactCard/set", update={with_photo: {"media": None}})

        self.objects.before("write", first)
        photo = {"media": {"p": {"kind": "photo", "uri": PNG}}}
        await self.call("ContactCard/set", update={other: photo})
        await self.has_photo(other)

    async def test_a_photo_of_a_card_that_is_written_just_after_it_was_let_go_of_stays(self) -> None:
        with_photo = await self.card(name={"full": "A"}, media={"p": {"kind": "photo", "uri": PNG}})
        other = await self.card(name={"full": "B"})
        at_write: Deferred[None] = Deferred()
        go_on: Deferred[None] = Deferred()

        async def pause() -> None:
            at_write.callback(None)
            await go_on

        theirs = Meanwhile(self.store.objects)
        theirs.before("write", pause)
        self.elsewhere.ports = replace(self.elsewhere.ports, objects=theirs)  # type: ignore[arg-type]
        entering: list[Deferred[Any]] = []

        async def begin() -> None:
            photo = {"media": {"p": {"kind": "photo", "uri": PNG}}}
            entering.append(Deferred.fromCoroutine(self.there("ContactCard/set", update={other: photo})))
            await at_write

        self.mail.before("let_go", begin)
        await self.call("ContactCard/set", update={with_photo: {"media": None}})
        go_on.callback(None)
        await entering[0]
        await self.has_photo(other)

    async def has_photo(self, id_: str) -> None:
        """Also some days later."""
        self.clock.advance(3 * 86400.0)
        await self.sweep()
        blob = (await self.read(id_))["media"]["p"]["blobId"]
        answer = await self.there("Blob/get", ids=[blob], properties=["size"])
        self.assertEqual([one["size"] for one in answer["list"]], [8])

    async def test_a_photo_that_no_card_has_goes(self) -> None:
        id_ = await self.card(name={"full": "A"}, media={"p": {"kind": "photo", "uri": PNG}})
        blob = (await self.read(id_))["media"]["p"]["blobId"]
        refused = {"uid": "u", "name": 7, "media": {"p": {"kind": "photo", "uri": PNG}}}
        await self.call("ContactCard/set", destroy=[id_], create={"c": refused})
        self.clock.advance(3 * 86400.0)
        await self.sweep()
        answer = await self.there("Blob/get", ids=[blob], properties=["size"])
        self.assertEqual(answer["notFound"], [blob])

    async def sweep(self) -> None:
        """What the store does from time to time: uploads whose time is over go."""
        from mailsys.stores.sqlite import uploads

        await self.store.writer.submit(lambda batch: uploads.expire(batch, self.clock.seconds(), 100))
