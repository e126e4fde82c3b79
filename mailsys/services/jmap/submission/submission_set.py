"""EmailSubmission/set (RFC 8621 §7.5): sending mail, and taking it back while it is held."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
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
    NoSuchEmail,
    NotYourAddress,
    OverQuota,
    RateLimited,
    Refusal,
    StateMismatch,
)
from mailsys.log import Log
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, BlobId, EmailId
from mailsys.ports.objects import ObjectChange, ObjectsWritten, StoredObject
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.delivery.submission_link import KIND, submission_id, trace_of
from mailsys.services.delivery.transactions import Client
from mailsys.services.jmap.mail.email_patching import EmailPatching
from mailsys.services.jmap.protocol import stored
from mailsys.services.jmap.protocol.api import CallContext, Invocation
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.standard import (
    SetOutcome,
    SetRequest,
    not_found,
    read_set,
    set_error,
)
from mailsys.services.jmap.protocol.state_chain import StateChain
from mailsys.services.jmap.submission.email_success import EmailSuccess, OnSuccess
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
    def __init__(self, submission: Submission, identities: Identities, patching: EmailPatching) -> None:
        self._submission = submission
        self._identities = identities
        self._patching = patching
        self._tidied: OrderedDict[AccountId, float] = OrderedDict()

    async def run(self, context: CallContext, values: dict[str, Any]) -> list[Invocation]:
        arguments = Arguments(values)
        context.own_account(arguments)
        request = read_set(context, arguments)
        update = arguments.optional_objects("onSuccessUpdateEmail") or {}
        destroy = arguments.optional_ids("onSuccessDestroyEmail") or []
        arguments.finish()
        chain = await StateChain.begin(context, KIND, request.if_in_state)
        needed = [context.real_id(str(one.get("emailId"))) for one in request.create.values()]
        emails = EmailSuccess(context, self._patching, update, destroy, needed)
        call = _Call(context, request, SetOutcome(), chain, emails)
        await self._create_all(call)
        await self._update_all(call)
        await self._destroy_all(call)
        await emails.finish()
        await self._tidy(call)
        answer = call.outcome.answer(context.account_id, *await chain.told())
        return [("EmailSubmission/set", answer), *await emails.answer()]

    # -- create ------------------------------------------------------------------------------------------

    async def _create_all(self, call: _Call) -> None:
        request, outcome = call.request, call.outcome
        if not request.create:
            return
        identities = await self._identities.all(call.context)
        for key, value in request.create.items():
            call.emails.one_less()
            try:
                created = await self._create(call, key, value, identities)
            except SetError as error:
                outcome.not_created[key] = error
                continue
            except StateMismatch as refusal:
                outcome.not_created[key] = call.chain.failed(refusal)
                continue
            except Refusal as refusal:
                outcome.not_created[key] = set_error(refusal)
                continue
            call.context.created_ids[key] = created["id"]
            outcome.created[key] = {
                name: given
                for name, given in created.items()
                if name not in value or (name == "envelope" and value[name] is None)
            }

    async def _create(
        self, call: _Call, key: str, value: dict[str, Any], identities: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        context = call.context
        wrong = sorted(set(value) - _GIVEN)
        if wrong:
            raise invalid_properties("These properties cannot be set.", *wrong)
        identity_id, email_id = (_reference(context, value, name) for name in ("identityId", "emailId"))
        wrong = [] if identity_id in identities else ["identityId"]
        number = ids.email_number(email_id)
        row = None if number is None else await _email(context, number)
        if row is None:
            wrong.append("emailId")
        if number is None or row is None or wrong:
            raise invalid_properties("What these properties name does not exist.", *wrong)
        blob, size, thread, header, message_id = row
        limits = self._submission.intake.limits
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
        planned = await call.emails.plan(f"#{key}", email_id)
        try:
            await self._send(call, outgoing, envelope, document, planned, EmailId(number), blob, size)
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
        most = self._submission.intake.limits.message_size
        return SetError("tooLarge", "The email is too large to be sent.", maxSize=most)

    async def _send(
        self,
        call: _Call,
        outgoing: Outgoing,
        envelope: Envelope,
        document: dict[str, Any],
        planned: OnSuccess,
        email: EmailId,
        blob: BlobId,
        size: int,
    ) -> None:
        """One commit: the message is taken, its object is there, its email is what it is to become. Raises
        SetError or a Refusal."""
        context = call.context
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
        id_ = submission_id(outgoing.trace)
        change = ObjectChange(context.account, KIND, id_, stored.encode(document), if_modseq=0)
        try:
            accepted = await outgoing.send(
                staged,
                (change,),
                patches=planned.patches,
                destroy=planned.destroy,
                objects_if_state=call.chain.expected,
                sends=email,
            )
        except NoSuchEmail as refusal:
            raise invalid_properties("What these properties name does not exist.", "emailId") from refusal
        except NotYourAddress as refusal:
            raise SetError("forbiddenFrom", f"{refusal.text}.") from refusal
        except MailLoop as refusal:
            raise invalid_email(f"{refusal.text}.", "headers") from refusal
        except MessageTooBig as refusal:
            raise invalid_email(f"{refusal.text}.", "headers") from refusal
        except MessageRejected as refusal:
            raise invalid_email(f"{refusal.text}.") from refusal
        call.committed(accepted.written)
        call.emails.done(planned, accepted.patched)

    # -- update ------------------------------------------------------------------------------------------

    async def _update_all(self, call: _Call) -> None:
        real_id = call.context.real_id
        doomed = {real_id(one) for one in call.request.destroy}
        for id_, patch in {real_id(key): patch for key, patch in call.request.update.items()}.items():
            try:
                if id_ in doomed:
                    raise SetError("willDestroy", "It is destroyed in the same call.")
                call.outcome.updated[id_] = await self._update(call, id_, patch)
            except SetError as error:
                call.outcome.not_updated[id_] = error
            except StateMismatch as refusal:
                call.outcome.not_updated[id_] = call.chain.failed(refusal)
            except Refusal as refusal:
                call.outcome.not_updated[id_] = set_error(refusal)

    async def _update(self, call: _Call, id_: str, patch: dict[str, Any]) -> dict[str, Any] | None:
        async def once() -> dict[str, Any] | None:
            found = await call.context.ports.objects.objects(call.context.account, KIND, [id_])
            if not found:
                raise not_found("submission")
            return await self._update_one(call, found[0], patch)

        return await call.chain.until_it_holds(once)

    async def _update_one(
        self, call: _Call, found: StoredObject, patch: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Only the undo status moves, and only to "canceled"."""
        context, account = call.context, call.context.account
        id_, document = found.id, stored.decode(found)
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
        planned = await call.emails.plan(id_, document["emailId"])
        if after["undoStatus"] == before["undoStatus"]:
            await call.emails.do(planned)
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
        change = ObjectChange(account, KIND, id_, stored.encode(document), if_modseq=found.modseq)
        withdrawn = await context.ports.queue.withdraw(
            account, trace, dropped, [change], planned.patches, planned.destroy, call.chain.expected
        )
        if withdrawn is None:
            raise SetError("cannotUnsend", "The message is on its way.")
        call.committed(withdrawn.written)
        call.emails.done(planned, withdrawn.patched)
        log.info("sending canceled", trace=trace, account=account)
        return {"deliveryStatus": delivery_status(document, entries)}

    # -- destroy -----------------------------------------------------------------------------------------

    async def _destroy_all(self, call: _Call) -> None:
        """The records go; the messages are sent all the same (RFC 8621 §7.5)."""
        context, outcome = call.context, call.outcome
        wanted = list(dict.fromkeys(context.real_id(one) for one in call.request.destroy))
        if not wanted:
            return
        try:
            gone = await self._destroy(call, wanted)
        except Refusal as refusal:
            error = call.chain.failed(refusal)
            outcome.not_destroyed.update((id_, error) for id_ in wanted)
            return
        for id_ in wanted:
            if id_ not in gone:
                outcome.not_destroyed[id_] = not_found("submission")
                continue
            outcome.destroyed.append(id_)
            await call.emails.do(await call.emails.plan(id_, gone[id_]))

    async def _destroy(self, call: _Call, wanted: list[str]) -> dict[str, str]:
        """All in one commit; the emails of those that were there."""
        context, chain = call.context, call.chain

        async def once() -> dict[str, str]:
            state = await state_of(context, KIND) if chain.expected is None else chain.expected
            objects = await context.ports.objects.objects(context.account, KIND, wanted)
            changes = [ObjectChange(context.account, KIND, one.id, remove=True) for one in objects]
            if changes:
                call.committed(await context.ports.objects.write(changes, state))
            return {one.id: stored.decode(one)["emailId"] for one in objects}

        return await chain.until_it_holds(once)

    async def _tidy(self, call: _Call) -> None:
        """Old objects go by themselves (RFC 8621 §7 allows it), and the oldest when there are too many."""
        context, account = call.context, call.context.account
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
            call.committed(await context.ports.objects.write(old[start : start + 200]))


@dataclass(frozen=True, slots=True)
class _Call:
    """One EmailSubmission/set on its way."""

    context: CallContext
    request: SetRequest
    outcome: SetOutcome
    chain: StateChain
    emails: EmailSuccess

    def committed(self, written: ObjectsWritten | None) -> None:
        if written is not None:
            self.chain.add(written.before, written.after)


async def _email(context: CallContext, number: int) -> tuple[Any, ...] | None:
    """What sending needs of an email; None when there is none to be seen."""
    mail, account = context.ports.mail, context.account
    columns = (Column.BLOB, Column.SIZE, Column.THREAD, Column.HEADER, Column.MESSAGE_ID)
    rows = await mail.fetch(account, [number], columns)
    if number not in rows or number not in await mail.email_mailboxes(account, [number]):
        return None
    return rows[number]


def _reference(context: CallContext, value: dict[str, Any], name: str) -> str:
    given = value.get(name)
    if not isinstance(given, str):
        raise invalid_properties(f"A submission has an {name}.", name)
    return context.real_id(given)
