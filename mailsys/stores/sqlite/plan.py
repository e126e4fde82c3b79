"""How a query of emails is answered: which list or index is walked, and what is looked up on the way.

1. One mailbox or all mail by time, collapsed or not, between two times: a kept list (ordered.py).
2. Otherwise one statement over `email`, driven by
   - the word index, when few emails have the words: they are sorted;
   - a thread;
   - the index of unseen or of flagged emails, when they are few beside the mailbox;
   - a mailbox, or all mail, in order of time, when the sort begins so: rows come sorted and the walk
     ends with the page. Any other sort keeps the best of (position + limit) rows while it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import apsw

from mailsys.ports.query import Condition, EmailQuery, Filter, Sort, SortBy
from mailsys.stores.sqlite import phrases
from mailsys.stores.sqlite.conditions import Bindings, Conditions, conjuncts, is_immutable, member
from mailsys.stores.sqlite.ordered import ListSpec
from mailsys.stores.sqlite.rows import one
from mailsys.stores.sqlite.tally import CONVERSATIONS, EMAILS

FEW: Final = 20_000  # emails with some words that are sorted rather than looked up one by one
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


@dataclass(slots=True)
class Statement:
    """Pieces of `SELECT {email} FROM {source} WHERE {where} ORDER BY {keys}`; what comes from outside is
    bound."""

    bindings: Bindings
    source: str
    where: str
    email: str  # the id in `source`
    keys: list[tuple[str, bool]]  # expression, ascending
    # The same question about one email, `email e`:
    one_source: str
    one_where: str
    one_keys: list[str]

    @property
    def order(self) -> str:
        return ", ".join(f"{key} {'ASC' if ascending else 'DESC'}" for key, ascending in self.keys)


class Words(Enum):
    """How words are looked up."""

    SET = "set"  # all emails that have them
    PROBE = "probe"  # email by email
    DRIVE = "drive"  # they were: the index is what is walked


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

    def plan(self) -> Statement:
        parts = list(conjuncts(self._query.filter))
        sort = self._query.sort or (Sort(),)
        source, words, time, email = self._source(parts, sort)
        keys = [
            (time if found.by is SortBy.RECEIVED_AT else self._key(found, "e"), found.ascending)
            for found in sort
        ]
        keys.append((email, sort[-1].ascending))
        one_keys = [*(self._key(found, "e") for found in sort), "e.id"]
        alone = "" if not self._query.collapse_threads else f" AND NOT {self._better(sort, words)}"
        texts = self._texts(sort, "e")
        return Statement(
            self.bindings,
            source + texts,
            self._where(parts, words) + alone,
            email,
            keys,
            f"email e{texts}",
            self._where(list(conjuncts(self._query.filter)), Words.PROBE) + alone,
            one_keys,
        )

    def _where(self, parts: list[Filter], words: Words) -> str:
        return " AND ".join(
            ["e.account = :account", *(f"({self._part(part, 'e', words)})" for part in parts)]
        )

    # -- where to begin -----------------------------------------------------------------------------

    def _source(self, parts: list[Filter], sort: tuple[Sort, ...]) -> tuple[str, Words, str, str]:
        """What is walked, how words are looked up, and what time and id are called there. Takes from
        `parts` what the source answers alone."""
        bind = self.bindings.name
        by_time = sort[0].by is SortBy.RECEIVED_AT
        members = {found[0]: found[1] for found in map(member, parts) if found is not None}
        own = ("e.received_at", "e.id")
        if "thread" in members:
            return "email e INDEXED BY email_thread", Words.PROBE, *own
        match = self._match(parts)
        words = Words.SET
        if match:
            if not by_time or self._count(match) <= FEW:
                source = f"(SELECT rowid id FROM words WHERE words MATCH {bind(match)}) w"  # noqa: S608
                return f"{source} CROSS JOIN email e ON e.id = w.id", Words.DRIVE, *own
            words = Words.PROBE
        mailbox = members.get("in_mailbox")
        few = self._few(members, mailbox)
        if few:
            return f"email e INDEXED BY {few}", words, *own
        if mailbox is not None:
            parts.remove(Condition(in_mailbox=mailbox))
            inside = f"p.mailbox = {bind(mailbox)}{self._between(members)}"
            source = f"placement p INDEXED BY placement_received CROSS JOIN email e ON {inside}"
            source += " AND e.id = p.email"
            return source, words, "p.received_at", "p.email"
        return f"email e{' INDEXED BY email_received' if by_time else ''}", words, *own

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
            name, condition = "email_unseen", "flags & 1 = 0"
        elif members.get("has_keyword") == "$flagged":
            name, condition = "email_flagged", "flags & 2 <> 0"
        else:
            return ""
        row = one(
            self._connection,
            f"""SELECT (SELECT count(*) FROM (SELECT 1 FROM email INDEXED BY {name}
                WHERE account = ?1 AND {condition} LIMIT {FEW})),
            (SELECT total FROM mailbox_count WHERE mailbox = ?2)""",  # noqa: S608
            (self._account, mailbox),
        )
        return name if mailbox is None or row[0] < min(FEW, row[1] or 0) else ""

    def _match(self, parts: list[Filter]) -> str:
        """All that the word index is asked for at once."""
        pieces = []
        for part in parts:
            found = member(part)
            if found is not None and found[0] in _TEXTS:
                expression = self.conditions.match(found[0], phrases.terms(found[1]))
                if expression:
                    pieces.append(expression)
        return " AND ".join(pieces)

    def _count(self, match: str) -> int:
        """How many emails have the words, up to a bound."""
        row = one(
            self._connection,
            "SELECT count(*) FROM (SELECT rowid FROM words WHERE words MATCH ? LIMIT ?)",
            (match, FEW + 1),
        )
        return int(row[0])

    def _part(self, part: Filter, alias: str, words: Words) -> str:
        found = member(part)
        if found is not None:
            if found[0] in _TEXTS:
                return self.conditions.text(
                    found[0],
                    found[1],
                    alias,
                    probe=words is Words.PROBE,
                    words=words is not Words.DRIVE,
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
        return _TEXT_KEYS[sort.by].replace("t.", f"t{alias}.")

    def _texts(self, sort: tuple[Sort, ...], alias: str) -> str:
        if any(one_sort.by in _TEXT_KEYS for one_sort in sort):
            return f" CROSS JOIN head_text t{alias} ON t{alias}.blob = {alias}.blob"
        return ""

    def _better(self, sort: tuple[Sort, ...], words: Words) -> str:
        """An email of the same thread that passes as well and stands before this one."""
        pairs = [(self._key(found, "x"), self._key(found, "e"), found.ascending) for found in sort]
        pairs.append(("x.id", "e.id", sort[-1].ascending))
        words = Words.SET if words is Words.DRIVE else words
        passes = [f"({self._part(part, 'x', words)})" for part in conjuncts(self._query.filter)]
        return f"""EXISTS (SELECT 1 FROM email x INDEXED BY email_thread{self._texts(sort, "x")}
            WHERE x.account = :account AND x.thread = e.thread
            AND {" AND ".join([f"({stands_before(pairs)})", *passes])})"""  # noqa: S608


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
