"""Answers for those who are away (RFC 8621 §8, by the rules of RFC 3834).

Mail is answered after it was delivered: an answer that a crash swallows harms nobody, one that is sent
twice does. So that this sender is answered is taken (`IOnceStore`) before the answer is queued: he gets one
in a period, over restarts and however many processes there are.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime

from mailsys.core.jmap.dates import parse_utc_date
from mailsys.core.message import compose, dates
from mailsys.core.message.address import Mailbox, canonical, mailboxes, split
from mailsys.core.message.encoded import decode_words
from mailsys.core.message.header import MAX_VALUE, Fields, every, fields, first
from mailsys.core.message.text import clean, from_html
from mailsys.core.refusal import RateLimited
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore, StagedBlob
from mailsys.ports.ids import AccountId, BlobId, TraceId
from mailsys.ports.intake import Acceptance
from mailsys.ports.mail import IMailStore
from mailsys.ports.objects import IObjectStore
from mailsys.ports.once import IOnceStore
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery import trace_ids
from mailsys.services.delivery.directory import Directory
from mailsys.services.dns.route import destination_of

log = Log("vacation")

KIND: Final = "VacationResponse"
SINGLETON: Final = "singleton"
ROUND: Final = "round"  # of the stored object, beside RFC 8621's: how often it was enabled
LONGEST_BODY: Final = 256 * 1024  # characters of textBody or htmlBody

LOOK: Final = 30.0  # seconds after which it is looked again whether somebody is away: another process may
# have been told
_REMEMBERED: Final = 100_000  # accounts
_PER_HOUR: Final = 100  # answers of one account: with forged senders we would answer to the innocent
_WAITING: Final = 1000  # answers in the making
_ADDRESSES: Final = 200  # of To and Cc that are looked at
_INLINE: Final = 64 * 1024
_DEFAULT: Final = (
    "I am away at the moment and may not read your message for some time.\n\n"
    "This is an automatic answer to your message."
)
# Of whom no person reads what we write (RFC 3834 §2, RFC 5230 §4.6, and custom).
_ROBOTS: Final = frozenset(
    ("mailer-daemon", "postmaster", "listserv", "majordomo", "noreply", "no-reply", "donotreply",
     "do-not-reply", "no_reply", "do_not_reply", "nobody", "bounce", "bounces", "notifications")
)  # fmt: skip
_ROBOT_ENDS: Final = ("-request", "-owner", "-bounce", "-bounces", "-noreply", "-no-reply", "-relay")
_LIST_FIELDS: Final = frozenset(
    (b"list-id", b"list-help", b"list-unsubscribe", b"list-subscribe", b"list-post", b"list-owner",
     b"list-archive", b"mailing-list")
)  # fmt: skip
_AUTOMATIC: Final = frozenset((b"x-autoreply", b"x-autorespond", b"x-auto-reply", b"x-autoresponse"))

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Responder:
    """One per process. `again_after`: seconds until the same sender is answered again."""

    def __init__(
        self,
        mail: IMailStore,
        objects: IObjectStore,
        blobs: IBlobStore,
        once: IOnceStore,
        directory: Directory,
        clock: IReactorTime,
        random: Random,
        again_after: float = 7 * 86400.0,
    ) -> None:
        self._mail = mail
        self._objects = objects
        self._blobs = blobs
        self._once = once
        self._directory = directory
        self._clock = clock
        self._random = random
        self._again_after = again_after
        # When it was looked whether somebody is away, and whether he was; a hint, the answer looks again.
        self._known: OrderedDict[AccountId, tuple[float, bool]] = OrderedDict()
        self._changes = 0
        self._answering: set[Deferred[None]] = set()

    async def stop(self) -> None:
        """Wait for the answers under way."""
        await DeferredList(list(self._answering), consumeErrors=True)

    def changed(self, account: AccountId) -> None:
        """Its VacationResponse was set: heed it at once."""
        self._changes += 1
        self._known.pop(account, None)

    def arrives(
        self, sender: str, accounts: Mapping[AccountId, str], header: bytes, _blob: BlobId, /
    ) -> None:
        """It is answered in time (`Arrives`). Costs next to nothing where nobody is away."""
        if not sender:
            return
        away = [account for account in accounts if self._may_be_away(account)]
        if not away:
            return
        if len(self._answering) >= _WAITING:
            log.warning("too many answers at once", sender=sender)
            return
        work = Deferred.fromCoroutine(self._answer_all(sender, away, header))
        self._answering.add(work)
        work.addErrback(lambda failure: log.error("no answer", failure.value))
        work.addBoth(lambda _: self._answering.discard(work))

    def _may_be_away(self, account: AccountId) -> bool:
        looked, away = self._known.get(account, (0.0, True))
        return away or not 0 <= self._clock.seconds() - looked < LOOK

    async def _value(self, account: AccountId) -> dict[str, Any] | None:
        """The response of this moment; None for who is not away."""
        changes, now = self._changes, self._clock.seconds()
        found = await self._objects.objects(account, KIND, [SINGLETON])
        value = _decode(found[0].value) if found else {}
        away = bool(value.get("isEnabled"))
        if changes == self._changes:
            self._known[account] = (now, away)
            self._known.move_to_end(account)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return value if away else None

    async def _answer_all(self, sender: str, accounts: Iterable[AccountId], header: bytes) -> None:
        try:
            to = canonical(sender)
        except ValueError:
            return
        found: Fields | None = None
        for account in accounts:
            value = await self._value(account)
            if value is None:
                continue
            found = fields(header) if found is None else found
            cause = unanswerable(to, found)
            if cause:
                log.info("not answered", account=account, sender=sender, cause=cause)
            else:
                await self._answer(account, value, sender, to, found)

    async def _answer(
        self, account: AccountId, value: Mapping[str, Any], sender: str, to: str, found: Fields
    ) -> None:
        now = self._clock.seconds()
        if not _in_time(value, now) or await self._directory.owns(account, to):
            return
        own = await self._named(account, found)
        if own is None:
            log.info("not answered", account=account, sender=sender, cause="not addressed to us")
            return
        person = await self._directory.account(account)
        if person is None or not person.enabled:
            return
        place = f"vacation:{account}:{value.get(ROUND, 0)}:{_hash(to)}"
        if not await self._once.take(place, now + self._again_after):
            return
        try:
            hour = f"vacation:{account}:{now // 3600:.0f}"
            if not await self._once.take(hour, now + 3600.0, _PER_HOUR):
                raise RateLimited
            trace = await self._send(account, value, Mailbox(person.name, *split(own)), sender, found, now)
        except RateLimited:
            await self._once.give_back(place)
            log.warning("not answered", account=account, sender=sender, cause="too many answers")
        except BaseException:
            await self._once.give_back(place)
            raise
        else:
            log.info("answered", trace=trace, account=account, sender=sender)

    async def _send(
        self,
        account: AccountId,
        value: Mapping[str, Any],
        own: Mailbox,
        sender: str,
        found: Fields,
        now: float,
    ) -> TraceId:
        content = self._compose(value, own, sender, found, now)
        trace = trace_ids.new_trace(now, self._random.randbytes)
        item = NewQueueItem(
            destination=destination_of(sender, self._directory.is_local_domain),
            sender="",  # RFC 3834 §3.3: whatever becomes of it, nobody is told
            recipients=(QueueRecipient(sender, notify="NEVER"),),
            due=now,
            created=now,
            trace=trace,
            account=account,
            eight_bit=not content.isascii(),
            utf8=not sender.isascii() or not own.address.isascii(),
        )
        detail = {"why": "vacation response", "to": sender}
        await self._mail.accept(
            Acceptance(
                blob=await self._staged(content),
                facts=None,
                received_at=now,
                queued=(item,),
                timeline=(TimelineEntry(trace, now, Stage.SUBMITTED, account, "", detail),),
            )
        )
        return trace

    async def _named(self, account: AccountId, found: Fields) -> str | None:
        """The account's own address among To and Cc (RFC 3834 §2: only then it is answered)."""
        looked = 0
        for name in (b"to", b"cc"):
            for value in every(found, name):
                for one in mailboxes(value[:MAX_VALUE]):
                    looked += 1
                    if looked > _ADDRESSES:
                        return None
                    if self._directory.is_local_domain(one.domain) and await self._directory.owns(
                        account, one.address
                    ):
                        return one.address
        return None

    def _compose(
        self, value: Mapping[str, Any], own: Mailbox, sender: str, found: Fields, now: float
    ) -> bytes:
        local, domain = split(sender)
        subject = value.get("subject")
        if not subject:
            subject = f"Auto: {clean(decode_words(first(found, b'subject') or b''), 200)}"
        head = [
            compose.structured("Date", dates.render(now)),
            compose.structured("Message-ID", compose.new_message_id(self._random, now, own.domain)),
            compose.address_field("From", [own]),
            compose.address_field("To", [Mailbox("", local.strip('"'), domain)]),
            compose.field("Subject", clean(subject, 500)),
            compose.structured("Auto-Submitted", "auto-replied"),  # RFC 3834 §5
            compose.structured("X-Auto-Response-Suppress", "All"),
        ]
        head += _threading(found)
        text, html = value.get("textBody"), value.get("htmlBody")
        if text is None:
            text = _DEFAULT if html is None else from_html(html)
        content = compose.text(text)
        if html is not None:
            boundary = compose.new_boundary(self._random)
            content = compose.multipart("alternative", [content, compose.text(html, "html")], boundary)
        return compose.compose(head, content)

    async def _staged(self, content: bytes) -> StagedBlob:
        if len(content) <= _INLINE:
            return self._blobs.stage(content)
        sink = self._blobs.sink()
        try:
            for start in range(0, len(content), _INLINE):
                if (wait := sink.write(content[start : start + _INLINE])) is not None:
                    await wait
            return await sink.finish()
        except BaseException:
            sink.abort()
            raise


