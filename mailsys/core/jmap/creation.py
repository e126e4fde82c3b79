"""What an Email/set create asks for, checked and laid out as a part tree (RFC 8621 §4.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from mailsys.core.jmap.dates import parse_utc_date
from mailsys.core.jmap.header_forms import field_property
from mailsys.core.jmap.header_writing import BadValue, render
from mailsys.core.jmap.ids import is_id
from mailsys.core.jmap.mime_fields import content_field, parameter
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message import keywords, mime

MAX_PARTS: Final = 500
MAX_DEPTH: Final = 30

_SERVER_SET: Final = ("id", "blobId", "threadId", "size", "hasAttachment", "preview")
_BODY: Final = ("bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments")
_KEYWORD: Final = re.compile(r"[!#$&'+-Z\[^-z|}~]{1,255}")  # RFC 8621 §4.1.1
_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,100}")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_PART: Final = frozenset(
    ("partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location",
     "subParts")
)  # fmt: skip


@dataclass(slots=True)
class Leaf:
    """A part with content of its own: `text`, or what a blobId names."""

    fields: list[bytes]
    type: str  # lower case; "" when the blob's own type is to be used
    params: list[tuple[str, str]] = field(default_factory=list)
    text: str | None = None
    blob: str = ""


@dataclass(slots=True)
class Multipart:
    fields: list[bytes]
    subtype: str
    parts: list[Tree]
    params: list[tuple[str, str]] = field(default_factory=list)


Tree: TypeAlias = "Leaf | Multipart"


@dataclass(slots=True)
class Plan:
    mailbox_ids: list[str]
    keywords: list[str]
    received_at: float | None
    fields: list[bytes]  # of the message, without those of MIME
    names: set[str]  # of these fields, lower case
    root: Tree


def is_keyword(text: str) -> bool:
    """Whether an email may have it by JMAP; `$recent` and `$deleted` are IMAP's alone."""
    return _KEYWORD.fullmatch(text) is not None and text.lower() not in ("$recent", "$deleted")


def keyword_set(value: Any) -> list[str]:
    """The `keywords` property, lower case. Raises SetError."""
    if not isinstance(value, dict) or not all(one is True for one in value.values()):
        raise invalid_properties("Keywords are a map of keywords to true.", "keywords")
    for one in value:
        if not is_keyword(one):
            raise invalid_properties(f"That is no keyword: {one[:100]!r}.", "keywords")
    if keywords.are_too_many(keywords.canonical(value)):
        raise SetError("tooManyKeywords", f"An email has at most {keywords.MOST} keywords.")
    return sorted({one.lower() for one in value})


def mailbox_set(value: Any) -> list[str]:
    """The `mailboxIds` property; creation ids are left as they are. Raises SetError."""
    if not isinstance(value, dict) or not all(one is True for one in value.values()):
        raise invalid_properties("mailboxIds are a map of ids to true.", "mailboxIds")
    if not value:
        raise invalid_properties("An email is in one mailbox at least.", "mailboxIds")
    if not all(is_id(one.removeprefix("#")) for one in value):
        raise invalid_properties("A key of mailboxIds is no id.", "mailboxIds")
    return list(value)


def received_at(value: Any) -> float:
    moment = parse_utc_date(value)
    if moment is None:
        raise invalid_properties("receivedAt must be a UTCDate.", "receivedAt")
    return moment


def plan(value: dict[str, Any]) -> Plan:
    """Raises SetError (invalidProperties, tooManyKeywords) naming all that is wrong in the first
    thing that is."""
    given = [name for name in _SERVER_SET if name in value]
    if given:
        raise invalid_properties("The server sets these properties.", *given)
    unknown = [
        name
        for name in value
        if name not in ("mailboxIds", "keywords", "receivedAt", *_BODY) and field_property(name) is None
    ]
    if unknown:
        raise invalid_properties(
            "There are no such properties, or they cannot be given in that form.", *unknown
        )
    if "mailboxIds" not in value:
        raise invalid_properties("An email is in one mailbox at least.", "mailboxIds")
    mailboxes = mailbox_set(value["mailboxIds"])
    keywords = keyword_set(value.get("keywords") or {}) if value.get("keywords") is not None else []
    received = None if value.get("receivedAt") is None else received_at(value["receivedAt"])
    fields, names = _header_fields({name: one for name, one in value.items() if field_property(name)}, True)
    return Plan(mailboxes, keywords, received, fields, names, _Reader(value, names).root())


