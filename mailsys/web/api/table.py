"""One table of routes: what serves them also describes them, so the document cannot go stale.

A route names its path, who may call it, the shapes of query, body and answer, and its handler. Shapes
are msgspec Structs: they decode and check what comes in, and their JSON schema is the document's.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Final, get_args

import msgspec

from mailsys.core.bad_field import BadField
from mailsys.core.json_values import has_more_values
from mailsys.core.network import customer_of
from mailsys.log import Log
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.services.access.rights import AdminRights, Rights
from mailsys.services.access.sessions import Visitor
from mailsys.services.content.reading import Offload
from mailsys.services.jmap.protocol.api import ALL, Caller
from mailsys.web.admission import Admission
from mailsys.web.app import Routes
from mailsys.web.authenticators import mark_of
from mailsys.web.problems import WebProblem
from mailsys.web.reply import Reply
from mailsys.web.request import BodyRule, WebRequest

log = Log("api")

PREFIX: Final = "/api/v1"
_MINUTE: Final = 60.0
_STRANGERS: Final = 300  # requests a minute from one address without sign-in
_AT_ONCE: Final = 256 * 1024  # octets of JSON that are decoded where they stand
_VALUES: Final = 100_000  # of a body
_WHERE: Final = re.compile(r" - at `\$?\.?([^`]*)`$")
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A shape of the API."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # RFC 3339


class Access(Enum):
    """Who may call a route."""

    PUBLIC = "public"  # anybody
    SIGNED_IN = "signed in"  # whoever signed in, within the scope of the route
    OWNER = "owner"  # by session or own password, not by an app password
    ADMIN = "admin"  # administrators of everything or of domains; an app password needs scope "admin"


@dataclass(slots=True)
class Call:
    """One request on its way through a route."""

    request: WebRequest
    caller: Caller | None
    rights: Rights
    body: Any
    query: Any
    path: dict[str, str]
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)  # of the answer
    status: int | None = None  # another than the route's
    answered: bool = False  # the handler has written its answer by itself

    @property
    def me(self) -> Caller:
        assert self.caller is not None
        return self.caller

    @property
    def account(self) -> AccountId:
        return self.me.account.id

    @property
    def visitor(self) -> Visitor:
        agent = (self.request.getHeader(b"user-agent") or b"").decode("utf-8", "replace")
        shown = "".join(c for c in agent[:200] if c.isprintable())
        return Visitor(self.request.address, shown, mark_of(self.request))


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is below /api/v1, with {names}. `answer` None: 204 without a body. `problems`: statuses it
    may answer with beside those that every route may."""

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    access: Access = Access.SIGNED_IN
    scope: str = "api"
    body: Any = None
    query: type[Model] | None = None
    answer: Any = None
    status: int = 200
    problems: tuple[int, ...] = ()
    also: tuple[int, ...] = ()  # further statuses with the same answer
    limit: int = 0  # octets of body, 0: 64 KiB
    media: str = "application/json"  # of the answer
    raw: bool = False  # the body is whatever JSON it is; the handler reads request.body()
    request_headers: tuple[tuple[str, str], ...] = ()  # (name, what for)
    counted: bool = True  # among the requests of strangers, if it is public

    @property
    def operation_id(self) -> str:
        words = [w for w in re.split(r"[^A-Za-z0-9]+", self.path) if w]
        return self.method.lower() + "".join(w[:1].upper() + w[1:] for w in words)


