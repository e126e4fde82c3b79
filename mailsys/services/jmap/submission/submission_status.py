"""What an EmailSubmission object says of the way of its message (RFC 8621 §7): from the document that was
written when it was sent, and the message's timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.dates import render_utc_date
from mailsys.core.message.address import comparable
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery.deliver import Addressed

PROPERTIES: Final = (
    "id", "identityId", "emailId", "threadId", "envelope", "sendAt", "undoStatus", "deliveryStatus",
    "dsnBlobIds", "mdnBlobIds",
)  # fmt: skip
FROM_TIMELINE: Final = frozenset(("deliveryStatus", "undoStatus", "dsnBlobIds"))

# How a recipient stood when the message was taken.
HERE: Final = "here"  # in a mailbox of ours, by the same commit
FORWARDED: Final = "forwarded"  # an address of ours that leads elsewhere
QUEUED: Final = "queued"

_FIRST: Final = {
    HERE: ("250 2.1.5 Delivered", "yes"),
    FORWARDED: ("250 2.1.5 Forwarded", "unknown"),
    QUEUED: ("250 2.1.5 Queued", "queued"),
}
_CANCELED: Final = ("550 5.7.0 Sending was canceled", "no")
_DROPPED: Final = ("550 5.7.0 Removed from the queue", "no")
_BEGUN: Final = frozenset(
    (Stage.CONNECTED, Stage.SENT, Stage.DELIVERED, Stage.DEFERRED, Stage.FAILED, Stage.DROPPED)
)

Document = dict[str, Any]


def standing(addressed: Addressed, held: bool) -> str:
    """How a recipient stands by the commit that takes the message."""
    if held or addressed.route is None:
        return QUEUED
    return HERE if addressed.route.accounts else FORWARDED


def is_held(document: Document, now: float) -> bool:
    """Whether it waits for its time, as far as the document knows."""
    return not document["canceled"] and document["release"] is not None and now < document["release"]


def undo_status(document: Document, now: float, entries: Sequence[TimelineEntry]) -> str:
    if document["canceled"]:
        return "canceled"
    if is_held(document, now) and not any(entry.stage in _BEGUN for entry in entries):
        return "pending"
    return "final"


def delivery_status(document: Document, entries: Sequence[TimelineEntry]) -> dict[str, dict[str, str]]:
    """By recipient, as the addresses stand in the envelope."""
    standings: dict[str, str] = document["recipients"]
    feedback: dict[str, dict[str, str]] = document["feedback"]
    found: dict[str, tuple[str, str]] = {}
    for name, first in standings.items():
        found[name] = _CANCELED if document["canceled"] else _FIRST[first]
    for entry in () if document["canceled"] else entries:
        name = comparable(entry.recipient) if entry.recipient else ""
        if standings.get(name) != QUEUED:
            continue
        reply = entry.detail.get("reply", "")
        if entry.stage is Stage.DEFERRED:
            found[name] = (reply, "queued")
        elif entry.stage is Stage.SENT:
            found[name] = (reply, "unknown")  # RFC 8621 §7: relaying says nothing of the mailbox
        elif entry.stage is Stage.FAILED:
            found[name] = (reply, "no")
        elif entry.stage is Stage.DROPPED:
            found[name] = _DROPPED
        elif entry.stage is Stage.DELIVERED:
            found[name] = _FIRST[FORWARDED if entry.detail.get("forwarded") else HERE]
    status: dict[str, dict[str, str]] = {}
    for one in document["envelope"]["rcptTo"]:
        name = comparable(one["email"])
        reply, delivered = found.get(name, _FIRST[QUEUED])
        told = feedback.get(name, {})
        status[one["email"]] = {
            "smtpReply": told.get("smtpReply") or reply,
            "delivered": told.get("delivered") or delivered,
            "displayed": told.get("displayed", "unknown"),
        }
    return status


def shown(id_: str, document: Document, now: float, entries: Sequence[TimelineEntry]) -> dict[str, Any]:
    """The EmailSubmission object."""
    reports = [
        entry.detail["blob"] for entry in entries if entry.stage is Stage.NOTIFIED and "blob" in entry.detail
    ]
    reports += document["dsn"]
    return {
        "id": id_,
        "identityId": document["identityId"],
        "emailId": document["emailId"],
        "threadId": document["threadId"],
        "envelope": document["envelope"],
        "sendAt": render_utc_date(document["sendAt"]),
        "undoStatus": undo_status(document, now, entries),
        "deliveryStatus": delivery_status(document, entries),
        "dsnBlobIds": [ids.blob_id(bytes.fromhex(one)) for one in dict.fromkeys(reports)],
        "mdnBlobIds": [ids.blob_id(bytes.fromhex(one)) for one in document["mdn"]],
    }
