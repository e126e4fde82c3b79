"""Downloads (RFC 8620 §6.2): blobs and decoded parts of messages, in ranges, with headers under which
nothing that was mailed to somebody can run as a page of ours."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from mailsys.core.jmap.decoding import Decoder
from mailsys.core.jmap.ids import BlobName, parse_blob_id
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.mail import IMailStore
from mailsys.web.admission import Admission, own_account
from mailsys.web.app import Routes
from mailsys.web.flow import ClientGone, Flow
from mailsys.web.problems import WebProblem
from mailsys.web.reply import Reply
from mailsys.web.request import WebRequest
from mailsys.web.upload import UNKNOWN_TYPE, media_type

_PIECE: Final = 128 * 1024  # octets read and written at a time
_WHOLE: Final = 1024 * 1024  # octets of an encoded part that are decoded at once, so that ranges work
_RANGE: Final = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})")

# RFC 8620 §6.2: a blob never changes.
_KEPT: Final = b"private, immutable, max-age=31536000"
_SANDBOX: Final = b"default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"

# What a browser shows without running anything of it; the rest is only ever saved.
_SHOWN: Final = frozenset(
    ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "text/plain",
     "audio/mpeg", "audio/ogg", "audio/wav", "audio/mp4", "video/mp4", "video/webm", "video/ogg")
)  # fmt: skip
_UNSAFE_IN_NAMES: Final = re.compile(r"[\x00-\x1f\x7f/\\\u0080-\u009f\u202a-\u202e\u2066-\u2069]")


class DownloadRoutes:
    def __init__(self, mail: IMailStore, blobs: IBlobStore, admission: Admission) -> None:
        self._mail = mail
        self._blobs = blobs
        self._admission = admission

    def mount(self, routes: Routes) -> None:
        routes.add("/jmap/download/<account_id>/<blob_id>/", self.download, "GET")
        routes.add("/jmap/download/<account_id>/<blob_id>/<path:name>", self.download, "GET")

    async def download(self, request: WebRequest, account_id: str, blob_id: str, name: str) -> Reply | None:
        caller = await self._admission.reader(request)
        account = own_account(caller, account_id)
        found = parse_blob_id(blob_id)
        size = None if found is None else await self._size(account, found)
        if found is None or size is None:
            raise WebProblem(404, "There is no such blob.")
        etag = b'"%b"' % blob_id.encode("ascii")
        self._dress(request, name, etag)
        if _matches(request.getHeader(b"if-none-match"), etag):
            return Reply(status=304)
        if found.encoding:
            await self._send_decoded(request, found, size, etag)
        else:
            await self._send_range(request, found, size, etag)
        return None

    async def _size(self, account: AccountId, found: BlobName) -> int | None:
        """Octets that the id names, as they stand; None when this account cannot see them."""
        blob = BlobId(found.blob)
        if not await self._mail.holds(account, blob):
            return None
        size: int | None = await self._blobs.size(blob)
        if size is None or found.length is None:
            return size
        return found.length if found.start + found.length <= size else None

    def _dress(self, request: WebRequest, name: str, etag: bytes) -> None:
        kind = media_type(request.argument(b"type") or UNKNOWN_TYPE)
        inline = request.argument(b"disposition") == "inline" and kind.partition(";")[0].lower() in _SHOWN
        request.setHeader(b"Content-Type", kind.encode("ascii"))
        request.setHeader(b"Content-Disposition", disposition("inline" if inline else "attachment", name))
        request.setHeader(b"Content-Security-Policy", _SANDBOX)
        request.setHeader(b"Cache-Control", _KEPT)
        request.setHeader(b"ETag", etag)
        request.responseHeaders.removeHeader(b"X-Frame-Options")  # frame-ancestors says it

    async def _send_range(
        self, request: WebRequest, found: BlobName, size: int, etag: bytes, data: bytes | None = None
    ) -> None:
        """The blob from `found.start`, or `data`: all of it, or the range asked for (RFC 9110 §14)."""
        request.setHeader(b"Accept-Ranges", b"bytes")
        span = wanted_range(request, size, etag)
        if span is None:
            first, end = 0, size
        else:
            first, end = span
            if first >= end:
                problem = WebProblem(416, headers=[(b"Content-Range", b"bytes */%d" % size)])
                request.setHeader(b"Cache-Control", b"no-store")
                raise problem
            request.setResponseCode(206)
            request.setHeader(b"Content-Range", b"bytes %d-%d/%d" % (first, end - 1, size))
        request.setHeader(b"Content-Length", b"%d" % (end - first))
        if request.method == b"HEAD" or first == end:
            request.finish()
        elif data is not None:
            request.write(data[first:end])
            request.finish()
        else:
            await self._pour(request, BlobId(found.blob), found.start + first, found.start + end, None)

    async def _pour(
        self, request: WebRequest, blob: BlobId, at: int, end: int, decode: Decoder | None
    ) -> None:
        """Read, decode, write: a piece at a time, each when the one before has left."""
        flow = Flow(request, 2 * request.site.settings.idle)
        try:
            while at < end:
                data = await self._blobs.read(blob, at, min(_PIECE, end - at))
                if not data:
                    raise WebProblem(500, cause="the blob ended before its end")
                await flow.ready()
                request.write(data if decode is None else decode.feed(data))
                at += len(data)
            if decode is not None:
                request.write(decode.finish())
        except ClientGone:
            return
        finally:
            flow.close()
        request.finish()

    async def _send_decoded(self, request: WebRequest, found: BlobName, size: int, etag: bytes) -> None:
        """A part without its transfer encoding. Large ones have no length until they are through."""
        blob, at, end = BlobId(found.blob), found.start, found.start + size
        decode = Decoder(found.encoding)
        if size <= _WHOLE:
            part = await self._blobs.read(blob, at, size)
            if part is None or len(part) != size:
                raise WebProblem(404, "There is no such blob.")  # destroyed a moment ago
            data = decode.feed(part) + decode.finish()
            await self._send_range(request, found, len(data), etag, data)
            return
        if request.method == b"HEAD":
            request.finish()
            return
        await self._pour(request, blob, at, end, decode)


def wanted_range(request: WebRequest, size: int, etag: bytes) -> tuple[int, int] | None:
    """(first, end) of the one range that is asked for; None: all. An empty one cannot be satisfied.
    Several ranges, and what is none, mean all (RFC 9110 §14.2)."""
    header = request.getHeader(b"range")
    if header is None:
        return None
    condition = request.getHeader(b"if-range")  # RFC 9110 §13.1.5
    found = _RANGE.fullmatch(header.strip())
    if found is None or (condition is not None and condition.strip() != etag):
        return None
    first, last = found.groups()
    if first == b"" and last == b"":
        return None
    if first == b"":
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1 if last else size)


def _matches(header: bytes | None, etag: bytes) -> bool:
    """RFC 9110 §13.1.2."""
    if header is None:
        return False
    return header.strip() == b"*" or etag in [each.strip().removeprefix(b"W/") for each in header.split(b",")]


def disposition(kind: str, name: str) -> bytes:
    """Content-Disposition (RFC 6266), with the name in ASCII and, where that differs, in UTF-8 (RFC 8187).
    Path separators and what could disguise the name's end are taken out."""
    name = _UNSAFE_IN_NAMES.sub("_", name)[:200].strip(" .") or "download"
    plain = name.encode("ascii", "replace").decode("ascii").replace("?", "_")
    plain = plain.replace('"', "_").replace("%", "_")
    header = f'{kind}; filename="{plain}"'
    if plain != name:
        header += f"; filename*=UTF-8''{quote(name, safe='')}"
    return header.encode("ascii")
