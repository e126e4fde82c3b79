"""Open connections to other hosts: kept a little while for the next message to the same host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mailsys.core.smtp.envelope import Capabilities
from mailsys.log import Log
from mailsys.services.dns.route import Host, Ourselves, RouteError
from mailsys.services.sending.demand import Demand, Way
from mailsys.services.sending.networks import Crowded, Networks
from mailsys.services.sending.transmit import DialError, IDialer, IHop
from mailsys.settings import Sending

_log = Log("send")

ANYTHING = Demand()
IDLE = 5.0  # seconds an unused connection is kept
ADDRESSES_TRIED = 10  # per attempt


@dataclass(frozen=True, slots=True)
class Unreached:
    """A host that an attempt came to, and which took no mail."""

    host: str  # as `Host.shown`
    reply: str  # why, in the form of a reply


@dataclass(slots=True)
class _Idle:
    hop: IHop
    timer: Any


@dataclass(slots=True)
class Hops:
    """The connection cache. `clock`: an IReactorTime."""

    dialer: IDialer
    clock: Any
    settings: Sending
    ourselves: Ourselves
    _idle: dict[tuple[str, str, int], list[_Idle]] = field(default_factory=dict)
    _networks: Networks = field(init=False)

    def __post_init__(self) -> None:
        self._networks = Networks(self.clock, self.settings.connecting_per_network)

    def fits(self, hop: IHop, demand: Demand = ANYTHING) -> bool:
        """Whether a connection can take one more message, where that is asked for."""
        most = self.settings.messages_per_connection
        if capped := hop.capabilities.transactions:  # RFC 9422
            most = min(most, capped)
        return hop.usable and hop.carried < most and hop.met.covers(demand, hop.tls)

    async def open(self, ways: Sequence[Way], unreached: list[Unreached], fresh: bool = False) -> IHop:
        """A connection to the first host that can be had; `unreached` gets those before it. Raises
        DialError: the last cause, a passing one if any was; RouteError when the other side turns out to
        be ourselves; Crowded when a host could not even be tried."""
        passing: DialError | None = None
        final: DialError | None = None
        crowded: Crowded | None = None
        usable = [way for way in ways if not way.barred]
        for way in ways:
            if way.barred and all(one.reply != way.barred for one in unreached):
                unreached.append(Unreached(way.host.shown, way.barred))
                passing = DialError(way.barred)
        for way in usable[:ADDRESSES_TRIED]:
            host = way.host
            if not fresh and (hop := self._take(host, way.demand)) is not None:
                return hop
            try:
                hop = await self._dial(host, way.demand)
            except Crowded as error:
                crowded = error
                continue
            except DialError as error:
                _log.info("not-connected", host=host.name, address=host.address, cause=error.reply)
                unreached.append(Unreached(host.shown, error.reply))
                if error.reply.startswith("5"):
                    final = error
                else:
                    passing = error
                continue
            if not self.settings.smarthost and self._is_us(hop.capabilities):
                hop.close()
                raise RouteError(f"554 5.4.6 {host.name} is this system itself")
            hop.noted = hop.noted or way.noted
            return hop
        raise crowded or passing or final or DialError("451 4.4.1 There is no host to try")

    async def _dial(self, host: Host, demand: Demand) -> IHop:
        if self.settings.smarthost:
            return await self.dialer.dial(host, demand)
        await self._networks.enter(host.address)
        try:
            return await self.dialer.dial(host, demand)
        finally:
            self._networks.leave(host.address)

    def _is_us(self, offered: Capabilities) -> bool:
        name = offered.name.lower()
        return "." in name and self.ourselves.named(name)

    def _take(self, host: Host, demand: Demand) -> IHop | None:
        """One for another name is left alone: it has proved that name."""
        idle = self._idle.get(_key(host), [])
        for one in reversed(idle):
            if self.fits(one.hop, demand):
                idle.remove(one)
                one.timer.cancel()
                return one.hop
        return None

    def give_back(self, hop: IHop) -> None:
        """Keep it for a while, or say goodbye."""
        if not self.fits(hop):
            hop.close()
            return
        key = _key(hop.host)
        one = _Idle(hop, None)
        one.timer = self.clock.callLater(IDLE, self._expire, key, one)
        self._idle.setdefault(key, []).append(one)

    def _expire(self, key: tuple[str, str, int], one: _Idle) -> None:
        idle = self._idle.get(key)
        if idle is not None and one in idle:
            idle.remove(one)
            if not idle:
                del self._idle[key]
        one.hop.close()

    def close(self) -> None:
        for idle in self._idle.values():
            for one in idle:
                if one.timer.active():
                    one.timer.cancel()
                one.hop.close()
        self._idle.clear()


def _key(host: Host) -> tuple[str, str, int]:
    return host.name, host.address, host.port
