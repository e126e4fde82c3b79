"""JMAP clients that others wrote, over HTTPS."""

import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import SkipTest
from unittest.mock import patch

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailsys.services.jmap.mail.methods import register_mail
from mailsys.services.operating.certificates import Certificates, write_self_signed
from tests.web.rig import DOMAIN, WebTestCase, reactor

try:
    import jmapc
    from jmapc.methods import CoreEcho, MailboxGet
except ImportError:
    jmapc = None


class JmapcTests(WebTestCase):
    def prepare(self) -> None:
        if jmapc is None:
            raise SkipTest("jmapc is not installed")
        import random

        register_mail(self.api, random.Random(1))

    async def open(self) -> None:
        await super().open()
        folder = Path(self.mktemp())
        self.certificate, key = folder / "certificate.pem", folder / "key.pem"
        write_self_signed(self.certificate, key, ["localhost"])
        factory = TLSMemoryBIOFactory(Certificates(self.certificate, key), False, self.web.site())
        self.tls_port = reactor.listenTCP(0, factory, interface="127.0.0.1")

    async def close(self) -> None:
        await maybeDeferred(self.tls_port.stopListening)
        await super().close()

    async def run_client(self, work: Any) -> Any:
        """`work(client)` in a thread."""

        def run() -> Any:
            with patch.dict(os.environ, {"REQUESTS_CA_BUNDLE": str(self.certificate.absolute())}):
                client = jmapc.Client.create_with_password(
                    f"localhost:{self.tls_port.getHost().port}", f"alice@{DOMAIN}", "secret"
                )
                try:
                    return work(client)
                finally:
                    client.requests_session.close()

        return await deferToThread(run)

    def followed(self) -> bool:
        return any(watch._known for watch in self.feed._watches.values())

    async def test_it_signs_in_and_calls(self) -> None:
        def work(client: Any) -> Any:
            return client.request(CoreEcho(data={"hello": "world"})).data, client.request(
                MailboxGet(ids=None)
            )

        echo, mailboxes = await self.run_client(work)
        self.assertEqual(echo, {"hello": "world"})
        self.assertIn("inbox", {each.role for each in mailboxes.data})

    async def test_it_uploads(self) -> None:
        with tempfile.NamedTemporaryFile(suffix=".png") as file:
            file.write(b"picture" * 30_000)
            file.flush()
            blob = await self.run_client(lambda client: client.upload_blob(file.name))
        self.assertEqual((blob.size, blob.type), (210_000, "image/png"))

    async def test_it_hears_of_new_mail(self) -> None:
        waiting = Deferred.fromCoroutine(self.run_client(lambda client: next(client.events)))
        while not self.followed():
            await deferLater(reactor, 0.01)
        await self.deliver()
        event = await waiting
        self.assertIn(self.A, event.data.changed)


try:
    import jmap.client
    from jmap.push.websocket_client import WebSocketClient
except ImportError:
    WebSocketClient = None


class JmaplibTests(WebTestCase):
    def prepare(self) -> None:
        if WebSocketClient is None:
            raise SkipTest("jmaplib is not installed")
        import random

        register_mail(self.api, random.Random(1))

    async def run_client(self, work: Any) -> Any:
        def run() -> Any:
            import httpx

            auth = httpx.BasicAuth(f"alice@{DOMAIN}", "secret")
            with jmap.client.JMAPClient.connect(f"{self.url}/.well-known/jmap", auth=auth) as client:
                return work(client)

        return await deferToThread(run)

    async def test_it_calls_uploads_and_downloads(self) -> None:
        def work(client: Any) -> Any:
            blob = client.upload(b"content" * 20_000, content_type="text/plain")
            return client.echo(a=1), client.download(blob.blob_id, name="ü ü.txt")

        echo, content = await self.run_client(work)
        self.assertEqual((echo, content), ({"a": 1}, b"content" * 20_000))

    async def test_it_talks_by_socket_and_resumes(self) -> None:
        from twisted.internet.threads import blockingCallFromThread

        def deliver() -> None:
            blockingCallFromThread(reactor, lambda: Deferred.fromCoroutine(self.deliver()))

        def work(client: Any) -> Any:
            with WebSocketClient(client) as sockets:
                sockets.enable_push(["Email"])
                with sockets.batch() as batch:
                    mailboxes = batch.mail.mailbox.get()
                deliver()
                first = next(sockets.notifications())
                state = sockets.push_state
            deliver()
            with WebSocketClient(client, push_state=state) as sockets:
                sockets.enable_push(["Email"])
                second = next(sockets.notifications())
            return mailboxes.result, first.changed, second.changed

        mailboxes, first, second = await self.run_client(work)
        self.assertEqual(len(mailboxes.items), 6)
        now = await self.api.state_change(self.alice.id, ["Email"])
        self.assertEqual(dict(second[self.A]), now)
        self.assertNotEqual(dict(first[self.A]), now)
