"""IMAP on one mailbox of 10,000 messages of about 3 KB: us against Dovecot, the same wire client.

    python bench/imap.py [--messages 10000] [--repeat 5]

Prints the time of each command on both and the ratio ours/theirs. Reading commands are repeated;
the first run (cold) is shown apart, the ratio is that of the medians of the later ones.
"""

from __future__ import annotations

import argparse
import random
import socket
import statistics
import time

from postfix_dovecot import DOMAIN, PASSWORD, PostfixDovecot
from system import Mailsys

WORDS = [
    f"{a}{b}{c}"
    for a in ("al", "be", "co", "du", "en")
    for b in ("ra", "mi", "to", "ne")
    for c in ("x", "sh", "l", "ng", "ve")
]


class Wire:
    def __init__(self, port: int, user: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.recv(65536)
        self.tag = 0
        self.command(b"LOGIN %s %s" % (user.encode(), PASSWORD.encode()))

    def read_until(self, tag: bytes) -> bytes:
        """Everything up to the line that answers `tag`."""
        needle, chunks, tail = b"\r\n" + tag + b" ", [b"\r\n"], b"\r\n"
        while True:
            data = self.socket.recv(1 << 20)
            if not data:
                raise SystemExit("the server hung up: %r" % b"".join(chunks)[-300:])
            chunks.append(data)
            tail = (tail + data)[-4096:] if len(data) < 4096 else data[-4096:]
            at = tail.rfind(needle)
            if at >= 0 and tail.endswith(b"\r\n"):
                line = tail[at + len(needle) :]
                if not line.startswith(b"OK"):
                    raise SystemExit(f"refused: {line!r}")
                return b"".join(chunks)

    def command(self, text: bytes) -> bytes:
        self.tag += 1
        tag = b"t%d" % self.tag
        self.socket.sendall(tag + b" " + text + b"\r\n")
        return self.read_until(tag)

    def timed(self, text: bytes) -> float:
        started = time.perf_counter()
        self.command(text)
        return time.perf_counter() - started


def message(number: int, chance: random.Random) -> bytes:
    words = [chance.choice(WORDS) for _ in range(420)]
    lines = [" ".join(words[i : i + 12]) for i in range(0, len(words), 12)]
    if number % 997 == 0:
        lines[5] += " needleword"
    subject = " ".join(chance.choice(WORDS) for _ in range(6)) + (" rareword" if number % 499 == 0 else "")
    head = (
        f"Received: from a{number}.example.org (a.example.org [192.0.2.{number % 250}])\r\n"
        f"\tby mx.{DOMAIN} with ESMTPS id {number:08x}; Mon, 02 Sep 2024 10:{number % 60:02}:00 +0200\r\n"
        f"From: Person Number {number % 71} <p{number % 71}@example.org>\r\nTo: bench <user@{DOMAIN}>, Other <o@example.net>\r\n"
        f"Subject: {subject}\r\nDate: Mon, 02 Sep 2024 10:{number % 60:02}:00 +0200\r\n"
        f"Message-ID: <{number}.{chance.randrange(1 << 40)}@example.org>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-Mailer: bench\r\n"
    )
    return (head + "\r\n" + "\r\n".join(lines) + "\r\n").encode()


def append_all(wire: Wire, messages: list[bytes]) -> float:
    started = time.perf_counter()
    sent = 0
    for block in range(0, len(messages), 200):
        batch = []
        for data in messages[block : block + 200]:
            sent += 1
            batch.append(b"a%d APPEND INBOX {%d+}\r\n%s\r\n" % (sent, len(data), data))
        wire.socket.sendall(b"".join(batch))
        wire.read_until(b"a%d" % sent)
    return time.perf_counter() - started


READS = {
    "FETCH FLAGS": b"FETCH 1:* FLAGS",
    "FETCH ENVELOPE": b"FETCH 1:* ENVELOPE",
    "FETCH header fields": b"FETCH 1:* BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)]",
    "FETCH BODYSTRUCTURE": b"FETCH 1:* BODYSTRUCTURE",
    "FETCH BODY[] of 1,000": b"FETCH 1:1000 BODY.PEEK[]",
    "SEARCH BODY": b"SEARCH BODY needleword",
    "SEARCH SUBJECT": b"SEARCH SUBJECT rareword",
}
BOUNDS = {
    "APPEND": 0.5, "FETCH FLAGS": 2, "FETCH ENVELOPE": 2, "FETCH header fields": 2, "FETCH BODYSTRUCTURE": 2,
    "FETCH BODY[] of 1,000": 2, "SEARCH BODY": 0.5, "SEARCH SUBJECT": 1, "STORE all": 3, "COPY 1,000": 1,
}  # fmt: skip


def measure(
    port: int, user: str, messages: list[bytes], repeat: int
) -> tuple[dict[str, float], dict[str, float]]:
    cold: dict[str, float] = {}
    warm: dict[str, float] = {}
    wire = Wire(port, user)
    cold["APPEND"] = warm["APPEND"] = append_all(wire, messages)
    wire.command(b"CREATE Copies")
    wire.command(b"SELECT INBOX")
    for name, text in READS.items():
        cold[name] = wire.timed(text)
        warm[name] = statistics.median(wire.timed(text) for _ in range(repeat))
    cold["STORE all"] = wire.timed(b"STORE 1:* +FLAGS (\\Seen)")
    warm["STORE all"] = statistics.median(
        wire.timed(b"STORE 1:* %s (\\Flagged)" % sign) for sign in (b"+FLAGS", b"-FLAGS") * (repeat // 2 + 1)
    )
    cold["COPY 1,000"] = wire.timed(b"COPY 1:1000 Copies")
    warm["COPY 1,000"] = statistics.median(
        wire.timed(b"COPY %d:%d Copies" % (n * 1000 + 1, n * 1000 + 1000))
        for n in range(1, min(repeat, 8) + 1)
    )
    wire.command(b"LOGOUT")
    return cold, warm


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--location", default="maildir:~/Maildir")
    options = parser.parse_args()
    chance = random.Random(7)
    messages = [message(n, chance) for n in range(1, options.messages + 1)]
    with PostfixDovecot(options.location) as pair:
        theirs_cold, theirs = measure(pair.imap, "user", messages, options.repeat)
    with Mailsys("--no-checks", "--account", f"user@{DOMAIN}:{PASSWORD}", domain=DOMAIN) as system:
        ours_cold, ours = measure(system.imap, f"user@{DOMAIN}", messages, options.repeat)
    print(
        f"{'ms':24}{'dovecot cold':>14}{'mailsys cold':>14}{'dovecot':>10}{'mailsys':>10}{'ratio':>8}{'bound':>7}"
    )
    for name in ours:
        ratio = ours[name] / theirs[name]
        print(
            f"{name:24}{theirs_cold[name] * 1e3:14.1f}{ours_cold[name] * 1e3:14.1f}{theirs[name] * 1e3:10.1f}"
            f"{ours[name] * 1e3:10.1f}{ratio:8.2f}{BOUNDS[name]:7}{'' if ratio <= BOUNDS[name] else '  MISSED'}"
        )


if __name__ == "__main__":
    main()
