"""Who has mail here: domains, accounts, addresses, credentials, DKIM keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.ids import AccountId


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain whose mail is ours. `name` is lower case, A-labels (IDNA 2008)."""

    name: str
    postmaster: AccountId | None = None  # who gets postmaster@ and abuse@ when nobody has the address
    catch_all: AccountId | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who logs in and has mailboxes."""

    id: AccountId
    address: str  # primary address, canonical form (see core.message.address.canonical)
    name: str = ""  # display name
    admin: bool = False
    enabled: bool = True
    quota: int = 0  # octets, 0: no bound
    used: int = 0  # octets of all its emails
    sends_per_hour: int = 0  # recipients, 0: the server's default
    sends_per_day: int = 0


@dataclass(frozen=True, slots=True)
class AccountPatch:
    """What of an account is to change; None: nothing of that."""

    name: str | None = None
    admin: bool | None = None
    enabled: bool | None = None
    quota: int | None = None
    sends_per_hour: int | None = None
    sends_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves a password: an argon2id hash, and the SCRAM-SHA-256 pair (RFC 5803) of the same."""

    argon2: str
    scram_salt: bytes
    scram_iterations: int
    scram_stored_key: bytes
    scram_server_key: bytes


class AddressKind(Enum):
    PRIMARY = "primary"
    ALIAS = "alias"  # another name of one account
    FORWARD = "forward"  # goes on to other addresses (also a small list)


@dataclass(frozen=True, slots=True)
class Address:
    """One address of ours and what it stands for."""

    address: str  # canonical
    kind: AddressKind
    account: AccountId | None = None  # PRIMARY and ALIAS; on FORWARD: the account that also keeps a copy
    targets: tuple[str, ...] = ()  # FORWARD: where it goes, addresses of ours or others'


class KeyStage(Enum):
    """A new key waits until the world can see it; an old one is seen while mail signed by it is under way."""

    NEW = "new"
    ACTIVE = "active"
    OLD = "old"


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A signing key of a domain (RFC 6376, RFC 8463). since: when it came to its stage, Unix time; 0: when is
    not known."""

    domain: str
    selector: str
    algorithm: str  # "rsa-sha256" or "ed25519-sha256"
    private: bytes  # PKCS#8 PEM
    stage: KeyStage = KeyStage.ACTIVE
    since: float = 0.0

    @property
    def active(self) -> bool:
        """Whether mail is signed by it. Its DNS record is wanted in every stage."""
        return self.stage is KeyStage.ACTIVE


@dataclass(frozen=True, slots=True)
class KeyMove:
    """A key's way from one stage to the next; to None: it is removed."""

    selector: str
    old: KeyStage
    new: KeyStage | None


class IAccountStore(Interface):
    """Accounts and addresses. Names and addresses are given in canonical form.

    Every write fires once it would survive a crash, and raises the Refusal that fits
    (MailboxExists for a taken address or domain, UnknownRecipient for a missing one).
    """

    def version() -> Deferred[int]:
        """A number that grows with every change here; caches compare it."""

    def domains() -> Deferred[list[Domain]]: ...

    def put_domain(domain: Domain) -> Deferred[None]:
        """Add or replace."""

    def remove_domain(name: str) -> Deferred[None]:
        """Refused (NotAllowed) while it still has addresses."""

    def accounts() -> Deferred[list[Account]]:
        """All, by address."""

    def account(account: AccountId) -> Deferred[Account | None]: ...

    def account_named(address: str) -> Deferred[Account | None]:
        """The account whose primary address or alias this is."""

    def create_account(
        address: str, name: str, credentials: Credentials, admin: bool = False, quota: int = 0
    ) -> Deferred[Account]:
        """A new account with its INBOX, Drafts, Sent, Archive, Junk and Trash (roles set, subscribed)."""

    def change_account(account: AccountId, patch: AccountPatch) -> Deferred[Account]:
        """As it stands then. What the patch leaves out stays as others have written it; an empty one only
        makes a new version."""

    def remove_account(account: AccountId) -> Deferred[None]:
        """The account, its addresses and all its mail. Queue items of its own stay."""

    def credentials(account: AccountId) -> Deferred[Credentials | None]: ...

    def set_credentials(
        account: AccountId, credentials: Credentials, replacing: Credentials | None = None
    ) -> Deferred[None]:
        """`replacing`: only while these stand in the commit, else ObjectConflict."""

    def addresses(account: AccountId | None = None) -> Deferred[list[Address]]:
        """All addresses, or those of one account."""

    def address(address: str) -> Deferred[Address | None]:
        """Exactly this address; plus-addressing and catch-all are the directory service's."""

    def put_address(address: Address) -> Deferred[None]:
        """Add or replace an ALIAS or FORWARD. A PRIMARY is never replaced (MailboxExists)."""

    def remove_address(address: str) -> Deferred[None]: ...

    def dkim_keys(domain: str) -> Deferred[Sequence[DkimKey]]: ...

    def put_dkim_key(key: DkimKey) -> Deferred[None]: ...

    def move_dkim_keys(domain: str, moves: Sequence[KeyMove], now: float) -> Deferred[bool]:
        """All of them in one commit; none, and False, when one of the keys is not (any more) where its move
        begins. now: their new `since`."""
