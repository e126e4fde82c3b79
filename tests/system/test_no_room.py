"""A disk with too little room: no new mail by any way in, and everything else goes on."""

from __future__ import annotations

import base64
import http.client
import imaplib
import json
import smtplib
from typing import Any

from tests.system.local import PATIENCE, mailsys, message, wait_for
from tests.system.test_twistd import Installed, free_ports

ME, PASSWORD = "me@example.org", "open sesame"


class NoRoomTests(Installed):
    def run_with(self, **values: str) -> None:
        (self.http,) = free_ports(1)
        self.config.unlink(missing_ok=True)
        self.assertEqual(self.set_up().returncode, 0)
        (self.folder / "log").write_text("")
        self.write(http=f'["127.0.0.1:{self.http}"]', login_without_tls_on_loopback="true", **values)
        self.process = self.run_twistd()
        wait_for(self.started)

    def smtp_client(self) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.smtp, "client.test", timeout=PATIENCE)
        client.ehlo()
        return client

    def web(self, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        client = http.client.HTTPConnection("127.0.0.1", self.http, timeout=PATIENCE)
        secret = base64.b64encode(f"{ME}:{PASSWORD}".encode()).decode()
        client.request(
            method, path, body, {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}
        )
        answer = client.getresponse()
        content = answer.read()
        client.close()
        return answer.status, json.loads(content) if content else {}

    def jmap(self, session: dict[str, Any], *calls: list[Any]) -> list[dict[str, Any]]:
        using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
        path = session["apiUrl"].partition("/jmap/")[2]
        _, answer = self.web(
            "POST", f"/jmap/{path}", json.dumps({"using": using, "methodCalls": calls}).encode()
        )
        return [each[1] for each in answer["methodResponses"]]

    def test_new_mail_is_refused_and_reading_and_deleting_go_on(self) -> None:
        self.run_with()
        with self.smtp_client() as client:
            client.sendmail("a@elsewhere.test", [ME], message("before", to=ME))
        self.assertEqual(self.web("GET", "/readyz")[0], 200)
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.run_with(free_octets='"1000000 GiB"')

        with self.smtp_client() as client:
            for _ in range(3):
                self.assertEqual(client.mail("a@elsewhere.test")[0], 452)
            self.assertIn(b"4.3.1", client.mail("a@elsewhere.test")[1])
        with smtplib.SMTP("127.0.0.1", self.submission, "client.test", timeout=PATIENCE) as client:
            client.login(ME, PASSWORD)
            self.assertEqual(client.mail(ME)[0], 452)
        imap = imaplib.IMAP4("127.0.0.1", self.imap, timeout=PATIENCE)
        imap.login(ME, PASSWORD)
        for size in (100, 200_000):
            status, answer = imap.append("INBOX", "", "", message("x" * size))
            self.assertEqual(status, "NO")
            self.assertIn(b"[LIMIT]", answer[0])
        self.assertEqual(imap.select("INBOX")[1], [b"1"])
        self.assertIn(b"before", imap.fetch("1", "BODY.PEEK[]")[1][0][1])  # type: ignore[index]
        self.assertEqual(imap.store("1", "+FLAGS", "\\Deleted")[0], "OK")
        self.assertEqual(imap.expunge()[1], [b"1"])
        imap.logout()

        _, session = self.web("GET", "/jmap/session")
        (account,) = session["accounts"]
        status, problem = self.web("POST", f"/jmap/upload/{account}/", b"x" * 1000)
        self.assertEqual((status, problem["detail"]), (507, "The server has no room for new mail"))
        (boxes,) = self.jmap(session, ["Mailbox/get", {"accountId": account, "ids": None}, "0"])
        drafts = next(each["id"] for each in boxes["list"] if each["role"] == "drafts")
        draft = {"mailboxIds": {drafts: True}, "subject": "x", "keywords": {"$draft": True}}
        (found,) = self.jmap(session, ["Email/set", {"accountId": account, "create": {"d": draft}}, "0"])
        self.assertEqual(found["notCreated"]["d"]["type"], "overQuota")

        status, problem = self.web("GET", "/readyz")
        self.assertEqual((status, problem["detail"]), (503, "The server has no room for new mail."))
        self.assertEqual(self.web("GET", "/healthz"), (200, {"status": "live"}))
        self.assertEqual(self.log.count('"event":"no room for new mail"'), 1)
        self.assertNotIn("Traceback", self.log)
        done = mailsys("check", "--config", str(self.config))
        self.assertEqual(done.returncode, 0, done.stdout)
