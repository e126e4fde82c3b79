"""App passwords, time-based codes, recovery codes, passkeys."""

import base64
import hashlib
import json
import os
from typing import Any

import pyotp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.jmap.ids import blob_id
from mailsys.core.refusal import AppPasswordNeeded, BadCredentials, Refusal
from mailsys.core.sasl.plain import Claim
from mailsys.ports.accounts import AccountPatch
from mailsys.ports.objects import ObjectChange
from mailsys.services.access.at_rest import AtRest
from mailsys.services.access.second_factor import SecondFactor
from tests.web.api.rig import PASSWORDS, SECRET, ApiTestCase, Browser


class AppPasswordTests(ApiTestCase):
    async def make(self, *scopes: str, **more: Any) -> tuple[Browser, Any]:
        browser = await self.signed_in("alice")
        answer = await browser.make_app_password(*scopes, **more)
        self.assertEqual(answer.status, 201, answer.body)
        return browser, answer.json

    async def enters(self, service: str, secret: str, login: str = "alice") -> bool:
        try:
            await self.sign_in.check(Claim(login, secret), "127.0.0.1", "PLAIN", service)
        except BadCredentials:
            return False
        return True

    async def test_it_opens_what_it_was_made_for_and_nothing_else(self) -> None:
        _, made = await self.make("imap")
        self.assertTrue(await self.enters("imap", made["secret"]))
        self.assertFalse(await self.enters("smtp", made["secret"]))
        self.assertFalse(await self.enters("imap", made["secret"], login="bob"))

    async def test_as_bearer_token_it_is_bound_by_its_scopes(self) -> None:
        _, made = await self.make("api")
        token = self.bearer(made["secret"])
        self.assertEqual((await self.ask("GET", "/queue", headers=token)).status, 200)
        self.assertEqual((await self.ask("GET", "/suggestions?q=a", headers=token)).status, 403)
        self.assertEqual((await self.ask("POST", "/send", {}, token)).status, 403)
        self.assertEqual((await self.ask("GET", "/app-passwords", headers=token)).status, 403)

    async def test_who_may_only_send_does_not_hear_of_mail(self) -> None:
        for scopes, status in ((["send"], 403), (["api"], 403), (["send", "mail:read"], 426)):
            _, made = await self.make(*scopes)
            token = self.bearer(made["secret"])
            if status == 403:
                stream = await self.ask(
                    "GET", "/jmap/eventsource/?types=*&closeafter=state&ping=0", headers=token
                )
                self.assertEqual(stream.status, status)
            self.assertEqual((await self.ask("GET", "/jmap/ws", headers=token)).status, status)

    async def test_webhooks_tell_of_mail_so_they_are_made_by_who_may_read_it(self) -> None:
        hook = {"url": "https://hook.example/"}
        for scopes, status in ((["api"], 403), (["mail:read"], 403), (["api", "mail:read"], 201)):
            _, made = await self.make(*scopes)
            answer = await self.ask("POST", "/webhooks", hook, self.bearer(made["secret"]))
            self.assertEqual(answer.status, status, scopes)
        path = f"/webhooks/{answer.json['webhook']['id']}"
        _, made = await self.make("api")
        token = self.bearer(made["secret"])
        self.assertEqual((await self.ask("PATCH", path, {"enabled": False}, token)).status, 403)
        self.assertEqual((await self.ask("DELETE", path, headers=token)).status, 204)

    async def test_as_basic_password_it_is_bound_by_its_scopes(self) -> None:
        _, made = await self.make("mail:read")
        pair = base64.b64encode(f"alice@example.com:{made['secret']}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        session = (await self.ask("GET", "/jmap/session", headers=headers)).json
        self.assertTrue(session["accounts"]["A1"]["isReadOnly"])
        self.assertEqual((await self.ask("GET", "/sessions", headers=headers)).status, 403)

    async def test_an_open_browser_is_not_enough_to_make_one(self) -> None:
        """It would outlive the session, and all that its owner does to end that."""
        browser = await self.signed_in("alice")
        for given in ({"password": "a guess of it"}, {"password": PASSWORDS["bob"]}):
            answer = await browser.make_app_password("imap", **given)
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, "#/password"))
        answer = await browser.ask("POST", "/app-passwords", {"name": "x", "scopes": ["imap"]})
        self.assertEqual(answer.status, 422)
        self.assertEqual((await browser.ask("GET", "/app-passwords")).json["appPasswords"], [])

    async def test_a_changed_password_ends_them_if_that_is_wanted(self) -> None:
        browser, made = await self.make("api")
        old, new = PASSWORDS["alice"], "violet harbour 9"
        for before, after, end, status in ((old, new, False, 200), (new, old, True, 401)):
            body = {"oldPassword": before, "newPassword": after, "endAppPasswords": end}
            self.assertEqual((await browser.ask("POST", "/password", body)).status, 200)
            answer = await self.ask("GET", "/session", headers=self.bearer(made["secret"]))
            self.assertEqual(answer.status, status)

    async def test_to_send_is_not_to_read(self) -> None:
        """Sending what lies in the mailbox to oneself would be reading."""
        blob = self.blobs.stage(b"Subject: secret\r\n\r\nsecret\r\n")
        await self.mail.hold(self.alice.id, blob, "text/plain", self.clock.seconds() + 3600)
        message = {"to": [{"address": "bob@example.com"}], "text": "x"}
        attached = {"attachments": [{"name": "x", "type": "text/plain", "blobId": blob_id(blob.id)}]}
        for scopes, status in ((["send"], 403), (["send", "mail:read"], 202)):
            _, made = await self.make(*scopes)
            token = self.bearer(made["secret"])
            self.assertEqual((await self.ask("POST", "/send", message, token)).status, 202)
            answer = await self.ask("POST", "/send", message | attached, token)
            self.assertEqual(answer.status, status, answer.body)

    async def test_it_ends_when_it_is_revoked(self) -> None:
        browser, made = await self.make("api")
        await browser.ask("DELETE", f"/app-passwords/{made['appPassword']['id']}")
        answer = await self.ask("GET", "/session", headers=self.bearer(made["secret"]))
        self.assertEqual(answer.status, 401)

    async def test_it_ends_at_its_time(self) -> None:
        _, made = await self.make("api", expires="2099-01-01T00:00:00Z")
        token = self.bearer(made["secret"])
        self.assertEqual((await self.ask("GET", "/session", headers=token)).status, 200)
        self.clock.shift += 80 * 366 * 86400.0
        self.assertEqual((await self.ask("GET", "/session", headers=token)).status, 401)

    async def test_the_secret_is_not_stored(self) -> None:
        _, made = await self.make("imap")
        (stored,) = await self.objects.objects(self.alice.id, "AppPassword")
        self.assertNotIn(made["secret"].rpartition("-")[2].encode(), stored.value)


