"""POST /send: composed, sent once per idempotency key, kept in Sent; its queue items and timeline."""

import base64
import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred

from mailsys.core.jmap.ids import email_id
from mailsys.core.message.analysis import analyse
from mailsys.ports.emails import Column
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.objects import ObjectChange
from mailsys.services.delivery.submission_link import KIND, submission_id
from mailsys.services.submission.program_mail import KEPT, Key, KeyReused, Letter, Person, ProgramMail
from tests.services.meanwhile import Meanwhile
from tests.web.api.rig import ApiTestCase, Browser


class SendTests(ApiTestCase):
    async def open(self) -> None:
        await super().open()
        self.browser = await self.signed_in("alice")

    async def send(self, key: str | None = None, browser: Browser | None = None, **given: Any) -> Any:
        body = {
            "to": [{"address": "bob@example.com", "name": "Bob"}],
            "subject": "Hi",
            "text": "Hello",
            **given,
        }
        headers = {} if key is None else {"Idempotency-Key": key}
        return await (browser or self.browser).ask("POST", "/send", body, headers)

    async def messages(self, account: Any, role: Role) -> list[bytes]:
        (box,) = [each for each in await self.mail.mailboxes(account.id) if each.role is role]
        emails = list((await self.mail.snapshot(account.id, box.id)).emails)
        rows = await self.mail.fetch(account.id, emails, [Column.BLOB])
        return [await self.blobs.read(rows[each][0]) for each in emails]

    async def test_a_message_arrives_and_is_kept_in_sent(self) -> None:
        answer = await self.send(html="<p>Hello</p>", bcc=[{"address": "carol@example.org"}],
                                 attachments=[{"name": "a.txt", "type": "text/plain",
                                               "data": base64.b64encode(b"attached").decode()}])  # fmt: skip
        self.assertEqual(answer.status, 202, answer.body)
        (received,) = await self.messages(self.bob, Role.INBOX)
        (hidden,) = await self.messages(self.carol, Role.INBOX)
        (kept,) = await self.messages(self.alice, Role.SENT)
        self.assertEqual((received, hidden), (kept, kept))
        self.assertIn(b"From: Alice <alice@example.com>\r\n", received)
        self.assertIn(answer.json["messageId"].encode(), received)
        self.assertIn(b"filename=a.txt", received.replace(b'"', b""))
        self.assertNotIn(b"carol", received)

    async def test_the_same_key_and_body_is_sent_once(self) -> None:
        first, second = await self.send("k1"), await self.send("k1")
        self.assertEqual((first.status, second.status), (202, 202))
        self.assertEqual(first.json, second.json)
        self.assertEqual(second.header("idempotent-replayed"), "true")
        self.assertEqual(len(await self.messages(self.bob, Role.INBOX)), 1)

    async def test_the_same_key_with_another_body_is_422(self) -> None:
        await self.send("k1")
        self.assertEqual((await self.send("k1", subject="Other")).status, 422)
        self.assertEqual(len(await self.messages(self.bob, Role.INBOX)), 1)

    async def test_the_same_key_at_the_same_time_is_sent_once(self) -> None:
        answers = await gatherResults([Deferred.fromCoroutine(self.send("k1")) for _ in range(5)])
        self.assertEqual({each.status for each in answers}, {202})
        self.assertEqual(len({each.json["trace"] for each in answers}), 1)
        self.assertEqual(len(await self.messages(self.bob, Role.INBOX)), 1)

    async def test_two_processes_with_one_key_send_once_and_answer_the_same(self) -> None:
        """The other one commits at the last moment before ours."""
        mine, theirs = self.program_mail(), self.program_mail()
        key = Key("k1", "hash")
        answers = []

        async def first() -> None:
            answers.append(await theirs.send(self.alice, self.letter, "192.0.2.1", key))

        self.meanwhile.before("accept", first)
        ours, before = await mine.send(self.alice, self.letter, "192.0.2.1", key)
        self.assertEqual(answers, [(ours, False)])
        self.assertTrue(before)
        self.assertEqual(len(await self.messages(self.bob, Role.INBOX)), 1)
        self.assertEqual(len(await self.messages(self.alice, Role.SENT)), 1)

    async def test_two_processes_with_one_key_for_two_things(self) -> None:
        mine, theirs = self.program_mail(), self.program_mail()

        async def first() -> None:
            await theirs.send(self.alice, self.letter, "192.0.2.1", Key("k1", "another hash"))

        self.meanwhile.before("accept", first)
        with self.assertRaises(KeyReused):
            await mine.send(self.alice, self.letter, "192.0.2.1", Key("k1", "hash"))
        self.assertEqual(len(await self.messages(self.bob, Role.INBOX)), 1)

    async def test_a_key_that_is_too_old_is_used_anew_once(self) -> None:
        mine, theirs = self.program_mail(), self.program_mail()
        key = Key("k1", "hash")
        await mine.send(self.alice, self.letter, "192.0.2.1", key)
        self.clock.shift += KEPT + 1
        new = Key("k1", "new hash")

        async def first() -> None:
            await theirs.send(self.alice, self.letter, "192.0.2.1", new)

        self.meanwhile.before("accept", first)
        _, before = await mine.send(self.alice, self.letter, "192.0.2.1", new)
        self.assertTrue(before)
        self.assertEqual(len(await self.messages(self.bob, Role.INBOX)), 2)

    def program_mail(self) -> ProgramMail:
        """As another process has it; all accept mail by way of `meanwhile`."""
        intake = self.submission.intake
        if not isinstance(intake.mail, Meanwhile):
            self.meanwhile = Meanwhile(intake.mail)
            self.submission.intake = replace(intake, mail=self.meanwhile)
        return ProgramMail(self.submission, self.objects, self.clock, random.Random(), maybeDeferred)  # type: ignore[arg-type]

    def letter(self) -> Letter:
        return Letter(Person("alice@example.com"), to=[Person("bob@example.com")], text="Hello")

    async def test_a_body_is_the_same_when_its_json_value_is(self) -> None:
        first = b'{"to": [{"address": "bob@example.com"}], "text": "\\u0041", "saveToSent": true}'
        second = b'{"saveToSent":true,\n"text":"A","to":[{"address":"bob@example.com"}]}'
        third = b'{"saveToSent":true,\n"text":"B","to":[{"address":"bob@example.com"}]}'
        headers = {"Idempotency-Key": "k1", "Content-Type": "application/json"}
        answers = [await self.browser.ask("POST", "/send", body, headers) for body in (first, second, third)]
        self.assertEqual([each.status for each in answers], [202, 202, 422])
        self.assertEqual(answers[0].json, answers[1].json)
        problem = answers[2].json
        self.assertEqual((problem["type"], problem["code"]), ("urn:mailsys:problem:keyReused", "keyReused"))
        self.assertEqual(len(await self.messages(self.bob, Role.INBOX)), 1)

    async def test_a_time_that_is_over_is_refused_but_an_answer_given_before_stands(self) -> None:
        soon = datetime.fromtimestamp(self.clock.seconds() + 3600, UTC).isoformat()
        first = await self.send("k1", sendAt=soon)
        self.assertEqual(first.status, 202, first.body)
        self.clock.shift += 7200
        self.assertEqual((await self.send("k1", sendAt=soon)).json, first.json)
        refused = await self.send("k2", sendAt=soon)
        self.assertEqual((refused.status, refused.json["code"]), (422, "notValid"))
        self.assertEqual(refused.json["errors"], [{"pointer": "#/sendAt", "detail": "That time is over."}])

    async def test_a_key_is_an_accounts_own(self) -> None:
        await self.send("k1")
        other = await self.signed_in("bob")
        self.assertEqual((await self.send("k1", other)).status, 202)

    async def test_a_refused_message_leaves_its_key_free(self) -> None:
        self.assertEqual((await self.send("k1", to=[])).status, 422)
        self.assertEqual((await self.send("k1")).status, 202)

    async def test_fields_that_only_servers_write_and_second_lines_are_refused(self) -> None:
        for given in ({"headers": {"From": "x"}}, {"headers": {"Received": "x"}},
                      {"headers": {"X-A": "a\r\nBcc: x@y.example"}}, {"subject": "a\r\nBcc: x@y.example"},
                      {"to": [{"address": "no address"}]}, {"attachments": [{"name": "a", "data": "*"}]},
                      {"to": [{"address": "b@example.com", "name": "a\nb"}]},
                      {"sendAt": "2026-01-01T00:00:00"}):  # fmt: skip
            self.assertEqual((await self.send(**given)).status, 422, given)

    async def test_a_header_of_ones_own_is_written(self) -> None:
        await self.send(headers={"X-Ticket": "42"})
        (received,) = await self.messages(self.bob, Role.INBOX)
        self.assertIn(b"X-Ticket: 42\r\n", received)

    async def test_mail_to_oneself_is_one_email_in_both_places(self) -> None:
        await self.send(to=[{"address": "alice@example.com"}])
        (arrived,), (kept,) = (
            await self.messages(self.alice, Role.INBOX), await self.messages(self.alice, Role.SENT)
        )  # fmt: skip
        self.assertEqual(arrived, kept)

    async def test_an_item_can_be_held_released_and_dropped(self) -> None:
        sent = await self.send(to=[{"address": "x@remote.example"}])
        (item,) = (await self.browser.ask("GET", "/queue")).json["items"]
        self.assertEqual(item["trace"], sent.json["trace"])
        path = f"/queue/{item['id']}"
        self.assertEqual((await self.browser.ask("POST", path + "/hold")).status, 204)
        self.assertTrue((await self.browser.ask("GET", path)).json["held"])
        self.assertEqual((await self.browser.ask("POST", path + "/retry")).status, 204)
        self.assertFalse((await self.browser.ask("GET", path)).json["held"])
        self.assertEqual((await self.browser.ask("DELETE", path)).status, 204)
        self.assertEqual((await self.browser.ask("GET", "/queue")).json["items"], [])

    async def test_pages_of_the_queue_hold_every_item_once(self) -> None:
        for n in range(5):
            await self.send(to=[{"address": f"x@remote{n}.example"}])
        seen, after = [], ""
        while True:
            page = (await self.browser.ask("GET", f"/queue?limit=2&after={after}")).json
            seen += [each["destination"] for each in page["items"]]
            if page["next"] is None:
                break
            after = page["next"]
        self.assertEqual(seen, [f"remote{n}.example" for n in range(5)])

    async def test_the_way_is_told_to_both_ends(self) -> None:
        sent = await self.send()
        trace = sent.json["trace"]
        told = (await self.browser.ask("GET", f"/timelines/{trace}")).json["steps"]
        self.assertEqual([each["stage"] for each in told], ["submitted", "delivered"])
        (box,) = [b for b in await self.mail.mailboxes(self.bob.id) if b.role is Role.INBOX]
        (email,) = (await self.mail.snapshot(self.bob.id, box.id)).emails
        bob = await self.signed_in("bob")
        told = (await bob.ask("GET", f"/emails/{email_id(email)}/timeline")).json
        self.assertEqual((told["trace"], [s["stage"] for s in told["steps"]]), (trace, ["delivered"]))

    async def test_the_way_of_what_jmap_sent_is_found_by_its_submission(self) -> None:
        trace = (await self.send()).json["trace"]
        draft = b"Subject: kept in Sent, without a field of ours\r\n\r\nx\r\n"
        blob, facts = self.blobs.stage(draft), analyse(draft)
        place = Delivery(self.alice.id)
        done = await self.mail.accept(Acceptance(blob, facts, 1.7e9, (place,), header=draft[:-3]))
        (stored,) = done.delivered
        path = f"/emails/{email_id(stored.email)}/timeline"
        self.assertEqual((await self.browser.ask("GET", path)).status, 404)
        value = json.dumps({"emailId": email_id(stored.email)}, separators=(",", ":")).encode()
        await self.objects.write([ObjectChange(self.alice.id, KIND, submission_id(trace), value)])
        self.assertEqual((await self.browser.ask("GET", path)).json["trace"], trace)

    async def test_suggestions_take_pattern_characters_letter_by_letter(self) -> None:
        await self.send()
        found = (await self.browser.ask("GET", "/suggestions?q=bo")).json["suggestions"]
        self.assertEqual([each["address"] for each in found], ["bob@example.com"])
        for text in ("%25", "_ob", ".*", "b*", "%5Bb%5D", "(((("):
            answer = await self.browser.ask("GET", f"/suggestions?q={text}")
            self.assertEqual((answer.status, answer.json["suggestions"]), (200, []), text)

    async def test_settings_are_kept_and_a_lost_update_is_noticed(self) -> None:
        first = await self.browser.ask("PUT", "/settings", {"theme": "dark"})
        etag = first.header("etag")
        self.assertEqual((await self.browser.ask("GET", "/settings")).json, {"theme": "dark"})
        changed = await self.browser.ask("PUT", "/settings", {"theme": "light"}, {"If-Match": etag})
        self.assertEqual(changed.status, 200)
        lost = await self.browser.ask("PUT", "/settings", {"theme": "x"}, {"If-Match": etag})
        self.assertEqual((lost.status, lost.json["code"]), (412, "stateMismatch"))
        nonsense = await self.browser.ask("PUT", "/settings", {"theme": "x"}, {"If-Match": "W/x"})
        self.assertEqual(nonsense.status, 412)

    async def test_of_two_who_read_the_same_settings_one_writes_them(self) -> None:
        etag = (await self.browser.ask("GET", "/settings")).header("etag")
        both = [
            Deferred.fromCoroutine(
                self.browser.ask("PUT", "/settings", {"theme": str(n)}, {"If-Match": etag})
            )
            for n in range(4)
        ]
        self.assertEqual(sorted(each.status for each in await gatherResults(both)), [200, 412, 412, 412])
