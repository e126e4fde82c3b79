"""`mailsys filter` and `mailsys rehearse`. A corpus is taken apart here; the server only counts."""

from __future__ import annotations

import argparse
import hashlib
import mailbox
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mailsys.cli.control import ask_running, perform, settings_of
from mailsys.cli.printing import show_fields, show_json, show_table, text
from mailsys.cli.problem import DONE, USAGE, Problem
from mailsys.services.learning.content_filter import taken_apart
from mailsys.services.operating import commands as c

if TYPE_CHECKING:
    from mailsys.services.operating.administration import Administration

_BATCH: Final = 40  # messages of one request: at most 0.7 MB
_TABLE: Final = ("account", "looked_at", "in_junk", "to_junk", "to_inbox", "unsure", "untrained")


def train(options: argparse.Namespace) -> int:
    places = [Path(each) for each in options.paths]
    for each in places:
        if not each.exists():
            raise Problem(f"{each}: no such file or folder", USAGE)
    batches = _batches(options, places)
    settings = settings_of(options)
    total = {"learned": 0, "known": 0}

    def count(result: Any) -> None:
        for name in total:
            total[name] += result[name]

    first = next(batches, None)
    if first is None:
        raise Problem("There is no message in it")
    reply = ask_running(Path(settings.state), first)
    if reply is None:
        from mailsys.cli.alone import run_alone

        async def all_of_them(administration: Administration) -> None:
            for command in (first, *batches):
                count(await administration.perform(command))

        run_alone(settings, all_of_them)
    else:
        for command in (first, *batches):
            if command is not first:
                reply = ask_running(Path(settings.state), command)
            if reply is None:
                raise Problem("The server went away")
            if reply.refused:
                raise Problem(reply.refused)
            count(reply.result)
    if options.json:
        show_json(total)
    else:
        print(f"{total['learned']} learned, {total['known']} known before")
    return DONE


def forget(options: argparse.Namespace) -> int:
    if not options.account and not options.shared:
        raise Problem("filter forget: say --account ADDRESS, or --shared", USAGE)
    found = perform(options, c.ForgetFilter(account=options.account))
    if options.json:
        show_json(found)
    else:
        show_fields(found, ("account", "forgotten"))
    return DONE


def stats(options: argparse.Namespace) -> int:
    found = perform(options, c.FilterStats())
    if options.json:
        show_json(found)
    else:
        show_table(found, ("account", "junk", "good", "tokens"), "nothing was learned")
    return DONE


def rehearse(options: argparse.Namespace) -> int:
    found = perform(options, c.Rehearse(account=options.account, last=max(1, min(options.last, 10_000))))
    if options.json:
        show_json(found)
        return DONE
    show_table(found, _TABLE, "no accounts")
    for each in found:
        for example in each["examples_to_junk"]:
            _show(each["account"], "to Junk", example)
        for example in each["examples_to_inbox"]:
            _show(each["account"], "out of Junk", example)
    return DONE


def _show(account: str, where: str, example: dict[str, Any]) -> None:
    score, path = example["score"], text(example["mailbox"])
    print()
    print(f"{text(account)}: {where} ({score:.3f}), now in {path}")
    at, sender = text(example["received_at"], "at"), text(example["sender"])
    print(f"  {at}  {sender}: {text(example['subject'])}")
    for reason in example["reasons"]:
        print(f"  {text(reason)}")


def _batches(options: argparse.Namespace, places: Sequence[Path]) -> Iterator[c.TrainFilter]:
    batch: list[c.TrainedMessage] = []
    for place in places:
        for content in messages(place):
            digest = hashlib.blake2b(content, digest_size=32).digest()
            keys = array("q", (key for _, key in taken_apart(content)))
            batch.append(c.TrainedMessage(blob=digest, keys=keys.tobytes()))
            if len(batch) == _BATCH:
                yield c.TrainFilter(account=options.account, spam=options.junk, messages=tuple(batch))
                batch = []
    if batch:
        yield c.TrainFilter(account=options.account, spam=options.junk, messages=tuple(batch))


def messages(place: Path) -> Iterator[bytes]:
    """Of an mbox file, a Maildir, a folder of files with one message each (and its folders), or one such
    file; with CRLF, as mail has it on the wire."""
    if place.is_dir():
        if (place / "cur").is_dir():
            place_files = [*_files(place / "cur"), *_files(place / "new")]
        else:
            place_files = [each for each in sorted(place.rglob("*")) if each.is_file()]
        for file in place_files:
            yield _crlf(file.read_bytes())
        return
    with place.open("rb") as opened:
        beginning = opened.read(5)
    if beginning != b"From ":
        yield _crlf(place.read_bytes())
        return
    box = mailbox.mbox(place, create=False)
    try:
        for key in box.iterkeys():
            yield _crlf(box.get_bytes(key))
    finally:
        box.close()


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_file()) if folder.is_dir() else []


def _crlf(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
