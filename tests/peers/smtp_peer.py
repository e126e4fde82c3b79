"""Another mail server in this process, which does what a test tells it to.

    peer = SmtpPeer(reactor).start()
    peer.replies["RCPT"] = ["250 ok", "550 5.1.1 no"]      # in order; the last one repeats
    peer.drop_at = "RCPT"                                   # close when this command comes
    peer.messages                                           # what it took

"END" stands for the end of the content, "GREETING" for the connection.
"""

import warnings
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory, Protocol


@dataclass
class Taken:
    """A message as the peer received it. content: dots unstuffed."""

    mail: str
    recipients: list[str]
    content: bytes
    tls: bool


@dataclass
class SmtpPeer:
    reactor: Any
    offers: list[str] = field(default_factory=lambda: ["PIPELINING", "SIZE 52428800", "8BITMIME", "DSN"])
    replies: dict[str, list[str]] = field(default_factory=dict)
    drop_at: str = ""
    drops: int = -1  # how often; -1: always
    silent_at: str = ""  # never answer this command
    tls: Any = None  # a context factory for STARTTLS
    break_tls: bool = False  # answer STARTTLS, then talk nonsense
    slow_reader: bool = False
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self.messages: list[Taken] = []
        self.commands: list[str] = []  # all, over all connections
        self.connections = 0
        self.open: set[Any] = set()
        self.most_open = 0
        self._waiting: list[tuple[int, Deferred[None]]] = []

    def start(self, port: int = 0) -> "SmtpPeer":
        factory: Any = Factory.forProtocol(_Session)
        factory.peer = self
        self._listening = self.reactor.listenTCP(port, factory, interface=self.host)
        self.port = self._listening.getHost().port
        return self

    async def stop(self) -> None:
        await maybeDeferred(self._listening.stopListening)
        going = []
        for session in list(self.open):
            session.gone = Deferred()
            going.append(session.gone)
            session.transport.abortConnection()
        for gone in going:
            await gone

    def received(self, count: int) -> Deferred[None]:
        """Fires when that many messages were taken."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append((count, waiting))
        self._tell()
        return waiting

    def _tell(self) -> None:
        for entry in [e for e in self._waiting if e[0] <= len(self.messages)]:
            self._waiting.remove(entry)
            self.reactor.callLater(0, entry[1].callback, None)

    def reply(self, command: str, default: str) -> str:
        queue = self.replies.get(command)
        if not queue:
            return default
        return queue.pop(0) if len(queue) > 1 else queue[0]


class _Session(Protocol):
    factory: Any
    transport: Any

    def connectionMade(self) -> None:
        self.peer: SmtpPeer = self.factory.peer
        self.peer.connections += 1
        self.peer.open.add(self)
        self.peer.most_open = max(self.peer.most_open, len(self.peer.open))
        self.gone: Deferred[None] | None = None
        self.buffer = b""
        self.in_data = self.secure = self.closing = self.broken = False
        self.chunk = -1
        self.mail = ""
        self.recipients: list[str] = []
        if not self.misbehave("GREETING"):
            self.say(self.peer.reply("GREETING", "220 peer.test ESMTP"))

    def connectionLost(self, reason: Any = None) -> None:
        self.peer.open.discard(self)
        if self.gone is not None:
            self.gone.callback(None)

    def say(self, text: str) -> None:
        if text.startswith("421"):
            self.transport.write(text.encode() + b"\r\n")
            self.drop(abort=False)
        else:
            self.transport.write(text.encode() + b"\r\n")

    def drop(self, abort: bool = True) -> None:
        self.closing = True
        if abort:
            self.transport.abortConnection()
        else:
            self.transport.loseConnection()

    def misbehave(self, command: str) -> bool:
        peer = self.peer
        if peer.drop_at == command and peer.drops:
            peer.drops -= 1
            self.drop()
            return True
        return peer.silent_at == command

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        if self.broken:  # the ClientHello came
            self.transport.write(b"this is no TLS at all\r\n" * 20)
            self.drop(abort=False)
        while not self.closing:
            if self.chunk >= 0:
                if len(self.buffer) < self.chunk:
                    return
                content, self.buffer = self.buffer[: self.chunk], self.buffer[self.chunk :]
                self.chunk = -1
                self.ended(content)
            elif self.in_data:
                ended = b"\r\n" + self.buffer
                end = ended.find(b"\r\n.\r\n")
                if end < 0:
                    if self.peer.drop_at == "BODY" and self.peer.drops:
                        self.misbehave("BODY")
                    return
                content, self.buffer = ended[:end], ended[end + 5 :]
                content = content.replace(b"\r\n.", b"\r\n")[2:] + (b"\r\n" if end else b"")
                self.in_data = False
                self.ended(content)
            else:
                line, found, rest = self.buffer.partition(b"\r\n")
                if not found:
                    return
                self.buffer = rest
                self.line(line.decode())

    def ended(self, content: bytes) -> None:
        if self.misbehave("END"):
            return
        reply = self.peer.reply("END", "250 2.0.0 queued")
        if reply.startswith("250"):
            self.peer.messages.append(Taken(self.mail, self.recipients, content, self.secure))
        self.mail, self.recipients = "", []
        self.say(reply)
        self.peer._tell()

    def line(self, line: str) -> None:
        self.peer.commands.append(line)
        command = line.split(" ")[0].upper()
        if self.misbehave(command):
            return
        if command == "EHLO":
            offers = [o for o in self.peer.offers if not (self.secure and o == "STARTTLS")]
            lines = [self.peer.reply("NAME", "peer.test"), *offers]
            if command in self.peer.replies:
                self.say(self.peer.reply(command, ""))
                return
            for each in lines[:-1]:
                self.say(f"250-{each}")
            self.say(f"250 {lines[-1]}")
        elif command == "STARTTLS":
            self.start_tls()
        elif command == "MAIL":
            self.mail = line
            self.say(self.peer.reply(command, "250 2.1.0 ok"))
        elif command == "RCPT":
            reply = self.peer.reply(command, "250 2.1.5 ok")
            if reply.startswith("250"):
                self.recipients.append(line)
            self.say(reply)
        elif command == "DATA":
            reply = self.peer.reply(
                command, "354 go on" if self.recipients else "554 5.5.1 nobody to send to"
            )
            self.in_data = reply.startswith("354")
            self.say(reply)
        elif command == "BDAT":
            self.chunk = int(line.split(" ")[1])
        elif command == "QUIT":
            self.say("221 2.0.0 bye")
            self.drop(abort=False)
        else:
            if command == "RSET":
                self.mail, self.recipients = "", []
            self.say(self.peer.reply(command, "250 2.0.0 ok"))

    def start_tls(self) -> None:
        reply = self.peer.reply("STARTTLS", "220 2.0.0 go")
        self.say(reply)
        if not reply.startswith("220"):
            return
        if self.peer.break_tls:
            self.broken = True
            return
        self.transport.startTLS(self.peer.tls)
        self.secure = True
        self.buffer = b""


def self_signed(*names: str) -> tuple[Any, Any]:
    """A context factory for a server with a fresh certificate for `names`, and that certificate for
    clients to trust."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
    from twisted.internet.ssl import Certificate, CertificateOptions

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=10))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Twisted wants pyOpenSSL's types still
        from OpenSSL import crypto

        public = crypto.X509.from_cryptography(certificate)
        options = CertificateOptions(privateKey=crypto.PKey.from_cryptography_key(key), certificate=public)
        options.getContext()
    return options, Certificate(public)


__all__ = ["SmtpPeer", "Taken", "self_signed"]
