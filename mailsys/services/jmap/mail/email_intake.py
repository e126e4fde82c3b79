"""The emails that one call creates (Email/set, Email/import), put into the store together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.problems import invalid_properties
from mailsys.core.refusal import NoSuchMailbox, Refusal
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import BlobId, MailboxId
from mailsys.ports.intake import Acceptance, Delivered, Delivery
from mailsys.services.content.reading import Reading
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.standard import SetOutcome, set_error
from mailsys.services.jmap.protocol.state_chain import StateChain

_AT_ONCE: Final = 16 * 1024 * 1024  # octets of messages that wait for one commit, about: they lie in memory
_IN_MEMORY: Final = 512 * 1024  # octets at most that one of them takes there


@dataclass(frozen=True, slots=True)
class NewEmail:
    """A message that is staged, or stored already, and read."""

    blob: StagedBlob | BlobId
    size: int
    reading: Reading
    mailboxes: tuple[MailboxId, ...]
    keywords: str  # canonical
    received_at: float


class EmailIntake:
    """Add all, then `commit`; `outcome` has what became of each, and its creation id is known then."""

    def __init__(self, context: CallContext, chain: StateChain, outcome: SetOutcome) -> None:
        self._context = context
        self._chain = chain
        self._outcome = outcome
        self._waiting: dict[str, NewEmail] = {}
        self._octets = 0

    async def add(self, key: str, email: NewEmail) -> None:
        """Commits what was added so far when that is a lot. Raises as `commit` does."""
        self._waiting[key] = email
        self._octets += min(email.size, _IN_MEMORY)
        if self._octets >= _AT_ONCE:
            await self.commit()

    async def commit(self) -> None:
        """Raises the Refusal of the whole call (see `StateChain.failed`)."""
        waiting, self._waiting, self._octets = self._waiting, {}, 0
        if not waiting:
            return
        account = self._context.account
        try:
            before, after, results = await self._context.ports.mail.accept_all(
                account, [_acceptance(self._context, one) for one in waiting.values()], self._chain.expected
            )
        except Refusal as refusal:
            error = self._chain.failed(refusal)
            self._outcome.not_created.update(dict.fromkeys(waiting, error))
            return
        self._chain.add(before, after)
        for (key, email), result in zip(waiting.items(), results, strict=True):
            if isinstance(result, NoSuchMailbox):
                self._outcome.not_created[key] = invalid_properties(f"{result.text}.", "mailboxIds")
            elif isinstance(result, Refusal):
                self._outcome.not_created[key] = set_error(result)
            else:
                (delivered,) = result.delivered
                created = self._outcome.created[key] = _created(delivered, email)
                self._context.created_ids[key] = created["id"]


def _acceptance(context: CallContext, email: NewEmail) -> Acceptance:
    delivery = Delivery(context.account, email.mailboxes, email.keywords, strict=True, enforce_quota=True)
    reading = email.reading
    return Acceptance(email.blob, reading.facts, email.received_at, (delivery,), header=reading.header)


def _created(delivered: Delivered, email: NewEmail) -> dict[str, Any]:
    blob = email.blob if isinstance(email.blob, bytes) else email.blob.id
    return {
        "id": ids.email_id(delivered.email),
        "blobId": ids.blob_id(blob),
        "threadId": ids.thread_id(delivered.thread),
        "size": email.size,
    }
