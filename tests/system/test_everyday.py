"""What a person does with mail on the web, whole, over HTTP: one test a habit, and one for each way in which
simpler systems get it wrong."""

import smtplib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from unittest import TestCase

from tests.system.browser import Browser
from tests.system.local import LocalSystem, wait_for

SAME_TIME = "2026-11-02T10:00:00Z"


class EverydayTestCase(TestCase):
    options: ClassVar[tuple[str, ...]] = ()
    system: ClassVar[LocalSystem]
    browsers: ClassVar[list[Browser]]

    @classmethod
    def setUpClass(cls) -> None:
        folder = TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        accounts = [f"--account={name}@local.test:{name} likes tea" for name in ("alice", "bob", "carol")]
        state = str(Path(folder.name) / "state")
        cls.system = LocalSystem("--state", state, *accounts, *cls.options, folder=folder.name)
        cls.addClassCleanup(cls.system.close)

    def person(self, name: str) -> Browser:
        browser = Browser(self.system)
        self.addCleanup(browser.close)
        self.assertEqual(browser.sign_in(name, f"{name} likes tea").status, 200)
        return browser

    def setUp(self) -> None:
        self.alice, self.bob, self.carol = map(self.person, ("alice", "bob", "carol"))

    def arrive(self, content: str, sender: str = "eve@elsewhere.test", to: str = "alice@local.test") -> None:
        with smtplib.SMTP("127.0.0.1", self.system.port("smtp"), timeout=20) as client:
            client.sendmail(sender, [to], content.replace("\n", "\r\n").encode())

    def found(self, browser: Browser, subject: str, role: str | None = "inbox") -> str:
        """The one email with that subject, once it is there."""

        def one() -> list[str]:
            emails = browser.emails(role)
            listed = browser.call("Email/get", ids=emails, properties=["subject"])["list"]
            return [each["id"] for each in listed if each["subject"] == subject]

        (email,) = wait_for(one)
        return str(email)


class AccountTests(EverydayTestCase):
    options = ("--registration", "open")

    def test_register_sign_in_look_sign_out(self) -> None:
        browser = Browser(self.system)
        self.addCleanup(browser.close)
        given = {"login": "dora", "name": "Dora", "password": "violet harbour 9"}
        self.assertEqual(browser.ask("GET", "/api/v1/session").status, 401)
        self.assertEqual(browser.ask("POST", "/api/v1/registration", given).status, 201)
        self.assertEqual(browser.ask("POST", "/api/v1/registration", given).status, 409)
        self.assertEqual(browser.sign_in("dora@local.test", "violet harbour 8").status, 401)
        self.assertEqual(browser.sign_in("DORA@local.test", "violet harbour 9").status, 200)
        self.assertEqual(browser.ask("GET", "/api/v1/session").json["address"], "dora@local.test")
        kept = browser.cookie
        self.assertEqual(browser.ask("DELETE", "/api/v1/session").status, 204)
        browser.cookie = kept  # somebody has it still
        self.assertEqual(browser.ask("GET", "/api/v1/session").status, 401)


