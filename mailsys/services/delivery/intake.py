"""What takes mail in, whoever brings it: the parts that receiving and submission have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from mailsys.core.trust.srs import Rewriting
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.limits import ILimits
from mailsys.ports.mail import IMailStore
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.arrivals import Arrives
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.settings import Limits


@dataclass(frozen=True, slots=True)
class Intake:
    """`hostname` stands in the trace header and in Message-IDs that are added; `random_bytes(n)` gives
    chance for trace ids; `clock` tells Unix time. `arrivals` hears of what was delivered here.
    `srs` rewrites the senders of what is forwarded; None: they stay."""

    mail: IMailStore
    blobs: IBlobStore
    directory: Directory
    reader: MessageReader
    reporter: Reporter
    counters: ILimits
    limits: Limits
    clock: IReactorTime
    random_bytes: Callable[[int], bytes]
    hostname: str
    arrivals: Arrives | None = None
    srs: Rewriting | None = None
