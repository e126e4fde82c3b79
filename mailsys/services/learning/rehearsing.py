"""What the filter would do to mail that is there already: nothing is moved.

A message that the filter learned from would judge itself; so what was learned of it is left out of the counts
while it is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mailsys.core.refusal import ContentLost
from mailsys.core.trust.bayes import Counts, Knowledge, Opinion
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId
from mailsys.ports.learning import ALL, ILearningStore
from mailsys.ports.mail import IMailStore
from mailsys.ports.mailboxes import Mailbox, Role
from mailsys.ports.query import EmailQuery
from mailsys.services.content.reading import Offload
from mailsys.services.learning.content_filter import (
    LOOKED_AT,
    UNTRAINED,
    ContentVerdict,
    Filter,
    Tokens,
    taken_apart,
)

EXAMPLES: Final = 10  # of each direction
_PAGE: Final = 50
_OWN: Final = (Role.SENT, Role.DRAFTS, Role.TRASH)  # one's own words, and what nobody cares about


@dataclass(frozen=True, slots=True)
class Example:
    email: EmailId
    subject: str
    sender: str
    received_at: float
    mailbox: str  # its path now
    score: float
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Rehearsed:
    """Of an account's newest mail. `to_junk`: that is not in Junk and would be; `to_inbox`: that is there and
    would not be (unsure counts as not)."""

    looked_at: int = 0
    in_junk: int = 0
    to_junk: int = 0
    to_inbox: int = 0
    unsure: int = 0
    untrained: int = 0
    examples_to_junk: list[Example] | None = None
    examples_to_inbox: list[Example] | None = None


class Rehearsal:
    def __init__(
        self,
        mail: IMailStore,
        blobs: IBlobStore,
        learning: ILearningStore,
        filter_: Filter,
        offload: Offload,
    ) -> None:
        self._mail = mail
        self._blobs = blobs
        self._learning = learning
        self._filter = filter_
        self._offload = offload

    async def run(self, account: AccountId, last: int) -> Rehearsed:
        """Of the `last` newest emails (sent mail, drafts and trash left out)."""
        boxes: dict[MailboxId, Mailbox] = {box.id: box for box in await self._mail.mailboxes(account)}
        found = Rehearsed(examples_to_junk=[], examples_to_inbox=[])
        position = 0
        while found.looked_at < last:
            page = await self._mail.query(account, EmailQuery(position=position, limit=_PAGE))
            if not page.emails:
                break
            position += len(page.emails)
            places = await self._mail.email_mailboxes(account, page.emails)
            rows = await self._mail.fetch(account, page.emails, _COLUMNS)
            for email in page.emails:
                where = [boxes[box] for box in places.get(email, ()) if box in boxes]
                if email not in rows or not where or all(box.role in _OWN for box in where):
                    continue
                if found.looked_at < last:
                    await self._look(account, email, where, rows[email], found)
        return found

    async def _look(
        self,
        account: AccountId,
        email: EmailId,
        where: Sequence[Mailbox],
        row: tuple[object, ...],
        found: Rehearsed,
    ) -> None:
        blob, subject, sender, received_at = row
        verdict = await self._verdict(account, BlobId(blob))  # type: ignore[arg-type]
        if verdict is None:
            return
        found.looked_at += 1
        in_junk = any(box.role is Role.JUNK for box in where)
        found.in_junk += in_junk
        opinion = verdict.judged.opinion
        found.unsure += opinion is Opinion.UNSURE
        found.untrained += opinion is Opinion.UNTRAINED
        if opinion is Opinion.UNTRAINED or (opinion is Opinion.JUNK) == in_junk:
            return
        reasons = tuple(reason.text for reason in verdict.reasons)
        example = Example(
            email,
            str(subject),
            str(sender),
            float(str(received_at)),
            where[0].path,
            verdict.judged.score,
            reasons,
        )
        if in_junk:
            found.to_inbox += 1
            examples = found.examples_to_inbox
        else:
            found.to_junk += 1
            examples = found.examples_to_junk
        if examples is not None and len(examples) < EXAMPLES:
            examples.append(example)

    async def _verdict(self, account: AccountId, blob: BlobId) -> ContentVerdict | None:
        """None: the message cannot be read."""
        try:
            content: bytes | None = await self._blobs.read(blob, 0, LOOKED_AT)
        except ContentLost:
            return None
        if content is None:
            return None
        whole = content
        tokens = await self._offload(lambda: taken_apart(whole))
        knowledge = await self._filter.knowledge([ALL, account], tokens)
        for scope in (account, ALL):
            learned = await self._learning.learned(scope, [blob])
            if blob not in learned:
                continue
            for each in {scope, ALL}:
                if each in knowledge:
                    knowledge[each] = without(knowledge[each], tokens, learned[blob])
            break
        if not knowledge:
            return UNTRAINED
        return self._filter.verdict(tokens, knowledge.get(ALL), knowledge.get(account))


_COLUMNS: Final = (Column.BLOB, Column.SUBJECT, Column.SENDER, Column.RECEIVED_AT)


def without(knowledge: Knowledge, tokens: Tokens, spam: bool) -> Knowledge:
    """What would be known had this message not been learned."""

    def less(counts: Counts) -> Counts:
        if spam:
            return replace(counts, spam=max(counts.spam - 1, 0))
        return replace(counts, ham=max(counts.ham - 1, 0))

    keys = {key for _, key in tokens}
    return Knowledge(
        less(knowledge.total),
        {key: less(counts) if key in keys else counts for key, counts in knowledge.tokens.items()},
    )
