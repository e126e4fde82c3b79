"""What people teach the content filter, and what it knows.

Who moves mail into or out of Junk, answers or files it, or sets `$Junk` or `$NotJunk`, leaves a *lesson*, in
the commit that makes the change and by whatever way it came: nothing is missed, and he does not wait until it
is learned. Lessons:

- junk: a placement comes into the mailbox of role junk by COPY, MOVE or Email/set; `$junk` is set.
- good: an email leaves that mailbox and is to be seen in another than trash; `$notjunk` is set, or, outside
  of junk, `$answered`; an email is moved from the inbox into the archive or a mailbox without a role.
- none of both (unlearn): `$junk` or `$notjunk` is taken away, without the other in its place.

What is delivered, appended or imported teaches nothing, whatever mailbox it is put into: the filter does not
learn from its own verdicts. Nor does deleting, or waking what was snoozed.

A message is learned once per account, as the last lesson has it: the counts, and that it was learned, change
in one commit, under the condition that the lesson still stands. A message is its bytes (BlobId): copies are
one. Counts are kept by *scope*: an account, or ALL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.core.trust.bayes import Counts, Knowledge
from mailsys.ports.ids import AccountId, BlobId

ALL: Final = AccountId(0)  # no account: what all of them teach together

TOKENS_KEPT: Final = 200_000  # of one scope; beyond, those seen rarely and long ago go
LEARNED_KEPT: Final = 50_000  # messages of one scope of which it is known how they were learned


@dataclass(frozen=True, slots=True)
class Lesson:
    """`spam` None: what was learned of the message is to be unlearned. `number` is another whenever the
    lesson is taught anew."""

    account: AccountId
    blob: BlobId
    spam: bool | None
    number: int


@dataclass(frozen=True, slots=True)
class Taught:
    """A message to be learned. `keys`: of its tokens (`core.trust.tokens.key`), each once. `lesson`: the
    number of the lesson that it answers; None: it is nobody's lesson (a corpus of the operator's). `shared`:
    learned in ALL as well; what `account` ALL learns is so anyway."""

    account: AccountId
    blob: BlobId
    spam: bool | None
    keys: Sequence[int]
    lesson: int | None = None
    shared: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """`total`: messages learned; `tokens`: how many different ones are counted."""

    total: Counts = field(default_factory=Counts)
    tokens: int = 0


class ILearningStore(Interface):
    def lessons(limit: int) -> Deferred[list[Lesson]]:
        """Those that wait, the oldest first. Their blobs are kept until they are learned."""

    def learn(taught: Sequence[Taught]) -> Deferred[int]:
        """Learn these in one commit; how many changed anything. One whose lesson was taught anew, or was
        learned, meanwhile is left out; one that was learned the same way before only ends its lesson; one
        that was learned the other way is unlearned first. An account that is gone learns nothing."""

    def totals(scopes: Sequence[AccountId]) -> Deferred[Mapping[AccountId, Known]]:
        """Those that know nothing are left out."""

    def knowledge(
        scopes: Sequence[AccountId], keys: Sequence[int]
    ) -> Deferred[Mapping[AccountId, Knowledge]]:
        """What each scope knows of these tokens, all read in one state of the store. Scopes that know
        nothing are left out. Keep scopes below a hundred, keys below two thousand."""

    def learned(account: AccountId, blobs: Sequence[BlobId]) -> Deferred[Mapping[BlobId, bool]]:
        """How those messages were learned (True: as junk) that were."""

    def forget(scope: AccountId) -> Deferred[bool]:
        """Forget all that it knows and which messages that was from; whether there was anything. What an
        account taught ALL stays there."""
