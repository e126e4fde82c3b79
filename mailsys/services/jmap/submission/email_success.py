"""onSuccessUpdateEmail and onSuccessDestroyEmail (RFC 8621 §7.5).

It happens in the commit that makes the submission succeed, so that no mail is sent and still a draft. One
Email/set response tells of all of it, after the EmailSubmission/set's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mailsys.core.jmap import ids
from mailsys.core.jmap.problems import MethodError, SetError
from mailsys.core.refusal import NoSuchEmail, Refusal
from mailsys.ports.ids import EmailId
from mailsys.ports.patches import EmailPatch, EmailsPatched
from mailsys.services.jmap.mail.email_patching import EmailPatching, Intentions, PatchObject
from mailsys.services.jmap.protocol.api import WRITE, CallContext, Invocation
from mailsys.services.jmap.protocol.standard import SetOutcome, not_found, set_error
from mailsys.services.jmap.protocol.state_chain import StateChain


@dataclass(frozen=True, slots=True)
class OnSuccess:
    """What is to be done with one email when its submission succeeds."""

    email: EmailId | None = None  # None: nothing
    intentions: Intentions = field(default_factory=Intentions)
    destroy: tuple[EmailId, ...] = ()
    contradicted: bool = False  # it was to be patched as well as destroyed
    put_off: bool = False  # it is to be destroyed at last

    @property
    def patches(self) -> tuple[EmailPatch, ...]:
        return tuple(self.intentions.patches.values())


class EmailSuccess:
    """The emails of one EmailSubmission/set. For each submission: `plan` before its commit, `done` after; at
    last `finish`. `needed`: ids of the emails of those that are to be made, in order; what another one sends
    as well is destroyed at last."""

    def __init__(
        self,
        context: CallContext,
        patching: EmailPatching,
        update: dict[str, PatchObject],
        destroy: Sequence[str],
        needed: Sequence[str],
    ) -> None:
        self._context = context
        self._patching = patching
        self._update = update
        self._destroy = frozenset(destroy)
        self._allowed = context.caller.may(WRITE)  # the commit is made for a sign-in that may only send, too
        self._needed = list(reversed(needed))
        self._put_off: list[OnSuccess] = []
        self._asked = False
        self._chain = StateChain(context, "Email")
        self._outcome = SetOutcome()

    def one_less(self) -> None:
        """The next of those that are to be made is about to be."""
        self._needed.pop()

    async def plan(self, submission: str, email_id: str) -> OnSuccess:
        """`submission`: its id, or "#" and the creation id that it is to have."""
        number = ids.email_number(email_id)
        patch = next((one for key, one in self._update.items() if self._means(key, submission)), None)
        destroy = any(self._means(key, submission) for key in self._destroy)
        if number is None or (patch is None and not destroy):
            return OnSuccess()
        email = EmailId(number)
        if not self._allowed:
            return OnSuccess(email)
        if destroy:
            whole = OnSuccess(email, destroy=(email,), contradicted=patch is not None)
            if email_id not in self._needed:
                return whole
            return replace(whole, destroy=(), put_off=True)
        return OnSuccess(email, await self._patching.read(self._context, {email: patch or {}}))

    def _means(self, key: str, submission: str) -> bool:
        return key == submission or (submission[:1] != "#" and self._context.real_id(key) == submission)

    def done(self, planned: OnSuccess, patched: EmailsPatched | None) -> None:
        """The submission succeeded; `patched` is what the commit said."""
        if planned.email is None:
            return
        self._asked = True
        if planned.put_off:
            self._put_off.append(OnSuccess(planned.email, destroy=(planned.email,)))
        name, outcome = ids.email_id(planned.email), self._outcome
        if planned.contradicted:
            outcome.not_updated[name] = SetError("willDestroy", "It is destroyed in the same call.")
        self._patching.tell(outcome, planned.intentions, patched)
        if patched is None:
            return
        self._chain.add(patched.before, patched.after)
        outcome.destroyed += map(ids.email_id, patched.destroyed)
        for email in planned.destroy:
            refusal = patched.refused.get(email)
            if refusal is not None:
                outcome.not_destroyed[name] = (
                    not_found("email") if isinstance(refusal, NoSuchEmail) else set_error(refusal)
                )

    async def do(self, planned: OnSuccess) -> None:
        """For a submission whose success changed nothing but itself: in a commit of its own."""
        if not planned.patches and not planned.destroy:
            self.done(planned, None)
            return
        mail = self._context.ports.mail
        try:
            patched = await mail.change_emails(self._context.account, planned.patches, planned.destroy)
        except Refusal as refusal:
            self._asked = True
            error = set_error(refusal)
            self._outcome.not_updated.update((ids.email_id(one.email), error) for one in planned.patches)
            self._outcome.not_destroyed.update((ids.email_id(one), error) for one in planned.destroy)
            return
        self.done(planned, patched)

    async def finish(self) -> None:
        for planned in self._put_off:
            if planned.email is not None and ids.email_id(planned.email) not in self._outcome.destroyed:
                await self.do(planned)

    async def answer(self) -> list[Invocation]:
        """The response, when there is one."""
        if not self._asked:
            return []
        if not self._allowed:
            error = MethodError("forbidden", "This sign-in may not change emails.")
            return [("error", error.arguments())]
        outcome = self._outcome
        for name in (*outcome.not_updated, *outcome.destroyed):
            outcome.updated.pop(name, None)
        document: dict[str, Any] = outcome.answer(self._context.account_id, *await self._chain.told())
        return [("Email/set", document)]
