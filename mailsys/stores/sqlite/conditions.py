"""Filters of emails as SQL (RFC 8621 §4.4.1). `alias` is the `email` row that is asked about.

Statements are put together from constants here; what comes from outside is only ever bound.
"""

# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import msgspec

from mailsys.core.message.text import nfc
from mailsys.ports.query import Compound, Condition, Filter, Operator
from mailsys.stores.sqlite import phrases
from mailsys.stores.sqlite.flags import ATTACHMENT, BITS
from mailsys.stores.sqlite.search import owner

_DEPTH: Final = 50
_JSON: Final = msgspec.json.Encoder()
# condition -> columns of the word index, and of the texts that are looked through where it cannot tell
_TEXTS: Final[dict[str, tuple[str, tuple[str, ...], str]]] = {
    "text": ("{subject people body}", ("t.subject", "t.sender", "t.recipient", "t.cc", "t.bcc"), "text"),
    "subject": ("{subject}", ("t.subject",), ""),
    "body": ("{body}", (), "text"),
    "from_": ("{people}", ("t.sender",), ""),
    "to": ("{people}", ("t.recipient",), ""),
    "cc": ("{people}", ("t.cc",), ""),
    "bcc": ("{people}", ("t.bcc",), ""),
}
_WHOLE: Final = "x'0a' || h.folded"
_PEOPLE: Final = ("from_", "to", "cc", "bcc")
_IMMUTABLE: Final = (
    "before", "after", "min_size", "max_size", "has_attachment", "text", "from_", "to", "cc", "bcc",
    "subject", "body", "header", "attachment_name", "attachment_type", "message_id", "thread",
)  # fmt: skip


class Bindings(dict[str, Any]):
    """Named parameters of one statement."""

    def name(self, value: Any) -> str:
        """A parameter for this value."""
        name = f"p{len(self)}"
        self[name] = value
        return f":{name}"


def conjuncts(found: Filter | None) -> Iterator[Filter]:
    """What must hold all together, as far as it can be taken apart."""
    if isinstance(found, Condition):
        yield from _single(found)
    elif found is not None:
        if found.operator is Operator.AND:
            for inner in found.conditions:
                yield from conjuncts(inner)
        else:
            yield found


def _single(condition: Condition) -> Iterator[Condition]:
    """One condition for each of its members."""
    for field in _FIELDS:
        value = getattr(condition, field)
        if value is not None:
            yield Condition(**{field: value})


_FIELDS: Final = tuple(Condition.__dataclass_fields__)


def member(condition: Filter) -> tuple[str, Any] | None:
    """The member that is set, of one of `conjuncts`; None for a compound."""
    if isinstance(condition, Condition):
        for field in _FIELDS:
            value = getattr(condition, field)
            if value is not None:
                return field, value
    return None


def asks_for_words(found: Filter | None) -> bool:
    """Whether the word index is asked."""
    if isinstance(found, Compound):
        return any(map(asks_for_words, found.conditions))
    return found is not None and any(getattr(found, field) is not None for field in _TEXTS)


def is_immutable(found: Filter | None) -> bool:
    """Whether an email that passes will pass for ever."""
    if found is None:
        return True
    if isinstance(found, Compound):
        return all(map(is_immutable, found.conditions))
    return all(field in _IMMUTABLE for field in _FIELDS if getattr(found, field) is not None)


