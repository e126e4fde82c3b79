"""A query of emails as one statement over `email`, driven by the narrowest of

- the word index, when few emails have the words: they are sorted;
- a thread;
- the index of unseen or of flagged emails, when they are few beside the mailbox;
- a mailbox, or all mail, in order of time, when the sort begins so: rows come sorted and the walk ends
  with the page. Any other sort keeps the best of (position + limit) rows while it goes.

Words that very many emails have are looked up for a stretch of the walk at a time (`chunk`): the index
tells which of a range of emails have them a hundred times faster than asked for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import apsw

from mailsys.ports.query import Condition, EmailQuery, Filter, Sort, SortBy
from mailsys.stores.sqlite import phrases
from mailsys.stores.sqlite.conditions import Bindings, Conditions, conjuncts, member
from mailsys.stores.sqlite.rows import one
from mailsys.stores.sqlite.tally import EMAILS

SAMPLE: Final = 5_000  # newest emails in which words are counted
_FLAGGED: Final = 2_000  # entries of the index of flagged emails that may be walked


@dataclass(slots=True)
class Statement:
    """Pieces of `SELECT {email} FROM {source} WHERE {where} {alone} ORDER BY {keys}`; what comes from
    outside is bound."""

    bindings: Bindings
    source: str
    where: str
    alone: str  # that it is the first of its thread; empty: all are wanted
    email: str  # the id in `source`
    keys: list[tuple[str, bool]]  # expression, ascending
    # The same question about one email, `email e`:
    one_source: str
    one_where: str
    one_keys: list[str]
    # Words that are looked up apart: how many emails to begin with, and what to ask the index.
    chunk: int = 0
    match: str = ""
    more: str = ""  # what those that have them must meet besides

    @property
    def order(self) -> str:
        return ", ".join(f"{key} {'ASC' if ascending else 'DESC'}" for key, ascending in self.keys)


class Words(Enum):
    """How words are looked up."""

    SET = "set"  # all emails that have them
    PROBE = "probe"  # email by email
    DONE = "done"  # not here: the index is what is walked, or is asked apart


_TEXT_KEYS: Final = {
    SortBy.SENT_AT: "ifnull(t.sent_at, 0)",
    SortBy.FROM: "t.from_key",
    SortBy.TO: "t.to_key",
    SortBy.SUBJECT: "t.base_subject",
}


class Planner:
    """Plans one query, with a look at how many rows each way would walk."""

    def __init__(self, connection: apsw.Connection, account: int, query: EmailQuery) -> None:
        self._connection = connection
        self._account = account
        self._query = query
        self.bindings = Bindings(account=account)
        self.conditions = Conditions(account, self.bindings)

    def page(self) -> Statement:
        """For a page."""
        return self._statement(drive=False)

    def whole(self) -> Statement:
        """For counting: all that pass are looked at anyway."""
        return self._statement(drive=True)

    def _statement(self, *, drive: bool) -> Statement:
        query = self._query
        every = list(conjuncts(query.filter))
        parts = every.copy()
        sort = query.sort or (Sort(),)
        match = self._match(parts)
        chunk = 0
        if match and not drive and not sort[1:] and _by_time(sort):
            # Counting beginnings of words reads all emails that have any.
            whole = self._match(parts, whole=True)
            chunk = self._chunk(whole) or (self._chunk(match) if match != whole else 0)
        words = Words.SET if not match or self._thread(parts) else Words.DONE
        source, time, email = self._source(parts, sort, match if not chunk else "")
        texts_apart = [part for part in parts if chunk and _is_text(part)]
        parts = [part for part in parts if part not in texts_apart]
        keys = [
            (time if found.by is SortBy.RECEIVED_AT else self._key(found, "e"), found.ascending)
            for found in sort
        ]
        keys.append((email, sort[-1].ascending))
        texts = self._texts(sort, "e")
        alone = f" AND NOT {self._better(every, sort)}" if query.collapse_threads and not chunk else ""
        return Statement(
            self.bindings,
            source + texts,
            self._where(parts, words),
            alone,
            email,
            keys,
            f"email e{texts}",
            self._where(every, Words.PROBE),
            [*(self._key(found, "e") for found in sort), "e.id"],
            chunk,
            self.bindings.name(match) if chunk else "",
            self._where(texts_apart, Words.DONE),
        )

    def _where(self, parts: list[Filter], words: Words) -> str:
        return " AND ".join(
            [
                "e.account = :account",
                "e.hidden = 0",
                *(f"({self._part(part, 'e', words)})" for part in parts),
            ]
        )

    # -- where to begin -----------------------------------------------------------------------------

    def _thread(self, parts: list[Filter]) -> bool:
        return any(found is not None and found[0] == "thread" for found in map(member, parts))

    def _source(self, parts: list[Filter], sort: tuple[Sort, ...], match: str) -> tuple[str, str, str]:
        """What is walked, and what time and id are called there. Takes from `parts` what the source
        answers alone."""
        bind = self.bindings.name
        members = {found[0]: found[1] for found in map(member, parts) if found is not None}
        own = ("e.received_at", "e.id")
        if "thread" in members:
            return "email e INDEXED BY email_thread", *own
        if match:
            source = f"(SELECT rowid id FROM words WHERE words MATCH {bind(match)}) w"  # noqa: S608
            return f"{source} CROSS JOIN email e ON e.id = w.id", *own
        mailbox = members.get("in_mailbox")
        few = self._few(members, mailbox)
        if few:
            return f"email e INDEXED BY {few}", *own
        if mailbox is not None:
            parts.remove(Condition(in_mailbox=mailbox))
            inside = f"p.mailbox = {bind(mailbox)} AND p.mark <= 0{self._between(members)}"
            source = f"placement p INDEXED BY placement_received CROSS JOIN email e ON {inside}"
            return f"{source} AND e.id = p.email", "p.received_at", "p.email"
        return f"email e{' INDEXED BY email_received' if _by_time(sort) else ''}", *own

    def _chunk(self, match: str) -> int:
        """How many emails probably hold a page of those that have the words; 0: so few have them that
        all of those are sorted instead. Judged by the newest emails, since counting all that have two
        frequent words side by side is no quicker than reading them."""
        row = one(
            self._connection,
            """SELECT (SELECT count(*) FROM words WHERE words MATCH ?3 AND rowid >= s.id),
                (SELECT sum(count) FROM tally WHERE list = -?1 AND kind = ?2)
            FROM (SELECT id FROM email WHERE account = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?4) s""",
            (self._account, EMAILS, match, SAMPLE - 1),
        )
        if row is None:
            return 0
        found, whole = int(row[0]), int(row[1])
        wanted = 3 * (self._query.position + self._query.limit) // 2
        # Looking at an email on the way costs about as much as sorting one that has the words.
        if found * found * whole <= wanted * SAMPLE * SAMPLE:
            return 0
        return 100 + wanted * SAMPLE // found

    def _between(self, members: dict[str, object]) -> str:
        found = ""
        if "after" in members:
            found += f" AND p.received_at >= {self.bindings.name(members['after'])}"
        if "before" in members:
            found += f" AND p.received_at < {self.bindings.name(members['before'])}"
        return found

    def _few(self, members: dict[str, object], mailbox: object) -> str:
        """The index of unseen or flagged emails, when the condition asks for one and it is short."""
        if members.get("not_keyword") == "$seen":
            name = "email_unseen"
            few = """(SELECT sum(k.unseen) FROM mailbox m JOIN mailbox_count k ON k.mailbox = m.id
                WHERE m.account = ?1)"""
        elif members.get("has_keyword") == "$flagged":
            name = "email_flagged"
            few = f"""(SELECT CASE WHEN count(*) < {_FLAGGED} THEN count(*) ELSE 9e99 END FROM (
                SELECT 1 FROM email INDEXED BY email_flagged
                WHERE account = ?1 AND flags & 2 <> 0 LIMIT {_FLAGGED}))"""  # noqa: S608
        else:
            return ""
        row = one(
            self._connection,
            f"""SELECT {few}, (SELECT total FROM mailbox_count WHERE mailbox = ?2)""",  # noqa: S608
            (self._account, mailbox),
        )
        return name if mailbox is None or (row[0] or 0) < (row[1] or 0) else ""

    def _match(self, parts: list[Filter], *, whole: bool = False) -> str:
        """All that the word index is asked for at once."""
        pieces = []
        for part in parts:
            found = member(part)
            if found is not None and _is_text(part):
                expression = self.conditions.match(found[0], phrases.terms(found[1]), whole=whole)
                if expression:
                    pieces.append(expression)
        return " AND ".join(pieces)

    def _part(self, part: Filter, alias: str, words: Words) -> str:
        found = member(part)
        if found is not None:
            if found[0] in _TEXTS:
                return self.conditions.text(
                    found[0],
                    found[1],
                    alias,
                    probe=words is Words.PROBE,
                    words=words is not Words.DONE,
                )
            if found == ("not_keyword", "$seen"):
                return f"{alias}.flags & 1 = 0"  # as the index has it
            if found == ("has_keyword", "$flagged"):
                return f"{alias}.flags & 2 <> 0"
        return self.conditions.sql(part, alias)

    # -- order ----------------------------------------------------------------------------------------

    def _key(self, sort: Sort, alias: str) -> str:
        if sort.by is SortBy.RECEIVED_AT:
            return f"{alias}.received_at"
        if sort.by is SortBy.SIZE:
            return f"{alias}.size"
        if sort.by is SortBy.HAS_KEYWORD:
            return f"({self.conditions.has(sort.keyword, alias)})"
        if sort.by is SortBy.ALL_IN_THREAD_HAVE_KEYWORD:
            return f"({self.conditions.thread_has(sort.keyword, alias, all_of=True)})"
        if sort.by is SortBy.SOME_IN_THREAD_HAVE_KEYWORD:
            return f"({self.conditions.thread_has(sort.keyword, alias, all_of=False)})"
        if sort.by is SortBy.SNOOZED_UNTIL:
            mailbox = self.bindings.name(-1 if sort.mailbox is None else sort.mailbox)
            found = f"s.mailbox = {mailbox} AND s.email = {alias}.id"
            until = f"SELECT s.until FROM snooze s WHERE {found}"  # noqa: S608
            return f"max({alias}.received_at, ifnull(({until}), 0))"
        return _TEXT_KEYS[sort.by].replace("t.", f"t{alias}.")

    def _texts(self, sort: tuple[Sort, ...], alias: str) -> str:
        if any(one_sort.by in _TEXT_KEYS for one_sort in sort):
            return f" CROSS JOIN head_text t{alias} ON t{alias}.blob = {alias}.blob"
        return ""

    def _better(self, every: list[Filter], sort: tuple[Sort, ...]) -> str:
        """An email of the same thread that passes as well and stands before this one."""
        pairs = [(self._key(found, "x"), self._key(found, "e"), found.ascending) for found in sort]
        pairs.append(("x.id", "e.id", sort[-1].ascending))
        passes = [f"({self._part(part, 'x', Words.SET)})" for part in every]
        return f"""EXISTS (SELECT 1 FROM email x INDEXED BY email_thread{self._texts(sort, "x")}
            WHERE x.account = :account AND x.thread = e.thread AND x.hidden = 0
            AND {" AND ".join([f"({stands_before(pairs)})", *passes])})"""  # noqa: S608


def _by_time(sort: tuple[Sort, ...]) -> bool:
    return sort[0].by is SortBy.RECEIVED_AT


def _is_text(part: Filter) -> bool:
    found = member(part)
    return found is not None and found[0] in _TEXTS


_TEXTS: Final = ("text", "from_", "to", "cc", "bcc", "subject", "body")


def stands_before(pairs: list[tuple[str, str, bool]]) -> str:
    """That (left, ...) stands before (right, ...), in an order of (left, right, ascending)."""
    if len({ascending for _, _, ascending in pairs}) == 1:
        sign = "<" if pairs[0][2] else ">"
        left = ", ".join(pair[0] for pair in pairs)
        right = ", ".join(pair[1] for pair in pairs)
        return f"({left}) {sign} ({right})"
    found = ""
    for left, right, ascending in reversed(pairs):
        sign = "<" if ascending else ">"
        found = f"({left} {sign} {right}" + (f" OR ({left} = {right} AND {found}))" if found else ")")
    return found
