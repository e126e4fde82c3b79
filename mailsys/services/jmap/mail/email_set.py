"""Email/set (RFC 8621 §4.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from mailsys.core.jmap import creation, ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.bodies import DEFAULT_BODY_PROPERTIES
from mailsys.core.jmap.header_forms import header_property
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message.keywords import canonical, names
from mailsys.core.refusal import NoSuchMailbox, Refusal
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.emails import Column, EmailUpdate
from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId
from mailsys.ports.intake import Acceptance, Delivered, Delivery
from mailsys.ports.patches import Snooze
from mailsys.services.content.reading import MessageReader, Reading
from mailsys.services.jmap.mail.email_compose import Composer
from mailsys.services.jmap.mail.email_properties import PROPERTIES, EmailReader, Wanted, keyword_map
from mailsys.services.jmap.mail.snooze import SNOOZE, SNOOZED, Snoozing, snoozing
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.standard import (
    SetOutcome,
    SetRequest,
    check_state,
    not_found,
    read_set,
    set_error,
)

_AT_A_TIME: Final = 100  # emails whose patches are read at a time
_HIDDEN: Final = frozenset(("$deleted", "$recent"))  # IMAP's alone; kept when keywords are replaced


class EmailSet:
    """`snoozed` is called when something was snoozed."""

    def __init__(
        self,
        reader: EmailReader,
        composer: Composer,
        messages: MessageReader,
        snoozed: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._composer = composer
        self._messages = messages
        self._snoozed = snoozed

    async def run(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        account = context.own_account(arguments)
        request = read_set(context, arguments)
        arguments.finish()

        async def work() -> dict[str, Any]:
            old_state = str(await state_of(context, "Email"))
            check_state(request.if_in_state, old_state)
            outcome = SetOutcome()
            await self._create_all(context, account, request, outcome)
            await self._update_all(context, account, request, outcome)
            await self._destroy_all(context, account, request, outcome)
            return outcome.answer(context.account_id, old_state, str(await state_of(context, "Email")))

        return await context.api.exclusive(account, work)

    # -- create ------------------------------------------------------------------------------------------

    async def _create_all(
        self, context: CallContext, account: AccountId, request: SetRequest, outcome: SetOutcome
    ) -> None:
        if not request.create:
            return
        known = await mailbox_numbers(context)
        for key, value in request.create.items():
            try:
                outcome.created[key] = created = await self._create(context, account, value, known)
            except SetError as error:
                outcome.not_created[key] = error
            except Refusal as refusal:
                outcome.not_created[key] = set_error(refusal)
            else:
                context.created_ids[key] = created["id"]

    async def _create(
        self, context: CallContext, account: AccountId, value: dict[str, Any], known: set[int]
    ) -> dict[str, Any]:
        plan = creation.plan(value)
        mailboxes = real_mailboxes(context, plan.mailbox_ids, known)
        for leaf in creation.leaves(plan.root):
            leaf.blob = context.real_id(leaf.blob)
        now = context.clock.seconds()
        domain = context.caller.account.address.rpartition("@")[2]
        staged = await self._composer.compose(account, domain, plan, now)
        delivered = await take(
            context,
            account,
            staged,
            await self._messages.read(staged),
            mailboxes,
            canonical(plan.keywords),
            now if plan.received_at is None else plan.received_at,
        )
        return created_email(delivered, staged.id, staged.size)

    # -- update ------------------------------------------------------------------------------------------

    async def _update_all(
        self, context: CallContext, account: AccountId, request: SetRequest, outcome: SetOutcome
    ) -> None:
        if not request.update:
            return
        doomed = {context.real_id(one) for one in request.destroy}
        wanted: dict[int, tuple[str, dict[str, Any]]] = {}
        for key, patch in request.update.items():
            text = context.real_id(key)
            number = ids.email_number(text)
            if text in doomed:
                outcome.not_updated[text] = SetError("willDestroy", "It is destroyed in the same call.")
            elif number is None or number in wanted:
                outcome.not_updated[text] = not_found("email")
            else:
                wanted[number] = (text, patch)
        if not wanted:
            return
        mail = context.ports.mail
        known = (
            await mailbox_numbers(context)
            if _named("mailboxIds", (patch for _, patch in wanted.values()))
            else set()
        )
        snoozes: Snoozing | None = None
        if SNOOZE in context.using and _named(SNOOZED, (patch for _, patch in wanted.values())):
            snoozes = await snoozing(context, list(wanted))
        updates: list[EmailUpdate] = []
        numbers = list(wanted)
        rows: dict[int, tuple[object, ...]] = {}
        placed: dict[int, tuple[MailboxId, ...]] = {}
        for index, (number, (text, patch)) in enumerate(wanted.items()):
            if index % _AT_A_TIME == 0:  # others get their turn in between
                rows = await mail.fetch(account, numbers[index : index + _AT_A_TIME], [Column.KEYWORDS])
                placed = await mail.email_mailboxes(account, list(rows))
            if number not in rows or number not in placed:
                outcome.not_updated[text] = not_found("email")
                continue
            try:
                update = await self._patched(
                    context, account, number, patch, str(rows[number][0]), placed[number], known, snoozes
                )
            except SetError as error:
                outcome.not_updated[text] = error
                continue
            outcome.updated[text] = None
            if update is not None:
                updates.append(update)
                if update.mailboxes is not None and not _named("mailboxIds", (patch,)):
                    outcome.updated[text] = {
                        "mailboxIds": {ids.mailbox_id(one): True for one in update.mailboxes}
                    }
        if updates:
            _, refused = await mail.update(account, updates)
            if any(update.snooze is not None for update in updates):
                self._snoozed()
            for number, refusal in refused.items():
                if refusal is not None:
                    text = ids.email_id(number)
                    outcome.updated.pop(text, None)
                    outcome.not_updated[text] = set_error(refusal)

    async def _patched(
        self,
        context: CallContext,
        account: AccountId,
        number: int,
        patch: dict[str, Any],
        keywords: str,
        placed: Sequence[MailboxId],
        known: set[int],
        snoozes: Snoozing | None,
    ) -> EmailUpdate | None:
        """What to write; None when nothing changes. Raises SetError."""
        current: dict[str, Any] = {
            "keywords": keyword_map(keywords),
            "mailboxIds": {ids.mailbox_id(one): True for one in placed},
        }
        if snoozes is not None:
            current[SNOOZED] = snoozes.current(number)
        others = [name for name in {pointer.partition("/")[0] for pointer in patch} if name not in current]
        if others:
            await self._check_fixed(account, number, patch, others)
        own = {
            _real_pointer(pointer, context.real_id): value
            for pointer, value in patch.items()
            if pointer.partition("/")[0] in current
        }
        patched = apply_patch(current, own, {"keywords": {}})
        new_keywords: str | None = None
        new_mailboxes: tuple[MailboxId, ...] | None = None
        if patched["keywords"] != current["keywords"]:
            wanted = canonical(creation.keyword_set(patched["keywords"]))
            hidden = names(keywords) & _HIDDEN
            new_keywords = canonical(names(wanted) | hidden)
            new_keywords = None if new_keywords == keywords else new_keywords
        if patched["mailboxIds"] != current["mailboxIds"]:
            chosen = creation.mailbox_set(patched["mailboxIds"])
            new_mailboxes = real_mailboxes(context, chosen, known)
        snooze: Snooze | None = None
        end = False
        if snoozes is not None and patched[SNOOZED] != current[SNOOZED]:
            asked = new_mailboxes or (tuple(placed) if _named("mailboxIds", (patch,)) else None)
            snooze, new_mailboxes = await snoozes.changed(number, patched[SNOOZED], asked, placed)
            end = snooze is None
        if new_keywords is None and new_mailboxes is None and snooze is None and not end:
            return None
        return EmailUpdate(EmailId(number), new_keywords, new_mailboxes, snooze, end)

    async def _check_fixed(
        self, account: AccountId, number: int, patch: dict[str, Any], others: list[str]
    ) -> None:
        """Properties that never change may be sent, but only as they are (RFC 8620 §5.3)."""
        unknown = [name for name in others if name not in PROPERTIES and header_property(name) is None]
        if unknown:
            raise invalid_properties("There are no such properties.", *sorted(unknown))
        wanted = Wanted(tuple(others), DEFAULT_BODY_PROPERTIES, False, False, False, 0)
        found = (await self._reader.read(account, [number], wanted)).get(number, {})
        wrong = [name for name in others if name not in patch or patch[name] != found.get(name)]
        if wrong:
            raise invalid_properties("These properties cannot be changed.", *sorted(wrong))

    # -- destroy -----------------------------------------------------------------------------------------

    async def _destroy_all(
        self, context: CallContext, account: AccountId, request: SetRequest, outcome: SetOutcome
    ) -> None:
        wanted: dict[int, str] = {}
        for key in request.destroy:
            text = context.real_id(key)
            number = ids.email_number(text)
            if number is None:
                outcome.not_destroyed[text] = not_found("email")
            else:
                wanted[number] = text
        if not wanted:
            return
        _, gone = await context.ports.mail.destroy(account, list(wanted))
        existed = set(gone)
        for number, text in wanted.items():
            if number in existed:
                outcome.destroyed.append(text)
            else:
                outcome.not_destroyed[text] = not_found("email")


def _named(name: str, patches: Iterable[dict[str, Any]]) -> bool:
    """Whether one of the patches is of this property."""
    return any(pointer.partition("/")[0] == name for patch in patches for pointer in patch)


def _real_pointer(pointer: str, real_id: Callable[[str], str]) -> str:
    """Creation ids of mailboxes made real; keywords are the same in any case (RFC 8621 §4.1.1)."""
    head, slash, rest = pointer.partition("/")
    if not slash:
        return pointer
    return f"{head}/{real_id(rest)}" if head == "mailboxIds" else f"{head}/{rest.lower()}"


# -- what imports share --------------------------------------------------------------------------------------


async def mailbox_numbers(context: CallContext) -> set[int]:
    return {one.id for one in await context.ports.mail.mailboxes(context.account)}


def real_mailboxes(context: CallContext, given: Sequence[str], known: set[int]) -> tuple[MailboxId, ...]:
    """The mailboxes behind ids and creation ids. Raises SetError for one that does not exist."""
    found: dict[MailboxId, None] = {}
    for one in given:
        number = ids.mailbox_number(context.real_id(one))
        if number is None or number not in known:
            raise invalid_properties(f"There is no mailbox {one[:100]!r}.", "mailboxIds")
        found[MailboxId(number)] = None
    return tuple(found)


async def take(
    context: CallContext,
    account: AccountId,
    blob: StagedBlob | BlobId,
    reading: Reading,
    mailboxes: tuple[MailboxId, ...],
    keywords: str,
    received_at: float,
) -> Delivered:
    """Put a message into mailboxes. Raises SetError or a Refusal."""
    delivery = Delivery(account, mailboxes, keywords, strict=True, enforce_quota=True)
    try:
        (delivered,) = await context.ports.mail.accept(
            Acceptance(blob, reading.facts, received_at, (delivery,), header=reading.header)
        )
    except NoSuchMailbox as refusal:
        raise invalid_properties(refusal.text, "mailboxIds") from refusal
    return delivered


def created_email(delivered: Delivered, blob: BlobId, size: int) -> dict[str, Any]:
    return {
        "id": ids.email_id(delivered.email),
        "blobId": ids.blob_id(blob),
        "threadId": ids.thread_id(delivered.thread),
        "size": size,
    }
