"""References to results of earlier calls (RFC 8620 §3.7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from mailsys.core.jmap.problems import MethodError, invalid_arguments

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
MAX_STEPS: Final = 200_000
MAX_TOKENS: Final = 100

Responses = Sequence[tuple[str, dict[str, Any], str]]  # name, arguments, call id


class Steps:
    """How far all references of one request may walk: tokens, items looked at (many may be empty) and
    values gathered, MAX_STEPS together. A bound of each alone is none: one call may hold thousands."""

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def spend(self, count: int = 1) -> None:
        """Raises MethodError (invalidResultReference) when it is too far."""
        self._left -= count
        if self._left < 0:
            raise _invalid("The references of this request gather too many values.")


def resolve_references(arguments: dict[str, Any], responses: Responses, steps: Steps) -> dict[str, Any]:
    """`arguments` with each `#name` replaced by what it refers to. `steps` are those of the whole request.
    Raises MethodError: invalidArguments when an argument comes in both forms, invalidResultReference
    when one fails."""
    if not any(key.startswith("#") for key in arguments):
        return arguments
    resolved: dict[str, Any] = {}
    for key, value in arguments.items():
        if not key.startswith("#"):
            resolved[key] = value
            continue
        name = key[1:]
        if name in arguments:
            raise invalid_arguments(f'"{name}" is given both as a value and as a reference.', name)
        resolved[name] = _resolve(name, value, responses, steps)
    return resolved


def _resolve(argument: str, reference: object, responses: Responses, steps: Steps) -> Any:
    match reference:
        case {"resultOf": str(call), "name": str(name), "path": str(path)}:
            pass
        case _:
            raise _invalid(f'"#{argument}" is not a ResultReference.')
    for response_name, response, id_ in responses:
        if id_ == call:  # §3.7: the first response to that call must have the name
            if response_name != name:
                raise _invalid(f'"#{argument}": the response to that call is {response_name}.')
            return evaluate(response, path, steps)
    raise _invalid(f'"#{argument}": no earlier call has the id {call[:100]!r}.')


def _invalid(description: str) -> MethodError:
    return MethodError("invalidResultReference", description)


def tokens(path: str) -> list[str]:
    """The reference tokens of a JSON pointer (RFC 6901 §3). Raises ValueError when it is none."""
    if not path:
        return []
    if not path.startswith("/"):
        raise ValueError("a JSON pointer begins with a slash")
    if re.search(r"~(?![01])", path):
        raise ValueError("a tilde in a JSON pointer must be followed by 0 or 1")
    found = path[1:].split("/")
    if len(found) > MAX_TOKENS:
        raise ValueError("the JSON pointer is too long")
    return [one.replace("~1", "/").replace("~0", "~") for one in found]


def evaluate(value: Any, path: str, steps: Steps) -> Any:
    """What `path` names in `value`, with JMAP's `*` for every item of an array; arrays that it yields
    are flattened by one level. Raises MethodError (invalidResultReference)."""
    try:
        found = tokens(path)
    except ValueError as error:
        raise _invalid(f"{error}.") from error
    return _walk(value, found, 0, steps)


def _walk(value: Any, path: list[str], at: int, steps: Steps) -> Any:
    while at < len(path):
        token = path[at]
        at += 1
        steps.spend()
        if isinstance(value, dict):
            if token not in value:
                raise _invalid(f"There is no {token[:100]!r} in that result.")
            value = value[token]
        elif isinstance(value, list):
            if token == "*":  # noqa: S105
                gathered: list[Any] = []
                for item in value:
                    one = _walk(item, path, at, steps)
                    if isinstance(one, list):
                        steps.spend(1 + len(one))
                        gathered.extend(one)
                    else:
                        steps.spend()
                        gathered.append(one)
                return gathered
            if _INDEX.fullmatch(token) is None or int(token) >= len(value):
                raise _invalid(f"There is no item {token[:100]!r} in that array.")
            value = value[int(token)]
        else:
            raise _invalid(f"There is nothing below {token[:100]!r} in that result.")
    return value
