"""Where an address of ours leads: the view that receiving and submitting have of the accounts.

Answers are cached, so that a RCPT usually costs no trip to the store. The cache is dropped when
`IAccountStore.version()` has moved: it is asked every `poll` seconds, and at once by `refresh()`,
which whoever changes accounts in this process may call after the write. A refusal is never given
from the cache: before an address counts as unknown, the store was asked for it and for its version.
So a new address works at once, and a removed one is gone at the latest `poll` seconds later.

Order of an address's meaning: exactly this address; without its "+tag"; postmaster and abuse
(RFC 5321 §4.5.1, RFC 2142); the domain's catch-all. Mail for a disabled account is kept: disabling
stops signing in and sending, not the mail that others send.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from mailsys.core.message.address import canonical
from mailsys.log import Log
from mailsys.ports.accounts import Account, Address, AddressKind, Domain, IAccountStore
from mailsys.ports.ids import AccountId

FORWARD_DEPTH: Final = 10  # forwards to forwards
FORWARD_TARGETS: Final = 1000  # addresses that one address may come to in all
LONGEST_ADDRESS: Final = 320  # characters
ALWAYS: Final = frozenset({"postmaster", "abuse"})

log = Log("directory")


@dataclass(frozen=True, slots=True)
class Route:
    """Where mail for one address of ours goes. Never both empty."""

    accounts: tuple[AccountId, ...]  # distinct, in the order found
    forwards: tuple[str, ...]  # addresses elsewhere, distinct


@dataclass(frozen=True, slots=True)
class _Entry:
    route: Route
    owner: AccountId | None  # who may send as this address


@dataclass(slots=True)
class _Walk:
    """One resolution under way: what was found, and what was visited."""

    accounts: dict[AccountId, None] = field(default_factory=dict)
    forwards: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


class Directory:
    """`domain` is where a bare `<postmaster>` belongs; `poll` seconds between looks at the version;
    `size` how many addresses are remembered."""

    def __init__(
        self,
        accounts: IAccountStore,
        clock: IReactorTime,
        domain: str = "",
        poll: float = 1.0,
        size: int = 20000,
    ) -> None:
        self._store = accounts
        self.domain = domain.lower()
        self._size = size
        self._poll = poll
        self._entries: dict[str, _Entry] = {}  # by the address as asked, least recently used first
        self._domains: dict[str, Domain] = {}
        self._accounts: dict[AccountId, Account] = {}
        self._version = -1
        self._peopled = False  # once it is, it stays so
        self._generation = 0  # grows when the cache is dropped: late answers of before are not kept
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    # -- keeping up --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the domains and begin to poll. To be called before anything else."""
        await self.refresh()
        if not self._loop.running:
            self._loop.start(self._poll, now=False)

    def stop(self) -> None:
        if self._loop.running:
            self._loop.stop()

    async def refresh(self) -> bool:
        """Catch up with the store. True when something had changed."""
        version: int = await self._store.version()
        if version == self._version:
            return False
        domains: list[Domain] = await self._store.domains()
        self._domains = {d.name: d for d in domains}
        self._entries.clear()
        self._accounts.clear()
        self._generation += 1
        self._version = version
        return True

    def _look(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._look_once())

    async def _look_once(self) -> None:
        try:
            await self.refresh()
        except Exception as error:  # keep polling: the next look may find the store well again
            log.error("accounts cannot be read", error)

    async def peopled(self) -> bool:
        """Whether the store has any address at all. One that has none cannot say that somebody is unknown."""
        if not self._peopled:
            self._peopled = bool(await self._store.addresses())
        return self._peopled

    # -- questions -----------------------------------------------------------------------------------

    def is_local_domain(self, domain: str) -> bool:
        """Whether a domain, in any spelling, is one of ours."""
        if domain in self._domains:
            return True
        try:
            return canonical(f"x@{domain}").rpartition("@")[2] in self._domains
        except ValueError:
            return False

    def domains(self) -> Sequence[str]:
        return tuple(self._domains)

    def cached(self, address: str) -> Route | None:
        """The route, if it is at hand. None says nothing: ask `route`."""
        entry = self._entries.get(address)
        return entry.route if entry is not None else None

    async def route(self, address: str) -> Route | None:
        """Where mail for this address goes; None when it is not an address of ours (whether its
        domain is tells `is_local_domain` afterwards)."""
        entry = await self._entry(address)
        return entry.route if entry is not None else None

    async def owns(self, account: AccountId, address: str) -> bool:
        """Whether this account may send as `address`: its primary address, aliases, the forwards it
        keeps a copy of, their plus forms, what only it gets by catch-all or as postmaster."""
        entry = await self._entry(address)
        return entry is not None and entry.owner == account

    async def account(self, account: AccountId) -> Account | None:
        """An account as last changed; `used` may be out of date, so only without quota is it at hand."""
        known = self._accounts.get(account)
        if known is None:
            generation = self._generation
            known = await self._store.account(account)
            if known is not None and known.quota == 0 and generation == self._generation:
                while len(self._accounts) >= self._size:
                    del self._accounts[next(iter(self._accounts))]
                self._accounts[account] = known
        return known

    def unbounded(self, accounts: Sequence[AccountId]) -> bool:
        """Whether all these accounts are known, at this moment, to have no quota."""
        return all(account in self._accounts for account in accounts)

    # -- finding out -----------------------------------------------------------------------------------

    async def _entry(self, address: str) -> _Entry | None:
        entry = self._entries.pop(address, None)
        if entry is not None:
            self._entries[address] = entry  # now the most recently used
            return entry
        entry = await self._find(address)
        if entry is None and await self.refresh():
            entry = await self._find(address)
        return entry

    async def _find(self, address: str) -> _Entry | None:
        generation = self._generation
        name = self._canonical(address)
        if not name:
            return None
        walk = _Walk()
        owner = await self._walk(name, walk, 0)
        if not walk.accounts and not walk.forwards:
            return None
        entry = _Entry(Route(tuple(walk.accounts), tuple(walk.forwards.values())), owner)
        if generation == self._generation:
            while len(self._entries) >= self._size:
                del self._entries[next(iter(self._entries))]
            self._entries[address] = entry
        return entry

    def _canonical(self, address: str) -> str:
        if len(address) > LONGEST_ADDRESS:
            return ""
        if "@" not in address:
            if address.lower() != "postmaster" or not self.domain:  # RFC 5321 §4.1.1.3
                return ""
            address = f"{address}@{self.domain}"
        try:
            return canonical(address)
        except ValueError:
            return ""

    async def _walk(self, name: str, walk: _Walk, depth: int) -> AccountId | None:
        """Add to `walk` what `name` (canonical) leads to; gives the one account that owns it."""
        if name in walk.seen:
            return None
        if len(walk.seen) >= FORWARD_TARGETS or depth > FORWARD_DEPTH:
            log.warning("forward goes too far", address=name, depth=depth, addresses=len(walk.seen))
            return None
        walk.seen.add(name)
        local, _, domain_name = name.rpartition("@")
        domain = self._domains.get(domain_name)
        if domain is None:
            if depth:
                walk.forwards.setdefault(name, name)
            return None
        found = await self._meaning(name, local, domain)
        if found is None:
            if depth:
                log.warning("forward leads to nobody", address=name)
            return None
        if isinstance(found, Address):
            if found.account is not None:
                walk.accounts.setdefault(found.account)
            if found.kind is AddressKind.FORWARD:
                for target in found.targets:
                    target_name = self._canonical(target)
                    if not target_name:
                        log.warning("forward to what is no address", address=name, target=target)
                        continue
                    await self._walk(target_name, walk, depth + 1)
                    if target_name in walk.forwards:
                        walk.forwards[target_name] = target  # spelled as it was entered
            return found.account
        walk.accounts.setdefault(found)
        return found

    async def _meaning(self, name: str, local: str, domain: Domain) -> Address | AccountId | None:
        found: Address | None = await self._store.address(name)
        if found is not None:
            return found
        base, plus, _ = local.partition("+")
        if plus and base:
            found = await self._store.address(f"{base}@{domain.name}")
            if found is not None:
                return found
        if local in ALWAYS or (plus and base in ALWAYS):
            return await self._postmaster(domain)
        return domain.catch_all

    async def _postmaster(self, domain: Domain) -> AccountId | None:
        """Somebody always reads this mail: whom the domain names, else the first administrator, else
        the first account."""
        if domain.postmaster is not None:
            return domain.postmaster
        accounts: list[Account] = await self._store.accounts()
        enabled = [a for a in accounts if a.enabled]
        for account in enabled:
            if account.admin:
                return account.id
        first = enabled or accounts
        return first[0].id if first else None
