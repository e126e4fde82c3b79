"""Telling a sender what became of a message: the report, and the way it goes.

`make_report` gives an `Acceptance` that the caller commits with what it reports (in the same
settle, or by `IMailStore.accept`), so a report is never lost and never told twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from mailsys.core.message.facts import MessageFacts
from mailsys.core.queue.report import (
    RETURNED_AT_MOST,
    Original,
    Reported,
    ReportMessage,
    addresses,
    compose_report,
    domain_of,
)
from mailsys.core.refusal import ContentLost
from mailsys.core.trust.srs import BadSrs, Rewriting, is_rewritten
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore, StagedBlob
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery.received_fields import return_path
from mailsys.services.dns.route import destination_of, needs_utf8

_log = Log("report")

INLINE_AT_MOST: Final = 65536  # octets that IBlobStore.stage takes


class RouteLike(Protocol):
    """What an address of ours stands for (services.delivery.directory.Route)."""

    @property
    def accounts(self) -> tuple[AccountId, ...]: ...

    @property
    def forwards(self) -> tuple[str, ...]: ...


class DirectoryLike(Protocol):
    """What sending asks of the directory (services.delivery.directory.Directory)."""

    def is_local_domain(self, domain: str, /) -> bool:
        """Whether mail for this domain is ours."""

    async def route(self, address: str, /) -> RouteLike | None:
        """Where an address of ours leads; None: nowhere."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes reports in the name of this system."""

    hostname: str
    domain: str  # of ours: the report comes from postmaster@ it
    directory: DirectoryLike
    blobs: IBlobStore
    analyse: Callable[[bytes], MessageFacts]
    unique: Callable[[], str]  # random letters and digits, at least 20
    srs: Rewriting | None = None  # what senders of forwarded mail were rewritten by

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
        if not item.sender or not recipients:
            return None
        item = replace(item, sender=self._true_sender(item.sender, now))
        content = await self._content(item, blob, size)
        original = Original(item.sender, item.created, header, content, item.envid)
        report = compose_report(
            original,
            recipients,
            hostname=self.hostname,
            postmaster=f"postmaster@{self.domain}",
            now=now,
            unique=self.unique(),
        )
        deliveries: tuple[Delivery, ...] = ()
        onward: tuple[str, ...] = (item.sender,)
        if self.directory.is_local_domain(domain_of(item.sender)):
            route = await self.directory.route(item.sender)
            if route is None:
                _log.warning("report-unwanted", trace=item.trace, sender=item.sender)
                return None
            deliveries = tuple(Delivery(account) for account in route.accounts)
            onward = route.forwards
        queued = tuple(self._onward(address, item, report, now) for address in onward)
        if not deliveries and not queued:
            return None
        data = report.data
        if not queued:  # RFC 5321 §4.4: final delivery writes it, and only that
            data = return_path("") + data
        staged = await self._staged(data)
        actions = sorted({r.action.value for r in recipients})
        entry = TimelineEntry(
            item.trace,
            now,
            Stage.NOTIFIED,
            item.account,
            addresses(recipients),
            {"to": item.sender, "action": ", ".join(actions), "blob": staged.id.hex()},
        )
        return Acceptance(
            blob=staged,
            facts=self.analyse(data),
            received_at=now,
            deliveries=deliveries,
            queued=queued,
            timeline=(entry,),
            header=data[: data.index(b"\r\n\r\n") + 4],
        )

    def _true_sender(self, sender: str, now: float) -> str:
        """Of forwarded mail: whoever it was from."""
        if (
            self.srs is not None
            and is_rewritten(sender)
            and self.directory.is_local_domain(domain_of(sender))
        ):
            try:
                return self.srs.back(sender, int(now // 86400))
            except BadSrs:
                _log.warning("sender not ours", sender=sender)
        return sender

    async def _content(self, item: NewQueueItem, blob: BlobId | None, size: int) -> bytes | None:
        """The whole message, if the sender wants it back (RET=FULL) and it may be."""
        if item.ret != "FULL" or item.require_tls or blob is None or size > RETURNED_AT_MOST:
            return None
        try:
            content: bytes | None = await self.blobs.read(blob, 0, RETURNED_AT_MOST)
        except ContentLost:
            _log.error("content not returned", trace=item.trace, blob=blob.hex())
            return None
        return content

    def _onward(self, address: str, item: NewQueueItem, report: ReportMessage, now: float) -> NewQueueItem:
        return NewQueueItem(
            destination=destination_of(address, self.directory.is_local_domain),
            sender="",
            recipients=(QueueRecipient(address, notify="NEVER"),),  # RFC 3461 §6.1
            due=now,
            created=now,
            trace=item.trace,
            eight_bit=report.eight_bit,
            utf8=report.utf8 or needs_utf8(address),
            require_tls=item.require_tls,  # RFC 8689 §5
        )

    async def _staged(self, data: bytes) -> StagedBlob:
        if len(data) <= INLINE_AT_MOST:
            return self.blobs.stage(data)
        sink = self.blobs.sink()
        try:
            for start in range(0, len(data), INLINE_AT_MOST):
                if (wait := sink.write(data[start : start + INLINE_AT_MOST])) is not None:
                    await wait
            return await sink.finish()
        except BaseException:
            sink.abort()
            raise
