"""How many recipients an account may write to in an hour and in a day."""

from __future__ import annotations

from mailsys.core.refusal import RateLimited
from mailsys.log import Log
from mailsys.ports.accounts import Account
from mailsys.ports.limits import ILimits
from mailsys.settings import Limits

log = Log("submit")


async def count_recipient(counters: ILimits, limits: Limits, account: Account) -> None:
    """One more recipient of `account`. Counted when named, so that many connections at once cannot
    outrun the count. Raises RateLimited."""
    for window, name, bound in (
        (3600.0, "hour", account.sends_per_hour or limits.sends_per_hour),
        (86400.0, "day", account.sends_per_day or limits.sends_per_day),
    ):
        if await counters.hit(f"sends-{name}:{account.id}", window) > bound:
            log.warning("rate limited", account=account.id, window=name, bound=bound)
            raise RateLimited(f"More than {bound} recipients in a {name}; try again later")
