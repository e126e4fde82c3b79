"""Signing in and out, and the list of one's sessions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from mailsys.core.jmap.ids import account_id
from mailsys.core.refusal import EncryptionRequired
from mailsys.ports.accounts import Account
from mailsys.ports.sessions import WebSession
from mailsys.services.access.passkeys import Party
from mailsys.services.access.rights import AdminRights
from mailsys.services.access.second_factor import SecondFactor
from mailsys.services.access.sessions import Sessions, session_id
from mailsys.services.access.web_sign_in import Begun, WebSignIn
from mailsys.settings import Settings
from mailsys.web.api.table import Access, Api, Call, Model, Moment, Route, at, missing
from mailsys.web.authenticators import SessionCaller, clear_cookie, set_cookie, set_mark
from mailsys.web.request import WebRequest

Login = Annotated[str, Meta(min_length=1, max_length=320, description="Address, or its local part.")]
Password = Annotated[str, Meta(min_length=1, max_length=1024)]
Token = Annotated[str, Meta(min_length=1, max_length=2048)]


class SignIn(Model, frozen=True):
    login: Login
    password: Password
    remember: bool = False


class SecondStep(Model, frozen=True):
    """The second step: a code, or a passkey's answer with the challenge that it answers."""

    challenge: Token
    code: Annotated[str, Meta(max_length=40)] = ""
    passkey_challenge: Annotated[str, Meta(max_length=2048)] = ""
    credential: dict[str, Any] = {}  # noqa: RUF012 msgspec copies it


class PasskeySignIn(Model, frozen=True):
    challenge: Token
    credential: dict[str, Any]
    remember: bool = False


class PasskeyAsked(Model, frozen=True):
    challenge: str
    options: Annotated[dict[str, Any], Meta(description="For navigator.credentials, in JSON form.")]


class Features(Model, frozen=True):
    registration: Literal["off", "invite", "open"]
    message_size: Annotated[int, Meta(description="Octets of the largest message.")]
    upload_size: int


class Me(Model, frozen=True):
    """Who is signed in."""

    account_id: str
    address: str
    name: str
    admin: Annotated[bool, Meta(description="Administers everything.")]
    admin_of: Annotated[list[str], Meta(description="Domains that this account administers.")]
    second_factor: Annotated[bool, Meta(description="The account has one.")]
    csrf: Annotated[
        str, Meta(description="To be repeated in X-CSRF-Token; empty when not signed in by cookie.")
    ]
    session_id: str
    expires: Moment | None
    scopes: list[str]
    features: Features


class NextStepNeeded(Model, frozen=True):
    challenge: str
    methods: list[Literal["totp", "recovery", "passkey"]]
    passkey: PasskeyAsked | None


class SignedIn(Model, frozen=True):
    """Either `session` (the cookie is set), or `nextStep` (the second factor is due)."""

    session: Me | None = None
    next_step: NextStepNeeded | None = None


class SessionInfo(Model, frozen=True):
    id: str
    current: bool
    created: Moment
    seen: Moment
    expires: Moment
    address: str
    agent: str
    second_factor: bool


class SessionList(Model, frozen=True):
    sessions: list[SessionInfo]


class HistoryEntry(Model, frozen=True):
    at: Moment
    address: str
    agent: str
    service: str
    how: str
    success: bool


class History(Model, frozen=True):
    entries: list[HistoryEntry]


