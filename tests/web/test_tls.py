"""The same over TLS."""

import json
import socket
import ssl
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailsys.services.operating.certificates import Certificates, write_self_signed
from tests.web.raw import head
from tests.web.rig import WebTestCase, basic, reactor


class TlsTests(WebTestCase):
    async def open(self) -> None:
        await super().open()
        folder = Path(self.mktemp())
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        write_self_signed(certificate, key, ["localhost"])
        factory = TLSMemoryBIOFactory(Certificates(certificate, key), False, self.web.site())
        self.tls_port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.tls_number = self.tls_port.getHost().port

    async def close(self) -> None:
        await maybeDeferred(self.tls_port.stopListening)
        await super().close()

    def talk(self, *pieces: bytes, until: bytes | None = None) -> Any:
        def work() -> bytes:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            got = b""
            with (
                socket.create_connection(("127.0.0.1", self.tls_number), 10) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as connection,
            ):
                for piece in pieces:
                    connection.sendall(piece)
                while until is None or until not in got:
                    data = connection.recv(65536)
                    if not data:
                        break
                    got += data
            return got

        return deferToThread(work)

    async def test_addresses_are_https_and_to_stay_so(self) -> None:
        answer = await self.talk(
            head("GET", "/jmap/session", Authorization=basic("alice"), Connection="close")
        )
        self.assertIn(b"Strict-Transport-Security: max-age=", answer)
        session = json.loads(answer.partition(b"\r\n\r\n")[2])
        self.assertEqual(session["apiUrl"], "https://localhost/jmap/api")
        self.assertEqual(
            session["capabilities"]["urn:ietf:params:jmap:websocket"]["url"], "wss://localhost/jmap/ws"
        )

    async def test_an_upload_is_taken_whole(self) -> None:
        start = head(
            "POST", f"/jmap/upload/{self.A}/", Authorization=basic("alice"), Content_Length="3000000",
            Connection="close",
        )  # fmt: skip
        answer = await self.talk(start, b"z" * 3_000_000)
        self.assertTrue(answer.startswith(b"HTTP/1.1 201 "), answer)
        self.assertIn(b'"size":3000000', answer)

    async def test_a_socket_opens_and_answers(self) -> None:
        message = b'{"@type":"Request","id":"r","using":[],"methodCalls":[]}'
        answer = await self.talk(
            head(
                "GET", "/jmap/ws", Authorization=basic("alice"), Upgrade="websocket", Connection="Upgrade",
                Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==", Sec_WebSocket_Version="13",
                Sec_WebSocket_Protocol="jmap",
            ),
            b"\x81" + bytes((0x80 | len(message),)) + b"\0\0\0\0" + message,
            until=b"sessionState",
        )  # fmt: skip
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
        self.assertIn(b'"requestId":"r"', answer)
