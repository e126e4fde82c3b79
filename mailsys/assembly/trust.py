"""Who looks at what other servers bring."""

from __future__ import annotations

from mailsys.assembly.filtering import make_filter
from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.ports.resolver import IResolver
from mailsys.services.delivery.directory import Directory
from mailsys.services.judges.panel import panel
from mailsys.services.receiving.opinions import asked_outside, read_by_filter
from mailsys.services.trust.acquaintances import Acquaintances
from mailsys.services.trust.authenticate import Authenticator
from mailsys.services.trust.dns_lists import DnsList, DnsLists
from mailsys.services.trust.forwarders import Forwarders
from mailsys.services.trust.inspection import Inspector, Networks, Opinion, Recent, new_policy
from mailsys.settings import SettingsError, Trust
from mailsys.settings_file import weighted


def make_inspector(
    process: Process, stores: Stores, directory: Directory, resolver: IResolver
) -> Inspector | None:
    """None: the settings turn checks off. Raises SettingsError."""
    settings = process.settings
    if not settings.checks:
        return None
    trust, wall = settings.trust, process.wall
    try:
        policy = new_policy(trust, directory)
    except ValueError as problem:
        raise SettingsError(str(problem)) from None
    authenticator = Authenticator(resolver, process.offload, wall, settings.hostname)
    return Inspector(
        authenticator if trust.authenticate else None,
        DnsLists(_lists(trust), wall),
        stores.strangers,
        Acquaintances(stores.mail, stores.accounts, wall, trust.warn_of_strangers),
        Forwarders(stores.objects),
        stores.counters,
        directory,
        trust,
        settings.greylist,
        settings.hostname,
        policy,
        Networks(trust.exempt),
        Networks(trust.may_send_as_us),
        process.offload,
        stores.queue.record,
        Recent(wall),
        Recent(wall),
        _opinions(process, stores),
    )


def _lists(trust: Trust) -> list[DnsList]:
    found = [DnsList(*weighted(each), "address") for each in trust.address_lists]
    return found + [DnsList(*weighted(each), "domain") for each in trust.domain_lists]


def _opinions(process: Process, stores: Stores) -> list[Opinion]:
    """The content filter, and programs of others."""
    found = [read_by_filter(make_filter(process, stores))] if process.settings.filter.enabled else []
    outside = panel(process.settings.judges, process.reactor, process.settings.hostname)
    if outside:
        found.append(asked_outside(outside))
    return found
