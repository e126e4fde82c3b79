"""Two at once: live trials of races, from outside, over sockets, against a running `mailsys local`.

    python bench/races.py [--rounds 1000] [--kills 60] [--only WORD] [--seed N] [--log FILE]

Every round begins from a known state, lets two clients act at the same moment (one of them up to a few
milliseconds later, by chance), and looks at what there is then. A loss is what was answered with OK and is
not there, or a client that was told what is not so. Prints a table; exits 1 when anything was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from system import Mailsys
from web import Http
from wire import Imap, Smtp

DOMAIN, PASSWORD = "bench.test", "bench"
ANN, BEN = f"ann@{DOMAIN}", f"ben@{DOMAIN}"
USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:submission"]
LATER = 0.004  # seconds that the second begins later, at the most
EXAMPLES = 3  # losses that are told of each race


@dataclass
class Tally:
    """What became of a race's rounds."""

    rounds: int = 0
    lost: int = 0
    refused: int = 0  # rounds in which one was told NO: nothing can be lost of it
    seconds: float = 0.0
    examples: list[str] = field(default_factory=list)

    def lose(self, text: str) -> None:
        self.lost += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(text)


class Jmap:
    """One client of the JMAP API."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self.account = ""
        self.boxes: dict[str, str] = {}

    @classmethod
    async def open(cls, system: Mailsys, user: str) -> Jmap:
        port = int(system.ready["http"].rsplit(":", 1)[1])
        client = cls(await Http(port, user, PASSWORD).open())
        status, answer = await client.http.ask("GET", "/jmap/session")
        assert status == 200, answer
        client.account = json.loads(answer)["primaryAccounts"][USING[1]]
        found = await client.call("Mailbox/get", ids=None)
        client.boxes = {box["role"] or box["name"]: box["id"] for box in found["list"]}
        return client

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """The answer to one method."""
        answers = await self.http.call(USING, [name, {"accountId": self.account, **arguments}, "c"])
        return answers[0][1]

    async def folder(self, name: str) -> str:
        if name not in self.boxes:
            made = await self.call("Mailbox/set", create={"b": {"name": name}})
            self.boxes[name] = made["created"]["b"]["id"]
        return self.boxes[name]

    async def update(self, email: str, **patch: Any) -> bool:
        """Whether it was done."""
        answer = await self.call("Email/set", update={email: patch})
        return email in (answer.get("updated") or {})

    async def get(self, email: str) -> Any:
        found = await self.call("Email/get", ids=[email], properties=["keywords", "mailboxIds"])
        return found["list"][0] if found["list"] else None

    async def emails(self, box: str) -> list[str]:
        found = await self.call("Email/query", filter={"inMailbox": box}, limit=500)
        return list(found["ids"])

    async def clear(self, box: str) -> None:
        while emails := await self.emails(box):
            await self.call("Email/set", destroy=emails)


class View:
    """What an IMAP client knows of its mailbox, by what it was told and nothing else."""

    def __init__(self, imap: Imap) -> None:
        self.imap = imap
        self.rows: list[list[Any]] = []  # uid (0: not told), flags
        self.wrong: list[str] = []

    async def come_back(self, command: bytes, known: list[list[Any]]) -> None:
        """SELECT with QRESYNC (RFC 7162 §3.2.5), by a client that has these rows in its cache."""
        lines = await self.imap.command(command)
        gone: set[int] = set()
        count = 0
        for line in lines:
            if found := re.match(rb"\* (\d+) EXISTS\r\n", line):
                count = int(found[1])
            gone |= vanished(line)
        self.rows = [list(row) for row in known if row[0] not in gone]
        if len(self.rows) > count:
            self.wrong.append(f"{len(self.rows)} rows are left of the known ones, and {count} EXISTS")
        self.rows += [[0, None] for _ in range(count - len(self.rows))]
        for line in lines:
            if re.match(rb"\* \d+ FETCH ", line):
                self._hear(line, gone)

    async def command(self, text: bytes) -> list[bytes]:
        if text.startswith((b"SELECT", b"EXAMINE")):
            self.rows = []
        gone: set[int] = set()
        lines = await self.imap.command(text)
        for line in lines:
            self._hear(line, gone)
        return lines

    def _hear(self, line: bytes, gone: set[int]) -> None:
        if found := re.match(rb"\* (\d+) EXISTS\r\n", line):
            count = int(found[1])
            if count < len(self.rows):
                self.wrong.append(f"{count} EXISTS, {len(self.rows)} were told and not expunged")
            self.rows += [[0, None] for _ in range(count - len(self.rows))]
        elif found := re.match(rb"\* (\d+) EXPUNGE\r\n", line):
            gone.add(self.rows.pop(int(found[1]) - 1)[0])
        elif line.startswith(b"* VANISHED"):
            gone |= vanished(line)
            self.rows = [row for row in self.rows if row[0] not in gone]
        elif found := re.match(rb"\* (\d+) FETCH ", line):
            number = int(found[1])
            if number > len(self.rows):
                self.wrong.append(f"{number} FETCH of {len(self.rows)} rows")
                return
            row = self.rows[number - 1]
            if uid := re.search(rb"UID (\d+)", line):
                if int(uid[1]) in gone or row[0] not in (0, int(uid[1])):
                    self.wrong.append(f"{line!r} after {row} and {sorted(gone)} gone")
                row[0] = int(uid[1])
            if flags := re.search(rb"FLAGS \(([^)]*)\)", line):
                row[1] = frozenset(flags[1].split()) - {rb"\Recent"}

    async def learn(self) -> None:
        for _ in range(5):
            unknown = [str(at + 1).encode() for at, row in enumerate(self.rows) if row[1] is None]
            if not unknown:
                return
            try:
                await self.command(b"FETCH %b (UID FLAGS)" % b",".join(unknown))
            except ValueError as answer:
                self.wrong.append(f"{len(self.rows)} rows are told, but: {answer}")
                return


def vanished(line: bytes) -> set[int]:
    """The uids that a VANISHED names; other lines name none."""
    uids: set[int] = set()
    if found := re.match(rb"\* VANISHED (?:\(EARLIER\) )?([\d:,]+)\r\n", line):
        for part in found[1].split(b","):
            first, _, last = part.partition(b":")
            uids.update(range(int(first), int(last or first) + 1))
    return uids


class Room:
    """The running system, and clients that stay connected."""

    def __init__(self, system: Mailsys, chance: random.Random) -> None:
        self.system = system
        self.chance = chance
        self.serial = 0

    async def imap(self, box: bytes = b"INBOX", user: str = ANN, enable: bytes = b"") -> Imap:
        client = await Imap().open(self.system.imap)
        await client.login(user, PASSWORD)
        if enable:
            await client.command(b"ENABLE " + enable)
        if box:
            await client.command(b"SELECT " + box)
        return client

    async def jmap(self, user: str = ANN) -> Jmap:
        return await Jmap.open(self.system, user)

    async def deliver(self, count: int = 1, user: str = ANN) -> None:
        client = await Smtp().open(self.system.smtp)
        for _ in range(count):
            self.serial += 1
            content = (
                b"From: x@elsewhere.test\r\nTo: %b\r\nSubject: race %d\r\nMessage-ID: <%d.%d@race>\r\n\r\nx\r\n"
                % (user.encode(), self.serial, self.serial, self.chance.randrange(1 << 40))
            )
            reply = await client.send("x@elsewhere.test", [user], content)
            assert reply.startswith(b"250"), reply
        client.close()

    async def both(self, one: Awaitable[Any], other: Awaitable[Any]) -> tuple[Any, Any]:
        """At the same moment, or nearly: either may be the later one."""

        async def late(work: Awaitable[Any], by: float) -> Any:
            if by:
                await asyncio.sleep(by)
            return await work

        by = self.chance.choice((0.0, self.chance.uniform(0, LATER)))
        first = self.chance.random() < 0.5
        return await asyncio.gather(late(one, 0.0 if first else by), late(other, by if first else 0.0))


async def done(imap: Imap | View, command: bytes) -> bool:
    """Whether it was answered with OK."""
    try:
        await imap.command(command)
    except ValueError:
        return False
    return True


async def uid_of(imap: Imap) -> bytes:
    """Of the only message."""
    await imap.command(b"NOOP")
    lines = await imap.command(b"UID SEARCH ALL")
    return lines[[line.startswith(b"* SEARCH") for line in lines].index(True)].split()[2]


# -- races -------------------------------------------------------------------------------------------------


async def one_message(room: Room, jmap: Jmap) -> str:
    """INBOX has one message, and no other mailbox of the race has any; its id."""
    for box in (jmap.boxes["inbox"], jmap.boxes["archive"], await jmap.folder("Work")):
        await jmap.clear(box)
    await room.deliver()
    (email,) = await jmap.emails(jmap.boxes["inbox"])
    return email


async def flags(room: Room, tally: Tally, rounds: int) -> None:
    jmap = await room.jmap()
    email = await one_message(room, jmap)
    imap = await room.imap()
    uid = await uid_of(imap)
    for _ in range(rounds):
        assert await jmap.update(email, keywords={})
        acked = await room.both(
            jmap.update(email, **{"keywords/$flagged": True}),
            done(imap, b"UID STORE %b +FLAGS (\\Answered)" % uid),
        )
        now = (await jmap.get(email))["keywords"]
        tally.rounds += 1
        tally.refused += not all(acked)
        wanted = {word for word, ok in zip(("$flagged", "$answered"), acked, strict=True) if ok}
        if not wanted <= set(now):
            tally.lose(f"left {sorted(now)} of {sorted(wanted)}")


async def move(room: Room, tally: Tally, rounds: int) -> None:
    jmap = await room.jmap()
    email = await one_message(room, jmap)
    imap = await room.imap()
    inbox, archive, work = jmap.boxes["inbox"], jmap.boxes["archive"], jmap.boxes["Work"]
    for _ in range(rounds):
        assert await jmap.update(email, mailboxIds={inbox: True})
        uid = await uid_of(imap)
        labelled, moved = await room.both(
            jmap.update(email, **{f"mailboxIds/{work}": True}), done(imap, b"UID MOVE %b Archive" % uid)
        )
        now = set((await jmap.get(email))["mailboxIds"])
        tally.rounds += 1
        tally.refused += not (labelled and moved)
        wanted = ({archive} if moved else {inbox}) | ({work} if labelled else set())
        if now != wanted:
            names = {id_: name for name, id_ in jmap.boxes.items()}
            tally.lose(f"in {sorted(names[one] for one in now)} after a label and a MOVE to Archive")


async def states(room: Room, tally: Tally, rounds: int) -> None:
    mine, others = await room.jmap(), await room.jmap()
    await one_message(room, mine)
    await room.deliver()
    one, other = await mine.emails(mine.boxes["inbox"])
    imap = await room.imap()
    uids = {}
    for line in await imap.command(b"UID FETCH 1:* (EMAILID)"):
        if found := re.search(rb"UID (\d+) EMAILID \(([^)]+)\)|EMAILID \(([^)]+)\) UID (\d+)", line):
            uids[(found[2] or found[3]).decode()] = found[1] or found[4]
    for number in range(rounds):
        state = (await mine.call("Email/get", ids=[]))["state"]
        on = number % 2 == 0
        set_ = mine.call("Email/set", update={one: {"keywords/one": on or None}})
        if number % 4 < 2:
            theirs: Awaitable[bool] = others.update(other, **{"keywords/other": on or None})
        else:
            theirs = done(imap, b"UID STORE %b %bFLAGS (other)" % (uids[other], b"+" if on else b"-"))
        answer, acked = await room.both(set_, theirs)
        since = answer["newState"] if answer["oldState"] == state else state
        changes = await mine.call("Email/changes", sinceState=since)
        tally.rounds += 1
        tally.refused += not acked
        if acked and other not in changes["updated"]:
            tally.lose(f"{answer['oldState']} -> {answer['newState']}, then {changes['newState']}: nothing")


async def by_hand(room: Room, tally: Tally, rounds: int) -> None:
    """COPY, STORE \\Deleted, EXPUNGE: how clients without MOVE move."""
    jmap = await room.jmap()
    email = await one_message(room, jmap)
    imap, there = await room.imap(), await room.imap(b"Work")
    inbox, work = jmap.boxes["inbox"], jmap.boxes["Work"]
    for _ in range(rounds):
        await jmap.call("Email/set", update={email: {"mailboxIds": {inbox: True}, "keywords": {}}})
        uid = await uid_of(imap)

        async def moved(uid: bytes = uid) -> bool:
            return (
                await done(imap, b"UID COPY %b Work" % uid)
                and await done(imap, b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % uid)
                and await done(imap, b"UID EXPUNGE %b" % uid)
            )

        acked, flagged = await room.both(moved(), jmap.update(email, **{"keywords/$flagged": True}))
        tally.rounds += 1
        tally.refused += not (acked and flagged)
        await there.command(b"NOOP")
        await there.command(b"EXPUNGE")  # of what is marked there: nothing
        now = await jmap.get(email)
        if now is None:
            tally.lose("it is gone")
            email = await one_message(room, jmap)
        elif set(now["mailboxIds"]) != ({work} if acked else {inbox}):
            tally.lose(f"it is in {now['mailboxIds']}")
        elif flagged and "$flagged" not in now["keywords"]:
            tally.lose("the flag is gone")


async def resync(room: Room, tally: Tally, rounds: int) -> None:
    """SELECT (QRESYNC) and FETCH (CHANGEDSINCE, VANISHED) while others expunge, deliver and flag."""
    jmap = await room.jmap()
    await one_message(room, jmap)
    others = await room.imap()
    view = View(await room.imap(b"", enable=b"QRESYNC"))
    fresh = View(await room.imap(b""))
    caches: list[tuple[bytes, bytes, list[list[Any]]]] = []  # what clients knew lately
    for _ in range(rounds):
        await fresh.command(b"SELECT INBOX")
        if len(fresh.rows) < 12:
            await room.deliver(12 - len(fresh.rows))
        said = b"".join(await fresh.command(b"SELECT INBOX"))
        await fresh.learn()
        rows = [row[0] for row in fresh.rows]
        validity, modseq = (
            re.search(name + rb" (\d+)", said)[1]  # type: ignore[index]
            for name in (b"UIDVALIDITY", b"HIGHESTMODSEQ")
        )
        caches = [*caches[-3:], (validity, modseq, [list(row) for row in fresh.rows])]
        gone, flagged = room.chance.sample(rows, 2)

        async def change(
            gone: int = gone, flagged: int = flagged, on: bool = room.chance.random() < 0.5
        ) -> None:
            await done(others, b"UID STORE %d %bFLAGS (\\Flagged)" % (flagged, b"+" if on else b"-"))
            await done(others, b"UID STORE %d +FLAGS.SILENT (\\Deleted)" % gone)
            await done(others, b"UID EXPUNGE %d" % gone)
            await done(others, b"UID STORE %d +FLAGS (more)" % flagged)

        async def come_back(
            cache: tuple[bytes, bytes, list[list[Any]]] = room.chance.choice(caches),
        ) -> None:
            validity, since, known = cache
            await view.come_back(b"SELECT INBOX (QRESYNC (%b %b))" % (validity, since), known)
            await view.command(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %b VANISHED)" % since)

        await room.both(come_back(), change())
        await view.command(b"NOOP")
        await view.learn()
        await fresh.command(b"SELECT INBOX")
        await fresh.learn()
        tally.rounds += 1
        told = {row[0]: row[1] for row in view.rows}
        true = {row[0]: row[1] for row in fresh.rows}
        wrong, view.wrong = view.wrong, []
        if told.keys() != true.keys():
            wrong.append(f"uids {sorted(told)}, not {sorted(true)}")
        elif told != true:
            wrong.append(f"flags of {[uid for uid in told if told[uid] != true[uid]]} are old")
        if wrong:
            tally.lose("; ".join(wrong[:2]))
        await view.command(b"UNSELECT")


async def same_key(room: Room, tally: Tally, rounds: int) -> None:
    """POST /send, the same idempotency key from two connections."""
    one, other = await room.jmap(), await room.jmap()
    sent: Counter[str] = Counter()
    mark = f"{room.chance.randrange(1 << 40)}"

    async def send(client: Jmap, key: str) -> tuple[int, Any]:
        body = {"to": [{"address": BEN}], "subject": f"key {key}", "text": "x"}
        head, client.http.head = client.http.head, client.http.head + f"Idempotency-Key: {key}\r\n"
        try:
            status, answer = await client.http.ask("POST", "/api/v1/send", json.dumps(body).encode())
        finally:
            client.http.head = head
        return status, json.loads(answer)

    for number in range(rounds):
        key = f"{mark}.{number}"
        answers = await room.both(send(one, key), send(other, key))
        tally.rounds += 1
        good = [answer for status, answer in answers if status == 202]
        tally.refused += len(good) < 2
        if not good or any(status not in (202, 409) for status, _ in answers):
            tally.lose(f"answered {answers}")
        elif any(answer != good[0] for answer in good):
            tally.lose(f"two messages: {good}")
    ben = await room.jmap(BEN)
    position = 0
    while True:
        page = await ben.call("Email/query", position=position, limit=200)
        if not page["ids"]:
            break
        found = await ben.call("Email/get", ids=page["ids"], properties=["subject"])
        sent.update(each["subject"] for each in found["list"] if mark in each["subject"])
        position += len(page["ids"])
    for number in range(rounds):
        count = sent[f"key {mark}.{number}"]
        if count != 1:
            tally.lose(f"arrived {count} times")


async def kills(
    start: Callable[[], Awaitable[Mailsys]], chance: random.Random, tally: Tally, rounds: int
) -> Mailsys:
    """kill -9 while EmailSubmission/set with onSuccessUpdateEmail is under way; then a restart, and a look."""
    system = await start()
    took = 0.0  # seconds that a submission takes, as measured
    for number in range(rounds):
        room = Room(system, chance)
        jmap, ben = await room.jmap(), await room.jmap(BEN)
        drafts, sent = jmap.boxes["drafts"], jmap.boxes["sent"]
        subject = f"kill {number} {chance.randrange(1 << 40)}"
        value = {
            "mailboxIds": {drafts: True}, "keywords": {"$draft": True}, "subject": subject,
            "from": [{"email": ANN}], "to": [{"email": BEN}],
            "bodyValues": {"1": {"value": "x"}}, "textBody": [{"partId": "1", "type": "text/plain"}],
        }  # fmt: skip
        email = (await jmap.call("Email/set", create={"d": value}))["created"]["d"]["id"]
        identity = (await jmap.call("Identity/get", ids=None))["list"][0]["id"]
        send = jmap.call(
            "EmailSubmission/set",
            create={"s": {"identityId": identity, "emailId": email}},
            onSuccessUpdateEmail={
                "#s": {f"mailboxIds/{drafts}": None, f"mailboxIds/{sent}": True, "keywords/$draft": None}
            },
        )
        began = time.perf_counter()
        work = asyncio.ensure_future(send)
        # The first is not cut off: how long one takes is what the moments are chosen from.
        await asyncio.wait([work], timeout=chance.uniform(0, took * 1.2) if number else 60.0)
        acked = work.done() and work.exception() is None
        if acked:
            took = time.perf_counter() - began
        system.kill()
        await asyncio.gather(work, return_exceptions=True)
        system = await start()
        room = Room(system, chance)
        jmap, ben = await room.jmap(), await room.jmap(BEN)
        found = await ben.call("Email/query", filter={"subject": subject.rpartition(" ")[2]})
        now = await jmap.get(email)
        delivered, draft = len(found["ids"]), "$draft" in now["keywords"] or drafts in now["mailboxIds"]
        tally.rounds += 1
        tally.refused += not acked
        if (
            delivered > 1
            or (delivered and draft)
            or (not delivered and not draft)
            or (acked and not delivered)
        ):
            tally.lose(
                f"delivered {delivered} times and {'still' if draft else 'no longer'} a draft, acked {acked}"
            )
    return system


Race = Callable[[Room, Tally, int], Awaitable[None]]
RACES: dict[str, Race] = {
    "JMAP $flagged | IMAP STORE \\Answered": flags,
    "JMAP label | IMAP UID MOVE": move,
    "JMAP states | others' changes": states,
    "JMAP $flagged | COPY, \\Deleted, EXPUNGE": by_hand,
    "QRESYNC SELECT, FETCH | EXPUNGE, STORE": resync,
    "POST /send, same key | the same": same_key,
}
KILLS = "JMAP submission | kill -9"


async def run(options: argparse.Namespace) -> int:
    chance = random.Random(options.seed)
    state = tempfile.mkdtemp(prefix="bench-races-")
    accounts = [w for user in (ANN, BEN) for w in ("--account", f"{user}:{PASSWORD}")]

    async def start() -> Mailsys:
        return await asyncio.to_thread(
            lambda: Mailsys("--no-checks", *accounts, domain=DOMAIN, state=state, log=options.log)
        )

    tallies: dict[str, Tally] = {}
    system: Mailsys | None = None
    try:
        if options.only in KILLS and options.kills:
            tally = tallies[KILLS] = Tally()
            began = time.monotonic()
            system = await kills(start, chance, tally, options.kills)
            tally.seconds = time.monotonic() - began
        for name, race in RACES.items():
            if options.only not in name:
                continue
            system = system or await start()
            tally = tallies[name] = Tally()
            began = time.monotonic()
            await race(Room(system, chance), tally, options.rounds)
            tally.seconds = time.monotonic() - began
    finally:
        if system is not None:
            system.stop()
        shutil.rmtree(state, ignore_errors=True)
    print(f"{'race':44}{'rounds':>8}{'lost':>7}{'refused':>9}{'seconds':>9}")
    for name, tally in tallies.items():
        print(f"{name:44}{tally.rounds:8}{tally.lost:7}{tally.refused:9}{tally.seconds:9.1f}")
        for example in tally.examples:
            print(f"    {example}")
    return 1 if any(tally.lost for tally in tallies.values()) else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--only", default="", help="races whose name has this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", help="the server's log goes to this file")
    raise SystemExit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