def _header_fields(values: dict[str, Any], top: bool) -> tuple[list[bytes], set[str]]:
    """Fields of the convenience and `header:` properties. Each field only once (RFC 8621 §4.6)."""
    properties: dict[str, str] = {}
    fields: list[tuple[int, list[bytes]]] = []
    for name, value in values.items():
        wanted = field_property(name)
        assert wanted is not None
        if wanted.name in properties:
            raise invalid_properties(
                "Two properties are the same header field.", properties[wanted.name], name
            )
        properties[wanted.name] = name
        if top and (wanted.name.startswith("content-") or wanted.name == "mime-version"):
            raise invalid_properties("Fields of MIME belong to body parts.", name)
        try:
            fields.append((_ORDER.get(wanted.name, 50), render(wanted, value)))
        except BadValue as error:
            raise invalid_properties(f"{name} {error}.", name) from error
        except ValueError as error:
            raise invalid_properties(f"{name}: {error}.", name) from error
    fields.sort(key=lambda one: one[0])
    return [one for _, some in fields for one in some], {
        name for name, written in properties.items() if values[written] is not None
    }


_ORDER: Final = {
    name: number
    for number, name in enumerate(
        ("received", "date", "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "message-id",
         "in-reply-to", "references")
    )
}  # fmt: skip


