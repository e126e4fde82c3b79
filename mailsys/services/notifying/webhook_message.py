"""What a webhook says: the account's changes since a position of the log, as signed JSON.

Signatures are those of the Standard Webhooks specification.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from mailsys.core.jmap.dates import render_utc_date
from mailsys.core.jmap.ids import account_id, email_id, thread_id
from mailsys.ports.change_log import EmailChanges
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId
from mailsys.ports.mail import IMailStore
from mailsys.services.notifying.webhook_records import EVENTS, Record, Told

_BATCH: Final = 100  # changes told at a time
_LARGE: Final = 50_000  # when one commit changed more than that
_DESCRIBED: Final = 100  # new emails of which more than the id is told
_COLUMNS: Final = (
    Column.THREAD,
    Column.RECEIVED_AT,
    Column.SIZE,
    Column.SUBJECT,
    Column.SENDER,
    Column.PREVIEW,
)


class WebhookMessages:
    """What there is to tell, read from the change log."""

    def __init__(self, mail: IMailStore) -> None:
        self._mail = mail

    async def wanted(self, account: AccountId, record: Record, since: int) -> Told:
        """Of the changes after `since`, what this webhook wants to hear."""
        changes = await self._changes(account, since)
        lists = {name: getattr(changes, name) for name in EVENTS if name in record.events}
        return Told(changes.modseq, changes.complete, changes.more, **lists)

    async def _changes(self, account: AccountId, since: int) -> EmailChanges:
        changes: EmailChanges = await self._mail.emails_changed(account, since, _BATCH)
        if not changes.complete and changes.more:
            changes = await self._mail.emails_changed(account, since, _LARGE)
        if not changes.complete:  # too long ago: all that can be told is where it stands now
            changes = replace(changes, modseq=await self._mail.modseq(account), more=False)
        return changes

    async def more(self, account: AccountId, position: int) -> bool:
        """Whether anything changed after `position`."""
        changes: EmailChanges = await self._mail.emails_changed(account, position, 1)
        return bool(changes.created or changes.updated or changes.destroyed)

    async def message(self, account: AccountId, ident: str, told: Told) -> tuple[str, bytes]:
        """Its id, and its body."""
        name = f"{ident}.{told.modseq}"
        body: dict[str, Any] = {
            "id": name,
            "type": "email.changed" if told.complete else "resync",  # too old: read everything anew
            "accountId": account_id(account),
            "state": str(told.modseq),
            **{event: [email_id(each) for each in getattr(told, event)] for event in EVENTS},
            "emails": await self._described(account, told.created),
        }
        return name, msgspec.json.encode(body)

    async def _described(self, account: AccountId, emails: Sequence[int]) -> list[dict[str, Any]]:
        emails = emails[:_DESCRIBED]
        rows: dict[int, Any] = await self._mail.fetch(account, emails, _COLUMNS) if emails else {}
        described = []
        for email in emails:
            if email in rows:
                thread, received, size, subject, sender, preview = rows[email]
                described.append(
                    {
                        "id": email_id(email),
                        "threadId": thread_id(thread),
                        "receivedAt": render_utc_date(received),
                        "size": size,
                        "subject": subject,
                        "from": sender,
                        "preview": preview,
                    }
                )
        return described


def headers(secret: str, name: str, now: float, body: bytes) -> dict[str, str]:
    """Those that `body` is sent with. now: Unix time."""
    stamp = str(int(now))
    return {
        "Content-Type": "application/json",
        "User-Agent": "mailsys",
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": signature(secret, name, stamp, body),
    }


def signature(secret: str, name: str, stamp: str, body: bytes) -> str:
    """Standard Webhooks: HMAC-SHA256 over id, timestamp and body."""
    key = b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{name}.{stamp}.".encode("ascii") + body, "sha256")
    return "v1," + b64encode(mac).decode("ascii")
