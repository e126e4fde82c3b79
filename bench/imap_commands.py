"""IMAP commands one by one: CPU of the server process and time, over a temporary store.

    python bench/imap_commands.py [--messages 10000] [--profile NAME] [--repeat 3]

The server runs in this process, the client in another. `--profile NAME` prints where the server's
time goes during the command of that name.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time

TARGETS = {  # ms of server CPU at 10,000 messages
    "FETCH FLAGS": 20,
    "FETCH ENVELOPE": 60,
    "FETCH HEADER.FIELDS": 120,
    "FETCH BODYSTRUCTURE": 60,
    "FETCH BODY[] of 1000": 40,
    "SEARCH SUBJECT": 20,
    "STORE all": 120,
}


def message(number: int) -> bytes:
    head = (
        f"Return-Path: <sender{number % 97}@remote.example>\r\n"
        f"Received: from mx.remote.example (mx.remote.example [192.0.2.7])\r\n"
        f"\tby mail.example.com with ESMTPS id {number:08x}; Mon, 24 Nov 2025 16:00:00 +0000\r\n"
        f"Date: Mon, 24 Nov 2025 16:{number // 60 % 60:02d}:{number % 60:02d} +0000\r\n"
        f"From: Sender Number {number % 97} <sender{number % 97}@remote.example>\r\n"
        f"To: Alice <alice@example.com>\r\n"
        f"Subject: Message {number} about {('apples', 'pears', 'plums', 'figs')[number % 4]}\r\n"
        f"Message-ID: <{number}.{number * 7919}@remote.example>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    line = f"Line of text {number} that says little, but says it at some length and breadth.\r\n"
    return (head + line * ((3000 - len(head)) // len(line))).encode()


# -- the client, in its own process ----------------------------------------------------------------------


def cpu(pid: int) -> float:
    """Milliseconds of CPU of all threads of a process."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e6


class Client:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.buffer = b""
        self.line()

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self.buffer += self.socket.recv(1 << 20)
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def ask(self, command: bytes) -> int:
        self.socket.sendall(b"tag1 " + command + b"\r\n")
        return self.wait(b"tag1 ")

    def wait(self, tag: bytes) -> int:
        """Octets up to a tagged answer (which must be the last thing sent)."""
        total = 0
        tail = b"\r\n" + self.buffer
        while True:
            end = tail.rfind(b"\r\n" + tag)
            if end >= 0 and tail.endswith(b"\r\n"):
                last = tail[end + 2 :]
                assert last.startswith(tag + b"OK"), last[:200]
                self.buffer = b""
                return total
            data = self.socket.recv(1 << 20)
            assert data, tail
            total += len(data)
            tail = tail[-4096:] + data