class _Reader:
    """The body of one email."""

    def __init__(self, value: dict[str, Any], names: set[str]) -> None:
        self._value = value
        self._names = names
        self._values = self._body_values(value.get("bodyValues"))
        self._count = 0

    @staticmethod
    def _body_values(value: Any) -> dict[str, str]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise invalid_properties("bodyValues are a map of part ids to EmailBodyValue.", "bodyValues")
        found: dict[str, str] = {}
        for key, one in value.items():
            match one:
                case {"value": str(text), **rest} if set(rest) <= {"isEncodingProblem", "isTruncated"}:
                    if wrong := [
                        f"bodyValues/{key}/{name}" for name, flag in rest.items() if flag is not False
                    ]:
                        raise invalid_properties("isEncodingProblem and isTruncated must be false.", *wrong)
                    found[key] = text
                case _:
                    raise invalid_properties("A body value must have a value.", f"bodyValues/{key}")
        return found

    def root(self) -> Tree:
        value = self._value
        if value.get("bodyStructure") is not None:
            others = [name for name in ("textBody", "htmlBody", "attachments") if value.get(name) is not None]
            if others:
                raise invalid_properties("bodyStructure excludes these.", *others)
            return self._part("bodyStructure", value["bodyStructure"], top=True)
        text = self._one_text("textBody", "text/plain")
        html = self._one_text("htmlBody", "text/html")
        attachments = value.get("attachments")
        if attachments is None:
            attachments = []
        if not isinstance(attachments, list):
            raise invalid_properties("attachments must be an array of EmailBodyPart.", "attachments")
        inline: list[Tree] = []
        attached: list[Tree] = []
        for number, one in enumerate(attachments):
            part = self._part(f"attachments/{number}", one, attached=True)
            shown = isinstance(one, dict) and one.get("cid") and one.get("disposition") == "inline"
            (inline if shown and html is not None else attached).append(part)
        return _arrange(text, html, inline, attached)

    def _one_text(self, name: str, kind: str) -> Leaf | None:
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
            raise invalid_properties(f"{name} must hold exactly one EmailBodyPart.", name)
        one = value[0]
        part = self._part(f"{name}/0", one if one.get("type") else {**one, "type": kind})
        if not isinstance(part, Leaf) or part.type != kind:
            raise invalid_properties(f"{name} must be of type {kind}.", f"{name}/0/type")
        return part

    def _part(
        self, where: str, value: Any, depth: int = 0, *, top: bool = False, attached: bool = False
    ) -> Tree:
        """`where`: the way to the part, as a JSON pointer has it; what is wrong is named below it."""
        self._count += 1
        if not isinstance(value, dict):
            raise invalid_properties("A body part must be an object.", where)
        if depth > MAX_DEPTH or self._count > MAX_PARTS:
            raise invalid_properties("There are too many body parts.", where)
        headers: dict[str, Any] = {}
        for name in value:
            wanted = field_property(name) if name.startswith("header:") else None
            if wanted is not None:
                headers[name] = value[name]
            elif name not in _PART:
                raise invalid_properties(f"A body part cannot have {name[:100]!r}.", f"{where}/{name[:100]}")
            if wanted is not None and wanted.name == "content-transfer-encoding":
                raise invalid_properties("The server chooses Content-Transfer-Encoding.", f"{where}/{name}")
            if wanted is not None and top and wanted.name in self._names:
                raise invalid_properties(f"The email has {wanted.name} already.", f"{where}/{name}")
        try:
            fields, names = _header_fields(headers, False)
        except SetError as error:
            named = [f"{where}/{one}" for one in error.properties]
            raise invalid_properties(error.description, *named) from error
        kind, params, fields = self._type(where, value, headers, fields)
        fields += self._part_fields(where, value, names, attached)
        if value.get("name") is not None and value["name"] != "":
            params = [one for one in params if one[0] != "name"]
            params.append(("name", self._text(where, "name", value["name"])))
        sub_parts = value.get("subParts")
        if kind.startswith("multipart/") or sub_parts is not None:
            return self._multipart(where, value, kind or "multipart/mixed", params, fields, depth)
        return self._leaf(where, value, kind, params, fields)

    def _multipart(
        self,
        where: str,
        value: dict[str, Any],
        kind: str,
        params: list[tuple[str, str]],
        fields: list[bytes],
        depth: int,
    ) -> Multipart:
        sub_parts = value.get("subParts")
        if not kind.startswith("multipart/") or not isinstance(sub_parts, list) or not sub_parts:
            raise invalid_properties(
                "A multipart, and nothing else, has subParts, one at least.", f"{where}/subParts"
            )
        if given := [f"{where}/{name}" for name in ("partId", "blobId") if value.get(name) is not None]:
            raise invalid_properties("A multipart has no partId or blobId.", *given)
        parts = [
            self._part(f"{where}/subParts/{number}", one, depth + 1) for number, one in enumerate(sub_parts)
        ]
        kept = [one for one in params if one[0] not in ("boundary", "charset")]
        return Multipart(fields, kind.partition("/")[2], parts, kept)

    def _leaf(
        self,
        where: str,
        value: dict[str, Any],
        kind: str,
        params: list[tuple[str, str]],
        fields: list[bytes],
    ) -> Leaf:
        part_id, blob_id = value.get("partId"), value.get("blobId")
        if (part_id is None) == (blob_id is None):
            raise invalid_properties(
                "A body part has either a partId or a blobId.", f"{where}/partId", f"{where}/blobId"
            )
        if part_id is not None:
            if not isinstance(part_id, str) or part_id not in self._values:
                raise invalid_properties("There is no body value for a partId.", f"{where}/partId")
            for name in ("charset", "size"):
                if value.get(name) is not None:
                    raise invalid_properties(f"With a partId, {name} must be left out.", f"{where}/{name}")
            kept = [one for one in params if one[0] != "charset"]
            return Leaf(fields, kind or "text/plain", kept, text=self._values[part_id])
        if not isinstance(blob_id, str) or not is_id(blob_id.removeprefix("#")):
            raise invalid_properties("A blobId must be an id.", f"{where}/blobId")
        charset = value.get("charset")
        if charset is not None:
            if not isinstance(charset, str) or _TOKEN.fullmatch(charset) is None:
                raise invalid_properties("That is no charset.", f"{where}/charset")
            params = [("charset", charset), *(one for one in params if one[0] != "charset")]
        return Leaf(fields, kind, params, blob=blob_id)

    def _type(
        self, where: str, value: dict[str, Any], headers: dict[str, Any], fields: list[bytes]
    ) -> tuple[str, list[tuple[str, str]], list[bytes]]:
        """Type and parameters: of `type`, or of a Content-Type field, which is then written anew."""
        kind = value.get("type")
        if kind is not None and (not isinstance(kind, str) or _TYPE.fullmatch(kind) is None):
            raise invalid_properties("That is no media type.", f"{where}/type")
        raw = [one for one in fields if one[:13].lower() == b"content-type:"]
        if not raw:
            return (kind or "").lower(), [], fields
        found = mime.content_type(raw[0][13:].replace(b"\r\n", b""))
        if kind is not None or len(raw) > 1 or found is None:
            raise invalid_properties("type and Content-Type are the same header field.", f"{where}/type")
        params = [
            (name.decode("utf-8", "replace"), text.decode("utf-8", "replace"))
            for name, text in found.params
            if _TOKEN.fullmatch(name.decode("utf-8", "replace")) and not name.endswith(b"*")
        ]
        return found.value.decode("utf-8", "replace"), params, [one for one in fields if one not in raw]

    def _text(self, where: str, name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > 1000 or _CONTROL.search(value):
            raise invalid_properties(f"The {name} of a body part cannot be used.", f"{where}/{name}")
        return value

    def _part_fields(self, where: str, value: dict[str, Any], names: set[str], attached: bool) -> list[bytes]:
        for own, header in _SAME_FIELD:
            if value.get(own) is not None and header in names:
                raise invalid_properties(f"{own} and {header} are the same header field.", f"{where}/{own}")
        fields: list[bytes] = []
        disposition, name = value.get("disposition"), value.get("name")
        if disposition is not None and (
            not isinstance(disposition, str) or _TOKEN.fullmatch(disposition) is None
        ):
            raise invalid_properties("That is no disposition.", f"{where}/disposition")
        if disposition is None and (attached or name) and "content-disposition" not in names:
            disposition = "attachment" if attached else ("inline" if name else None)
        if disposition is not None:
            words = [disposition]
            if name:
                words.append(parameter("filename", self._text(where, "name", name)))
            fields.append(content_field("Content-Disposition", words))
        cid, language, location = value.get("cid"), value.get("language"), value.get("location")
        if cid is not None:
            if not isinstance(cid, str) or re.fullmatch(r"[!-;=?-~]{1,900}", cid) is None:
                raise invalid_properties("That is no cid.", f"{where}/cid")
            fields.append(b"Content-ID: <%b>\r\n" % cid.encode("ascii"))
        if language is not None:
            if not isinstance(language, list) or not all(
                isinstance(one, str) and re.fullmatch(r"[A-Za-z0-9-]{1,60}", one) for one in language[:100]
            ):
                raise invalid_properties("language must be an array of language tags.", f"{where}/language")
            if language:
                fields.append(content_field("Content-Language", [", ".join(language[:100])]))
        if location is not None:
            if not isinstance(location, str) or re.fullmatch(r"[!-~]{1,900}", location) is None:
                raise invalid_properties("That is no location.", f"{where}/location")
            fields.append(b"Content-Location: %b\r\n" % location.encode("ascii"))
        return fields


_SAME_FIELD: Final = (
    ("type", "content-type"), ("charset", "content-type"), ("disposition", "content-disposition"),
    ("cid", "content-id"), ("language", "content-language"), ("location", "content-location"),
)  # fmt: skip


def _arrange(text: Leaf | None, html: Leaf | None, inline: list[Tree], attached: list[Tree]) -> Tree:
    """mixed(alternative(text, related(html, inline…)), attachments…), each level only where needed."""
    shown: Tree | None = html
    if html is not None and inline:
        shown = Multipart([], "related", [html, *inline], [("type", "text/html")])
    if text is not None and shown is not None:
        shown = Multipart([], "alternative", [text, shown])
    elif text is not None:
        shown = text
    if attached:
        return Multipart([], "mixed", [*([] if shown is None else [shown]), *attached])
    return Leaf([], "text/plain", text="") if shown is None else shown


def leaves(tree: Tree) -> Iterator[Leaf]:
    stack: list[Tree] = [tree]
    while stack:
        one = stack.pop()
        if isinstance(one, Multipart):
            stack.extend(reversed(one.parts))
        else:
            yield one
