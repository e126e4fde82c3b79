"""Blob/upload, Blob/get and Blob/lookup (RFC 9404), and Blob/copy (RFC 8620 §6.3)."""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
from dataclasses import dataclass
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.problems import MethodError, SetError, invalid_arguments, invalid_properties
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.services.content.blob_access import WINDOW, BlobGone, BlobReader, FoundBlob
from mailsys.services.jmap.protocol.api import MAIL, CallContext
from mailsys.services.jmap.protocol.standard import read_properties, too_large

MAX_SOURCES: Final = 100  # RFC 9404 §3.1: at least 64
TYPES: Final = ("Mailbox", "Thread", "Email")
DIGESTS: Final = {"sha": hashlib.sha1, "sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
KEPT: Final = 86400.0  # seconds that an upload which nothing uses is kept
MOST_OCTETS: Final = 10 * 1024 * 1024  # of data in one Blob/get answer

_SOURCES: Final = ("data:asText", "data:asBase64", "blobId")
_PROPERTIES: Final = (
    "id", "data", "data:asText", "data:asBase64", "size", *(f"digest:{one}" for one in DIGESTS),
)  # fmt: skip
_LONGEST_TYPE: Final = 255
_MOST_MATCHED: Final = 1000  # emails of one blob that are told of


@dataclass(frozen=True, slots=True)
class _Source:
    data: bytes = b""
    found: FoundBlob | None = None
    start: int = 0
    length: int | None = None


class BlobMethods:
    """`max_size`: octets of the largest blob that may be made; `counters` and `per_hour` bound what an
    account makes in an hour, together with its uploads (None: not)."""

    def __init__(
        self, reader: BlobReader, max_size: int, counters: ILimits | None = None, per_hour: int = 0
    ) -> None:
        self._reader = reader
        self._max_size = max_size
        self._counters = counters
        self._per_hour = per_hour

    # -- upload ------------------------------------------------------------------------------------------

    async def upload(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        create = arguments.optional_objects("create") or {}
        arguments.finish()
        if any(key.startswith("#") for key in create):
            raise invalid_arguments('A key of "create" begins with "#".', "create")
        if len(create) > context.limits.max_objects_in_set:
            raise too_large("objects", context.limits.max_objects_in_set)
        created: dict[str, Any] = {}
        not_created: dict[str, Any] = {}
        for key, value in create.items():
            try:
                created[key] = made = await self._create(context, account, value)
            except SetError as error:
                not_created[key] = error.document()
            except BlobGone:
                not_created[key] = SetError("blobNotFound", "A blob vanished meanwhile.").document()
            else:
                context.created_ids[key] = made["id"]
        return {
            "accountId": context.account_id,
            "created": created or None,
            "notCreated": not_created or None,
        }

    async def _create(
        self, context: CallContext, account: AccountId, value: dict[str, Any]
    ) -> dict[str, Any]:
        wrong = sorted(set(value) - {"data", "type"})
        media_type = value.get("type")
        if media_type is not None and not _is_type(media_type):
            wrong.append("type")
        sources = value.get("data")
        if not isinstance(sources, list) or len(sources) > MAX_SOURCES:
            wrong.append("data")
        if wrong:
            raise invalid_properties("These properties are not valid.", *wrong)
        parts: list[_Source] = []
        size = 0
        for source in sources:  # type: ignore[union-attr]
            part = await self._source(context, account, source)
            parts.append(part)
            size += len(part.data) if part.length is None else part.length
            if size > self._max_size:
                raise SetError(
                    "tooLarge", f"A blob has at most {self._max_size} octets.", maxSize=self._max_size
                )
        if self._counters is not None:
            in_hour = await self._counters.hit(f"upload:{account}", 3600.0, size)
            if self._per_hour and in_hour > self._per_hour:
                raise SetError("rateLimit", "Too much was uploaded in the last hour.")
        sink = context.ports.blobs.sink()
        try:
            for part in parts:
                await self._copy(part, sink)
            staged = await sink.finish()
        except BaseException:
            sink.abort()
            raise
        kind = media_type or "application/octet-stream"
        await context.ports.mail.hold(account, staged, kind, context.clock.seconds() + KEPT)
        return {"id": ids.blob_id(staged.id), "type": media_type, "size": staged.size}

    async def _copy(self, part: _Source, sink: Any) -> None:
        if part.found is None:
            for start in range(0, len(part.data), WINDOW):
                if (wait := sink.write(part.data[start : start + WINDOW])) is not None:
                    await wait
            return
        pieces = self._reader.pieces(part.found, part.start, part.length)
        while piece := await pieces.next():
            if (wait := sink.write(piece)) is not None:
                await wait

    async def _source(self, context: CallContext, account: AccountId, value: Any) -> _Source:
        """A DataSourceObject. Raises SetError for what cannot be fully satisfied (RFC 9404 §4.1.1)."""
        if not isinstance(value, dict):
            raise _wrong("A source of data must be an object.")
        given = [name for name in _SOURCES if value.get(name) is not None]
        known = {*_SOURCES, "offset", "length"}
        if len(given) != 1 or set(value) - known:
            raise _wrong("A source of data has exactly one of data:asText, data:asBase64 and blobId.")
        name = given[0]
        content = value[name]
        if not isinstance(content, str):
            raise _wrong(f"{name} must be a string.")
        if name != "blobId":
            if value.get("offset") is not None or value.get("length") is not None:
                raise _wrong("Only a blob can be taken in part.")
            return _Source(content.encode() if name == "data:asText" else _from_base64(content))
        start, length = _range(value.get("offset"), value.get("length"))
        found = await self._reader.find(account, context.real_id(content))
        if found is None:
            raise SetError("blobNotFound", "There is no such blob.", notFound=[content])
        size = await self._reader.size(found)
        if start > size or (length is not None and start + length > size):
            raise _wrong("The blob has no such range.")
        return _Source(b"", found, start, size - start if length is None else length)

    # -- get ---------------------------------------------------------------------------------------------

    async def get(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        wanted = arguments.ids("ids")
        properties = read_properties(arguments, _PROPERTIES) or ["id", "data", "size"]
        start = arguments.optional_unsigned("offset") or 0
        length = arguments.optional_unsigned("length")
        arguments.finish()
        if len(wanted) > context.limits.max_objects_in_get:
            raise too_large("ids", context.limits.max_objects_in_get)
        found: list[dict[str, Any]] = []
        missing: list[str] = []
        left = MOST_OCTETS
        for text in dict.fromkeys(context.real_id(one) for one in wanted):
            blob = await self._reader.find(account, text)
            if blob is None:
                missing.append(text)
                continue
            try:
                one, took = await self._one(context, text, blob, properties, start, length, left)
            except BlobGone:
                missing.append(text)
                continue
            left -= took
            found.append(one)
        return {"accountId": context.account_id, "list": found, "notFound": missing}

    async def _one(
        self,
        context: CallContext,
        text: str,
        blob: FoundBlob,
        properties: list[str],
        start: int,
        length: int | None,
        left: int,
    ) -> tuple[dict[str, Any], int]:
        """The blob as asked for, and how many octets of it that takes."""
        size = await self._reader.size(blob)
        taken = max(0, min(size - start, size if length is None else length))
        value: dict[str, Any] = {"id": text}
        if start > size or (length is not None and start + length > size):
            value["isTruncated"] = True
        if "size" in properties:
            value["size"] = size
        digests = [one for one in properties if one.startswith("digest:")]
        wants_data = any(one.startswith("data") for one in properties)
        if not digests and not wants_data:
            return value, 0
        if wants_data and taken > left:
            raise MethodError("requestTooLarge", f"At most {MOST_OCTETS} octets of data fit into an answer.")
        hashes = {one: DIGESTS[one.removeprefix("digest:")](usedforsecurity=False) for one in digests}
        gathered: list[bytes] = []
        pieces = self._reader.pieces(blob, start, taken)
        while taken and (piece := await pieces.next()):
            if wants_data:
                gathered.append(piece)
            for one in hashes.values():
                one.update(piece)
        for name, digest in hashes.items():
            value[name] = base64.b64encode(digest.digest()).decode()
        if wants_data:
            value |= _shown(b"".join(gathered), properties)
        return value, taken if wants_data else 0

    # -- copy --------------------------------------------------------------------------------------------

    async def copy(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        """RFC 8620 §6.3. Between accounts only, as /copy is (§5.4), and a caller has one."""
        arguments = Arguments(values)
        context.own_account(arguments)
        source = arguments.id("fromAccountId")
        arguments.ids("blobIds")
        arguments.finish()
        if source == context.account_id:
            raise invalid_arguments("The accounts must be two.", "fromAccountId")
        raise MethodError("fromAccountNotFound", f"There is no account {source!r}.")

    # -- lookup ------------------------------------------------------------------------------------------

    async def lookup(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        names = arguments.strings("typeNames")
        wanted = arguments.ids("ids")
        arguments.finish()
        if any(name not in TYPES for name in names) or (names and MAIL not in context.using):
            raise MethodError("unknownDataType", "A type is not known, or its capability is not used.")
        if len(wanted) > context.limits.max_objects_in_get:
            raise too_large("ids", context.limits.max_objects_in_get)
        found: list[dict[str, Any]] = []
        missing: list[str] = []
        for text in dict.fromkeys(context.real_id(one) for one in wanted):
            blob = await self._reader.find(account, text)
            if blob is None:
                missing.append(text)
                continue
            matched = await _matched(context, account, blob)
            found.append({"id": text, "matchedIds": {name: matched[name] for name in dict.fromkeys(names)}})
        return {"accountId": context.account_id, "list": found, "notFound": missing}


async def _matched(context: CallContext, account: AccountId, blob: FoundBlob) -> dict[str, list[str]]:
    """What of the account the blob, or the message that it is a part of, is found by."""
    mail = context.ports.mail
    emails = (await mail.emails_of_blob(account, blob.blob))[:_MOST_MATCHED]
    rows = await mail.fetch(account, emails, [Column.THREAD]) if emails else {}
    placed = await mail.email_mailboxes(account, list(rows)) if rows else {}
    boxes = dict.fromkeys(box for each in placed.values() for box in each)
    threads = dict.fromkeys(int(str(row[0])) for row in rows.values())
    return {
        "Mailbox": [ids.mailbox_id(one) for one in boxes],
        "Thread": [ids.thread_id(one) for one in threads],
        "Email": [ids.email_id(one) for one in rows],
    }


def _shown(data: bytes, properties: list[str]) -> dict[str, Any]:
    """The data properties (RFC 9404 §4.2). Decoded in pieces: a call over megabytes holds everybody up."""
    value: dict[str, Any] = {}
    as_text = "data:asText" in properties or "data" in properties
    text: str | None = None
    if as_text:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            parts = [decoder.decode(data[at : at + WINDOW]) for at in range(0, len(data), WINDOW)]
            text = "".join(parts) + decoder.decode(b"", True)
        except UnicodeDecodeError:
            value["isEncodingProblem"] = True
    if "data:asText" in properties or (as_text and text is not None):
        value["data:asText"] = text
    if "data:asBase64" in properties or ("data" in properties and text is None):
        step = WINDOW // 3 * 3
        value["data:asBase64"] = "".join(
            base64.b64encode(data[at : at + step]).decode() for at in range(0, len(data), step)
        )
    return value


def _wrong(description: str) -> SetError:
    return invalid_properties(description, "data")


def _is_type(value: Any) -> bool:
    return (
        isinstance(value, str) and 0 < len(value) <= _LONGEST_TYPE and value.isascii() and value.isprintable()
    )


def _range(offset: Any, length: Any) -> tuple[int, int | None]:
    for one in (offset, length):
        if one is not None and (not isinstance(one, int) or isinstance(one, bool) or not 0 <= one < 2**53):
            raise _wrong("offset and length must be unsigned integers.")
    return offset or 0, length


def _from_base64(text: str) -> bytes:
    """RFC 9404 §4.1.1: whatever is not base64 is refused, not guessed at."""
    try:
        return base64.b64decode(text.translate(_SPACES).encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong("data:asBase64 is not base64.") from error


_SPACES: Final = str.maketrans("", "", "\r\n\t ")
