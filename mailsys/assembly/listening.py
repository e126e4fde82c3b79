"""A factory for each service that can be listened for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from mailsys import metrics
from mailsys.assembly.access import Access
from mailsys.assembly.delivering import Delivering
from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.imap.content import Contents
from mailsys.imap.server import ImapFactory
from mailsys.imap.session import Parts
from mailsys.services.delivery.transactions import ITransactions
from mailsys.services.mailboxes.account import Mailboxes
from mailsys.services.operating.certificates import Certificates
from mailsys.smtp.server import SmtpFactory
from mailsys.smtp.service import Service
from mailsys.web.application import WebApplication
from mailsys.web.health import MetricsSite

IMPLICIT_TLS: Final = frozenset({"submissions", "imaps", "https"})  # to be wrapped in it


def make_factories(
    process: Process,
    stores: Stores,
    access: Access,
    delivering: Delivering,
    web: WebApplication,
    certificates: Certificates,
) -> Mapping[str, Any]:
    """By the name of the service in the settings."""
    reactor, submission = process.reactor, delivering.submission
    factories = {
        "smtp": SmtpFactory(_smtp(process, delivering.reception, None, certificates), reactor),
        "submission": SmtpFactory(_smtp(process, submission, access, certificates), reactor),
        "submissions": SmtpFactory(_smtp(process, submission, access, None), reactor),
    }
    parts = _imap(process, stores, access, delivering, certificates)
    imap = {"imap": ImapFactory(parts), "imaps": ImapFactory(parts, implicit_tls=True)}
    for service, factory in (factories | imap).items():
        metrics.sessions_of(service, partial(getattr, factory, "connections"))
    return (
        factories
        | imap
        | {"http": web.site(), "https": web.site(), "metrics": MetricsSite(stores.queue, reactor)}
    )


def _smtp(
    process: Process, transactions: ITransactions, access: Access | None, tls: Certificates | None
) -> Service:
    """access: of submission; None: port 25, where nobody signs in."""
    settings = process.settings
    return Service(
        transactions,
        None if access is None else access.sign_in.for_service("smtp"),
        settings.hostname,
        settings.limits,
        submission=access is not None,
        now=process.wall.seconds,
        tls=tls,
        login_without_tls=settings.login_without_tls_on_loopback,
    )


def _imap(
    process: Process, stores: Stores, access: Access, delivering: Delivering, tls: Certificates
) -> Parts:
    settings, reactor = process.settings, process.reactor
    return Parts(
        stores.mail,
        stores.blobs,
        access.sign_in.for_service("imap"),
        Mailboxes(stores.mail, stores.events, reactor),
        Contents(stores.blobs, process.offload),
        delivering.intake.reader,
        process.offload,
        settings.limits,
        reactor,
        settings.hostname,
        process.wall.seconds,
        tls,
        settings.login_without_tls_on_loopback,
    )
