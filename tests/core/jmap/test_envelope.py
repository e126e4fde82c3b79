"""The Request object and references to results (RFC 8620 §3.3, §3.7)."""

from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.jmap.envelope import parse_request
from mailsys.core.jmap.problems import MethodError, RequestProblem
from mailsys.core.jmap.references import MAX_STEPS, Steps, evaluate, resolve_references

CORE = "urn:ietf:params:jmap:core"


def request(**changes):
    return {"using": [CORE], "methodCalls": [["Core/echo", {"a": 1}, "c1"]], **changes}


class RequestTests(SynchronousTestCase):
    def problem(self, value, max_calls=16):
        return self.assertRaises(RequestProblem, parse_request, value, {CORE}, max_calls)

    def test_calls_are_read_in_order(self):
        calls = [["A/b", {}, "1"], ["C/d", {"x": None}, "1"]]
        found = parse_request(request(methodCalls=calls), {CORE}, 16)
        self.assertEqual([(c.name, c.arguments, c.id) for c in found.calls], [tuple(c) for c in calls])

    def test_properties_that_are_not_known_are_ignored(self):
        self.assertEqual(parse_request(request(future=True), {CORE}, 16).created_ids, None)

    def test_what_is_no_request_is_told_so(self):
        for value in (
            [],
            None,
            {},
            request(using="x"),
            request(using=[1]),
            request(methodCalls={}),
            request(methodCalls=[["a", {}]]),
            request(methodCalls=[["a", [], "1"]]),
            request(methodCalls=[["a", {}, 1]]),
            request(methodCalls=[[1, {}, "1"]]),
            request(createdIds=[]),
            request(createdIds={"a": 1}),
        ):
            problem = self.problem(value)
            self.assertEqual(
                (problem.status, problem.type_uri), (400, "urn:ietf:params:jmap:error:notRequest")
            )

    def test_a_capability_that_is_not_there_is_named(self):
        problem = self.problem(request(using=[CORE, "urn:x:y"]))
        self.assertEqual(problem.type_uri, "urn:ietf:params:jmap:error:unknownCapability")
        self.assertIn("urn:x:y", problem.detail)

    def test_too_many_calls_pass_a_limit_with_its_name(self):
        problem = self.problem(request(methodCalls=[["a", {}, "1"]] * 3), 2)
        self.assertEqual(
            problem.document() | {"detail": ""},
            {
                "type": "urn:ietf:params:jmap:error:limit",
                "status": 400,
                "title": "Limit passed",
                "detail": "",
                "limit": "maxCallsInRequest",
            },
        )


RESULT = {
    "list": [
        {"id": "T1", "emailIds": ["M1", "M2"]},
        {"id": "T2", "emailIds": ["M3"]},
        {"id": "a/b", "emailIds": []},
    ],
    "a/b": {"m~n": 7},
    "nested": [[["x"]], [["y"]]],
}


class ReferenceTests(SynchronousTestCase):
    def resolve(self, reference, name="#ids", **others):
        responses = [("Thread/get", RESULT, "t"), ("error", {"type": "x"}, "e")]
        return resolve_references({name: reference, **others}, responses, Steps())

    def test_a_star_takes_every_item_and_flattens_arrays_by_one_level(self):
        self.assertEqual(evaluate(RESULT, "/list/*/emailIds", Steps()), ["M1", "M2", "M3"])
        self.assertEqual(evaluate(RESULT, "/list/*/id", Steps()), ["T1", "T2", "a/b"])
        self.assertEqual(evaluate(RESULT, "/nested/*", Steps()), [["x"], ["y"]])

    def test_an_index_takes_one_item(self):
        self.assertEqual(evaluate(RESULT, "/list/1/emailIds/0", Steps()), "M3")

    def test_escapes_of_pointers_are_understood(self):
        self.assertEqual(evaluate(RESULT, "/a~1b/m~0n", Steps()), 7)

    def test_the_empty_pointer_is_the_whole_result(self):
        self.assertIs(evaluate(RESULT, "", Steps()), RESULT)

    def test_what_is_not_there_is_an_invalid_reference(self):
        for path in ("/none", "/list/9", "/list/01", "/list/-", "/list/x", "/list/0/id/x", "list", "/a~2b"):
            error = self.assertRaises(MethodError, evaluate, RESULT, path, Steps())
            self.assertEqual(error.type, "invalidResultReference", path)

    def test_the_argument_takes_the_place_of_its_reference(self):
        found = self.resolve({"resultOf": "t", "name": "Thread/get", "path": "/list/*/id"}, x=1)
        self.assertEqual(found, {"ids": ["T1", "T2", "a/b"], "x": 1})

    def test_name_and_call_must_both_be_right(self):
        for reference in (
            {"resultOf": "z", "name": "Thread/get", "path": "/list"},
            {"resultOf": "t", "name": "Email/get", "path": "/list"},
            {"resultOf": "e", "name": "Thread/get", "path": "/list"},
            {"resultOf": "t", "name": "Thread/get"},
            ["t"],
            None,
        ):
            error = self.assertRaises(MethodError, self.resolve, reference)
            self.assertEqual(error.type, "invalidResultReference")

    def test_many_references_together_walk_no_further_than_one(self):
        """Each alone is small: arrays that are empty, and one long array that every reference copies."""
        for result, path in (({"a": [[]] * 1000}, "/a/*/*"), ({"a": [["x"] * 1000]}, "/a/*")):
            reference = {"resultOf": "0", "name": "Core/echo", "path": path}
            steps, responses = Steps(), [("Core/echo", result, "0")]
            many = {f"#k{n}": reference for n in range(MAX_STEPS // 2000)}
            resolve_references({"#one": reference}, responses, Steps())
            with self.assertRaises(MethodError) as caught:
                for _ in range(3):
                    resolve_references(many, responses, steps)
            self.assertEqual(caught.exception.type, "invalidResultReference")

    def test_an_argument_in_both_forms_is_invalid(self):
        reference = {"resultOf": "t", "name": "Thread/get", "path": "/list"}
        error = self.assertRaises(MethodError, self.resolve, reference, ids=[])
        self.assertEqual(error.type, "invalidArguments")
