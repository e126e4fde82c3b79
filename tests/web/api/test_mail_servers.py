"""Where mail programs are told to connect to."""

from mailsys.settings_file import parse
from mailsys.web.api.mail_servers import MailServerRoutes
from tests.web.api.rig import ApiTestCase, Browser


class MailServerTests(ApiTestCase):
    async def test_a_stranger_is_told_nothing(self) -> None:
        self.assertEqual((await self.ask("GET", "/mail-servers")).status, 401)

    async def test_each_service_is_named_once_with_tls_from_the_start_first(self) -> None:
        browser = Browser(self)
        await browser.sign_in("alice")
        answer = await browser.ask("GET", "/mail-servers")
        self.assertEqual(answer.status, 200)
        found = [(each["service"], each["port"], each["security"]) for each in answer.json["servers"]]
        self.assertEqual(
            found,
            [
                ("imap", 993, "tls"),
                ("imap", 143, "starttls"),
                ("smtp", 465, "tls"),
                ("smtp", 587, "starttls"),
            ],
        )

    async def test_ports_of_chance_and_services_that_are_off_are_left_out(self) -> None:
        listen = {
            "imap": [],
            "imaps": ["127.0.0.1:0"],
            "submissions": ["127.0.0.1:4465", "[::1]:4465"],
            "submission": [],
        }
        settings = parse({"domain": "example.com", "hostname": "mail.example.com", "listen": listen})
        found = (await MailServerRoutes(settings).servers(None)).servers  # type: ignore[arg-type] # not read
        self.assertEqual([(each.host, each.port) for each in found], [("mail.example.com", 4465)])
