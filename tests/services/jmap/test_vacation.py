"""VacationResponse (RFC 8621 §8), and the answers (RFC 3834)."""

import email
import email.policy
from dataclasses import replace

from mailsys.core.jmap.dates import render_utc_date
from tests.services.jmap.post_rig import PostTestCase
from tests.services.jmap.rig import message

OFF = {
    "id": "singleton",
    "isEnabled": False,
    "fromDate": None,
    "toDate": None,
    "subject": None,
    "textBody": None,
    "htmlBody": None,
}


class SettingTests(PostTestCase):
    async def test_there_is_exactly_one(self):
        found = await self.call("VacationResponse/get", ids=None)
        self.assertEqual(found["list"], [OFF])
        found = await self.call("VacationResponse/get", ids=["singleton", "x"], properties=["isEnabled"])
        self.assertEqual(found["list"], [{"id": "singleton", "isEnabled": False}])
        self.assertEqual(found["notFound"], ["x"])

    async def test_none_can_be_made_or_destroyed(self):
        found = await self.call("VacationResponse/set", create={"v": {}}, destroy=["singleton"])
        self.assertEqual(found["notCreated"]["v"]["type"], "singleton")
        self.assertEqual(found["notDestroyed"]["singleton"]["type"], "singleton")
        self.assertEqual(found["oldState"], found["newState"])

    async def test_all_of_it_can_be_set(self):
        given = {
            "isEnabled": True,
            "fromDate": "2025-11-01T00:00:00Z",
            "toDate": "2026-01-01T00:00:00Z",
            "subject": "Weg",
            "textBody": "Bin weg.",
            "htmlBody": "<p>Bin weg.</p>",
        }
        found = await self.call("VacationResponse/set", update={"singleton": given})
        self.assertEqual(found["updated"], {"singleton": None})
        self.assertNotEqual(found["oldState"], found["newState"])
        (now,) = (await self.call("VacationResponse/get", ids=None))["list"]
        self.assertEqual(now, {"id": "singleton", **given})

    async def test_a_date_with_a_fraction_is_kept_without_and_the_client_is_told(self):
        given = {"fromDate": "2025-11-01T00:00:00.000Z"}
        found = await self.call("VacationResponse/set", update={"singleton": given})
        kept = {"fromDate": "2025-11-01T00:00:00Z"}
        self.assertEqual(found["updated"], {"singleton": kept})
        (now,) = (await self.call("VacationResponse/get", properties=["fromDate"]))["list"]
        self.assertEqual(now, {"id": "singleton", **kept})

    async def test_what_is_wrong_is_named(self):
        for patch, wrong in (
            ({"isEnabled": 1}, ["isEnabled"]),
            ({"isEnabled": None, "subject": 7}, ["subject"]),
            ({"fromDate": "2025-11-01T00:00:00+01:00", "toDate": "soon"}, ["fromDate", "toDate"]),
            ({"subject": "a\r\nBcc: x@y.example"}, ["subject"]),
            ({"textBody": 1, "htmlBody": []}, ["textBody", "htmlBody"]),
            ({"what": 1}, ["what"]),
            ({"id": "x"}, ["id"]),
        ):
            found = await self.call("VacationResponse/set", update={"singleton": patch})
            self.assertEqual(found["notUpdated"]["singleton"]["properties"], wrong)

    async def test_another_id_is_not_found(self):
        found = await self.call("VacationResponse/set", update={"x": {}}, destroy=["y"])
        self.assertEqual(found["notUpdated"]["x"]["type"], "notFound")
        self.assertEqual(found["notDestroyed"]["y"]["type"], "notFound")


