"""Mailboxes, emails and what changes them.

Each account has one counter, `modseq`. Every commit that changes its mail takes the next number
and stamps with it all that it touched. **Order of modseq is order of visibility**: whoever has
seen number n sees everything below n, so `changes since n` misses nothing, on every store.

Methods that write fire once the change would survive a power cut, after the change has been told
to `IEvents`. A method handed a mailbox or email that is not the given account's treats it as
missing: nobody reaches what is another's by number.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mailsys.ports.change_log import IChangeLog
from mailsys.ports.correspondents import ICorrespondentStore
from mailsys.ports.emails import IEmailStore
from mailsys.ports.intake import IIntake
from mailsys.ports.mailboxes import IMailboxStore
from mailsys.ports.placements import IPlacementStore
from mailsys.ports.uploads import IUploadStore


class IMailStore(
    IIntake, IMailboxStore, IPlacementStore, IEmailStore, IUploadStore, IChangeLog, ICorrespondentStore
):
    """All of it: what a store provides. Callers ask for the part that they need."""

    def integrity() -> Deferred[list[str]]:
        """Check the whole store; fires with complaints, empty when all is well."""
