"""Email/set (RFC 8621 §4.6)."""

from __future__ import annotations

from typing import Any

from mailsys.core.jmap import creation, ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.problems import SetError
from mailsys.core.message.keywords import canonical
from mailsys.core.refusal import NoSuchEmail, Refusal
from mailsys.ports.ids import EmailId
from mailsys.ports.patches import EmailsPatched
from mailsys.services.content.parts import Turn
from mailsys.services.content.reading import MessageReader
from mailsys.services.jmap.mail.email_compose import Composer
from mailsys.services.jmap.mail.email_intake import EmailIntake, NewEmail
from mailsys.services.jmap.mail.email_patching import (
    EmailPatching,
    Intentions,
    PatchObject,
    depends_on_state,
    real_mailboxes,
)
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.standard import SetOutcome, SetRequest, not_found, read_set, set_error
from mailsys.services.jmap.protocol.state_chain import StateChain


class EmailSet:
    def __init__(self, patching: EmailPatching, composer: Composer, messages: MessageReader) -> None:
        self._patching = patching
        self._composer = composer
        self._messages = messages

    async def run(self, context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(values)
        context.own_account(arguments)
        request = read_set(context, arguments)
        arguments.finish()
        chain = await StateChain.begin(context, "Email", request.if_in_state)
        outcome = SetOutcome()
        intake = EmailIntake(context, chain, outcome)
        turn = Turn()
        for key, value in request.create.items():
            await turn.pause(context.ports.offload)
            try:
                await intake.add(key, await self._new(context, value))
            except SetError as error:
                outcome.not_created[key] = error
        await intake.commit()
        await self._change(context, request, outcome, chain)
        return outcome.answer(context.account_id, *await chain.told())

    async def _new(self, context: CallContext, value: dict[str, Any]) -> NewEmail:
        """Raises SetError."""
        plan = creation.plan(value)
        mailboxes = real_mailboxes(context, plan.mailbox_ids)
        for leaf in creation.leaves(plan.root):
            leaf.blob = context.real_id(leaf.blob)
        now = context.clock.seconds()
        domain = context.caller.account.address.rpartition("@")[2]
        try:
            staged = await self._composer.compose(context.account, domain, plan, now)
            reading = await self._messages.read(staged)
        except Refusal as refusal:
            raise set_error(refusal) from refusal
        received = now if plan.received_at is None else plan.received_at
        return NewEmail(staged, staged.size, reading, mailboxes, canonical(plan.keywords), received)

    # -- update and destroy ------------------------------------------------------------------------------

    async def _change(
        self, context: CallContext, request: SetRequest, outcome: SetOutcome, chain: StateChain
    ) -> None:
        """All of it in one commit."""
        doomed = self._doomed(context, request, outcome)
        wanted = self._wanted(context, request, outcome, doomed)
        if not wanted and not doomed:
            return
        try:
            intentions, patched = await self._commit(context, wanted, doomed, chain)
        except Refusal as refusal:
            error = chain.failed(refusal)
            outcome.not_updated.update((ids.email_id(one), error) for one in wanted)
            outcome.not_destroyed.update((ids.email_id(one), error) for one in doomed)
            return
        self._patching.tell(outcome, intentions, patched)
        if patched is None:
            return
        chain.add(patched.before, patched.after)
        outcome.destroyed += map(ids.email_id, patched.destroyed)
        for email in doomed:
            why_not = patched.refused.get(email)
            if isinstance(why_not, NoSuchEmail):
                outcome.not_destroyed[ids.email_id(email)] = not_found("email")
            elif why_not is not None:
                outcome.not_destroyed[ids.email_id(email)] = set_error(why_not)

    async def _commit(
        self,
        context: CallContext,
        wanted: dict[EmailId, PatchObject],
        doomed: list[EmailId],
        chain: StateChain,
    ) -> tuple[Intentions, EmailsPatched | None]:
        mail, account = context.ports.mail, context.account

        async def once() -> tuple[Intentions, EmailsPatched | None]:
            state = chain.expected
            if state is None and depends_on_state(context, wanted):
                state = await state_of(context, "Email")
            intentions = await self._patching.read(context, wanted)
            if not intentions.patches and not doomed:
                return intentions, None
            patches = tuple(intentions.patches.values())
            return intentions, await mail.change_emails(account, patches, doomed, state)

        return await chain.until_it_holds(once)

    def _doomed(self, context: CallContext, request: SetRequest, outcome: SetOutcome) -> list[EmailId]:
        found: dict[EmailId, None] = {}
        for key in request.destroy:
            text = context.real_id(key)
            number = ids.email_number(text)
            if number is None:
                outcome.not_destroyed[text] = not_found("email")
            else:
                found[EmailId(number)] = None
        return list(found)

    def _wanted(
        self, context: CallContext, request: SetRequest, outcome: SetOutcome, doomed: list[EmailId]
    ) -> dict[EmailId, PatchObject]:
        found: dict[EmailId, PatchObject] = {}
        going = set(doomed)
        for key, patch in request.update.items():
            text = context.real_id(key)
            number = ids.email_number(text)
            if number in going:
                outcome.not_updated[text] = SetError("willDestroy", "It is destroyed in the same call.")
            elif number is None or number in found:
                outcome.not_updated[text] = not_found("email")
            else:
                found[EmailId(number)] = patch
        return found
