"""A mail client's usual batch (Email/query and Email/get of 50) beside a trivial Klein route in the same run.

python bench/jmap_batch.py [--messages 2000] [--seconds 5] [--connections 8]
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time

from system import Mailsys
from web import Http
from wire import Smtp, percentile

USER, PASSWORD, DOMAIN = "user@bench.test", "bench", "bench.test"
USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
LISTED = [
    "id",
    "threadId",
    "mailboxIds",
    "keywords",
    "from",
    "to",
    "subject",
    "receivedAt",
    "size",
    "preview",
    "hasAttachment",
]

TRIVIAL = """
import json, sys
from twisted.internet import endpoints, reactor
from klein import Klein
from twisted.web.server import Site
app = Klein()
@app.route("/", methods=["POST"])
async def trivial(request):
    request.setHeader(b"Content-Type", b"application/json")
    body = json.dumps({"hello": "world"}).encode()
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body
site = Site(app.resource())
site.log = lambda request: None
port = reactor.listenTCP(0, site, interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
"""


async def fill(system: Mailsys, messages: int) -> None:
    body = (b"x" * 70 + b"\r\n") * 40
    connections = [await Smtp().open(system.smtp) for _ in range(20)]

    async def send(connection: Smtp, first: int) -> None:
        for n in range(first, messages, 20):
            content = (
                b"From: a@elsewhere.test\r\nTo: %s\r\nSubject: message %d\r\nMessage-ID: <%d@l>\r\n\r\n"
                % (
                    USER.encode(),
                    n,
                    n,
                )
            )
            reply = await connection.send("a@elsewhere.test", [USER], content + body)
            assert reply.startswith(b"250"), reply

    await asyncio.gather(*(send(c, n) for n, c in enumerate(connections)))
    await asyncio.sleep(1)


async def throughput(open_one, ask, seconds: float, connections: int) -> tuple[float, list[float]]:  # type: ignore[no-untyped-def]
    waits: list[float] = []
    over = time.perf_counter() + seconds

    async def work() -> None:
        connection = await open_one()
        while time.perf_counter() < over:
            began = time.perf_counter()
            await ask(connection)
            waits.append((time.perf_counter() - began) * 1e3)
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return len(waits) / (time.perf_counter() - began), waits


async def measure(system: Mailsys, options: argparse.Namespace) -> None:
    port = int(system.ready["http"].rsplit(":", 1)[1])
    await fill(system, options.messages)
    first = await Http(port, USER, PASSWORD).open()
    (answer,) = await first.call(
        USING, ["Mailbox/query", {"accountId": "A1", "filter": {"role": "inbox"}}, "0"]
    )
    inbox = answer[1]["ids"][0]
    query = {
        "accountId": "A1",
        "filter": {"inMailbox": inbox},
        "sort": [{"property": "receivedAt", "isAscending": False}],
        "limit": 50,
    }
    get = {
        "accountId": "A1",
        "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
        "properties": LISTED,
    }

    async def batch(connection: Http) -> None:
        found = await connection.call(USING, ["Email/query", query, "q"], ["Email/get", get, "g"])
        assert len(found[1][1]["list"]) == 50, found

    async def trivial(connection: Http) -> None:
        status, _ = await connection.ask("POST", "/", b"{}")
        assert status == 200

    child = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs yet
        [sys.executable, "-c", TRIVIAL], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    other = int(child.stdout.readline())
    try:
        rate, waits = await throughput(
            lambda: Http(port, USER, PASSWORD).open(), batch, options.seconds, options.connections
        )
        plain, _ = await throughput(
            lambda: Http(other, USER, PASSWORD).open(), trivial, options.seconds, options.connections
        )
    finally:
        child.kill()
        child.wait()
    print(
        f"Email/query + Email/get of 50: {rate:.0f}/s (p50 {percentile(waits, 0.5):.1f} ms, p99 "
        f"{percentile(waits, 0.99):.1f} ms); trivial Klein route {plain:.0f}/s; ratio {rate / plain:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with Mailsys("--no-checks", "--account", f"{USER}:{PASSWORD}", domain=DOMAIN) as system:
        asyncio.run(measure(system, options))


if __name__ == "__main__":
    main()
