"""Email/query: one page, its position, the total (RFC 8621 §4.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import apsw

from mailsys.ports.ids import EmailId
from mailsys.ports.query import EmailPage, EmailQuery, Sort, SortBy
from mailsys.stores.sqlite.ordered import OrderedList, key_of
from mailsys.stores.sqlite.plan import is_calculable, kept_list, reordered_list
from mailsys.stores.sqlite.readers import one_state
from mailsys.stores.sqlite.reordered import Reordered
from mailsys.stores.sqlite.rows import integers, one
from mailsys.stores.sqlite.statement import Planner, Statement, stands_before

_LIMIT: Final = 100_000  # emails of one page


def page(connection: apsw.Connection, account: int, query: EmailQuery) -> EmailPage:
    """All of it is read from one state of the store."""
    with one_state(connection):
        return _page(connection, account, query)


def _page(connection: apsw.Connection, account: int, query: EmailQuery) -> EmailPage:
    modseq = state(connection, account)
    calculable = is_calculable(account, query)
    query = _as_received(connection, query)
    found: _Kept | _Walked | Reordered
    if kept_list(account, query) is not None:
        found = _Kept(connection, account, query)
    elif (list_ := reordered_list(account, query)) is not None and is_own(connection, account, list_.number):
        found = Reordered(connection, account, list_)
    else:
        found = _Walked(connection, account, query)
    total = found.total() if query.calculate_total or (query.anchor is None and query.position < 0) else None
    position = query.position
    if query.anchor is not None:
        place = found.position(query.anchor)
        if place is None:
            return EmailPage((), 0, total, modseq, False, calculable)
        position = max(0, place + query.anchor_offset)
    elif position < 0:
        position = max(0, (total or 0) + position)
    limit = max(0, min(query.limit, _LIMIT))
    emails = tuple(map(EmailId, found.page(position, limit))) if limit else ()
    return EmailPage(
        emails,
        position,
        total if query.calculate_total else None,
        modseq,
        can_calculate_changes=calculable,
    )


def _as_received(connection: apsw.Connection, query: EmailQuery) -> EmailQuery:
    """Where nothing waits in a mailbox or came back to it, SNOOZED_UNTIL is receivedAt, and as cheap."""
    return replace(query, sort=tuple(_plain(connection, sort) for sort in query.sort))


def _plain(connection: apsw.Connection, sort: Sort) -> Sort:
    if sort.by is SortBy.SNOOZED_UNTIL:
        row = one(connection, "SELECT 1 FROM snooze WHERE mailbox = ? LIMIT 1", (sort.mailbox,))
        if row is None:
            return replace(sort, by=SortBy.RECEIVED_AT)
    return sort


def state(connection: apsw.Connection, account: int) -> int:
    """The Email state."""
    row = one(connection, "SELECT email_state FROM account_count WHERE account = ?", (account,))
    return 0 if row is None else int(row[0])


def is_own(connection: apsw.Connection, account: int, number: int) -> bool:
    """Whether a list is the account's: a mailbox of its own, or all its mail."""
    if number == -account:
        return True
    return (
        one(connection, "SELECT 1 FROM mailbox WHERE id = ? AND account = ?", (number, account)) is not None
    )


class _Kept:
    """A list that is kept in order."""

    def __init__(self, connection: apsw.Connection, account: int, query: EmailQuery) -> None:
        spec = kept_list(account, query)
        if spec is None:
            raise ValueError("there is no such list")
        self._connection = connection
        self._account = account
        self._spec = spec
        self._list = OrderedList(connection, spec) if is_own(connection, account, spec.number) else None

    def total(self) -> int:
        return 0 if self._list is None else self._list.total

    def position(self, anchor: int) -> int | None:
        if self._list is None:
            return None
        key = key_of(self._connection, self._account, self._spec, anchor)
        return None if key is None else self._list.position(key)

    def page(self, position: int, limit: int) -> list[int]:
        return [] if self._list is None else self._list.page(position, limit)


