"""Every place of every pair, counted.

    python -m tests.interleaving [--first WORD] [--second WORD] [--every] [--more] [--places N]

`--first`, `--second`: only operations whose name has the word; `--every`: before and after each call for
all writers; `--more`: all places that fail, and not only the first of each pair; `--part I/N`: the I-th of N
parts of the pairs, for several cores.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.interleaving.catalogue import OPERATIONS, pairs
from tests.interleaving.sqlite_memory import SqliteInMemory
from tests.interleaving.trial import Trials, explore
from tests.interleaving.world import prepare


def _now(work: Any) -> Any:
    """The result of what does not wait, as nothing does in memory."""
    found: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(found.append)
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interleaving")
    parser.add_argument("--first", default="")
    parser.add_argument("--second", default="")
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    back_end = SqliteInMemory()
    trials = Trials(back_end, _now(prepare(back_end.open, back_end.freeze)))
    began, used = time.monotonic(), time.process_time()
    wanted = [pair for pair in pairs() if options.first in pair[0].name and options.second in pair[1].name][
        part::parts
    ]
    schedules, wrong, places = 0, Counter[bool](), 0
    for a, b in wanted:
        for one_process in (False, True) if a.imap and b.imap else (False,):
            count, found = _now(explore(trials, a, b, one_process, every=options.every))
            schedules += count
            if found:
                wrong[one_process] += 1
                places += len(found)
                for each in found if options.more else found[:1]:
                    sys.stdout.write(f"{each}\n")
    sys.stdout.write(
        f"{len(OPERATIONS)} operations, {len(wanted)} pairs, {schedules} schedules, {trials.runs} runs in "
        f"{time.monotonic() - began:.0f} s ({time.process_time() - used:.0f} s of a core); wrong: "
        f"{wrong[False]} pairs of two processes, {wrong[True]} within one, {places} schedules\n"
    )
    return 1 if places else 0


sys.exit(main())
