"""What the filter catches on real mail that it did not learn: where a corpus lies (see bench/filter.py)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from unittest import TestCase, skipUnless

from mailsys.core.trust.bayes import Bounds

CORPUS = os.environ.get("MAILSYS_CORPUS", "")


@skipUnless(CORPUS, "MAILSYS_CORPUS names none")
class CorpusTests(TestCase):
    def test_half_of_it_teaches_to_know_the_other_half(self) -> None:
        sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))
        try:
            import filter as bench  # type: ignore[import-not-found]
        finally:
            sys.path.pop(0)
        messages = bench.taken_apart(bench.corpus(Path(CORPUS)))
        for mine, others in ((messages[::2], messages[1::2]), (messages[1::2], messages[::2])):
            found = bench.tried(mine, others, Bounds(least=10))
            self.assertGreater(found["caught"], 93.0)
            self.assertLessEqual(found["wrong"], 8)
