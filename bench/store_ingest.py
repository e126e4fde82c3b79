"""What the embedded store does, measured: ingest with many in flight, and the reads and writes of IMAP.

    python bench/store_ingest.py [--messages 10000] [--in-flight 50] [--busy]

`--busy` keeps the reactor thread at work meanwhile, as a server under load does: that is where the
interpreter lock decides (see mailsys/stores/sqlite/rows.py).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall, react

from mailsys.core.message.facts import MessageFacts
from mailsys.ports.accounts import Credentials
from mailsys.ports.emails import Column
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.placements import KeywordChange
from mailsys.ports.query import TextField
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store

_WORDS = ["".join(random.choice("etaoinshrdlu") for _ in range(random.randint(2, 9))) for _ in range(3000)]


def message(number: int, size: int) -> tuple[bytes, bytes, MessageFacts]:
    words = random.choices(_WORDS, k=size // 6)
    body = " ".join(words)[: size - 900]
    header_text = "".join(f"x-header-{n}: {' '.join(words[n : n + 8])}\n" for n in range(12))
    header = header_text.encode() + b"\r\n"
    envelope = b'("Mon, 1 Jan 2024 00:00:00 +0000" "subject" (("A" NIL "a" "b"))' + b" NIL" * 40 + b")"
    subject = " ".join(words[:6])
    facts = MessageFacts(
        len(header) + len(body), len(header), f"<{number}@example.org>", (f"<{number // 3}@example.org>",),
        subject, subject, "A Sender <a@example.org>", "b@example.org", 1.5, body[:256], False,
        envelope, b'("text" "plain" NIL NIL NIL "7bit" 3000 50)', b'("text" "plain" NIL NIL NIL "7bit" 3000 50 NIL NIL NIL)',
        subject, "a sender <a@example.org>", "b@example.org", "", "", header_text, body,
    )  # fmt: skip
    return header + body.encode(), header, facts


def busy(seconds: float = 0.002) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def run(options: argparse.Namespace) -> None:
    sys.setswitchinterval(options.switch)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        store = open_store(folder, reactor, Events())
        account = await store.accounts.create_account(
            "a@example.org", "A", Credentials("x", b"s", 1, b"k", b"v")
        )
        loop = LoopingCall(busy)
        if options.busy:
            loop.start(0.0021)
        await ingest(store, account.id, options)
        await reads(store, account.id)
        await writes(store, account.id)
        print("complaints:", await store.mail.integrity())
        if options.busy:
            loop.stop()
        await store.close()


async def ingest(store, account, options) -> None:
    made = [message(n, options.size) for n in range(options.messages)]
    times: list[float] = []
    left = iter(made)

    async def one_after_another() -> None:
        for data, header, facts in left:
            started = time.perf_counter()
            await store.mail.accept(
                Acceptance(store.blobs.stage(data), facts, time.time(), (Delivery(account),), header=header)
            )
            times.append(time.perf_counter() - started)

    cpu, started = time.process_time(), time.perf_counter()
    await DeferredList([Deferred.fromCoroutine(one_after_another()) for _ in range(options.in_flight)])
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    times.sort()
    print(
        f"accept: {len(made) / took:.0f}/s, cpu {1000 * cpu / len(made):.3f} ms each, "
        f"p50 {1000 * times[len(times) // 2]:.2f} p99 {1000 * times[len(times) * 99 // 100]:.2f} ms"
    )


async def measured(name: str, ask, times: int = 5):
    took = []
    for _ in range(times):
        started = time.perf_counter()
        result = await ask()
        took.append(time.perf_counter() - started)
    print(f"{name}: {1000 * sorted(took)[len(took) // 2]:.2f} ms (worst {1000 * max(took):.2f})")
    return result


async def reads(store, account) -> None:
    mail = store.mail
    # First: what the writer does meanwhile would count as the reads'.
    started = time.perf_counter()
    await mail.match_words(account, ["nothing"], 10)
    print(f"words caught up: {time.perf_counter() - started:.2f} s")
    inbox = (await mail.mailboxes(account))[0].id
    snapshot = await measured("snapshot", lambda: mail.snapshot(account, inbox))
    print(f"  ({len(snapshot.uids)} rows)")
    emails = list(snapshot.emails)
    some = emails[:1000]
    await measured("fetch 1000 ENVELOPE", lambda: mail.fetch(account, some, [Column.ENVELOPE]))
    await measured(
        "fetch 1000 for a list",
        lambda: mail.fetch(
            account,
            some,
            [Column.RECEIVED_AT, Column.SUBJECT, Column.SENDER, Column.PREVIEW, Column.KEYWORDS],
        ),
    )
    await measured("fetch 1000 HEADER", lambda: mail.fetch(account, some, [Column.HEADER]))
    blobs = [row[0] for row in (await mail.fetch(account, some, [Column.BLOB])).values()]
    await measured("read_many 1000", lambda: store.blobs.read_many(blobs, 1 << 30))
    for field in (TextField.BODY, TextField.SUBJECT, TextField.TEXT):
        await measured(
            f"search_text {field.value}", lambda f=field: mail.search_text(account, inbox, f, "zzzznothere")
        )
    await measured(
        "search_text header", lambda: mail.search_text(account, inbox, TextField.HEADER, "zzzz", "X-Header-3")
    )
    await measured("delta, nothing new", lambda: mail.delta(account, inbox, snapshot.modseq))
    await measured("delta, one new row", lambda: mail.delta(account, inbox, snapshot.modseq - 1))
    await measured("match_words", lambda: mail.match_words(account, [_WORDS[5], _WORDS[6]], 50))


async def writes(store, account) -> None:
    mail = store.mail
    boxes = await mail.mailboxes(account)
    inbox, trash = boxes[0].id, boxes[-1].id
    snapshot = await mail.snapshot(account, inbox)
    emails, uids = list(snapshot.emails), list(snapshot.uids)
    turns = iter([KeywordChange(add="$seen"), KeywordChange(remove="$seen")] * 3)
    await measured(
        f"set_keywords on {len(emails)}", lambda: mail.set_keywords(account, inbox, emails, next(turns)), 4
    )
    await measured("set_keywords on 1", lambda: mail.set_keywords(account, inbox, emails[:1], next(turns)), 2)
    marks = iter([KeywordChange(add="$deleted"), KeywordChange(remove="$deleted")] * 3)
    await measured(
        f"mark {len(emails)} $deleted, and unmark",
        lambda: mail.set_keywords(account, inbox, emails, next(marks)),
        4,
    )
    await measured("copy 1000", lambda: mail.copy(account, inbox, uids[:1000], trash), 1)
    await measured("copy 1000 again (new emails)", lambda: mail.copy(account, inbox, uids[:1000], trash), 1)
    await measured("move 1000", lambda: mail.move(account, inbox, uids[1000:2000], trash), 1)
    await measured("expunge 1000", lambda: mail.expunge(account, inbox, uids[:1000], False), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--in-flight", type=int, default=50)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--switch", type=float, default=0.005, help="interpreter switch interval, seconds")
    parser.add_argument("--folder", default=None, help="where the file lies")
    options = parser.parse_args()
    react(lambda _: Deferred.fromCoroutine(run(options)), ())


if __name__ == "__main__":
    main()
