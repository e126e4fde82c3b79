"""Scenarios 6, 8 and 19: what is refused with which code, and the same event in two tabs."""

import http.client
import smtplib

from tests.system.browser import Browser
from tests.system.local import PATIENCE
from tests.system.test_everyday import EverydayTestCase


class RefusalTests(EverydayTestCase):
    def smtp(self) -> smtplib.SMTP:
        client = self.system.smtp()
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def test_who_is_nobody_and_who_is_not_ours(self) -> None:
        client = self.smtp()
        self.assertEqual(client.mail("eve@elsewhere.test")[0], 250)
        self.assertEqual(client.rcpt("nobody@local.test"), (550, b"5.1.1 No such mailbox here"))
        self.assertEqual(client.rcpt("a@far.test"), (550, b"5.7.1 Relaying denied"))
        self.assertEqual(client.rcpt("alice@local.test")[0], 250)

    def test_more_recipients_than_a_transaction_may_have_wait_for_the_next_one(self) -> None:
        client = self.smtp()
        client.mail("eve@elsewhere.test")
        for n in range(1000):
            self.assertEqual(client.rcpt(f"alice+{n}@local.test")[0], 250)
        code, text = client.rcpt("bob@local.test")
        self.assertEqual((code, text[:5]), (452, b"4.5.3"))
        client.rset()
        client.mail("eve@elsewhere.test")
        self.assertEqual(client.rcpt("bob@local.test")[0], 250)

    def test_too_large_when_it_is_said_and_when_it_is_not(self) -> None:
        client = self.smtp()
        most = int(client.esmtp_features["size"])
        code, text = client.mail("eve@elsewhere.test", [f"SIZE={most + 1}"])
        self.assertEqual((code, text[:5]), (552, b"5.3.4"))
        client.mail("eve@elsewhere.test")
        client.rcpt("alice@local.test")
        line = b"x" * 900 + b"\r\n"
        content = b"Subject: too large\r\n\r\n" + line * (most // len(line) + 1)
        code, text = client.data(content)
        self.assertEqual((code, text[:5]), (552, b"5.3.4"))
        self.assertEqual(client.noop()[0], 250)


class TabTests(EverydayTestCase):
    def listen(self, browser: Browser) -> http.client.HTTPResponse:
        """An event stream that ends with the first event."""
        connection = http.client.HTTPConnection("127.0.0.1", self.system.port("http"), timeout=PATIENCE)
        self.addCleanup(connection.close)
        path = "/jmap/eventsource/?types=Email&closeafter=state&ping=0"
        connection.request("GET", path, headers={"Cookie": browser.cookie})
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        return response

    def test_two_tabs_are_told_of_the_same_mail_and_nobody_else_is(self) -> None:
        second = self.person("alice")
        tabs = [self.listen(self.alice), self.listen(second)]
        others = self.listen(self.bob)
        self.carol.send(["alice@local.test"], "live")
        told = [tab.read() for tab in tabs]
        state = self.alice.call("Email/get", ids=[])["state"]
        for each in told:
            self.assertIn(f'"Email":"{state}"'.encode(), each.replace(b" ", b""))
        self.carol.send(["bob@local.test"], "now you")
        (line,) = [one for one in others.read().splitlines() if one.startswith(b"data:")]
        self.assertIn(self.bob.account.encode(), line)
        self.assertNotIn(f'"{self.alice.account}"'.encode(), line)
