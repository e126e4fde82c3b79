"""The web application: routes on Klein, and what they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
from klein import Klein
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource

from mailsys.core.refusal import Refusal
from mailsys.log import Log
from mailsys.web.compression import compressed
from mailsys.web.problems import WebProblem, problem_of
from mailsys.web.reply import Reply
from mailsys.web.request import ANYWHERE, BodyRule, WebRequest

log = Log("web")

# A route's work: the request and the path's variables. None: it has answered by itself; a resource: that
# takes over.
Handler = Callable[..., Awaitable[Reply | IResource | None]]


class Routes:
    """Where the parts of the web put their routes, and what bodies those take."""

    def __init__(self) -> None:
        self._klein = Klein()
        self._rules: list[tuple[bytes, BodyRule]] = []
        self._klein.handle_errors(Exception)(self._unrouted)  # type: ignore[arg-type]

    def add(self, rule: str, handler: Handler, *methods: str) -> None:
        """`rule` is a path as Klein (werkzeug) writes it, such as "/jmap/upload/<account_id>/"."""

        def run(request: WebRequest, **variables: Any) -> Deferred[IResource | None]:
            return _answer(request, handler, variables)

        self._klein.route(rule, methods=list(methods), endpoint=f"{' '.join(methods)} {rule}")(run)

    def takes(self, prefix: bytes, rule: BodyRule) -> None:
        """Bodies of requests to paths under `prefix`; elsewhere 64 KiB are the most. Such a route's caller
        has to be signed in before more than 64 KiB are read."""
        self._rules.append((prefix, rule))

    def body_rule(self, method: bytes, path: bytes) -> BodyRule:
        for prefix, rule in self._rules:
            if path.startswith(prefix):
                return rule
        return ANYWHERE

    def resource(self) -> Any:
        return self._klein.resource()

    def _unrouted(self, request: WebRequest, failure: Failure) -> None:
        """404, 405 and the like; Klein finishes the request."""
        problem = problem_of(cast("Exception", failure.value), request)
        for name, value in problem.headers:
            request.responseHeaders.addRawHeader(name, value)
        request.setResponseCode(problem.status)
        request.answer(msgspec.json.encode(problem.document()), b"application/problem+json")


def _answer(request: WebRequest, handler: Handler, variables: dict[str, Any]) -> Deferred[IResource | None]:
    """Run a route. Klein cancels what this returns when the client leaves; the work goes on to its end,
    for half a change is worse than one that nobody hears of."""
    done: Deferred[IResource | None] = Deferred()

    async def work() -> IResource | None:
        try:
            reply = await handler(request, **variables)
            if request._disconnected or reply is None:
                return None
            if not isinstance(reply, Reply):
                return reply
            reply = await compressed(request, reply)
            if not request._disconnected:
                send(request, reply)
        except Exception as error:
            if request._disconnected:
                _note(error, request)
            else:
                request.fail(error)
        return None

    def over(result: IResource | None) -> None:
        if request._disconnected:
            request.give_back()  # its turn came when the client had left already
        if not done.called:
            done.callback(result)

    Deferred.fromCoroutine(work()).addErrback(
        lambda failure: log.error("request failed", failure.value, path=request.path)
    ).addCallback(over)
    return done


def _note(error: Exception, request: WebRequest) -> None:
    """What went wrong after the client had left."""
    if not isinstance(error, CancelledError | Refusal | WebProblem):
        log.error("request failed", error, path=request.path)


def send(request: WebRequest, reply: Reply) -> None:
    """Write a whole answer and finish."""
    request.setResponseCode(reply.status)
    for name, value in reply.headers:
        if name == b"Set-Cookie":  # RFC 6265 §3: there may be several
            request.responseHeaders.addRawHeader(name, value)
        else:
            request.setHeader(name, value)
    if reply.status in (204, 304):
        request.finish()
        return
    body = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
    request.answer(body, reply.content_type)
    request.finish()
