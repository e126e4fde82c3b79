"""Sign-in and `/api/v1` put together, over what the assembly already has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

from mailsys.ports.accounts import Credentials, IAccountStore
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.ports.objects import IObjectStore
from mailsys.ports.once import IOnceStore
from mailsys.ports.sessions import ISessionStore
from mailsys.services.access.app_passwords import AppPasswords
from mailsys.services.access.at_rest import AtRest
from mailsys.services.access.own_password import OwnPassword
from mailsys.services.access.passkeys import Passkeys
from mailsys.services.access.places import KnownPlaces
from mailsys.services.access.registration import Invites, Registration
from mailsys.services.access.revocation import APP, SESSION, Revocations
from mailsys.services.access.rights import AdminRights
from mailsys.services.access.sealed import Seal
from mailsys.services.access.second_factor import SecondFactor
from mailsys.services.access.sessions import Lifetimes, Sessions, session_id
from mailsys.services.access.sign_in import SignIn
from mailsys.services.access.web_sign_in import WebSignIn
from mailsys.services.content.blob_access import BlobReader
from mailsys.services.jmap.protocol.api import JmapApi
from mailsys.services.notifying.webhooks import Webhooks
from mailsys.services.operating.administration import Administration
from mailsys.services.operating.timelines import Timelines
from mailsys.services.outbound.http import OutboundHttp
from mailsys.services.outbound.image_proxy import ImageProxy
from mailsys.services.outbound.unsubscribe import Unsubscribing
from mailsys.services.people.contacts import Contacts
from mailsys.services.people.suggestions import Suggestions
from mailsys.services.people.vcards import VCards
from mailsys.services.submission.program_mail import ProgramMail
from mailsys.services.submission.submit import Submission
from mailsys.settings import Settings
from mailsys.web.api.admin_accounts import AccountRoutes
from mailsys.web.api.admin_domains import DomainRoutes
from mailsys.web.api.contacts import ContactRoutes
from mailsys.web.api.document import DocumentRoutes
from mailsys.web.api.images import ImageRoutes
from mailsys.web.api.mail import MailRoutes
from mailsys.web.api.mail_servers import MailServerRoutes
from mailsys.web.api.queue import QueueRoutes
from mailsys.web.api.registration import RegistrationRoutes
from mailsys.web.api.security import SecurityRoutes
from mailsys.web.api.send import SendRoutes
from mailsys.web.api.session import SessionRoutes
from mailsys.web.api.table import Api
from mailsys.web.api.traces import TraceRoutes
from mailsys.web.api.webhooks import WebhookRoutes
from mailsys.web.application import WebApplication
from mailsys.web.authenticators import BearerAuthenticator, CookieAuthenticator, ProvingBasicAuthenticator

Chance = Callable[[int], bytes]
HashPassword = Callable[[str], Awaitable[Credentials]]


@dataclass(frozen=True, slots=True)
class SignInParts:
    """What signing in needs beside passwords; made before SignIn, which uses them."""

    sessions: Sessions
    app_passwords: AppPasswords
    factor: SecondFactor
    places: KnownPlaces
    revocations: Revocations

    async def holds(self, account: AccountId, credential: str) -> bool:
        """Whether a credential (`services.access.revocation`) is still good, as far as can be told: of the
        account's own password it cannot."""
        kind, _, name = credential.partition(":")
        if kind == SESSION:
            return any(session_id(each) == name for each in await self.sessions.of(account))
        if kind == APP:
            return any(each.id == name for each in await self.app_passwords.of(account))
        return True


def sign_in_parts(
    objects: IObjectStore,
    sessions: ISessionStore,
    accounts: IAccountStore,
    limits: ILimits,
    settings: Settings,
    clock: Any,
    random_bytes: Chance,
    secret: bytes,
) -> SignInParts:
    web = settings.web
    lifetimes = Lifetimes(web.session_idle, web.session_lifetime, web.session_remembered)
    revocations = Revocations()
    return SignInParts(
        Sessions(sessions, accounts, clock, random_bytes, lifetimes, revocations),
        AppPasswords(objects, accounts, clock, random_bytes, revocations),
        SecondFactor(
            objects, accounts, limits, clock, random_bytes, settings.domain, AtRest(secret, random_bytes)
        ),
        KnownPlaces(objects, clock, random_bytes),
        revocations,
    )


