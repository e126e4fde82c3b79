"""Latency: from the 250 after DATA to `* n EXISTS` in another client's IDLE, at a steady rate.

python bench/latency.py [--rate 100] [--seconds 30]
"""

from __future__ import annotations

import argparse
import asyncio
import time

from system import Mailsys
from wire import Imap, Smtp, percentile

DOMAIN = "bench.test"
USER = f"user@{DOMAIN}"


async def measure(system: Mailsys, rate: int, seconds: int) -> None:
    reader = await Imap().open(system.imap)
    await reader.login(USER, "bench")
    await reader.command(b"SELECT INBOX")
    await reader.idle()
    total = rate * seconds
    accepted: list[float] = []
    shown: list[float] = []
    body = (b"x" * 70 + b"\r\n") * 50

    async def watch() -> None:
        while len(shown) < total:
            line = await reader.reader.readline()
            if line.endswith(b"EXISTS\r\n"):
                now = time.perf_counter()
                count = int(line.split()[1])
                shown.extend([now] * (count - len(shown)))

    async def send(connection: Smtp, first: int) -> None:
        began = time.perf_counter()
        for n in range(first, total, 10):
            await asyncio.sleep(max(0.0, began + n / rate - time.perf_counter()))
            content = b"From: a@elsewhere.test\r\nSubject: %d\r\nMessage-ID: <%d@l>\r\n\r\n" % (n, n) + body
            reply = await connection.send("a@elsewhere.test", [USER], content)
            assert reply.startswith(b"250"), reply
            accepted.append(time.perf_counter())

    watcher = asyncio.create_task(watch())
    connections = [await Smtp().open(system.smtp) for _ in range(10)]
    await asyncio.gather(*(send(c, n) for n, c in enumerate(connections)))
    await asyncio.wait_for(watcher, 30)
    # The n-th acceptance is compared with the moment the count reached n: both are in commit order.
    waits = [max(0.0, s - a) * 1e3 for a, s in zip(sorted(accepted), shown, strict=True)]
    print(
        f"{total} messages at {rate}/s: 250 -> EXISTS p50 {percentile(waits, 0.5):.1f} ms, "
        f"p99 {percentile(waits, 0.99):.1f} ms, max {max(waits):.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    with Mailsys("--no-checks", "--account", f"{USER}:bench", domain=DOMAIN) as system:
        asyncio.run(measure(system, options.rate, options.seconds))


if __name__ == "__main__":
    main()
