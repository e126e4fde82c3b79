"""What ends with the credentials it was opened with: sockets, event streams, push subscriptions
(RFC 8620 §7.2, RFC 8887 §4.1).

A credential is named "session:<id>", "app:<id>" or "password". Who ends one says so here; who keeps
something open for one listens. This reaches the listeners of this process only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mailsys.log import Log
from mailsys.ports.ids import AccountId

log = Log("revocation")

SESSION: Final = "session"
APP: Final = "app"
PASSWORD: Final = "password"  # noqa: S105


def credential(kind: str, name: str = "") -> str:
    return f"{kind}:{name}" if name else kind


@dataclass(frozen=True, slots=True)
class Revoked:
    """Of an account, no longer good: all credentials, those of a kind, or one of them."""

    account: AccountId
    kind: str = ""  # SESSION, APP or PASSWORD; "": all
    name: str = ""  # "": all of that kind
    but: str = ""  # a credential that still holds

    def covers(self, credential: str) -> bool:
        if self.but and credential == self.but:
            return False
        kind, _, name = credential.partition(":")
        return not self.kind or (kind == self.kind and self.name in ("", name))


Hear = Callable[[Revoked], None]


class Revocations:
    """One per process."""

    def __init__(self) -> None:
        self._listeners: list[Hear] = []

    def listen(self, hear: Hear) -> None:
        self._listeners.append(hear)

    def tell(self, revoked: Revoked) -> None:
        """Call this once the credential is good for nothing any more."""
        for hear in tuple(self._listeners):
            try:
                hear(revoked)
            except Exception as error:  # the others must hear of it
                log.error("revocation not heard", error, account=revoked.account)
