"""Sending for programs: one request, one message."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mailsys.core.bad_field import BadField
from mailsys.core.jmap.ids import parse_blob_id
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.ids import BlobId
from mailsys.ports.mail import IMailStore
from mailsys.services.content.reading import Offload
from mailsys.services.jmap.protocol.api import READ, SEND
from mailsys.services.submission.program_mail import (
    Attachment,
    Key,
    Letter,
    Person,
    ProgramMail,
    Sent,
    check_header,
    checked_person,
    hash_of_json,
)
from mailsys.web.api.table import Api, Call, Model, Moment, Route, at
from mailsys.web.problems import WebProblem

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
_PIECE = 1024 * 1024


class PersonIn(Model, frozen=True):
    address: Annotated[str, Meta(min_length=3, max_length=320)]
    name: Annotated[str, Meta(max_length=200)] = ""


class AttachmentIn(Model, frozen=True):
    """`data` in base64, or `blobId` of an upload (JMAP) of one's own."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    type: Annotated[str, Meta(max_length=255)] = "application/octet-stream"
    data: str = ""
    blob_id: Annotated[str, Meta(max_length=70)] = ""
    content_id: Annotated[str, Meta(max_length=200, description="Set: shown within the HTML.")] = ""


People = Annotated[list[PersonIn], Meta(max_length=100)]


class Message(Model, frozen=True):
    from_: PersonIn | None = msgspec.field(default=None, name="from")
    to: People = []  # noqa: RUF012
    cc: People = []  # noqa: RUF012
    bcc: People = []  # noqa: RUF012
    reply_to: Annotated[list[PersonIn], Meta(max_length=10)] = []  # noqa: RUF012
    subject: Annotated[str, Meta(max_length=998)] = ""
    text: str | None = None
    html: str | None = None
    attachments: Annotated[list[AttachmentIn], Meta(max_length=100)] = []  # noqa: RUF012
    headers: Annotated[dict[str, str], Meta(max_length=50)] = {}  # noqa: RUF012
    notify: Annotated[
        list[Literal["never", "success", "failure", "delay"]],
        Meta(max_length=3, description="Of what the sender wants to hear (RFC 3461)."),
    ] = []  # noqa: RUF012
    send_at: Moment | None = None
    save_to_sent: bool = True


class Accepted(Model, frozen=True):
    trace: Annotated[str, Meta(description="Names the message in /timelines and the logs.")]
    message_id: str
    recipients: int
    release: Annotated[Moment | None, Meta(description="When it goes; null: at once.")]


