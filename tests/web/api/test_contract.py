"""What holds the answers against the document notices what breaks it."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.web.api.rig import ApiTestCase

SIGNED = {"address": "1.2.3.4", "agent": "", "service": "web", "how": "password", "success": True}
PROBLEM = {"type": "about:blank", "status": 404, "title": "Not Found"}


@dataclass
class Given:
    status: int
    content: Any = None
    type: str = "application/json"
    body: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.body = b"" if self.content is None else json.dumps(self.content).encode()

    def header(self, name: str) -> str | None:
        return self.type if name == "content-type" else None


class ContractTests(ApiTestCase):
    async def test_an_answer_that_is_described_passes(self) -> None:
        check = self.contract.check
        check("GET", "/api/v1/webhooks", Given(200, {"webhooks": []}))
        check("DELETE", "/api/v1/webhooks/a1", Given(204))
        entry = SIGNED | {"at": "2026-11-02T10:00:00Z"}
        check("GET", "/api/v1/sign-ins", Given(200, {"entries": [entry]}))
        check("DELETE", "/api/v1/webhooks/a1", Given(404, PROBLEM, "application/problem+json"))
        check("GET", "/api/v1/nothing", Given(404, PROBLEM, "application/problem+json"))

    async def test_whatever_the_document_does_not_say_is_noticed(self) -> None:
        wrong: list[tuple[str, str, Given]] = [
            ("GET", "/api/v1/webhooks", Given(200, {})),  # a member is missing
            ("GET", "/api/v1/webhooks", Given(200, {"webhooks": [], "more": 1})),  # one too many
            ("GET", "/api/v1/webhooks", Given(200, {"webhooks": None})),
            ("GET", "/api/v1/webhooks", Given(200)),
            ("GET", "/api/v1/webhooks", Given(201, {"webhooks": []})),
            ("GET", "/api/v1/webhooks", Given(200, {"webhooks": []}, "text/html")),
            ("GET", "/api/v1/sign-ins", Given(200, {"entries": [SIGNED | {"at": "yesterday"}]})),
            ("DELETE", "/api/v1/webhooks/a1", Given(204, {})),
            ("DELETE", "/api/v1/webhooks/a1", Given(404, {"title": "x"}, "application/problem+json")),
            ("DELETE", "/api/v1/webhooks/a1", Given(403, PROBLEM, "application/problem+json")),
            ("GET", "/api/v1/nothing", Given(200, {})),
        ]
        for method, path, answer in wrong:
            with self.assertRaises(AssertionError, msg=(method, path, answer)):
                self.contract.check(method, path, answer)