class SendingTests(EverydayTestCase):
    def test_to_oneself_it_is_in_sent_and_inbox_at_once(self) -> None:
        sent = self.alice.send(["alice@local.test"], "to myself")
        self.assertIn(sent, self.alice.emails("sent"))
        email = self.found(self.alice, "to myself")
        self.assertNotIn("$seen", self.alice.get(email, "keywords")["keywords"])

    def test_to_many_each_gets_one_copy_and_sees_who_else_did_but_not_bcc(self) -> None:
        self.alice.send(
            ["bob@local.test", "BOB@local.test", "alice@local.test"],
            "to many",
            bcc=[{"email": "carol@local.test", "name": None}],
        )
        email = self.bob.get(self.found(self.bob, "to many"))
        self.assertEqual(len(email["to"]), 3)
        self.assertIsNone(email["bcc"])
        hidden = self.carol.get(self.found(self.carol, "to many"))
        self.assertIsNone(hidden["bcc"])

    def test_a_subject_may_be_empty_or_long_and_can_be_answered(self) -> None:
        long = "a subject of many words " * 20
        for subject in ("", long.strip()):
            self.alice.send(["bob@local.test"], subject, text=f"about {len(subject)}")
            email = self.bob.get(self.found(self.bob, subject), "messageId", "subject", "threadId")
            answer = self.bob.send(
                ["alice@local.test"], f"Re: {subject}",
                inReplyTo=email["messageId"], references=email["messageId"],
            )  # fmt: skip
            self.assertEqual(self.bob.get(answer, "threadId")["threadId"], email["threadId"])

    def test_text_that_looks_like_markup_stays_as_it_was_written(self) -> None:
        text = "Ask <bob@example.com> if a < b && c > d; <b>not bold</b>\n<script>1</script>"
        self.alice.send(["bob@local.test"], "angles", text=text)
        email = self.bob.get(
            self.found(self.bob, "angles"), "bodyValues", "htmlBody", fetchTextBodyValues=True
        )
        (value,) = email["bodyValues"].values()
        self.assertEqual(value["value"], text)
        self.assertEqual(email["htmlBody"][0]["type"], "text/plain")

    def test_markup_is_delivered_as_it_was_written(self) -> None:
        html = (
            '<blockquote class="x" style="color: rgb(1,2,3)"><pre>code</pre><hr><u>u</u><s>s</s></blockquote>'
        )
        self.alice.send(
            ["bob@local.test"], "markup", bodyValues={"1": {"value": html}},
            textBody=None, htmlBody=[{"partId": "1", "type": "text/html"}],
        )  # fmt: skip
        email = self.bob.get(self.found(self.bob, "markup"), "bodyValues", fetchHTMLBodyValues=True)
        (value,) = email["bodyValues"].values()
        self.assertEqual(value["value"], html)

    def test_a_bounce_is_the_senders_alone_and_no_markup(self) -> None:
        first = self.alice.send(["bob@local.test", "nobody@local.test"], "half of it")
        report = self.found(self.alice, "[Not delivered] half of it")
        found = self.alice.get(report, "bodyStructure", "threadId")
        self.assertNotIn("text/html", str(found["bodyStructure"]))
        self.assertEqual(found["threadId"], self.alice.get(first, "threadId")["threadId"])
        email = self.bob.get(self.found(self.bob, "half of it"), "threadId")
        (thread,) = self.bob.call("Thread/get", ids=[email["threadId"]])["list"]
        self.assertEqual(len(thread["emailIds"]), 1)

    def test_too_many_recipients_are_refused(self) -> None:
        many = {"to": [{"address": f"p{n}@remote.test"} for n in range(101)], "text": "x"}
        self.assertEqual(self.alice.ask("POST", "/api/v1/send", many).status, 422)


class FileTests(EverydayTestCase):
    def test_many_files_an_empty_one_and_odd_names_come_through(self) -> None:
        names = [f"file {n}.bin" for n in range(12)] + ["empty", "../../etc/passwd", 'größe "x".html']
        blobs = [self.alice.upload(b"" if name == "empty" else name.encode() * 1000) for name in names]
        files = [
            {"blobId": blob, "name": name, "type": "text/html", "disposition": "attachment"}
            for blob, name in zip(blobs, names, strict=True)
        ]
        self.alice.send(["bob@local.test"], "files", attachments=files)
        found = self.bob.get(self.found(self.bob, "files"), "attachments")["attachments"]
        self.assertEqual([each["name"] for each in found], names)
        for each in found:
            path = f"/jmap/download/{self.bob.account}/{each['blobId']}/x?type=text/html"
            answer = self.bob.ask("GET", path)
            self.assertEqual(answer.body, b"" if each["name"] == "empty" else each["name"].encode() * 1000)
            self.assertTrue(answer.header("content-disposition").startswith("attachment"))
            self.assertEqual(answer.header("x-content-type-options"), "nosniff")
            self.assertIn("sandbox", answer.header("content-security-policy"))
            stolen = f"/jmap/download/{self.carol.account}/{each['blobId']}/x"
            self.assertEqual(self.carol.ask("GET", stolen).status, 404)

    def test_what_another_uploaded_cannot_be_sent_imported_or_parsed(self) -> None:
        blob = self.alice.upload(b"Subject: secret\r\n\r\nx\r\n")
        self.bob.upload(b"something else")
        place = {"mailboxIds": {self.bob.mailbox("drafts"): True}}
        attached = place | {"attachments": [{"blobId": blob, "type": "text/plain"}]}
        made, imported, parsed = self.bob.calls(
            ("Email/set", {"create": {"e": attached}}),
            ("Email/import", {"emails": {"i": place | {"blobId": blob}}}),
            ("Email/parse", {"blobIds": [blob]}),
        )
        self.assertEqual(made["notCreated"]["e"]["type"], "blobNotFound")
        self.assertEqual(imported["notCreated"]["i"]["type"], "invalidProperties")
        self.assertEqual(parsed["notFound"], [blob])


