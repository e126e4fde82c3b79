"""What answers a query of emails: a list that is kept in order (ordered.py), or a statement over all
emails (statement.py); and whether changes of the answer can be told (delta.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mailsys.ports.query import EmailQuery, Filter, SortBy
from mailsys.stores.sqlite.conditions import conjuncts, is_immutable, member
from mailsys.stores.sqlite.ordered import ListSpec
from mailsys.stores.sqlite.tally import CONVERSATIONS, EMAILS

_IMMUTABLE_SORTS: Final = (
    SortBy.RECEIVED_AT,
    SortBy.SENT_AT,
    SortBy.SIZE,
    SortBy.FROM,
    SortBy.TO,
    SortBy.SUBJECT,
)


def kept_list(account: int, query: EmailQuery) -> ListSpec | None:
    """The list that answers the query alone, if there is one."""
    if len(query.sort) > 1 or (query.sort and query.sort[0].by is not SortBy.RECEIVED_AT):
        return None
    ascending = bool(query.sort) and query.sort[0].ascending
    number = -account
    after: float | None = None
    before: float | None = None
    for condition in conjuncts(query.filter):
        match member(condition):
            case ("in_mailbox", mailbox) if number < 0:
                number = max(0, mailbox)
            case ("after", at):
                after = at if after is None else max(after, at)
            case ("before", at):
                before = at if before is None else min(before, at)
            case _:
                return None
    if query.collapse_threads and (ascending or before is not None):
        return None  # the email shown of a thread is another than its newest
    return ListSpec(number, CONVERSATIONS if query.collapse_threads else EMAILS, after, before, ascending)


def reordered_list(account: int, query: EmailQuery) -> ListSpec | None:
    """The list of a mailbox that answers the query once what was snoozed is put in its place, if there
    is one (reordered.py)."""
    if len(query.sort) != 1 or query.sort[0].by is not SortBy.SNOOZED_UNTIL or query.sort[0].ascending:
        return None
    spec = kept_list(account, replace(query, sort=()))
    if spec is None or spec.number != query.sort[0].mailbox or spec.after is not None:
        return None
    return None if spec.before is not None else spec


def is_calculable(account: int, query: EmailQuery) -> bool:
    """Whether changes of the query's answer can be told (delta.py)."""
    return kept_list(account, query) is not None or keeps(query)


def keeps(query: EmailQuery) -> bool:
    """Whether an email that is in the answer stays in it, and in its place, as long as it stays in the
    mailbox that is asked for."""
    return (
        not query.collapse_threads
        and all(sort.by in _IMMUTABLE_SORTS for sort in query.sort)
        and all(is_immutable(found) or _is_mailbox(found) for found in conjuncts(query.filter))
    )


def _is_mailbox(found: Filter) -> bool:
    name = member(found)
    return name is not None and name[0] == "in_mailbox"
