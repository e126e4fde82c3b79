"""The JMAP API with all its methods, and word of what changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailsys.assembly.access import Access
from mailsys.assembly.delivering import Delivering
from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.services.access.standing import Standing
from mailsys.services.jmap.contacts.methods import register_contacts
from mailsys.services.jmap.extensions.methods import register_more
from mailsys.services.jmap.extensions.push_subscriptions import PushSubscriptions
from mailsys.services.jmap.mail.methods import register_mail
from mailsys.services.jmap.protocol.api import JmapApi, Limits, Ports
from mailsys.services.jmap.submission.methods import register_sending
from mailsys.services.notifying.push import Feed
from mailsys.services.notifying.push_delivery import PushDelivery
from mailsys.services.notifying.push_turns import PushTurns
from mailsys.services.notifying.push_vapid import VAPID, Vapid
from mailsys.services.outbound.http import OutboundHttp
from mailsys.services.people.contacts import Contacts


@dataclass(frozen=True, slots=True)
class Jmap:
    """`pushes` tells of changes to URLs (RFC 8620 §7.2)."""

    api: JmapApi
    contacts: Contacts
    feed: Feed
    pushes: PushSubscriptions


def make_jmap(
    process: Process,
    stores: Stores,
    access: Access,
    delivering: Delivering,
    outbound: OutboundHttp,
    snoozed: Callable[[], None],
) -> Jmap:
    """`snoozed` is called when something was snoozed."""
    wall, web = process.wall, process.settings.web
    submission, directory = delivering.submission, delivering.directory
    contacts = Contacts(stores.mail, stores.blobs, stores.objects, process.offload, wall.seconds)
    api = JmapApi(
        Ports(
            stores.mail,
            stores.blobs,
            stores.accounts,
            stores.queue,
            stores.objects,
            stores.events,
            process.offload,
        ),
        wall,
        process.random,
        Limits(
            max_size_upload=web.upload_size,
            max_concurrent_upload=web.uploads_at_once,
            max_size_request=web.request_size,
            max_concurrent_requests=web.requests_at_once,
        ),
    )
    register_mail(api, process.random, process.settings.limits.message_size, snoozed, contacts)
    identities = register_sending(api, submission, directory, delivering.responder, snoozed)
    register_more(api, submission, identities, directory, stores.once, stores.counters, web.upload_per_hour)
    register_contacts(api, contacts)
    feed = Feed(stores.events, api.state_change, process.reactor)
    return Jmap(api, contacts, feed, _pushes(process, stores, access, api, feed, outbound))


def _pushes(
    process: Process, stores: Stores, access: Access, api: JmapApi, feed: Feed, outbound: OutboundHttp
) -> PushSubscriptions:
    settings, now, chance = process.settings, process.wall.seconds, process.random_bytes
    vapid = Vapid(stores.secret, f"postmaster@{settings.domain}", now)
    api.announce(VAPID, vapid.capability)
    turns = PushTurns(stores.objects, now, process.name)
    pushes = PushSubscriptions(
        stores.objects,
        PushDelivery(feed, outbound, process.reactor, now, chance, turns, vapid),
        stores.counters,
        process.reactor,
        now,
        chance,
        settings.web.push_to_private,
        Standing(access.sessions, access.app_passwords).holds,
    )
    pushes.register(api)
    access.revocations.listen(pushes.revoked)
    return pushes
