"""Fairness: how long a NOOP on one connection takes while another does something huge.

    python bench/fairness.py

Loads, one after the other: a 50 MB message arriving, a message with 200,000 recipients in its
header, FETCH of a message with 1,000 MIME parts (structure, then every part), SEARCH and FETCH of a
large mailbox.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from system import Mailsys
from wire import Imap, Smtp, percentile

DOMAIN = "bench.test"
USER = f"user@{DOMAIN}"


async def probe(client: Imap, stop: asyncio.Event, waits: list[float]) -> None:
    while not stop.is_set():
        began = time.perf_counter()
        await client.command(b"NOOP")
        waits.append((time.perf_counter() - began) * 1e3)
        await asyncio.sleep(0.004)


async def under(name: str, client: Imap, load: Callable[[], Awaitable[None]]) -> None:
    stop, waits = asyncio.Event(), list[float]()
    task = asyncio.create_task(probe(client, stop, waits))
    began = time.perf_counter()
    await load()
    took = time.perf_counter() - began
    stop.set()
    await task
    print(
        f"{name:44} {took:6.2f} s  NOOP n={len(waits):5} p50 {percentile(waits, 0.5):6.2f} ms"
        f"  p99 {percentile(waits, 0.99):6.2f} ms  max {max(waits):6.2f} ms",
        flush=True,
    )


def parts(count: int) -> bytes:
    out = [
        b"From: a@b.test\r\nSubject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n"
    ]
    for n in range(count):
        out.append(b"--b0\r\nContent-Type: text/plain; name=p%d\r\n\r\n" % n + b"text of a part\r\n" * 200)
    return b"".join([*out, b"--b0--\r\n"])


async def child(kind: str, system: Mailsys) -> None:
    """Run one load in a process of its own, so that building it does not disturb the probe."""
    code = f"import asyncio, fairness; asyncio.run(fairness.LOADS[{kind!r}]({system.smtp}, {system.imap}))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=__file__.rsplit("/", 1)[0])
    if await process.wait():
        raise SystemExit(f"{kind} failed")


async def big(smtp: int, imap: int) -> None:
    client = await Smtp().open(smtp)
    content = b"From: a@b.test\r\nSubject: big\r\n\r\n" + (b"0123456789" * 7 + b"\r\n") * 690_000
    reply = await client.send("a@b.test", [USER], content)
    assert reply.startswith(b"250"), reply


async def recipients(smtp: int, imap: int) -> None:
    client = await Smtp().open(smtp)
    names = b",\r\n ".join(b"Person %d <p%d@example.org>" % (n, n) for n in range(200_000))
    reply = await client.send(
        "a@b.test", [USER], b"From: a@b.test\r\nTo: " + names + b"\r\nSubject: many\r\n\r\nhi\r\n"
    )
    print("  200,000 recipients:", reply.decode().strip())


async def tree(smtp: int, imap: int) -> None:
    client = await Smtp().open(smtp)
    reply = await client.send("a@b.test", [USER], parts(1000))
    assert reply.startswith(b"250"), reply
    reader = await Imap().open(imap)
    await reader.login(USER, "bench")
    await reader.command(b"SELECT INBOX")
    for _ in range(10):
        await reader.command(b"FETCH * BODYSTRUCTURE")
        for first in range(1, 1001, 50):
            items = b" ".join(b"BODY.PEEK[%d]" % n for n in range(first, first + 50))
            await reader.command(b"FETCH * (" + items + b")")


LOADS = {"big": big, "recipients": recipients, "tree": tree}


async def measure(system: Mailsys) -> None:
    client = await Imap().open(system.imap)
    await client.login(USER, "bench")
    await client.command(b"SELECT INBOX")
    await under("nothing", client, lambda: asyncio.sleep(3))
    await under("a 50 MB message arrives", client, lambda: child("big", system))
    await under("200,000 recipients in a header", client, lambda: child("recipients", system))
    await under("a tree of 1,000 parts is fetched", client, lambda: child("tree", system))


def main() -> None:
    with Mailsys("--no-checks", "--account", f"{USER}:bench", domain=DOMAIN) as system:
        asyncio.run(measure(system))


if __name__ == "__main__":
    main()
