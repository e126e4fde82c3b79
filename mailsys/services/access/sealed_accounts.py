"""The account store whose credentials and signing keys are sealed at rest (`services.access.at_rest`):
everybody else reads and writes them as they are.

All of an account's credentials are one sealed text in the place of the argon2 hash; it is bound to the
account's primary address, a signing key to its domain and selector, so none can be put in another's place.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.components import proxyForInterface

from mailsys.core.refusal import ObjectConflict
from mailsys.log import Log
from mailsys.ports.accounts import Account, Credentials, DkimKey, IAccountStore, KeyMove
from mailsys.ports.ids import AccountId
from mailsys.services.access.at_rest import AtRest, is_hidden

log = Log("sealed_accounts")


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    argon2: str
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


class SealedAccounts(proxyForInterface(IAccountStore, "kept")):  # type: ignore[misc]
    """IAccountStore over another. Raises `at_rest.Unreadable` for what was sealed with another key; what was
    never sealed is read as it is."""

    kept: IAccountStore

    def __init__(self, kept: IAccountStore, at_rest: AtRest) -> None:
        super().__init__(kept)
        self._at_rest = at_rest
        self._nobody = self._hidden("", Credentials("-" * 97, bytes(16), 1, bytes(32), bytes(32)))

    def create_account(
        self, address: str, name: str, credentials: Credentials, admin: bool = False, quota: int = 0
    ) -> Deferred[Account]:
        return self.kept.create_account(address, name, self._hidden(address, credentials), admin, quota)

    def credentials(self, account: AccountId) -> Deferred[Credentials | None]:
        async def read() -> Credentials | None:
            whose: Account | None = await self.kept.account(account)
            found: Credentials | None = await self.kept.credentials(account)
            if whose is None or found is None:
                self._shown("", self._nobody)  # so that it takes as long to find nobody
                return None
            return self._shown(whose.address, found)

        return Deferred.fromCoroutine(read())

    def set_credentials(
        self, account: AccountId, credentials: Credentials, replacing: Credentials | None = None
    ) -> Deferred[None]:
        async def write() -> None:
            whose: Account | None = await self.kept.account(account)
            address = "" if whose is None else whose.address  # the store below refuses for who is not there
            standing: Credentials | None = None
            if replacing is not None:
                standing = await self.kept.credentials(account)
                if standing is None or self._shown(address, standing) != replacing:
                    raise ObjectConflict(cause="the credentials were changed")
            await self.kept.set_credentials(account, self._hidden(address, credentials), standing)

        return Deferred.fromCoroutine(write())

    def dkim_keys(self, domain: str) -> Deferred[Sequence[DkimKey]]:
        async def read() -> Sequence[DkimKey]:
            found: Sequence[DkimKey] = await self.kept.dkim_keys(domain)
            return [replace(each, private=self._shown_key(each)) for each in found]

        return Deferred.fromCoroutine(read())

    def put_dkim_key(self, key: DkimKey) -> Deferred[None]:
        hidden = self._at_rest.hide(b64encode(key.private).decode("ascii"), _whose_key(key))
        return self.kept.put_dkim_key(replace(key, private=hidden.encode("ascii")))

    def move_dkim_keys(self, domain: str, moves: Sequence[KeyMove], now: float) -> Deferred[bool]:
        return self.kept.move_dkim_keys(domain, moves, now)

    async def seal_all(self) -> int:
        """Seal what was kept plain before secrets were sealed; how much that was. Others may change the same
        meanwhile: what they wrote stays. Raises Unreadable when the key is another."""
        sealed = 0
        for account in await self.kept.accounts():
            found: Credentials | None = await self.kept.credentials(account.id)
            if found is None:
                continue
            if is_hidden(found.argon2):
                self._shown(account.address, found)
                continue
            try:
                await self.kept.set_credentials(account.id, self._hidden(account.address, found), found)
                sealed += 1
            except ObjectConflict:
                log.info("credentials changed while they were sealed", account=account.id)
        for domain in await self.kept.domains():
            for key in await self.kept.dkim_keys(domain.name):
                if is_hidden(key.private.decode("ascii", "replace")):
                    self._shown_key(key)
                else:
                    await self.put_dkim_key(key)
                    sealed += 1
        return sealed

    async def reseal(self, change: Callable[[str, str], str]) -> int:
        """Every secret as `change(sealed, whose)` gives it back; how many there were. Nobody else may be at
        work on the store."""
        count = 0
        for account in await self.kept.accounts():
            found: Credentials | None = await self.kept.credentials(account.id)
            if found is None:
                continue
            hidden = (
                Credentials(change(found.argon2, _whose(account.address)), b"", 0, b"", b"")
                if is_hidden(found.argon2)
                else self._hidden(account.address, found)
            )
            await self.kept.set_credentials(account.id, hidden, found)
            count += 1
        for domain in await self.kept.domains():
            for key in await self.kept.dkim_keys(domain.name):
                text = key.private.decode("ascii", "replace")
                if is_hidden(text):
                    private = change(text, _whose_key(key)).encode("ascii")
                    await self.kept.put_dkim_key(replace(key, private=private))
                else:
                    await self.put_dkim_key(key)
                count += 1
        return count

    # ------------------------------------------------------------------------------------------------

    def _hidden(self, address: str, plain: Credentials) -> Credentials:
        packed = msgspec.msgpack.encode(
            _Sealed(
                plain.argon2,
                plain.scram_salt,
                plain.scram_iterations,
                plain.scram_stored_key,
                plain.scram_server_key,
            )
        )
        text = self._at_rest.hide(b64encode(packed).decode("ascii"), _whose(address))
        return Credentials(text, b"", 0, b"", b"")

    def _shown(self, address: str, kept: Credentials) -> Credentials:
        if not is_hidden(kept.argon2):
            return kept
        packed = b64decode(self._at_rest.show(kept.argon2, _whose(address)))
        found = msgspec.msgpack.decode(packed, type=_Sealed)
        return Credentials(found.argon2, found.salt, found.iterations, found.stored_key, found.server_key)

    def _shown_key(self, key: DkimKey) -> bytes:
        text = key.private.decode("ascii", "replace")
        return b64decode(self._at_rest.show(text, _whose_key(key))) if is_hidden(text) else key.private


def _whose(address: str) -> str:
    return f"password of {address}"


def _whose_key(key: DkimKey) -> str:
    return f"signing key {key.selector} of {key.domain}"
