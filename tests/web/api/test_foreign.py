"""Nobody reaches what is another's: every route that names something is walked with another account's ids."""

from typing import Any

from mailsys.core.jmap.ids import account_id, blob_id, email_id
from mailsys.core.message.analysis import analyse
from mailsys.ports.emails import Column
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.ports.timeline import Stage, TimelineEntry
from tests.web.api.rig import PASSWORDS, ApiTestCase, Browser

TRACE = "0123456789abcdef"


class ForeignTests(ApiTestCase):
    web_settings = {"registration": "invite"}  # noqa: RUF012

    async def open(self) -> None:
        await super().open()
        self.owner = await self.signed_in("alice")
        self.session = await self.signed_in("alice")
        made = await self.owner.make_app_password("mail")
        self.app_password = made.json["appPassword"]["id"]
        made = await self.owner.ask("POST", "/webhooks", {"url": "http://127.0.0.1:9/"})
        self.webhook = made.json["webhook"]["id"]
        self.root_browser = await self.signed_in("root")
        made = await self.root_browser.ask("POST", "/invites", {"domain": "example.com"})
        self.invite = made.json["invite"]["id"]
        head = (
            b"Received: from a by mail.example.com with SMTP id %b; x\r\nSubject: secret\r\n\r\n"
            % TRACE.encode()
        )
        message = head + b"Hello\r\n"
        item = NewQueueItem(
            "remote.example", "alice@example.com", (QueueRecipient("x@remote.example"),), 1e12, 1.7e9,
            TRACE, account=self.alice.id,
        )  # fmt: skip
        done = await self.mail.accept(
            Acceptance(
                self.blobs.stage(message), analyse(message), 1.7e9, (Delivery(self.alice.id),), (item,),
                (TimelineEntry(TRACE, 1.7e9, Stage.SUBMITTED, self.alice.id),), head,
            )
        )  # fmt: skip
        (delivered,) = done.delivered
        self.email = delivered.email
        (queued,) = await self.queue.items(10)
        self.item = f"Q{queued.id}"
        rows = await self.mail.fetch(self.alice.id, [self.email], [Column.BLOB])
        self.blob = blob_id(rows[self.email][0])

    def asked(self) -> list[tuple[str, str, Any, set[int]]]:
        """Method, path, body, and what a stranger may be told."""
        alice = account_id(self.alice.id)
        hidden = {404}
        closed = {403}
        return [
            ("DELETE", f"/sessions/{self.session.me['sessionId']}", None, hidden),
            ("DELETE", f"/app-passwords/{self.app_password}", None, hidden),
            ("PATCH", f"/webhooks/{self.webhook}", {"enabled": False}, hidden),
            ("DELETE", f"/webhooks/{self.webhook}", None, hidden),
            ("POST", "/passkeys/abc/remove", {"password": PASSWORDS["bob"]}, hidden),
            ("GET", f"/timelines/{TRACE}", None, hidden),
            ("GET", f"/emails/{email_id(self.email)}/timeline", None, hidden),
            ("POST", f"/emails/{email_id(self.email)}/unsubscribe", None, hidden),
            ("POST", "/contacts/import", {"blobId": self.blob}, hidden),
            ("GET", f"/queue/{self.item}", None, hidden),
            ("POST", f"/queue/{self.item}/hold", None, hidden),
            ("POST", f"/queue/{self.item}/retry", None, hidden),
            ("DELETE", f"/queue/{self.item}", None, hidden),
            ("GET", f"/queue?account={alice}", None, closed),
            ("GET", "/queue?all=true", None, closed),
            ("GET", "/accounts", None, closed),
            ("GET", f"/accounts/{alice}", None, closed),
            ("PATCH", f"/accounts/{alice}", {"name": "x"}, closed),
            ("DELETE", f"/accounts/{alice}", None, closed),
            ("POST", f"/accounts/{alice}/password", {"password": "violet harbour 9"}, closed),
            ("DELETE", f"/accounts/{alice}/sessions", None, closed),
            ("POST", "/accounts", {"address": "x@example.com", "password": "violet harbour 9"}, closed),
            ("GET", "/domains", None, closed),
            ("POST", "/domains", {"name": "new.example"}, closed),
            ("GET", "/domains/example.com", None, closed),
            ("PATCH", "/domains/example.com", {"catchAll": ""}, closed),
            ("DELETE", "/domains/example.com", None, closed),
            ("GET", "/domains/example.com/records", None, closed),
            ("GET", "/aliases", None, closed),
            ("POST", "/aliases", {"address": "y@example.com", "account": alice}, closed),
            ("DELETE", "/aliases/y@example.com", None, closed),
            ("GET", "/invites", None, closed),
            ("POST", "/invites", {"domain": "example.com"}, closed),
            ("DELETE", f"/invites/{self.invite}", None, closed),
            ("POST", "/send", {"from": {"address": "alice@example.com"},
                               "to": [{"address": "bob@example.com"}]}, closed),
            ("POST", "/send", {"to": [{"address": "bob@example.com"}],
                               "attachments": [{"name": "a", "blobId": self.blob}]}, {422}),
        ]  # fmt: skip

    async def assert_untouched(self) -> None:
        self.assertEqual((await self.session.ask("GET", "/session")).status, 200)
        found = (await self.owner.ask("GET", "/app-passwords")).json["appPasswords"]
        self.assertEqual(len(found), 1)
        (hook,) = (await self.owner.ask("GET", "/webhooks")).json["webhooks"]
        self.assertTrue(hook["enabled"])
        (item,) = await self.queue.items(10)
        self.assertFalse(item.item.hold)
        self.assertEqual((await Browser(self).sign_in("alice")).status, 200)
        account = await self.accounts.account(self.alice.id)
        self.assertEqual(account.name, "Alice")

    async def test_another_user_reaches_nothing(self) -> None:
        browser = await self.signed_in("bob")
        for method, path, body, allowed in self.asked():
            answer = await browser.ask(method, path, body)
            self.assertIn(answer.status, allowed, (method, path, answer.body))
        await self.assert_untouched()

    async def test_lists_hold_ones_own_only(self) -> None:
        browser = await self.signed_in("bob")
        for path, name in (("/app-passwords", "appPasswords"), ("/webhooks", "webhooks"),
                           ("/passkeys", "passkeys"), ("/queue", "items")):  # fmt: skip
            self.assertEqual((await browser.ask("GET", path)).json[name], [], path)
        (session,) = (await browser.ask("GET", "/sessions")).json["sessions"]
        self.assertTrue(session["current"])
        self.assertEqual((await browser.ask("GET", "/settings")).json, {})
        self.assertEqual((await browser.ask("GET", "/suggestions?q=a")).json["suggestions"], [])

    async def test_an_administrator_of_another_domain_reaches_nothing(self) -> None:
        await self.root_browser.ask(
            "PATCH", f"/accounts/{account_id(self.carol.id)}", {"adminOf": ["example.org"]}
        )
        browser = await self.signed_in("carol", login="carol@example.org")
        alice = account_id(self.alice.id)
        for method, path, body, _ in self.asked():
            if (
                path in ("/accounts", "/domains", "/aliases", "/invites", "/queue?all=true")
                and method == "GET"
            ):
                continue
            if path == "/passkeys/abc/remove":
                continue
            answer = await browser.ask(method, path, body)
            self.assertIn(answer.status, {403, 404, 422}, (method, path, answer.body))
        listed = (await browser.ask("GET", "/accounts")).json["accounts"]
        self.assertEqual([each["address"] for each in listed], ["carol@example.org"])
        listed = (await browser.ask("GET", "/domains")).json["domains"]
        self.assertEqual([each["name"] for each in listed], ["example.org"])
        self.assertEqual((await browser.ask("GET", "/queue?all=true")).json["items"], [])
        self.assertEqual((await browser.ask("GET", f"/aliases?account={alice}")).status, 404)
        await self.assert_untouched()
