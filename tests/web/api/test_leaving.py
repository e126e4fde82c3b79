"""Clients that leave before they are answered."""

import socket
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.task import deferLater

from tests.web.api.rig import ApiTestCase
from tests.web.raw import head

reactor: Any = installed


class LeavingTests(ApiTestCase):
    web_settings = {"requests_at_once": 1}  # noqa: RUF012

    async def test_who_leaves_while_waiting_for_a_turn_gives_it_back(self) -> None:
        browser = await self.signed_in("alice")
        gate = self.web.admission.requests
        leave = await gate.enter(self.alice.id)
        with socket.create_connection(("127.0.0.1", self.port.getHost().port)) as impatient:
            impatient.sendall(head("GET", "/api/v1/session", Cookie=browser.cookie))
            while not gate._waiting:
                await deferLater(reactor, 0.001)
        for _ in range(3):  # by then the server has seen it go
            self.assertEqual((await self.ask("GET", "/registration")).status, 200)
        leave()
        self.assertEqual((await browser.ask("GET", "/session")).status, 200)
        self.assertEqual(gate._running, {})
