"""Session, API, problems, headers."""

from tests.web.rig import WebTestCase


class SessionTests(WebTestCase):
    async def test_the_session_names_the_account_and_absolute_addresses(self) -> None:
        answer = await self.ask("/jmap/session")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json["username"], "alice@example.com")
        self.assertEqual(list(answer.json["accounts"]), [self.A])
        self.assertEqual(answer.json["apiUrl"], f"{self.url}/jmap/api")
        self.assertEqual(
            answer.json["capabilities"]["urn:ietf:params:jmap:websocket"],
            {"url": f"ws://127.0.0.1:{self.number}/jmap/ws", "supportsPush": True},
        )
        self.assertEqual(answer.header("cache-control"), "no-cache, no-store, must-revalidate")

    async def test_well_known_answers_with_the_session(self) -> None:
        answer = await self.ask("/.well-known/jmap")
        self.assertEqual(answer.json["username"], "alice@example.com")

    async def test_a_session_that_is_known_is_not_sent_again(self) -> None:
        etag = (await self.ask("/jmap/session")).header("etag")
        answer = await self.ask("/jmap/session", headers={"If-None-Match": etag})
        self.assertEqual((answer.status, answer.body), (304, b""))

    async def test_nobody_gets_a_challenge(self) -> None:
        answer = await self.ask("/jmap/session", user=None)
        self.assertEqual(answer.status, 401)
        self.assertIn('Basic realm="mailsys"', answer.header("www-authenticate"))
        self.assertEqual(answer.header("content-type"), "application/problem+json")

    async def test_a_browsers_script_is_not_asked_for_basic(self) -> None:
        answer = await self.ask("/jmap/session", user=None, headers={"Sec-Fetch-Mode": "cors"})
        self.assertNotIn("Basic", answer.header("www-authenticate"))

    async def test_a_wrong_password_is_401(self) -> None:
        self.assertEqual((await self.ask("/jmap/session", user="mallory")).status, 401)

    async def test_a_proved_password_is_not_proved_again_until_accounts_change(self) -> None:
        await self.ask("/jmap/session")
        await self.ask("/jmap/session")
        self.assertEqual(self.passwords.asked, 1)
        await self.accounts.set_credentials(self.alice.id, (await self.accounts.credentials(self.bob.id)))
        self.auth_clock.advance(1)
        await self.ask("/jmap/session")
        self.assertEqual(self.passwords.asked, 2)


class ApiTests(WebTestCase):
    settings = {"request_size": 200_000}  # noqa: RUF012

    async def test_a_call_is_answered(self) -> None:
        self.assertEqual(await self.call(["Core/echo", {"a": 1}, "0"]), [["Core/echo", {"a": 1}, "0"]])

    async def test_another_content_type_is_not_json(self) -> None:
        answer = await self.ask("/jmap/api", "POST", b"{}", headers={"Content-Type": "text/plain"})
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json["type"], "urn:ietf:params:jmap:error:notJSON")

    async def test_a_request_past_the_limit_is_refused_before_it_is_read(self) -> None:
        answer = await self.ask(
            "/jmap/api", "POST", b"x" * 200_001, headers={"Content-Type": "application/json"}
        )
        self.assertEqual((answer.status, answer.json["limit"]), (400, "maxSizeRequest"))

    async def test_a_chunked_request_is_bounded_as_it_comes(self) -> None:
        from tests.web.rig import Body

        body = Body(*[b"x" * 50_000] * 5, length=None)
        answer = await self.ask("/jmap/api", "POST", body, headers={"Content-Type": "application/json"})
        self.assertEqual((answer.status, answer.json["limit"]), (400, "maxSizeRequest"))

    async def test_a_large_body_of_nobody_is_not_read(self) -> None:
        answer = await self.ask("/jmap/api", "POST", b"x" * 100_000, user=None)
        self.assertEqual(answer.status, 401)

    async def test_a_large_request_of_somebody_is_answered(self) -> None:
        answer = await self.call(["Core/echo", {"a": "x" * 150_000}, "0"])
        self.assertEqual(len(answer[0][1]["a"]), 150_000)


