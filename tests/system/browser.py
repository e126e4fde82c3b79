"""A person at the web client, without the page: cookie, CSRF token, JMAP and `/api/v1`, over HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlencode

from tests.system.local import PATIENCE, LocalSystem
from tests.web.api.contract import Contract

USING = [
    "urn:ietf:params:jmap:core",
    "urn:ietf:params:jmap:mail",
    "urn:ietf:params:jmap:submission",
    "urn:mailsys:jmap:newcomers",
    "urn:mailsys:jmap:trust",
]


class Answer:
    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """What `/api/v1` answers is held against its document."""

    def __init__(self, system: LocalSystem) -> None:
        self._system = system
        self._connection = http.client.HTTPConnection("127.0.0.1", system.port("http"), timeout=PATIENCE)
        self.cookie = self.csrf = self.account = self.address = ""
        self._contract: Contract | None = None
        self._contract = Contract(self.ask("GET", "/api/v1/openapi.json").json)

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        given = dict(headers or {})
        if self.cookie:
            given |= {"Cookie": self.cookie, "X-CSRF-Token": self.csrf}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        self._connection.request(method, path, body, given)
        response = self._connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        for each in response.headers.get_all("Set-Cookie") or []:
            if "mailsys-known=" not in each:
                self.cookie = each.partition(";")[0]
        if path.startswith("/api/") and self._contract is not None:
            self._contract.check(method, path, answer)
        return answer

    def sign_in(self, login: str, password: str) -> Answer:
        self.password = password
        answer = self.ask("POST", "/api/v1/session", {"login": login, "password": password})
        if answer.status == 200:
            me = answer.json["session"]
            self.csrf, self.account, self.address = me["csrf"], me["accountId"], me["address"]
        return answer

    def suggested(self, text: str) -> list[tuple[str, int, int]]:
        """(address, sent, received) of those whom `text` may mean."""
        answer = self.ask("GET", f"/api/v1/suggestions?{urlencode({'q': text})}").json
        return [(each["address"], each["sent"], each["received"]) for each in answer["suggestions"]]

    def timeline(self, email: str) -> list[Any]:
        answer = self.ask("GET", f"/api/v1/emails/{email}/timeline")
        assert answer.status == 200, answer.body
        return list(answer.json["steps"])

    # -- mail --------------------------------------------------------------------------------------------

    def calls(self, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """The answers, of which none is an error."""
        invocations = [
            [name, {"accountId": self.account, **arguments}, str(n)]
            for n, (name, arguments) in enumerate(calls)
        ]
        answer = self.ask("POST", "/jmap/api", {"using": USING, "methodCalls": invocations})
        assert answer.status == 200, answer.body
        found = answer.json["methodResponses"]
        assert all(each[0] != "error" for each in found), found
        return [each[1] for each in found]

    def call(self, name: str, **arguments: Any) -> Any:
        return self.calls((name, arguments))[0]

    def mailbox(self, role: str) -> str:
        (found,) = self.call("Mailbox/query", filter={"role": role})["ids"]
        return str(found)

    def emails(self, role: str | None = None, **filters: Any) -> list[str]:
        if role is not None:
            filters["inMailbox"] = self.mailbox(role)
        found: list[str] = self.call(
            "Email/query", filter=filters, sort=[{"property": "receivedAt", "isAscending": False}]
        )["ids"]
        return found

    def get(self, email: str, *properties: str, **more: Any) -> Any:
        (found,) = self.call("Email/get", ids=[email], properties=list(properties) or None, **more)["list"]
        return found

    def upload(self, content: bytes, kind: str = "application/octet-stream") -> str:
        path = f"/jmap/upload/{self.account}/"
        answer = self.ask("POST", path, content, {"Content-Type": kind})
        assert answer.status == 201, answer.body
        return str(answer.json["blobId"])

    def send(
        self, to: list[str], subject: str = "", text: str = "Hello", undo: int | None = None, **more: Any
    ) -> str:
        """The id of the email, which is kept in Sent. `undo`: seconds for which it can be taken back."""
        identity = self.call("Identity/get")["list"][0]
        mail = {
            "mailboxIds": {self.mailbox("sent"): True},
            "keywords": {"$seen": True},
            "from": [{"email": self.address, "name": None}],
            "to": [{"email": each, "name": None} for each in to],
            "subject": subject,
            "bodyValues": {"1": {"value": text}},
            "textBody": [{"partId": "1", "type": "text/plain"}],
            **more,
        }
        submission = {"emailId": "#e", "identityId": identity["id"]}
        if undo is not None:
            held = {"email": self.address, "parameters": {"HOLDFOR": str(undo)}}
            submission["envelope"] = {"mailFrom": held, "rcptTo": [{"email": each} for each in to]}
        made, sent = self.calls(
            ("Email/set", {"create": {"e": mail}}),
            ("EmailSubmission/set", {"create": {"s": submission}}),
        )[:2]
        assert sent["created"], (made, sent)
        return str(made["created"]["e"]["id"])
