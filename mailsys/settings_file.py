"""The settings file: TOML read into `settings.Settings`, and the commented example printed from it.

In the file a duration is a number of seconds or text such as "90s", "5m", "4h", "5d"; a size is a
number of octets or text such as "64KiB", "50MB". Every complaint names the setting by its path:
`smtp.lisen: no such setting`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final, TypeGuard, get_type_hints

import msgspec
from msgspec import Meta

from mailsys.settings import Section, Settings, SettingsError

_SCALE: Final[dict[str, dict[str, float]]] = {
    "duration": {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400},
    "size": {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30},
}
_QUANTITY: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]{0,3})")
_HOST: Final = r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[^\s:\[\]]+))"
_HOST_PORT: Final = re.compile(_HOST + r":(?P<port>\d{1,5})")
_DOMAIN: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")


def load(path: str | Path) -> Settings:
    """Read a settings file; `state` comes out absolute. Raises SettingsError."""
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise SettingsError(f"{path}: {problem.strerror or problem}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{path}: not TOML: {problem}") from None
    try:
        settings = parse(data)
    except SettingsError as problem:
        raise SettingsError(f"{path}: {problem}") from None
    return msgspec.structs.replace(settings, state=str(path.absolute().parent / settings.state))


def parse(data: dict[str, Any]) -> Settings:
    """Settings from plain data. Raises SettingsError with the dotted path of what is wrong."""
    data = _numbers(Settings, data, "")
    try:
        settings = msgspec.convert(data, Settings)
    except msgspec.ValidationError as problem:
        raise SettingsError(_explain(str(problem))) from None
    for path, value, form in _forms(settings, ""):
        if complaint := _check_form(value, form):
            raise SettingsError(f"{path}: {complaint}")
    return msgspec.structs.replace(
        settings, hostname=settings.hostname.lower(), domain=settings.domain.lower()
    )


def host_port(text: str) -> tuple[str, int]:
    """Split "host:port", "1.2.3.4:5" or "[::1]:5". Raises ValueError."""
    found = _HOST_PORT.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise ValueError(f"{text!r} is not host:port")
    return found["six"] or found["host"], int(found["port"])


def weighted(text: str) -> tuple[str, float]:
    """Split "name=2.5". Raises ValueError."""
    name, _, weight = text.partition("=")
    if not name.strip() or not -100.0 <= float(weight) <= 100.0:
        raise ValueError(f"{text!r} is not name=weight")
    return name.strip().lower(), float(weight)


def _check_form(value: str, form: str) -> str:
    if form == "domain":
        return "" if _DOMAIN.fullmatch(value) else f"{value!r} is not a domain name (A-labels, no final dot)"
    if form == "name=weight":
        try:
            weighted(value)
        except ValueError:
            return f"{value!r} is not NAME=WEIGHT (such as spf-fail=2.5)"
        return ""
    if not value and form == "host:port":
        return ""
    if form == "address":
        try:
            ip_address(value)
        except ValueError:
            return f"{value!r} is not an IP address"
        return ""
    if form == "network":
        try:
            ip_network(value)
        except ValueError:
            return f"{value!r} is not an IP address or network (such as 192.0.2.0/24)"
        return ""
    try:
        host, port = host_port(value)
    except ValueError:
        return f"{value!r} is not address:port" if form == "listen" else f"{value!r} is not host:port"
    if form == "listen":
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            return f"{host!r} is not an IP address (listen on addresses, not names)"
    elif port == 0:
        return "port 0 cannot be connected to"
    return ""


def _metas(hint: Any) -> list[Meta]:
    """The Metas of an Annotated type, innermost first."""
    return [item for item in getattr(hint, "__metadata__", ()) if isinstance(item, Meta)]


def _extra(hint: Any, key: str) -> str:
    """`extra[key]` of the type, or of the items of a tuple type."""
    for meta in _metas(hint):
        if meta.extra and key in meta.extra:
            return str(meta.extra[key])
    for item in getattr(getattr(hint, "__origin__", hint), "__args__", ()):
        if found := _extra(item, key):
            return found
    return ""


def _hints(section: type[Section]) -> dict[str, Any]:
    return get_type_hints(section, include_extras=True)


def _is_section(hint: Any) -> TypeGuard[type[Section]]:
    return isinstance(hint, type) and issubclass(hint, Section)


def _numbers(section: type[Section], data: Any, path: str) -> Any:
    """Numbers in place of "5m" and "50MiB", where the field is a duration or a size."""
    if not isinstance(data, dict):
        return data
    hints = _hints(section)
    out = {}
    for key, value in data.items():
        hint = hints.get(key)
        where = f"{path}{key}"
        if _is_section(hint):
            value = _numbers(hint, value, where + ".")
        elif hint is not None and (unit := _extra(hint, "unit")):
            if isinstance(value, list):
                value = [quantity(item, unit, f"{where}[{n}]") for n, item in enumerate(value)]
            else:
                value = quantity(value, unit, where)
        out[key] = value
    return out


def quantity(value: Any, unit: str, where: str) -> Any:
    """The number that "5m" or "50MiB" is (`unit`: "duration" in seconds, or "size" in octets). What is
    no text is handed back as it is. Raises SettingsError, naming `where`."""
    if not isinstance(value, str):
        return value
    found = _QUANTITY.fullmatch(value)
    scale = _SCALE[unit]
    if found is None or found[2] not in scale:
        known = ", ".join(word for word in scale if word)
        raise SettingsError(f"{where}: {value!r} is not a {unit} (a number, with one of {known})")
    number = float(found[1]) * scale[found[2]]
    return number if unit == "duration" else int(number)


def _forms(section: Section, path: str) -> Iterator[tuple[str, str, str]]:
    for name, hint in _hints(type(section)).items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _forms(value, f"{path}{name}.")
        elif form := _extra(hint, "form"):
            if isinstance(value, tuple):
                yield from ((f"{path}{name}[{n}]", item, form) for n, item in enumerate(value))
            else:
                yield f"{path}{name}", value, form


_UNKNOWN: Final = re.compile(r"Object contains unknown field `([^`]*)`")
_BOUND: Final = re.compile(r"Expected `(?:int|float|str|array)`(?: of length)? (>=|<=|>|<) (\S+)")
_TYPE: Final = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_ENUM: Final = re.compile(r"Invalid enum value (.*)")
_TYPES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_RELATIONS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def _explain(problem: str) -> str:
    """msgspec's words in ours: `limits.message_size: must be at least 1`."""
    text, _, place = problem.partition(" - at `$")
    path = place.rstrip("`").lstrip(".").replace("[...]", "")
    if found := _UNKNOWN.fullmatch(text):
        return f"{path + '.' if path else ''}{found[1]}: no such setting"
    if found := _BOUND.match(text):
        bound = found[2].rstrip(".").removesuffix(".0")
        what = "must have a length of" if "of length" in text else "must be"
        text = f"{what} {_RELATIONS[found[1]]} {bound}"
    elif found := _TYPE.match(text):
        text = f"must be {_TYPES.get(found[1], found[1])}, not {_TYPES.get(found[2], found[2])}"
    elif found := _ENUM.match(text):
        text = f"{found[1]} is not one of the allowed values"
    return f"{path or 'settings'}: {text}"


