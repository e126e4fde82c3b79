"""Reading a method's arguments: each has its type, and none is left unread (RFC 8620 §3.6.2
invalidArguments)."""

from __future__ import annotations

from typing import Any, Final, cast

from mailsys.core.jmap.ids import is_id
from mailsys.core.jmap.problems import invalid_arguments

MAX_INT: Final = 2**53 - 1  # RFC 8620 §1.3

_MISSING: Final = object()


class Arguments:
    """Take what the method knows, then `finish`. A default makes an argument optional; where None is
    not among its values, an explicit null is refused unless the default is None."""

    __slots__ = ("_left", "values")

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self._left = dict(values)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def _take(self, name: str, default: Any) -> Any:
        value = self._left.pop(name, _MISSING)
        if value is _MISSING:
            if default is _MISSING:
                raise invalid_arguments(f'"{name}" is missing.', name)
            return default
        return value

    def raw(self, name: str, default: Any = _MISSING) -> Any:
        """Whatever it is."""
        return self._take(name, default)

    def string(self, name: str, default: Any = _MISSING) -> str:
        value = self._take(name, default)
        if not isinstance(value, str):
            raise invalid_arguments(f'"{name}" must be a string.', name)
        return value

    def optional_string(self, name: str) -> str | None:
        value = self._take(name, None)
        if value is not None and not isinstance(value, str):
            raise invalid_arguments(f'"{name}" must be a string or null.', name)
        return value

    def id(self, name: str) -> str:
        value = self._take(name, _MISSING)
        if not is_id(value):
            raise invalid_arguments(f'"{name}" must be an id.', name)
        return cast("str", value)

    def optional_id(self, name: str) -> str | None:
        value = self._take(name, None)
        if value is not None and not is_id(value):
            raise invalid_arguments(f'"{name}" must be an id or null.', name)
        return cast("str | None", value)

    def boolean(self, name: str, default: Any = _MISSING) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise invalid_arguments(f'"{name}" must be true or false.', name)
        return value

    def integer(self, name: str, default: Any = _MISSING) -> int:
        value = self._take(name, default)
        if not _is_int(value) or not -MAX_INT <= value <= MAX_INT:
            raise invalid_arguments(f'"{name}" must be an integer.', name)
        return cast("int", value)

    def unsigned(self, name: str, default: Any = _MISSING) -> int:
        value = self._take(name, default)
        if not _is_int(value) or not 0 <= value <= MAX_INT:
            raise invalid_arguments(f'"{name}" must be an unsigned integer.', name)
        return cast("int", value)

    def optional_unsigned(self, name: str) -> int | None:
        value = self._take(name, None)
        if value is not None and (not _is_int(value) or not 0 <= value <= MAX_INT):
            raise invalid_arguments(f'"{name}" must be an unsigned integer or null.', name)
        return cast("int | None", value)

    def strings(self, name: str, default: Any = _MISSING) -> list[str]:
        value = self._take(name, default)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise invalid_arguments(f'"{name}" must be an array of strings.', name)
        return value

    def optional_strings(self, name: str) -> list[str] | None:
        value = self._take(name, None)
        if value is not None and (
            not isinstance(value, list) or not all(isinstance(one, str) for one in value)
        ):
            raise invalid_arguments(f'"{name}" must be an array of strings or null.', name)
        return cast("list[str] | None", value)

    def ids(self, name: str) -> list[str]:
        """An array of ids; each is given once in the result. `#creation` ids pass."""
        return _ids(name, self._take(name, _MISSING), "must be an array of ids.")

    def optional_ids(self, name: str) -> list[str] | None:
        value = self._take(name, None)
        return None if value is None else _ids(name, value, "must be an array of ids or null.")

    def optional_object(self, name: str) -> dict[str, Any] | None:
        value = self._take(name, None)
        if value is not None and not isinstance(value, dict):
            raise invalid_arguments(f'"{name}" must be an object or null.', name)
        return cast("dict[str, Any] | None", value)

    def object(self, name: str) -> dict[str, Any]:
        value = self._take(name, _MISSING)
        if not isinstance(value, dict):
            raise invalid_arguments(f'"{name}" must be an object.', name)
        return value

    def optional_objects(self, name: str) -> dict[str, dict[str, Any]] | None:
        """A map of ids to objects, as `create` and `update` are."""
        value = self.optional_object(name)
        if value is None:
            return None
        for key, one in value.items():
            if not is_id(key.removeprefix("#")):
                raise invalid_arguments(f'A key of "{name}" is no id: {key[:100]!r}.', name)
            if not isinstance(one, dict):
                raise invalid_arguments(f'"{name}" must be a map of ids to objects.', name)
        return value

    def finish(self) -> None:
        """Raises invalidArguments when something was given that the method does not know."""
        if self._left:
            names = sorted(self._left)
            raise invalid_arguments(f"Unknown argument: {names[0][:100]!r}.", *names[:10])


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _ids(name: str, value: object, wanted: str) -> list[str]:
    if not isinstance(value, list):
        raise invalid_arguments(f'"{name}" {wanted}', name)
    for one in value:
        if not isinstance(one, str) or not is_id(one.removeprefix("#")):
            raise invalid_arguments(f'"{name}" {wanted}', name)
    return list(dict.fromkeys(value))
