"""Requests, errors, created ids, limits, session (RFC 8620 §2, §3)."""

import json

from twisted.internet.defer import Deferred

from mailsys.core.jmap.problems import MethodError, RequestProblem
from mailsys.core.refusal import OverQuota, TemporaryFailure
from mailsys.services.jmap.mail.email_filter import SEARCH
from mailsys.services.jmap.mail.newcomers import NEWCOMERS
from mailsys.services.jmap.mail.snooze import SNOOZE
from mailsys.services.jmap.mail.verdicts import TRUST
from mailsys.services.jmap.protocol.api import CORE, MAIL, READ, WRITE, Caller, Limits
from tests.services.jmap.rig import JmapTestCase


class RequestTests(JmapTestCase):
    limits = Limits(max_concurrent_requests=2, max_size_request=5000)

    async def problem(self, body, caller=None):
        try:
            await self.api.call(
                caller or self.caller, body if isinstance(body, bytes) else json.dumps(body).encode()
            )
        except RequestProblem as problem:
            return problem.type_uri.rpartition(":")[2]
        return None

    async def test_echo_answers_its_arguments(self):
        found = await self.request(["Core/echo", {"hello": True, "high": 5}, "b3ff"])
        self.assertEqual(found["methodResponses"], [["Core/echo", {"hello": True, "high": 5}, "b3ff"]])

    async def test_the_session_state_is_that_of_the_session(self):
        session = await self.api.session(self.caller, "https://x.test")
        found = await self.request(["Core/echo", {}, "1"])
        self.assertEqual(found["sessionState"], session["state"])

    async def test_created_ids_come_back_only_when_they_were_given(self):
        self.assertNotIn("createdIds", await self.request(["Core/echo", {}, "1"]))
        found = await self.request(["Core/echo", {}, "1"], createdIds={"a": "M1"})
        self.assertEqual(found["createdIds"], {"a": "M1"})

    async def test_what_is_no_json_is_told_so(self):
        for body in (
            b"{",
            b"",
            b"\xff",
            b'{"using": [], "using": [], "methodCalls": []}',
            b'"\\ud800"',
            b"NaN",
        ):
            self.assertEqual(await self.problem(body), "notJSON", body)

    async def test_what_is_no_request_is_told_so(self):
        self.assertEqual(await self.problem({"using": []}), "notRequest")

    async def test_a_capability_that_is_not_known_is_refused(self):
        body = {"using": ["urn:none"], "methodCalls": []}
        self.assertEqual(await self.problem(body), "unknownCapability")

    async def test_a_request_beyond_its_size_is_refused(self):
        self.assertEqual(await self.problem(b'{"using": [' + b" " * 6000), "limit")

    async def test_more_requests_at_once_than_allowed_are_refused(self):
        waiting = []

        async def wait(context, arguments):
            held = Deferred()
            waiting.append(held)
            await held
            return {}

        self.api.register("Test/wait", CORE, wait)
        body = {"using": [CORE], "methodCalls": [["Test/wait", {}, "1"]]}
        running = [Deferred.fromCoroutine(self.problem(body)) for _ in range(2)]
        self.assertEqual(await self.problem(body), "limit")
        self.assertEqual(await self.problem({"using": [CORE], "methodCalls": []}, Caller(self.bob)), None)
        for one in waiting:
            one.callback(None)
        for one in running:
            self.assertIsNone(await one)
        self.assertEqual(await self.problem({"using": [CORE], "methodCalls": []}), None)

    async def test_a_method_that_is_not_known_leaves_the_others_alone(self):
        found = await self.request(["No/such", {}, "1"], ["Core/echo", {}, "2"])
        self.assertEqual([(name, call) for name, _, call in found["methodResponses"]],
                         [("error", "1"), ("Core/echo", "2")])  # fmt: skip
        self.assertEqual(found["methodResponses"][0][1]["type"], "unknownMethod")

    async def test_a_method_of_a_capability_that_is_not_used_is_not_known(self):
        body = {"using": [CORE], "methodCalls": [["Mailbox/get", {"accountId": self.account}, "1"]]}
        found = json.loads(await self.api.call(self.caller, json.dumps(body).encode()))
        self.assertEqual(found["methodResponses"][0][1]["type"], "unknownMethod")

    async def test_a_reference_is_resolved(self):
        found = await self.request(
            ["Core/echo", {"list": [{"id": "a"}, {"id": "b"}]}, "1"],
            ["Core/echo", {"#ids": {"resultOf": "1", "name": "Core/echo", "path": "/list/*/id"}}, "2"],
            ["Core/echo", {"#ids": {"resultOf": "9", "name": "Core/echo", "path": "/list"}}, "3"],
        )
        self.assertEqual(found["methodResponses"][1][1], {"ids": ["a", "b"]})
        self.assertEqual(found["methodResponses"][2][1]["type"], "invalidResultReference")

    async def test_failures_become_errors_of_their_kind(self):
        for failure, type_ in {
            OverQuota(): "overQuota",
            TemporaryFailure(): "serverUnavailable",
            MethodError("stateMismatch"): "stateMismatch",
        }.items():

            async def fail(context, arguments, failure=failure):
                raise failure

            self.api.register(f"Test/{type_}", CORE, fail)
            await self.fails(type_, f"Test/{type_}")

    async def test_a_defect_is_a_server_failure_and_says_nothing_private(self):
        async def fail(context, arguments):
            raise ZeroDivisionError("secret")

        self.api.register("Test/defect", CORE, fail)
        error = await self.fails("serverFail", "Test/defect")
        self.assertNotIn("secret", json.dumps(error))

    async def test_a_method_may_give_several_responses(self):
        async def twice(context, arguments):
            return [("Test/twice", {}), *await context.invoke("Core/echo", {"a": 1})]

        self.api.register("Test/twice", CORE, twice)
        found = await self.request(["Test/twice", {}, "1"])
        self.assertEqual(found["methodResponses"], [["Test/twice", {}, "1"], ["Core/echo", {"a": 1}, "1"]])


