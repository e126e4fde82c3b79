"""MDN/send (RFC 9007 §2.1): read receipts go out as any mail of ours does, from the null sender."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.header_forms import HeaderBlock, as_addresses, as_text
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_arguments, invalid_properties
from mailsys.core.message import compose, dates
from mailsys.core.message.address import Mailbox, canonical, split
from mailsys.core.message.disposition import (
    ACTION_MODES,
    SENDING_MODES,
    TYPES,
    Disposition,
    Notification,
    entity,
)
from mailsys.core.message.keywords import names
from mailsys.core.refusal import AuthenticationRequired, NoSuchEmail, OverQuota, RateLimited, Refusal
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.ports.emails import Column
from mailsys.ports.ids import EmailId
from mailsys.ports.once import IOnceStore
from mailsys.ports.patches import EmailPatch, EmailsPatched
from mailsys.services.delivery.directory import Directory
from mailsys.services.delivery.transactions import Client
from mailsys.services.jmap.mail.email_patching import EmailPatching
from mailsys.services.jmap.protocol.api import WRITE, CallContext, Invocation
from mailsys.services.jmap.protocol.standard import set_error, too_large
from mailsys.services.jmap.submission.email_success import EmailSuccess
from mailsys.services.jmap.submission.identity import Identities
from mailsys.services.jmap.submission.mdn_parse import shown
from mailsys.services.submission.submit import Submission

SENT: Final = "$mdnsent"

_GIVEN: Final = frozenset(
    ("forEmailId", "subject", "textBody", "includeOriginalMessage", "reportingUA", "disposition",
     "finalRecipient", "extensionFields")
)  # fmt: skip
_TAKEN_FOR: Final = 30 * 86400.0  # seconds: should the keyword not be set, after a crash
_LARGEST: Final = 10 * 1024 * 1024  # octets of an original that goes along
_LONGEST: Final = 64 * 1024
_READ: Final = 256 * 1024
_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_TAKEN: Final = frozenset(
    ("reporting-ua", "mdn-gateway", "original-recipient", "final-recipient", "original-message-id",
     "disposition", "error", "failure", "warning")
)  # fmt: skip


class MdnSend:
    """An email is answered once, though two ask for it at the same time: that is taken from `once`. What
    tells for good is the keyword SENT, set in the commit that takes the receipt for sending."""

    def __init__(
        self,
        submission: Submission,
        identities: Identities,
        directory: Directory,
        once: IOnceStore,
        patching: EmailPatching,
    ) -> None:
        self._once = once
        self._patching = patching
        self._submission = submission
        self._identities = identities
        self._directory = directory

    async def run(self, context: CallContext, values: dict[str, Any]) -> list[Invocation]:
        arguments = Arguments(values)
        context.own_account(arguments)
        identity_id = context.real_id(arguments.id("identityId"))
        send = arguments.optional_objects("send")
        on_success = arguments.optional_objects("onSuccessUpdateEmail") or {}
        arguments.finish()
        if send is None:
            raise invalid_arguments('"send" is missing.', "send")
        if len(send) > context.limits.max_objects_in_set:
            raise too_large("objects", context.limits.max_objects_in_set)
        identity = (await self._identities.all(context)).get(identity_id)
        if identity is None:
            raise invalid_arguments("There is no such identity.", "identityId")
        sent: dict[str, Any] = {}
        not_sent: dict[str, Any] = {}
        emails = EmailSuccess(context, self._patching, on_success, (), ())
        for key, value in send.items():
            try:
                patch = on_success.get(f"#{key}")
                if patch is None or not _marks(patch):
                    raise SetError(
                        "invalidProperties", f"onSuccessUpdateEmail does not set {SENT} on the email."
                    )
                if not context.caller.may(WRITE):
                    raise SetError("forbidden", f"This sign-in may not set {SENT}.")
                sent[key] = await self._send(context, identity, key, value, emails)
            except SetError as error:
                not_sent[key] = error.document()
            except Refusal as refusal:
                not_sent[key] = set_error(refusal).document()
        answers: list[Invocation] = [
            (
                "MDN/send",
                {"accountId": context.account_id, "sent": sent or None, "notSent": not_sent or None},
            )
        ]
        return answers + await emails.answer()

    async def _send(
        self,
        context: CallContext,
        identity: dict[str, Any],
        key: str,
        value: dict[str, Any],
        emails: EmailSuccess,
    ) -> dict[str, Any]:
        """What of the MDN the client did not set."""
        _check(value)
        email_id = context.real_id(value["forEmailId"])
        number = ids.email_number(email_id)
        columns = (Column.BLOB, Column.SIZE, Column.HEADER, Column.KEYWORDS, Column.SUBJECT)
        rows = {} if number is None else await context.ports.mail.fetch(context.account, [number], columns)
        row: Any = None if number is None else rows.get(number)
        if number is None or row is None:
            raise SetError("notFound", "There is no such email.")
        blob, size, header, keywords, subject = row
        block = HeaderBlock(header)
        wanted = block.last("disposition-notification-to")
        people = [one["email"] for one in as_addresses(wanted or b"") if _is_address(one["email"])]
        if not people:
            raise SetError("notFound", "The email asks for no receipt.")
        if SENT in names(keywords):
            raise SetError("mdnAlreadySent", "A receipt was sent for this email.")
        own = str(identity["email"])
        if own.startswith("*@"):
            own = context.caller.account.address
        final = value.get("finalRecipient") or f"rfc822; {own}"
        kind, _, address = final.partition(";")
        if not await self._directory.owns(context.account, address.strip()) or not kind.strip():
            raise SetError("forbiddenFrom", "You may not send receipts for that address.")
        include = value.get("includeOriginalMessage", False)
        if include and size > _LARGEST:
            raise SetError("tooLarge", "The original is too large to go along.", maxSize=_LARGEST)
        given = value["disposition"]
        title = value.get("subject") or f"Read: {subject}"
        message_id = block.last("message-id")
        original = block.last("original-recipient")
        notification = Notification(
            Disposition(given["actionMode"], given["sendingMode"], given["type"]),
            final,
            value.get("textBody") or f"Your message to {address.strip()} was {given['type']}.",
            value.get("reportingUA"),
            None,
            None if original is None else as_text(original),
            None if message_id is None else as_text(message_id),
            (),
            value.get("extensionFields") or {},
            include,
        )
        third = compose.headers_part(header)
        if include:
            third = compose.message_part(await self._original(context, blob, size))
        content = self._compose(context, identity, own, people, title, block, notification, third)
        planned = await emails.plan(f"#{key}", email_id)
        if planned.intentions.wrong:  # it would not be marked
            raise planned.intentions.wrong[EmailId(number)]
        place = f"mdn:{context.account}:{number}"
        if not await self._once.take(place, context.clock.seconds() + _TAKEN_FOR):
            raise SetError("mdnAlreadySent", "A receipt was sent for this email.")
        try:
            patched = await self._hand_over(context, people, content, EmailId(number), planned.patches)
        except BaseException:
            await self._once.give_back(place)
            raise
        emails.done(planned, patched)
        made = shown(notification, value["forEmailId"], title)
        return {name: one for name, one in made.items() if value.get(name) is None}

    def _compose(
        self,
        context: CallContext,
        identity: dict[str, Any],
        own: str,
        people: list[Any],
        title: str,
        block: HeaderBlock,
        notification: Notification,
        third: compose.Entity,
    ) -> bytes:
        now, random = context.clock.seconds(), context.random
        local, domain = split(own)
        head = [
            compose.structured("Date", dates.render(now)),
            compose.structured("Message-ID", compose.new_message_id(random, now, domain)),
            compose.address_field("From", [Mailbox(identity["name"], local, domain)]),
            compose.address_field("To", [Mailbox("", *split(one)) for one in people]),
            compose.field("Subject", title),
            compose.structured("Auto-Submitted", "auto-replied"),  # RFC 3834 §5
        ]
        answered = notification.original_message_id
        if answered and re.fullmatch(r"<[!-~]{1,500}>", answered):
            head.append(compose.structured("In-Reply-To", answered))
            head.append(compose.structured("References", answered))
        return compose.compose(head, entity(notification, third, compose.new_boundary(random)))

    async def _original(self, context: CallContext, blob: Any, size: int) -> bytes:
        gathered: list[bytes] = []
        for start in range(0, size, _READ):
            piece = await context.ports.blobs.read(blob, start, min(_READ, size - start))
            if not piece:
                raise SetError("notFound", "The email was destroyed meanwhile.")
            gathered.append(piece)
        return b"".join(gathered)

    async def _hand_over(
        self,
        context: CallContext,
        people: list[Any],
        content: bytes,
        email: EmailId,
        patches: Sequence[EmailPatch],
    ) -> EmailsPatched | None:
        """One commit: the receipt is taken, and the email it is for is marked."""
        caller = context.caller
        client = Client(caller.address, 0, account=caller.account.id, login=caller.account.address, web=True)
        try:
            outgoing = await self._submission.open(client, "", MailParameters())  # RFC 8098 §3
        except AuthenticationRequired as refusal:
            raise SetError("forbidden", "This account may not send.") from refusal
        try:
            for one in people:
                await outgoing.add_recipient(one, RcptParameters(notify="NEVER"))
            sink = await outgoing.open_body()
            for start in range(0, len(content), _READ):
                if (wait := sink.write(content[start : start + _READ])) is not None:
                    await wait
            accepted = await outgoing.send(await sink.finish(), patches=patches, sends=email)
        except BaseException as error:
            outgoing.abort()
            if isinstance(error, NoSuchEmail):
                raise SetError("notFound", "The email was destroyed meanwhile.") from error
            if isinstance(error, RateLimited):
                raise SetError("rateLimit", f"{error.text}.") from error
            if isinstance(error, OverQuota):
                raise SetError("forbidden", "The mailbox that asks for it is full.") from error
            raise
        return accepted.patched


def _marks(patch: dict[str, Any]) -> bool:
    """Whether an Email/set patch sets the keyword."""
    try:
        after = apply_patch({"keywords": {}}, {k: v for k, v in patch.items() if k.startswith("keywords")})
    except SetError:
        return False
    keywords = after["keywords"]
    return isinstance(keywords, dict) and keywords.get(SENT) is True


def _check(value: dict[str, Any]) -> None:
    """Raises SetError naming all that is wrong."""
    wrong = sorted(set(value) - _GIVEN)
    if not isinstance(value.get("forEmailId"), str):
        wrong.append("forEmailId")
    for name in ("subject", "textBody", "reportingUA", "finalRecipient"):
        text = value.get(name)
        longest = _LONGEST if name == "textBody" else 900
        if text is None:
            continue
        if (
            not isinstance(text, str)
            or len(text) > longest
            or (name != "textBody" and not text.isprintable())
        ):
            wrong.append(name)
    if not isinstance(value.get("includeOriginalMessage", False), bool):
        wrong.append("includeOriginalMessage")
    if not _is_disposition(value.get("disposition")):
        wrong.append("disposition")
    if not _is_extensions(value.get("extensionFields")):
        wrong.append("extensionFields")
    if wrong:
        raise invalid_properties("These properties are not valid.", *wrong)


def _is_disposition(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"actionMode", "sendingMode", "type"}
        and value["actionMode"] in ACTION_MODES
        and value["sendingMode"] in SENDING_MODES
        and value["type"] in TYPES
    )


def _is_extensions(value: Any) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, dict)
        and len(value) <= 50
        and all(
            _NAME.fullmatch(name) is not None
            and name.lower() not in _TAKEN
            and isinstance(one, str)
            and len(one) <= 900
            for name, one in value.items()
        )
    )


def _is_address(text: str | None) -> bool:
    try:
        return text is not None and bool(canonical(text))
    except ValueError:
        return False
