"""Cut the power: a disk that forgets, reorders and tears what was not synced; open, check, count.

    python bench/power.py [--cuts 1000] [--seed N] [--folder DIR]

Load in every round: deliveries small and large, flags, moves, expunges, submissions and what becomes of
them, with the sweep of blobs and the copying back of the log beside. What was acknowledged before a cut
must be there after it, once, octet for octet; what was not may be there or not. A round goes on from
what a cut of the round before left. How a cut is made: tests/stores/powerless.py.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tests.stores.power_trial import Image, Trial, hasten, verify

CUTS = 12  # in one round
SPAN = 3000  # writes, syncs, renames ... over which they are spread
CHAIN = 4  # rounds, one upon the other, before a new store


async def run(options: argparse.Namespace) -> None:
    hasten()
    folder = tempfile.mkdtemp(prefix="bench-power-", dir=options.folder)
    trial = Trial(folder, options.seed)
    began = time.monotonic()
    cuts = acknowledged = lost = wrong = 0
    last: Image | None = None
    while cuts < options.cuts:
        images = await trial.round(last, min(CUTS, options.cuts - cuts), SPAN)
        for image in images:
            verdict = await verify(image)
            cuts += 1
            acknowledged += image.known.acknowledged()
            lost += len(verdict.lost)
            wrong += len(verdict.wrong)
            for text in (*verdict.lost[:5], *verdict.wrong[:5]):
                print(f"FAILED round {trial.rounds}, operation {image.operation}: {text}", flush=True)
        last = trial.chance.choice(images) if trial.rounds % CHAIN else None
        for image in images:
            if image is not last:
                shutil.rmtree(os.path.dirname(image.folder))
        if trial.rounds % 10 == 0:
            print(f"{cuts} cuts, {acknowledged} acknowledgements counted, {lost} lost", flush=True)
    print(
        f"{cuts} power cuts in {trial.rounds} rounds over {trial.operations} operations of the disk: "
        f"{acknowledged} acknowledgements counted, {lost} lost, {wrong} complaints of the store's own check, "
        f"{time.monotonic() - began:.0f} s"
    )
    if lost or wrong:
        print(f"kept in {folder}")
        raise SystemExit(1)
    shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--folder", help="work there (default: the system's place for temporary files)")
    options = parser.parse_args()
    print(f"seed {options.seed}")

    def begin(reactor: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(run(options))

    react(begin)


if __name__ == "__main__":
    main()
