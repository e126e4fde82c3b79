# ruff: noqa: N802  (Twisted's names where Twisted's methods are overridden)
"""DNS over UDP."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from mailsys.core.network import plain_address
from mailsys.log import Log
from mailsys.services.zones.serve import NameService

log = Log("dns")

LATE: Final = 2000  # answers that are waited for


class DnsDatagrams(DatagramProtocol):
    def __init__(self, service: NameService) -> None:
        self._service = service
        self._late = 0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        address = addr[0]
        try:
            answer = self._service.datagram(
                datagram, plain_address(address) if address.startswith("::") or "%" in address else address
            )
            if type(answer) is bytes:
                self._send(answer, addr)
            elif isinstance(answer, Deferred) and self._late < LATE:
                self._late += 1
                answer.addCallback(self._send, addr).addErrback(_failed).addBoth(self._done)
        except Exception as problem:
            log.error("datagram not answered", failure=problem)

    def _send(self, answer: bytes | None, addr: Any) -> None:
        transport: Any = self.transport
        if answer and transport is not None:
            try:
                transport.write(answer, addr)
            except OSError as problem:  # no way there, or no room: who asks again is answered again
                log.debug("not sent", failure=problem)

    def _done(self, result: object) -> None:
        self._late -= 1


def _failed(failure: Any) -> None:
    log.error("datagram not answered", failure=failure.value)
