"""What one small request can cost: references to results are weighed, answers are bounded."""

import json
import time

from mailsys.services.jmap.protocol.api import MAIL, WRITE, Limits
from tests.services.jmap.rig import JmapTestCase


def refer(call, name="Core/echo", path=""):
    return {"resultOf": call, "name": name, "path": path}


def doubling(calls, fan_out=2, seed="x" * 100):
    """Each call holds the one before it `fan_out` times over."""
    yield ["Core/echo", {"a": [seed] * 10}, "0"]
    for at in range(1, calls):
        yield ["Core/echo", {f"#{name}": refer(str(at - 1)) for name in range(fan_out)}, str(at)]


class ReferenceTests(JmapTestCase):
    async def test_what_references_multiply_is_refused_before_it_costs_anything(self):
        began = time.process_time()
        found = await self.request(*doubling(16, fan_out=60))
        self.assertLess(time.process_time() - began, 5.0)
        kinds = [(name, arguments.get("type")) for name, arguments, _ in found["methodResponses"]]
        self.assertEqual(kinds[0], ("Core/echo", None))
        self.assertIn(("error", "requestTooLarge"), kinds)
        # what refers to a call that failed fails as well
        self.assertEqual(kinds[-1], ("error", "invalidResultReference"))
        self.assertLess(len(json.dumps(found)), 25_000_000)

    async def test_the_bound_is_that_of_the_whole_request(self):
        """Many references that are small, each by itself."""
        calls = [["Core/echo", {"a": ["x" * 1000] * 1000}, "first"]]
        calls += [["Core/echo", {"#a": refer("first", path="/a")}, str(at)] for at in range(15)]
        found = await self.request(*calls)
        kinds = [arguments.get("type") for _, arguments, _ in found["methodResponses"]]
        self.assertEqual(kinds, [None] * 10 + ["requestTooLarge"] * 6)

    async def test_a_reference_looks_at_a_bounded_number_of_items(self):
        calls = [["Core/echo", {"a": [[1] * 500] * 500}, "first"]]
        calls += [["Core/echo", {"#a": refer("first", path="/a/*/*")}, "second"]]
        found = await self.request(*calls)
        self.assertEqual(found["methodResponses"][1][1]["type"], "invalidResultReference")

    async def test_ordinary_references_are_as_before(self):
        await self.deliver(subject="one")
        found = await self.request(
            ["Email/query", {"accountId": self.account}, "q"],
            ["Email/get", {"accountId": self.account, "#ids": refer("q", "Email/query", "/ids")}, "g"],
        )
        self.assertEqual(found["methodResponses"][1][1]["list"][0]["subject"], "one")


class AnswerTests(JmapTestCase):
    limits = Limits(max_size_answer=5000)

    def setUp(self):
        done = super().setUp()
        self.runs = 0

        async def long(context, arguments):
            self.runs += 1
            return {"text": "x" * arguments["size"]}

        self.api.register("Test/read", MAIL, long)
        self.api.register("Test/write", MAIL, long, WRITE)
        return done

    async def kinds(self, *calls):
        found = await self.request(*calls)
        return [(name, arguments.get("type")) for name, arguments, _ in found["methodResponses"]]

    async def test_an_answer_that_is_too_large_is_none(self):
        self.assertEqual(
            await self.kinds(["Test/read", {"size": 100}, "a"], ["Test/read", {"size": 6000}, "b"]),
            [("Test/read", None), ("error", "requestTooLarge")],
        )

    async def test_what_was_done_is_said_to_be_done_in_part(self):
        self.assertEqual(
            await self.kinds(["Test/write", {"size": 6000}, "a"]), [("error", "serverPartialFail")]
        )

    async def test_after_it_nothing_more_is_done(self):
        self.assertEqual(
            await self.kinds(["Test/read", {"size": 6000}, "a"], ["Test/write", {"size": 1}, "b"]),
            [("error", "requestTooLarge")] * 2,
        )
        self.assertEqual(self.runs, 1)

    async def test_many_small_ones_come_to_the_same(self):
        kinds = await self.kinds(*(["Test/read", {"size": 600}, str(at)] for at in range(16)))
        self.assertEqual(kinds.count(("Test/read", None)), 7)
        self.assertEqual(kinds[7:], [("error", "requestTooLarge")] * 9)


class ErrorTests(JmapTestCase):
    async def test_a_call_that_is_not_known_is_unknown_whatever_it_refers_to(self):
        found = await self.request(["No/such", {"#a": refer("none")}, "1"])
        self.assertEqual(found["methodResponses"][0][1]["type"], "unknownMethod")
