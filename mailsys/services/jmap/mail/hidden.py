"""Emails that IMAP marked \\Deleted are not to be seen by JMAP (RFC 8621 §4.1.1). Few accounts have
any, so whether one does is remembered until its mail changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from mailsys.core.message.keywords import names
from mailsys.ports.emails import Column
from mailsys.ports.events import Changed, IEvents
from mailsys.ports.ids import AccountId, EmailId
from mailsys.ports.mail import IMailStore
from mailsys.ports.query import Compound, Condition, Filter, Operator

_REMEMBERED: Final = 5_000  # accounts
DELETED: Final = "$deleted"


def is_hidden(keywords: str) -> bool:
    return DELETED in keywords and DELETED in names(keywords)


class _Known:
    __slots__ = ("answer", "changes", "forget")

    def __init__(self) -> None:
        self.answer: bool | None = None
        self.changes = 0
        self.forget: Callable[[], None] = _nothing

    def changed(self, changed: Changed) -> None:
        self.answer = None
        self.changes += 1


def _nothing() -> None:
    pass


class Hidden:
    """`any` is remembered until the account's mail changes, for the accounts that lately asked."""

    def __init__(self, mail: IMailStore, events: IEvents) -> None:
        self._mail = mail
        self._events = events
        self._known: OrderedDict[AccountId, _Known] = OrderedDict()

    async def any(self, account: AccountId) -> bool:
        """Whether the account has such an email."""
        known = self._known.get(account)
        if known is None:
            known = self._known[account] = _Known()
            known.forget = self._events.subscribe(account, known.changed)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)[1].forget()
        else:
            self._known.move_to_end(account)
        if known.answer is None:
            changes = known.changes
            answer = any(box.deleted for box in await self._mail.mailboxes(account))
            if changes != known.changes:
                return answer
            known.answer = answer
        return known.answer

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
