"""The queue to the world."""

from __future__ import annotations

from collections.abc import Sequence

from mailsys.assembly.delivering import Delivering
from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.services.dns.resolve import StubResolver, configured_servers
from mailsys.services.dns.route import Ourselves, Router
from mailsys.services.outbound.http import OutboundHttp
from mailsys.services.sending.means import Means
from mailsys.services.sending.policies import Policies
from mailsys.services.sending.send import Sending
from mailsys.services.sending.sign import Signer
from mailsys.services.sending.sts import StsPolicies
from mailsys.settings_file import host_port
from mailsys.smtp.client import Dialer


def make_resolver(process: Process, listening: Sequence[tuple[str, str]] = ()) -> StubResolver:
    """`listening`: (service, "address:port") of what is bound."""
    dns = process.settings.dns
    own = [reachable(*host_port(where)) for service, where in listening if service == "dns" and dns.own]
    return StubResolver(
        process.reactor,
        own[:1] or configured_servers(dns.servers),
        random=process.random,
        trust_ad=dns.trust_ad,
        timeout=dns.timeout,
    )


def make_sts(process: Process, stores: Stores, resolver: StubResolver, outbound: OutboundHttp) -> StsPolicies:
    return StsPolicies(resolver, outbound, stores.sts_policies, process.reactor, process.wall.seconds)


def reachable(host: str, port: int) -> tuple[str, int]:
    """Where a process of this machine reaches what listens there."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104


def make_sending(
    process: Process,
    stores: Stores,
    delivering: Delivering,
    resolver: StubResolver,
    listening: Sequence[tuple[str, str]],
    sts: StsPolicies,
) -> Sending:
    """`listening`: (service, "address:port") of what is bound."""
    settings, intake = process.settings, delivering.intake
    own = [host_port(where) for service, where in listening if service == "smtp"]
    router = Router(
        resolver,
        process.random,
        Ourselves.listening(settings.hostname, own),
        settings.sending.port,
        settings.sending.smarthost,
    )
    return Sending(
        Means(
            queue=stores.queue,
            blobs=stores.blobs,
            directory=intake.directory,
            router=router,
            dialer=Dialer(process.reactor, settings.hostname, settings.sending),
            signer=Signer(stores.accounts, process.offload, process.wall.seconds),
            reporter=intake.reporter,
            reader=intake.reader,
            settings=settings.sending,
            clock=process.reactor,
            now=process.wall.seconds,
            random=process.random,
            arrivals=intake.arrivals,
            policies=Policies(resolver, sts if settings.sending.mta_sts else None, settings.sending.dane),
            longest_hold=settings.limits.hold_at_most,
        )
    )