class Conditions:
    """Filters of one account, for one statement."""

    def __init__(self, account: int, bindings: Bindings) -> None:
        self.account = account
        self.bind = bindings.name

    def sql(self, found: Filter | None, alias: str, depth: int = 0) -> str:
        if found is None:
            return self._always(True)
        if depth > _DEPTH:
            raise ValueError("filter nested too deeply")
        if isinstance(found, Condition):
            return " AND ".join(self._member(*pair, alias) for pair in _members(found)) or self._always(True)
        pieces = [f"({self.sql(inner, alias, depth + 1)})" for inner in found.conditions]
        if found.operator is Operator.AND:
            return " AND ".join(pieces) or self._always(True)
        either = " OR ".join(pieces) or self._always(False)
        return either if found.operator is Operator.OR else f"NOT ({either})"

    def _always(self, outcome: bool) -> str:
        """No literal: SQLite forgets a WHERE with a false one, and then takes no partial index."""
        return self.bind(int(outcome))

    def _member(self, field: str, value: Any, alias: str) -> str:
        bind = self.bind
        if field in _TEXTS:
            return self.text(field, value, alias)
        if field == "in_mailbox":
            return f"""EXISTS (SELECT 1 FROM placement p INDEXED BY placement_email
                WHERE p.email = {alias}.id AND p.mailbox = {bind(value)} AND p.mark <= 0)"""
        if field == "in_mailbox_other_than":
            others = bind(_JSON.encode(list(value)).decode())
            return f"""EXISTS (SELECT 1 FROM placement p INDEXED BY placement_email
                WHERE p.email = {alias}.id AND p.mark <= 0
                AND p.mailbox NOT IN (SELECT value FROM json_each({others})))"""
        if field == "before":
            return f"{alias}.received_at < {bind(float(value))}"
        if field == "after":
            return f"{alias}.received_at >= {bind(float(value))}"
        if field == "min_size":
            return f"{alias}.size >= {bind(value)}"
        if field == "max_size":
            return f"{alias}.size < {bind(value)}"
        if field == "has_keyword":
            return self.has(value, alias)
        if field == "not_keyword":
            return f"NOT {self.has(value, alias)}"
        if field == "all_in_thread_have":
            return self.thread_has(value, alias, all_of=True)
        if field == "some_in_thread_have":
            return self.thread_has(value, alias, all_of=False)
        if field == "none_in_thread_have":
            return f"NOT {self.thread_has(value, alias, all_of=False)}"
        if field == "has_attachment":
            return f"({alias}.flags & {ATTACHMENT} <> 0) = {bind(bool(value))}"
        if field == "header":
            return self._header(value[0], value[1], alias)
        if field == "attachment_name":
            return self._file_name(value, alias)
        if field == "attachment_type":
            return self._part_type(value, alias)
        if field == "message_id":
            return f"(SELECT message_id FROM content WHERE blob = {alias}.blob) = {bind(_clean(value))}"
        if field == "thread":
            return f"{alias}.thread = {bind(value)}"
        raise ValueError(f"no such condition: {field}")

    def has(self, keyword: str, alias: str) -> str:
        bit = BITS.get(keyword)
        if bit is not None:
            return f"({alias}.flags & {bit} <> 0)"
        return f"""EXISTS (SELECT 1 FROM keyword k
            WHERE k.word = {self.bind(_clean(keyword))} AND k.keywords = {alias}.keywords)"""

    def thread_has(self, keyword: str, alias: str, *, all_of: bool) -> str:
        has = self.has(keyword, "o")
        no = "NOT " if all_of else ""  # all have it: there is none that has not
        return f"""{no}EXISTS (SELECT 1 FROM email o INDEXED BY email_thread
            WHERE o.account = {alias}.account AND o.thread = {alias}.thread AND o.hidden = 0
                AND {no}{has})"""

    # -- texts ----------------------------------------------------------------------------------------

    def text(self, field: str, value: str, alias: str, *, probe: bool = False, words: bool = True) -> str:
        """`probe`: look each email up in the index instead of reading all that match; `words` False:
        the index was asked already."""
        pieces = []
        wanted = phrases.terms(value)
        expression = self.match(field, wanted) if words else ""
        if expression:
            asked = f"words MATCH {self.bind(expression)}"
            pieces.append(
                f"EXISTS (SELECT 1 FROM words w WHERE w.rowid = {alias}.id AND {asked})"
                if probe
                else f"{alias}.id IN (SELECT rowid FROM words WHERE {asked})"
            )
        # The index has the names of all people of an email in one column.
        pieces += [
            self._contains(field, term, alias)
            for term in wanted
            if field in _PEOPLE or not phrases.by_words(term)
        ]
        return " AND ".join(pieces) or "1"

    def match(self, field: str, wanted: list[phrases.Term], *, whole: bool = False) -> str:
        """What to ask the word index for; empty when it cannot help. `whole`: for whole words only."""
        words = [term for term in wanted if phrases.by_words(term)]
        if not words:
            return ""
        return (
            f'owner : "{owner(self.account)}" AND {_TEXTS[field][0]} : ({phrases.match(words, whole=whole)})'
        )

    def _contains(self, field: str, term: phrases.Term, alias: str) -> str:
        needle = self.bind(phrases.needle(term))
        pieces = []
        if _TEXTS[field][1]:
            inside = " OR ".join(f"instr({column}, {needle}) > 0" for column in _TEXTS[field][1])
            pieces.append(f"EXISTS (SELECT 1 FROM head_text t WHERE t.blob = {alias}.blob AND ({inside}))")
        if _TEXTS[field][2]:
            inside = f"instr(t.body, {needle}) > 0"
            pieces.append(f"EXISTS (SELECT 1 FROM body_text t WHERE t.blob = {alias}.blob AND {inside})")
        return f"({' OR '.join(pieces)})"

    def _header(self, name: str, text: str | None, alias: str) -> str:
        """The lines of the field one after another, once a look at the whole says that it is worth it."""
        start = self.bind(b"\n" + name.casefold().encode("utf-8", "replace") + b":")
        if text is None or not text.strip():
            return f"""EXISTS (SELECT 1 FROM header h WHERE h.blob = {alias}.blob
                AND instr({_WHOLE}, {start}) > 0)"""
        return self._line(start, self.bind(phrases.needle(phrases.Term(text, True))), alias)

    def _line(self, start: str, needle: str, alias: str, after: str = "x''") -> str:
        """A line that begins so, and has the needle behind `after`."""
        return f"""EXISTS (SELECT 1 FROM header h WHERE h.blob = {alias}.blob
            AND instr(h.folded, {needle}) > 0 AND instr({_WHOLE}, {start}) > 0
            AND EXISTS (WITH RECURSIVE line(rest) AS (
                SELECT substr({_WHOLE}, instr({_WHOLE}, {start}) + length({start}))
                UNION ALL SELECT substr(rest, instr(rest, {start}) + length({start})) FROM line
                    WHERE instr(rest, {start}) > 0 LIMIT 1000),
                one(text) AS (SELECT CASE instr(rest, x'0a') WHEN 0 THEN rest
                    ELSE substr(rest, 1, instr(rest, x'0a') - 1) END FROM line)
            SELECT 1 FROM one WHERE instr(text, {after}) > 0
                AND instr(substr(text, instr(text, {after})), {needle}) > 0))"""

    def _file_name(self, name: str, alias: str) -> str:
        """In the MIME fields, which are kept decoded; names of RFC 2231 are still percent-encoded there,
        in lower case."""
        spelled = nfc(" ".join(name.split()))
        needles = {phrases.needle(phrases.Term(spelled, True))}
        if not spelled.isascii():
            needles |= {quote(text, safe="%").lower().encode() for text in (spelled, spelled.lower())}
        pieces = []
        for needle in map(self.bind, sorted(needles)):
            for field in (b"content-disposition:", b"content-type:"):
                for start in (b"\n", b"\n "):  # the message's own, and those of its parts
                    after = self.bind(b"name")
                    pieces.append(self._line(self.bind(start + field), needle, alias, after))
        return f"({' OR '.join(pieces)})"

    def _part_type(self, kind: str, alias: str) -> str:
        wanted = kind.casefold().removesuffix("*").encode("utf-8", "replace")
        pieces = []
        for start in (b"\n", b"\n "):
            needle = self.bind(start + b"content-type: " + wanted)
            pieces.append(f"instr({_WHOLE}, {needle}) > 0")
        return f"""EXISTS (SELECT 1 FROM header h WHERE h.blob = {alias}.blob
            AND ({" OR ".join(pieces)}))"""


def _members(condition: Condition) -> Iterator[tuple[str, Any]]:
    for field in _FIELDS:
        value = getattr(condition, field)
        if value is not None:
            yield field, value


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