class AccountTests(JmapTestCase):
    async def test_an_account_that_is_anothers_is_not_found_by_any_method(self):
        for name in list(self.api._methods):
            if name != "Core/echo":
                for account in ("A2", "A999", "B1", "x"):
                    arguments = {
                        "accountId": account, "ids": [], "emailIds": [], "blobIds": [], "emails": {},
                        "create": {}, "sinceState": "0", "sinceQueryState": "0",
                        "fromAccountId": self.account,
                    }  # fmt: skip
                    kind, value = await self.answer(name, **arguments)
                    self.assertEqual((kind, value["type"]), ("error", "accountNotFound"), name)

    async def test_an_account_must_be_given(self):
        found = await self.request(["Email/get", {"ids": []}, "1"])
        self.assertEqual(found["methodResponses"][0][1]["type"], "invalidArguments")

    async def test_a_sign_in_that_may_only_read_cannot_write(self):
        reader = Caller(self.alice, frozenset((READ,)))
        kind, value = await self.answer("Mailbox/get", reader, ids=[])
        self.assertEqual(kind, "Mailbox/get")
        for name in ("Mailbox/set", "Email/set", "Email/import"):
            kind, value = await self.answer(name, reader, emails={})
            self.assertEqual(value["type"], "accountReadOnly")
        kind, value = await self.answer("Mailbox/get", Caller(self.alice, frozenset(("send",))), ids=[])
        self.assertEqual(value["type"], "forbidden")


class SessionTests(JmapTestCase):
    async def test_the_session_says_what_there_is(self):
        session = await self.api.session(self.caller, "https://mail.example.com")
        self.assertEqual(session["username"], "alice@example.com")
        self.assertEqual(session["apiUrl"], "https://mail.example.com/jmap/api")
        account = session["accounts"][self.account]
        self.assertEqual((account["name"], account["isPersonal"], account["isReadOnly"]),
                         ("alice@example.com", True, False))  # fmt: skip
        self.assertEqual(
            session["primaryAccounts"], dict.fromkeys((MAIL, SNOOZE, NEWCOMERS, TRUST, SEARCH), self.account)
        )
        self.assertEqual(session["capabilities"][MAIL], {})
        core = session["capabilities"][CORE]
        self.assertEqual((core["maxCallsInRequest"], core["maxObjectsInGet"]), (16, 500))
        self.assertIn("receivedAt", account["accountCapabilities"][MAIL]["emailQuerySortOptions"])
        for name, variables in {
            "downloadUrl": ("accountId", "blobId", "name", "type"),
            "uploadUrl": ("accountId",),
            "eventSourceUrl": ("types", "closeafter", "ping"),
        }.items():
            for variable in variables:
                self.assertIn("{" + variable + "}", session[name])

    async def test_its_state_is_the_same_wherever_it_is_asked_and_changes_with_what_it_says(self):
        one = await self.api.session(self.caller, "https://a.test")
        two = await self.api.session(self.caller, "https://b.test")
        reader = await self.api.session(Caller(self.alice, frozenset((READ,))), "https://a.test")
        self.assertEqual(one["state"], two["state"])
        self.assertNotEqual(one["state"], reader["state"])
        self.assertTrue(reader["accounts"][self.account]["isReadOnly"])
        self.assertFalse(Caller(self.alice, frozenset((READ,))).may(WRITE))

    async def test_states_of_types_are_told(self):
        states = await self.api.state_change(self.alice.id)
        self.assertEqual(set(states), {"Mailbox", "Thread", "Email", "EmailDelivery"})
        self.assertEqual(set(await self.api.state_change(self.alice.id, {"Email", "Nothing"})), {"Email"})
        await self.deliver()
        self.assertEqual((await self.api.state_change(self.alice.id))["Email"], await self.state("Email"))
