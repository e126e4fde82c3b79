"""What a route answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

JSON: Final = b"application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `body`: octets, or what is written as JSON."""

    body: Any = b""
    status: int = 200
    content_type: bytes = JSON
    headers: Sequence[tuple[bytes, bytes]] = ()
