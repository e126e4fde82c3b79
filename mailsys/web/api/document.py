"""The OpenAPI 3.1 document of `/api/v1`, made from the table of routes."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from mailsys import __version__
from mailsys.web.api.table import PREFIX, Access, Api, Call, Model, Route
from mailsys.web.reply import Reply

_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
_REFERENCE: Final = "#/components/schemas/{name}"

_STATUS: Final = {
    400: "The request is malformed.",
    401: "Not signed in, or what was shown does not hold.",
    403: "Not allowed; for a session's changes also: the CSRF token is missing.",
    404: "There is no such thing, or it is not yours.",
    409: "It is taken, or in the way.",
    412: "It was changed meanwhile.",
    413: "Too large.",
    415: "The body is not application/json.",
    421: "This server does not answer to that name.",
    422: "A value will not do; `errors` names which.",
    429: "Too many requests; Retry-After tells when to come back.",
    431: "The header is too large.",
    500: "The server failed; it was logged.",
    502: "The other server could not be asked.",
    503: "Not now; Retry-After tells when to come back.",
    504: "The other server took too long.",
    507: "No room.",
}


class FieldError(Model, frozen=True):
    """Which value will not do: `pointer` into the body (RFC 6901, after "#"), or the name of a parameter."""

    detail: str
    pointer: str = ""
    parameter: str = ""


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457. Further members may stand beside these."""

    type: str
    status: int
    title: str
    code: str = ""
    detail: str = ""
    errors: list[FieldError] = []


class DocumentRoutes:
    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def mount(self, api: Api) -> None:
        """To be called after all others."""
        api.add(
            Route("GET", "/openapi.json", self.document, "This document.", "Document", Access.PUBLIC,
                  answer=dict[str, Any])
        )  # fmt: skip
        self._made = document(api.routes)

    async def document(self, call: Call) -> Reply:
        return Reply(self._made, headers=[(b"Cache-Control", b"no-cache")])


def document(routes: list[Route]) -> dict[str, Any]:
    shapes: list[Any] = [Problem]
    for route in routes:
        shapes.extend(each for each in (route.body, route.answer) if each is not None)
    schemas, components = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    by_shape = dict(zip(map(repr, shapes), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route, by_shape)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mailsys",
            "version": __version__,
            "summary": "What JMAP leaves out: sign-in, administration, the queue, sending for programs.",
            "description": "Mail itself is JMAP (RFC 8620, RFC 8621) at /.well-known/jmap. Every refusal is "
            "an RFC 9457 problem. Changes by a session's cookie repeat its token in X-CSRF-Token.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-mailsys",
                    "description": '"mailsys" without TLS on loopback.',
                },
                "bearer": {"type": "http", "scheme": "bearer", "description": "An app password."},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [*_parameters(route)],
        "responses": _responses(route, schemas),
        "security": [] if route.access is Access.PUBLIC else [{"session": []}, {"bearer": []}, {"basic": []}],
    }
    if route.access is not Access.PUBLIC:
        made["x-access"] = route.access.value + (f": {route.scope}" if route.scope else "")
    if route.body is not None:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[repr(route.body)]}},
        }
    return made


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PLACE.findall(route.path)
    ]
    if route.query is not None:
        (_,), components = msgspec.json.schema_components([route.query], ref_template=_REFERENCE)
        shape = components[route.query.__name__]
        for name, schema in shape["properties"].items():
            found.append(
                {
                    "name": name,
                    "in": "query",
                    "required": name in shape.get("required", ()),
                    "schema": schema,
                }
            )
    for name, what in route.request_headers:
        found.append({"name": name, "in": "header", "description": what, "schema": {"type": "string"}})
    return found


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if route.media != "application/json":
        found["200"] = {
            "description": "Done.",
            "content": {route.media: {"schema": {"type": "string", "format": "binary"}}},
        }
    elif route.answer is None:
        found["204"] = {"description": "Done."}
    else:
        content = {"application/json": {"schema": schemas[repr(route.answer)]}}
        found[str(route.status)] = {"description": "Done.", "content": content}
    statuses = {400, 403, 413, 421, 429, 431, 503, *route.problems}
    if route.access is not Access.PUBLIC:
        statuses.add(401)
    if route.body is not None:
        statuses |= {415, 422}
    if route.query is not None or "{" in route.path:
        statuses |= {404, 422}
    problem = {"application/problem+json": {"schema": schemas[repr(Problem)]}}
    for status in sorted(statuses):
        found[str(status)] = {"description": _STATUS[status], "content": problem}
    return found
