"""`/api/v1` and the authenticators, mounted on a web application before its first site."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailsys.assembly.access import Access
from mailsys.assembly.delivering import Delivering
from mailsys.assembly.jmap import Jmap
from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.assembly.zones import Zones
from mailsys.ports.resolver import IResolver
from mailsys.services.access.at_rest import AtRest
from mailsys.services.access.own_password import OwnPassword
from mailsys.services.access.passkeys import Passkeys
from mailsys.services.access.registration import Invites, Registration
from mailsys.services.access.rights import AdminRights
from mailsys.services.access.sealed import Seal
from mailsys.services.access.web_sign_in import WebSignIn
from mailsys.services.content.blob_access import BlobReader
from mailsys.services.notifying.webhook_message import WebhookMessages
from mailsys.services.notifying.webhook_records import WebhookRecords
from mailsys.services.notifying.webhook_telling import Telling
from mailsys.services.notifying.webhooks import Webhooks
from mailsys.services.operating.administration import Administration
from mailsys.services.operating.timelines import Timelines
from mailsys.services.outbound.http import OutboundHttp
from mailsys.services.outbound.image_proxy import ImageProxy
from mailsys.services.outbound.unsubscribe import Unsubscribing
from mailsys.services.people.suggestions import Suggestions
from mailsys.services.people.vcards import VCards
from mailsys.services.submission.program_mail import ProgramMail
from mailsys.services.trust.forwarders import Forwarders
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
from mailsys.web.api.trust import TrustRoutes
from mailsys.web.api.webhooks import WebhookRoutes
from mailsys.web.api.zones import ZoneRoutes
from mailsys.web.application import WebApplication
from mailsys.web.authenticators import BearerAuthenticator, CookieAuthenticator, ProvingBasicAuthenticator


@dataclass(frozen=True, slots=True)
class AccountApi:
    """`webhooks` is to be started, and stopped."""

    api: Api
    webhooks: Webhooks


@dataclass(frozen=True, slots=True)
class _Web:
    """What the routes have in common."""

    process: Process
    stores: Stores
    access: Access
    delivering: Delivering
    jmap: Jmap
    outbound: OutboundHttp
    rights: AdminRights
    seal: Seal
    basic: ProvingBasicAuthenticator


def make_account_api(
    process: Process,
    stores: Stores,
    access: Access,
    delivering: Delivering,
    jmap: Jmap,
    outbound: OutboundHttp,
    web: WebApplication,
    administration: Administration,
    zones: Zones,
    resolver: IResolver,
    changed: Callable[[], Awaitable[object]],
) -> AccountApi:
    """changed: to be called after domains, addresses or keys were."""
    wall, chance = process.wall, process.random_bytes
    rights = AdminRights(stores.objects, stores.accounts)
    seal = Seal(stores.secret, stores.once, wall, chance)
    basic = ProvingBasicAuthenticator(access.sign_in, stores.accounts, process.reactor, chance)
    for authenticator in (
        BearerAuthenticator(access.app_passwords, access.sessions, access.sign_in.throttle),
        basic,
        CookieAuthenticator(access.sessions),
    ):
        web.callers.add(authenticator)
    access.revocations.listen(web.streams.revoked)
    webhooks = _webhooks(process, stores, outbound)
    api = Api(web.admission, stores.counters, rights, process.offload)
    parts = _Web(process, stores, access, delivering, jmap, outbound, rights, seal, basic)
    _add_people(api, parts, administration, changed)
    ZoneRoutes(zones.book, zones.editor, stores.accounts, resolver).mount(api)
    _add_mail(api, parts)
    WebhookRoutes(webhooks).mount(api)
    _add_sending(api, parts)
    DocumentRoutes().mount(api)
    api.mount(web.routes)
    return AccountApi(api, webhooks)


def _webhooks(process: Process, stores: Stores, outbound: OutboundHttp) -> Webhooks:
    wall, chance = process.wall, process.random_bytes
    at_rest = AtRest(stores.secret, chance)
    telling = Telling(
        WebhookRecords(stores.objects),
        WebhookMessages(stores.mail),
        stores.accounts,
        outbound,
        wall,
        process.random,
        at_rest,
        process.name,
    )
    private = outbound.allow_private
    return Webhooks(stores.objects, stores.mail, stores.events, telling, wall, chance, at_rest, private)


def _add_people(
    api: Api, web: _Web, administration: Administration, changed: Callable[[], Awaitable[object]]
) -> None:
    """Signing in, one's own security, accounts and domains."""
    process, stores, access, rights, seal = web.process, web.stores, web.access, web.rights, web.seal
    settings, wall, chance = process.settings, process.wall, process.random_bytes
    accounts, objects, hash_password = stores.accounts, stores.objects, process.hash_password
    passkeys = Passkeys(objects, accounts, access.factor, seal, wall, chance, settings.domain)
    own_password = OwnPassword(accounts, access.sign_in, access.sessions, hash_password)
    web_sign_in = WebSignIn(
        access.sign_in,
        access.sessions,
        access.factor,
        passkeys,
        accounts,
        seal,
        access.sign_in.throttle,
        access.places,
        wall,
    )
    invites = Invites(objects, accounts, rights, wall, chance)
    registration = Registration(
        settings.web.registration,
        settings.web.registrations_per_day,
        settings.domain,
        accounts,
        invites,
        stores.counters,
        hash_password,
        changed,
    )
    SessionRoutes(web_sign_in, access.sessions, access.factor, rights, settings).mount(api)
    SecurityRoutes(own_password, access.app_passwords, access.factor, passkeys, web.basic.forget).mount(api)
    RegistrationRoutes(registration, invites).mount(api)
    AccountRoutes(
        accounts,
        rights,
        own_password,
        access.app_passwords,
        access.factor,
        access.sessions,
        hash_password,
        changed,
        web.basic.forget,
    ).mount(api)
    DomainRoutes(accounts, rights, administration, changed).mount(api)


def _add_mail(api: Api, web: _Web) -> None:
    """What a mail client wants beside JMAP, and the queue."""
    process, stores, outbound, contacts = web.process, web.stores, web.outbound, web.jmap.contacts
    settings, wall = process.settings, process.wall
    mail, queue, counters = stores.mail, stores.queue, stores.counters
    MailRoutes(
        Suggestions(mail, contacts),
        Timelines(mail, queue, settings.hostname),
        stores.objects,
        Unsubscribing(mail, outbound, counters, wall),
    ).mount(api)
    blobs = BlobReader(mail, stores.blobs)
    ContactRoutes(VCards(contacts, blobs, process.offload, wall.seconds), blobs).mount(api)
    MailServerRoutes(settings).mount(api)
    TrustRoutes(Forwarders(stores.objects)).mount(api)
    QueueRoutes(queue, stores.accounts, web.rights, wall.seconds).mount(api)
    TraceRoutes(queue, stores.accounts, web.rights).mount(api)
    ImageRoutes(ImageProxy(outbound, process.reactor), web.seal, counters, wall).mount(api)


def _add_sending(api: Api, web: _Web) -> None:
    process, stores = web.process, web.stores
    program_mail = ProgramMail(
        web.delivering.submission, stores.objects, process.wall, process.random, process.offload
    )
    SendRoutes(
        program_mail,
        stores.mail,
        stores.blobs,
        process.settings.web.request_size,
        process.settings.limits.message_size,
        process.offload,
    ).mount(api)
