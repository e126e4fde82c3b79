"""Signing in by password: cookie, CSRF, throttle, history, revocation, expiry."""

import base64

from mailsys.ports.accounts import AccountPatch
from tests.web.api.rig import PASSWORDS, ApiTestCase, Browser


class SignInTests(ApiTestCase):
    async def test_a_password_gives_a_session(self) -> None:
        browser = Browser(self)
        answer = await browser.sign_in("alice")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json["session"]["address"], "alice@example.com")
        me = await browser.ask("GET", "/session")
        self.assertEqual(me.status, 200)
        self.assertEqual(me.json, answer.json["session"])

    async def test_a_local_part_in_capitals_and_the_whole_address_are_logins_too(self) -> None:
        for login in ("ALICE", "alice@example.com", "Alice@EXAMPLE.com"):
            answer = await Browser(self).sign_in(login, PASSWORDS["alice"])
            self.assertEqual(answer.status, 200, login)

    async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(self) -> None:
        answer = await Browser(self).sign_in("alice")
        cookie = answer.headers.getRawHeaders("set-cookie")[0]
        self.assertRegex(cookie, r"^mailsys=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict$")

    async def test_a_remembered_session_outlives_the_browser(self) -> None:
        answer = await Browser(self).sign_in("alice", remember=True)
        self.assertIn("; Max-Age=2592000", answer.header("set-cookie"))

    async def test_only_a_hash_of_the_token_is_stored(self) -> None:
        browser = await self.signed_in("alice")
        token = browser.cookie.partition("=")[2]
        (session,) = await self.session_store.of(self.alice.id, self.clock.seconds())
        self.assertNotIn(token.encode(), session.key)
        self.assertEqual(len(session.key), 32)

    async def test_wrong_password_and_unknown_account_get_the_same_answer(self) -> None:
        wrong = await Browser(self).sign_in("alice", "not this one")
        unknown = await Browser(self).sign_in("nobody", "not this one")
        self.assertEqual((wrong.status, unknown.status), (401, 401))
        self.assertEqual(wrong.json, unknown.json)
        self.assertEqual(wrong.header("content-type"), "application/problem+json")

    async def test_a_disabled_account_cannot_sign_in(self) -> None:
        await self.disable()
        self.assertEqual((await Browser(self).sign_in("alice")).status, 401)

    async def disable(self) -> None:

        await self.accounts.change_account(self.alice.id, AccountPatch(enabled=False))

    async def test_a_disabled_account_loses_its_sessions_at_once(self) -> None:
        browser = await self.signed_in("alice")
        await self.disable()
        self.assertEqual((await browser.ask("GET", "/session")).status, 401)
        self.assertEqual(await self.session_store.of(self.alice.id, self.clock.seconds()), [])

    async def test_a_removed_account_loses_its_sessions_at_once(self) -> None:
        browser = await self.signed_in("alice")
        await self.accounts.remove_account(self.alice.id)
        self.assertEqual((await browser.ask("GET", "/session")).status, 401)

    async def test_an_invented_cookie_is_401_and_is_taken_away(self) -> None:
        for token in ("x", "A" * 43, "\xff" * 43, "=" * 10):
            answer = await self.ask("GET", "/session", headers={"Cookie": f"mailsys={token}"})
            self.assertEqual(answer.status, 401, token)
            self.assertIn("Max-Age=0", answer.header("set-cookie"))

    async def test_a_stale_cookie_does_not_hinder_signing_in(self) -> None:
        browser = Browser(self)
        browser.cookie = "mailsys=" + "A" * 43
        self.assertEqual((await browser.sign_in("alice")).status, 200)

    async def test_nobody_is_401(self) -> None:
        self.assertEqual((await self.ask("GET", "/session")).status, 401)

    async def test_signing_out_ends_the_session_on_the_server(self) -> None:
        browser = await self.signed_in("alice")
        cookie = browser.cookie
        answer = await browser.ask("DELETE", "/session")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(browser.cookie, "")
        self.assertEqual((await self.ask("GET", "/session", headers={"Cookie": cookie})).status, 401)

    async def test_what_is_not_json_is_415_and_broken_json_400(self) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.assertEqual((await self.ask("POST", "/session", b"login=a", form)).status, 415)
        broken = await self.ask("POST", "/session", b"{", {"Content-Type": "application/json"})
        self.assertEqual(broken.status, 400)

    async def test_a_field_that_will_not_do_is_named(self) -> None:
        answer = await self.ask("POST", "/session", {"login": 5, "password": "x"})
        self.assertEqual(answer.status, 422)
        self.assertEqual(
            answer.json["errors"], [{"pointer": "#/login", "detail": "Expected `str`, got `int`"}]
        )

    async def test_a_large_body_is_refused_before_it_is_read(self) -> None:
        answer = await self.ask("POST", "/session", {"login": "a" * 70000, "password": "x"})
        self.assertEqual(answer.status, 413)


