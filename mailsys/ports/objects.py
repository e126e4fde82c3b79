"""Small things an account owns beside its mail: identities, submissions, vacation, push, settings.

Each is a JSON document under (account, kind, id), stamped from the account's one modseq like mail,
so that JMAP states, `/changes` and push work for it (RFC 8620 §5.2). Kinds are JMAP type names
where there is one ("Identity", "EmailSubmission", "VacationResponse") and our own else
("AppPassword", "SecondFactor", "Passkey", "Settings", "PushSubscription", "Webhook").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.ids import AccountId


@dataclass(frozen=True, slots=True)
class StoredObject:
    id: str
    value: bytes  # JSON
    created_modseq: int
    modseq: int


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """Write, touch (value None: a new modseq only, nothing when missing) or remove one object.

    `if_modseq`: only when it stands at this modseq in the commit; 0: only when there is none yet. Else
    ObjectConflict, with nothing of the commit done.
    """

    account: AccountId
    kind: str
    id: str
    value: bytes | None = None
    remove: bool = False
    if_modseq: int | None = None


@dataclass(frozen=True, slots=True)
class ObjectChanges:
    modseq: int  # state reached
    more: bool
    created: tuple[str, ...]
    updated: tuple[str, ...]
    destroyed: tuple[str, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ObjectsWritten:
    """`before` and `after`: the state of the last change's kind in its account around the commit; nothing
    of anybody else's lies between them."""

    before: int
    after: int
    modseq: int  # of the last change's account


class IObjectStore(Interface):
    def write(changes: Sequence[ObjectChange], if_state: int | None = None) -> Deferred[ObjectsWritten]:
        """All in one commit or none of it, one modseq per account. ObjectConflict when a condition does not
        hold; StateMismatch when the state of the first change's kind in its account is not `if_state`.
        With no change at all nothing is written, and all three are 0."""

    def objects(
        account: AccountId, kind: str, ids: Sequence[str] | None = None
    ) -> Deferred[list[StoredObject]]:
        """Those asked for, in that order, missing ones left out; or all, oldest first (at most 10,000)."""

    def changes(account: AccountId, kind: str, since: int, limit: int) -> Deferred[ObjectChanges]: ...

    def of_kind(kind: str, limit: int) -> Deferred[list[tuple[AccountId, StoredObject]]]:
        """Over all accounts: what a service reads when it starts (push subscriptions, webhooks)."""
