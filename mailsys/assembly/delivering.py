"""Mail that comes in, from other servers and from our own users."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mailsys.assembly.process import Process
from mailsys.assembly.stores import Stores
from mailsys.assembly.trust import make_inspector
from mailsys.core.message.analysis import analyse
from mailsys.core.trust.srs import Rewriting
from mailsys.ports.resolver import IResolver
from mailsys.services.answering.feedback import Feedback
from mailsys.services.answering.vacation import Responder
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.arrivals import Arrivals
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.delivery.intake import Intake
from mailsys.services.receiving.pace import Pace
from mailsys.services.receiving.receive import Reception
from mailsys.services.submission.pause import Pauses
from mailsys.services.submission.submit import Submission


@dataclass(frozen=True, slots=True)
class Delivering:
    """`responder` and `feedback` hear of what was delivered."""

    intake: Intake
    reception: Reception
    submission: Submission
    responder: Responder
    feedback: Feedback

    @property
    def directory(self) -> Directory:
        return self.intake.directory


def make_delivering(process: Process, stores: Stores, resolver: IResolver) -> Delivering:
    settings, wall, chance = process.settings, process.wall, process.random_bytes
    directory = Directory(stores.accounts, process.reactor, settings.domain)
    srs = Rewriting(_key(stores.secret), settings.domain) if settings.sending.srs else None
    reporter = Reporter(
        hostname=settings.hostname,
        domain=settings.domain,
        directory=directory,
        blobs=stores.reports,
        analyse=analyse,
        unique=lambda: chance(12).hex(),
        srs=srs,
    )
    responder = Responder(
        stores.mail, stores.objects, stores.blobs, stores.once, directory, wall, process.random
    )
    feedback = Feedback(stores.objects, stores.blobs, process.offload)
    intake = Intake(
        stores.mail,
        stores.blobs,
        directory,
        MessageReader(analyse, process.offload),
        reporter,
        stores.counters,
        settings.limits,
        wall,
        chance,
        settings.hostname,
        Arrivals(responder, feedback),
        srs,
    )
    inspector = make_inspector(process, stores, directory, resolver)
    pace = Pace(stores.counters, settings.rates, process.reactor) if settings.checks else None
    reception = Reception(intake, inspector, pace)
    return Delivering(
        intake, reception, Submission(intake, Pauses(stores.objects, stores.accounts)), responder, feedback
    )


def _key(secret: bytes) -> bytes:
    """Of rewritten senders, made of the system's."""
    return hashlib.blake2b(b"rewritten senders", key=secret, digest_size=32).digest()
