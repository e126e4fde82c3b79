"""Leaving lists by one click (RFC 8058): what goes out, when, to whom it may not go, and what is told."""

from typing import Any

from mailsys.core.jmap.ids import email_id
from mailsys.core.message.analysis import analyse
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.services.outbound.unsubscribe import ways_out
from tests.web.api.test_outward import OutwardTestCase

POST = "List-Unsubscribe-Post: List-Unsubscribe=One-Click"


class UnsubscribeTestCase(OutwardTestCase):
    async def from_list(self, *fields: str) -> str:
        """The id of an email of alice's with these fields."""
        message = "\r\n".join([*fields, "Subject: News", "", "Hello", ""]).encode()
        done = await self.mail.accept(
            Acceptance(
                self.blobs.stage(message), analyse(message), 1.7e9, (Delivery(self.alice.id),),
                header=message[: message.find(b"\r\n\r\n") + 4],
            )
        )  # fmt: skip
        (delivered,) = done.delivered
        return email_id(delivered.email)

    async def leave(self, email: str) -> Any:
        return await self.browser.ask("POST", f"/emails/{email}/unsubscribe")


class UnsubscribeTests(UnsubscribeTestCase):
    async def test_one_click_is_one_post_that_tells_nothing_of_the_reader(self) -> None:
        self.elsewhere.answers[b"/u"] = (202, {}, b"bye")
        email = await self.from_list(f"List-Unsubscribe: <mailto:l@x.test>, <{self.there}/u?t=1#x>", POST)
        answer = await self.leave(email)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertTrue(answer.json["done"])
        ((path, headers, body),) = self.elsewhere.asked
        self.assertEqual((path, body), (b"/u", b"List-Unsubscribe=One-Click"))
        self.assertEqual(headers[b"Content-Type"], [b"application/x-www-form-urlencoded"])
        told = {name.lower() for name in headers}
        self.assertFalse(told & {b"cookie", b"referer", b"x-forwarded-for", b"authorization", b"origin"})

    async def test_without_the_post_field_nothing_goes_out_and_the_ways_are_told(self) -> None:
        email = await self.from_list(f"List-Unsubscribe: <{self.there}/u>, <mailto:l@x.test?subject=off>")
        self.assertEqual(
            (await self.leave(email)).json,
            {"done": False, "mail": "mailto:l@x.test?subject=off", "page": f"{self.there}/u"},
        )
        self.assertEqual(self.elsewhere.asked, [])

    async def test_a_message_without_a_way_out_says_so(self) -> None:
        self.assertEqual((await self.leave(await self.from_list())).status, 409)
        email = await self.from_list("List-Unsubscribe: <ftp://x.test/>, <javascript:alert(1)>", POST)
        self.assertEqual((await self.leave(email)).status, 409)
        for unknown in ("M999", "nothing", "M"):
            self.assertEqual((await self.leave(unknown)).status, 404)

    async def test_redirects_and_refusals_are_failures(self) -> None:
        self.elsewhere.answers[b"/moved"] = (302, {b"location": b"/u"}, b"")
        self.elsewhere.answers[b"/u"] = (200, {}, b"")
        for path in ("/moved", "/nothing"):
            email = await self.from_list(f"List-Unsubscribe: <{self.there}{path}>", POST)
            self.assertEqual((await self.leave(email)).status, 502, path)
        self.assertEqual([path for path, _, _ in self.elsewhere.asked], [b"/moved", b"/nothing"])

    async def test_a_long_answer_is_cut_off_and_counts_all_the_same(self) -> None:
        self.elsewhere.answers[b"/long"] = (200, {}, bytes(1024 * 1024))
        email = await self.from_list(f"List-Unsubscribe: <{self.there}/long>", POST)
        self.assertTrue((await self.leave(email)).json["done"])

    async def test_a_list_that_does_not_answer_is_given_up(self) -> None:
        email = await self.from_list("List-Unsubscribe: <http://127.0.0.1:1/u>", POST)
        self.assertEqual((await self.leave(email)).status, 502)

    async def test_who_asks_too_often_is_told_to_wait(self) -> None:
        self.elsewhere.answers[b"/u"] = (200, {}, b"")
        email = await self.from_list(f"List-Unsubscribe: <{self.there}/u>", POST)
        await self.counters.hit(f"unsubscribe:{self.alice.id}", 3600.0, 60)
        self.assertEqual((await self.leave(email)).status, 429)
        self.assertEqual(self.elsewhere.asked, [])

    async def test_an_app_password_that_may_only_read_does_not_leave_lists(self) -> None:
        email = await self.from_list(f"List-Unsubscribe: <{self.there}/u>", POST)
        made = await self.browser.make_app_password("mail:read", "api")
        headers = self.bearer(made.json["secret"])
        answer = await self.ask("POST", f"/emails/{email}/unsubscribe", None, headers)
        self.assertEqual(answer.status, 403)


class InsideTests(UnsubscribeTestCase):
    web_settings = {"push_to_private": False}  # noqa: RUF012

    async def test_nothing_inside_is_asked(self) -> None:
        for url in (
            "https://127.0.0.1:8443/u",
            "https://10.0.0.1/u",
            "https://[::1]/u",
            "https://169.254.169.254/latest",
            "https://localhost/u",
            "https://user:pass@x.test/u",
            "https://x.test:25/u",
        ):
            email = await self.from_list(f"List-Unsubscribe: <{url}>", POST)
            self.assertEqual((await self.leave(email)).status, 403, url)

    async def test_plain_http_is_no_way_out(self) -> None:
        email = await self.from_list(f"List-Unsubscribe: <{self.there}/u>", POST)
        self.assertEqual((await self.leave(email)).status, 409)
        self.assertEqual(self.elsewhere.asked, [])


class WaysOutTests(UnsubscribeTestCase):
    def ways(self, *fields: str) -> Any:
        return ways_out("".join(f"{each}\r\n" for each in fields).encode())

    async def test_folds_case_and_order_do_not_matter(self) -> None:
        ways = self.ways("list-UNSUBSCRIBE: (a comment)\r\n <HTTPS://x.test/a\r\n b>,\r\n <MAILTO:l@x.test>",
                         "LIST-unsubscribe-POST:  list-unsubscribe=one-click ")  # fmt: skip
        self.assertEqual((ways.one_click, ways.mail), ("HTTPS://x.test/ab", "MAILTO:l@x.test"))

    async def test_only_the_agreed_words_allow_the_post(self) -> None:
        for value in ("", "One-Click", "List-Unsubscribe=One-Click&more=1", "List-Unsubscribe=Two-Clicks"):
            ways = self.ways("List-Unsubscribe: <https://x.test/>", f"List-Unsubscribe-Post: {value}")
            self.assertEqual((ways.one_click, ways.page), (None, "https://x.test/"), value)
