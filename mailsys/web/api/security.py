"""One's own security: password, app passwords, second factor, passkeys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from msgspec import Meta

from mailsys.core.bad_field import BadField
from mailsys.core.refusal import BadCredentials
from mailsys.services.access.app_passwords import AppPassword, AppPasswords
from mailsys.services.access.own_password import OwnPassword
from mailsys.services.access.passkeys import Passkey, Passkeys
from mailsys.services.access.second_factor import SecondFactor
from mailsys.web.api.session import Ended, PasskeyAsked, Password, Token, party_of, require_safe
from mailsys.web.api.table import Access, Api, Call, Model, Moment, Route, at, missing
from mailsys.web.authenticators import SessionCaller

Scope = Literal["mail:read", "mail", "send", "imap", "smtp", "api", "admin"]
ThingName = Annotated[str, Meta(min_length=1, max_length=100)]


class PasswordChange(Model, frozen=True):
    old_password: Password
    new_password: Password
    end_app_passwords: Annotated[
        bool,
        Meta(description="Revoke all app passwords too: whoever knew the old one may have made some."),
    ] = False


class Confirmation(Model, frozen=True):
    """The account's own password, for what is grave."""

    password: Password


class NewAppPassword(Model, frozen=True):
    """With the account's own password again and, when it has a second factor, a code or a passkey's answer
    to POST /second-factor/passkey/options: what is made outlives the session."""

    name: ThingName
    password: Password
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=7)]
    expires: Moment | None = None
    code: Annotated[str, Meta(max_length=40)] = ""
    passkey_challenge: Annotated[str, Meta(max_length=2048)] = ""
    credential: dict[str, Any] = {}  # noqa: RUF012 msgspec copies it


class AppPasswordInfo(Model, frozen=True):
    id: str
    name: str
    scopes: list[Scope]
    created: Moment
    expires: Moment | None
    last_used: Moment | None
    last_address: str


class AppPasswordMade(Model, frozen=True):
    secret: Annotated[str, Meta(description="Shown this once.")]
    app_password: AppPasswordInfo


class AppPasswordList(Model, frozen=True):
    app_passwords: list[AppPasswordInfo]


class FactorInfo(Model, frozen=True):
    totp: bool
    passkeys: int
    recovery_codes: Annotated[int, Meta(description="Unused ones.")]
    app_passwords_only: Annotated[
        bool,
        Meta(description="With a second factor on, IMAP, SMTP and HTTP Basic take app passwords only."),
    ]


class FactorChange(Model, frozen=True):
    password: Password
    app_passwords_only: bool


class TotpBegun(Model, frozen=True):
    secret: str
    uri: Annotated[str, Meta(description="otpauth URI.")]
    qr: Annotated[str, Meta(description="The URI as QR code, an SVG image.")]


class TotpCode(Model, frozen=True):
    code: Annotated[str, Meta(min_length=1, max_length=40)]


class RecoveryCodes(Model, frozen=True):
    recovery_codes: Annotated[
        list[str], Meta(description="Shown this once; empty when earlier ones still hold.")
    ]


class PasskeyInfo(Model, frozen=True):
    id: str
    name: str
    created: Moment
    last_used: Moment | None
    backed_up: bool


class PasskeyList(Model, frozen=True):
    passkeys: list[PasskeyInfo]


class NewPasskey(Model, frozen=True):
    challenge: Token
    credential: dict[str, Any]
    name: ThingName


class PasskeyMade(Model, frozen=True):
    passkey: PasskeyInfo
    recovery_codes: list[str]


