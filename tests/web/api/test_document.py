"""The OpenAPI document says what is there, and what is there keeps to it."""

import re
from typing import Any

from mailsys.web.api.table import PREFIX
from tests.web.api.rig import ApiTestCase

_METHODS = {"get", "post", "put", "patch", "delete"}


class DocumentTests(ApiTestCase):
    timeout = 120

    async def document(self) -> Any:
        answer = await self.ask("GET", "/openapi.json")
        self.assertEqual(answer.status, 200)
        return answer.json

    async def test_every_route_is_described_and_everything_described_is_a_route(self) -> None:
        found = await self.document()
        described = {
            (method.upper(), path)
            for path, item in found["paths"].items()
            for method in item
            if method in _METHODS
        }
        mounted = set()
        for rule in self.web.routes._klein.url_map.iter_rules():
            path = re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)
            if path.startswith(PREFIX):
                mounted |= {(method, path) for method in rule.methods - {"HEAD", "OPTIONS"}}
        self.assertEqual(described, mounted)

    async def test_all_references_lead_somewhere_and_operations_have_names_of_their_own(self) -> None:
        found = await self.document()
        schemas = found["components"]["schemas"]
        text = str(found)
        for name in re.findall(r"#/components/schemas/(\w+)", text):
            self.assertIn(name, schemas)
        names = [operation["operationId"] for item in found["paths"].values() for operation in item.values()]
        self.assertEqual(len(names), len(set(names)))

    async def test_every_route_but_the_public_ones_wants_a_sign_in(self) -> None:
        found = await self.document()
        for path, item in found["paths"].items():
            for method, operation in item.items():
                if not operation["security"] or method not in _METHODS:
                    continue
                given = re.sub(r"\{\w+\}", "A1", path)
                body = {} if "requestBody" in operation else None
                answer = await self.ask(method.upper(), given, body)
                self.assertEqual(answer.status, 401, (method, path))
                self.assertEqual(answer.header("content-type"), "application/problem+json")
                self.assertIn("Bearer", answer.header("www-authenticate"))

    async def test_every_route_survives_values_of_any_kind(self) -> None:
        """No 5xx, and every refusal is a problem with its status."""
        browser = await self.signed_in("root")
        found = await self.document()
        for path, item in found["paths"].items():
            for method, operation in item.items():
                if path.endswith(("/session", "/sessions")) and method == "delete":
                    continue
                for value in ("A1", "0", "%00", "%F0%9F%92%A9", "a" * 300, "-1", "..", "'", "Q1"):
                    given = re.sub(r"\{\w+\}", value, path)
                    for body in ([None], [[], {}, {"x": 1}, "\ud800", None, {"url": "//", "events": []}])[
                        "requestBody" in operation
                    ]:
                        encoded = None if "requestBody" not in operation else body
                        answer = await browser.ask(method.upper(), given, encoded)
                        told = (method, given, body, answer.status, answer.body)
                        self.assertLess(answer.status, 500, told)
                        if answer.status >= 400:
                            self.assertEqual(answer.json["status"], answer.status, told)
                    if "{" not in path:
                        break
