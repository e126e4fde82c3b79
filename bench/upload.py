"""Uploads of 45 MB: how long other requests wait meanwhile, and how the process grows.

python bench/upload.py [--megabytes 45] [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time

from system import Mailsys
from web import Http
from wire import percentile

USER, PASSWORD, DOMAIN = "user@bench.test", "bench", "bench.test"


async def measure(system: Mailsys, megabytes: int, rounds: int) -> None:
    port = int(system.ready["http"].rsplit(":", 1)[1])
    uploader = await Http(port, USER, PASSWORD).open()
    prober = await Http(port, USER, PASSWORD).open()
    account = "A1"
    await uploader.ask("POST", f"/jmap/upload/{account}/", b"warm" * 100_000, "application/octet-stream")
    body = bytearray(os.urandom(megabytes * 1024 * 1024))  # made before: it would hold up the probe
    lags: list[float] = []
    stop = asyncio.Event()

    async def probe() -> None:
        while not stop.is_set():
            began = time.perf_counter()
            status, _ = await prober.ask("GET", "/health/live")
            assert status == 200
            lags.append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(0.002)

    quiet = asyncio.create_task(probe())
    await asyncio.sleep(1)
    stop.set()
    await quiet
    at_rest, lags[:] = max(lags), []
    stop.clear()
    before, peak = system.rss(), 0
    probing = asyncio.create_task(probe())
    took: list[float] = []

    async def watch() -> None:
        nonlocal peak
        while not stop.is_set():
            peak = max(peak, system.rss())
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    for _ in range(rounds):
        body[:16] = os.urandom(16)  # another blob each time
        head = (
            f"POST /jmap/upload/{account}/ HTTP/1.1\r\n{uploader.head}"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        uploader.writer.write(head.encode())
        view = memoryview(body)
        for at in range(0, len(body), 65536):
            uploader.writer.write(view[at : at + 65536])
            await uploader.writer.drain()
        status, answer = await uploader.answer()
        took.append(time.perf_counter() - began)
        assert status == 201, answer
    stop.set()
    await probing
    await watching
    print(
        f"{rounds} uploads of {megabytes} MB: {sum(took) / rounds:.2f} s each; another request meanwhile p50 "
        f"{percentile(lags, 0.5):.1f} ms, p99 {percentile(lags, 0.99):.1f} ms, max {max(lags):.1f} ms (at rest max "
        f"{at_rest:.1f} ms); RSS growth at most {(peak - before) / 1e6:.1f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=45)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Mailsys("--no-checks", "--account", f"{USER}:{PASSWORD}", domain=DOMAIN) as system:
        asyncio.run(measure(system, options.megabytes, options.rounds))


if __name__ == "__main__":
    main()
