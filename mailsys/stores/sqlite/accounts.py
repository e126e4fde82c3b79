"""IAccountStore on SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, Final

import apsw
import msgspec
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsys.core.refusal import MailboxExists, NotAllowed, ObjectConflict, UnknownRecipient
from mailsys.ports.accounts import (
    Account,
    AccountPatch,
    Address,
    AddressKind,
    Credentials,
    DkimKey,
    Domain,
    IAccountStore,
    KeyMove,
    KeyStage,
)
from mailsys.ports.ids import AccountId
from mailsys.ports.mailboxes import Role
from mailsys.stores.sqlite import mailboxes
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.removal import remove_all
from mailsys.stores.sqlite.rows import many, one, values
from mailsys.stores.sqlite.writer import Writer

_FIRST_MAILBOXES: Final = (
    ("INBOX", Role.INBOX),
    ("Drafts", Role.DRAFTS),
    ("Sent", Role.SENT),
    ("Archive", Role.ARCHIVE),
    ("Junk", Role.JUNK),
    ("Trash", Role.TRASH),
)
_ACCOUNT: Final = """a.id, a.address, a.name, a.admin, a.enabled, a.quota, c.used, a.sends_per_hour,
    a.sends_per_day FROM account a JOIN account_count c ON c.account = a.id"""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Credentials).decode


def _account(row: Any) -> Account | None:
    if row is None:
        return None
    number, address, name, admin, enabled, quota, used, hourly, daily = row
    return Account(AccountId(number), address, name, bool(admin), bool(enabled), quota, used, hourly, daily)


def _address(row: Any) -> Address:
    address, kind, account, targets = row
    return Address(
        address,
        AddressKind(kind),
        None if account is None else AccountId(account),
        tuple(msgspec.json.decode(targets, type=list[str])),
    )


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2]


# By the number in dkim_key.active.
_STAGES: Final = (KeyStage.OLD, KeyStage.ACTIVE, KeyStage.NEW)


@implementer(IAccountStore)
class AccountStore:
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    def _one(self, sql: str, bindings: Any = ()) -> Deferred[Any]:
        return self._readers.run(lambda connection: one(connection, sql, bindings))

    def _write(self, change: Any) -> Deferred[Any]:
        def run(batch: Batch) -> Any:
            result = change(batch)
            batch.number("directory")
            return result

        return self._writer.submit(run)

    def version(self) -> Deferred[int]:
        def read(connection: apsw.Connection) -> int:
            row = one(connection, "SELECT value FROM counter WHERE name = 'directory'")
            return int(row[0]) if row else 0

        return self._readers.run(read)

    # -- domains -------------------------------------------------------------------------------------

    def domains(self) -> Deferred[list[Domain]]:
        def read(connection: apsw.Connection) -> list[Domain]:
            row = one(
                connection,
                """SELECT json_group_array(json_array(name, postmaster, catch_all))
                FROM (SELECT * FROM domain ORDER BY name)""",
            )
            return [Domain(*found) for found in values(row[0])]

        return self._readers.run(read)

    def put_domain(self, domain: Domain) -> Deferred[None]:
        def change(batch: Batch) -> None:
            for account in (domain.postmaster, domain.catch_all):
                if account is not None:
                    batch.account(account)
            batch.execute(
                "INSERT OR REPLACE INTO domain VALUES (?, ?, ?)",
                (domain.name, domain.postmaster, domain.catch_all),
            )

        return self._write(change)

    def remove_domain(self, name: str) -> Deferred[None]:
        def change(batch: Batch) -> None:
            if batch.one("SELECT 1 FROM address WHERE domain = ? LIMIT 1", (name,)):
                raise NotAllowed("The domain still has addresses", cause=name)
            batch.execute("DELETE FROM domain WHERE name = ?", (name,))
            batch.execute("DELETE FROM dkim_key WHERE domain = ?", (name,))

        return self._write(change)

    # -- accounts --------------------------------------------------------------------------------------

    def accounts(self) -> Deferred[list[Account]]:
        def read(connection: apsw.Connection) -> list[Account]:
            rows = many(connection, f"SELECT {_ACCOUNT} ORDER BY a.address")
            return [account for account in map(_account, rows) if account is not None]

        return self._readers.run(read)

    def account(self, account: AccountId) -> Deferred[Account | None]:
        return self._one(f"SELECT {_ACCOUNT} WHERE a.id = ?", (account,)).addCallback(_account)

    def account_named(self, address: str) -> Deferred[Account | None]:
        return self._one(
            f"SELECT {_ACCOUNT} JOIN address d ON d.account = a.id"
            " WHERE d.address = ? AND d.kind <> 'forward'",
            (address,),
        ).addCallback(_account)

    def create_account(
        self, address: str, name: str, credentials: Credentials, admin: bool = False, quota: int = 0
    ) -> Deferred[Account]:
        def change(batch: Batch) -> Account:
            if batch.one("SELECT 1 FROM address WHERE address = ?", (address,)):
                raise MailboxExists("That address is taken", cause=address)
            number = batch.number("account")
            batch.execute(
                "INSERT INTO account VALUES (?, ?, ?, ?, 1, ?, 0, 0, ?)",
                (number, address, name, admin, quota, _encode(credentials)),
            )
            batch.execute(
                "INSERT INTO address VALUES (?, 'primary', ?, '[]', ?)",
                (address, number, _domain_of(address)),
            )
            batch.insert["account_count"]((number, 1, 0, 0, 0, 0, 0, 1))
            for path, role in _FIRST_MAILBOXES:
                mailboxes.insert(batch, number, None, path, role, modseq=1)
                batch.execute("INSERT INTO subscription VALUES (?, ?)", (number, path))
            return Account(AccountId(number), address, name, admin, True, quota)

        return self._write(change)

    def change_account(self, account: AccountId, patch: AccountPatch) -> Deferred[Account]:
        def change(batch: Batch) -> Account:
            batch.account(account)
            batch.execute(
                """UPDATE account SET name = ifnull(?, name), admin = ifnull(?, admin),
                enabled = ifnull(?, enabled), quota = ifnull(?, quota),
                sends_per_hour = ifnull(?, sends_per_hour), sends_per_day = ifnull(?, sends_per_day)
                WHERE id = ?""",
                (*astuple(patch), account),
            )
            batch.forget_account(account)
            changed = _account(batch.one(f"SELECT {_ACCOUNT} WHERE a.id = ?", (account,)))
            assert changed is not None
            return changed

        return self._write(change)

    def remove_account(self, account: AccountId) -> Deferred[None]:
        """Its name goes at once, its mail in small commits (taken up again after a crash)."""

        def change(batch: Batch) -> None:
            batch.account(account)
            batch.execute("INSERT OR IGNORE INTO removal VALUES (?)", (account,))
            batch.execute("DELETE FROM address WHERE account = ? AND kind <> 'forward'", (account,))
            batch.execute("UPDATE address SET account = NULL WHERE account = ?", (account,))
            batch.execute("UPDATE domain SET postmaster = NULL WHERE postmaster = ?", (account,))
            batch.execute("UPDATE domain SET catch_all = NULL WHERE catch_all = ?", (account,))
            batch.execute("DELETE FROM account WHERE id = ?", (account,))
            batch.forget_account(account)

        async def remove() -> None:
            await self._write(change)
            await remove_all(self._writer, account)

        return Deferred.fromCoroutine(remove())

    def credentials(self, account: AccountId) -> Deferred[Credentials | None]:
        return self._one("SELECT credentials FROM account WHERE id = ?", (account,)).addCallback(
            lambda row: _decode(row[0]) if row else None
        )

    def set_credentials(
        self, account: AccountId, credentials: Credentials, replacing: Credentials | None = None
    ) -> Deferred[None]:
        def change(batch: Batch) -> None:
            batch.account(account)
            if replacing is not None:
                row = batch.one("SELECT credentials FROM account WHERE id = ?", (account,))
                if _decode(row[0]) != replacing:
                    raise ObjectConflict(cause="the credentials were changed")
            batch.execute("UPDATE account SET credentials = ? WHERE id = ?", (_encode(credentials), account))

        return self._write(change)

    # -- addresses -------------------------------------------------------------------------------------

    def addresses(self, account: AccountId | None = None) -> Deferred[list[Address]]:
        def read(connection: apsw.Connection) -> list[Address]:
            row = one(
                connection,
                """SELECT json_group_array(json_array(address, kind, account, targets)) FROM
                (SELECT * FROM address WHERE ?1 IS NULL OR account = ?1 ORDER BY address)""",
                (account,),
            )
            return [_address(found) for found in values(row[0])]

        return self._readers.run(read)

    def address(self, address: str) -> Deferred[Address | None]:
        return self._one(
            "SELECT address, kind, account, targets FROM address WHERE address = ?", (address,)
        ).addCallback(lambda row: _address(row) if row else None)

    def put_address(self, address: Address) -> Deferred[None]:
        def change(batch: Batch) -> None:
            if address.kind is AddressKind.PRIMARY:
                raise NotAllowed("A primary address comes with its account", cause=address.address)
            if address.kind is AddressKind.ALIAS and address.account is None:
                raise UnknownRecipient("An alias needs an account", cause=address.address)
            if address.account is not None:
                batch.account(address.account)
            row = batch.one("SELECT kind FROM address WHERE address = ?", (address.address,))
            if row and row[0] == "primary":
                raise MailboxExists("That address is taken", cause=address.address)
            batch.execute(
                "INSERT OR REPLACE INTO address VALUES (?, ?, ?, ?, ?)",
                (
                    address.address,
                    address.kind.value,
                    address.account,
                    msgspec.json.encode(address.targets).decode(),
                    _domain_of(address.address),
                ),
            )

        return self._write(change)

    def remove_address(self, address: str) -> Deferred[None]:
        def change(batch: Batch) -> None:
            row = batch.one("SELECT kind FROM address WHERE address = ?", (address,))
            if row is None:
                raise UnknownRecipient("No such address", cause=address)
            if row[0] == "primary":
                raise NotAllowed("A primary address goes with its account", cause=address)
            batch.execute("DELETE FROM address WHERE address = ?", (address,))

        return self._write(change)

    # -- DKIM --------------------------------------------------------------------------------------------

    def dkim_keys(self, domain: str) -> Deferred[Sequence[DkimKey]]:
        def read(connection: apsw.Connection) -> Sequence[DkimKey]:
            rows = many(
                connection,
                "SELECT domain, selector, algorithm, private, active, since FROM dkim_key WHERE domain = ?"
                " ORDER BY selector",
                (domain,),
            )
            return [
                DkimKey(d, s, algorithm, private, _STAGES[stage], since)
                for d, s, algorithm, private, stage, since in rows
            ]

        return self._readers.run(read)

    def put_dkim_key(self, key: DkimKey) -> Deferred[None]:
        def change(batch: Batch) -> None:
            batch.execute(
                "INSERT OR REPLACE INTO dkim_key VALUES (?, ?, ?, ?, ?, ?)",
                (key.domain, key.selector, key.algorithm, key.private, _STAGES.index(key.stage), key.since),
            )

        return self._write(change)

    def move_dkim_keys(self, domain: str, moves: Sequence[KeyMove], now: float) -> Deferred[bool]:
        def change(batch: Batch) -> bool:
            for move in moves:
                row = batch.one(
                    "SELECT active FROM dkim_key WHERE domain = ? AND selector = ?", (domain, move.selector)
                )
                if row is None or _STAGES[row[0]] is not move.old:
                    return False
            for move in moves:
                if move.new is None:
                    batch.execute(
                        "DELETE FROM dkim_key WHERE domain = ? AND selector = ?", (domain, move.selector)
                    )
                else:
                    batch.execute(
                        "UPDATE dkim_key SET active = ?, since = ? WHERE domain = ? AND selector = ?",
                        (_STAGES.index(move.new), now, domain, move.selector),
                    )
            return True

        return self._write(change)