class ProblemTests(WebTestCase):
    settings = {"requests_per_minute": 3}  # noqa: RUF012

    async def test_what_is_not_there_is_a_problem_document(self) -> None:
        answer = await self.ask("/nothing")
        self.assertEqual((answer.status, answer.json["status"]), (404, 404))
        self.assertEqual(answer.header("content-type"), "application/problem+json")

    async def test_the_wrong_method_is_405_with_allow(self) -> None:
        answer = await self.ask("/jmap/api", "DELETE")
        self.assertEqual((answer.status, answer.header("allow")), (405, "POST"))
        self.assertEqual(answer.header("content-type"), "application/problem+json")

    async def test_a_path_that_is_not_utf_8_is_a_problem(self) -> None:
        self.assertEqual((await self.ask("/%ff%fe")).status, 400)

    async def test_past_the_rate_there_is_429_with_retry_after(self) -> None:
        answers = [await self.ask("/jmap/session") for _ in range(4)]
        self.assertEqual([each.status for each in answers], [200, 200, 200, 429])
        self.assertEqual(answers[-1].header("retry-after"), "60")

    async def test_a_bug_is_500_without_a_word_about_it(self) -> None:
        async def broken(request: object) -> None:
            raise RuntimeError("private")

        self.web.routes.add("/broken", broken, "GET")
        answer = await self.ask("/broken")
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"private", answer.body)

    async def test_every_answer_has_the_security_headers(self) -> None:
        for path in ("/nothing", "/jmap/session", "/health/live"):
            answer = await self.ask(path)
            self.assertEqual(answer.header("x-content-type-options"), "nosniff")
            self.assertIn("default-src 'none'", answer.header("content-security-policy"))
            self.assertIsNone(answer.header("server"))


class OriginTests(WebTestCase):
    settings = {"hostnames": ["mail.example.com"], "allowed_origins": ["https://app.example.org"]}  # noqa: RUF012

    async def ask(self, path, *given, **named):  # type: ignore[no-untyped-def]
        headers = {"Host": "mail.example.com"} | (named.pop("headers", None) or {})
        return await super().ask(path, *given, headers=headers, **named)

    async def test_our_name_is_answered(self) -> None:
        answer = await self.ask("/jmap/session")
        self.assertEqual(answer.json["apiUrl"], "http://mail.example.com/jmap/api")

    async def test_another_name_is_misdirected(self) -> None:
        self.assertEqual((await self.ask("/jmap/session", headers={"Host": "evil.example"})).status, 421)

    async def test_health_is_answered_under_any_name(self) -> None:
        self.assertEqual((await self.ask("/health/ready", headers={"Host": "10.0.0.1"})).status, 200)

    async def test_a_change_asked_for_by_another_site_is_refused(self) -> None:
        answer = await self.ask("/jmap/api", "POST", b"{}", headers={"Origin": "https://evil.example"})
        self.assertEqual(answer.status, 403)

    async def test_an_allowed_site_may_ask(self) -> None:
        headers = {"Origin": "https://app.example.org", "Content-Type": "application/json"}
        answer = await self.ask("/jmap/api", "POST", b'{"using":[],"methodCalls":[]}', headers=headers)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header("access-control-allow-origin"), "https://app.example.org")

    async def test_preflight_is_granted_to_allowed_sites_only(self) -> None:
        for origin, granted in (("https://app.example.org", True), ("https://evil.example", False)):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = await self.ask("/jmap/api", "OPTIONS", user=None, headers=headers)
            self.assertEqual(answer.status, 204)
            self.assertEqual(answer.header("access-control-allow-methods") is not None, granted)


class ProxyTests(WebTestCase):
    settings = {"trusted_proxies": ["127.0.0.1"]}  # noqa: RUF012

    async def test_a_trusted_proxy_tells_the_scheme(self) -> None:
        answer = await self.ask("/jmap/session", headers={"X-Forwarded-Proto": "https"})
        self.assertTrue(answer.json["apiUrl"].startswith("https://"))
        self.assertIsNotNone(answer.header("strict-transport-security"))


class NoProxyTests(WebTestCase):
    async def test_nobody_else_does(self) -> None:
        answer = await self.ask("/jmap/session", headers={"X-Forwarded-Proto": "https"})
        self.assertTrue(answer.json["apiUrl"].startswith("http://"))
