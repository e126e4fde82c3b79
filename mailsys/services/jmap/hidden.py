"""Emails that IMAP marked \\Deleted are not to be seen by JMAP (RFC 8621 §4.1.1). Few accounts have
any, so whether one does is remembered until its mail changes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from mailsys.core.message.keywords import names
from mailsys.ports.ids import AccountId, EmailId
from mailsys.ports.mail import Column, IMailStore
from mailsys.ports.query import Compound, Condition, Filter, Operator

_REMEMBERED: Final = 10_000  # accounts
DELETED: Final = "$deleted"


def is_hidden(keywords: str) -> bool:
    return DELETED in keywords and DELETED in names(keywords)


class Hidden:
    def __init__(self, mail: IMailStore) -> None:
        self._mail = mail
        self._known: OrderedDict[AccountId, tuple[int, bool]] = OrderedDict()

    async def any(self, account: AccountId) -> bool:
        """Whether the account has such an email."""
        states = await self._mail.states(account)
        state = max(states.get("Email", 0), states.get("Mailbox", 0))
        known = self._known.get(account)
        if known is not None and known[0] == state:
            return known[1]
        found = any(box.deleted for box in await self._mail.mailboxes(account))
        self._known[account] = (state, found)
        self._known.move_to_end(account)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def left_out(self, account: AccountId, filter_: Filter | None) -> Filter | None:
        """The filter that leaves them out as well."""
        if not await self.any(account):
            return filter_
        if filter_ is None:
            return Condition(not_keyword=DELETED)
        return Compound(Operator.AND, (filter_, Condition(not_keyword=DELETED)))

    async def seen(
        self, account: AccountId, threads: dict[int, tuple[EmailId, ...]]
    ) -> dict[int, tuple[EmailId, ...]]:
        """Threads with only the emails that are to be seen."""
        if not await self.any(account):
            return threads
        numbers = [one for members in threads.values() for one in members]
        hidden: set[int] = set()
        for start in range(0, len(numbers), 1000):
            rows = await self._mail.fetch(account, numbers[start : start + 1000], [Column.KEYWORDS])
            hidden.update(number for number, row in rows.items() if is_hidden(str(row[0])))
        return {
            thread: tuple(one for one in members if one not in hidden) for thread, members in threads.items()
        }
