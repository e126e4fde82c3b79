"""What an email is asked to become: an intention. The commit applies it to what the email is *then*, so
that two who change the same email at the same time both get what they asked for (DESIGN §1.7).

Nobody reads keywords or mailboxes, computes, and hands the whole back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailsys.core.refusal import Refusal
from mailsys.ports.ids import EmailId, MailboxId


@dataclass(frozen=True, slots=True)
class Snooze:
    """How an email waits in the mailbox of role SNOOZED. It ends when the email leaves that mailbox, by
    whatever way."""

    until: float  # Unix time
    target: MailboxId | None = None  # where it goes then; None, or a mailbox that is gone: the inbox
    add: str = "$new"  # canonical keywords, set and taken then
    remove: str = "$seen"


@dataclass(frozen=True, slots=True)
class EmailPatch:
    """What one email is asked to become. Keywords are the email's, in all of its mailboxes; `$deleted` is
    none of them (it belongs to a placement: `ports.placements`).

    `keywords` and `mailboxes` replace the whole set, whatever it is then (a client that sends the whole
    means the whole); `remove`, then `add`, and `enter`, then `leave`, are applied to that. An email that
    would be in no mailbox is refused (NotAllowed), as is one to enter a mailbox that is gone (NoSuchMailbox);
    to leave one where it is not, does nothing. A mailbox where its placement is marked `$deleted` counts as
    one where it is not: to enter it takes the mark away, and `mailboxes` without it leaves the marked
    placement alone.

    `snooze`: let it wait; it must then be in the mailbox of role SNOOZED (else NotAllowed).
    """

    email: EmailId
    add: str = ""  # canonical keywords
    remove: str = ""
    keywords: str | None = None
    enter: tuple[MailboxId, ...] = ()
    leave: tuple[MailboxId, ...] = ()
    mailboxes: tuple[MailboxId, ...] | None = None
    snooze: Snooze | None = None
    end_snooze: bool = False  # it stays where it is


@dataclass(frozen=True, slots=True)
class EmailNow:
    """An email as a commit left it."""

    keywords: str
    mailboxes: tuple[MailboxId, ...]  # those where it is to be seen
    changed: bool  # by this commit


@dataclass(frozen=True, slots=True)
class EmailsPatched:
    """What a commit did to an account's emails. `before` and `after` are the account's Email state
    around it: nothing of anybody else's lies between them."""

    before: int
    after: int
    now: Mapping[EmailId, EmailNow] = field(default_factory=dict)  # of the patches that were done
    refused: Mapping[EmailId, Refusal] = field(default_factory=dict)  # of patches and removals
    destroyed: tuple[EmailId, ...] = ()
