"""Holds every answer that a test sees against the OpenAPI document: its status, type and schema."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Protocol

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

_PROBLEM = "#/components/schemas/Problem"
_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)  # type: ignore[untyped-decorator]
def _date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class Answered(Protocol):
    status: int
    body: bytes

    def header(self, name: str) -> str | None: ...


class Contract:
    """`document` is the OpenAPI document. What it does not describe may only be refused."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self._validators: dict[str, Draft202012Validator] = {}
        found = []
        for path, item in document["paths"].items():
            pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
            found.append((path.count("{"), pattern, item))
        self._paths = [(pattern, item) for _, pattern, item in sorted(found, key=lambda each: each[0])]

    def check(self, method: str, path: str, answer: Answered) -> None:
        """Raises AssertionError for an answer that breaks the document."""
        told = f"{method} {path}: {answer.status} {answer.body[:300]!r}"
        responses = self._responses(method, path.partition("?")[0])
        if responses is None:
            assert answer.status in (301, 308, 400, 404, 405, 421, 429), f"not described: {told}"
            response = {"content": {"application/problem+json": {"schema": {"$ref": _PROBLEM}}}}
        else:
            assert str(answer.status) in responses, f"a status that is not described: {told}"
            response = responses[str(answer.status)]
        content = response.get("content")
        if method == "HEAD":
            assert not answer.body, told
            return
        if content is None:
            assert not answer.body, f"a body where none is described: {told}"
            return
        kind = (answer.header("content-type") or "").partition(";")[0]
        ranges = (kind, kind.partition("/")[0] + "/*", "*/*")
        schema = next((content[each]["schema"] for each in ranges if each in content), None)
        assert schema is not None, f"a type that is not described, {kind}: {told}"
        if kind.endswith("json"):
            assert answer.body, told
            value = json.loads(answer.body)
            for error in self._validator(schema).iter_errors(value):
                raise AssertionError(f"{error.json_path}: {error.message[:300]} of {told}")
            if kind == "application/problem+json":
                assert value["status"] == answer.status, told

    def _responses(self, method: str, path: str) -> dict[str, Any] | None:
        name = "get" if method == "HEAD" else method.lower()
        for pattern, item in self._paths:
            if name in item and pattern.fullmatch(path):
                found: dict[str, Any] = item[name]["responses"]
                return found
        return None

    def _validator(self, schema: Any) -> Draft202012Validator:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            whole = {**schema, "components": self._components}
            self._validators[key] = Draft202012Validator(whole, format_checker=_formats)
        return self._validators[key]
