"""What others tell of mail that was sent here by JMAP: delivery and disposition reports that arrive are
put down with the EmailSubmission they are about (RFC 8621 §7).

A report counts only when it names a message of the account it was delivered to, and a recipient of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore

from mailsys.core.message import disposition
from mailsys.core.message.address import comparable
from mailsys.core.message.delivery_report import original_id, read_delivery_report
from mailsys.core.message.mime import parse
from mailsys.core.message.thread import message_id
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.objects import IObjectStore, ObjectChange, StoredObject
from mailsys.services.conditional import until_it_holds
from mailsys.services.content.reading import Offload
from mailsys.services.delivery.submission_link import KIND, trace_of

log = Log("feedback")

_LARGEST: Final = 1024 * 1024  # octets of a report that are looked at
_WINDOW: Final = 256 * 1024
_WAITING: Final = 1000  # reports that are being read
_REPORTS: Final = 100  # of each kind that one submission lists
_MARK: Final = b"multipart/report"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class _Told:
    """Of one recipient, by the names that the report has for it."""

    names: tuple[str, ...]
    news: dict[str, str]  # of DeliveryStatus (RFC 8621 §7)


@dataclass(frozen=True, slots=True)
class _Report:
    list: str  # where its blob id goes: "dsn" or "mdn"
    message_id: str | None
    envelope_id: str
    told: tuple[_Told, ...]


class Feedback:
    """One per process."""

    def __init__(self, objects: IObjectStore, blobs: IBlobStore, offload: Offload) -> None:
        self._objects = objects
        self._blobs = blobs
        self._offload = offload
        self._turns = DeferredSemaphore(1)
        self._reading: set[Deferred[None]] = set()

    async def stop(self) -> None:
        """Wait for what is being read."""
        await DeferredList(list(self._reading), consumeErrors=True)

    def arrives(
        self, _sender: str, accounts: Mapping[AccountId, str], header: bytes, blob: BlobId, /
    ) -> None:
        """It is read in time (`services.delivery.arrivals`). Costs next to nothing when it is no report."""
        if _MARK not in header and _MARK not in header.lower():
            return
        if len(self._reading) >= _WAITING:
            log.warning("too many reports at once", blob=blob.hex())
            return
        work = Deferred.fromCoroutine(self._read(tuple(accounts), blob))
        self._reading.add(work)
        work.addErrback(lambda failure: log.error("report not read", failure.value, blob=blob.hex()))
        work.addBoth(lambda _: self._reading.discard(work))

    async def _read(self, accounts: tuple[AccountId, ...], blob: BlobId) -> None:
        await self._turns.acquire()
        try:
            content = await self._content(blob)
            report = None if content is None else await self._offload(lambda: _report(content))
            if report is None:
                return
            for account in accounts:
                await until_it_holds(partial(self._put_down, account, blob, report))
        finally:
            self._turns.release()

    async def _content(self, blob: BlobId) -> bytes | None:
        size = await self._blobs.size(blob)
        if size is None or size > _LARGEST:
            return None
        gathered: list[bytes] = []
        for start in range(0, size, _WINDOW):
            piece = await self._blobs.read(blob, start, min(_WINDOW, size - start))
            if not piece:
                return None
            gathered.append(piece)
        return b"".join(gathered)

    async def _put_down(self, account: AccountId, blob: BlobId, report: _Report) -> bool:
        """Whether it is about a submission of the account."""
        kept = await self._objects.objects(account, KIND)
        found = await self._offload(lambda: _find(kept, report)) if kept else None
        if found is None:
            return False
        stored, document = found
        if not _change(document, blob.hex(), report):
            return False
        change = ObjectChange(account, KIND, stored.id, _encode(document), if_modseq=stored.modseq)
        await self._objects.write([change])
        log.info("told of a message's way", account=account, submission=stored.id, kind=report.list)
        return True


def _report(content: bytes) -> _Report | None:
    delivery = read_delivery_report(content)
    if delivery is not None:
        told = []
        for one in delivery.recipients:
            news = {"smtpReply": one.reply} if one.reply else {}
            # RFC 8621 §7: any other action does not affect the property
            if one.action in ("delivered", "failed"):
                news["delivered"] = "yes" if one.action == "delivered" else "no"
            told.append(_Told((one.original, one.final), news))
        return _Report("dsn", delivery.message_id, delivery.envelope_id, tuple(told))
    read = disposition.read(content)
    if read is None:
        return None
    names = tuple(
        one.partition(";")[2].strip() for one in (read.original_recipient, read.final_recipient) if one
    )
    news = {"displayed": "yes"} if read.disposition.type == "displayed" else {}
    name = None if read.original_message_id is None else message_id(read.original_message_id.encode())
    return _Report("mdn", name or original_id(content, parse(content)), "", (_Told(names, news),))


def _find(kept: list[StoredObject], report: _Report) -> tuple[StoredObject, dict[str, Any]] | None:
    """The submission that a report is about: the latest one of that message."""
    marks = [_encode(one)[1:-1] for one in (report.message_id, report.envelope_id) if one]
    for one in reversed(kept):
        if report.message_id and report.message_id.startswith(f"<{trace_of(one.id)}."):
            return one, _decode(one.value)  # named by us (`services.submission.outgoing`)
        if not any(mark in one.value for mark in marks):  # quicker than to decode thousands
            continue
        document = _decode(one.value)
        if report.message_id and document.get("messageId") == report.message_id:
            return one, document
        parameters = document["envelope"]["mailFrom"].get("parameters") or {}
        given = {name.upper(): value for name, value in parameters.items()}
        if report.envelope_id and given.get("ENVID") == report.envelope_id:
            return one, document
    return None


def _change(document: dict[str, Any], blob: str, report: _Report) -> bool:
    """Put the report down; False when it is about nobody whom the message was sent to."""
    recipients: dict[str, str] = document["recipients"]
    about = False
    for told in report.told:
        names = [comparable(name) for name in told.names if name]
        name = next((one for one in names if one in recipients), None)
        if name is None and len(recipients) == 1 and len(report.told) == 1:
            (name,) = recipients  # it was forwarded there, and nobody else can be meant
        if name is not None:
            about = True
            document["feedback"].setdefault(name, {}).update(told.news)
    if about and blob not in document[report.list]:
        document[report.list] = [*document[report.list], blob][-_REPORTS:]
    return about
