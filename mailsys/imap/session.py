"""One client's session: who it is, what it enabled, which mailbox it looks at.

The session knows no transport: `wire` takes octets and says when there is room for more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from twisted.internet.interfaces import IReactorTime

from mailsys.core.imap import response
from mailsys.core.imap.states import State
from mailsys.imap.content import Contents
from mailsys.imap.selected import Selected
from mailsys.log import Log
from mailsys.ports.accounts import Account
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.mail import IMailStore
from mailsys.services.access.authentication import ISignIn
from mailsys.services.content.reading import MessageReader, Offload
from mailsys.services.mailboxes.account import AccountMailboxes, Mailboxes
from mailsys.settings import Limits

log = Log("imap")

Answer: TypeAlias = tuple[bytes, str, bytes]  # OK, NO or BAD; text; response code without brackets


class ClientGone(Exception):
    """The connection was lost; what was under way ends quietly."""


class Wire(Protocol):
    """What a session needs of its connection."""

    def say(self, data: bytes) -> None:
        """Queue octets; they go out when enough came together or the command is done."""

    def flow(self) -> Awaitable[None]:
        """Wait while the client has too much to read. Raises ClientGone."""

    def ask(self, challenge: bytes) -> Awaitable[bytes | None]:
        """Send a SASL challenge (not yet encoded); the client's decoded answer, None: it cancelled.
        Raises ClientGone, or BadCommand for what is no base64."""

    def tell(self) -> None:
        """There is news for an idling client."""

    def nudge(self) -> None:
        """Something was said outside of a command: send it."""

    def hang_up(self) -> None:
        """Close once everything said is out."""

    def abort(self) -> None:
        """Close at once."""

    def signed_in(self) -> None:
        """The bounds before login end."""

    def names_in_utf8(self) -> None: ...

    @property
    def tls(self) -> bool: ...

    def binding(self) -> tuple[str, bytes] | None:
        """The TLS channel binding."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What all sessions of a server share. Its ports share `mailboxes`, so that a mailbox is in memory once;
    `offload` runs work in threads, which should be few: they share the interpreter."""

    mail: IMailStore
    blobs: IBlobStore
    sign_in: ISignIn
    mailboxes: Mailboxes
    contents: Contents
    reader: MessageReader
    offload: Offload
    limits: Limits
    clock: IReactorTime
    hostname: str
    now: Callable[[], float]  # Unix time
    tls: Any = None  # a context factory; None: TLS is not offered
    login_without_tls: bool = False  # from loopback


class Session:
    __slots__ = (
        "account",
        "address",
        "boxes",
        "condstore",
        "idling",
        "parts",
        "qresync",
        "rev2",
        "selected",
        "utf8",
        "wire",
    )

    def __init__(self, parts: Parts, wire: Wire, address: str) -> None:
        self.parts = parts
        self.wire = wire
        self.address = address
        self.account: Account | None = None
        self.boxes: AccountMailboxes | None = None
        self.selected: Selected | None = None
        self.idling: bytes | None = None  # IDLE's tag
        self.condstore = self.qresync = self.rev2 = self.utf8 = False

    # -- what the command families use ---------------------------------------------------------------

    @property
    def mail(self) -> IMailStore:
        return self.parts.mail

    @property
    def blobs(self) -> IBlobStore:
        return self.parts.blobs

    @property
    def contents(self) -> Contents:
        return self.parts.contents

    @property
    def mailboxes(self) -> AccountMailboxes:
        """Only after login, which the table of states sees to."""
        assert self.boxes is not None
        return self.boxes

    @property
    def selection(self) -> Selected:
        """Only while a mailbox is selected, which the table of states sees to."""
        assert self.selected is not None
        return self.selected

    @property
    def state(self) -> State:
        if self.account is None:
            return State.NOT_AUTHENTICATED
        return State.AUTHENTICATED if self.selected is None else State.SELECTED

    @property
    def may_sign_in(self) -> bool:
        """Passwords only travel encrypted, or over loopback where that was allowed."""
        loopback = self.address in ("::1", "::ffff:127.0.0.1") or self.address.startswith("127.")
        return self.wire.tls or (self.parts.login_without_tls and loopback)

    @property
    def may_start_tls(self) -> bool:
        return self.parts.tls is not None and not self.wire.tls

    def mechanisms(self) -> Sequence[str]:
        return self.parts.sign_in.mechanisms(self.may_sign_in, self.wire.binding() is not None)

    def enable_condstore(self) -> None:
        """RFC 7162 §3.1: named by ENABLE, or by using any of its parts."""
        if not self.condstore:
            self.condstore = True
            if self.selected is not None:  # §3.1.2.1: the client learns where it stands
                modseq = max(self.selected.highest, 1)
                self.say(response.untagged(b"OK", "CONDSTORE is on", b"HIGHESTMODSEQ %d" % modseq))

    def say(self, data: bytes) -> None:
        self.wire.say(data)

    def flow(self) -> Awaitable[None]:
        return self.wire.flow()

    def abort(self, reason: str) -> None:
        log.warning("aborted", reason=reason, peer=self.address)
        self.wire.abort()

    # -- the selected mailbox --------------------------------------------------------------------------

    def select(self, selected: Selected) -> None:
        self.selected = selected
        selected.image.watch(self)

    async def deselect(self) -> None:
        """Leave the selected mailbox, if there is one."""
        selected, self.selected = self.selected, None
        if selected is not None and self.boxes is not None:
            selected.image.unwatch(self)
            await self.boxes.left(selected.image)

    def news(self, *, expunge: bool) -> bool:
        """Say what changed in the selected mailbox (RFC 9051 §5.2); True: there is more."""
        selected = self.selected
        if selected is None:
            return False
        if not selected.image.exists:
            self.say(response.untagged(b"BYE", "The mailbox was deleted"))
            self.wire.hang_up()
            return False
        for line in selected.news(
            expunge=expunge, vanished=self.qresync, modseq=self.condstore, recent=not self.rev2
        ):
            self.say(line)
        return selected.more

    async def all_news(self, *, expunge: bool) -> None:
        """`news` until all is told, in turns."""
        while self.news(expunge=expunge):
            await self.flow()

    def image_changed(self) -> None:
        """`services.mailboxes.image.Watcher`: only IDLE is told at once (RFC 9051 §6.3.13)."""
        if self.idling is not None:
            self.wire.tell()

    async def close(self) -> None:
        """The connection is gone."""
        self.idling = None
        boxes = self.boxes
        await self.deselect()
        self.boxes = None
        if boxes is not None:
            self.parts.mailboxes.release(boxes)
