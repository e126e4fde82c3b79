"""The web client: files that were built into the package, read once, served from memory."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailsys.log import Log
from mailsys.web.app import Routes
from mailsys.web.problems import WebProblem
from mailsys.web.reply import Reply
from mailsys.web.request import WebRequest

log = Log("web")

PACKAGED: Final = Path(__file__).parent / "static"
_MOST: Final = 64 * 1024 * 1024  # octets of all files together
_ENCODINGS: Final = ((".br", b"br"), (".gz", b"gzip"))
# What the bundler names by content: assets/app-4f3Ac9d0.js. All else (the page, the service worker, the
# manifest, icons) is asked for anew each time, so that a new version is taken at once.
_HASHED: Final = re.compile(r"^/assets/.*[.-][A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
# Addresses that are never the client's own.
_NOT_OURS: Final = ("/api/", "/jmap/", "/health/", "/healthz", "/readyz", "/.well-known/")

# Everything from us, nothing from elsewhere, nothing inline. Mail is shown in a frame of its own; its
# remote images come through us.
APP_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    b"connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; worker-src 'self'; "
    b"frame-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
# The page in which a message is shown: styles may be inline, as mail has them, and that is all.
FRAME_POLICY: Final = (
    b"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: blob:; font-src 'none'; "
    b"sandbox allow-popups allow-popups-to-escape-sandbox allow-same-origin; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'self'"
)
FRAME: Final = "/frame.html"


@dataclass(slots=True)
class _File:
    body: bytes
    content_type: bytes
    etag: bytes
    encoded: dict[bytes, bytes] = field(default_factory=dict)  # content coding -> octets


class StaticRoutes:
    """Files of `folder`, when there is one. Paths of the client's own pages get index.html."""

    def __init__(self, folder: Path = PACKAGED) -> None:
        self._files = _read(folder) if folder.is_dir() else {}

    def mount(self, routes: Routes) -> None:
        if "/index.html" in self._files:
            routes.add("/", self.serve, "GET")
            routes.add("/<path:path>", self.serve, "GET")

    async def serve(self, request: WebRequest, path: str = "") -> Reply:
        name = "/" + path
        if name.startswith(_NOT_OURS):
            raise WebProblem(404, "There is nothing here.")
        file = self._files.get(name)
        if file is None:
            if "." in path.rpartition("/")[2] or path.startswith("assets/"):
                raise WebProblem(404, "There is nothing here.")
            name, file = "/index.html", self._files["/index.html"]
        frame = name == FRAME
        kept = b"public, immutable, max-age=31536000" if _HASHED.search(name) else b"no-cache"
        headers = [
            (b"Cache-Control", kept),
            (b"ETag", file.etag),
            (b"Content-Security-Policy", FRAME_POLICY if frame else APP_POLICY),
            (b"Permissions-Policy", b"camera=(), microphone=(), geolocation=()"),
            (b"Cross-Origin-Opener-Policy", b"same-origin"),
        ]
        if frame:
            request.responseHeaders.removeHeader(b"X-Frame-Options")
        if file.encoded:
            headers.append((b"Vary", b"Accept-Encoding"))
        if request.getHeader(b"if-none-match") == file.etag:
            return Reply(status=304, headers=headers)
        body = file.body
        accepted = _accepted(request.getHeader(b"accept-encoding") or b"")
        for _, coding in _ENCODINGS:
            if coding in file.encoded and coding in accepted:
                body = file.encoded[coding]
                headers.append((b"Content-Encoding", coding))
                break
        return Reply(body, content_type=file.content_type, headers=headers)


def _accepted(header: bytes) -> set[bytes]:
    """Content codings that the client takes (RFC 9110 §12.5.3); q=0 means not."""
    found = set()
    for each in header[:1000].lower().split(b","):
        name, _, parameters = each.partition(b";")
        if not re.fullmatch(rb"\s*q\s*=\s*0(\.0*)?\s*", parameters):
            found.add(name.strip())
    return found


def _read(folder: Path) -> dict[str, _File]:
    """All files below `folder` by their path; `x.br` and `x.gz` are encodings of `x`."""
    files: dict[str, _File] = {}
    encoded: list[tuple[str, bytes, bytes]] = []
    octets = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        body = path.read_bytes()
        octets += len(body)
        if octets > _MOST:
            log.error("web client is too large", folder=str(folder), octets=octets)
            break
        name = "/" + path.relative_to(folder).as_posix()
        for suffix, coding in _ENCODINGS:
            if name.endswith(suffix):
                encoded.append((name.removesuffix(suffix), coding, body))
                break
        else:
            files[name] = _File(body, _type_of(name), b'"%b"' % _digest(body))
    for name, coding, body in encoded:
        if name in files:
            files[name].encoded[coding] = body
    return files


def _type_of(name: str) -> bytes:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if name.endswith(".webmanifest"):
        kind = "application/manifest+json"
    if name.endswith((".js", ".mjs")):
        kind = "text/javascript"
    return (kind + "; charset=utf-8" if kind.startswith("text/") else kind).encode("ascii")


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=12).hexdigest().encode("ascii")
