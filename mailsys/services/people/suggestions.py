"""Whom somebody may mean by the first letters of an address or name: contacts, groups of them, and those
written to and heard from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mailsys.core.contacts.entry import Entry
from mailsys.core.contacts.names import folded
from mailsys.core.message.address import canonical
from mailsys.ports.correspondents import Correspondent
from mailsys.ports.ids import AccountId
from mailsys.ports.mail import IMailStore
from mailsys.services.people.contacts import Contacts, same_uid

LONGEST: Final = 100  # characters that are looked at
AT_MOST: Final = 50
_CANDIDATES: Final = 1000  # contacts that match and are ranked
_MEMBERS: Final = 200  # of one group


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`members` (name, address): whom a group stands for; its own address is empty."""

    address: str
    name: str
    sent: int = 0
    received: int = 0
    contact: bool = False
    members: tuple[tuple[str, str], ...] = ()

    @property
    def rank(self) -> int:
        return 3 * self.sent + self.received


class Suggestions:
    def __init__(self, mail: IMailStore, contacts: Contacts) -> None:
        self._mail = mail
        self._contacts = contacts

    async def suggest(self, account: AccountId, text: str, limit: int) -> list[Suggestion]:
        """Those whose address or name begins with `text`, of contacts also those one of whose names
        does; taken letter by letter, whatever it holds. Contacts come first; among them, and among the
        others, the best: three points for each message sent to, one for each received."""
        prefix = " ".join(text.split())
        if not prefix or len(prefix) > LONGEST:
            return []
        limit = min(limit, AT_MOST)
        entries = await self._contacts.entries(account)
        chosen = await self._ranked(account, list(_matching(entries, folded(prefix))))
        taken = {one.address.casefold() for one in chosen}
        for one in await self._mail.correspondents(account, prefix, limit + len(taken)):
            if one.address.casefold() not in taken:
                chosen.append(Suggestion(one.address, one.name, one.sent, one.received))
        return chosen[:limit]

    async def _ranked(self, account: AccountId, found: list[Suggestion]) -> list[Suggestion]:
        names = {one.address: _canonical(one.address) for one in found if one.address}
        known: dict[str, Correspondent] = {
            one.address: one for one in await self._mail.known_correspondents(account, list(names.values()))
        }
        ranked = []
        for one in found:
            history = known.get(names.get(one.address, ""))
            if history is not None:
                one = Suggestion(one.address, one.name, history.sent, history.received, True)
            ranked.append(one)
        return sorted(ranked, key=lambda one: (-one.rank, folded(one.name), one.address))


def _matching(entries: Mapping[str, Entry], prefix: str) -> Iterator[Suggestion]:
    inside = f" {prefix}"
    seen: set[str] = set()
    by_uid: dict[str, Entry] = {}
    for one in entries.values():
        names = f" {one.texts.get('name', '')} {one.texts.get('nickname', '')}"
        named = inside in names or (one.kind == "group" and inside in f" {folded(one.name)}")
        if one.kind == "group":
            if named and one.members:
                by_uid = by_uid or {same_uid(each.uid): each for each in entries.values()}
                members = tuple(_members(one, by_uid))
                if members:
                    yield Suggestion("", one.name, contact=True, members=members)
            continue
        for address in one.emails:
            lowered = address.casefold()
            if (named or lowered.startswith(prefix)) and lowered not in seen:
                seen.add(lowered)
                yield Suggestion(address, "" if one.name == address else one.name, contact=True)
        if len(seen) >= _CANDIDATES:
            return


def _members(group: Entry, by_uid: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    """Those who have an address, by their first; a group in a group is not followed."""
    count = 0
    for uid in sorted(group.members):
        member = by_uid.get(same_uid(uid))
        if member is not None and member.emails and count < _MEMBERS:
            count += 1
            yield member.name, member.emails[0]


def _canonical(address: str) -> str:
    try:
        return canonical(address)
    except ValueError:
        return address.casefold()
