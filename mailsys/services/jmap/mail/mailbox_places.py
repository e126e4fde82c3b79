"""Which changes of the mailbox tree can all be made together: the final state decides (RFC 8620 §5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailsys.ports.mailboxes import Role


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mailbox is; ids are JMAP's, or "#" and a creation id."""

    parent: str | None
    name: str
    role: Role | None

    @property
    def claim(self) -> tuple[str | None, str]:
        """What no other mailbox may have as well."""
        inbox = self.parent is None and self.name.upper() == "INBOX"
        return self.parent, "INBOX" if inbox else self.name


def refused(
    before: Mapping[str, Place], wanted: Sequence[tuple[str, Place | None]], most_deep: int
) -> frozenset[int]:
    """Indices of the changes that have to go so that the tree is whole after all the others; of two that
    want the same the earlier stays. A change is a mailbox's id and its place, None when it is destroyed;
    no id stands there twice."""
    gone: frozenset[int] = frozenset()
    while True:
        more = _refused(before, wanted, gone, most_deep)
        if not more:
            return gone
        gone |= more


_FIXED = -1  # the index of what is not to change


def _refused(
    before: Mapping[str, Place],
    wanted: Sequence[tuple[str, Place | None]],
    gone: frozenset[int],
    most_deep: int,
) -> set[int]:
    after = dict(before)
    changing = {mailbox for at, (mailbox, _) in enumerate(wanted) if at not in gone}
    for mailbox, place in (one for at, one in enumerate(wanted) if at not in gone):
        if place is None:
            after.pop(mailbox, None)
        else:
            after[mailbox] = place
    names = {place.claim: _FIXED for mailbox, place in after.items() if mailbox not in changing}
    roles = {place.role: _FIXED for mailbox, place in after.items() if mailbox not in changing}
    parents = {place.parent for place in after.values()}
    more: set[int] = set()
    for at, (mailbox, place) in enumerate(wanted):
        if at in gone:
            continue
        if place is None:
            if mailbox in parents:
                more.add(at)
        elif (
            place.claim in names
            or (place.role is not None and place.role in roles)
            or not _hangs(after, mailbox, most_deep)
        ):
            more.add(at)
        else:
            names[place.claim] = roles[place.role] = at
    waiting = list(more)
    while waiting:  # what stays where it was is in the way of who wanted to be there
        old = before.get(wanted[waiting.pop()][0])
        if old is None:
            continue
        there = {names.get(old.claim, _FIXED), _FIXED if old.role is None else roles.get(old.role, _FIXED)}
        for other in there - {_FIXED} - more:
            more.add(other)
            waiting.append(other)
    return more


def _hangs(places: Mapping[str, Place], mailbox: str, most_deep: int) -> bool:
    """Whether it is below the root at last."""
    at: str | None = mailbox
    for _ in range(most_deep):
        place = places.get(at) if at is not None else None
        if place is None:
            return False
        at = place.parent
        if at is None:
            return True
    return False
