"""Whom somebody may mean by the first letters of an address or name: those written to and heard from."""

from __future__ import annotations

from mailsys.ports.ids import AccountId
from mailsys.ports.mail import Correspondent, IMailStore

LONGEST = 100  # characters that are looked at
AT_MOST = 50


class Suggestions:
    def __init__(self, mail: IMailStore) -> None:
        self._mail = mail

    async def suggest(self, account: AccountId, text: str, limit: int) -> list[Correspondent]:
        """Those whose address or name begins with `text`, taken letter by letter, whatever it holds;
        best first: three points for each message sent to, one for each received."""
        prefix = " ".join(text.split())
        if not prefix or len(prefix) > LONGEST:
            return []
        found: list[Correspondent] = await self._mail.correspondents(account, prefix, min(limit, AT_MOST))
        return found