class ThrottleTests(ApiTestCase):
    limit_settings = {"failures_per_address": 3, "failures_per_account": 3}  # noqa: RUF012

    async def test_failures_slow_answers_down(self) -> None:
        for _ in range(3):
            await Browser(self).sign_in("alice", "wrong one")
        began = self.clock.seconds()
        self.assertEqual((await Browser(self).sign_in("alice", "wrong one")).status, 401)
        self.assertGreater(self.clock.seconds() - began, 0.4)

    async def test_failures_stand_in_the_history(self) -> None:
        await Browser(self, "Evil/1").sign_in("alice", "wrong one")
        browser = await self.signed_in("alice")
        entries = (await browser.ask("GET", "/sign-ins")).json["entries"]
        self.assertEqual([(e["success"], e["how"], e["agent"]) for e in entries],
                         [(True, "password", "Browser/1"), (False, "password", "Evil/1")])  # fmt: skip


class CsrfTests(ApiTestCase):
    async def test_a_change_without_the_token_is_refused(self) -> None:
        browser = await self.signed_in("alice")
        browser.csrf = ""
        self.assertEqual((await browser.ask("DELETE", "/session")).status, 403)
        browser.csrf = "0" * 32
        self.assertEqual((await browser.ask("DELETE", "/session")).status, 403)
        self.assertEqual((await browser.ask("GET", "/session")).status, 200)

    async def test_another_sites_page_is_refused_whatever_it_sends(self) -> None:
        browser = await self.signed_in("alice")
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            answer = await browser.ask("DELETE", "/sessions", headers=headers)
            self.assertEqual(answer.status, 403, headers)

    async def test_our_own_page_is_let_through(self) -> None:
        browser = await self.signed_in("alice")
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        self.assertEqual((await browser.ask("DELETE", "/sessions", headers=headers)).status, 200)

    async def test_signing_in_from_another_sites_page_is_refused(self) -> None:
        answer = await self.ask(
            "POST", "/session", {"login": "alice", "password": PASSWORDS["alice"]},
            {"Origin": "https://evil.example"},
        )  # fmt: skip
        self.assertEqual(answer.status, 403)

    async def test_jmap_by_cookie_needs_the_token_too(self) -> None:
        browser = await self.signed_in("alice")
        body = {"using": ["urn:ietf:params:jmap:core"], "methodCalls": [["Core/echo", {"a": 1}, "0"]]}
        token, browser.csrf = browser.csrf, ""
        self.assertEqual((await browser.ask("POST", "/jmap/api", body)).status, 403)
        browser.csrf = token
        answer = await browser.ask("POST", "/jmap/api", body)
        self.assertEqual(answer.json["methodResponses"], [["Core/echo", {"a": 1}, "0"]])

    async def test_a_websocket_of_another_sites_page_is_refused(self) -> None:
        browser = await self.signed_in("alice")
        headers = {
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode(), "Sec-WebSocket-Protocol": "jmap",
            "Origin": "https://evil.example",
        }  # fmt: skip
        self.assertEqual((await browser.ask("GET", "/jmap/ws", headers=headers)).status, 403)


class SessionListTests(ApiTestCase):
    async def test_sessions_are_listed_newest_first_with_this_one_marked(self) -> None:
        first = await self.signed_in("alice")
        self.clock.shift += 10
        second = await self.signed_in("alice")
        found = (await first.ask("GET", "/sessions")).json["sessions"]
        self.assertEqual([each["current"] for each in found], [False, True])
        self.assertEqual(found[0]["id"], second.me["sessionId"])
        self.assertEqual(found[0]["address"], "127.0.0.1")

    async def test_another_session_can_be_ended(self) -> None:
        first, second = await self.signed_in("alice"), await self.signed_in("alice")
        answer = await first.ask("DELETE", f"/sessions/{second.me['sessionId']}")
        self.assertEqual(answer.status, 204)
        self.assertEqual((await second.ask("GET", "/session")).status, 401)
        self.assertEqual((await first.ask("GET", "/session")).status, 200)

    async def test_another_accounts_session_is_not_there(self) -> None:
        alice, bob = await self.signed_in("alice"), await self.signed_in("bob")
        answer = await alice.ask("DELETE", f"/sessions/{bob.me['sessionId']}")
        self.assertEqual(answer.status, 404)
        self.assertEqual((await bob.ask("GET", "/session")).status, 200)

    async def test_signing_out_everywhere_else_keeps_this_one(self) -> None:
        first, second = await self.signed_in("alice"), await self.signed_in("alice")
        self.assertEqual((await first.ask("DELETE", "/sessions")).json, {"ended": 1})
        self.assertEqual((await second.ask("GET", "/session")).status, 401)
        self.assertEqual((await first.ask("GET", "/session")).status, 200)

    async def test_a_session_ends_by_silence(self) -> None:
        browser = await self.signed_in("alice")
        self.clock.shift += 12 * 3600 + 5
        answer = await browser.ask("GET", "/session")
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.json["status"], 401)

    async def test_a_session_that_is_used_ends_by_age(self) -> None:
        browser = await self.signed_in("alice")
        for _ in range(15):
            self.clock.shift += 11 * 3600
            self.assertEqual((await browser.ask("GET", "/session")).status, 200)
        self.clock.shift += 11 * 3600
        self.assertEqual((await browser.ask("GET", "/session")).status, 401)

    async def test_a_remembered_session_lasts_a_month_unused(self) -> None:
        browser = await self.signed_in("alice", remember=True)
        self.clock.shift += 29 * 86400
        self.assertEqual((await browser.ask("GET", "/session")).status, 200)
        self.clock.shift += 2 * 86400
        self.assertEqual((await browser.ask("GET", "/session")).status, 401)


