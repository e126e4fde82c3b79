"""Telling a sender what became of a message: the report, and the way it goes.

`make_report` gives an `Acceptance` that the caller commits with what it reports (in the same
settle, or by `IMailStore.accept`), so a report is never lost and never told twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from zope.interface import Attribute, Interface

from mailsys.core.message.facts import MessageFacts
from mailsys.core.queue.report import (
    RETURNED_AT_MOST,
    Action,
    Original,
    Reported,
    addresses,
    compose_report,
    domain_of,
)
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import AccountId, BlobId, TraceId
from mailsys.ports.mail import Acceptance, Delivery
from mailsys.ports.queue import NewQueueItem, QueueRecipient, Stage, TimelineEntry

INLINE_AT_MOST: Final = 65536  # octets that IBlobStore.stage takes


class IRoute(Interface):
    """What an address of ours stands for (services.directory.Route)."""

    accounts: tuple[AccountId, ...] = Attribute("Accounts that keep a copy.")
    forwards: tuple[str, ...] = Attribute("Addresses it goes on to.")


class IDirectory(Interface):
    """What sending asks of the directory (services.directory.Directory)."""

    def is_local_domain(domain: str) -> bool:
        """Whether mail for this domain is ours."""

    async def route(address: str) -> IRoute | None:
        """Where an address of ours leads; None: nowhere."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes reports in the name of this system."""

    hostname: str
    domain: str  # of ours: the report comes from postmaster@ it
    directory: IDirectory
    blobs: IBlobStore
    analyse: Callable[[bytes], MessageFacts]
    unique: Callable[[], str]  # random letters and digits, at least 20

    async def make_report(
        self,
        item: NewQueueItem,
        recipients: Sequence[Reported],
        *,
        header: bytes,
        now: float,
        blob: BlobId | None = None,
        size: int = 0,
    ) -> Acceptance | None:
        """The report about `recipients` of `item`, ready to be committed.

        item: the message's envelope: sender, created, trace, account, envid, ret, require_tls.
        recipients: those to tell of; the caller has asked `core.queue.report.wants` for each.
        header: the message's header block (at most 256 KiB of it).
        blob, size: its content, for RET=FULL; returned whole up to 256 KiB, else the header only.

        None when nobody is to be told: the null sender (RFC 5321 §4.5.5), no recipients, or a
        sender of ours that no longer exists. The Acceptance holds local deliveries when the sender
        is ours, else one queue item from the null sender; its timeline entry is NOTIFIED, under the
        original's trace.
        """
        raise NotImplementedError
