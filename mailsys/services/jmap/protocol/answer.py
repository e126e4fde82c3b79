"""The answer to one request as it grows: each response is encoded when it is there, so that its octets are
known before the next call is run, and all of them are bounded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from mailsys.core.jmap.problems import MethodError
from mailsys.core.jmap.references import Steps
from mailsys.core.jmap.weight import TooHeavy, weigh

_LARGE: Final = 1024 * 1024  # octets of text in a response that is not encoded on the reactor's thread

_encode = msgspec.json.Encoder().encode


class Answer:
    """`most` is how many octets all responses may have; `most_values` and `most_octets` bound what result
    references of the whole request bring into arguments."""

    def __init__(
        self,
        offload: Callable[[Callable[[], bytes]], Awaitable[bytes]],
        most: int,
        most_values: int,
        most_octets: int,
    ) -> None:
        self.responses: list[tuple[str, dict[str, Any], str]] = []  # what references refer to
        self.steps = Steps()  # of the references of the whole request
        self._encoded: list[bytes] = []
        self._offload = offload
        self._left = most
        self._values = most_values
        self._octets = most_octets

    def bring(self, arguments: Mapping[str, Any]) -> None:
        """Arguments that references brought. Raises MethodError when it is too much for one request."""
        try:
            values, octets = weigh(arguments, self._values, self._octets)
        except TooHeavy:
            self._values = self._octets = 0  # to weigh takes time as well: not again with each call
            raise MethodError(
                "requestTooLarge", "With what its references bring, the request is too large."
            ) from None
        self._values -= values
        self._octets -= octets

    @property
    def full(self) -> bool:
        return self._left <= 0

    async def add(
        self, name: str, arguments: dict[str, Any], id_: str, text_size: int, has_changed: bool
    ) -> None:
        """One response. `text_size`: octets of long texts in it, about. One that is too large becomes an
        error: serverPartialFail where the method has changed something (RFC 8620 §3.6.2)."""
        response = (name, arguments, id_)
        if text_size <= _LARGE:
            encoded = _encode(response)
        else:
            encoded = await self._offload(lambda: _encode_in_pieces(response))
        if len(encoded) > self._left and name != "error":
            error = (
                MethodError("serverPartialFail", "It was done, but the answer is too large.")
                if has_changed
                else too_much()
            )
            response = ("error", error.arguments(), id_)
            encoded = _encode(response)
            self._left = 0
        self._left -= len(encoded)
        self.responses.append(response)
        self._encoded.append(encoded)

    async def finish(self, rest: Mapping[str, Any], head: Mapping[str, Any]) -> bytes:
        """The whole object: `head`, the responses, `rest`."""
        pieces = [b"{"]
        for name, value in head.items():
            pieces += (_encode(name), b":", _encode(value), b",")
        pieces.append(b'"methodResponses":[')
        for at, response in enumerate(self._encoded):
            pieces += (b"," if at else b"", response)
        pieces.append(b"]")
        for name, value in rest.items():
            pieces += (b",", _encode(name), b":", _encode(value))
        pieces.append(b"}")
        if sum(map(len, pieces)) <= _LARGE:
            return b"".join(pieces)
        return await self._offload(lambda: b"".join(pieces))  # tens of megabytes take a tenth of a second


def too_much() -> MethodError:
    return MethodError("requestTooLarge", "The answers to this request are too large; ask for less.")


def _encode_in_pieces(response: tuple[str, dict[str, Any], str]) -> bytes:
    """As `_encode`, with no call into C that holds the interpreter for long."""
    name, arguments, id_ = response
    pieces = [b"[", _encode(name), b",{"]
    for at, (argument, found) in enumerate(arguments.items()):
        pieces += (b"," if at else b"", _encode(argument), b":")
        if isinstance(found, list) and found:
            pieces += (b"[", b",".join(map(_encode, found)), b"]")
        else:
            pieces.append(_encode(found))
    pieces += (b"},", _encode(id_), b"]")
    return b"".join(pieces)