class PasswordTests(ApiTestCase):
    async def test_a_new_password_holds_and_ends_other_sessions(self) -> None:
        here, there = await self.signed_in("alice"), await self.signed_in("alice")
        body = {"oldPassword": PASSWORDS["alice"], "newPassword": "violet harbour 9"}
        self.assertEqual((await here.ask("POST", "/password", body)).json, {"ended": 1})
        self.assertEqual((await there.ask("GET", "/session")).status, 401)
        self.assertEqual((await here.ask("GET", "/session")).status, 200)
        self.assertEqual((await Browser(self).sign_in("alice")).status, 401)
        self.assertEqual((await Browser(self).sign_in("alice", "violet harbour 9")).status, 200)

    async def test_the_old_password_is_needed(self) -> None:
        browser = await self.signed_in("alice")
        body = {"oldPassword": "not this one", "newPassword": "violet harbour 9"}
        answer = await browser.ask("POST", "/password", body)
        self.assertEqual(answer.status, 422)
        self.assertEqual(answer.json["errors"][0]["pointer"], "#/oldPassword")

    async def test_weak_passwords_are_refused(self) -> None:
        browser = await self.signed_in("alice")
        for new in ("short", "password123", "aaaaaaaaaaaa", "1234567890", "qwertyuiop", "alice12345",
                    "alice@example.com", "abababababab"):  # fmt: skip
            body = {"oldPassword": PASSWORDS["alice"], "newPassword": new}
            answer = await browser.ask("POST", "/password", body)
            self.assertEqual(answer.status, 422, new)
            self.assertEqual(answer.json["errors"][0]["pointer"], "#/newPassword", new)


class BasicTests(ApiTestCase):
    async def test_basic_works_for_jmap_clients(self) -> None:
        token = base64.b64encode(f"alice@example.com:{PASSWORDS['alice']}".encode()).decode()
        answer = await self.ask("GET", "/jmap/session", headers={"Authorization": f"Basic {token}"})
        self.assertEqual((answer.status, answer.json["username"]), (200, "alice@example.com"))


class BehindProxyTests(ApiTestCase):
    web_settings = {"trusted_proxies": ["127.0.0.1"]}  # noqa: RUF012

    async def test_over_tls_the_cookie_is_for_tls_and_this_host_only(self) -> None:
        headers = {
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": "203.0.113.9",
            "Host": "mail.example.com",
        }
        body = {"login": "alice", "password": PASSWORDS["alice"]}
        answer = await self.ask("POST", "/session", body, headers)
        cookie = answer.headers.getRawHeaders("set-cookie")[0]
        self.assertRegex(cookie, r"^__Host-mailsys=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Secure$")
        self.assertIn("max-age=", answer.header("strict-transport-security"))
        (session,) = await self.session_store.of(self.alice.id, self.clock.seconds())
        self.assertEqual(session.address, "203.0.113.9")
        pair = cookie.partition(";")[0]
        self.assertEqual((await self.ask("GET", "/session", headers=headers | {"Cookie": pair})).status, 200)
        # The same without TLS is another cookie, which nobody has.
        plain = headers | {"Cookie": pair, "X-Forwarded-Proto": "http"}
        self.assertEqual((await self.ask("GET", "/session", headers=plain)).status, 401)

    async def test_no_password_token_or_code_is_taken_over_plain_http_from_elsewhere(self) -> None:
        headers = {
            "X-Forwarded-Proto": "http",
            "X-Forwarded-For": "203.0.113.9",
            "Host": "mail.example.com",
        }
        body = {"login": "alice", "password": PASSWORDS["alice"]}
        self.assertEqual((await self.ask("POST", "/session", body, headers)).status, 403)
        step = {"challenge": "x", "code": "123456"}
        self.assertEqual((await self.ask("POST", "/session/second-factor", step, headers)).status, 403)
        pair = base64.b64encode(f"alice:{PASSWORDS['alice']}".encode()).decode()
        for given in (f"Basic {pair}", "Bearer msp-1-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa"):
            answer = await self.ask("GET", "/session", headers=headers | {"Authorization": given})
            self.assertEqual(answer.status, 403, given)
        self.assertEqual(await self.session_store.of(self.alice.id, self.clock.seconds()), [])

    async def test_a_proxy_brings_no_other_names(self) -> None:
        for forwarded, status in (("127.0.0.1", 200), ("203.0.113.9", 421)):
            headers = {"X-Forwarded-For": forwarded, "Host": "rebound.test"}
            self.assertEqual((await self.ask("GET", "/registration", headers=headers)).status, status)
