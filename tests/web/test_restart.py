"""A whole system that is killed: clients come back and hear of what they missed."""

import base64
import http.client
import json
import smtplib
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from tests.system.local import LocalSystem


class RestartTests(TestCase):
    def stream(self, system: LocalSystem, last: str | None = None) -> tuple[Any, http.client.HTTPResponse]:
        address, password = system.account()
        token = base64.b64encode(f"{address}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}"} | ({} if last is None else {"Last-Event-ID": last})
        connection = http.client.HTTPConnection("127.0.0.1", system.port("http"), timeout=10)
        connection.request("GET", "/jmap/eventsource/?types=Email&closeafter=no&ping=0", headers=headers)
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        return connection, response

    def event(self, response: http.client.HTTPResponse) -> dict[str, str]:
        fields: dict[str, str] = {}
        while True:
            line = response.readline().decode().rstrip("\n")
            if not line and "event" in fields:
                return fields
            name, found, value = line.partition(": ")
            if found:
                fields[name] = value

    def deliver(self, system: LocalSystem) -> None:
        with smtplib.SMTP("127.0.0.1", system.port("smtp"), timeout=10) as client:
            client.sendmail("eve@elsewhere.test", [system.account()[0]], "Subject: hello\r\n\r\nHello\r\n")

    def test_what_came_while_nobody_listened_is_told_after_a_kill(self) -> None:
        folder = Path(self.mktemp()).absolute()
        options = ("--no-checks", "--state", str(folder / "state"))
        first = LocalSystem(*options, folder=folder / "1")
        self.addCleanup(first.close)
        connection, response = self.stream(first)
        self.deliver(first)
        known = self.event(response)
        connection.close()
        self.deliver(first)
        first.process.kill()
        first.process.wait()
        second = LocalSystem(*options, folder=folder / "2")
        self.addCleanup(second.close)
        connection, response = self.stream(second, known["id"])
        missed = self.event(response)
        connection.close()
        states = [next(iter(json.loads(each["data"])["changed"].values())) for each in (known, missed)]
        self.assertGreater(int(states[1]["Email"]), int(states[0]["Email"]))
        connection, response = self.stream(second, missed["id"])  # and nothing is told twice
        connection.sock.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            self.event(response)
        connection.close()