class TotpTests(ApiTestCase):
    async def turn_on(self) -> tuple[Browser, str, list[str]]:
        browser = await self.signed_in("alice")
        begun = (await browser.ask("POST", "/second-factor/totp", {"password": PASSWORDS["alice"]})).json
        self.assertIn("<svg", begun["qr"])
        answer = await browser.ask(
            "POST", "/second-factor/totp/confirm", {"code": self.code(begun["secret"])}
        )
        self.assertEqual(answer.status, 200, answer.body)
        return browser, begun["secret"], answer.json["recoveryCodes"]

    def code(self, secret: str) -> str:
        return pyotp.TOTP(secret).at(int(self.clock.seconds()))

    async def second(self, code: str) -> Any:
        first = await Browser(self).sign_in("alice")
        self.assertIsNone(first.json["session"])
        self.assertIsNone(first.header("set-cookie"))
        challenge = first.json["nextStep"]["challenge"]
        return await self.ask("POST", "/session/second-factor", {"challenge": challenge, "code": code})

    async def test_a_code_is_the_second_step_and_holds_once(self) -> None:
        _, secret, _ = await self.turn_on()
        self.clock.shift += 60
        code = self.code(secret)
        answer = await self.second(code)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json["session"]["address"], "alice@example.com")
        self.assertEqual((await self.second(code)).status, 401)

    async def test_a_wrong_code_is_401_and_a_challenge_takes_few_tries(self) -> None:
        await self.turn_on()
        first = await Browser(self).sign_in("alice")
        challenge = first.json["nextStep"]["challenge"]
        for _ in range(5):
            body = {"challenge": challenge, "code": "000000"}
            self.assertEqual((await self.ask("POST", "/session/second-factor", body)).status, 401)
        answer = await self.ask("POST", "/session/second-factor", {"challenge": challenge, "code": "x"})
        self.assertIn("begin again", answer.json["detail"])

    async def test_an_app_password_needs_the_second_factor_again(self) -> None:
        browser, secret, codes = await self.turn_on()
        self.clock.shift += 60
        for given, status in (({}, 422), ({"code": "000000"}, 422), ({"code": codes[0]}, 201),
                              ({"code": codes[0]}, 422), ({"code": self.code(secret)}, 201),
                              ({"code": self.code(secret)}, 422)):  # fmt: skip
            answer = await browser.make_app_password("imap", **given)
            self.assertEqual(answer.status, status, (given, answer.body))
            if status == 422:
                self.assertEqual(answer.json["errors"][0]["pointer"], "#/code")

    async def test_a_code_is_spent_once_by_however_many_at_the_same_time(self) -> None:
        _, secret, codes = await self.turn_on()
        self.clock.shift += 60
        for code in (self.code(secret), codes[3]):
            others = [
                SecondFactor(  # other processes, which share the store alone
                    self.objects, self.accounts, self.store.once, self.clock, os.urandom, "x",
                    AtRest(SECRET, os.urandom),
                )
                for _ in range(10)
            ]  # fmt: skip

            async def spend(factor: SecondFactor, code: str = code) -> int:
                try:
                    await factor.check(self.alice.id, code)
                except BadCredentials:
                    return 0
                return 1

            done = await gatherResults([Deferred.fromCoroutine(spend(each)) for each in others])
            self.assertEqual(sum(done), 1)

    async def test_wrong_codes_of_strangers_do_not_shut_it_where_the_account_knows_its_owner(self) -> None:
        _, secret, codes = await self.turn_on()
        self.clock.shift += 60

        async def attempt(code: str, place: str) -> str:
            try:
                return await self.access.factor.check(self.alice.id, code, place)
            except Refusal as refused:
                return type(refused).__name__

        for place in ("", "browser 1"):
            wrong = f"{int(self.code(secret)) ^ 1:06}"
            done = await gatherResults([Deferred.fromCoroutine(attempt(wrong, place)) for _ in range(40)])
            self.assertEqual(done.count("BadCredentials"), 30)  # however many at once
            self.assertEqual(done.count("RateLimited"), 10)
            self.assertEqual(await attempt(self.code(secret), place), "RateLimited")
        self.assertEqual(await attempt(self.code(secret), "browser 2"), "totp")
        self.assertEqual(await attempt(codes[0], ""), "recovery")
        self.clock.shift += 3600
        self.assertEqual(await attempt(self.code(secret), ""), "totp")

    async def test_right_codes_are_not_counted(self) -> None:
        _, secret, _ = await self.turn_on()
        for _ in range(40):
            self.clock.shift += 31
            self.assertEqual(await self.access.factor.check(self.alice.id, self.code(secret)), "totp")

    async def test_a_challenge_is_good_for_one_session_over_processes_and_restarts(self) -> None:
        _, _, codes = await self.turn_on()
        first = await Browser(self).sign_in("alice")
        challenge = first.json["nextStep"]["challenge"]
        body = {"challenge": challenge, "code": codes[0]}
        self.assertEqual((await self.ask("POST", "/session/second-factor", body)).status, 200)
        self.counters._counters.clear()  # all that may be lost
        body["code"] = codes[1]
        self.assertEqual((await self.ask("POST", "/session/second-factor", body)).status, 401)

    async def test_policies_that_are_settled_at_the_same_time_tell_what_holds(self) -> None:
        await self.turn_on()
        factor = self.access.factor
        await gatherResults(
            [
                Deferred.fromCoroutine(factor.remove_totp(self.alice.id)),
                *(Deferred.fromCoroutine(factor.settle(self.alice.id)) for _ in range(10)),
            ]
        )
        self.assertFalse(await factor.demands_app_password(self.alice.id))

    async def test_a_factor_that_changes_does_not_undo_what_administrators_do_meanwhile(self) -> None:
        await gatherResults(
            [
                Deferred.fromCoroutine(self.access.factor.settle(self.alice.id)),
                self.accounts.change_account(self.alice.id, AccountPatch(enabled=False)),
                Deferred.fromCoroutine(self.access.factor.settle(self.alice.id)),
            ]
        )
        self.assertFalse((await self.accounts.account(self.alice.id)).enabled)

    async def test_ten_recovery_codes_hold_once_each(self) -> None:
        browser, _, codes = await self.turn_on()
        self.assertEqual(len(set(codes)), 10)
        self.assertEqual((await self.second(codes[0].upper())).status, 200)
        self.assertEqual((await self.second(codes[0])).status, 401)
        self.assertEqual((await browser.ask("GET", "/second-factor")).json["recoveryCodes"], 9)

    async def test_mail_programs_need_app_passwords_from_then_on(self) -> None:
        claim = Claim("alice", PASSWORDS["alice"])
        await self.sign_in.check(claim, "127.0.0.1", "PLAIN", "imap")
        browser, _, _ = await self.turn_on()
        with self.assertRaises(AppPasswordNeeded):
            await self.sign_in.check(claim, "127.0.0.1", "PLAIN", "imap")
        with self.assertRaises(BadCredentials) as guessed:  # who does not know it learns nothing
            await self.sign_in.check(Claim("alice", "wrong"), "127.0.0.1", "PLAIN", "imap")
        self.assertIs(type(guessed.exception), BadCredentials)
        pair = base64.b64encode(f"alice:{PASSWORDS['alice']}".encode()).decode()
        self.assertEqual(
            (await self.ask("GET", "/jmap/session", headers={"Authorization": f"Basic {pair}"})).status, 401
        )
        body = {"password": PASSWORDS["alice"], "appPasswordsOnly": False}
        self.assertEqual((await browser.ask("PATCH", "/second-factor", body)).status, 200)
        await self.sign_in.check(claim, "127.0.0.1", "PLAIN", "imap")

    async def test_a_password_alone_is_a_mail_programs_and_does_not_turn_the_factor_off(self) -> None:
        browser, _, _ = await self.turn_on()
        body = {"password": PASSWORDS["alice"], "appPasswordsOnly": False}
        self.assertEqual((await browser.ask("PATCH", "/second-factor", body)).status, 200)
        pair = base64.b64encode(f"alice:{PASSWORDS['alice']}".encode()).decode()
        basic = {"Authorization": f"Basic {pair}"}
        self.assertEqual((await self.ask("GET", "/jmap/session", headers=basic)).status, 200)
        for path in ("/second-factor/totp/remove", "/second-factor/recovery-codes", "/second-factor/totp"):
            answer = await self.ask("POST", path, {"password": PASSWORDS["alice"]}, basic)
            self.assertEqual(answer.status, 403, path)
        self.assertTrue((await browser.ask("GET", "/second-factor")).json["totp"])

    async def test_the_secret_is_not_stored_as_it_is_and_holds_for_its_account_only(self) -> None:
        _, secret, _ = await self.turn_on()
        (stored,) = await self.objects.objects(self.alice.id, "SecondFactor", ["totp"])
        self.assertNotIn(secret.encode(), stored.value)
        await self.objects.write([ObjectChange(self.bob.id, "SecondFactor", "totp", stored.value)])
        self.clock.shift += 60
        with self.assertRaises(BadCredentials):
            await self.access.factor.check(self.bob.id, self.code(secret))
        await self.access.factor.check(self.alice.id, self.code(secret))

    async def test_a_secret_stored_before_they_were_hidden_still_holds(self) -> None:
        _, secret, _ = await self.turn_on()
        old = json.dumps({"secret": secret, "created": 1.0, "confirmed": True}).encode()
        await self.objects.write([ObjectChange(self.alice.id, "SecondFactor", "totp", old)])
        self.assertEqual((await self.second(self.code(secret))).status, 200)

    async def test_turning_it_off_needs_the_password(self) -> None:
        browser, _, _ = await self.turn_on()
        self.assertEqual(
            (await browser.ask("POST", "/second-factor/totp/remove", {"password": "wrong"})).status, 422
        )
        body = {"password": PASSWORDS["alice"]}
        self.assertEqual((await browser.ask("POST", "/second-factor/totp/remove", body)).status, 204)
        self.assertEqual((await Browser(self).sign_in("alice")).json["session"]["secondFactor"], False)

    async def test_a_challenge_that_was_changed_or_is_old_is_401(self) -> None:
        _, secret, _ = await self.turn_on()
        first = await Browser(self).sign_in("alice")
        challenge = first.json["nextStep"]["challenge"]
        for given in (challenge[:-2] + "AA", "x", "." * 9, challenge + "x"):
            body = {"challenge": given, "code": self.code(secret)}
            self.assertEqual((await self.ask("POST", "/session/second-factor", body)).status, 401, given)
        self.clock.shift += 301
        body = {"challenge": challenge, "code": self.code(secret)}
        self.assertEqual((await self.ask("POST", "/session/second-factor", body)).status, 401)


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Device:
    """A soft authenticator: one ES256 key (WebAuthn §6), user verified."""

    def __init__(self, origin: str, host: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = b"credential-id-16"
        self.origin, self.host = origin, host
        self.count = 0
        self.handle = b""

    def client(self, kind: str, options: Any) -> bytes:
        return json.dumps(
            {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        ).encode()

    def data(self, flags: int, more: bytes = b"") -> bytes:
        self.count += 1
        return (
            hashlib.sha256(self.host.encode()).digest()
            + bytes([flags])
            + self.count.to_bytes(4, "big")
            + more
        )

    def create(self, options: Any) -> Any:
        self.handle = base64.urlsafe_b64decode(options["user"]["id"] + "==")
        numbers = self.key.public_key().public_numbers()
        cose = (
            b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + numbers.x.to_bytes(32, "big")
            + b"\x22\x58\x20" + numbers.y.to_bytes(32, "big")
        )  # fmt: skip
        data = self.data(0x45, bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose)
        head = b"\x58" + bytes([len(data)]) if len(data) < 256 else b"\x59" + len(data).to_bytes(2, "big")
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData" + head + data
        return {
            "id": text(self.id), "rawId": text(self.id), "type": "public-key",
            "response": {"clientDataJSON": text(self.client("webauthn.create", options)),
                         "attestationObject": text(attestation)},
        }  # fmt: skip

    def get(self, options: Any, flags: int = 0x05) -> Any:
        client, data = self.client("webauthn.get", options), self.data(flags)
        signed = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "id": text(self.id), "rawId": text(self.id), "type": "public-key",
            "response": {"clientDataJSON": text(client), "authenticatorData": text(data),
                         "signature": text(signed), "userHandle": text(self.handle)},
        }  # fmt: skip


class PasskeyTests(ApiTestCase):
    async def register(self) -> tuple[Browser, Device]:
        browser = await self.signed_in("alice")
        asked = (await browser.ask("POST", "/passkeys/options", {"password": PASSWORDS["alice"]})).json
        device = Device(self.url, "127.0.0.1")
        body = {
            "challenge": asked["challenge"], "credential": device.create(asked["options"]), "name": "laptop",
        }  # fmt: skip
        answer = await browser.ask("POST", "/passkeys", body)
        self.assertEqual(answer.status, 201, answer.body)
        self.assertEqual(len(answer.json["recoveryCodes"]), 10)
        return browser, device

    async def test_a_passkey_alone_signs_in(self) -> None:
        _, device = await self.register()
        asked = (await self.ask("POST", "/session/passkey/options")).json
        body = {"challenge": asked["challenge"], "credential": device.get(asked["options"])}
        answer = await self.ask("POST", "/session/passkey", body)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json["session"]["address"], "alice@example.com")
        self.assertEqual((await self.ask("POST", "/session/passkey", body)).status, 401)  # used

    async def test_alone_it_must_have_verified_its_user(self) -> None:
        _, device = await self.register()
        asked = (await self.ask("POST", "/session/passkey/options")).json
        body = {"challenge": asked["challenge"], "credential": device.get(asked["options"], flags=0x01)}
        self.assertEqual((await self.ask("POST", "/session/passkey", body)).status, 401)

    async def test_a_passkey_is_the_second_step(self) -> None:
        _, device = await self.register()
        step = (await Browser(self).sign_in("alice")).json["nextStep"]
        self.assertEqual(step["methods"], ["passkey", "recovery"])
        body = {
            "challenge": step["challenge"], "passkeyChallenge": step["passkey"]["challenge"],
            "credential": device.get(step["passkey"]["options"], flags=0x01),
        }  # fmt: skip
        answer = await self.ask("POST", "/session/second-factor", body)
        self.assertEqual(answer.status, 200, answer.body)

    async def test_anothers_passkey_another_origin_and_a_copied_device_are_refused(self) -> None:
        _, device = await self.register()
        for change in ("key", "origin", "count", "handle"):
            asked = (await self.ask("POST", "/session/passkey/options")).json
            other = Device(self.url, "127.0.0.1")
            other.key, other.count, other.handle = device.key, device.count, device.handle
            if change == "key":
                other.key = ec.generate_private_key(ec.SECP256R1())
            elif change == "origin":
                other.origin = "https://evil.example"
            elif change == "count":
                other.count = 0
            else:
                other.handle = b"A2"
            body = {"challenge": asked["challenge"], "credential": other.get(asked["options"])}
            self.assertEqual((await self.ask("POST", "/session/passkey", body)).status, 401, change)

    async def test_nonsense_for_a_credential_is_401(self) -> None:
        for credential in ({}, {"id": 5}, {"id": "x", "response": {}}, {"id": "\xff", "response": []},
                           {"id": "AAAA", "rawId": "AAAA", "type": "public-key",
                            "response": {"userHandle": "QTE", "clientDataJSON": "e30",
                                         "authenticatorData": "AA", "signature": "AA"}}):  # fmt: skip
            asked = (await self.ask("POST", "/session/passkey/options")).json
            body = {"challenge": asked["challenge"], "credential": credential}
            answer = await self.ask("POST", "/session/passkey", body)
            self.assertEqual(answer.status, 401, (credential, answer.body))
