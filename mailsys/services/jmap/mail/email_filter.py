"""Filters and sorts of Email/query as the store takes them (RFC 8621 §4.4.1, §4.4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import MAX_INT, Arguments
from mailsys.core.jmap.dates import parse_utc_date
from mailsys.core.jmap.problems import MethodError, invalid_arguments
from mailsys.ports.ids import MailboxId
from mailsys.ports.query import Compound, Condition, Filter, Operator, Sort, SortBy

# Capability of ours: conditions by the files of an email, `attachmentName` and `attachmentType`.
SEARCH: Final = "urn:mailsys:jmap:search"

_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/(?:\*|[A-Za-z0-9!#$&^_.+-]{1,127})")
MAX_DEPTH: Final = 16
MAX_CONDITIONS: Final = 100
MAX_TERMS: Final = 50  # texts looked for
MAX_TEXT: Final = 1000  # characters of one
MAX_SORTS: Final = 10

COLLATIONS: Final = ("i;ascii-casemap", "i;unicode-casemap")
SORTS: Final = tuple(one.value for one in SortBy if one is not SortBy.SNOOZED_UNTIL)

_NOWHERE: Final = MailboxId(-1)  # an id of no mailbox


class FilterReader:
    """One filter; counts what it holds."""

    def __init__(self, real_id: Callable[[str], str], using: Container[str]) -> None:
        self._real_id = real_id
        self._using = using
        self._conditions = 0
        self._terms = 0

    def read(self, value: Any, depth: int = 0) -> Filter:
        if not isinstance(value, dict):
            raise invalid_arguments('"filter" must be an object or null.', "filter")
        if depth > MAX_DEPTH:
            raise MethodError("unsupportedFilter", "The filter is nested too deeply.")
        if "operator" in value:
            return self._compound(value, depth)
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise MethodError("unsupportedFilter", f"At most {MAX_CONDITIONS} conditions are allowed.")
        found: dict[str, Any] = {}
        for name, given in value.items():
            kind = _CONDITIONS.get(name)
            if kind is None or (name in _OURS and SEARCH not in self._using):
                raise MethodError("unsupportedFilter", f"There is no condition {name[:100]!r}.")
            field, read = kind
            if name in _TEXTS:
                self._terms += 1
                if self._terms > MAX_TERMS:
                    raise MethodError("unsupportedFilter", f"At most {MAX_TERMS} texts are allowed.")
            found[field] = read(name, given, self._real_id)
        return Condition(**found)

    def _compound(self, value: dict[str, Any], depth: int) -> Compound:
        operator, conditions = value["operator"], value.get("conditions")
        if operator not in ("AND", "OR", "NOT"):
            raise invalid_arguments('An "operator" of the filter must be AND, OR or NOT.', "filter")
        if not isinstance(conditions, list):
            raise invalid_arguments('The "conditions" of an operator must be an array.', "filter")
        if set(value) - {"operator", "conditions"}:
            raise invalid_arguments("A filter operator has other properties than its own.", "filter")
        return Compound(Operator(operator), tuple(self.read(one, depth + 1) for one in conditions))


def _wrong(name: str, what: str) -> MethodError:
    return invalid_arguments(f'"{name}" in the filter must be {what}.', "filter")


_RealId = Callable[[str], str]


def _mailbox(name: str, value: Any, real_id: _RealId) -> MailboxId:
    if not isinstance(value, str) or not ids.is_id(value.removeprefix("#")):
        raise _wrong(name, "an id")
    number = ids.mailbox_number(real_id(value))
    return _NOWHERE if number is None else MailboxId(number)


def _mailboxes(name: str, value: Any, real_id: _RealId) -> tuple[MailboxId, ...]:
    if not isinstance(value, list):
        raise _wrong(name, "an array of ids")
    return tuple(_mailbox(name, one, real_id) for one in value)


def _date(name: str, value: Any, real_id: _RealId) -> float:
    moment = parse_utc_date(value)
    if moment is None:
        raise _wrong(name, "a UTCDate")
    return moment


def _unsigned(name: str, value: Any, real_id: _RealId) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_INT:
        raise _wrong(name, "an unsigned integer")
    return value


def _boolean(name: str, value: Any, real_id: _RealId) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, "true or false")
    return value


def _keyword(name: str, value: Any, real_id: _RealId) -> str:
    if not isinstance(value, str):
        raise _wrong(name, "a string")
    return value.lower()


def _text(name: str, value: Any, real_id: _RealId) -> str:
    if not isinstance(value, str):
        raise _wrong(name, "a string")
    if len(value) > MAX_TEXT:
        raise MethodError("unsupportedFilter", f"A text has at most {MAX_TEXT} characters.")
    return value


def _type(name: str, value: Any, real_id: _RealId) -> str:
    if not isinstance(value, str) or _MEDIA_TYPE.fullmatch(value) is None:
        raise _wrong(name, 'a media type, or one such as "image/*"')
    return value


def _header(name: str, value: Any, real_id: _RealId) -> tuple[str, str | None]:
    match value:
        case [str(field)]:
            return field, None
        case [str(field), str(text)]:
            return field, _text(name, text, real_id)
    raise _wrong(name, "an array of one or two strings")


_CONDITIONS: Final[dict[str, tuple[str, Callable[[str, Any, _RealId], Any]]]] = {
    "inMailbox": ("in_mailbox", _mailbox),
    "inMailboxOtherThan": ("in_mailbox_other_than", _mailboxes),
    "before": ("before", _date),
    "after": ("after", _date),
    "minSize": ("min_size", _unsigned),
    "maxSize": ("max_size", _unsigned),
    "allInThreadHaveKeyword": ("all_in_thread_have", _keyword),
    "someInThreadHaveKeyword": ("some_in_thread_have", _keyword),
    "noneInThreadHaveKeyword": ("none_in_thread_have", _keyword),
    "hasKeyword": ("has_keyword", _keyword),
    "notKeyword": ("not_keyword", _keyword),
    "hasAttachment": ("has_attachment", _boolean),
    "text": ("text", _text),
    "from": ("from_", _text),
    "to": ("to", _text),
    "cc": ("cc", _text),
    "bcc": ("bcc", _text),
    "subject": ("subject", _text),
    "body": ("body", _text),
    "header": ("header", _header),
    "attachmentName": ("attachment_name", _text),
    "attachmentType": ("attachment_type", _type),
}
_OURS: Final = frozenset(("attachmentName", "attachmentType"))
_TEXTS: Final = frozenset(("text", "from", "to", "cc", "bcc", "subject", "body", "header", "attachmentName"))


def read_filter(arguments: Arguments, real_id: _RealId, using: Container[str]) -> Filter | None:
    """`using`: the capabilities of the request."""
    value = arguments.raw("filter", None)
    return None if value is None else FilterReader(real_id, using).read(value)


# -- sort --------------------------------------------------------------------------------------------------


def comparators(arguments: Arguments, known: tuple[str, ...]) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """The `sort` argument's comparators (RFC 8620 §5.5): property, isAscending, and the comparator."""
    value = arguments.raw("sort", None)
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise invalid_arguments('"sort" must be an array of comparators or null.', "sort")
    if len(value) > MAX_SORTS:
        raise MethodError("unsupportedSort", f"At most {MAX_SORTS} comparators are allowed.")
    for one in value:
        name, ascending = one.get("property"), one.get("isAscending", True)
        if not isinstance(name, str):
            raise invalid_arguments('A comparator must have a "property" that is a string.', "sort")
        if not isinstance(ascending, bool):
            raise invalid_arguments('"isAscending" of a comparator must be true or false.', "sort")
        collation = one.get("collation")
        if collation is not None and not isinstance(collation, str):
            raise invalid_arguments('"collation" of a comparator must be a string.', "sort")
        if name not in known:
            raise MethodError("unsupportedSort", f"Sorting by {name[:100]!r} is not possible.")
        if collation is not None and collation not in COLLATIONS:
            raise MethodError("unsupportedSort", f"There is no collation {collation[:100]!r}.")
        yield name, ascending, one


def read_sort(arguments: Arguments, real_id: _RealId, more: tuple[str, ...] = ()) -> tuple[Sort, ...]:
    """Default: the newest first. `more`: sorts of other capabilities."""
    found: list[Sort] = []
    for name, ascending, one in comparators(arguments, SORTS + more):
        keyword = one.get("keyword", "")
        if not isinstance(keyword, str):
            raise invalid_arguments('"keyword" of a comparator must be a string.', "sort")
        if name.lower().endswith("keyword") and not keyword:
            raise invalid_arguments(f'A comparator for {name!r} must have a "keyword".', "sort")
        mailbox: MailboxId | None = None
        if name == SortBy.SNOOZED_UNTIL.value:
            given = one.get("mailboxId")
            if not isinstance(given, str):
                raise invalid_arguments(f'A comparator for {name!r} must have a "mailboxId".', "sort")
            mailbox = MailboxId(ids.mailbox_number(real_id(given)) or _NOWHERE)
        found.append(Sort(SortBy(name), ascending, keyword.lower(), mailbox))
    return tuple(found) or (Sort(),)
