"""A value that somebody sent and that will not do: which one, and why."""

from __future__ import annotations

from mailsys.core.refusal import Refusal


class BadField(Refusal):
    """A value is not acceptable."""

    http = 422

    def __init__(self, field: str, text: str, *, cause: str = "") -> None:
        self.field = field  # its name in the request, "a/b" for one inside another
        super().__init__(text, cause=cause)


class Missing(Refusal):
    """There is no such thing."""

    http = 404


class Taken(Refusal):
    """That is taken already."""

    http = 409
