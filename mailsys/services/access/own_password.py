"""Changing one's own password, and what a password must be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from mailsys.core.bad_field import BadField
from mailsys.core.refusal import BadCredentials, ObjectConflict
from mailsys.core.sasl.plain import Claim
from mailsys.log import Log
from mailsys.ports.accounts import Account, Credentials, IAccountStore
from mailsys.ports.sessions import WebSession
from mailsys.services.access.sessions import Sessions, Visitor
from mailsys.services.access.sign_in import WEB, Proof, SignIn

log = Log("own_password")

SHORTEST: Final = 10  # characters
LONGEST: Final = 1024

# The most usual ones of lists that leaked, of those that are long enough to matter here; shorter ones
# are found inside longer ones below.
_USUAL: Final = """
    1234567890 12345678910 123456789a 1234567891 0123456789 0987654321 9876543210 1q2w3e4r5t 1q2w3e4r5t6y
    qwertyuiop qwertyuiop123 qwerty1234 qwerty12345 qwerty123456 asdfghjkl1 asdfghjkl123 zaq12wsxcde3
    1qaz2wsx3edc 1qazxsw23edc qazwsxedcrfv q1w2e3r4t5 q1w2e3r4t5y6 password12 password123 password1234
    password12345 passw0rd123 p@ssw0rd123 p@ssword123 mypassword thepassword passwordpassword iloveyou12
    iloveyou123 iloveyou1234 abcdefghij abcd123456 abc1234567 a123456789 aa12345678 aa123456789 abcdefghijk
    football123 baseball123 princess123 sunshine123 superman123 michael123 jennifer123 charlie123
    monkey1234 dragon1234 letmein123 letmein1234 welcome123 welcome1234 admin12345 admin123456
    administrator changeme123 changeme1234 trustno1234 starwars123 whatever123 computer123 internet123
    liverpool1 liverpool123 chelsea123 arsenal123 summer2023 winter2023 summer2024 winter2024 summer2025
    winter2025 summer2026 winter2026 spring2025 spring2026 autumn2025 autumn2026 1111111111 0000000000
    1234512345 1212121212 1231231231 1122334455 9999999999 correcthorsebatterystaple
"""
_COMMON: Final = frozenset(_USUAL.split())
_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjkl",
)


def check_new_password(password: str, address: str, name: str = "", field: str = "password") -> None:
    """Raises BadField for one that is too short, too usual, or made of the address or name."""
    if len(password) < SHORTEST:
        raise BadField(field, f"A password has at least {SHORTEST} characters.")
    if len(password) > LONGEST:
        raise BadField(field, f"A password has at most {LONGEST} characters.")
    plain = password.casefold()
    local, _, domain = address.casefold().partition("@")
    own = {local, address.casefold(), domain, domain.partition(".")[0], *name.casefold().split()}
    rest = plain
    for each in sorted(own, key=len, reverse=True):
        if len(each) >= 3:
            rest = rest.replace(each, "")
    if plain in _COMMON or len(set(plain)) < 4 or _is_row(plain) or _core(plain) in _COMMON:
        raise BadField(field, "This password is among those that are tried first; choose another.")
    if len(rest.strip("0123456789!.-_ ")) < 4:
        raise BadField(field, "A password must be more than your name or address.")


def _is_row(plain: str) -> bool:
    """Keys or letters in a row, forwards or backwards, or one short text again and again."""
    if any(plain in row * 3 or plain[::-1] in row * 3 for row in _ROWS):
        return True
    return any(
        len(plain) > 2 * n and (plain[:n] * (len(plain) // n + 1))[: len(plain)] == plain
        for n in (1, 2, 3, 4)
    )


def _core(plain: str) -> str:
    return plain.strip("!.?*#-_ ")


class OwnPassword:
    """`forget(account)`: whatever remembers proved passwords must ask again."""

    def __init__(
        self,
        accounts: IAccountStore,
        sign_in: SignIn,
        sessions: Sessions,
        hash_password: Callable[[str], Awaitable[Credentials]],
    ) -> None:
        self._accounts = accounts
        self._sign_in = sign_in
        self._sessions = sessions
        self._hash = hash_password

    async def prove(
        self, account: Account, password: str, visitor: Visitor, field: str = "password"
    ) -> Proof:
        """That it is the owner who asks for something grave. Raises BadField when the password is wrong
        (the session itself holds), RateLimited after too many."""
        try:
            return await self._sign_in.prove(Claim(account.address, password), visitor, "web", WEB)
        except BadCredentials as wrong:
            raise BadField(field, "That is not your password.", cause=wrong.cause) from wrong

    async def change(
        self, account: Account, old: str, new: str, visitor: Visitor, here: WebSession | None
    ) -> int:
        """Fires with the number of other sessions that ended."""
        proof = await self.prove(account, old, visitor, "oldPassword")
        check_new_password(new, account.address, account.name, "newPassword")
        if new == old:
            raise BadField("newPassword", "That is your password already.")
        try:  # not over one that an administrator set meanwhile, because this one was stolen
            await self.set(account, new, proof.credentials)
        except ObjectConflict:
            raise BadField("oldPassword", "The password was changed by somebody else just now.") from None
        return await self._sessions.password_changed(account.id, but=here)

    async def reset(self, account: Account, new: str) -> int:
        """By an administrator: all sessions end."""
        check_new_password(new, account.address, account.name)
        await self.set(account, new)
        return await self._sessions.password_changed(account.id)

    async def set(self, account: Account, new: str, replacing: Credentials | None = None) -> None:
        await self._accounts.set_credentials(account.id, await self._hash(new), replacing)
        log.info("password changed", account=account.id)
