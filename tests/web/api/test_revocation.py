"""Streams end with the credentials they were opened with, at once (RFC 8887 §4.1)."""

from base64 import b64encode
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.web.http_headers import Headers

from mailsys.core.jmap.ids import account_id
from mailsys.services.access.standing import Standing
from tests.web.api.rig import DOMAIN, PASSWORDS, ApiTestCase, Browser, reactor

NEW = "another tea for alice"


class Stream(Protocol):
    """An open event stream; `over` fires with its end."""

    def __init__(self) -> None:
        self.over: Deferred[None] = Deferred()

    def connectionLost(self, reason: Any = None) -> None:
        self.over.callback(None)


def basic(who: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{who}@{DOMAIN}:{PASSWORDS[who]}".encode()).decode()}


class RevocationTests(ApiTestCase):
    async def listen(self, headers: dict[str, str]) -> Stream:
        url = f"{self.url}/jmap/eventsource/?types=*&closeafter=no&ping=0"
        given = Headers({name: [value] for name, value in headers.items()})
        response: Any = await self.agent.request(b"GET", url.encode(), given)
        self.assertEqual(response.code, 200)
        stream = Stream()
        response.deliverBody(stream)
        return stream

    async def all_of_alice(self) -> tuple[Browser, Browser, dict[str, Stream]]:
        """Two browsers, a program with an app password, one with the password, and bob."""
        here, there = await self.signed_in("alice"), await self.signed_in("alice")
        bob = await self.signed_in("bob")
        made = await here.make_app_password("mail")
        self.app_password = made.json["appPassword"]["id"]
        streams = {
            "here": await self.listen({"Cookie": here.cookie}),
            "there": await self.listen({"Cookie": there.cookie}),
            "program": await self.listen(self.bearer(made.json["secret"])),
            "password": await self.listen(basic("alice")),
            "bob": await self.listen({"Cookie": bob.cookie}),
        }
        return here, there, streams

    async def only(self, streams: dict[str, Stream], *ended: str) -> None:
        """Those ended, or do now, and no others."""
        for name in ended:
            await streams[name].over.addTimeout(5, reactor)
        self.assertEqual({name for name, one in streams.items() if one.over.called}, set(ended))
        for one in streams.values():
            if not one.over.called:
                one.transport.loseConnection()
                await one.over

    async def test_signing_out_ends_ones_own(self) -> None:
        here, _, streams = await self.all_of_alice()
        await here.ask("DELETE", "/session")
        await self.only(streams, "here")

    async def test_ending_a_session_ends_its_own(self) -> None:
        here, there, streams = await self.all_of_alice()
        answer = await here.ask("DELETE", f"/sessions/{there.me['sessionId']}")
        self.assertEqual(answer.status, 204)
        await self.only(streams, "there")

    async def test_signing_out_everywhere_else_spares_this_one_and_programs(self) -> None:
        here, _, streams = await self.all_of_alice()
        await here.ask("DELETE", "/sessions")
        await self.only(streams, "there")

    async def test_revoking_an_app_password_ends_what_it_opened(self) -> None:
        here, _, streams = await self.all_of_alice()
        await here.ask("DELETE", f"/app-passwords/{self.app_password}")
        await self.only(streams, "program")

    async def test_a_new_password_ends_what_the_old_one_opened(self) -> None:
        here, _, streams = await self.all_of_alice()
        body = {"oldPassword": PASSWORDS["alice"], "newPassword": NEW}
        self.assertEqual((await here.ask("POST", "/password", body)).status, 200)
        await self.only(streams, "there", "password")

    async def test_disabling_an_account_ends_all_of_it(self) -> None:
        _, _, streams = await self.all_of_alice()
        root = await self.signed_in("root")
        answer = await root.ask("PATCH", f"/accounts/{account_id(self.alice.id)}", {"enabled": False})
        self.assertEqual(answer.status, 200, answer.body)
        await self.only(streams, "here", "there", "program", "password")

    async def test_removing_an_account_ends_all_of_it(self) -> None:
        _, _, streams = await self.all_of_alice()
        root = await self.signed_in("root")
        answer = await root.ask("DELETE", f"/accounts/{account_id(self.alice.id)}")
        self.assertEqual(answer.status, 204, answer.body)
        await self.only(streams, "here", "there", "program", "password")

    async def test_an_expired_app_password_ends_what_it_opened(self) -> None:
        _, secret = await self.access.app_passwords.create(
            self.alice.id, "p", ["mail"], self.clock.seconds() + 60
        )
        streams = {
            "program": await self.listen(self.bearer(secret)),
            "password": await self.listen(basic("alice")),
        }
        self.clock.shift += 61
        await self.web.streams._look()
        await self.only(streams, "program")

    async def test_what_holds_is_known(self) -> None:
        here = await self.signed_in("alice")
        made = await here.make_app_password("mail")
        names = f"session:{here.me['sessionId']}", f"app:{made.json['appPassword']['id']}"
        standing = Standing(self.access.sessions, self.access.app_passwords)
        for credential in (*names, "password"):
            self.assertTrue(await standing.holds(self.alice.id, credential), credential)
        await here.ask("DELETE", f"/app-passwords/{made.json['appPassword']['id']}")
        await here.ask("DELETE", "/session")
        for credential in names:
            self.assertFalse(await standing.holds(self.alice.id, credential), credential)
