"""Whether a credential that something was opened with still is one."""

from __future__ import annotations

from dataclasses import dataclass

from mailsys.ports.ids import AccountId
from mailsys.services.access.app_passwords import AppPasswords
from mailsys.services.access.revocation import APP, SESSION
from mailsys.services.access.sessions import Sessions, session_id


@dataclass(frozen=True, slots=True)
class Standing:
    sessions: Sessions
    app_passwords: AppPasswords

    async def holds(self, account: AccountId, credential: str) -> bool:
        """Whether a credential (`services.access.revocation`) is still good, as far as can be told: of the
        account's own password it cannot."""
        kind, _, name = credential.partition(":")
        if kind == SESSION:
            return any(session_id(each) == name for each in await self.sessions.of(account))
        if kind == APP:
            return any(each.id == name for each in await self.app_passwords.of(account))
        return True
