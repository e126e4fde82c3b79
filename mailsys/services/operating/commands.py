"""What an operator can ask of a mail system: one value per command, the same on the control socket
and inside the process. `administration` carries them out.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(max_length=1024)]
Octets = Annotated[int, Meta(ge=0)]
Rate = Annotated[int, Meta(ge=0)]  # recipients; 0: the server's default
Ids = Annotated[tuple[int, ...], Meta(max_length=10000)]


class Command(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="command", tag=True
):
    """One request. On the wire: `{"command": "account.add", "address": ...}`."""


class ListAccounts(Command, frozen=True, tag="account.list"):
    pass


class ShowAccount(Command, frozen=True, tag="account.show"):
    address: Text


class AddAccount(Command, frozen=True, tag="account.add"):
    address: Text
    password: Text
    name: Text = ""
    admin: bool = False
    quota: Octets = 0  # 0: no bound


class ChangeAccount(Command, frozen=True, tag="account.set"):
    """None leaves a value as it is."""

    address: Text
    name: Text | None = None
    admin: bool | None = None
    enabled: bool | None = None
    quota: Octets | None = None
    sends_per_hour: Rate | None = None
    sends_per_day: Rate | None = None


class SetPassword(Command, frozen=True, tag="account.password"):
    address: Text
    password: Text


class RemoveAccount(Command, frozen=True, tag="account.remove"):
    """With all its mail."""

    address: Text


class ListDomains(Command, frozen=True, tag="domain.list"):
    pass


class AddDomain(Command, frozen=True, tag="domain.add"):
    """Also makes its DKIM keys."""

    name: Text
    postmaster: Text = ""
    catch_all: Text = ""


class ChangeDomain(Command, frozen=True, tag="domain.set"):
    """None leaves a value as it is, "" clears it."""

    name: Text
    postmaster: Text | None = None
    catch_all: Text | None = None


class RemoveDomain(Command, frozen=True, tag="domain.remove"):
    name: Text


class DomainRecords(Command, frozen=True, tag="domain.records"):
    """The DNS records that the domain needs."""

    name: Text


class RotateKeys(Command, frozen=True, tag="domain.rotate"):
    """New DKIM keys for the domain; `activate`: sign by those that wait at once, seen in DNS or not."""

    name: Text
    activate: bool = False


class ListZones(Command, frozen=True, tag="zone.list"):
    pass


class ShowZone(Command, frozen=True, tag="zone.show"):
    """With its records."""

    zone: Text


class AddZone(Command, frozen=True, tag="zone.add"):
    """One that is of no mail domain."""

    zone: Text


class RemoveZone(Command, frozen=True, tag="zone.remove"):
    zone: Text


# name, type, value ("" among those to remove: all of that type), TTL
ZoneRecord = tuple[Text, Text, Annotated[str, Meta(max_length=8192)], Annotated[int, Meta(ge=0)]]


class ChangeZone(Command, frozen=True, tag="zone.change"):
    """All of it or nothing; `if_serial`: only if the zone is as it was then."""

    zone: Text
    add: Annotated[tuple[ZoneRecord, ...], Meta(max_length=1000)] = ()
    remove: Annotated[tuple[ZoneRecord, ...], Meta(max_length=1000)] = ()
    if_serial: int | None = None


class SignZone(Command, frozen=True, tag="zone.sign"):
    """Begin to sign it (DNSSEC), or end."""

    zone: Text
    on: bool = True


class ZoneHistory(Command, frozen=True, tag="zone.history"):
    zone: Text
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class CheckDomain(Command, frozen=True, tag="domain.check"):
    """Whether the world sees the records that the domain needs."""

    name: Text


class PushDomain(Command, frozen=True, tag="domain.push"):
    """Write them to the server that the settings name."""

    name: Text


class ListAliases(Command, frozen=True, tag="alias.list"):
    account: Text = ""


class AddAlias(Command, frozen=True, tag="alias.add"):
    """Another address of an account."""

    address: Text
    account: Text


class AddForward(Command, frozen=True, tag="alias.forward"):
    """An address whose mail goes on to others; `keep`: an account that gets a copy."""

    address: Text
    targets: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=1000)]
    keep: Text = ""


class RemoveAlias(Command, frozen=True, tag="alias.remove"):
    address: Text


class ListQueue(Command, frozen=True, tag="queue.list"):
    account: Text = ""
    after: int = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class ShowQueueItem(Command, frozen=True, tag="queue.show"):
    id: int


class RetryQueue(Command, frozen=True, tag="queue.retry"):
    """Also releases what is held. `all`: whatever was tried before and waits for its next try; what is
    held, or is to go out later, stays so."""

    ids: Ids = ()
    all: bool = False


class HoldQueue(Command, frozen=True, tag="queue.hold"):
    ids: Ids


class DropQueue(Command, frozen=True, tag="queue.drop"):
    """Without telling the sender."""

    ids: Ids


class TraceMessage(Command, frozen=True, tag="trace"):
    """One message's way, step by step."""

    trace: Text


class TrainedMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`blob`: BLAKE2b-256 of the message. `keys`: of its tokens (core.trust.tokens.key), 8 octets each in
    this machine's order."""

    blob: Annotated[bytes, Meta(min_length=32, max_length=32)]
    keys: Annotated[bytes, Meta(max_length=8 * 2000)]


class TrainFilter(Command, frozen=True, tag="filter.train"):
    """Without an account: what all accounts share."""

    spam: bool
    messages: Annotated[tuple[TrainedMessage, ...], Meta(max_length=100)]
    account: Text = ""


class ForgetFilter(Command, frozen=True, tag="filter.forget"):
    account: Text = ""


class FilterStats(Command, frozen=True, tag="filter.stats"):
    pass


class Rehearse(Command, frozen=True, tag="rehearse"):
    """What the filter would do to mail that is there. Without an account: of all of them."""

    account: Text = ""
    last: Annotated[int, Meta(ge=1, le=10_000)] = 200


class Check(Command, frozen=True, tag="check"):
    """Look for trouble: every blob and row of the store, the certificate, missing keys. On the control
    socket lines of progress come before the reply. `store`: False leaves the store itself out."""

    store: bool = True


AnyCommand = (
    ListAccounts
    | ShowAccount
    | AddAccount
    | ChangeAccount
    | SetPassword
    | RemoveAccount
    | ListDomains
    | AddDomain
    | ChangeDomain
    | RemoveDomain
    | DomainRecords
    | RotateKeys
    | ListZones
    | ShowZone
    | AddZone
    | RemoveZone
    | ChangeZone
    | SignZone
    | ZoneHistory
    | CheckDomain
    | PushDomain
    | ListAliases
    | AddAlias
    | AddForward
    | RemoveAlias
    | ListQueue
    | ShowQueueItem
    | RetryQueue
    | HoldQueue
    | DropQueue
    | TraceMessage
    | TrainFilter
    | ForgetFilter
    | FilterStats
    | Rehearse
    | Check
)


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer: a result, or why not. `refused` is for the operator's eyes."""

    result: object = None
    refused: str = ""
    progress: object = None  # when there is one, this is not the reply yet
