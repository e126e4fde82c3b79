"""The web client's files, health, figures."""

import gzip
from pathlib import Path
from typing import Any

from mailsys import metrics
from mailsys.web.health import MetricsSite
from tests.web.rig import WebTestCase, reactor, read_body

SCRIPT = b"console.log(1)\n" * 100


class StaticTests(WebTestCase):
    def static(self) -> Path:
        folder = Path(self.mktemp())
        (folder / "assets").mkdir(parents=True)
        (folder / "index.html").write_bytes(b"<!doctype html><title>mail</title>")
        (folder / "frame.html").write_bytes(b"<!doctype html><title>frame</title>")
        (folder / "assets" / "app-4f3Ac9d0.js").write_bytes(SCRIPT)
        (folder / "assets" / "app-4f3Ac9d0.js.gz").write_bytes(gzip.compress(SCRIPT))
        (folder / "sw.js").write_bytes(b"self.onfetch = null")
        (folder / "manifest.webmanifest").write_bytes(b"{}")
        (folder / "icon-mask-512.png").write_bytes(b"\x89PNG")
        (folder.parent / "secret.txt").write_bytes(b"secret")
        return folder

    async def page(self, path: str, **headers: str) -> Any:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask(path, user=None, headers=given)

    async def test_the_client_is_served_and_asked_for_anew(self) -> None:
        answer = await self.page("/")
        self.assertEqual((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"))
        self.assertEqual(answer.header("cache-control"), "no-cache")
        policy = answer.header("content-security-policy")
        self.assertIn("script-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        again = await self.page("/", If_None_Match=answer.header("etag"))
        self.assertEqual((again.status, again.body), (304, b""))

    async def test_its_own_addresses_lead_to_it(self) -> None:
        self.assertIn(b"<title>mail", (await self.page("/mailbox/F1/thread/T2")).body)

    async def test_what_looks_like_a_file_and_is_none_is_404(self) -> None:
        for path in ("/assets/gone.js", "/favicon.ico", "/api/v1/nothing", "/jmap/nothing"):
            self.assertEqual((await self.page(path)).status, 404)

    async def test_hashed_files_are_kept_for_good(self) -> None:
        answer = await self.page("/assets/app-4f3Ac9d0.js")
        self.assertIn("immutable", answer.header("cache-control"))
        self.assertEqual(answer.header("content-type"), "text/javascript; charset=utf-8")
        self.assertEqual(answer.body, SCRIPT)

    async def test_worker_manifest_and_icons_are_asked_for_anew(self) -> None:
        for path, kind in (
            ("/sw.js", "text/javascript; charset=utf-8"),
            ("/manifest.webmanifest", "application/manifest+json"),
            ("/icon-mask-512.png", "image/png"),
        ):
            answer = await self.page(path)
            self.assertEqual((answer.status, answer.header("content-type")), (200, kind))
            self.assertEqual(answer.header("cache-control"), "no-cache", path)
        # The worker may ask nobody but us.
        self.assertIn("connect-src 'self'", (await self.page("/sw.js")).header("content-security-policy"))

    async def test_compressed_ones_go_to_those_who_take_them(self) -> None:
        answer = await self.page("/assets/app-4f3Ac9d0.js", Accept_Encoding="br, gzip")
        self.assertEqual(
            (answer.header("content-encoding"), answer.header("vary")), ("gzip", "Accept-Encoding")
        )
        self.assertEqual(gzip.decompress(answer.body), SCRIPT)
        answer = await self.page("/assets/app-4f3Ac9d0.js", Accept_Encoding="gzip;q=0")
        self.assertIsNone(answer.header("content-encoding"))

    async def test_the_frame_for_mail_is_sandboxed(self) -> None:
        policy = (await self.page("/frame.html")).header("content-security-policy")
        self.assertIn("sandbox", policy)
        self.assertNotIn("script-src", policy)

    async def test_nothing_outside_is_served(self) -> None:
        for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"):
            answer = await self.page(path)
            self.assertNotIn(b"secret", answer.body)


class HealthTests(WebTestCase):
    async def test_it_lives_and_is_ready(self) -> None:
        for path in ("/health/live", "/healthz", "/health/ready", "/readyz"):
            self.assertEqual((await self.ask(path, user=None)).status, 200)

    async def test_only_these_paths_say_so(self) -> None:
        for path in ("/healthz/", "/healthz/x", "/healthzz", "/readyz/x", "/health/", "/health/x"):
            self.assertEqual((await self.ask(path, user=None)).status, 404, path)

    async def test_a_store_that_cannot_write_is_not_ready_but_alive_and_says_why(self) -> None:
        self.store.writer.batch.connection.execute("PRAGMA query_only=1").fetchall()
        for _ in range(2):
            answer = await self.ask("/readyz", user=None)
            self.assertEqual((answer.status, answer.json["detail"]), (503, "The store cannot write."))
        self.assertEqual((await self.ask("/healthz", user=None)).status, 200)
        self.store.writer.batch.connection.execute("PRAGMA query_only=0").fetchall()
        self.assertEqual((await self.ask("/readyz", user=None)).status, 200)

    async def test_while_it_stops_it_is_not_ready(self) -> None:
        self.web._health.stopping = True
        self.assertEqual((await self.ask("/health/ready", user=None)).status, 503)

    async def test_figures_have_a_port_of_their_own(self) -> None:
        self.assertEqual((await self.ask("/metrics")).status, 404)
        before = _value("mailsys_web_requests_total", status="2xx")
        await self.ask("/health/live")
        port = reactor.listenTCP(0, MetricsSite(self.store.queue, reactor), interface="127.0.0.1")
        response = await self.agent.request(b"GET", b"http://127.0.0.1:%d/metrics" % port.getHost().port)
        body = await read_body(response)
        await self.pool.closeCachedConnections()
        await port.stopListening()
        self.assertIn(b'mailsys_web_requests_total{status="2xx"}', body)
        self.assertIn(b"mailsys_queue_size 0.0", body)
        self.assertEqual(_value("mailsys_web_requests_total", status="2xx"), before + 1)


def _value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0
