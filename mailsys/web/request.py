"""One request: who it comes from, its body as it arrives, and its answer.

A body is bounded before it is read. Small ones are simply kept. For larger ones, and for uploads,
the connection is held until somebody signed in; uploads then go straight on into a blob sink.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, Protocol, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request

from mailsys.core.jmap.problems import RequestProblem
from mailsys.log import Log
from mailsys.ports.blobs import IBlobSink, IBlobStore
from mailsys.services.jmap.protocol.api import Caller
from mailsys.settings import Web
from mailsys.web import problems
from mailsys.web.channel import Channel
from mailsys.web.origin import Origins
from mailsys.web.problems import WebProblem

log = Log("web")

SMALL: Final = 64 * 1024  # octets that are taken from anybody
_DRAINED: Final = 128 * 1024 * 1024  # octets of a refused body that are read and dropped
_DRAIN_FOR: Final = 5.0  # seconds after which a refused connection is closed whatever comes
_CONTROLS: Final = bytes(ord("_") if c < 32 or c == 127 else c for c in range(256))


@dataclass(frozen=True, slots=True)
class BodyRule:
    """What a route takes. `limit`: octets; `stream`: into a blob sink; `too_large`: the answer to more."""

    limit: int = SMALL
    stream: bool = False
    too_large: Callable[[], Exception] = lambda: WebProblem(413, "The body is too large.")


ANYWHERE: Final = BodyRule()


class FindsCaller(Protocol):
    def find(self, request: WebRequest, /) -> Awaitable[Caller | None]:
        """Who asks, by the credentials of the request; None: it carries none."""


class Serves(Protocol):
    """What a request needs of the site that it came to."""

    blobs: IBlobStore
    callers: FindsCaller
    origin: Origins
    reactor: Any
    resource: IResource
    settings: Web

    def body_rule(self, method: bytes, path: bytes, /) -> BodyRule: ...

    def admit(self, request: WebRequest, /) -> Awaitable[Callable[[], None] | None]:
        """Before a large body is read. Raises what refuses it; what to call when the request is over."""

    def dress(self, request: WebRequest, /) -> None: ...

    def check(self, request: WebRequest, /) -> None: ...

    def answers_preflight(self, request: WebRequest, /) -> bool: ...

    def log(self, request: WebRequest, /) -> None: ...


class WebRequest(Request):
    """`caller` is set by `callers.caller_of`; `sink` holds the body of an upload."""

    # Nothing of ours is copied or persisted; Twisted's own attributes are untyped.
    channel: Channel
    content: Any
    site: Serves  # type: ignore[assignment]
    defaultContentType = None  # noqa: N815
    caller: Caller | None = None
    sink: IBlobSink | None = None
    admitted = False  # the caller was known before the body was read
    release: Callable[[], None] | None = None  # gives back what `admitted` took
    began = 0.0  # when its headers were complete
    _rule = ANYWHERE
    _taken = 0
    _refused = False
    _drained = 0
    _drain_timer: Any = None
    _deadline = 0.0

    # -- where it comes from -------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """The client's IP address, as a trusted proxy tells it."""
        return self.site.origin.client_address(self)

    @property
    def is_https(self) -> bool:
        return self.site.origin.is_https(self)

    @property
    def may_sign_in(self) -> bool:
        """Passwords may travel: under TLS, or where they never leave the machine."""
        return self.is_https or self.site.origin.trusts_loopback(self)

    @property
    def base_url(self) -> str:
        """scheme://host[:port] as the client wrote it; the Host header was checked before."""
        host = (self.getHeader(b"host") or b"localhost").decode("ascii", "replace")
        return f"{'https' if self.is_https else 'http'}://{host}"

    def argument(self, name: bytes) -> str | None:
        """A query argument, the first of its name."""
        found = (self.args or {}).get(name)
        return found[0].decode("utf-8", "replace") if found else None

    # -- its body --------------------------------------------------------------------------------------

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """The headers are complete; `length` is 0 without a body, None when it is chunked."""
        channel = self.channel
        self.site = channel.site
        self.began = self.site.reactor.seconds()
        self._deadline = self.began + self.site.settings.idle  # of what anybody may send
        self.content = BytesIO()
        if length == 0:
            return
        self.method, self.uri, self.clientproto = channel.what_was_asked()
        self.path = self.uri.partition(b"?")[0]
        rule = self._rule = self.site.body_rule(self.method, self.path)
        if length is not None and length > rule.limit:
            self.refuse(rule.too_large())
        elif rule.stream or (rule is not ANYWHERE and (length is None or length > SMALL)):
            channel.hold()
            Deferred.fromCoroutine(self._admit(rule)).addErrback(self._broken)
        else:
            self._send_continue()

    def _send_continue(self) -> None:
        expected = self.getHeader(b"expect")
        if expected is not None and expected.lower() == b"100-continue" and self.clientproto == b"HTTP/1.1":
            self.channel.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _admit(self, rule: BodyRule) -> None:
        try:
            self.release = await self.site.admit(self)
        except Exception as error:
            if not self._disconnected:
                self.refuse(error)
            return
        if self._disconnected:
            self.give_back()
            return
        self.admitted = True
        self._deadline = self.began + self.site.settings.body_time
        if rule.stream:
            self.sink = self.site.blobs.sink()
        self._send_continue()
        self.channel.release()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        if self._refused:
            self._drained += len(data)
            if self._drained > _DRAINED:
                self.channel.hold()
            return
        self._taken += len(data)
        if self._taken > self._rule.limit:
            self.refuse(self._rule.too_large())
        elif self.site.reactor.seconds() > self._deadline:
            self.refuse(WebProblem(408, "The body took too long."))
        elif self.sink is None:
            self.content.write(data)
        else:
            wait = self.sink.write(data)
            if wait is not None:
                self.channel.hold()
                wait.addCallbacks(self._go_on, self._sink_failed)

    def _go_on(self, _: object) -> None:
        if not self._disconnected:
            self.channel.release()

    def _sink_failed(self, failure: Failure) -> None:
        if not self._disconnected:
            self.refuse(cast("Exception", failure.value))

    def _broken(self, failure: Failure) -> None:
        log.error("request failed", failure.value)
        if not self._disconnected:
            self.channel.transport.abortConnection()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        if self._refused:  # its answer is out, and now its body is in
            if self._drain_timer is not None and self._drain_timer.active():
                self._drain_timer.cancel()
            self.finish()
            return
        super().requestReceived(command, path, version)

    def body(self) -> bytes:
        """The whole body, of a request that is not an upload. CancelledError when the client left before
        anything was begun, as while its password was checked."""
        if self._disconnected:
            raise CancelledError
        return cast("bytes", self.content.getvalue())

    # -- refusing ------------------------------------------------------------------------------------

    def refuse(self, error: Exception) -> None:
        """Answer now, before the body has come in, and close the connection (RFC 9112 §9.6: what is on
        its way is read and dropped for a moment, so that the client gets to see the answer)."""
        if self._refused or self._disconnected:
            return
        self._refused = True
        self.discard_sink()
        channel = self.channel
        channel.persistent = 0
        self.postpath, self.prepath = [], []
        self.setHeader(b"Connection", b"close")
        self.site.dress(self)
        self._write_problem(problems.problem_of(error, self))
        self._drain_timer = self.site.reactor.callLater(_DRAIN_FOR, self._close)
        channel.release()

    def _close(self) -> None:
        if not self._disconnected:
            self.site.log(self)
            self.channel.loseConnection()

    def fail(self, error: BaseException) -> None:
        """Answer with a problem and finish."""
        if self._disconnected or self.finished:
            return
        if self.startedWriting:  # half an answer must not pass for a whole one
            log.error("answer cut short", error, path=self.path)
            self.channel.transport.abortConnection()
            return
        self._write_problem(problems.problem_of(error, self))
        self.finish()

    def _write_problem(self, problem: WebProblem) -> None:
        if problem.status < 500:
            log.debug("refused", status=problem.status, path=self.path, cause=str(problem))
        else:
            log.warning("refused", status=problem.status, path=self.path, cause=str(problem))
        for name, value in problem.headers:
            self.responseHeaders.addRawHeader(name, value)
        self.setResponseCode(problem.status)
        self.answer(problems.encode(problem), b"application/problem+json")

    def answer(self, body: bytes, content_type: bytes) -> None:
        """Write a whole body with its length; `finish` is the caller's."""
        self.setHeader(b"Content-Type", content_type)
        self.setHeader(b"Content-Length", b"%d" % len(body))
        self.write(body)

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:  # noqa: N802
        # Twisted has no words for the younger ones, 422 among them.
        super().setResponseCode(code, message or problems.phrase(code).encode("ascii"))

    # -- answering -------------------------------------------------------------------------------------

    def process(self) -> None:
        try:
            self.prepath = []
            # No route has use for control characters; a downloaded file's name may have come with some.
            self.postpath = [unquote_to_bytes(e).translate(_CONTROLS) for e in self.path[1:].split(b"/")]
            self.site.dress(self)
            if not _is_utf8(self.path):
                raise WebProblem(400, "The path is not UTF-8.")
            self.site.check(self)
            if self.site.answers_preflight(self):
                return
            self.site.resource.render(self)  # Klein answers in its own time
        except Exception as error:
            self.fail(error)

    def processingFailed(self, reason: Failure) -> Failure:  # noqa: N802
        self.fail(cast("BaseException", reason.value))
        return reason

    def finish(self) -> None:
        self.give_back()
        super().finish()

    def discard_sink(self) -> None:
        if self.sink is not None:
            self.sink.abort()
            self.sink = None

    def give_back(self) -> None:
        """The turn that the request had (Admission), for the next one. Again does nothing."""
        release, self.release = self.release, None
        if release is not None:
            release()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        self.discard_sink()
        self.give_back()
        if self._drain_timer is not None and self._drain_timer.active():
            self._drain_timer.cancel()
        super().connectionLost(reason)


def _is_utf8(path: bytes) -> bool:
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def limit_problem(limit: str, detail: str, status: int = 400) -> RequestProblem:
    """RFC 8620 §3.6.1 "limit", with another status where HTTP has a better one."""
    return RequestProblem(status, "urn:ietf:params:jmap:error:limit", "Limit passed", detail, limit)
