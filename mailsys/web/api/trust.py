"""Whom an account trusts with mail on its way: lists and forwarders."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from mailsys.services.jmap.protocol.api import READ, WRITE
from mailsys.services.trust.forwarders import AT_MOST, Forwarders, NotADomain
from mailsys.web.api.table import Api, Call, Model, Route
from mailsys.web.problems import WebProblem


class Trusted(Model, frozen=True):
    """`forwarders`: domains of mailing lists, and of mailboxes elsewhere that forward to this account. Mail
    that fails the checks of its author's domain (DMARC) only because one of these passed it on is taken."""

    forwarders: Annotated[list[Annotated[str, Meta(max_length=253)]], Meta(max_length=AT_MOST)]


class TrustRoutes:
    def __init__(self, forwarders: Forwarders) -> None:
        self._forwarders = forwarders

    def mount(self, api: Api) -> None:
        api.add(
            Route("GET", "/trust", self.trusted, "Whom this account has mail passed on by.", "Settings",
                  scope=READ, answer=Trusted),
            Route("PUT", "/trust", self.put, "Replace that list.", "Settings",
                  scope=WRITE, body=Trusted, answer=Trusted, problems=(400,)),
        )  # fmt: skip

    async def trusted(self, call: Call) -> Trusted:
        return Trusted(forwarders=sorted(await self._forwarders.of(call.account)))

    async def put(self, call: Call) -> Trusted:
        try:
            kept = await self._forwarders.put(call.account, call.body.forwarders)
        except NotADomain as problem:
            raise WebProblem(400, f"{problem} is not a domain name.", code="notADomain") from problem
        return Trusted(forwarders=sorted(kept))