class AccountApi:
    """`/api/v1` and the authenticators, mounted on a web application before its first site."""

    def __init__(
        self,
        web: WebApplication,
        parts: SignInParts,
        sign_in: SignIn,
        jmap: JmapApi,
        contacts: Contacts,
        once: IOnceStore,
        limits: ILimits,
        settings: Settings,
        clock: Any,
        random_bytes: Chance,
        secret: bytes,
        hash_password: HashPassword,
        administration: Administration,
        submission: Submission,
        outbound: OutboundHttp,
        process: str,
        timers: Any = None,
    ) -> None:
        """clock: Unix time; timers: what is remembered for a while goes by it (None: `clock`)."""
        timers = timers or clock
        ports = jmap.ports
        accounts, objects = ports.accounts, ports.objects
        blobs = BlobReader(ports.mail, ports.blobs)
        changed = submission.intake.directory.refresh
        seal = Seal(secret, once, clock, random_bytes)
        rights = AdminRights(objects, accounts)
        passkeys = Passkeys(objects, accounts, parts.factor, seal, clock, random_bytes, settings.domain)
        own_password = OwnPassword(accounts, sign_in, parts.sessions, hash_password)
        throttle = sign_in.throttle
        web_sign_in = WebSignIn(
            sign_in, parts.sessions, parts.factor, passkeys, accounts, seal, throttle, parts.places, clock
        )
        invites = Invites(objects, accounts, rights, clock, random_bytes)
        registration = Registration(
            settings.web.registration,
            settings.web.registrations_per_day,
            settings.domain,
            accounts,
            invites,
            limits,
            hash_password,
            changed,
        )
        self.webhooks = Webhooks(
            objects,
            ports.mail,
            accounts,
            ports.events,
            outbound,
            clock,
            random_bytes,
            SystemRandom(),
            AtRest(secret, random_bytes),
            process,
        )
        basic = ProvingBasicAuthenticator(sign_in, accounts, timers, random_bytes)
        for authenticator in (
            BearerAuthenticator(parts.app_passwords, parts.sessions, throttle),
            basic,
            CookieAuthenticator(parts.sessions),
        ):
            web.callers.add(authenticator)
        parts.revocations.listen(web.streams.revoked)
        self.api = api = Api(web.admission, limits, rights, ports.offload)
        for routes in (
            SessionRoutes(web_sign_in, parts.sessions, parts.factor, rights, settings),
            SecurityRoutes(own_password, parts.app_passwords, parts.factor, passkeys, basic.forget),
            RegistrationRoutes(registration, invites),
            AccountRoutes(
                accounts,
                rights,
                own_password,
                parts.app_passwords,
                parts.factor,
                parts.sessions,
                hash_password,
                changed,
                basic.forget,
            ),
            DomainRoutes(accounts, rights, administration, changed),
            MailRoutes(
                Suggestions(ports.mail, contacts),
                Timelines(ports.mail, ports.queue, settings.hostname),
                objects,
                Unsubscribing(ports.mail, outbound, limits, clock),
            ),
            ContactRoutes(VCards(contacts, blobs, ports.offload, clock.seconds), blobs),
            MailServerRoutes(settings),
            QueueRoutes(ports.queue, accounts, rights, clock.seconds),
            TraceRoutes(ports.queue, accounts, rights),
            ImageRoutes(ImageProxy(outbound, timers), seal, limits, clock),
            WebhookRoutes(self.webhooks),
            SendRoutes(
                ProgramMail(submission, objects, clock, SystemRandom(), ports.offload),
                ports.mail,
                ports.blobs,
                settings.web.request_size,
                settings.limits.message_size,
                ports.offload,
            ),
        ):
            routes.mount(api)
        DocumentRoutes().mount(api)
        api.mount(web.routes)

    async def start(self) -> None:
        """Begin the work that nobody asks for."""
        await self.webhooks.start()

    async def stop(self) -> None:
        """End it."""
        await self.webhooks.stop()
