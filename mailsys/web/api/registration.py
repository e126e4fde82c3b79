"""Making an account of one's own, and the invites that administrators hand out."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mailsys.core.jmap.ids import account_id
from mailsys.services.access.registration import Invite, Invites, Registration
from mailsys.web.api.domain_names import domain_name
from mailsys.web.api.session import require_safe
from mailsys.web.api.table import Access, Api, Call, Model, Moment, Route, at, missing
from mailsys.web.problems import WebProblem


class Register(Model, frozen=True):
    login: Annotated[str, Meta(min_length=1, max_length=320, description="Local part, or address.")]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    password: Annotated[str, Meta(min_length=1, max_length=1024)]
    invite: Annotated[str, Meta(max_length=100)] = ""


class Registered(Model, frozen=True):
    account_id: str
    address: str
    name: str


class RegistrationInfo(Model, frozen=True):
    mode: Literal["off", "invite", "open"]
    domain: Annotated[str, Meta(description="Where accounts are made; an invite may say another.")]
    shortest_password: int


class InviteQuery(Model, frozen=True):
    token: Annotated[str, Meta(min_length=1, max_length=100)]


class InviteAbout(Model, frozen=True):
    domain: str
    expires: Moment


class NewInvite(Model, frozen=True):
    domain: Annotated[str, Meta(min_length=1, max_length=253)]
    note: Annotated[str, Meta(max_length=200)] = ""
    days: Annotated[int, Meta(ge=1, le=365)] = 14


class InviteInfo(Model, frozen=True):
    id: str
    domain: str
    note: str
    created: Moment
    expires: Moment
    used_by: Annotated[str, Meta(description="The address that was made with it; empty: none yet.")]


class InviteMade(Model, frozen=True):
    token: Annotated[str, Meta(description="Shown this once.")]
    invite: InviteInfo


class InviteList(Model, frozen=True):
    invites: list[InviteInfo]


class RegistrationRoutes:
    def __init__(self, registration: Registration, invites: Invites) -> None:
        self._registration = registration
        self._invites = invites

    def mount(self, api: Api) -> None:
        public, admin = Access.PUBLIC, Access.ADMIN
        api.add(
            Route("GET", "/registration", self.about, "Whether and where accounts can be made.",
                  "Registration", public, answer=RegistrationInfo),
            Route("POST", "/registration", self.register, "Make an account.", "Registration", public,
                  body=Register, answer=Registered, status=201, problems=(403, 409)),
            Route("GET", "/registration/invite", self.invite, "What an invite is for.", "Registration",
                  public, query=InviteQuery, answer=InviteAbout, problems=(404,)),
            Route("GET", "/invites", self.invites, "One's invites, oldest first.", "Administration", admin,
                  answer=InviteList),
            Route("POST", "/invites", self.make_invite, "Make an invite.", "Administration", admin,
                  body=NewInvite, answer=InviteMade, status=201),
            Route("DELETE", "/invites/{id}", self.remove_invite, "Remove an invite.", "Administration",
                  admin, problems=(404,)),
        )  # fmt: skip

    async def about(self, call: Call) -> RegistrationInfo:
        found = self._registration
        return RegistrationInfo(mode=found.mode, domain=found.domain, shortest_password=10)

    async def register(self, call: Call) -> Registered:
        require_safe(call.request)
        given: Register = call.body
        account = await self._registration.register(
            given.login, given.name, given.password, given.invite, call.request.address
        )
        return Registered(account_id=account_id(account.id), address=account.address, name=account.name)

    async def invite(self, call: Call) -> InviteAbout:
        found = await self._invites.find(call.query.token)
        if found is None:
            raise missing("This invite does not hold.")
        return InviteAbout(domain=found[1].domain, expires=at(found[1].expires))

    async def invites(self, call: Call) -> InviteList:
        return InviteList(invites=[_invite(each) for each in await self._invites.of(call.account)])

    async def make_invite(self, call: Call) -> InviteMade:
        given: NewInvite = call.body
        name = domain_name(given.domain)
        if not call.rights.over_domain(name):
            raise WebProblem(403, "You do not administer that domain.")
        made, token = await self._invites.create(call.account, name, given.note, given.days)
        return InviteMade(token=token, invite=_invite(made))

    async def remove_invite(self, call: Call) -> None:
        if not await self._invites.remove(call.account, call.path["id"]):
            raise missing("There is no such invite.")


def _invite(found: Invite) -> InviteInfo:
    return InviteInfo(
        id=found.id,
        domain=found.domain,
        note=found.note,
        created=at(found.created),
        expires=at(found.expires),
        used_by=found.used_by,
    )
