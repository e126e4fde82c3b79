"""Mail that programs hand over as JSON: composed here, and sent as any submission is.

With an idempotency key, a message is sent once however often it is asked for: the answer is created by
the commit that takes the message, so there is no moment at which the one is known without the other. Of two
that ask at the same time, in whatever processes, one commits; the other finds that, and answers the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import msgspec
from twisted.internet.interfaces import IReactorTime

from mailsys.core.bad_field import BadField
from mailsys.core.message import compose, dates
from mailsys.core.message.address import Mailbox, canonical, split
from mailsys.core.message.keywords import canonical as canonical_keywords
from mailsys.core.refusal import MessageTooBig, ObjectConflict, Refusal
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.log import Log
from mailsys.ports.accounts import Account
from mailsys.ports.ids import AccountId
from mailsys.ports.intake import Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.objects import IObjectStore, ObjectChange
from mailsys.services.content.reading import Offload
from mailsys.services.delivery.transactions import Client
from mailsys.services.submission.submit import Submission

log = Log("program_mail")

KIND: Final = "Idempotency"
KEPT: Final = 7 * 86400.0  # seconds that a key is remembered
CLOCKS_DIFFER: Final = 60.0  # seconds that a `send_at` may lie back: it goes at once
_SWEEP_EVERY: Final = 3600.0
_SWEPT: Final = 1000
_PIECE: Final = 64 * 1024  # octets written at a time
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,76}")
# Fields that the message's own parts make, or that only servers write.
_NOT_YOURS: Final = re.compile(
    r"(?:from|sender|to|cc|bcc|reply-to|subject|date|message-id|mime-version|content-.*|received(?:-spf)?|"
    r"return-path|dkim-signature|arc-.*|authentication-results|delivered-to|resent-.*|x-mailsys-.*)",
    re.I,
)


class KeyInUse(Refusal):
    """The same idempotency key was being worked on; try again in a moment."""

    http = 409


class KeyReused(Refusal):
    """The idempotency key belongs to another request."""

    http = 422


@dataclass(frozen=True, slots=True)
class Person:
    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    type: str
    data: bytes
    content_id: str = ""  # set: shown within the HTML


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent. `notify`: RFC 3461's words; `send_at`: Unix time, None at once."""

    sender: Person
    to: Sequence[Person] = ()
    cc: Sequence[Person] = ()
    bcc: Sequence[Person] = ()
    reply_to: Sequence[Person] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: Sequence[Attachment] = ()
    headers: Sequence[tuple[str, str]] = ()
    notify: str = ""
    send_at: float | None = None
    save_to_sent: bool = True


class Sent(msgspec.Struct, frozen=True):
    trace: str
    message_id: str
    recipients: int
    release: float | None


