"""A sink that lets nobody's Authentication-Results through that claim to be ours (RFC 8601 §5)."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.trust.authentication_results import ForgedResultsFilter
from mailsys.log import Log
from mailsys.ports.blobs import IBlobSink, StagedBlob

log = Log("receive")


@implementer(IBlobSink)
class CleanedSink:
    """`inner` has our trace fields already; `authserv_id` is our name in such fields."""

    def __init__(self, inner: IBlobSink, authserv_id: str, peer: str) -> None:
        self._inner = inner
        self._filter = ForgedResultsFilter(authserv_id)
        self._peer = peer

    @property
    def size(self) -> int:
        return self._inner.size

    def write(self, data: bytes) -> Deferred[None] | None:
        passed = self._filter.feed(data)
        return self._inner.write(passed) if passed else None

    def finish(self) -> Deferred[StagedBlob]:
        rest = self._filter.finish()
        if self._filter.removed:
            log.warning("forged results removed", peer=self._peer)
        if rest:
            waiting = self._inner.write(rest)
            if waiting is not None:
                return waiting.addCallback(lambda _: self._inner.finish())
        return self._inner.finish()

    def abort(self) -> None:
        self._inner.abort()
