"""What the filter thinks of a message, for each of the accounts that would get it, and why."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailsys.core.trust.bayes import Bounds, Judged, Knowledge, Opinion, judge
from mailsys.core.trust.tokens import key, shown, tokens
from mailsys.core.trust.verdict import Reason
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import AccountId
from mailsys.ports.learning import ALL, ILearningStore
from mailsys.services.content.reading import Offload

LOOKED_AT: Final = 256 * 1024  # octets of a message, judged or learned
CODE: Final = "content"  # of the reasons
_AT_ONCE: Final = 8 * 1024  # octets that are taken apart on the reactor's thread
_TOGETHER: Final = 50  # accounts whose knowledge is read at a time
_NAMED: Final = 5  # tokens that a reason names

Tokens = Sequence[tuple[str, int]]  # with their keys


@dataclass(frozen=True, slots=True)
class ContentVerdict:
    """`reasons`: one when there is an opinion, none when too little was learned. Its weight leans as far
    towards junk (or, negative, away) as the filter is sure; `detail` has `score` and the strongest tokens,
    in words (`for-junk`, `for-good`)."""

    judged: Judged
    reasons: tuple[Reason, ...]


UNTRAINED: Final = ContentVerdict(Judged(Opinion.UNTRAINED, 0.5), ())


def taken_apart(content: bytes | mmap.mmap) -> Tokens:
    """A message's tokens and their keys."""
    looked_at = content[:LOOKED_AT] if len(content) > LOOKED_AT else content
    return [(token, key(token)) for token in tokens(looked_at)]


class Filter:
    """weight: that of a message which is junk beyond doubt; one that is good beyond doubt has minus half
    of it, so that content alone outweighs no failed check."""

    def __init__(
        self, learning: ILearningStore, offload: Offload, bounds: Bounds, weight: float, enabled: bool = True
    ) -> None:
        self._learning = learning
        self._offload = offload
        self._bounds = bounds
        self._weight = weight
        self._enabled = enabled

    async def judge(
        self, accounts: Sequence[AccountId], blob: StagedBlob
    ) -> Mapping[AccountId, ContentVerdict]:
        """A verdict for each of the accounts. Costs about 2 ms for a letter, and next to nothing where
        nothing was learned; only the first LOOKED_AT octets count."""
        untrained = dict.fromkeys(accounts, UNTRAINED)
        if not self._enabled or not accounts:
            return untrained
        trained = [
            scope
            for scope, known in (await self._learning.totals([ALL, *accounts])).items()
            if min(known.total.spam, known.total.ham) >= self._bounds.least
        ]
        if not trained:
            return untrained
        if blob.data is not None and blob.size <= _AT_ONCE:
            found = taken_apart(blob.data)
        else:
            found = await self._offload(lambda: _of_staged(blob))
        knowledge = await self.knowledge(trained, found)
        own = [account for account in dict.fromkeys(accounts) if account in knowledge]

        def work() -> dict[AccountId, ContentVerdict]:
            shared = knowledge.get(ALL)
            common = self.verdict(found, shared, None)
            return dict.fromkeys(accounts, common) | {
                account: self.verdict(found, shared, knowledge[account]) for account in own
            }

        # A verdict takes half a millisecond.
        return work() if len(own) < 4 else await self._offload(work)

    async def knowledge(self, scopes: Sequence[AccountId], found: Tokens) -> dict[AccountId, Knowledge]:
        keys = [each for _, each in found]
        knowledge: dict[AccountId, Knowledge] = {}
        for start in range(0, len(scopes), _TOGETHER):
            knowledge |= await self._learning.knowledge(scopes[start : start + _TOGETHER], keys)
        return knowledge

    def verdict(self, found: Tokens, shared: Knowledge | None, own: Knowledge | None) -> ContentVerdict:
        judged = judge(found, shared, own, self._bounds)
        if judged.opinion is Opinion.UNTRAINED:
            return UNTRAINED
        return ContentVerdict(judged, (self._reason(judged),))

    def _reason(self, judged: Judged) -> Reason:
        for_junk = [shown(token) for token, probability in judged.strongest if probability > 0.5][:_NAMED]
        for_good = [shown(token) for token, probability in judged.strongest if probability < 0.5][:_NAMED]
        match judged.opinion:
            case Opinion.JUNK:
                text, named = "It reads like mail that people here called junk", for_junk
                weight = self._weight * (2 * judged.score - 1)
            case Opinion.GOOD:
                text, named = "It reads like mail that people here want", for_good
                weight = self._weight / 2 * (2 * judged.score - 1)
            case _:
                text, named = "It reads neither like junk nor like wanted mail", []
                # Up to a third of the way: content that is in doubt decides nothing.
                weight = self._weight / 3 * max(2 * judged.score - 1, 0.0)
        text = f"{text}: {', '.join(named[:3])}." if named else f"{text}."
        detail = [("score", f"{judged.score:.3f}")]
        if for_junk:
            detail.append(("for-junk", "; ".join(for_junk)))
        if for_good:
            detail.append(("for-good", "; ".join(for_good)))
        return Reason(CODE, text, round(weight, 3), tuple(detail))


def _of_staged(blob: StagedBlob) -> Tokens:
    if blob.path is None:
        return taken_apart(blob.data or b"")
    with open(blob.path, "rb") as file:
        return taken_apart(file.read(LOOKED_AT))
