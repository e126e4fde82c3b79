"""The session object and the API endpoint (RFC 8620 §2, §3)."""

from __future__ import annotations

from mailsys.core.jmap.problems import not_json
from mailsys.services.jmap.protocol.api import JmapApi
from mailsys.web.admission import Admission
from mailsys.web.app import Routes
from mailsys.web.reply import Reply
from mailsys.web.request import BodyRule, WebRequest, limit_problem

API = b"/jmap/api"

# RFC 8620 §2: "Cache-Control: no-cache, no-store, must-revalidate"
_NOT_KEPT = (b"Cache-Control", b"no-cache, no-store, must-revalidate")


class JmapRoutes:
    def __init__(self, api: JmapApi, admission: Admission, request_size: int) -> None:
        self._api = api
        self._admission = admission
        self._request_size = request_size

    def mount(self, routes: Routes) -> None:
        # RFC 8620 §2.2: the well-known address may redirect; it answers, so that nobody's credentials get
        # lost on the way.
        routes.add("/.well-known/jmap", self.session, "GET")
        routes.add("/jmap/session", self.session, "GET")
        routes.add("/jmap/api", self.call, "POST")
        routes.takes(API, BodyRule(self._request_size, too_large=self._too_large))

    def _too_large(self) -> Exception:
        # RFC 8620 §3.6.1 shows this very problem with status 400.
        return limit_problem("maxSizeRequest", f"A request has at most {self._request_size} octets.")

    async def session(self, request: WebRequest) -> Reply:
        caller = await self._admission.signed_in(request)
        found = await self._api.session(caller, request.base_url)
        etag = b'"%b"' % str(found["state"]).encode("ascii")
        headers = [_NOT_KEPT, (b"ETag", etag)]
        if request.getHeader(b"if-none-match") == etag:
            return Reply(status=304, headers=headers)
        return Reply(found, headers=headers)

    async def call(self, request: WebRequest) -> Reply:
        caller = await self._admission.enter(request)
        kind = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":  # RFC 8620 §3.6.1 notJSON
            raise not_json("The content type must be application/json.")
        return Reply(await self._api.call(caller, request.body()))