class ListTests(EverydayTestCase):
    def fill(self, count: int, word: str) -> list[str]:
        inbox = self.alice.mailbox("inbox")
        emails = {}
        for n in range(count):
            blob = self.alice.upload(f"Subject: {word} {n}\r\n\r\n{word} \\E .* (x\r\n".encode())
            emails[str(n)] = {"blobId": blob, "mailboxIds": {inbox: True}, "receivedAt": SAME_TIME}
        made = self.alice.call("Email/import", emails=emails)["created"]
        return [each["id"] for each in made.values()]

    def pages(self, filters: object, by: str) -> list[str]:
        seen: list[str] = []
        while True:
            place = {"position": len(seen)} if by == "position" or not seen else {
                "anchor": seen[-1], "anchorOffset": 1}  # fmt: skip
            found = self.alice.call(
                "Email/query", filter=filters, limit=10, collapseThreads=True, calculateTotal=True,
                sort=[{"property": "receivedAt", "isAscending": False}], **place,
            )  # fmt: skip
            seen += found["ids"]
            if not found["ids"]:
                self.assertEqual(found["total"], len(seen))
                return seen

    def test_pages_of_one_moment_and_of_a_search_hold_each_conversation_once(self) -> None:
        made = self.fill(35, "moment")
        for by in ("position", "anchor"):
            self.assertEqual(sorted(self.pages({"text": "moment"}, by)), sorted(made))
            listed = self.pages({"inMailbox": self.alice.mailbox("inbox")}, by)
            self.assertEqual(len(listed), len(set(listed)))
            self.assertLessEqual(set(made), set(listed))

    def test_searches_of_any_characters_are_answered(self) -> None:
        (made,) = self.fill(1, "needle")
        self.assertEqual(self.alice.emails(text="needle"), [made])
        for text in ("(((", ".*", "%", "_", '"', "needle'--", "&+#", "\\", "*", "-", "NEAR/2", "a" * 900):
            self.alice.emails(text=text)
        request = ("Email/query", {"accountId": self.alice.account, "filter": {"text": "a" * 100_000}}, "0")
        body = {"using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"], "methodCalls": [request]}
        (answer,) = self.alice.ask("POST", "/jmap/api", body).json["methodResponses"]
        self.assertEqual(answer[0], "error")

    def test_what_is_not_there_is_told_among_what_is(self) -> None:
        (made,) = self.fill(1, "flagged")
        patch = {"keywords/$flagged": True}
        found = self.alice.call("Email/set", update={made: patch, "Mnone": patch}, destroy=["Mgone"])
        self.assertIn(made, found["updated"])
        self.assertEqual(found["notUpdated"]["Mnone"]["type"], "notFound")
        self.assertEqual(found["notDestroyed"]["Mgone"]["type"], "notFound")
        self.assertIn(made, self.alice.emails(hasKeyword="$flagged"))


class TrashTests(EverydayTestCase):
    def test_an_answer_to_a_thread_in_the_trash_is_seen(self) -> None:
        self.arrive("Subject: plans\nMessage-ID: <plans@elsewhere.test>\n\nHello\n")
        email = self.found(self.alice, "plans")
        move = {"mailboxIds": {self.alice.mailbox("trash"): True}}
        self.alice.call("Email/set", update={email: move})
        self.arrive("Subject: Re: plans\nIn-Reply-To: <plans@elsewhere.test>\n\nWell?\n")
        answer = self.found(self.alice, "Re: plans")
        states = self.alice.call("Email/get", ids=[answer, email], properties=["threadId", "keywords"])[
            "list"
        ]
        self.assertEqual(len({each["threadId"] for each in states}), 1)
        self.assertNotIn("$seen", states[0]["keywords"])
        back = {"mailboxIds": {self.alice.mailbox("inbox"): True}}
        self.alice.call("Email/set", update={email: back})
        self.assertIn(email, self.alice.emails("inbox"))

    def test_deleting_for_good_takes_ones_own_copy_and_nobody_elses(self) -> None:
        sent = self.alice.send(["bob@local.test", "carol@local.test"], "one body")
        email = self.found(self.bob, "one body")
        other = self.found(self.carol, "one body")
        self.assertEqual(self.bob.call("Email/set", destroy=[email])["destroyed"], [email])
        self.assertEqual(self.bob.call("Email/get", ids=[email])["notFound"], [email])
        for browser, kept in ((self.alice, sent), (self.carol, other)):
            got = browser.get(kept, "bodyValues", fetchTextBodyValues=True)
            self.assertTrue(got["bodyValues"])
