"""Whether an account knows who writes to it: the reasons and warnings that come of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailsys.core.message.address import canonical
from mailsys.core.trust.evidence import Evidence
from mailsys.core.trust.judge import WEIGHTS
from mailsys.core.trust.lookalike import folded_name
from mailsys.core.trust.verdict import Reason
from mailsys.ports.accounts import IAccountStore
from mailsys.ports.correspondents import ICorrespondentStore
from mailsys.ports.ids import AccountId

_NAMES_FOR: Final = 60.0  # seconds that our people's names are remembered
_SHORTEST: Final = 5  # characters of a name that is anybody's: "Bob" is no imitation
_SAME_NAME: Final = 5  # correspondents of one name that are looked at


class Acquaintances:
    def __init__(
        self, mail: ICorrespondentStore, accounts: IAccountStore, clock: IReactorTime, tell: bool = True
    ) -> None:
        """`tell`: whether a first contact is told."""
        self._mail = mail
        self._accounts = accounts
        self._clock = clock
        self._tell = tell
        self._names: Mapping[str, str] = {}
        self._read = float("-inf")

    async def reasons(self, account: AccountId, evidence: Evidence, believed: bool) -> list[Reason]:
        """`believed`: the author is who he says."""
        address = _canonical(evidence.author)
        if not address:
            return []
        found = await self._mail.known_correspondents(account, [address])
        if found:
            if not believed or not found[0].sent:
                return []
            text = f"You have written to {evidence.author}."
            return [Reason("correspondent", text, WEIGHTS["correspondent"], (("address", evidence.author),))]
        reasons = []
        if self._tell:
            text = f"{evidence.author} writes to you for the first time."
            who = (("address", evidence.author),)
            reasons.append(Reason("first-contact", text, WEIGHTS["first-contact"], who))
        like = await self._namesake(account, evidence)
        if like:
            text = f"The sender has the name of {like}, but writes from {evidence.author}."
            detail = (("like", like), ("address", evidence.author))
            reasons.append(Reason("lookalike-name", text, WEIGHTS["lookalike-name"], detail))
        return reasons

    async def _namesake(self, account: AccountId, evidence: Evidence) -> str:
        """The address of one of us, or of somebody whom the account writes to, whose name this is."""
        name = evidence.author_name.strip()
        if len(name) < _SHORTEST or "@" in name:
            return ""
        ours = (await self._our_names()).get(folded_name(name), "")
        if ours:
            return "" if _domain(ours) == _domain(evidence.author) else ours
        for one in await self._mail.correspondents(account, name, _SAME_NAME):
            if one.sent and one.name.casefold() == name.casefold():
                return one.address
        return ""

    async def _our_names(self) -> Mapping[str, str]:
        """Addresses of our people by their folded names."""
        now = self._clock.seconds()
        if now - self._read > _NAMES_FOR:
            self._read = now
            people = await self._accounts.accounts()
            self._names = {folded_name(one.name): one.address for one in people if len(one.name) >= _SHORTEST}
        return self._names


def _canonical(address: str) -> str:
    try:
        return canonical(address) if address else ""
    except ValueError:
        return ""


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