class _Walked:
    """A statement over all emails."""

    def __init__(self, connection: apsw.Connection, account: int, query: EmailQuery) -> None:
        self._connection = connection
        self._account = account
        self._query = query

    def _whole(self) -> Statement:
        return Planner(self._connection, self._account, self._query).whole()

    def total(self) -> int:
        return total(self._connection, self._whole())

    def position(self, anchor: int) -> int | None:
        return position_of(self._connection, self._whole(), anchor)

    def page(self, position: int, limit: int) -> list[int]:
        query = replace(self._query, position=position, limit=limit)
        plan = Planner(self._connection, self._account, query).page()
        bindings = {**plan.bindings, "limit": limit, "position": position}
        if plan.chunk:
            return self._in_chunks(plan, bindings, position + limit)
        row = one(
            self._connection,
            f"""SELECT group_concat(id) FROM (SELECT {plan.email} id FROM {plan.source}
            WHERE {plan.where}{plan.alone} ORDER BY {plan.order} LIMIT :limit OFFSET :position)""",  # noqa: S608
            bindings,
        )
        return integers(row[0])

    def _in_chunks(self, plan: Statement, bindings: dict[str, Any], wanted: int) -> list[int]:
        """Take so many emails in order of time, see which of them have the words; when too few have,
        begin again with four times as many."""
        (at, ascending), chunk = plan.keys[0], plan.chunk
        order = f"at {'ASC' if ascending else 'DESC'}, id {'ASC' if ascending else 'DESC'}"
        first = f"row_number() OVER (PARTITION BY thread ORDER BY {order})"
        place, thread = (first, "e.thread") if self._query.collapse_threads else ("1", "0")
        while True:
            row = one(
                self._connection,
                f"""WITH candidate AS MATERIALIZED (SELECT {plan.email} id, {at} at, {thread} thread
                    FROM {plan.source} WHERE {plan.where} ORDER BY {plan.order} LIMIT :chunk),
                found AS MATERIALIZED (SELECT id, at FROM (
                    SELECT id, at, {place} place FROM candidate WHERE id IN (
                        SELECT rowid FROM words WHERE words MATCH {plan.match} AND rowid BETWEEN
                        (SELECT min(id) FROM candidate) AND (SELECT max(id) FROM candidate))
                        AND EXISTS (SELECT 1 FROM email e WHERE e.id = candidate.id AND {plan.more}))
                    WHERE place = 1)
                SELECT (SELECT count(*) FROM candidate), (SELECT count(*) FROM found),
                    (SELECT group_concat(id) FROM (SELECT id FROM found ORDER BY {order}
                        LIMIT :limit OFFSET :position))""",  # noqa: S608
                {**bindings, "chunk": chunk},
            )
            if row[1] >= wanted or row[0] < chunk:
                return integers(row[2])
            chunk *= 4


def total(connection: apsw.Connection, plan: Statement) -> int:
    counted = "DISTINCT e.thread" if plan.alone else "*"
    row = one(
        connection,
        f"SELECT count({counted}) FROM {plan.source} WHERE {plan.where}",  # noqa: S608
        plan.bindings,
    )
    return int(row[0])


def position_of(connection: apsw.Connection, plan: Statement, email: int) -> int | None:
    """How many emails of the answer stand before this one; None when it is not among them."""
    row = one(
        connection,
        f"""SELECT {", ".join(plan.one_keys)} FROM {plan.one_source}
        WHERE {plan.one_where}{plan.alone} AND e.id = :anchor""",  # noqa: S608
        {**plan.bindings, "anchor": email},
    )
    if row is None:
        return None
    names = [f"key{n}" for n in range(len(row))]
    pairs = [(key, f":{name}", ascending) for (key, ascending), name in zip(plan.keys, names, strict=True)]
    row = one(
        connection,
        f"""SELECT count(*) FROM {plan.source}
        WHERE {plan.where}{plan.alone} AND ({stands_before(pairs)})""",  # noqa: S608
        {**plan.bindings, **dict(zip(names, row, strict=True))},
    )
    return int(row[0])
