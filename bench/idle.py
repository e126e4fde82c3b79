"""5,000 IMAP connections in IDLE: memory each, CPU at rest, and who wakes on a delivery.

    python bench/idle.py [--connections 5000] [--accounts 100] [--tls]

Connections come from many loopback addresses (the bound is per address).
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import ssl
import time

from system import Mailsys
from wire import Imap, Smtp

DOMAIN = "bench.test"


async def measure(system: Mailsys, connections: int, accounts: int, tls: ssl.SSLContext | None) -> None:
    port = system.imap if tls is None else system.imaps

    async def connect(n: int) -> Imap:
        client = await Imap().open(port, f"127.0.{1 + n % 200}.1", tls)
        await client.login(f"user{n % accounts}@{DOMAIN}", "bench")
        await client.command(b"SELECT INBOX")
        await client.idle()
        return client

    clients = [await connect(n) for n in range(accounts)]  # password hashes are cached from here on
    await asyncio.sleep(1)
    first = system.rss()
    # The slope from half to all: what start-up had freed is filled up by then, so nothing flatters it.
    for end in (connections // 2, connections):
        before, already = system.rss(), len(clients)
        for start in range(already, end, 50):
            clients += await asyncio.gather(*(connect(n) for n in range(start, min(start + 50, end))))
        await asyncio.sleep(2)
    each = (system.rss() - before) / (connections - already) / 1024
    print(f"resident: {first >> 20} MiB with {accounts} connections, {system.rss() >> 20} MiB with all")
    cpu, began = system.cpu(), time.perf_counter()
    await asyncio.sleep(15)
    share = (system.cpu() - cpu) / (time.perf_counter() - began)
    print(f"{connections} idle connections: {each:.1f} KiB each, CPU at rest {share * 100:.2f} % of a core")

    woken: set[int] = set()

    async def watch(n: int, client: Imap) -> None:
        line = await client.reader.readline()
        while b"EXISTS" not in line:
            line = await client.reader.readline()
        woken.add(n)

    watchers = [asyncio.create_task(watch(n, c)) for n, c in enumerate(clients)]
    smtp = await Smtp().open(system.smtp)
    cpu = system.cpu()
    await smtp.send("a@elsewhere.test", [f"user7@{DOMAIN}"], b"Subject: wake\r\n\r\nup\r\n")
    await asyncio.sleep(2)
    expected = {n for n in range(connections) if n % accounts == 7}
    print(
        f"woken by one delivery: {len(woken)} (its own: {woken == expected}), CPU {system.cpu() - cpu:.2f} s"
    )
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    tls = None
    if options.tls:
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    accounts = [w for n in range(options.accounts) for w in ("--account", f"user{n}@{DOMAIN}:bench")]
    with Mailsys("--no-checks", *accounts, domain=DOMAIN) as system:
        asyncio.run(measure(system, options.connections, options.accounts, tls))


if __name__ == "__main__":
    main()
