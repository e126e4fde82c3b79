"""What sending works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from mailsys.ports.blobs import IBlobStore
from mailsys.ports.queue import IQueueStore
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.arrivals import Arrives
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.dns.route import Router
from mailsys.services.sending.policies import Policies
from mailsys.services.sending.sign import Signer
from mailsys.services.sending.transmit import IDialer
from mailsys.settings import Sending as Settings


@dataclass(frozen=True, slots=True)
class Means:
    """clock: a monotonic IReactorTime; now: Unix time. signer: None when mail leaves unsigned. arrivals hears
    of what was delivered here. policies: None where no other domain's wishes are looked up.
    longest_hold: how far ahead mail may be released, seconds."""

    queue: IQueueStore
    blobs: IBlobStore
    directory: Directory
    router: Router
    dialer: IDialer
    signer: Signer | None
    reporter: Reporter
    reader: MessageReader
    settings: Settings
    clock: Any
    now: Callable[[], float]
    random: Random
    arrivals: Arrives | None = None
    policies: Policies | None = None
    longest_hold: float = 30 * 86400.0
