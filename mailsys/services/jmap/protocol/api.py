"""The JMAP API without its transport: requests in, responses out (RFC 8620 §3).

Methods are registered here by the files beside this one; HTTP and WebSocket hand over what came in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any, Final, TypeAlias

import msgspec
from twisted.internet.interfaces import IReactorTime

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.envelope import Call, Request, parse_request
from mailsys.core.jmap.problems import MethodError, RequestProblem, limit_passed, not_json
from mailsys.core.jmap.references import resolve_references
from mailsys.core.json_values import has_more_values
from mailsys.core.refusal import ObjectConflict, OverQuota, RateLimited, Refusal, StateMismatch
from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.events import IEvents
from mailsys.ports.ids import AccountId
from mailsys.ports.mail import IMailStore
from mailsys.ports.objects import IObjectStore
from mailsys.ports.queue import IQueueStore
from mailsys.services.content.reading import Offload
from mailsys.services.jmap.protocol.answer import Answer, too_much
from mailsys.services.jmap.protocol.json_pieces import decode_in_pieces

log = Log("jmap")

CORE: Final = "urn:ietf:params:jmap:core"
MAIL: Final = "urn:ietf:params:jmap:mail"

_VALUES: Final = 300_000  # of a request: 16 calls with 500 objects of some 40 values
_PROBE: Final = 64 * 1024  # octets of a request that are read at once, and looked at for repeated names

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Limits:
    """RFC 8620 §2: what the core capability announces."""

    max_size_upload: int = 50_000_000
    max_concurrent_upload: int = 4
    max_size_request: int = 10_000_000
    max_concurrent_requests: int = 8
    max_calls_in_request: int = 16
    max_objects_in_get: int = 500
    max_objects_in_set: int = 500
    max_size_answer: int = 50_000_000  # octets; not announced, RFC 8620 has no word for it


@dataclass(frozen=True, slots=True)
class Ports:
    """What the methods work with."""

    mail: IMailStore
    blobs: IBlobStore
    accounts: IAccountStore
    queue: IQueueStore
    objects: IObjectStore
    events: IEvents
    offload: Offload  # runs work in a thread


# What a caller may do. "all" is everything; "mail" includes "mail:read".
READ: Final = "mail:read"
WRITE: Final = "mail"
SEND: Final = "send"
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the account, what its sign-in allows, and the client's IP address. `credential` names
    what it signed in with (`services.access.revocation`), which holds `until` then (Unix time; None: no
    end)."""

    account: Account
    scopes: frozenset[str] = frozenset((ALL,))
    address: str = ""
    credential: str = ""
    until: float | None = None

    def may(self, scope: str) -> bool:
        scopes = self.scopes
        return ALL in scopes or scope in scopes or (scope == READ and WRITE in scopes)


Invocation: TypeAlias = tuple[str, dict[str, Any]]  # name, arguments
Outcome: TypeAlias = "dict[str, Any] | list[Invocation]"


@dataclass(slots=True)
class CallContext:
    """One request on its way through the methods."""

    caller: Caller
    created_ids: dict[str, str]  # creation id -> id, over the whole request (RFC 8620 §5.3)
    ports: Ports
    clock: IReactorTime
    random: Random
    limits: Limits
    api: JmapApi
    using: frozenset[str] = frozenset()
    states: dict[str, int] = field(default_factory=dict)  # of types, as read since the last change
    text_size: int = 0  # octets of long texts that the response holds, about

    @property
    def account(self) -> AccountId:
        return self.caller.account.id

    @property
    def account_id(self) -> str:
        """The caller's account as it is written."""
        return ids.account_id(self.caller.account.id)

    def own_account(self, arguments: Arguments, name: str = "accountId") -> AccountId:
        """Read the accountId argument. An account that is not the caller's does not exist."""
        given = arguments.id(name)
        if given != self.account_id:
            raise MethodError("accountNotFound", f"There is no account {given!r}.")
        return self.account

    def real_id(self, text: str) -> str:
        """`#creation` ids replaced by what was created; one that never was comes back as it is
        (and matches nothing, since no id has a "#")."""
        if text.startswith("#"):
            return self.created_ids.get(text[1:], text)
        return text

    async def invoke(self, name: str, arguments: dict[str, Any]) -> list[Invocation]:
        """Run another method as if the client had called it next (implicit /set calls); errors are
        answers as well."""
        return await self.api.run_method(self, name, arguments)