def client(port: int, pid: int, count: int, repeat: int, only: str) -> None:
    connection = Client(port)
    connection.ask(b"LOGIN alice@example.com secret")
    results: dict[str, tuple[float, float, int]] = {}

    def measure(name: str, *commands: bytes, once: bool = False) -> None:
        if only and name != only and "APPEND" not in name:
            return
        best: tuple[float, float, int] | None = None
        for command in commands if once else commands * repeat:
            before, begun = cpu(pid), time.monotonic()
            size = connection.ask(command)
            now = cpu(pid) - before, (time.monotonic() - begun) * 1000, size
            best = now if best is None or now[0] < best[0] else best
        assert best is not None
        results[name] = best
        target = TARGETS.get(name)
        scaled = target * count / 10_000 if target else None
        mark = "" if scaled is None else f"  target {scaled:.0f}" + ("" if best[0] <= scaled else "  MISSED")
        print(f"{name:28} {best[0]:9.1f} ms CPU {best[1]:9.1f} ms {size // 1024:8d} KiB{mark}", flush=True)

    batches = [
        b"".join(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(m), m) for m in map(message, range(at, at + 500)))
        for at in range(0, count, 500)
    ]
    before, begun = cpu(pid), time.monotonic()
    connection.socket.settimeout(60)
    import threading

    def send() -> None:
        for batch in batches:
            connection.socket.sendall(batch)

    threading.Thread(target=send).start()
    answers = 0
    while answers < count:
        data = connection.socket.recv(1 << 20)
        answers += data.count(b"a OK")
        assert b"a NO" not in data, data[:300]
    spent, took = cpu(pid) - before, time.monotonic() - begun
    print(
        f"{'APPEND pipelined':28} {spent:9.1f} ms CPU {took * 1000:9.1f} ms {count / took:8.0f}/s", flush=True
    )
    connection.buffer = b""
    measure("SELECT first", b"SELECT INBOX", once=True)
    measure("SELECT again", b"SELECT INBOX")
    measure("FETCH FLAGS", b"FETCH 1:* (FLAGS)")
    measure("UID FETCH FLAGS MODSEQ", b"UID FETCH 1:* (FLAGS MODSEQ)")
    measure("FETCH FAST", b"FETCH 1:* FAST")
    measure("FETCH ENVELOPE", b"FETCH 1:* (ENVELOPE)")
    measure("FETCH BODYSTRUCTURE", b"FETCH 1:* (BODYSTRUCTURE)")
    measure("FETCH HEADER.FIELDS", b"FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)])")
    measure("FETCH BODY[] of 1000", b"FETCH 1:1000 (BODY.PEEK[])")
    measure("FETCH BODY[] of all", b"FETCH 1:* (BODY.PEEK[])")
    measure("FETCH BODY[1] of 1000", b"FETCH 1:1000 (BODY.PEEK[1])")
    measure("FETCH BODY[TEXT]<0.100>", b"FETCH 1:1000 (BODY.PEEK[TEXT]<0.100>)")
    measure("SEARCH SUBJECT", b"SEARCH SUBJECT plums")
    measure("SEARCH BODY", b"SEARCH BODY breadth")
    measure("SEARCH UNSEEN", b"SEARCH UNSEEN")
    measure("SEARCH SINCE", b"SEARCH SINCE 1-Jan-2025")
    flags = [b"+FLAGS (\\Seen)", b"-FLAGS (\\Seen)"]
    measure("STORE all", *[b"STORE 1:* " + flag for flag in flags])
    measure("STORE all silent", *[b"STORE 1:* %bFLAGS.SILENT (\\Flagged)" % sign for sign in (b"+", b"-")])
    measure("STORE one", b"STORE 5 +FLAGS (\\Answered)", b"STORE 5 -FLAGS (\\Answered)")
    measure("COPY 1000", b"COPY 1:1000 Archive", once=True)
    measure("STATUS", b"STATUS Archive (MESSAGES UNSEEN UIDNEXT)")
    measure("MOVE 1000", b"MOVE 1:1000 Archive", once=True)
    measure("STORE Deleted", b"STORE 1:* +FLAGS.SILENT (\\Deleted)", once=True)
    measure("EXPUNGE rest", b"EXPUNGE", once=True)
    connection.ask(b"LOGOUT")


# -- the server ---------------------------------------------------------------------------------------------


def serve(arguments: argparse.Namespace, folder: str) -> None:
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    from mailsys.imap.server import ImapFactory
    from mailsys.ports.accounts import Domain
    from mailsys.settings import Limits
    from mailsys.stores.memory.events import Events
    from mailsys.stores.sqlite.store import open_store
    from tests.conversations.imap.rig import NO_CREDENTIALS, KnownPasswords, parts

    async def main() -> None:
        events = Events()
        store = open_store(folder, reactor, events)
        await store.accounts.put_domain(Domain("example.com"))
        await store.accounts.create_account("alice@example.com", "Alice", NO_CREDENTIALS)
        factory = ImapFactory(
            parts(store, events, KnownPasswords(store.accounts), Limits(), login_without_tls=True)
        )
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        command = [
            sys.executable,
            __file__,
            "--client",
            str(port.getHost().port),
            "--server",
            str(os.getpid()),
        ]
        command += ["--messages", str(arguments.messages), "--repeat", str(arguments.repeat)]
        command += ["--profile", arguments.profile]
        process = subprocess.Popen(command)  # noqa: ASYNC220 - before anything is served

        def look() -> None:
            if process.poll() is None:
                reactor.callLater(0.05, look)
            else:
                Deferred.fromCoroutine(end())

        async def end() -> None:
            await factory.stop()
            await store.close()
            reactor.stop()

        look()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()).addErrback(fatal))

    def fatal(failure: object) -> None:
        print(failure)
        reactor.stop()

    if arguments.profile and arguments.profile != "none":
        import cProfile
        import pstats

        profile = cProfile.Profile()
        profile.runcall(reactor.run)
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    else:
        reactor.run()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--profile", default="")
    parser.add_argument("--client", type=int, default=0)
    parser.add_argument("--server", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.client:
        client(arguments.client, arguments.server, arguments.messages, arguments.repeat, arguments.profile)
        return
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with tempfile.TemporaryDirectory() as folder:
        serve(arguments, folder)


if __name__ == "__main__":
    main()