class AnswerTests(PostTestCase):
    async def away(self, **given):
        await self.call("VacationResponse/set", update={"singleton": {"isEnabled": True, **given}})

    async def answers(self):
        return [
            (item, email.message_from_bytes(content, policy=email.policy.default))
            for item, content in await self.queued()
        ]

    async def test_the_answer(self):
        await self.away(textBody="Back on Monday.", subject="Away")
        await self.receive(message(more="References: <0@example.net>\n", number=7))
        ((item, answer),) = await self.answers()
        self.assertEqual((item.item.sender, item.item.destination), ("", "remote.example"))
        self.assertEqual([one.address for one in item.item.recipients], ["eve@remote.example"])
        self.assertEqual(answer["From"], "Alice <alice@example.com>")
        self.assertEqual(answer["To"], "eve@remote.example")
        self.assertEqual(answer["Subject"], "Away")
        self.assertEqual(answer["Auto-Submitted"], "auto-replied")
        self.assertEqual(answer["In-Reply-To"], "<7@example.net>")
        self.assertEqual(answer["References"], "<0@example.net> <7@example.net>")
        self.assertEqual(answer.get_content().strip(), "Back on Monday.")

    async def test_what_is_not_given_is_made(self):
        await self.away()
        await self.receive(message(subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?="))
        ((_, answer),) = await self.answers()
        self.assertEqual(answer["Subject"], "Auto: Grüße")
        self.assertIn("automatic answer", answer.get_content())

    async def test_html_alone_gets_its_text(self):
        await self.away(htmlBody="<p>Gone <b>fishing</b></p>")
        await self.receive(message())
        ((_, answer),) = await self.answers()
        self.assertEqual(answer.get_content_type(), "multipart/alternative")
        text, html = answer.iter_parts()
        self.assertIn("Gone fishing", text.get_content())
        self.assertIn("<b>fishing</b>", html.get_content())

    async def test_once_per_sender_in_a_week_even_over_a_restart(self):
        await self.away()
        for number in range(3):
            await self.receive(
                message(number=number), sender="EVE@remote.example" if number else "eve@remote.example"
            )
        self.assertEqual(len(await self.answers()), 1)
        await self.receive(message(), sender="other@remote.example")
        self.assertEqual(len(await self.answers()), 2)
        again = self.new_responder()
        self.responder = again
        self.reception.intake = replace(self.reception.intake, arrivals=again)
        await self.receive(message())
        self.assertEqual(len(await self.answers()), 2)
        self.clock.advance(7 * 86400)
        await self.receive(message())
        self.assertEqual(len(await self.answers()), 3)

    async def test_who_goes_away_anew_answers_everybody_anew(self):
        await self.away()
        await self.receive(message())
        await self.call("VacationResponse/set", update={"singleton": {"isEnabled": False}})
        await self.receive(message(), sender="other@remote.example")
        self.assertEqual(len(await self.answers()), 1)
        await self.away()
        await self.receive(message())
        self.assertEqual(len(await self.answers()), 2)

    async def test_only_between_the_dates(self):
        now = self.clock.seconds()
        await self.away(fromDate=render_utc_date(now + 100), toDate=render_utc_date(now + 200))
        for expected, seconds in ((0, 99), (1, 1), (1, 100)):
            self.clock.advance(seconds)
            await self.receive(message(), sender=f"eve{seconds}@remote.example")
            self.assertEqual(len(await self.answers()), expected)

    async def test_only_when_one_is_named(self):
        await self.away()
        await self.receive(message(to="friends@remote.example"))
        self.assertEqual(await self.answers(), [])
        await self.alias("sales@example.com")
        await self.receive(message(to="friends@remote.example, Sales <SALES@example.com>"))
        ((_, answer),) = await self.answers()
        self.assertEqual(answer["From"].addresses[0].addr_spec.lower(), "sales@example.com")

    async def test_cc_will_do(self):
        await self.away()
        await self.receive(message(to="x@remote.example", more="Cc: alice@example.com\n"))
        self.assertEqual(len(await self.answers()), 1)

    async def test_never_to_robots_lists_and_the_null_sender(self):
        await self.away()
        for sender in (
            "", "mailer-daemon@remote.example", "noreply@shop.example", "No-Reply+7@shop.example",
            "friends-request@lists.example", "owner-friends@lists.example", "friends-owner@lists.example",
            "bounces+alice=example.com@lists.example", "alice@example.com", "alice+self@example.com",
        ):  # fmt: skip
            await self.receive(message(), sender=sender)
        for more in (
            "List-Id: <friends.lists.example>", "List-Unsubscribe: <mailto:x@y.example>",
            "Auto-Submitted: auto-generated", "Auto-Submitted: auto-replied; x=y", "Precedence: bulk",
            "Precedence: list", "X-Auto-Response-Suppress: OOF", "X-Autoreply: yes",
        ):  # fmt: skip
            await self.receive(message(more=f"{more}\n"))
        self.assertEqual(await self.answers(), [])
        await self.receive(message(more="Auto-Submitted: no\n"))
        self.assertEqual(len(await self.answers()), 1)

    async def test_two_who_are_away_do_not_answer_each_other_for_ever(self):
        await self.away()
        await self.as_bob("VacationResponse/set", update={"singleton": {"isEnabled": True}})
        self.start_sending()
        await self.submit(await self.draft())
        for _ in range(10):
            await self.quiet()
        (answer,) = await self.inbox_of(self.alice)
        self.assertIn(b"Auto-Submitted: auto-replied", answer)
        self.assertEqual(len(await self.inbox_of(self.bob)), 1)
        self.assertEqual(await self.items(), [])

    async def test_a_flood_of_senders_is_not_answered_without_end(self):
        await self.away()
        for number in range(110):
            await self.receive(message(), sender=f"eve{number}@remote.example")
        self.assertEqual(len(await self.answers()), 100)

    async def test_who_is_not_away_does_not_answer(self):
        await self.away()
        await self.receive(message(to="bob@example.com"), to="bob@example.com")
        self.assertEqual(await self.answers(), [])