def unanswerable(sender: str, found: Fields) -> str:
    """Why a message is never answered; "" when it may be. `sender`: canonical (RFC 3834 §2)."""
    local = sender.rpartition("@")[0]
    base = local.partition("+")[0]
    if base in _ROBOTS or base.endswith(_ROBOT_ENDS) or base.startswith(("owner-", "bounce-", "bounces-")):
        return "sent by a robot"
    for name, value in found:
        if name in _LIST_FIELDS:
            return "from a list"
        if name in _AUTOMATIC:
            return "an automatic answer"
        if name == b"auto-submitted" and value.partition(b";")[0].strip().lower() != b"no":
            return "submitted by a machine"
        if name == b"precedence" and value.strip().lower() in (b"bulk", b"list", b"junk", b"auto_reply"):
            return "bulk mail"
        if name == b"x-auto-response-suppress" and value.strip().lower() not in (b"", b"none"):
            return "answers are unwanted"
        if name == b"return-path" and value.strip() == b"<>":
            return "no sender"
        if name == b"x-spam-flag" and value.strip().lower() == b"yes":
            return "spam"
        if name == b"content-type" and value.lower().startswith(b"multipart/report"):
            return "a report"
    return ""


def _threading(found: Fields) -> list[bytes]:
    """In-Reply-To and References (RFC 3834 §3.1.5)."""
    message_id = (first(found, b"message-id") or b"").decode("ascii", "replace").strip()
    if not message_id.startswith("<") or not message_id.isprintable() or len(message_id) > 500:
        return []
    if " " in message_id or "\ufffd" in message_id:
        return []
    before = (first(found, b"references") or first(found, b"in-reply-to") or b"").decode("ascii", "replace")
    known = [one for one in before.split() if one.startswith("<") and len(one) < 500 and one.isprintable()]
    return [
        compose.structured("In-Reply-To", message_id),
        compose.structured("References", " ".join([*known[-20:], message_id])),
    ]


def _in_time(value: Mapping[str, Any], now: float) -> bool:
    begins, ends = parse_utc_date(value.get("fromDate")), parse_utc_date(value.get("toDate"))
    return (begins is None or now >= begins) and (ends is None or now < ends)


def _hash(address: str) -> str:
    return hashlib.blake2b(address.encode(), digest_size=20).hexdigest()