class SendRoutes:
    def __init__(
        self,
        program_mail: ProgramMail,
        mail: IMailStore,
        blobs: IBlobStore,
        request_size: int,
        message_size: int,
        offload: Offload,
    ) -> None:
        self._program_mail = program_mail
        self._mail = mail
        self._blobs = blobs
        self._request_size = request_size
        self._message_size = message_size
        self._offload = offload

    def mount(self, api: Api) -> None:
        api.add(
            Route("POST", "/send", self.send, "Send a message.", "Send", scope=SEND, body=Message,
                  answer=Accepted, status=202, problems=(400, 409, 413, 503, 507), limit=self._request_size,
                  request_headers=(
                      ("Idempotency-Key",
                       "1 to 255 printable characters; the same key and JSON is sent once in a week."),
                  )),
        )  # fmt: skip

    async def send(self, call: Call) -> Accepted:
        header = call.request.getHeader(b"idempotency-key")
        key = None
        if header is not None:
            text = header.decode("ascii", "replace")
            if _KEY.fullmatch(text) is None:
                raise WebProblem(
                    400, "An idempotency key has 1 to 255 printable ASCII characters.", code="badKey"
                )
            body = call.request.body()
            key = Key(text, await self._offload(lambda: hash_of_json(body)))
        files = await self._attachments(call)
        letter = _letter(call, files)
        sent, before = await self._program_mail.send(
            call.me.account, lambda: letter, call.request.address, key
        )
        if before:
            call.headers.append((b"Idempotent-Replayed", b"true"))
        return _accepted(sent)

    async def _attachments(self, call: Call) -> list[Attachment]:
        """With their content, decoded or read."""
        found = []
        room = self._message_size
        for number, each in enumerate(call.body.attachments):
            where = f"attachments/{number}"
            if _TYPE.fullmatch(each.type) is None:
                raise BadField(f"{where}/type", "That is no media type.")
            if not each.name.isprintable():
                raise BadField(f"{where}/name", "A name is one line of printable characters.")
            if each.content_id and _CONTENT_ID.fullmatch(each.content_id) is None:
                raise BadField(f"{where}/contentId", "That is no content id.")
            data = await self._blob(call, each, where) if each.blob_id else _decoded(each.data, where)
            room -= len(data)
            if room < 0:
                raise WebProblem(
                    413, f"A message has at most {self._message_size} octets.", code="messageTooBig"
                )
            found.append(Attachment(each.name, each.type, data, each.content_id))
        return found

    async def _blob(self, call: Call, each: AttachmentIn, where: str) -> bytes:
        name = parse_blob_id(each.blob_id)
        if not call.me.may(READ):  # what is attached is read
            raise WebProblem(403, f'With "blobId", this app password needs the scope "{READ}" as well.')
        blob = None if name is None or not name.whole else BlobId(name.blob)
        if blob is None or not await self._mail.holds(call.account, blob):
            raise BadField(f"{where}/blobId", "There is no such blob.")
        size = await self._blobs.size(blob) or 0
        if size > self._message_size:
            raise WebProblem(413, f"A message has at most {self._message_size} octets.", code="messageTooBig")
        pieces = []
        for start in range(0, size, _PIECE):
            piece = await self._blobs.read(blob, start, _PIECE)
            if piece is None:
                raise BadField(f"{where}/blobId", "There is no such blob.")
            pieces.append(piece)
        return b"".join(pieces)


def _decoded(text: str, where: str) -> bytes:
    """In pieces: one call over megabytes would hold everybody up."""
    starts = range(0, len(text), _PIECE)  # a multiple of four
    try:
        pieces = [b64decode(text[start : start + _PIECE], validate=True) for start in starts]
    except (binascii.Error, ValueError):
        raise BadField(f"{where}/data", "That is not base64.") from None
    return b"".join(pieces)


def _letter(call: Call, files: list[Attachment]) -> Letter:
    given: Message = call.body
    account = call.me.account
    for name, value in given.headers.items():
        check_header(name, value)
    if not given.subject.isprintable():
        raise BadField("subject", "A subject is one line of printable characters.")
    if "never" in given.notify and len(given.notify) > 1:
        raise BadField("notify", '"never" stands alone.')
    sender = given.from_
    return Letter(
        sender=Person(account.address, account.name)
        if sender is None
        else checked_person(sender.address, sender.name, "from"),
        to=_people(given.to, "to"),
        cc=_people(given.cc, "cc"),
        bcc=_people(given.bcc, "bcc"),
        reply_to=_people(given.reply_to, "replyTo"),
        subject=given.subject,
        text=given.text,
        html=given.html,
        attachments=files,
        headers=list(given.headers.items()),
        notify=",".join(dict.fromkeys(each.upper() for each in given.notify)),
        send_at=None if given.send_at is None else given.send_at.timestamp(),
        save_to_sent=given.save_to_sent,
    )


def _people(given: list[PersonIn], where: str) -> list[Person]:
    return [checked_person(each.address, each.name, f"{where}/{n}") for n, each in enumerate(given)]


def _accepted(sent: Sent) -> Accepted:
    return Accepted(
        trace=sent.trace,
        message_id=sent.message_id,
        recipients=sent.recipients,
        release=None if sent.release is None else at(sent.release),
    )
