"""One account's ids in another's hands: every JMAP method and every route that the document names is called
with them. Nothing of the owner's is told, and nothing of it changes."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mailsys
from tests.system.browser import Browser
from tests.system.test_everyday import EverydayTestCase

WORD = "Ariadne"  # stands in all that is alice's
USING = [
    "urn:ietf:params:jmap:core",
    *(f"urn:ietf:params:jmap:{name}" for name in ("mail", "submission", "vacationresponse", "quota", "blob")),
    *("urn:ietf:params:jmap:mdn", "urn:ietf:params:jmap:contacts", "urn:mailsys:jmap:snooze"),
]
_REGISTERED = re.compile(r"""api\.register\(\s*"([A-Za-z]+/[A-Za-z]+)\"""")
METHODS = sorted(
    {
        name
        for path in Path(mailsys.__file__).parent.rglob("*.py")
        for name in _REGISTERED.findall(path.read_text())
    }
    - {"Core/echo"}
)
# These belong to who asks, and have no account (RFC 8620 §7.2).
OF_THE_CALLER = {"PushSubscription/get", "PushSubscription/set"}


class ForeignIdTests(EverydayTestCase):
    options = ("--registration", "invite", "--admin", "root@local.test")

    def methods(self, browser: Browser, name: str, arguments: dict[str, Any]) -> tuple[str, Any, str]:
        """(name, arguments of the answer, the whole text)."""
        answer = browser.ask("POST", "/jmap/api", {"using": USING, "methodCalls": [[name, arguments, "0"]]})
        self.assertEqual(answer.status, 200, (name, answer.body))
        (found,) = answer.json["methodResponses"][:1]
        return found[0], found[1], answer.body.decode()

    def made(self, name: str, **arguments: Any) -> Any:
        kind, answer, _ = self.methods(self.alice, name, {"accountId": self.alice.account, **arguments})
        self.assertEqual(kind, name, answer)
        return answer

    def furnish(self) -> None:
        alice = self.alice
        self.arrive(f"Subject: {WORD} in\nMessage-ID: <a@x.test>\n\n{WORD}\n")
        received = self.found(alice, f"{WORD} in")
        identity = self.made("Identity/get")["list"][0]["id"]
        self.made("Identity/set", update={identity: {"textSignature": WORD}})
        box = self.made("Mailbox/set", create={"b": {"name": WORD}})["created"]["b"]["id"]
        sent = alice.send(["dora@remote.test"], f"{WORD} out", WORD)
        submission = self.made("EmailSubmission/query")["ids"][0]
        book = self.made("AddressBook/set", create={"b": {"name": WORD}})["created"]["b"]["id"]
        card = self.made("ContactCard/set", create={"c": {
            "@type": "Card", "version": "1.0", "addressBookIds": {book: True}, "name": {"full": WORD},
        }})["created"]["c"]["id"]  # fmt: skip
        self.made("VacationResponse/set", update={"singleton": {"textBody": WORD}})
        upload = alice.upload(WORD.encode())
        email = alice.get(received, "blobId", "threadId")
        made = alice.ask(
            "POST", "/api/v1/app-passwords", {"name": WORD, "scopes": ["api"], "password": alice.password}
        ).json
        hook = {"url": f"http://127.0.0.1:9/{WORD}"}
        hook_made = alice.ask("POST", "/api/v1/webhooks", hook).json
        sessions = alice.ask("GET", "/api/v1/sessions").json["sessions"]
        queued = alice.ask("GET", "/api/v1/queue").json["items"]
        timeline = alice.ask("GET", f"/api/v1/emails/{sent}/timeline").json
        self.ids = [
            *(
                received,
                sent,
                email["threadId"],
                box,
                identity,
                submission,
                book,
                card,
                "singleton",
                "octets",
            ),
            *(upload, email["blobId"], made["appPassword"]["id"], hook_made["webhook"]["id"]),
            *(each["id"] for each in [*sessions, *queued]),
            *(timeline["trace"], alice.account, alice.address, "local.test"),
        ]
        self.emails, self.blobs = [received, sent], [upload, email["blobId"]]
        self.card, self.box, self.identity = card, box, identity

    def arguments(self, name: str, account: str) -> dict[str, Any]:
        """Of each method, what could reach a thing by its id."""
        verb = name.partition("/")[2]
        given: dict[str, Any] = {"accountId": account}
        other = self.bob.account if account == self.alice.account else self.alice.account
        if name == "SearchSnippet/get":
            return given | {"emailIds": self.emails, "filter": {"text": WORD}}
        if name == "Blob/lookup":
            return given | {"typeNames": ["Email", "Mailbox", "Thread"], "ids": self.blobs}
        if name == "Blob/upload":
            return given | {"create": {"u": {"data": [{"blobId": self.blobs[0]}]}}}
        if name == "Blob/copy":
            return given | {"fromAccountId": other, "blobIds": self.blobs}
        if name == "MDN/send":
            how = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}
            mdn = {"forEmailId": self.emails[0], "disposition": how}
            return given | {"identityId": self.identity, "send": {"m": mdn}}
        if verb == "parse":
            return given | {"blobIds": self.blobs}
        if verb == "import":
            return given | {"emails": {"i": {"blobId": self.blobs[1], "mailboxIds": {self.box: True}}}}
        if verb == "copy":
            copied = {"id": self.card if "Card" in name else self.emails[0]}
            return given | {"fromAccountId": other, "create": {"c": copied}}
        if verb == "set":
            patches = {"name": "stolen"}
            return given | {"update": dict.fromkeys(self.ids, patches), "destroy": self.ids}
        if verb == "get":
            return given | {"ids": self.ids}
        if verb in ("changes", "queryChanges"):
            return given | {"sinceState" if verb == "changes" else "sinceQueryState": "0"}
        return given

    def state(self) -> Any:
        """All that is alice's, as she sees it."""
        gets = [
            each
            for each in METHODS
            if each.endswith("/get")
            and each.partition("/")[0] not in ("SearchSnippet", "Blob", "PushSubscription")
        ]
        found = {name: self.made(name, ids=None)["list"] for name in gets if name != "Thread/get"}
        for path in ("app-passwords", "webhooks", "sessions", "queue"):
            listed = self.alice.ask("GET", f"/api/v1/{path}").json
            for each in next(iter(value for value in listed.values() if isinstance(value, list))):
                for moving in (
                    "seen",
                    "lastAt",
                    "lastStatus",
                    "failingSince",
                    "attempts",
                    "due",
                    "recipients",
                ):
                    each.pop(moving, None)
            found[path] = listed
        return found

    def test_nothing_is_reached_by_them(self) -> None:
        self.furnish()
        before = self.state()
        self.assertIn(WORD, str(before))
        for name in METHODS:
            if name not in OF_THE_CALLER:
                kind, answer, text = self.methods(self.bob, name, self.arguments(name, self.alice.account))
                self.assertEqual((kind, answer.get("type")), ("error", "accountNotFound"), name)
            arguments = self.arguments(name, self.bob.account)
            if name in OF_THE_CALLER:
                del arguments["accountId"]
            _, _, text = self.methods(self.bob, name, arguments)
            self.assertNotIn(WORD, text.replace(f'"text":"{WORD}"', ""), name)
        for blob in self.blobs:
            for account in (self.alice.account, self.bob.account):
                answer = self.bob.ask("GET", f"/jmap/download/{account}/{blob}/x")
                self.assertEqual(answer.status, 404)
        self.assertEqual(self.bob.ask("POST", f"/jmap/upload/{self.alice.account}/", b"x").status, 404)
        self.routes()
        self.assertEqual(self.state(), before)
        self.assertEqual(self.alice.ask("GET", "/api/v1/session").status, 200)

    def routes(self) -> None:
        """Every route with a place for an id, with every id; GETs of all others."""
        document = self.bob.ask("GET", "/api/v1/openapi.json").json
        body = {"name": "stolen", "enabled": False, "password": "bob likes tea"}
        for path, item in document["paths"].items():
            for method, operation in item.items():
                places = re.findall(r"\{\w+\}", path)
                if not places and method != "get":
                    continue
                for each in self.ids if places else [""]:
                    given = re.sub(r"\{\w+\}", quote(each, safe=""), path)
                    sent = body if "requestBody" in operation else None
                    for payload in (
                        [sent] if sent is None else [sent, {"enabled": False}, {"password": "bob likes tea"}]
                    ):
                        answer = self.bob.ask(method.upper(), given, payload)
                        self.assertNotIn(WORD, answer.body.decode("utf-8", "replace"), (method, given))
                        self.assertNotIn(answer.status, range(500, 600), (method, given))
