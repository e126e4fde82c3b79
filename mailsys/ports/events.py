"""Word of committed changes: one event per commit and account. Listeners then read what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zope.interface import Interface

from mailsys.ports.ids import AccountId, MailboxId


@dataclass(frozen=True, slots=True)
class Changed:
    """An account's mail changed: everything up to `modseq` is visible now."""

    account: AccountId
    modseq: int
    mailboxes: frozenset[MailboxId]  # whose rows, counts or names changed
    tree: bool = False  # mailboxes were created, renamed, deleted or (un)subscribed
    arrived: bool = False  # new emails among the changes
    kinds: frozenset[str] = frozenset()  # kinds of objects (ports.objects) written


Listener = Callable[[Changed], None]


class IEvents(Interface):
    """In-process for the embedded store, Redis pub/sub for the distributed one. Events may be
    merged and, across processes, lost: listeners resume from the modseq that they have seen."""

    def publish(changed: Changed) -> None: ...

    def subscribe(account: AccountId, listener: Listener) -> Callable[[], None]:
        """Call `listener` on the reactor for each change of this account; the result unsubscribes.
        A listener that raises is logged and harms no other."""
