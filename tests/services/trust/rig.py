"""What the tests of trust share: a message as it would be staged, and its evidence at once."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from mailsys.core.trust.evidence import Evidence
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.services.trust.authenticate import Authenticator
from mailsys.services.trust.content import Content
from tests.peers.dns_table import DnsTable

NOW = 1_795_000_000  # November 2026


def content(message: bytes) -> Content:
    """Line ends made CRLF; nothing of ours in front."""
    message = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    end = 0 if message.startswith(b"\r\n") else message.find(b"\r\n\r\n") + 2
    body = end + 2 if end >= 2 or message.startswith(b"\r\n") else len(message)
    blob = StagedBlob(BlobId(hashlib.blake2b(message, digest_size=32).digest()), len(message), message)
    return Content(message[:body], blob, body)


def now_result(d: Deferred[Any]) -> Any:
    """What a Deferred that has fired holds."""
    found: list[object] = []
    failed: list = []
    d.addCallbacks(found.append, failed.append)
    if failed:
        failed[0].raiseException()
    return found[0]


def clock(at: float = NOW) -> Clock:
    made = Clock()
    made.advance(at)
    return made


def authenticator(dns: DnsTable, at: float = NOW) -> Authenticator:
    return Authenticator(dns, lambda work: succeed(work()), clock(at), "mx.a.test")


def examined(
    dns: DnsTable,
    message: bytes,
    peer: str = "192.0.2.1",
    hello: str = "mail.b.test",
    sender: str = "bob@b.test",
    at: float = NOW,
) -> Evidence:
    made = authenticator(dns, at)
    return now_result(Deferred.fromCoroutine(made.examine(peer, hello, sender, content(message))))
