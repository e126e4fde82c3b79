"""The wall clock is set while mail flows: an hour forward, an hour back, by libfaketime (Debian: faketime).

    python bench/clock.py [--seconds 20]

A message is deferred by the sink just before each step, and one a second is submitted after it; an SMTP session, an
IMAP session and the submitting one stay open. Prints for each step how long submitted messages took to arrive, when
the deferred one was tried again (330 s at the latest by the schedule), and which sessions were dropped.
"""

# ruff: noqa: ASYNC110, ASYNC240  (one file of a few octets, and a sink that is looked at)

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from crash import TOKEN, content
from system import Mailsys
from wire import Imap, Smtp

LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
USER, PASSWORD = "ann@bench.test", "bench"


class Sink:
    """Puts each message off once (unless told not to), and remembers when it took it."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self.taken: dict[str, list[float]] = {}
        self.greylist = True

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 sink ESMTP\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(b"250-sink\r\n250 SIZE 99999999\r\n")
                elif verb == b"DATA":
                    writer.write(b"354 go\r\n")
                    found = TOKEN.search(await reader.readuntil(b"\r\n.\r\n"))
                    assert found
                    token, now = found[1].decode(), time.monotonic()
                    if self.greylist and token not in self.seen:
                        self.seen[token] = now
                        writer.write(b"451 4.7.1 come back\r\n")
                        continue
                    self.taken.setdefault(token, []).append(now)
                    writer.write(b"250 2.0.0 taken\r\n")
                elif verb == b"QUIT":
                    break
                else:
                    writer.write(b"250 2.0.0 ok\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def run(options: argparse.Namespace) -> None:
    sink = Sink()
    server = await asyncio.start_server(sink.session, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    (library,) = Path("/").glob(LIBRARY[1:])
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder, "clock")
        shown.write_text("+0\n")
        os.environ |= {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(shown),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        arguments = ["--no-checks", "--account", f"{USER}:{PASSWORD}", "--smarthost", f"127.0.0.1:{port}"]
        system = await asyncio.to_thread(
            lambda: Mailsys(*arguments, domain="bench.test", log=f"{folder}/log")
        )
        for name in ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE"):
            del os.environ[name]
        number = dropped = 0

        async def opened() -> tuple[Smtp, Smtp, Imap]:
            idle, imap = await Smtp().open(system.smtp), await Imap().open(system.imap)
            await imap.login(USER, PASSWORD)
            client = await Smtp().open(system.submission)
            await client.say(b"AUTH PLAIN " + base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()))
            return client, idle, imap

        async def submit() -> str:
            nonlocal number, dropped, client
            number += 1
            letter = content(f"{number}.1", 500)
            try:
                reply = await client.send(USER, ["x@remote.test"], letter)
            except (ConnectionError, asyncio.IncompleteReadError, EOFError):
                reply = b""
            if not reply.startswith(b"250"):
                dropped += 1
                client = (await opened())[0]
                reply = await client.send(USER, ["x@remote.test"], letter)
                assert reply.startswith(b"250"), reply
            return f"{number}.1"

        async def lives(session: Smtp | Imap) -> bool:
            try:
                if isinstance(session, Imap):
                    return bool(await session.command(b"NOOP"))
                return (await session.say(b"NOOP")).startswith(b"250")
            except (ConnectionError, asyncio.IncompleteReadError, EOFError, AssertionError):
                return False

        async def took(token: str, since: float, within: float) -> float:
            while token not in sink.taken:
                if time.monotonic() > since + within:
                    return float("inf")
                await asyncio.sleep(0.02)
            return sink.taken[token][0] - since

        before = "+0"
        for step in ("+1h", "+0", "-1h", "+0"):
            client, idle, imap = await opened()
            sink.greylist, dropped = True, 0
            deferred = await submit()
            while deferred not in sink.seen:
                await asyncio.sleep(0.02)
            await asyncio.sleep(1.0)
            sink.greylist = False
            shown.write_text(f"{step}\n")
            direct = []
            for _ in range(options.seconds):
                began = time.monotonic()
                direct.append(await took(await submit(), began, 5.0))
                await asyncio.sleep(max(0.0, began + 1.0 - time.monotonic()))
            direct.sort()
            retried = await took(deferred, sink.seen[deferred], 60.0)
            gone = dropped + 2 - await lives(idle) - await lives(imap)
            print(
                f"clock from {before} to {step}: mail p50 {1000 * statistics.median(direct):.0f} ms, longest "
                f"{direct[-1]:.1f} s; deferred mail tried again after {retried:.0f} s; {gone} sessions dropped",
                flush=True,
            )
            before = step
        twice = [token for token, times in sink.taken.items() if len(times) > 1]
        system.stop()
        notes = re.findall(r'"event":"(?:clock-set|put-right)"[^}]*', Path(folder, "log").read_text())
        print(f"{len(sink.taken)} messages, {len(twice)} of them twice; log: {notes}")
    server.close()
    await asyncio.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20, help="messages after each step, one a second")
    options = parser.parse_args()
    if subprocess.run(["which", "faketime"], capture_output=True, check=False).returncode:
        raise SystemExit("bench/clock.py: needs the package faketime")
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
