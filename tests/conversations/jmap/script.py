"""Conversations with the web API, written down so that a person can read them.

    ## What it shows
    ^ $blob message/rfc822 Subject: Hello\n\nText
    > Email/import {"emails": {"a": {"blobId": "$blob", "mailboxIds": {"$inbox": true}}}}
    < Email/import {"created": {"a": {"id": "$email"}}, "notCreated": null}

`^` uploads. `>` lines that follow each other are the calls of one request, `<` lines its responses, all of
them. A line that begins with a space goes on with the one before. A response must have what is written,
and may have more; arrays must have just that. "$name" stands for what it met first, in this section;
"$_" for anything but null; keywords such as "$seen" stay what they are. Known at the start: $account, $me,
and a mailbox for each role. accountId is added where a call has none.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CAPABILITIES = [
    f"urn:ietf:params:jmap:{name}"
    for name in ("core", "mail", "submission", "vacationresponse", "quota", "blob", "mdn", "contacts")
] + [f"urn:mailsys:jmap:{name}" for name in ("snooze", "search", "newcomers", "trust")]
_NAME = re.compile(r"\$[a-z]\w*")


@dataclass(slots=True)
class Section:
    title: str
    lines: list[str] = field(default_factory=list)


def read(path: Path) -> list[Section]:
    sections: list[Section] = []
    for line in path.read_text().splitlines():
        if line.startswith("## "):
            sections.append(Section(line[3:]))
        elif line.startswith(" "):
            sections[-1].lines[-1] += line
        elif line[:2] in ("> ", "< ", "^ "):
            sections[-1].lines.append(line)
    return sections


def methods(path: Path) -> set[str]:
    """Those that a file of conversations calls."""
    return {line.split()[1] for section in read(path) for line in section.lines if line.startswith("> ")}


class Client:
    """HTTP with Basic, a connection for each request."""

    def __init__(self, address: str, login: str, password: str) -> None:
        self._address = address  # host:port
        token = base64.b64encode(f"{login}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self.login = login
        self.account = ""

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        connection = http.client.HTTPConnection(self._address, timeout=20)
        headers = self._headers | ({} if body is None else {"Content-Type": kind})
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        assert answer.status < 300, (answer.status, data)
        return json.loads(data)

    def open(self) -> None:
        session = self.ask("GET", "/.well-known/jmap")
        self.account = session["primaryAccounts"][CAPABILITIES[1]]

    def request(self, calls: list[tuple[str, Any]]) -> list[Any]:
        body = {
            "using": CAPABILITIES,
            "methodCalls": [[name, value, str(n)] for n, (name, value) in enumerate(calls)],
        }
        found: list[Any] = self.ask("POST", "/jmap/api", json.dumps(body).encode())["methodResponses"]
        return found

    def upload(self, content: bytes, kind: str) -> str:
        found: str = self.ask("POST", f"/jmap/upload/{self.account}/", content, kind)["blobId"]
        return found


class Conversation:
    """One section, played."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.names: dict[str, Any] = {"$account": client.account, "$me": client.login}
        ((_, boxes, _),) = client.request([("Mailbox/get", {"accountId": client.account, "ids": None})])
        self.names |= {f"${box['role']}": box["id"] for box in boxes["list"] if box["role"]}

    def play(self, section: Section) -> None:
        """Raises AssertionError at the first response that is another."""
        calls: list[tuple[str, Any]] = []
        answers: list[Any] = []
        for line in section.lines:
            mark, rest = line[0], line[2:].strip()
            if mark == "^":
                name, kind, text = rest.split(" ", 2)
                content = text.encode().decode("unicode_escape").replace("\n", "\r\n")
                self.names[name] = self._client.upload(content.encode("latin-1"), kind)
                continue
            name, _, text = rest.partition(" ")
            if mark == ">":
                assert not answers, f"not expected: {answers}"
                value = self._filled(json.loads(text or "{}"))
                if not name.startswith(("Core/", "PushSubscription/")):
                    value.setdefault("accountId", self._client.account)
                calls.append((name, value))
                continue
            if calls:
                answers, calls = self._client.request(calls), []
            assert answers, f"no more responses: {line}"
            kind, given, _ = answers.pop(0)
            self._match({"name": name, "": json.loads(text or "{}")}, {"name": kind, "": given}, given)
        assert not calls, f"nobody looks at the answers to {calls}"
        assert not answers, f"not expected: {answers}"

    def _filled(self, value: Any) -> Any:
        return _mapped(
            value,
            lambda text: _NAME.sub(lambda found: str(self.names.get(found.group(), found.group())), text),
        )

    def _match(self, expected: Any, given: Any, whole: Any) -> None:
        match expected:
            case "$_":
                assert given is not None, whole
            case str() if _NAME.fullmatch(expected):
                assert given is not None, whole
                known = self.names.setdefault(expected, given)
                assert known == given, f"{expected} is {known!r}, not {given!r}, in {json.dumps(whole)}"
            case dict():
                assert isinstance(given, dict), f"{given!r} for {expected!r} in {json.dumps(whole)}"
                for key, value in expected.items():
                    name = _NAME.sub(lambda found: str(self.names.get(found.group(), found.group())), key)
                    assert name in given, f"no {name!r} in {json.dumps(given)}"
                    self._match(value, given[name], whole)
            case list():
                assert isinstance(given, list), f"{given!r} for {expected!r} in {json.dumps(whole)}"
                assert len(expected) == len(given), f"{given!r} for {expected!r}"
                for one, other in zip(expected, given, strict=True):
                    self._match(one, other, whole)
            case str():
                assert self._filled(expected) == given, f"{given!r} for {expected!r} in {json.dumps(whole)}"
            case _:
                same = type(expected) is type(given) and expected == given
                assert same, f"{given!r} for {expected!r} in {json.dumps(whole)}"


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {change(key): _mapped(one, change) for key, one in value.items()}
    if isinstance(value, list):
        return [_mapped(one, change) for one in value]
    return change(value) if isinstance(value, str) else value
