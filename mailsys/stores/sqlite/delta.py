"""Email/queryChanges: how a list of emails differs from what it was at a state (RFC 8620 §5.6).

Told for the kept lists, and for lists that an email stays in, at its place, as long as it is in the
mailbox asked for. What came is known from the change log; where it stands now is its index.
"""

from __future__ import annotations

from typing import Final

import apsw

from mailsys.ports.ids import EmailId
from mailsys.ports.query import EmailQuery, QueryDelta
from mailsys.stores.sqlite.batch import ids
from mailsys.stores.sqlite.conditions import conjuncts, member
from mailsys.stores.sqlite.ordered import ListSpec, OrderedList, key_of
from mailsys.stores.sqlite.plan import keeps, kept_list
from mailsys.stores.sqlite.query import is_own, position_of, state, total
from mailsys.stores.sqlite.readers import one_state
from mailsys.stores.sqlite.rows import integers, one, values
from mailsys.stores.sqlite.statement import Planner
from mailsys.stores.sqlite.tally import CONVERSATIONS

_COUNTED: Final = 50  # emails whose place is counted over all that match, one by one


class _TooMany(Exception):
    """It cannot be told cheaply."""


def delta(connection: apsw.Connection, account: int, query: EmailQuery, since: int, limit: int) -> QueryDelta:
    with one_state(connection):
        return _delta(connection, account, query, since, limit)


def _delta(
    connection: apsw.Connection, account: int, query: EmailQuery, since: int, limit: int
) -> QueryDelta:
    modseq = state(connection, account)
    row = one(connection, "SELECT floor, modseq FROM account_count WHERE account = ?", (account,))
    spec = kept_list(account, query)
    unknown = QueryDelta(modseq, (), (), None, complete=False)
    if row is None or not row[0] <= since <= row[1]:
        return unknown
    try:
        if spec is None:
            if not keeps(query):
                return unknown
            removed, added, whole = _of_walked(connection, account, query, since, limit)
        else:
            if not is_own(connection, account, spec.number):
                return unknown
            removed, added, whole = _of_kept(connection, account, spec, since, limit)
    except _TooMany:
        return unknown
    if len(removed) + len(added) > limit:
        return unknown
    return QueryDelta(
        modseq,
        tuple(EmailId(email) for email in removed),
        tuple((index, EmailId(email)) for index, email in sorted(added)),
        whole if query.calculate_total else None,
    )


def _came(connection: apsw.Connection, account: int, number: int, since: int, limit: int) -> list[list[int]]:
    """(email, thread) of what came into a list after a state: placed there, or no longer marked."""
    if number > 0:
        sql = """SELECT e.id, e.thread FROM email e INDEXED BY email_touched
            CROSS JOIN placement p INDEXED BY placement_email ON p.email = e.id
            WHERE e.account = ?1 AND e.touched > ?2 AND p.mailbox = ?3 AND p.mark <= 0
                AND max(p.modseq, -p.mark) > ?2"""
    else:
        sql = """SELECT id, thread FROM email INDEXED BY email_created
            WHERE account = ?1 AND created > ?2 AND ?3 AND hidden = 0"""
    return _rows(connection, sql, (account, since, number), limit)


def _went(connection: apsw.Connection, account: int, number: int, since: int, limit: int) -> list[list[int]]:
    """(email, thread) of what left it: removed or marked, be it that it is back."""
    if number > 0:
        sql = """SELECT email, thread FROM vanished WHERE mailbox = ?3 AND modseq > ?2
            UNION SELECT e.id, e.thread FROM email e INDEXED BY email_touched
                CROSS JOIN placement p INDEXED BY placement_email ON p.email = e.id
                WHERE e.account = ?1 AND e.touched > ?2 AND p.mailbox = ?3 AND abs(p.mark) > ?2"""
    else:
        sql = (
            "SELECT email, thread FROM destroyed WHERE account = ?1 AND modseq > ?2 AND created <= ?2 AND ?3"
        )
    return _rows(connection, sql, (account, since, number), limit)


