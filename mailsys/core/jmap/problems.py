"""What may be wrong: with a request (RFC 8620 §3.6.1), with a method call (§3.6.2), and with one
object of a /set (§5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_PREFIX: Final = "urn:ietf:params:jmap:error:"


class RequestProblem(Exception):
    """A whole request is refused: the transport answers with an RFC 7807 problem document."""

    def __init__(
        self, status: int, type_uri: str, title: str = "", detail: str = "", limit: str | None = None
    ) -> None:
        super().__init__(detail or title or type_uri)
        self.status = status  # HTTP's
        self.type_uri = type_uri
        self.title = title
        self.detail = detail
        self.limit = limit  # which limit was passed, for "limit" problems

    def document(self) -> dict[str, Any]:
        """The problem document (RFC 7807 §3.1)."""
        found: dict[str, Any] = {"type": self.type_uri, "status": self.status}
        if self.title:
            found["title"] = self.title
        if self.detail:
            found["detail"] = self.detail
        if self.limit is not None:
            found["limit"] = self.limit
        return found


def not_json(detail: str) -> RequestProblem:
    return RequestProblem(400, _PREFIX + "notJSON", "Not JSON", detail)


def not_request(detail: str) -> RequestProblem:
    return RequestProblem(400, _PREFIX + "notRequest", "Not a JMAP request", detail)


def unknown_capability(name: str) -> RequestProblem:
    detail = f"The request uses a capability that this server does not have: {name[:200]}"
    return RequestProblem(400, _PREFIX + "unknownCapability", "Unknown capability", detail)


def limit_passed(limit: str, detail: str) -> RequestProblem:
    return RequestProblem(400, _PREFIX + "limit", "Limit passed", detail, limit)


class MethodError(Exception):
    """One method call fails: `["error", {"type": …, "description": …}, callId]`."""

    def __init__(self, type_: str, description: str = "", **more: Any) -> None:
        super().__init__(f"{type_}: {description}" if description else type_)
        self.type = type_
        self.description = description
        self.more = more

    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": self.type}
        if self.description:
            found["description"] = self.description
        return found | self.more


def invalid_arguments(description: str, *names: str) -> MethodError:
    """`names` are the arguments at fault."""
    return MethodError("invalidArguments", description, **({"arguments": list(names)} if names else {}))


class SetError(Exception):
    """One object of a /set is not created, updated or destroyed (RFC 8620 §5.3)."""

    def __init__(
        self, type_: str, description: str = "", properties: Sequence[str] = (), **more: Any
    ) -> None:
        super().__init__(f"{type_}: {description}" if description else type_)
        self.type = type_
        self.description = description
        self.properties = tuple(properties)
        self.more = more

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": self.type}
        if self.description:
            found["description"] = self.description
        if self.properties:
            found["properties"] = list(self.properties)
        return found | self.more


def invalid_properties(description: str, *properties: str) -> SetError:
    return SetError("invalidProperties", description, properties)