Handler: TypeAlias = Callable[[CallContext, "dict[str, Any]"], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class _Method:
    capability: str
    handler: Handler
    scope: str


@dataclass(frozen=True, slots=True)
class _Capability:
    server: Callable[[str], dict[str, Any]]
    account: Callable[[Account], dict[str, Any]] | None


class JmapApi:
    """All methods. One per process."""

    def __init__(
        self, ports: Ports, clock: IReactorTime, random: Random, limits: Limits | None = None
    ) -> None:
        self.ports = ports
        self.limits = limits or Limits()
        self.clock = clock
        self._random = random
        self._methods: dict[str, _Method] = {}
        self._capabilities: dict[str, _Capability] = {}
        self._types: list[str] = []
        self._derived: dict[str, Callable[[AccountId], Awaitable[str]]] = {}
        self._running: dict[AccountId, int] = {}
        self.announce(CORE, lambda _: self._core_capability())
        self.register("Core/echo", CORE, _echo)

    # -- what there is -----------------------------------------------------------------------------------

    def register(self, name: str, capability: str, handler: Handler, scope: str = READ) -> None:
        """Add a method. `scope` is what the caller's sign-in must allow (READ, WRITE, SEND)."""
        if name in self._methods:
            raise ValueError(f"{name} is registered already")
        self._methods[name] = _Method(capability, handler, scope)

    def announce(
        self,
        capability: str,
        server: Callable[[str], dict[str, Any]] = lambda _: {},
        account: Callable[[Account], dict[str, Any]] | None = None,
    ) -> None:
        """Add a capability: its value for the server, given the base URL, and for an account (None: it
        has no place on accounts)."""
        self._capabilities[capability] = _Capability(server, account)

    def announce_types(self, *types: str) -> None:
        """Add types whose states can be asked for and pushed."""
        self._types.extend(one for one in types if one not in self._types)

    def announce_derived(self, type_: str, read: Callable[[AccountId], Awaitable[str]]) -> None:
        """Add a type whose state is not among those that the store counts."""
        self.announce_types(type_)
        self._derived[type_] = read

    @property
    def types(self) -> tuple[str, ...]:
        """The types that push knows (RFC 8620 §7.1)."""
        return tuple(self._types)

    def _core_capability(self) -> dict[str, Any]:
        limits = self.limits
        return {
            "maxSizeUpload": limits.max_size_upload,
            "maxConcurrentUpload": limits.max_concurrent_upload,
            "maxSizeRequest": limits.max_size_request,
            "maxConcurrentRequests": limits.max_concurrent_requests,
            "maxCallsInRequest": limits.max_calls_in_request,
            "maxObjectsInGet": limits.max_objects_in_get,
            "maxObjectsInSet": limits.max_objects_in_set,
            "collationAlgorithms": ["i;ascii-casemap", "i;unicode-casemap"],
        }

    # -- session -------------------------------------------------------------------------------------------

    async def session(self, caller: Caller, base_url: str) -> dict[str, Any]:
        """The session object (RFC 8620 §2). `base_url` has no slash at its end."""
        found = self._session(caller, base_url)
        found["state"] = self.session_state(caller)
        return found

    def _session(self, caller: Caller, base_url: str) -> dict[str, Any]:
        account = caller.account
        account_id = ids.account_id(account.id)
        on_account = {
            name: one.account(account) for name, one in self._capabilities.items() if one.account is not None
        }
        return {
            "capabilities": {name: one.server(base_url) for name, one in self._capabilities.items()},
            "accounts": {
                account_id: {
                    "name": account.address,
                    "isPersonal": True,
                    "isReadOnly": not caller.may(WRITE),
                    "accountCapabilities": on_account,
                }
            },
            "primaryAccounts": dict.fromkeys(on_account, account_id),
            "username": account.address,
            "apiUrl": f"{base_url}/jmap/api",
            "downloadUrl": f"{base_url}/jmap/download/{{accountId}}/{{blobId}}/{{name}}?type={{type}}",
            "uploadUrl": f"{base_url}/jmap/upload/{{accountId}}/",
            "eventSourceUrl": (
                f"{base_url}/jmap/eventsource/?types={{types}}&closeafter={{closeafter}}&ping={{ping}}"
            ),
        }

    def session_state(self, caller: Caller) -> str:
        """Changes when anything in the session object does; the same whatever the URL asked at."""
        account = caller.account
        return self._session_state(
            account.id, account.address, account.name, caller.scopes, len(self._methods)
        )

    @lru_cache(maxsize=4096)  # noqa: B019 one API lives as long as its process
    def _session_state(
        self, account: AccountId, address: str, name: str, scopes: frozenset[str], methods: int
    ) -> str:
        caller = Caller(Account(account, address, name), scopes)
        return hashlib.blake2b(_encode(self._session(caller, "")), digest_size=8).hexdigest()

    async def state_change(self, account_id: AccountId, types: Iterable[str] | None = None) -> dict[str, str]:
        """The states of an account's types (all, or those asked for that exist), for a StateChange."""
        states = await self.ports.mail.states(account_id)
        wanted = self._types if types is None else [one for one in self._types if one in set(types)]
        found = {one: str(states.get(one, 0)) for one in wanted}
        for one, read in self._derived.items():
            if one in found:
                found[one] = await read(account_id)
        return found

    # -- requests ------------------------------------------------------------------------------------------

    async def call(self, caller: Caller, body: bytes) -> bytes:
        """One request as it came, to its response. Raises RequestProblem (RFC 8620 §3.6.1)."""
        return await self.call_decoded(caller, await self.decode(body), {})

    async def decode(self, body: bytes) -> Any:
        """JSON that keeps to I-JSON (RFC 7493): UTF-8, no repeated names, no lone surrogates. A large text is
        decoded in a thread."""
        if len(body) > self.limits.max_size_request:
            raise limit_passed(
                "maxSizeRequest", f"A request has at most {self.limits.max_size_request} octets."
            )
        try:
            if len(body) > _PROBE:
                return await self.ports.offload(lambda: _decode_large(body))
            value = _decode(body)
            json.loads(body, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:  # msgspec's DecodeError is a ValueError
            raise not_json(str(error)[:200]) from error
        return value

    async def call_decoded(self, caller: Caller, value: object, head: Mapping[str, Any]) -> bytes:
        """As `call`, for a transport that decodes by itself (RFC 8887); `head` stands before the answer."""
        running = self._running.get(caller.account.id, 0)
        if running >= self.limits.max_concurrent_requests:
            raise limit_passed(
                "maxConcurrentRequests",
                f"At most {self.limits.max_concurrent_requests} requests may run at once.",
            )
        request = parse_request(value, self._capabilities, self.limits.max_calls_in_request)
        self._running[caller.account.id] = running + 1
        try:
            return await self._run(caller, request, head)
        finally:
            left = self._running[caller.account.id] - 1
            if left:
                self._running[caller.account.id] = left
            else:
                del self._running[caller.account.id]

    async def _run(self, caller: Caller, request: Request, head: Mapping[str, Any]) -> bytes:
        context = CallContext(
            caller,
            dict(request.created_ids or ()),
            self.ports,
            self.clock,
            self._random,
            self.limits,
            self,
            request.using,
        )
        limits = self.limits
        answer = Answer(self.ports.offload, limits.max_size_answer, _VALUES, limits.max_size_request)
        for call in request.calls:
            before = context.text_size
            method = self._methods.get(call.name)
            for name, arguments in await self._one(context, call, answer):
                size = context.text_size - before
                await answer.add(name, arguments, call.id, size, method is not None and method.scope != READ)
        rest: dict[str, Any] = {"sessionState": self.session_state(caller)}
        if request.created_ids is not None:
            rest["createdIds"] = context.created_ids
        return await answer.finish(rest, head)

    async def _one(self, context: CallContext, call: Call, answer: Answer) -> list[Invocation]:
        try:
            if answer.full:
                raise too_much()
            arguments = resolve_references(call.arguments, answer.responses, answer.steps)
            if arguments is not call.arguments:
                answer.bring({name: value for name, value in arguments.items() if name not in call.arguments})
        except MethodError as error:
            known = self._knows(context, call.name)  # else unknown, whatever its arguments refer to
            return [("error", (error if known else _unknown(call.name)).arguments())]
        return await self.run_method(context, call.name, arguments)

    def _knows(self, context: CallContext, name: str) -> bool:
        method = self._methods.get(name)
        return method is not None and method.capability in context.using

    async def run_method(
        self, context: CallContext, name: str, arguments: dict[str, Any]
    ) -> list[Invocation]:
        """One method call with its references resolved; whatever goes wrong becomes an error response."""
        method = self._methods.get(name)
        try:
            if method is None or method.capability not in context.using:
                raise _unknown(name)
            # What is sent by its id was read: SEND alone is for what comes with the request (POST /send).
            if not context.caller.may(method.scope) or (
                method.scope == SEND and not context.caller.may(READ)
            ):
                if method.scope == WRITE and context.caller.may(READ):
                    raise MethodError("accountReadOnly", "This sign-in may only read.")
                raise MethodError("forbidden", "This sign-in does not allow that.")
            try:
                answer = await method.handler(context, arguments)
            finally:
                if method.scope != READ:
                    context.states.clear()
        except MethodError as error:
            return [("error", error.arguments())]
        except Refusal as refusal:
            log.info("refused", method=name, account=context.account, cause=str(refusal))
            return [("error", of_refusal(refusal).arguments())]
        except RequestProblem:
            raise
        except Exception as failure:
            log.error("method failed", failure, method=name, account=context.account)
            return [("error", MethodError("serverFail", "The server failed; it was logged.").arguments())]
        return answer if isinstance(answer, list) else [(name, answer)]


def _unknown(name: str) -> MethodError:
    return MethodError("unknownMethod", f"There is no method {name[:100]!r} in the capabilities used.")


def of_refusal(refusal: Refusal) -> MethodError:
    """A refusal of a whole method call."""
    if isinstance(refusal, OverQuota):
        return MethodError("overQuota", refusal.text)
    if isinstance(refusal, RateLimited):
        return MethodError("rateLimit", refusal.text)
    if isinstance(refusal, StateMismatch):
        return MethodError("stateMismatch", refusal.text)
    if isinstance(refusal, ObjectConflict) or refusal.http >= 500:
        return MethodError("serverUnavailable", refusal.text)
    return MethodError("forbidden", refusal.text)


def _decode_large(body: bytes) -> Any:
    if has_more_values(body, _VALUES):
        raise limit_passed("maxSizeRequest", f"A request has at most {_VALUES} values.")
    return decode_in_pieces(body)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name is repeated within an object")


async def _echo(context: CallContext, arguments: dict[str, Any]) -> Outcome:
    return arguments