class HistoryQuery(Model, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class Ended(Model, frozen=True):
    ended: int


def party_of(request: WebRequest) -> Party:
    """Ourselves, as the browser sees us."""
    origin = request.base_url
    host = origin.partition("://")[2]
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    return Party(name.lower(), origin.lower())


def require_safe(request: WebRequest) -> None:
    if not request.may_sign_in:
        raise EncryptionRequired("Passwords are taken over HTTPS only")


class SessionRoutes:
    def __init__(
        self,
        web_sign_in: WebSignIn,
        sessions: Sessions,
        factor: SecondFactor,
        rights: AdminRights,
        settings: Settings,
    ) -> None:
        self._sign_in = web_sign_in
        self._sessions = sessions
        self._factor = factor
        self._rights = rights
        self._settings = settings

    def mount(self, api: Api) -> None:
        tag = "Session"
        api.add(
            Route("POST", "/session", self.sign_in, "Sign in with a password.", tag, Access.PUBLIC,
                  body=SignIn, answer=SignedIn, problems=(401,)),
            Route("POST", "/session/second-factor", self.second, "The second step of signing in.", tag,
                  Access.PUBLIC, body=SecondStep, answer=SignedIn, problems=(401,)),
            Route("POST", "/session/passkey/options", self.passkey_options,
                  "What to ask the browser for a sign-in by passkey.", tag, Access.PUBLIC,
                  answer=PasskeyAsked),
            Route("POST", "/session/passkey", self.passkey, "Sign in by passkey.", tag, Access.PUBLIC,
                  body=PasskeySignIn, answer=SignedIn, problems=(401,)),
            Route("GET", "/session", self.me, "Who is signed in.", tag, scope="", answer=Me),
            Route("DELETE", "/session", self.sign_out, "Sign out.", tag, scope=""),
            Route("GET", "/sessions", self.sessions, "One's sessions, newest first.", tag, Access.OWNER,
                  answer=SessionList),
            Route("DELETE", "/sessions", self.end_others, "Sign out everywhere else.", tag, Access.OWNER,
                  answer=Ended),
            Route("DELETE", "/sessions/{id}", self.end_one, "End a session.", tag, Access.OWNER,
                  problems=(404,)),
            Route("GET", "/sign-ins", self.history, "One's sign-in history, newest first.", tag,
                  Access.OWNER, query=HistoryQuery, answer=History),
        )  # fmt: skip

    # -- signing in ----------------------------------------------------------------------------------------

    async def sign_in(self, call: Call) -> SignedIn:
        require_safe(call.request)
        given: SignIn = call.body
        found = await self._sign_in.password(
            given.login, given.password, call.visitor, party_of(call.request), given.remember
        )
        if isinstance(found, Begun):
            return await self._begun(call, found)
        asked = found.passkey
        return SignedIn(
            next_step=NextStepNeeded(
                challenge=found.challenge,
                methods=list(found.methods),  # type: ignore[arg-type] # the service's words are these
                passkey=None
                if asked is None
                else PasskeyAsked(challenge=asked.challenge, options=asked.options),
            )
        )

    async def second(self, call: Call) -> SignedIn:
        require_safe(call.request)
        given: SecondStep = call.body
        if given.passkey_challenge:
            begun = await self._sign_in.passkey_as_second(
                given.challenge,
                given.passkey_challenge,
                given.credential,
                call.visitor,
                party_of(call.request),
            )
        else:
            begun = await self._sign_in.code(given.challenge, given.code, call.visitor)
        return await self._begun(call, begun)

    async def passkey_options(self, call: Call) -> PasskeyAsked:
        asked = await self._sign_in.begin_passkey(party_of(call.request))
        return PasskeyAsked(challenge=asked.challenge, options=asked.options)

    async def passkey(self, call: Call) -> SignedIn:
        require_safe(call.request)
        given: PasskeySignIn = call.body
        begun = await self._sign_in.passkey(
            given.challenge, given.credential, call.visitor, party_of(call.request), given.remember
        )
        return await self._begun(call, begun)

    async def _begun(self, call: Call, begun: Begun) -> SignedIn:
        request = call.request
        old = request.caller
        if isinstance(old, SessionCaller) and old.session is not None:
            await self._sessions.end(old.session)
        age = int(begun.session.expires - begun.session.created) if begun.remember else None
        call.headers += [set_cookie(request, begun.token, age), set_mark(request, begun.mark)]
        return SignedIn(session=await self._describe(begun.account, begun.session, ["all"]))

    # -- signed in -------------------------------------------------------------------------------------------

    async def me(self, call: Call) -> Me:
        session = call.me.session if isinstance(call.me, SessionCaller) else None
        return await self._describe(call.me.account, session, sorted(call.me.scopes))

    async def _describe(self, account: Account, session: WebSession | None, scopes: list[str]) -> Me:
        rights = await self._rights.of(account)
        web, limits = self._settings.web, self._settings.limits
        return Me(
            account_id=account_id(account.id),
            address=account.address,
            name=account.name,
            admin=account.admin,
            admin_of=sorted(rights.domains),
            second_factor=(await self._factor.state(account.id)).active,
            csrf="" if session is None else session.csrf,
            session_id="" if session is None else session_id(session),
            expires=None if session is None else at(session.expires),
            scopes=scopes,
            features=Features(
                registration=web.registration,
                message_size=limits.message_size,
                upload_size=web.upload_size,
            ),
        )

    async def sign_out(self, call: Call) -> None:
        if isinstance(call.me, SessionCaller) and call.me.session is not None:
            await self._sessions.end(call.me.session)
            call.headers.append(clear_cookie(call.request))

    async def sessions(self, call: Call) -> SessionList:
        here = call.me.session.key if isinstance(call.me, SessionCaller) and call.me.session else b""
        return SessionList(
            sessions=[
                SessionInfo(
                    id=session_id(each),
                    current=each.key == here,
                    created=at(each.created),
                    seen=at(each.seen),
                    expires=at(each.expires),
                    address=each.address,
                    agent=each.agent,
                    second_factor=each.second_factor,
                )
                for each in await self._sessions.of(call.account)
            ]
        )

    async def end_others(self, call: Call) -> Ended:
        here = call.me.session if isinstance(call.me, SessionCaller) else None
        return Ended(ended=await self._sessions.end_all(call.account, but=here))

    async def end_one(self, call: Call) -> None:
        if not await self._sessions.end_named(call.account, call.path["id"]):
            raise missing("There is no such session.")

    async def history(self, call: Call) -> History:
        return History(
            entries=[
                HistoryEntry(
                    at=at(each.at),
                    address=each.address,
                    agent=each.agent,
                    service=each.service,
                    how=each.how,
                    success=each.success,
                )
                for each in await self._sessions.history(call.account, call.query.limit)
            ]
        )
