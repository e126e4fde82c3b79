"""What goes wrong, as RFC 9457 problem documents: never HTML, never a traceback."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from klein.app import Klein  # noqa: F401 werkzeug is Klein's
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from mailsys.core.jmap.problems import RequestProblem
from mailsys.core.refusal import RateLimited, Refusal, TooManyConnections
from mailsys.log import Log

log = Log("web")

TYPE = "urn:mailsys:problem:"
RETRY_AFTER = 60  # seconds, when nothing better is known


class WebProblem(Exception):
    """An answer that is a refusal. `headers` are added to it, `more` are members of the document.

    code: what a program can tell it by, in camelCase; the last part of its type, and a member too."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        title: str = "",
        type_uri: str = "",
        code: str = "",
        headers: Sequence[tuple[bytes, bytes]] = (),
        cause: str = "",
        **more: Any,
    ) -> None:
        self.status = status
        self.title = title or phrase(status)
        self.detail = detail
        self.type_uri = type_uri or (TYPE + code if code else "")
        self.code = code
        self.headers = tuple(headers)
        self.cause = cause  # for the log only
        self.more = more
        super().__init__(f"{status} {detail or self.title}" + (f" ({cause})" if cause else ""))

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": self.type_uri or "about:blank",
            "status": self.status,
            "title": self.title,
        }
        if self.code:
            found["code"] = self.code
        if self.detail:
            found["detail"] = self.detail
        return found | self.more


def phrase(status: int) -> str:
    """What RFC 9110 calls a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"


def code_of(refusal: Refusal) -> str:
    """The name of its class: "rateLimited"."""
    name = type(refusal).__name__
    return name[:1].lower() + name[1:]


def problem_of(error: BaseException, request: Request) -> WebProblem:
    """What to answer for `error`; what nobody foresaw is logged with its traceback and is a 500."""
    if isinstance(error, WebProblem):
        return error
    if isinstance(error, RequestProblem):
        limit: dict[str, Any] = {} if error.limit is None else {"limit": error.limit}
        return WebProblem(error.status, error.detail, title=error.title, type_uri=error.type_uri, **limit)
    if isinstance(error, Refusal):
        headers = [(b"WWW-Authenticate", each) for each in _challenges(request, error)]
        if isinstance(error, RateLimited | TooManyConnections) or error.http == 503:
            headers.append((b"Retry-After", b"%d" % RETRY_AFTER))
        return WebProblem(error.http, error.text, code=code_of(error), headers=headers, cause=error.cause)
    if isinstance(error, HTTPException):
        return _of_routing(error)
    log.error("request failed", error, path=request.path)
    return WebProblem(500, "The server failed; it was logged.")


def _challenges(request: Request, refusal: Refusal) -> list[bytes]:
    """WWW-Authenticate of a 401 (RFC 9110 §11.6.1). A browser's scripts are not offered Basic: it would
    ask its user with a dialog of its own."""
    if refusal.http != 401:
        return []
    found = [b'Bearer realm="mailsys"']
    if request.getHeader(b"sec-fetch-mode") is None:
        found.append(b'Basic realm="mailsys", charset="UTF-8"')
    return found


def _of_routing(error: HTTPException) -> WebProblem:
    """What the routes refuse: 404, 405, and the address with its missing slash."""
    status = error.code or 500
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers.append((b"Allow", ", ".join(sorted(error.valid_methods)).encode("ascii")))
    target = getattr(error, "new_url", None)  # RequestRedirect
    if target is not None:
        headers.append((b"Location", str(target).encode("ascii", "replace")))
    return WebProblem(status, "" if status != 404 else "There is nothing here.", headers=headers)


def encode(problem: WebProblem) -> bytes:
    return msgspec.json.encode(problem.document())
