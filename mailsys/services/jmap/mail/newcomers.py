"""Email's property `isNewToThread`, of our own capability: whether its sender takes part in its thread for
the first time, so that a reader is warned of a stranger. RFC 8621 §3 lets in whoever names a message's id and
subject, and lists and people who are brought in need that; so nobody is kept out, but he is marked.

True when the thread has earlier emails and the first address in From is none of these: one that an earlier
email names in From, Sender, Reply-To, To, Cc or Bcc; one that the account ever wrote to; a contact; one
of its own. Of a longer thread the hundred emails before it count. An email whose From has no address is new
wherever something came before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mailsys.core.message.address import canonical, split
from mailsys.ports.emails import Column
from mailsys.ports.ids import EmailId
from mailsys.services.content.parts import Contents
from mailsys.services.delivery.deliver import heard_from
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.people.contacts import Contacts

NEWCOMERS: Final = "urn:mailsys:jmap:newcomers"
NEW_TO_THREAD: Final = "isNewToThread"  # the property

_BEFORE: Final = 100  # emails of a thread that are looked at for each
_FETCH: Final = 1000  # what one `fetch` may ask for
_PAGE: Final = 100  # emails judged at a time


class Newcomers:
    def __init__(self, contacts: Contacts, contents: Contents) -> None:
        self._contacts = contacts
        self._contents = contents

    async def mark(self, context: CallContext, emails: Mapping[int, dict[str, Any]]) -> None:
        """Give each of the emails, which are by number, the property."""
        numbers = list(emails)
        for start in range(0, len(numbers), _PAGE):
            page = numbers[start : start + _PAGE]
            new = await self._new(context, page)
            for number in page:
                emails[number][NEW_TO_THREAD] = number in new

    async def _new(self, context: CallContext, page: Sequence[int]) -> set[int]:
        mail, account = context.ports.mail, context.account
        rows = await _fetched(context, page, [Column.THREAD, Column.SENDER])
        threads = await mail.thread_emails(account, list(dict.fromkeys(row[0] for row in rows.values())))
        senders: dict[int, str] = {}
        before: dict[int, tuple[EmailId, ...]] = {}
        for number, (thread, sender) in rows.items():
            members = threads.get(thread, ())
            if number in members and (earlier := members[: members.index(number)]):
                before[number] = earlier[-_BEFORE:]
                senders[number] = heard_from(sender)
        if not before:
            return set()
        wanted = list(set(senders.values()) - {""})
        known = {one.address for one in await mail.known_correspondents(account, wanted) if one.sent}
        known |= {one.address for one in await context.ports.accounts.addresses(account)}
        left = {number: sender for number, sender in senders.items() if sender not in known}
        if not left:
            return set()
        entries = await self._contacts.entries(account)
        needed = list({one for number in left for one in before[number]})
        envelopes: dict[int, bytes] = {}
        for start in range(0, len(needed), _FETCH):
            found = await _fetched(context, needed[start : start + _FETCH], [Column.ENVELOPE])
            envelopes |= {number: row[0] for number, row in found.items()}

        def judge() -> set[int]:
            cards = {_canonical(each) for one in entries.values() for each in one.emails}
            lowered = {number: envelope.lower() for number, envelope in envelopes.items()}
            return {
                number
                for number, sender in left.items()
                if sender not in cards
                and not any(_named(sender, lowered.get(one, b"")) for one in before[number])
            }

        return await self._contents.in_thread(judge)


async def _fetched(
    context: CallContext, emails: Sequence[int], columns: Sequence[Column]
) -> dict[int, tuple[Any, ...]]:
    return dict(await context.ports.mail.fetch(context.account, emails, columns))


def _named(address: str, envelope: bytes) -> bool:
    """Whether a lower-case ENVELOPE names it: a local part and a domain stand beside each other there, each
    between quotes, which a quoted text has none of that are not escaped."""
    if not address:
        return False
    local, domain = split(address)
    return f'"{local}" "{domain}"'.encode() in envelope


def _canonical(address: str) -> str:
    try:
        return canonical(address)
    except ValueError:
        return ""
