"""Live: from SMTP's 250 to the StateChange on a WebSocket, at a steady rate, with many sockets open.

python bench/jmap_live.py [--rate 100] [--seconds 20] [--sockets 1000] [--accounts 50]
"""

from __future__ import annotations

import argparse
import asyncio
import time

from system import Mailsys
from web import Http, Socket
from wire import Smtp, percentile

DOMAIN, PASSWORD = "bench.test", "bench"


async def measure(system: Mailsys, options: argparse.Namespace) -> None:
    port = int(system.ready["http"].rsplit(":", 1)[1])
    users = [f"u{n}@{DOMAIN}" for n in range(options.accounts)]
    sockets: list[Socket] = []
    before = system.rss()
    for n in range(options.sockets):
        sockets.append(await Socket(Http(port, users[n % len(users)], PASSWORD)).open())
    for socket in sockets:
        socket.send({"@type": "WebSocketPushEnable", "dataTypes": ["Email"]})
    await asyncio.sleep(2)
    each = (system.rss() - before) / max(1, len(sockets))
    total = options.rate * options.seconds
    accepted: dict[str, list[float]] = {user: [] for user in users}
    watched = {users[n]: sockets[n] for n in range(len(users))}
    told: dict[str, list[tuple[float, int]]] = {user: [] for user in users}
    body = (b"x" * 70 + b"\r\n") * 50

    async def watch(user: str, socket: Socket) -> None:
        while True:
            message = await socket.receive()
            states = next(iter(message["changed"].values()))
            told[user].append((time.perf_counter(), int(states["Email"])))

    async def drain(socket: Socket) -> None:
        while True:
            await socket.http.reader.read(65536)

    tasks = [asyncio.create_task(watch(user, socket)) for user, socket in watched.items()]
    tasks += [asyncio.create_task(drain(socket)) for socket in sockets[len(users) :]]

    async def send(connection: Smtp, first: int) -> None:
        began = time.perf_counter()
        for n in range(first, total, 10):
            await asyncio.sleep(max(0.0, began + n / options.rate - time.perf_counter()))
            user = users[n % len(users)]
            content = b"From: a@elsewhere.test\r\nSubject: %d\r\nMessage-ID: <%d@l>\r\n\r\n" % (n, n) + body
            reply = await connection.send("a@elsewhere.test", [user], content)
            assert reply.startswith(b"250"), reply
            accepted[user].append(time.perf_counter())

    cpu = system.cpu()
    connections = [await Smtp().open(system.smtp) for _ in range(10)]
    await asyncio.gather(*(send(c, n) for n, c in enumerate(connections)))
    await asyncio.sleep(1)
    cpu = system.cpu() - cpu
    for task in tasks:
        task.cancel()
    # One account's n-th message is the n-th modseq; a StateChange answers for all up to its own.
    waits: list[float] = []
    missed = 0
    for user in users:
        words = told[user]
        if not words:
            missed += len(accepted[user])
            continue
        last = words[-1][1]
        for n, at in enumerate(sorted(accepted[user])):
            wanted = last - (len(accepted[user]) - 1 - n)
            heard = next((when for when, state in words if state >= wanted), None)
            if heard is None:
                missed += 1
            else:
                waits.append(max(0.0, heard - at) * 1e3)
    print(
        f"{total} messages at {options.rate}/s, {len(sockets)} sockets of {len(users)} accounts "
        f"({each / 1e3:.1f} KB each): 250 -> StateChange p50 {percentile(waits, 0.5):.1f} ms, "
        f"p99 {percentile(waits, 0.99):.1f} ms, max {max(waits):.1f} ms; {missed} untold; "
        f"server CPU {cpu / options.seconds * 100:.0f} %"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--accounts", type=int, default=50)
    options = parser.parse_args()
    accounts = [word for n in range(options.accounts) for word in ("--account", f"u{n}@{DOMAIN}:{PASSWORD}")]
    with Mailsys("--no-checks", *accounts, domain=DOMAIN) as system:
        asyncio.run(measure(system, options))


if __name__ == "__main__":
    main()
