"""EmailSubmission/set (RFC 8621 §7.5): sending mail, and taking it back while it is held."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any, Final

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message.address import comparable
from mailsys.core.refusal import (
    AuthenticationRequired,
    MailLoop,
    MessageRejected,
    MessageTooBig,
    NotYourAddress,
    OverQuota,
    RateLimited,
    Refusal,
)
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, BlobId
from mailsys.ports.objects import ObjectChange
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery.submission_link import KIND, submission_id, trace_of
from mailsys.services.delivery.transactions import Client
from mailsys.services.jmap.protocol import stored
from mailsys.services.jmap.protocol.api import MAIL, CallContext, Invocation
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.standard import (
    SetOutcome,
    SetRequest,
    check_state,
    not_found,
    read_set,
    set_error,
)
from mailsys.services.jmap.submission.identity import Identities
from mailsys.services.jmap.submission.submission_envelope import (
    Envelope,
    check_header,
    given_envelope,
    invalid_email,
    made_envelope,
)
from mailsys.services.jmap.submission.submission_get import timeline
from mailsys.services.jmap.submission.submission_status import delivery_status, shown, standing
from mailsys.services.submission.outgoing import Outgoing
from mailsys.services.submission.submit import HoldTooLong, Submission

log = Log("jmap")

KEPT: Final = 30 * 86400.0  # seconds that an object outlives its message's sending; timelines last as long
MOST: Final = 5000  # objects of one account
_TIDY: Final = 3600.0  # seconds between looks at what is old, per account
_TIDIED: Final = 10_000
_WINDOW: Final = 256 * 1024
_LONG_HEADER: Final = 24 * 1024  # octets of one that may take milliseconds to read
_GIVEN: Final = frozenset(("identityId", "emailId", "envelope"))


class SubmissionSet:
    def __init__(self, submission: Submission, identities: Identities) -> None:
        self._submission = submission
        self._identities = identities
        self._tidied: OrderedDict[AccountId, float] = OrderedDict()

    async def run(self, context: CallContext, values: dict[str, Any]) -> list[Invocation]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        request = read_set(context, arguments)
        on_success = arguments.optional_objects("onSuccessUpdateEmail") or {}
        destroy_on_success = arguments.optional_ids("onSuccessDestroyEmail") or []
        arguments.finish()
        emails: dict[str, str] = {}  # by submission, of those that succeeded
        outcome = SetOutcome()

        async def work() -> tuple[str, str]:
            old_state = str(await state_of(context, KIND))
            check_state(request.if_in_state, old_state)
            await self._create_all(context, account, request, outcome, emails)
            await self._update_all(context, account, request, outcome, emails)
            await self._destroy_all(context, account, request, outcome, emails)
            await self._tidy(context, account)
            return old_state, str(await state_of(context, KIND))

        old_state, new_state = await context.api.exclusive(account, work)
        answers: list[Invocation] = [
            ("EmailSubmission/set", outcome.answer(context.account_id, old_state, new_state))
        ]
        update = {
            emails[one]: patch for key, patch in on_success.items() if (one := context.real_id(key)) in emails
        }
        destroy = [emails[one] for key in destroy_on_success if (one := context.real_id(key)) in emails]
        if update or destroy:
            follow: dict[str, Any] = {"accountId": context.account_id}
            follow |= {"update": update} if update else {}
            follow |= {"destroy": list(dict.fromkeys(destroy))} if destroy else {}
            # RFC 8621 §7.5: made whether or not the request itself uses the mail capability
            with_mail = replace(context, using=context.using | {MAIL})
            answers += await with_mail.invoke("Email/set", follow)
        return answers

    # -- create ------------------------------------------------------------------------------------------

    async def _create_all(
        self,
        context: CallContext,
        account: AccountId,
        request: SetRequest,
        outcome: SetOutcome,
        emails: dict[str, str],
    ) -> None:
        if not request.create:
            return
        identities = await self._identities.all(context)
        for key, value in request.create.items():
            try:
                created = await self._create(context, account, value, identities)
            except SetError as error:
                outcome.not_created[key] = error
                continue
            except Refusal as refusal:
                outcome.not_created[key] = set_error(refusal)
                continue
            context.created_ids[key] = created["id"]
            emails[created["id"]] = created["emailId"]
            outcome.created[key] = {
                name: given
                for name, given in created.items()
                if name not in value or (name == "envelope" and value[name] is None)
            }

    async def _create(
        self,
        context: CallContext,
        account: AccountId,
        value: dict[str, Any],
        identities: dict[str, dict[str, Any]],
    ) -> dict[str, Any]:
        wrong = sorted(set(value) - _GIVEN)
        if wrong:
            raise invalid_properties("These properties cannot be set.", *wrong)
        identity_id, email_id = (_reference(context, value, name) for name in ("identityId", "emailId"))
        wrong = [] if identity_id in identities else ["identityId"]
        number = ids.email_number(email_id)
        columns = (Column.BLOB, Column.SIZE, Column.THREAD, Column.HEADER, Column.MESSAGE_ID)
        rows = {} if number is None else await context.ports.mail.fetch(account, [number], columns)
        row: Any = None if number is None else rows.get(number)
        if row is None:
            wrong.append("emailId")
        if wrong:
            raise invalid_properties("What these properties name does not exist.", *wrong)
        blob, size, thread, header, message_id = row
        limits = self._submission.limits
        primary, most = context.caller.account.address, limits.recipients_submission

        def read() -> Envelope:
            if value.get("envelope") is None:
                made = made_envelope(header, identities[identity_id], primary, most)
            else:
                made = given_envelope(value["envelope"], most)
            check_header(header)
            return made

        envelope = read() if len(header) <= _LONG_HEADER else await context.ports.offload(read)
        if size > limits.message_size:
            raise SetError("tooLarge", "The email is too large to be sent.", maxSize=limits.message_size)
        outgoing = await self._open(context, envelope, size)
        document = {
            "identityId": identity_id,
            "emailId": email_id,
            "threadId": ids.thread_id(thread),
            "envelope": envelope.document,
            "sendAt": outgoing.release or context.clock.seconds(),
            "release": outgoing.release,
            "created": context.clock.seconds(),
            "canceled": False,
            "messageId": message_id,
            "feedback": {},
            "dsn": [],
            "mdn": [],
        }
        try:
            await self._send(context, outgoing, envelope, document, blob, size)
        except BaseException:
            outgoing.abort()
            raise
        id_ = submission_id(outgoing.trace)
        return shown(id_, document, context.clock.seconds(), ())

    async def _open(self, context: CallContext, envelope: Envelope, size: int) -> Outgoing:
        caller = context.caller
        client = Client(caller.address, 0, account=caller.account.id, login=caller.account.address, web=True)
        try:
            parameters = replace(envelope.parameters, size=size)
            return await self._submission.open(client, envelope.sender, parameters)
        except NotYourAddress as refusal:
            raise SetError("forbiddenMailFrom", "You may not send from that address.") from refusal
        except AuthenticationRequired as refusal:
            raise SetError("forbiddenToSend", "This account may not send.") from refusal
        except HoldTooLong as refusal:
            raise invalid_properties("The message cannot be held for so long.", "envelope") from refusal
        except MessageTooBig as refusal:
            raise self._too_large() from refusal

    def _too_large(self) -> SetError:
        most = self._submission.limits.message_size
        return SetError("tooLarge", "The email is too large to be sent.", maxSize=most)

    async def _send(
        self,
        context: CallContext,
        outgoing: Outgoing,
        envelope: Envelope,
        document: dict[str, Any],
        blob: BlobId,
        size: int,
    ) -> None:
        """Raises SetError or a Refusal."""
        for address, parameters in envelope.recipients:
            try:
                await outgoing.add_recipient(address, parameters)
            except RateLimited as refusal:
                raise SetError("forbiddenToSend", f"{refusal.text}.") from refusal
            except OverQuota as refusal:
                raise SetError("forbiddenToSend", f"The mailbox of {address} is full.") from refusal
        held = outgoing.release is not None
        document["recipients"] = {
            comparable(one.recipient.address): standing(one, held) for one in outgoing.recipients.values()
        }
        sink = await outgoing.open_body()
        blobs: IBlobStore = context.ports.blobs
        at = 0
        while at < size:
            piece = await blobs.read(blob, at, min(_WINDOW, size - at))
            if not piece:
                raise SetError("notFound", "The email was destroyed meanwhile.")
            at += len(piece)
            wait = sink.write(piece)
            if wait is not None:
                await wait
        staged = await sink.finish()
        change = ObjectChange(context.account, KIND, submission_id(outgoing.trace), stored.encode(document))
        try:
            await outgoing.send(staged, (change,))
        except NotYourAddress as refusal:
            raise SetError("forbiddenFrom", f"{refusal.text}.") from refusal
        except MailLoop as refusal:
            raise invalid_email(f"{refusal.text}.", "headers") from refusal
        except MessageTooBig as refusal:
            raise invalid_email(f"{refusal.text}.", "headers") from refusal
        except MessageRejected as refusal:
            raise invalid_email(f"{refusal.text}.") from refusal

    # -- update ------------------------------------------------------------------------------------------

    async def _update_all(
        self,
        context: CallContext,
        account: AccountId,
        request: SetRequest,
        outcome: SetOutcome,
        emails: dict[str, str],
    ) -> None:
        if not request.update:
            return
        doomed = {context.real_id(one) for one in request.destroy}
        wanted = {context.real_id(key): patch for key, patch in request.update.items()}
        objects = await context.ports.objects.objects(account, KIND, list(wanted))
        known = {one.id: stored.decode(one) for one in objects}
        for id_, patch in wanted.items():
            try:
                if id_ in doomed:
                    raise SetError("willDestroy", "It is destroyed in the same call.")
                if id_ not in known:
                    raise not_found("submission")
                outcome.updated[id_] = await self._update(context, account, id_, known[id_], patch)
            except SetError as error:
                outcome.not_updated[id_] = error
            else:
                emails[id_] = known[id_]["emailId"]

    async def _update(
        self,
        context: CallContext,
        account: AccountId,
        id_: str,
        document: dict[str, Any],
        patch: dict[str, Any],
    ) -> dict[str, Any] | None:
        """Only the undo status moves, and only to "canceled"."""
        now = context.clock.seconds()
        entries = await timeline(context, id_)
        before = shown(id_, document, now, entries)
        after = apply_patch(before, patch)
        wrong = sorted(
            name
            for name in after
            if name != "undoStatus" and (name not in before or after[name] != before[name])
        )
        if wrong:
            raise invalid_properties("These properties cannot be changed.", *wrong)
        if after["undoStatus"] == before["undoStatus"]:
            return None
        if after["undoStatus"] != "canceled":
            raise invalid_properties('undoStatus can only be set to "canceled".', "undoStatus")
        if before["undoStatus"] != "pending":
            raise SetError("cannotUnsend", "The message is on its way.")
        document["canceled"] = True
        trace = trace_of(id_)
        dropped = [
            TimelineEntry(trace, now, Stage.DROPPED, account, one["email"], {"why": "canceled by its sender"})
            for one in document["envelope"]["rcptTo"]
        ]
        change = ObjectChange(account, KIND, id_, stored.encode(document))
        if not await context.ports.queue.withdraw(account, trace, dropped, [change]):
            raise SetError("cannotUnsend", "The message is on its way.")
        log.info("sending canceled", trace=trace, account=account)
        return {"deliveryStatus": delivery_status(document, entries)}

    # -- destroy -----------------------------------------------------------------------------------------

    async def _destroy_all(
        self,
        context: CallContext,
        account: AccountId,
        request: SetRequest,
        outcome: SetOutcome,
        emails: dict[str, str],
    ) -> None:
        """The record goes; the message is sent all the same (RFC 8621 §7.5)."""
        wanted = list(dict.fromkeys(context.real_id(one) for one in request.destroy))
        if not wanted:
            return
        known = {
            one.id: stored.decode(one) for one in await context.ports.objects.objects(account, KIND, wanted)
        }
        for id_ in wanted:
            if id_ not in known:
                outcome.not_destroyed[id_] = not_found("submission")
                continue
            await context.ports.objects.write([ObjectChange(account, KIND, id_, remove=True)])
            outcome.destroyed.append(id_)
            emails[id_] = known[id_]["emailId"]

    async def _tidy(self, context: CallContext, account: AccountId) -> None:
        """Old objects go by themselves (RFC 8621 §7 allows it), and the oldest when there are too many."""
        now = context.clock.seconds()
        if now - self._tidied.get(account, 0.0) < _TIDY:
            return
        self._tidied[account] = now
        self._tidied.move_to_end(account)
        while len(self._tidied) > _TIDIED:
            self._tidied.popitem(last=False)
        objects = await context.ports.objects.objects(account, KIND)
        old = []
        for index, one in enumerate(objects):
            document = stored.decode(one)
            if max(document["created"], document["sendAt"]) < now - KEPT or index < len(objects) - MOST:
                old.append(ObjectChange(account, KIND, one.id, remove=True))
        for start in range(0, len(old), 200):
            await context.ports.objects.write(old[start : start + 200])


def _reference(context: CallContext, value: dict[str, Any], name: str) -> str:
    given = value.get(name)
    if not isinstance(given, str):
        raise invalid_properties(f"A submission has an {name}.", name)
    return context.real_id(given)
