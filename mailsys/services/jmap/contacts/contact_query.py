"""ContactCard/query and /queryChanges (RFC 9610 §3.3, §3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mailsys.core.contacts.entry import FIELDS, SORTS, Entry
from mailsys.core.contacts.names import folded
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.dates import parse_utc_date
from mailsys.core.jmap.ids import is_id
from mailsys.services.jmap.mail.email_filter import comparators
from mailsys.services.jmap.protocol import stored
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.standard import cannot_calculate, parse_state, read_max_changes
from mailsys.services.people.contacts import CARD, Contacts, same_uid

_TIMES: Final = ("createdBefore", "createdAfter", "updatedBefore", "updatedAfter")
_CONDITIONS: Final = ("inAddressBook", "uid", "hasMember", "kind", *_TIMES, "text", *FIELDS)
_LONGEST: Final = 1000  # characters of a text that is looked for

Test = Callable[[Entry], bool]


class ContactQuery:
    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts

    async def query(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        context.own_account(arguments)
        listing = _Listing(context, arguments)
        window = stored.Window(arguments)
        arguments.finish()
        state = await state_of(context, CARD)
        found = await listing.read(self._contacts)
        return window.answer(context, found, str(state))

    async def query_changes(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        listing = _Listing(context, arguments)
        since_state = arguments.string("sinceQueryState")
        limit = read_max_changes(arguments)
        arguments.optional_id("upToId")  # what lies beyond could be left out; it need not
        calculate_total = arguments.boolean("calculateTotal", False)
        arguments.finish()
        state = await state_of(context, CARD)
        since = parse_state(since_state, state)
        touched = await self._contacts.touched_since(account, since)
        if touched is None:
            raise cannot_calculate()
        found = await listing.read(self._contacts)
        return stored.query_changes_answer(
            context, since_state, str(max(state, since)), found, touched, limit, calculate_total
        )


class _Listing:
    """The arguments that /query and /queryChanges share, and the list they name."""

    def __init__(self, context: CallContext, arguments: Arguments) -> None:
        self._context = context
        self._test: Test = stored.read_filter(arguments.raw("filter", None), self._condition)
        self._sort = [(name, up) for name, up, _ in comparators(arguments, SORTS)]

    def _condition(self, name: str, given: Any) -> Test:
        match name, given:
            case "inAddressBook", str() if is_id(given.removeprefix("#")):
                book = self._context.real_id(given)
                return lambda one: book in one.books
            case "uid", str():
                return lambda one: one.uid == given
            case "hasMember", str():
                wanted = same_uid(given)
                return lambda one: any(same_uid(uid) == wanted for uid in one.members)
            case "kind", str():
                return lambda one: one.kind == given
            case str(), str() if name in _TIMES and (moment := parse_utc_date(given)) is not None:
                return _time(name, moment)
            case str(), str() if name in ("text", *FIELDS) and len(given) <= _LONGEST:
                return _text(name, given)
        raise stored.wrong_condition(name, _CONDITIONS)

    async def read(self, contacts: Contacts) -> list[str]:
        found = [one for one in (await contacts.entries(self._context.account)).values() if self._test(one)]
        found.sort(key=lambda one: one.id)
        for name, up in reversed(self._sort):
            found.sort(key=_key(name), reverse=not up)
        return [one.id for one in found]


def _time(name: str, moment: float) -> Test:
    """RFC 9610 §3.3.1: before is before, after is at that moment or later."""
    before = name.endswith("Before")
    is_created = name.startswith("created")

    def test(one: Entry) -> bool:
        at = one.created if is_created else one.updated
        return at is not None and (at < moment if before else at >= moment)

    return test


def _text(name: str, given: str) -> Test:
    """All words must be there, in whatever order, each as part of a word; what is in quotes as it is
    (RFC 8621 §4.4.1, which RFC 9610 §3.3.1 follows). Names that have a field of their own: the whole."""
    fields = FIELDS if name == "text" else (name,)
    words = _words(folded(given))

    def test(one: Entry) -> bool:
        texts = [one.texts[field] for field in fields if field in one.texts]
        return all(any(word in text for text in texts) for word in words)

    return test


def _words(text: str) -> list[str]:
    found: list[str] = []
    for at, part in enumerate(text.split('"')):
        found.extend([part.strip()] if at % 2 else part.split())
    return [one for one in found if one]


def _key(name: str) -> Callable[[Entry], Any]:
    match name:
        case "created":
            return lambda one: one.created or 0.0
        case "updated":
            return lambda one: one.updated or 0.0
    return lambda one: one.sorts[name]