# -- the example -------------------------------------------------------------------------------


def sections(settings: Settings) -> Iterator[tuple[str, Section]]:
    """("", the top), then each table by name."""
    yield "", settings
    for name in Settings.__struct_fields__:
        if isinstance(value := getattr(settings, name), Section):
            yield name, value


def fields(section: Section) -> Iterator[tuple[str, str, str, str]]:
    """(name, value as TOML, description, what it takes) of a section's plain fields."""
    for name, hint in _hints(type(section)).items():
        value = getattr(section, name)
        if isinstance(value, Section):
            continue
        description = "".join(meta.description or "" for meta in _metas(hint))
        unit = _extra(hint, "unit")
        kind = unit or _extra(hint, "form") or _KINDS.get(_plain(hint), "")
        if isinstance(value, tuple):
            kind = f"list of {kind}"
        if not kind:
            kind = " or ".join(_toml(choice) for choice in _choices(hint))
        yield name, _toml(value, unit), description, kind


_KINDS: Final[dict[Any, str]] = {str: "text", int: "number", float: "number", bool: "true or false"}


def _plain(hint: Any) -> Any:
    return getattr(hint, "__origin__", hint)


def _choices(hint: Any) -> tuple[Any, ...]:
    return tuple(getattr(_plain(hint), "__args__", ()))


def _toml(value: Any, unit: str = "") -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item, unit) for item in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if unit and value:
        for word, scale in sorted(_SCALE[unit].items(), key=lambda item: -item[1]):
            if (
                word
                and word != "w"
                and (unit == "duration" or "i" in word)
                and value >= scale
                and value % scale == 0
            ):
                return f'"{int(value // scale)}{word}"'
    return str(int(value)) if float(value).is_integer() else repr(value)


def example(settings: Settings | None = None) -> str:
    """A commented settings file. Fields that differ from their default are written out, all others
    stand commented with the default."""
    settings = settings or Settings()
    default = Settings()
    lines = ["# Settings of mailsys. A line that begins with # shows a default.", ""]
    for title, section in sections(settings):
        plain = {name: value for name, value, _, _ in fields(getattr(default, title, default))}
        if title:
            about = " ".join((type(section).__doc__ or "").split())
            lines += [f"# {about}", f"[{title}]"]
        for name, value, description, _ in fields(section):
            lines.append(f"# {description}")
            lines.append(f"{'# ' if value == plain[name] else ''}{name} = {value}")
        lines.append("")
    return "\n".join(lines)
