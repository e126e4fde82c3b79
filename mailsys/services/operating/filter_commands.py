"""What an operator does with the content filter: teach it from a corpus, see what it knows, let it forget,
and try it on mail that is there."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from mailsys.core.refusal import NotAllowed
from mailsys.log import Log
from mailsys.ports.accounts import IAccountStore
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.learning import ALL, ILearningStore, Known, Taught
from mailsys.services.learning.rehearsing import Rehearsal
from mailsys.services.operating import commands as c
from mailsys.services.operating.known import Known as KnownAccounts

log = Log("administration")

_SHARED = "(shared)"
_AT_A_TIME = 4  # messages in one commit: others' commits come in between


class FilterCommands:
    def __init__(self, learning: ILearningStore, accounts: IAccountStore, rehearsal: Rehearsal) -> None:
        self._learning = learning
        self._accounts = accounts
        self._rehearsal = rehearsal
        self._known = KnownAccounts(accounts)
        self.ways: dict[type[c.Command], Callable[[Any], Awaitable[object]]] = {
            c.TrainFilter: self._train,
            c.ForgetFilter: self._forget,
            c.FilterStats: self._stats,
            c.Rehearse: self._rehearse,
        }

    async def _train(self, command: c.TrainFilter) -> object:
        account = await self._known.account_id(command.account)
        scope = ALL if account is None else account
        taught = [
            Taught(scope, BlobId(each.blob), command.spam, _keys(each.keys), shared=account is None)
            for each in command.messages
        ]
        learned = 0
        for start in range(0, len(taught), _AT_A_TIME):
            learned += await self._learning.learn(taught[start : start + _AT_A_TIME])
        return {"learned": learned, "known": len(taught) - learned}

    async def _forget(self, command: c.ForgetFilter) -> object:
        account = await self._known.account_id(command.account)
        forgotten = await self._learning.forget(ALL if account is None else account)
        log.info("filter forgot", account=command.account or _SHARED)
        return {"account": command.account or _SHARED, "forgotten": forgotten}

    async def _stats(self, command: c.FilterStats) -> object:
        names: dict[AccountId, str] = {ALL: _SHARED}
        names |= {each.id: each.address for each in await self._accounts.accounts()}
        scopes = list(names)
        rows: list[dict[str, object]] = []
        for start in range(0, len(scopes), 1000):
            part = scopes[start : start + 1000]
            totals = await self._learning.totals(part)
            rows += [_row(names[scope], totals[scope]) for scope in part if scope in totals]
        return rows

    async def _rehearse(self, command: c.Rehearse) -> object:
        account = await self._known.account_id(command.account)
        whom = [each for each in await self._accounts.accounts() if account is None or each.id == account]
        return [
            {"account": each.address, **asdict(await self._rehearsal.run(each.id, command.last))}
            for each in whom
        ]


def _row(account: str, known: Known) -> dict[str, object]:
    return {"account": account, "junk": known.total.spam, "good": known.total.ham, "tokens": known.tokens}


def _keys(octets: bytes) -> array[int]:
    """As `mailsys filter train` packs them."""
    if len(octets) % 8:
        raise NotAllowed("Bad request: keys have 8 octets each")
    found = array("q")
    found.frombytes(octets)
    return found