class _Record(msgspec.Struct, frozen=True):
    request: str  # hash of what was asked
    at: float
    answer: Sent


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key, and a hash of the JSON value (`hash_of_json`) that it was given with."""

    text: str
    request_hash: str

    @property
    def ident(self) -> str:
        return hashlib.blake2b(self.text.encode("utf-8", "replace"), digest_size=20).hexdigest()


@dataclass(slots=True)
class ProgramMail:
    """`offload` runs work in a thread: composing takes as long as a message is large."""

    submission: Submission
    objects: IObjectStore
    clock: IReactorTime
    random: Random
    offload: Offload
    _swept: dict[AccountId, float] = field(default_factory=dict)

    async def known(self, account: AccountId, key: Key) -> Sent | None:
        """The answer that was given for this key. KeyReused when it was for something else."""
        return (await self._known(account, key))[0]

    async def _known(self, account: AccountId, key: Key) -> tuple[Sent | None, int]:
        """That, and the modseq of what stands in its place: 0, or that of an answer which is too old."""
        found = await self.objects.objects(account, KIND, [key.ident])
        if not found:
            return None, 0
        record = msgspec.json.decode(found[0].value, type=_Record)
        if record.at + KEPT < self.clock.seconds():
            return None, found[0].modseq
        if record.request != key.request_hash:
            raise KeyReused()
        return record.answer, found[0].modseq

    async def send(
        self, account: Account, letter: Callable[[], Letter], peer: str, key: Key | None = None
    ) -> tuple[Sent, bool]:
        """What was sent, and whether that was before. `letter` is only asked for when it is needed.
        Raises BadField, KeyInUse, KeyReused, and what submission refuses with."""
        if key is None:
            return await self._send(account, letter(), peer, None, 0), False
        known, place = await self._known(account.id, key)
        if known is not None:
            return known, True
        try:
            sent = await self._send(account, letter(), peer, key, place)
        except ObjectConflict as conflict:
            known = await self.known(account.id, key)
            if known is None:
                raise KeyInUse() from conflict
            return known, True
        await self._sweep(account.id)
        return sent, False

    async def _send(self, account: Account, letter: Letter, peer: str, key: Key | None, place: int) -> Sent:
        now = self.clock.seconds()
        if letter.send_at is not None and letter.send_at < now - CLOCKS_DIFFER:
            raise BadField("sendAt", "That time is over.")
        recipients = [*letter.to, *letter.cc, *letter.bcc]
        if not recipients:
            raise BadField("to", "There is no recipient.")
        parameters = MailParameters(
            hold_until=letter.send_at,
            utf8=not all(each.address.isascii() for each in (letter.sender, *recipients)),
        )
        client = Client(peer, 0, account=account.id, login=account.address, web=True)
        outgoing = await self.submission.open(client, letter.sender.address, parameters)
        try:
            for one in recipients:
                await outgoing.add_recipient(one.address, RcptParameters(notify=letter.notify))
            domain = self.submission.intake.directory.domain or self.submission.intake.hostname
            message_id = compose.new_message_id(self.random, now, domain)
            random = Random(self.random.getrandbits(64))  # noqa: S311 for boundaries
            content = await self.offload(lambda: written(letter, message_id, now, random))
            if len(content) > self.submission.intake.limits.message_size:
                raise MessageTooBig()
            sink = await outgoing.open_body()
            for at in range(0, len(content), _PIECE):
                wait = sink.write(content[at : at + _PIECE])
                if wait is not None:
                    await wait
            blob = await sink.finish()
            answer = Sent(outgoing.trace, message_id, len(outgoing.recipients), outgoing.release)
            objects: list[ObjectChange] = []
            if key is not None:
                record = _Record(key.request_hash, now, answer)
                value = msgspec.json.encode(record)
                objects.append(ObjectChange(account.id, KIND, key.ident, value, if_modseq=place))
            keep = None
            if letter.save_to_sent:
                keep = Delivery(account.id, (Role.SENT,), canonical_keywords(["$seen"]))
            await outgoing.send(blob, objects, keep)
        except BaseException:
            outgoing.abort()
            raise
        return answer

    async def _sweep(self, account: AccountId) -> None:
        """Forget old keys, once an hour."""
        now = self.clock.seconds()
        if self._swept.get(account, 0.0) + _SWEEP_EVERY > now:
            return
        if len(self._swept) > 10_000:
            self._swept.clear()
        self._swept[account] = now
        old: list[ObjectChange] = []
        for each in await self.objects.objects(account, KIND):  # oldest first
            if msgspec.json.decode(each.value, type=_Record).at + KEPT >= now or len(old) == _SWEPT:
                break
            old.append(ObjectChange(account, KIND, each.id, remove=True, if_modseq=each.modseq))
        try:
            await self.objects.write(old)
        except ObjectConflict:
            log.info("old idempotency keys were left", account=account)  # one was used anew; the next hour


def hash_of_json(body: bytes) -> str:
    """The same for bodies that are the same JSON value, whatever the order of names, the white space and
    the spelling of strings and numbers. Takes time with its size: for a thread. Raises ValueError."""
    value = _plain(msgspec.json.decode(body))
    return hashlib.blake2b(msgspec.json.encode(value, order="deterministic"), digest_size=32).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_header(name: str, value: str) -> None:
    """Raises BadField for a field that may not be given, or a value that would be more than one."""
    if _HEADER_NAME.fullmatch(name) is None or _NOT_YOURS.fullmatch(name) is not None:
        raise BadField("headers", f"The field {name[:80]!r} cannot be given.")
    if not value.isprintable() or len(value) > 2000:
        raise BadField(
            "headers", f"The value of {name} is not one line of at most 2000 printable characters."
        )


def written(letter: Letter, message_id: str, now: float, random: Random) -> bytes:
    """The message. Takes time with its size: for a thread."""
    bodies = []
    if letter.text is not None or letter.html is None:
        bodies.append(compose.text(letter.text or ""))
    if letter.html is not None:
        html = compose.text(letter.html, "html")
        inline = [each for each in letter.attachments if each.content_id]
        if inline:
            parts = [html, *(_inline(each) for each in inline)]
            html = compose.multipart("related", parts, compose.new_boundary(random), type="text/html")
        bodies.append(html)
    content = (
        bodies[0]
        if len(bodies) == 1
        else compose.multipart("alternative", bodies, compose.new_boundary(random))
    )
    apart = [each for each in letter.attachments if not each.content_id or letter.html is None]
    if apart:
        parts = [content, *(compose.attachment(each.data, each.type, each.name) for each in apart)]
        content = compose.multipart("mixed", parts, compose.new_boundary(random))
    fields = [compose.address_field("From", [_mailbox(letter.sender)])]
    for name, people in (("To", letter.to), ("Cc", letter.cc), ("Reply-To", letter.reply_to)):
        if people:
            fields.append(compose.address_field(name, [_mailbox(each) for each in people]))
    if not letter.to and not letter.cc:
        fields.append(compose.structured("To", "undisclosed-recipients:;"))  # RFC 5322 §3.6.3
    fields.append(compose.field("Subject", letter.subject))
    fields.append(compose.structured("Date", dates.render(now)))
    fields.append(compose.structured("Message-ID", message_id))
    fields.extend(compose.field(name, value) for name, value in letter.headers)
    return compose.compose(fields, content)


def _inline(attachment: Attachment) -> compose.Entity:
    made = compose.attachment(attachment.data, attachment.type, attachment.name)
    fields = made.fields.replace(b"Content-Disposition: attachment", b"Content-Disposition: inline", 1)
    return compose.Entity(fields + compose.structured("Content-ID", f"<{attachment.content_id}>"), made.body)


def _mailbox(person: Person) -> Mailbox:
    local, domain = split(person.address)
    return Mailbox(person.name, local, domain)


def checked_person(address: str, name: str, where: str) -> Person:
    """Raises BadField for what is no address, or a name that is more than one line."""
    try:
        canonical(address)
    except ValueError:
        raise BadField(where, f"{address[:80]!r} is no address.") from None
    if not name.isprintable():
        raise BadField(where, "A name is one line of printable characters.")
    return Person(address, name)