class Api:
    """The routes, and what serving them needs."""

    def __init__(self, admission: Admission, limits: ILimits, rights: AdminRights, offload: Offload) -> None:
        """`offload` runs work in a thread: decoding a large body."""
        self._offload = offload
        self._admission = admission
        self._limits = limits
        self._rights = rights
        self.routes: list[Route] = []

    def add(self, *routes: Route) -> None:
        self.routes.extend(routes)

    def mount(self, routes: Routes) -> None:
        for route in self.routes:
            rule = PREFIX + _PLACE.sub(r"<\1>", route.path)
            if route.limit:
                routes.takes(rule.encode("ascii"), BodyRule(route.limit))
            routes.add(rule, self._serving(route), route.method)

    def _serving(self, route: Route) -> Callable[..., Awaitable[Reply | None]]:
        decoder = msgspec.json.Decoder(route.body) if route.body is not None and not route.raw else None

        async def serve(request: WebRequest, **path: str) -> Reply | None:
            caller, rights = await self._admit(route, request)
            query = _query(route.query, request) if route.query is not None else None
            body = await self._body(decoder, request) if decoder is not None else None
            call = Call(request, caller, rights, body, query, path)
            try:
                answer = await route.handler(call)
            except BadField as bad:
                raise _invalid(bad.field, bad.text, bad.cause) from bad
            if call.answered:
                return None
            if isinstance(answer, Reply):
                return answer
            if route.answer is None:
                return Reply(status=204, headers=call.headers)
            return Reply(answer, status=call.status or route.status, headers=call.headers)

        return serve

    async def _body(self, decoder: Any, request: WebRequest) -> Any:
        kind = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            # A form of another site's page cannot send this type (Fetch §2.2.2).
            raise WebProblem(415, "The content type must be application/json.")
        octets = request.body()
        if has_more_values(octets, _VALUES):
            raise WebProblem(413, f"A body has at most {_VALUES} values.")
        if len(octets) > _AT_ONCE:
            return await self._offload(lambda: _decode(decoder, octets))
        return _decode(decoder, octets)

    async def _admit(self, route: Route, request: WebRequest) -> tuple[Caller | None, Rights]:
        if route.access is Access.PUBLIC and not route.counted:
            return None, Rights()
        if route.access is Access.PUBLIC:
            done = await self._limits.hit(f"api:{customer_of(request.address)}", _MINUTE)
            if done > _STRANGERS:
                raise WebProblem(
                    429, "Too many requests; try again later.", headers=[(b"Retry-After", b"60")]
                )
            return None, Rights()
        caller = await self._admission.enter(request)
        if route.access is Access.OWNER:
            if not caller.may(ALL):
                raise WebProblem(403, "An app password cannot do this; sign in with your password.")
            return caller, Rights()
        if route.access is Access.ADMIN:
            rights = await self._rights.of(caller.account)
            if not caller.may("admin") or not rights.any:
                raise WebProblem(403, "Only administrators may do this.")
            return caller, rights
        if route.scope and not caller.may(route.scope):
            raise WebProblem(403, f'This app password lacks the scope "{route.scope}".', code="scopeMissing")
        return caller, Rights()


def at(seconds: float) -> datetime:
    """A moment as the API writes it: UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC)


def page(limit: int, found: Sequence[Any], cursor: Callable[[Any], str]) -> tuple[list[Any], str | None]:
    """`found` holds one more than the page when there is more: (page, cursor of what follows)."""
    if len(found) <= limit:
        return list(found), None
    return list(found[:limit]), cursor(found[limit - 1])


def _decode(decoder: Any, octets: bytes) -> Any:
    try:
        return decoder.decode(octets)
    except msgspec.ValidationError as error:
        raise _not_valid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WebProblem(400, "The body is not JSON.", cause=str(error)[:200]) from None


def _query(shape: type[Model], request: WebRequest) -> Any:
    given: dict[str, Any] = {}
    for name, values in (request.args or {}).items():
        if len(values) > 1:
            raise _invalid(name.decode("utf-8", "replace"), "Given more than once.", "", where="parameter")
        try:
            given[name.decode("utf-8")] = values[0].decode("utf-8")
        except UnicodeDecodeError:
            raise _invalid(name.decode("utf-8", "replace"), "Not UTF-8.", "", where="parameter") from None
    for field_ in msgspec.structs.fields(shape):
        name = field_.encode_name
        if name in given and (field_.type == Moment or Moment in get_args(field_.type)):
            # Below, a number would pass for a moment.
            try:
                given[name] = msgspec.convert(given[name], Moment)
            except msgspec.ValidationError as error:
                raise _invalid(name, str(error), "", where="parameter") from None
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _not_valid(str(error), where="parameter") from None


def _not_valid(message: str, where: str = "pointer") -> WebProblem:
    """From msgspec's words, which never repeat what was sent (names of unknown fields apart)."""
    found = _WHERE.search(message)
    name = "" if found is None else found[1].replace(".", "/").replace("[", "/").replace("]", "")
    text = message if found is None else message[: found.start()]
    return _invalid(name, text, "", where=where)


def _invalid(name: str, text: str, cause: str, where: str = "pointer") -> WebProblem:
    value = "#" + ("/" + name if name else "") if where == "pointer" else name
    return WebProblem(
        422,
        text,
        title="Not valid",
        code="notValid",
        cause=cause,
        errors=[{where: value[:200], "detail": text}],
    )


_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}")


def number(text: str, letter: str = "") -> int | None:
    """The integer of an id in a path, None: it is none."""
    digits = text[len(letter) :]
    return int(digits) if text.startswith(letter) and _NUMBER.fullmatch(digits) else None


def missing(what: str = "There is nothing here.") -> WebProblem:
    return WebProblem(404, what, code="notFound")
