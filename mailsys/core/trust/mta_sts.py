"""MTA-STS (RFC 8461): which of a domain's mail servers may be used, and what they have to prove."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

MAX_FILE: Final = 64 * 1024  # octets of a policy file
MAX_AGE: Final = 31557600  # seconds that a policy is kept at most (RFC 8461 §3.2: about one year)
MAX_PATTERNS: Final = 500  # "mx" lines
_MAX_LINES: Final = 2000
_TXT: Final = 1024  # octets of a record that are looked at

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_PATTERN = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Mode(Enum):
    """RFC 8461 §5."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class BadPolicy(ValueError):
    """A policy file that is not one, with the reason."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    mode: Mode
    max_age: int  # seconds
    patterns: tuple[str, ...]  # "mx.example.net", "*.example.net"; lower case, A-labels

    def allows(self, host: str) -> bool:
        """Whether a mail server of that name is one of the domain's (RFC 8461 §4.1): a wildcard stands for
        one whole label, the leftmost."""
        name = host.lower().rstrip(".")
        parent = name.partition(".")[2]
        return name in self.patterns or (bool(parent) and f"*.{parent}" in self.patterns)


def record_id(texts: Sequence[bytes]) -> str | None:
    """The policy's id of the TXT records at _mta-sts.DOMAIN (RFC 8461 §3.1); None when the domain has no
    policy: no record of this kind, several of them, or one without a proper id."""
    ours = [text for text in texts if re.match(rb"v=STSv1[ \t]*(;|$)", text[:_TXT])]
    if len(ours) != 1:
        return None
    for field in ours[0][:_TXT].decode("ascii", "replace").split(";")[1:]:
        name, equals, value = field.strip(" \t").partition("=")
        if equals and name.rstrip(" \t") == "id":
            value = value.strip(" \t")
            return value if _ID.fullmatch(value) else None
    return None


def parse_policy(data: bytes) -> StsPolicy:
    """A policy file (RFC 8461 §3.2). Unknown keys are passed over; of keys that stand twice, the first
    counts ("mx" may stand often). Raises BadPolicy."""
    if len(data) > MAX_FILE:
        raise BadPolicy(f"it has more than {MAX_FILE} octets")
    try:
        lines = data.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise BadPolicy("it is not UTF-8") from None
    if len(lines) > _MAX_LINES:
        raise BadPolicy("it has too many lines")
    first: dict[str, str] = {}
    patterns: list[str] = []
    for line in lines:
        if not line.strip(" \t"):
            continue
        key, colon, value = line.partition(":")
        if not colon:
            raise BadPolicy(f"not a key and a value: {line[:80]!r}")
        key, value = key.strip(" \t"), value.strip(" \t")
        if key == "mx":
            pattern = value.lower().rstrip(".")
            if len(pattern) > 255 or not _PATTERN.fullmatch(pattern):
                raise BadPolicy(f"no name of a mail server: {value[:80]!r}")
            patterns.append(pattern)
        else:
            first.setdefault(key, value)
    if first.get("version") != "STSv1":
        raise BadPolicy("its version is not STSv1")
    try:
        mode = Mode(first.get("mode", ""))
    except ValueError:
        raise BadPolicy(f"it has no mode: {first.get('mode', '')[:40]!r}") from None
    age = first.get("max_age", "")
    if not re.fullmatch(r"[0-9]{1,10}", age):
        raise BadPolicy(f"its max_age is no number: {age[:40]!r}")
    if not patterns and mode is not Mode.NONE:
        raise BadPolicy("it names no mail server")
    if len(patterns) > MAX_PATTERNS:
        raise BadPolicy("it names too many mail servers")
    return StsPolicy(mode, min(int(age), MAX_AGE), tuple(patterns))
