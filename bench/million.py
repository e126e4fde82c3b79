"""One account with a great many emails: what the lists of the web API cost, at two sizes, and the ratio.

    python bench/million.py [--small 10000] [--large 1000000] [--rounds 100] [--folder DIR] [--busy]

Emails are made from small lists of words (some 1 KB each, threads of three on average, ten years of dates)
and go through the store's own `accept`, many in flight; words are indexed by its idle work. A million
takes about ten minutes and 8 GB under --folder. `--busy` keeps the reactor thread at work while queries
run, as a server under load does.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall, react

from mailsys.core.message.facts import MessageFacts
from mailsys.ports.accounts import Credentials
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.placements import KeywordChange
from mailsys.ports.query import Condition, EmailQuery, Sort, SortBy
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store

YEARS = 10 * 365 * 86400.0
START = 1_400_000_000.0
COMMON = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
    "he",
    "his",
    "but",
    "at",
    "are",
    "this",
    "have",
]
TOPICS = [
    "invoice",
    "meeting",
    "report",
    "holiday",
    "order",
    "delivery",
    "password",
    "newsletter",
    "project",
    "budget",
    "review",
]
NAMES = [
    "Anna",
    "Bob",
    "Carla",
    "Dmitri",
    "Eve",
    "Farid",
    "Grace",
    "Hugo",
    "Ines",
    "Jan",
    "Kira",
    "Liam",
    "Mona",
    "Nils",
    "Olga",
    "Pia",
]


class Maker:
    """The n-th email of a mailbox; the same each time."""

    def __init__(self) -> None:
        chance = random.Random(1)
        self.words = ["".join(chance.choice("etaoinshrdlu") for _ in range(chance.randint(3, 9)))
                      for _ in range(20_000)]  # fmt: skip

    def make(self, number: int, whole: int) -> tuple[bytes, MessageFacts, bytes, Delivery, float, Any]:
        chance = random.Random(number)
        thread = number - chance.randrange(3) if number > 3 else number
        topic = random.Random(thread)
        subject = f"{topic.choice(TOPICS)} {topic.choice(self.words)} {topic.choice(self.words)}"
        name = chance.choice(NAMES)
        sender = f"{name} <{name.lower()}{chance.randrange(50)}@example.net>"
        # Like a language: a few words are everywhere, most are rare.
        body = " ".join(
            chance.choice(COMMON) if chance.random() < 0.5 else
            self.words[int(chance.paretovariate(0.6)) % len(self.words)] for _ in range(90)
        )  # fmt: skip
        header = (
            f"From: {sender}\r\nTo: Alice <alice@example.org>\r\nSubject: {subject}\r\n"
            f"Message-ID: <{number}@example.net>\r\nReferences: <t{thread}@example.net>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        )
        content = (header + body).encode()
        envelope = (
            b'("Mon, 1 Jan 2024 00:00:00 +0000" "%s" (("A" NIL "a" "b"))' % subject.encode()
            + b" NIL" * 7
            + b")"
        )
        at = START + YEARS * number / whole + chance.random() * 3600
        facts = MessageFacts(
            len(content), len(header), f"<{number}@example.net>", (f"<t{thread}@example.net>",), subject, subject,
            sender, "Alice <alice@example.org>", at - 60, body[:200], chance.random() < 0.1, envelope,
            b'("text" "plain" NIL NIL NIL "7bit" 600 1)', b'("text" "plain" NIL NIL NIL "7bit" 600 1 NIL NIL NIL)',
            subject, sender.casefold(), "alice <alice@example.org>", "", "",
            header.casefold().replace("\r\n", "\n"), body,
        )  # fmt: skip
        turn = chance.random()
        role = Role.INBOX if turn < 0.7 else Role.ARCHIVE if turn < 0.95 else Role.SENT
        keywords = "$seen" if chance.random() < 0.95 else "$flagged" if chance.random() < 0.2 else ""
        return content, facts, header.encode(), role, at, keywords


class Bench:
    def __init__(self, store: Any, account: Any, options: argparse.Namespace) -> None:
        self.store, self.mail, self.account, self.options = store, store.mail, account, options
        self.maker = Maker()
        self.have = 0
        self.emails: list[int] = []
        self.chance = random.Random(2)

    async def grow(self, count: int) -> None:
        started, first = time.perf_counter(), self.have

        async def one_after_another() -> None:
            while self.have < count:
                number, self.have = self.have, self.have + 1
                content, facts, header, role, at, keywords = self.maker.make(number, self.options.large)
                accepted = await self.mail.accept(
                    Acceptance(
                        self.store.blobs.stage(content),
                        facts,
                        at,
                        (Delivery(self.account, (role,), keywords=keywords),),
                        header=header,
                    )
                )
                if role is Role.INBOX:
                    self.emails.append(accepted.delivered[0].email)

        await DeferredList([Deferred.fromCoroutine(one_after_another()) for _ in range(200)])
        took = time.perf_counter() - started
        print(f"{count} emails: {(count - first) / took:.0f}/s accepted", flush=True)
        started = time.perf_counter()
        await self.store.tidy()
        print(f"  words indexed in {time.perf_counter() - started:.0f} s", flush=True)

    async def measure(self) -> dict[str, tuple[float, float]]:
        inbox = next(box.id for box in await self.mail.mailboxes(self.account) if box.role is Role.INBOX)
        inside = Condition(in_mailbox=inbox)
        chance, rounds = self.chance, self.options.rounds
        found: dict[str, tuple[float, float]] = {}

        async def case(name: str, ask: Callable[[], Awaitable[Any]], times: int = rounds) -> None:
            took = []
            for turn in range(times + 3):
                began = time.perf_counter()
                await ask()
                if turn >= 3:
                    took.append(1000 * (time.perf_counter() - began))
            took.sort()
            found[name] = took[len(took) // 2], took[math.ceil(len(took) * 0.99) - 1]

        def query(*given: Any, **more: Any) -> Awaitable[Any]:
            return self.mail.query(self.account, EmailQuery(*given, **more))

        def anchor() -> int:
            return chance.choice(self.emails)

        def rare() -> str:
            return chance.choice(self.maker.words[2000:])

        await case("all mail, newest", lambda: query())
        await case("all mail, collapsed, total", lambda: query(collapse_threads=True, calculate_total=True))
        await case("mailbox, newest", lambda: query(inside))
        await case("mailbox, total", lambda: query(inside, calculate_total=True))
        await case(
            "mailbox, collapsed, total", lambda: query(inside, collapse_threads=True, calculate_total=True)
        )
        await case(
            "mailbox, any position", lambda: query(inside, position=chance.randrange(len(self.emails)))
        )
        await case("mailbox, any anchor", lambda: query(inside, anchor=anchor(), anchor_offset=-5))
        await case("collapsed, any position",
                   lambda: query(inside, collapse_threads=True, position=chance.randrange(len(self.emails) // 3)))  # fmt: skip
        tops = [(await query(inside, collapse_threads=True, limit=1,
                             position=chance.randrange(len(self.emails) // 3))).emails[0] for _ in range(50)]  # fmt: skip
        await case(
            "collapsed, any anchor", lambda: query(inside, collapse_threads=True, anchor=chance.choice(tops))
        )
        await case("mailbox, one month", lambda: query(
            Condition(in_mailbox=inbox, after=(at := START + chance.random() * YEARS * self.have / self.options.large),
                      before=at + 30 * 86400), calculate_total=True))  # fmt: skip
        await case("mailbox, unseen", lambda: query(Condition(in_mailbox=inbox, not_keyword="$seen")))
        await case("mailbox, flagged", lambda: query(Condition(in_mailbox=inbox, has_keyword="$flagged")))
        await case(
            "mailbox, with attachment", lambda: query(Condition(in_mailbox=inbox, has_attachment=True))
        )
        await case("word, rare", lambda: query(Condition(text=rare())))
        await case("word, in mailbox, collapsed", lambda: query(
            Condition(in_mailbox=inbox, text=chance.choice(TOPICS)), collapse_threads=True))  # fmt: skip
        await case("word, common", lambda: query(Condition(text=chance.choice(COMMON))))
        await case(
            "two words", lambda: query(Condition(text=f"{chance.choice(TOPICS)} {chance.choice(COMMON)}"))
        )
        await case("begun word", lambda: query(Condition(text=rare()[:4])))
        await case(
            "phrase", lambda: query(Condition(body=f'"{chance.choice(COMMON)} {chance.choice(COMMON)}"'))
        )
        await case("from a name", lambda: query(Condition(from_=chance.choice(NAMES))))
        await case("mailbox, by size", lambda: query(inside, (Sort(SortBy.SIZE),)), 3)
        await case("mailbox, by subject", lambda: query(inside, (Sort(SortBy.SUBJECT, True),)), 3)
        await case("header", lambda: query(Condition(header=("Message-ID", f"<{self.have // 2}@"))), 3)
        await case("thread of 50", lambda: self.mail.thread_emails(self.account, range(5, 55)))
        await case("mailboxes", lambda: self.mail.mailboxes(self.account))

        since = await self.mail.modseq(self.account)
        for number in range(10):
            await self.mail.set_keywords(
                self.account,
                inbox,
                [anchor()],
                KeywordChange(add=f"k{number % 3}") if number % 2 else KeywordChange(add="$seen"),
            )
        await case("changes after 10", lambda: self.mail.emails_changed(self.account, since, 500))
        await case("list's changes after 10", lambda: self.mail.query_delta(
            self.account, EmailQuery(inside, collapse_threads=True, calculate_total=True), since, None, 500))  # fmt: skip
        await case("one keyword", lambda: self.mail.set_keywords(
            self.account, inbox, [anchor()], KeywordChange(add="$seen") if chance.random() < 0.5 else KeywordChange(remove="$seen")))  # fmt: skip
        print(f"  memory of its own: {own_memory()} MB (pages of the file are the system's)", flush=True)
        return found


def own_memory() -> int:
    """Megabytes without the file's pages, which are mapped and given up when others need them."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) // 1024


def busy(seconds: float = 0.002) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        store = open_store(os.path.join(folder, "store"), reactor, Events())
        account = await store.accounts.create_account(
            "a@example.org", "A", Credentials("x", b"s", 1, b"k", b"v")
        )
        bench = Bench(store, account.id, options)
        loop = LoopingCall(busy)
        results = []
        for count in (options.small, options.large):
            await bench.grow(count)
            if options.busy:
                loop.start(0.004)
            results.append(await bench.measure())
            if options.busy:
                loop.stop()
        print(f"{'ms: p50, p99':28} {options.small:>16} {options.large:>16}   p50 ratio")
        for name, (middle, worst) in results[1].items():
            before = results[0][name]
            print(
                f"{name:28} {before[0]:7.2f} {before[1]:8.2f} {middle:7.2f} {worst:8.2f}   {middle / before[0]:.1f}"
            )
        if options.check:
            print("complaints:", await store.mail.integrity())
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--folder", default=None, help="where the store lies meanwhile")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--check", action="store_true", help="check the whole store at the end")
    options = parser.parse_args()
    react(lambda _: Deferred.fromCoroutine(run(options)), ())


if __name__ == "__main__":
    main()
