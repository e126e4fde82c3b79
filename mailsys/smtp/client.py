# ruff: noqa: N802, N803  (Twisted's names where Twisted's methods are overridden)
"""SMTP to other servers: the socket, TLS and time around `core.smtp.sender`."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IPushProducer,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, CertificateOptions, optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsys.core.smtp.envelope import Capabilities, Envelope, Result
from mailsys.core.smtp.sender import (
    PATIENCE,
    BodyWanted,
    Closed,
    Finished,
    Ready,
    Sender,
    TlsAccepted,
    TlsRefused,
    Waiting,
)
from mailsys.log import Log
from mailsys.services.dns.route import Host
from mailsys.services.sending.demand import Demand, Proof
from mailsys.services.sending.transmit import Content, DialError, IDialer, IHop
from mailsys.settings import Sending
from mailsys.smtp.dane import mismatch

_log = Log("smtp-out")

WINDOW = 256 * 1024  # octets of a message in hand at once
LEAVING = 10.0  # seconds that closing may take


class TlsFailed(Exception):
    """The handshake did not succeed; clear text on a new connection might."""


@implementer(IOpenSSLClientConnectionCreator)
class UnverifiedTls:
    """Opportunistic TLS (RFC 7435): SNI is sent, whatever certificate comes is taken."""

    def __init__(self, context: SSL.Context, name: str) -> None:
        self._context = context
        self._name = name

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self._name and not self._name[-1].isdigit() and ":" not in self._name:
            connection.set_tlsext_host_name(self._name.encode("idna"))  # RFC 6066 §3: names only
        return connection


@implementer(IHop, IHandshakeListener, IPushProducer)
class SmtpClient(Protocol):
    """One connection to one host. Made by `Dialer`."""

    def __init__(
        self, host: Host, hostname: str, settings: Sending, tls: Any | None, demand: Demand, clock: Any
    ) -> None:
        """tls: how to secure the connection; None: stay in clear. demand: what it has to prove.
        settings: how long a reply may take.
        clock: an IReactorTime."""
        self.host = host
        self.tls = ""
        self.met = Demand()
        self.noted = ""
        self.usable = False
        self.carried = 0
        self.capabilities = Capabilities()
        self.ready: Deferred[None] = Deferred()
        self._sender = Sender(hostname)
        self._settings = settings
        self._tls_options = tls
        self._demand = demand
        self._result: Deferred[tuple[Result, ...]] | None = None
        self._content: Content | None = None
        self._drained: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._gone = False
        self._leaving = False
        self._deadline = 0.0
        self._clock = clock

    # -- Protocol ------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        transport = self.transport
        assert transport is not None
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self._be_patient()

    def dataReceived(self, data: bytes) -> None:
        self._sender.feed(data)
        self._pump()

    def connectionLost(self, reason: Failure = Failure(ConnectError())) -> None:  # type: ignore[no-untyped-call]  # noqa: B008
        self._gone = True
        self.usable = False
        self._stop_timer()
        if self._sender.waiting is Waiting.HANDSHAKE and not self.ready.called:
            self.ready.errback(TlsFailed(f"TLS failed: {reason.value}"[:300]))
        self._sender.lost(f"451 4.4.2 Lost the connection while {_DOING[self._sender.waiting]}")
        self._pump()
        self._resume()

    def handshakeCompleted(self) -> None:
        transport = self.transport
        assert transport is not None
        handle: Any = transport.getHandle()  # type: ignore[attr-defined]
        self.tls = f"{handle.get_protocol_version_name()} {handle.get_cipher_name()}"
        demand = self._demand
        if demand.proof is Proof.DANE and (why := mismatch(handle, demand.tlsa, demand.names)):
            self.ready.errback(TlsFailed(why))
            self.abort()
            return
        self.met = demand
        self._sender.tls_started()
        self._pump()

    # -- IHop ----------------------------------------------------------------------------------

    def transmit(self, envelope: Envelope, content: Content) -> Deferred[tuple[Result, ...]]:
        assert self.usable
        assert self._result is None
        self.usable = False
        self.carried += 1
        self._content = content
        result = self._result = Deferred()
        self._sender.begin(envelope)
        self._pump()
        return result

    def close(self) -> None:
        """QUIT, and away without waiting for the answer, which changes nothing any more."""
        self.usable = False
        if self._gone or self.transport is None:
            return
        self._sender.quit()
        self.transport.write(self._sender.take())
        self._leave()

    def abort(self) -> None:
        self.usable = False
        if not self._gone and self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    # -- the engine ------------------------------------------------------------------------------

    def _pump(self) -> None:
        while True:
            if (data := self._sender.take()) and not self._gone and self.transport is not None:
                self.transport.write(data)
            event = self._sender.next_event()
            if event is None:
                break
            if isinstance(event, Ready):
                self._greeted(event)
            elif isinstance(event, TlsAccepted):
                assert ITLSTransport.providedBy(self.transport)
                assert self._tls_options is not None
                self.transport.startTLS(self._tls_options)
            elif isinstance(event, TlsRefused):
                self._in_clear(f"it refused STARTTLS: {event.reply}")
            elif isinstance(event, BodyWanted):
                Deferred.fromCoroutine(self._send_body()).addErrback(self._body_failed)
            elif isinstance(event, Finished):
                self.usable = event.usable and not self._gone
                self._content = None
                result, self._result = self._result, None
                if result is not None:
                    result.callback(event.results)
            elif isinstance(event, Closed):
                self._closed(event)
        self._be_patient()

    def _greeted(self, event: Ready) -> None:
        self.capabilities = event.capabilities
        if self.tls or self._tls_options is None:
            self._settled()
        elif event.capabilities.offers("STARTTLS"):
            self._sender.start_tls()
        else:
            self._in_clear("it does not offer STARTTLS")

    def _in_clear(self, why: str) -> None:
        if self._demand.proof is not Proof.NONE:
            if not self.ready.called:
                self.ready.errback(TlsFailed(why))
            self.close()
            return
        self._settled()

    def _settled(self) -> None:
        self.usable = True
        if not self.ready.called:
            self.ready.callback(None)

    def _closed(self, event: Closed) -> None:
        self.usable = False
        if not self.ready.called:
            self.ready.errback(DialError(event.reply, remote=event.remote))
        self._leave()

    def _leave(self) -> None:
        """Close in good order; a peer that neither reads nor closes is cut off after LEAVING seconds."""
        if self._gone or self._leaving or self.transport is None:
            return
        self._leaving = True
        self._stop_timer()
        self._timer = self._clock.callLater(LEAVING, self.abort)
        self.transport.loseConnection()

    async def _send_body(self) -> None:
        """Stream the content, a window at a time, as fast as the socket takes it."""
        content = self._content
        transport: Any = self.transport
        assert content is not None
        if content.length <= WINDOW:
            data = await content.read(0, content.length)
            if data is None or len(data) != content.length:
                raise LookupError("the message is gone from the store")
            if self._sender.waiting is Waiting.BODY:
                ready = self._sender.body(content.prefix) + self._sender.body(data)
                transport.write(ready + self._sender.end_body())
                self._be_patient()
            return
        transport.registerProducer(self, True)
        try:
            transport.write(self._sender.body(content.prefix))
            start = 0
            while start < content.length:
                data = await content.read(start, min(WINDOW, content.length - start))
                if not data:
                    raise LookupError("the message is gone from the store")
                if self._sender.waiting is not Waiting.BODY:
                    return  # the other side spoke up or is gone: the results are told already
                transport.write(self._sender.body(data))
                self._be_patient()
                start += len(data)
                if self._drained is not None:
                    await self._drained
            if self._sender.waiting is Waiting.BODY:
                transport.write(self._sender.end_body())
                self._be_patient()
        finally:
            transport.unregisterProducer()

    def _body_failed(self, failure: Failure) -> None:
        """Half a message must not be ended by a dot: drop the connection."""
        _log.error("body-unreadable", failure.value, host=self.host.name)
        self._sender.lost("451 4.3.0 The message could not be read here")
        self._pump()
        self.abort()

    def pauseProducing(self) -> None:
        if self._drained is None:
            self._drained = Deferred()

    def resumeProducing(self) -> None:
        self._resume()

    def stopProducing(self) -> None:
        self._resume()

    def _resume(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None:
            if not self._gone:
                self._be_patient()
            drained.callback(None)

    # -- time ------------------------------------------------------------------------------------

    def _be_patient(self) -> None:
        """One timer: activity moves the deadline, the timer looks at it when it fires."""
        if self._gone or self._leaving:
            return
        waiting = self._sender.waiting
        if waiting is Waiting.NOTHING:  # idle, or at our own leisure: whoever holds it closes it
            self._stop_timer()
            return
        patience = self._settings.reply_timeout * PATIENCE.get(waiting, 1.0)
        if waiting is Waiting.GREETING:
            patience = self._settings.greeting_timeout
        self._deadline = self._clock.seconds() + patience
        if self._timer is None:
            self._timer = self._clock.callLater(patience, self._time_up)
        elif self._timer.getTime() > self._deadline:
            self._timer.reset(patience)

    def _time_up(self) -> None:
        self._timer = None
        left = self._deadline - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._time_up)
            return
        waiting = self._sender.waiting
        if waiting is Waiting.HANDSHAKE and not self.ready.called:
            self.ready.errback(TlsFailed("the handshake took too long"))
        self._sender.lost(f"451 4.4.2 Timed out while {_DOING[waiting]}")
        self._pump()
        self.abort()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


_DOING = {
    Waiting.NOTHING: "idle",
    Waiting.GREETING: "waiting for the greeting",
    Waiting.HELLO: "waiting for the answer to EHLO",
    Waiting.HELO: "waiting for the answer to HELO",
    Waiting.TLS_REPLY: "waiting for the answer to STARTTLS",
    Waiting.HANDSHAKE: "starting TLS",
    Waiting.RESET: "waiting for the answer to RSET",
    Waiting.MAIL: "waiting for the answer to MAIL",
    Waiting.RCPT: "waiting for the answer to RCPT",
    Waiting.DATA: "waiting for the answer to DATA",
    Waiting.BODY: "sending the message",
    Waiting.END: "waiting for the answer to the end of data",
    Waiting.QUIT: "saying goodbye",
}


@implementer(IDialer)
class Dialer:
    """Connects to hosts, as settings.sending says."""

    def __init__(
        self,
        reactor: Any,
        hostname: str,
        settings: Sending,
        trust: Certificate | None = None,
        clock: Any = None,
    ) -> None:
        """trust: a root that verified connections accept instead of the platform's (for tests and
        closed networks). clock: an IReactorTime that replies are waited for by (None: the reactor)."""
        self._reactor = reactor
        self._clock = clock or reactor
        self._hostname = hostname
        self._settings = settings
        self._trust = trust
        self._context: SSL.Context | None = None

    def dial(self, host: Host, demand: Demand) -> Deferred[IHop]:
        return Deferred.fromCoroutine(self._dial(host, demand))

    async def _dial(self, host: Host, demand: Demand) -> IHop:
        noted = ""
        unverified = UnverifiedTls(self._any_certificate(), host.name)
        if demand.proof is not Proof.NONE:
            verified = demand.proof is Proof.CERTIFICATE
            tls = optionsForClientTLS(host.name, trustRoot=self._trust) if verified else unverified
            try:
                return await self._open(host, tls, demand)
            except TlsFailed as error:
                if not demand.trial:
                    raise DialError(demand.refusal(str(error))) from error
                noted = f"{demand.by}, testing: {error}"
                _log.info("trial-failed", host=host.name, address=host.address, cause=noted)
        anything = Demand()
        try:
            hop = await self._open(host, unverified, anything)
        except TlsFailed as error:
            _log.info("tls-failed", host=host.name, address=host.address, cause=str(error))
            try:
                hop = await self._open(host, None, anything)
            except TlsFailed as error:  # not without TLS; here for the type's sake
                raise DialError(f"451 4.4.2 {error}") from error
        hop.noted = noted
        return hop

    def _any_certificate(self) -> SSL.Context:
        if self._context is None:
            self._context = CertificateOptions(verify=False).getContext()
        return self._context

    async def _open(self, host: Host, tls: Any | None, demand: Demand) -> SmtpClient:
        settings = self._settings
        client = SmtpClient(host, self._hostname, settings, tls, demand, self._clock)
        six = ":" in host.address
        local = settings.local_address
        bind = (local, 0) if local and (":" in local) == six else None
        make = TCP6ClientEndpoint if six else TCP4ClientEndpoint
        endpoint = make(self._reactor, host.address, host.port, settings.connect_timeout, bind)
        try:
            await endpoint.connect(Factory.forProtocol(lambda: client))
        except ConnectTimeout as error:
            raise DialError(f"451 4.4.1 {host.name} [{host.address}] does not answer") from error
        except (ConnectError, OSError) as error:
            words = " ".join(str(error).split())[:200]
            raise DialError(f"451 4.4.1 {host.name} [{host.address}]: {words}") from error
        try:
            await client.ready
        except BaseException:
            client.abort()
            raise
        return client