class SecurityRoutes:
    """`forget(account)`: proved passwords that were remembered no longer hold."""

    def __init__(
        self,
        own_password: OwnPassword,
        app_passwords: AppPasswords,
        factor: SecondFactor,
        passkeys: Passkeys,
        forget: Callable[[Any], None],
    ) -> None:
        self._own_password = own_password
        self._app_passwords = app_passwords
        self._factor = factor
        self._passkeys = passkeys
        self._forget = forget

    def mount(self, api: Api) -> None:
        owner = Access.OWNER
        api.add(
            Route("POST", "/password", self.change_password, "Change one's password.", "Security", owner,
                  body=PasswordChange, answer=Ended),
            Route("GET", "/app-passwords", self.app_passwords, "One's app passwords, oldest first.",
                  "App passwords", owner, answer=AppPasswordList),
            Route("POST", "/app-passwords", self.make_app_password, "Make an app password.",
                  "App passwords", owner, body=NewAppPassword, answer=AppPasswordMade, status=201),
            Route("DELETE", "/app-passwords/{id}", self.revoke_app_password, "Revoke an app password.",
                  "App passwords", owner, problems=(404,)),
            Route("GET", "/second-factor", self.factor, "What stands beside the password.",
                  "Second factor", owner, answer=FactorInfo),
            Route("PATCH", "/second-factor", self.change_factor, "Whether mail programs need app passwords.",
                  "Second factor", owner, body=FactorChange, answer=FactorInfo),
            Route("POST", "/second-factor/totp", self.begin_totp, "Begin to use time-based codes.",
                  "Second factor", owner, body=Confirmation, answer=TotpBegun),
            Route("POST", "/second-factor/totp/confirm", self.confirm_totp,
                  "Turn time-based codes on by showing one.", "Second factor", owner,
                  body=TotpCode, answer=RecoveryCodes, problems=(401,)),
            Route("POST", "/second-factor/totp/remove", self.remove_totp, "Turn time-based codes off.",
                  "Second factor", owner, body=Confirmation),
            Route("POST", "/second-factor/recovery-codes", self.recovery_codes,
                  "Make new recovery codes; older ones hold no more.", "Second factor", owner,
                  body=Confirmation, answer=RecoveryCodes),
            Route("POST", "/second-factor/passkey/options", self.second_options,
                  "What to ask the browser, to show a passkey as second factor again.",
                  "Second factor", owner, answer=PasskeyAsked),
            Route("GET", "/passkeys", self.passkeys, "One's passkeys.", "Passkeys", owner,
                  answer=PasskeyList),
            Route("POST", "/passkeys/options", self.passkey_options,
                  "What to ask the browser for a new passkey.", "Passkeys", owner,
                  body=Confirmation, answer=PasskeyAsked),
            Route("POST", "/passkeys", self.add_passkey, "Keep a new passkey.", "Passkeys", owner,
                  body=NewPasskey, answer=PasskeyMade, status=201, problems=(401,)),
            Route("POST", "/passkeys/{id}/remove", self.remove_passkey, "Remove a passkey.", "Passkeys",
                  owner, body=Confirmation, problems=(404,)),
        )  # fmt: skip

    async def change_password(self, call: Call) -> Ended:
        require_safe(call.request)
        given: PasswordChange = call.body
        here = call.me.session if isinstance(call.me, SessionCaller) else None
        ended = await self._own_password.change(
            call.me.account, given.old_password, given.new_password, call.visitor, here
        )
        if given.end_app_passwords:
            await self._app_passwords.revoke_all(call.account)
        self._forget(call.account)
        return Ended(ended=ended)

    # -- app passwords ---------------------------------------------------------------------------------------

    async def app_passwords(self, call: Call) -> AppPasswordList:
        found = await self._app_passwords.of(call.account)
        return AppPasswordList(app_passwords=[_app_password(each) for each in found])

    async def make_app_password(self, call: Call) -> AppPasswordMade:
        given: NewAppPassword = call.body
        await self._prove(call)
        await self._prove_second(call, given)
        expires = None if given.expires is None else given.expires.timestamp()
        made, secret = await self._app_passwords.create(call.account, given.name, given.scopes, expires)
        return AppPasswordMade(secret=secret, app_password=_app_password(made))

    async def revoke_app_password(self, call: Call) -> None:
        if not await self._app_passwords.revoke(call.account, call.path["id"]):
            raise missing("There is no such app password.")

    # -- second factor ---------------------------------------------------------------------------------------

    async def factor(self, call: Call) -> FactorInfo:
        state = await self._factor.state(call.account)
        return FactorInfo(
            totp=state.totp,
            passkeys=state.passkeys,
            recovery_codes=state.recovery_codes,
            app_passwords_only=state.app_passwords_only,
        )

    async def change_factor(self, call: Call) -> FactorInfo:
        await self._prove(call)
        await self._factor.set_app_passwords_only(call.account, call.body.app_passwords_only)
        self._forget(call.account)
        return await self.factor(call)

    async def begin_totp(self, call: Call) -> TotpBegun:
        await self._prove(call)
        setup = await self._factor.begin_totp(call.me.account)
        return TotpBegun(secret=setup.secret, uri=setup.uri, qr=setup.svg)

    async def confirm_totp(self, call: Call) -> RecoveryCodes:
        codes = await self._factor.confirm_totp(call.account, call.body.code)
        self._forget(call.account)
        return RecoveryCodes(recovery_codes=codes)

    async def remove_totp(self, call: Call) -> None:
        await self._prove(call)
        await self._factor.remove_totp(call.account)

    async def recovery_codes(self, call: Call) -> RecoveryCodes:
        await self._prove(call)
        if not (await self._factor.state(call.account)).active:
            raise BadField("password", "There is no second factor to recover from.")
        return RecoveryCodes(recovery_codes=await self._factor.new_recovery_codes(call.account))

    # -- passkeys --------------------------------------------------------------------------------------------

    async def passkeys(self, call: Call) -> PasskeyList:
        return PasskeyList(passkeys=[_passkey(each) for each in await self._passkeys.of(call.account)])

    async def passkey_options(self, call: Call) -> PasskeyAsked:
        await self._prove(call)
        asked = await self._passkeys.begin_registration(call.me.account, party_of(call.request))
        return PasskeyAsked(challenge=asked.challenge, options=asked.options)

    async def add_passkey(self, call: Call) -> PasskeyMade:
        given: NewPasskey = call.body
        made, codes = await self._passkeys.register(
            call.me.account, given.challenge, given.credential, given.name, party_of(call.request)
        )
        self._forget(call.account)
        return PasskeyMade(passkey=_passkey(made), recovery_codes=codes)

    async def remove_passkey(self, call: Call) -> None:
        await self._prove(call)
        if not await self._passkeys.remove(call.account, call.path["id"]):
            raise missing("There is no such passkey.")

    async def second_options(self, call: Call) -> PasskeyAsked:
        asked = await self._passkeys.begin_sign_in(party_of(call.request), call.account)
        return PasskeyAsked(challenge=asked.challenge, options=asked.options)

    async def _prove_second(self, call: Call, given: NewAppPassword) -> None:
        """The second factor again, if there is one."""
        if not (await self._factor.state(call.account)).active:
            return
        try:
            if given.passkey_challenge:
                await self._passkeys.finish_sign_in(
                    given.passkey_challenge, given.credential, party_of(call.request), call.account
                )
            elif given.code:
                await self._factor.check(call.account, given.code, f"session {call.me.credential}")
            else:
                raise BadField("code", "A code of your second factor, or your passkey, is needed as well.")
        except BadCredentials as wrong:
            raise BadField("code", wrong.text, cause=wrong.cause) from wrong

    async def _prove(self, call: Call) -> None:
        """That it is not somebody who found an open browser."""
        require_safe(call.request)
        await self._own_password.prove(call.me.account, call.body.password, call.visitor)


def _app_password(found: AppPassword) -> AppPasswordInfo:
    return AppPasswordInfo(
        id=found.id,
        name=found.name,
        scopes=sorted(found.scopes),  # type: ignore[arg-type] # only these are ever stored
        created=at(found.created),
        expires=None if found.expires is None else at(found.expires),
        last_used=None if found.last_used is None else at(found.last_used),
        last_address=found.last_address,
    )


def _passkey(found: Passkey) -> PasskeyInfo:
    return PasskeyInfo(
        id=found.id,
        name=found.name,
        created=at(found.created),
        last_used=None if found.last_used is None else at(found.last_used),
        backed_up=found.backed_up,
    )
