"""What an email is asked to become. The commit applies it to what the email is then."""

from __future__ import annotations

from dataclasses import dataclass

from mailsys.ports.ids import MailboxId


@dataclass(frozen=True, slots=True)
class Snooze:
    """How an email waits in the mailbox of role SNOOZED. It ends when the email leaves that mailbox, by
    whatever way."""

    until: float  # Unix time
    target: MailboxId | None = None  # where it goes then; None, or a mailbox that is gone: the inbox
    add: str = "$new"  # canonical keywords, set and taken then
    remove: str = "$seen"