def _rows(
    connection: apsw.Connection, sql: str, bindings: tuple[int, int, int], limit: int
) -> list[list[int]]:
    row = one(
        connection,
        f"SELECT json_group_array(json_array(email, thread)) FROM (SELECT * FROM (WITH f(email, thread) AS ({sql}) SELECT * FROM f) LIMIT ?4)",  # noqa: S608, E501
        (*bindings, limit + 1),
    )
    found: list[list[int]] = values(row[0])
    if len(found) > limit:
        raise _TooMany
    return found


_Found = tuple[list[int], list[tuple[int, int]], int]


def _of_kept(connection: apsw.Connection, account: int, spec: ListSpec, since: int, limit: int) -> _Found:
    came = _came(connection, account, spec.number, since, limit)
    went = _went(connection, account, spec.number, since, limit)
    ordered = OrderedList(connection, spec)
    removed = dict.fromkeys(email for email, _ in went)
    if spec.kind == CONVERSATIONS:
        shown = _shown(connection, account, spec.number, since, came, went)
        removed.update(dict.fromkeys(before for before, _ in shown if before is not None))
        now = [after for _, after in shown if after is not None]
    else:
        now = [email for email, _ in came]
    added = []
    for email in now:
        key = key_of(connection, account, spec, email)
        index = None if key is None else ordered.position(key)
        if index is not None:
            added.append((index, email))
    return list(removed), added, ordered.total


def _shown(
    connection: apsw.Connection,
    account: int,
    number: int,
    since: int,
    came: list[list[int]],
    went: list[list[int]],
) -> list[tuple[int | None, int | None]]:
    """Of the threads that emails came to or left: (the newest email that was there before and still
    is, the newest now). What was shown before is the former, or one that left."""
    left = {thread for _, thread in went}
    threads = left | {thread for _, thread in came}
    if not threads:
        return []
    inside = (
        """EXISTS (SELECT 1 FROM placement p INDEXED BY placement_email
            WHERE p.email = e.id AND p.mailbox = ?2 AND p.modseq <= ?3 AND p.mark BETWEEN -?3 AND 0)"""
        if number > 0
        else "e.created <= ?3 AND ?2 AND e.hidden = 0"
    )
    row = one(
        connection,
        f"""SELECT json_group_array(json_array(t.value,
            (SELECT e.id FROM email e INDEXED BY email_thread
             WHERE e.account = ?1 AND e.thread = t.value AND {inside}
             ORDER BY e.received_at DESC, e.id DESC LIMIT 1),
            (SELECT c.email FROM conversation c WHERE c.list = ?2 AND c.thread = t.value)))
        FROM carray(?4) t""",  # noqa: S608
        (account, number, since, ids(sorted(threads))),
    )
    # Unless one left, a thread that still shows the same email did not change for the list.
    return [(before, after) for thread, before, after in values(row[0]) if before != after or thread in left]


def _of_walked(
    connection: apsw.Connection, account: int, query: EmailQuery, since: int, limit: int
) -> _Found:
    boxes = [found[1] for found in map(member, conjuncts(query.filter)) if found and found[0] == "in_mailbox"]
    numbers = boxes or [-account]
    removed = dict.fromkeys(
        email for number in numbers for email, _ in _went(connection, account, number, since, limit)
    )
    came = dict.fromkeys(
        email for number in numbers for email, _ in _came(connection, account, number, since, limit)
    )
    plan = Planner(connection, account, query).whole()
    passing: list[int] = []
    if came:
        row = one(
            connection,
            f"""SELECT group_concat(e.id) FROM {plan.one_source} WHERE {plan.one_where}
            AND e.id IN (SELECT value FROM carray(:came))""",  # noqa: S608
            {**plan.bindings, "came": ids(came)},
        )
        passing = integers(row[0])
    if len(passing) > _COUNTED:
        raise _TooMany
    added = []
    for email in passing:
        index = position_of(connection, plan, email)
        if index is not None:
            added.append((index, email))
    return list(removed), added, total(connection, plan) if query.calculate_total else 0
