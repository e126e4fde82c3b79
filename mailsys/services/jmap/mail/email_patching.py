"""From PatchObjects of emails (RFC 8620 §5.3) to the intentions that a commit judges, and what came of them.

What a patch names is changed and nothing else: nobody's change that comes in between is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mailsys.core.jmap import creation, ids
from mailsys.core.jmap.bodies import DEFAULT_BODY_PROPERTIES
from mailsys.core.jmap.header_forms import header_property
from mailsys.core.jmap.patches import read_patch
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message.keywords import canonical
from mailsys.core.refusal import NoSuchEmail, NoSuchMailbox, NotAllowed, Refusal, TooManyKeywords
from mailsys.ports.ids import EmailId, MailboxId
from mailsys.ports.patches import EmailPatch, EmailsPatched
from mailsys.services.content.parts import Turn
from mailsys.services.jmap.mail.email_properties import PROPERTIES, EmailReader, Wanted
from mailsys.services.jmap.mail.snooze import SNOOZE, SNOOZED, Snoozing, snoozing
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.standard import SetOutcome, not_found, set_error

PatchObject = dict[str, Any]

_OWN: Final = ("keywords", "mailboxIds")


@dataclass(slots=True)
class Intentions:
    """What patches ask for, by email, and what is wrong with the others."""

    patches: dict[EmailId, EmailPatch] = field(default_factory=dict)
    wrong: dict[EmailId, SetError] = field(default_factory=dict)
    sent_off: set[EmailId] = field(default_factory=set)  # the server says where they go, not their patch


class EmailPatching:
    """`snoozed` is called when something was snoozed."""

    def __init__(self, reader: EmailReader, snoozed: Callable[[], None] = lambda: None) -> None:
        self._reader = reader
        self._snoozed = snoozed

    async def read(self, context: CallContext, wanted: Mapping[EmailId, PatchObject]) -> Intentions:
        """Nothing of an email is looked at, but for the properties that never change, and how it waits
        (see `depends_on_state`)."""
        found = Intentions()
        snoozes: Snoozing | None = None
        if depends_on_state(context, wanted):
            snoozes = await snoozing(context, list(wanted))
        turn = Turn()
        for email, patch in wanted.items():
            await turn.pause(context.ports.offload)
            try:
                intention = _intention(context, email, patch)
                others = _others(context, patch)
                if others:
                    await self._check_fixed(context, email, patch, others)
                if snoozes is not None and _names(patch, SNOOZED):
                    moves = _names(patch, "mailboxIds")
                    given = {pointer: one for pointer, one in patch.items() if _head(pointer) == SNOOZED}
                    intention = await snoozes.patched(intention, given, moves)
                    if not moves and intention.enter:
                        found.sent_off.add(email)
            except SetError as error:
                found.wrong[email] = error
            except Refusal as refusal:
                found.wrong[email] = set_error(refusal)
            else:
                found.patches[email] = intention
        return found

    def tell(self, outcome: SetOutcome, intentions: Intentions, patched: EmailsPatched | None) -> None:
        """Write into `outcome` what became of the patches; `patched` is None when there were none."""
        for email, error in intentions.wrong.items():
            outcome.not_updated[ids.email_id(email)] = error
        if patched is None:
            return
        for email, patch in intentions.patches.items():
            name = ids.email_id(email)
            refusal = patched.refused.get(email)
            if refusal is not None:
                outcome.not_updated[name] = _patch_error(refusal, patch)
                continue
            now = patched.now.get(email)
            outcome.updated[name] = None
            if now is not None and email in intentions.sent_off:
                outcome.updated[name] = {"mailboxIds": {ids.mailbox_id(one): True for one in now.mailboxes}}
        if any(
            patch.snooze is not None and email in patched.now for email, patch in intentions.patches.items()
        ):
            self._snoozed()

    async def _check_fixed(
        self, context: CallContext, email: EmailId, patch: PatchObject, others: list[str]
    ) -> None:
        """Properties that never change may be sent, but only as they are (RFC 8620 §5.3)."""
        unknown = [name for name in others if name not in PROPERTIES and header_property(name) is None]
        if unknown:
            raise invalid_properties("There are no such properties.", *sorted(unknown))
        wanted = Wanted(tuple(others), DEFAULT_BODY_PROPERTIES, False, False, False, 0)
        found = (await self._reader.read(context.account, [email], wanted)).get(email)
        if found is None:
            raise not_found("email")
        wrong = [name for name in others if name not in patch or patch[name] != found.get(name)]
        if wrong:
            raise invalid_properties("These properties cannot be changed.", *sorted(wrong))


def depends_on_state(context: CallContext, wanted: Mapping[EmailId, PatchObject]) -> bool:
    """Whether the intentions lean on what was read: how an email waits is written as a whole. Commit them
    on the Email state from before, and read anew when that is over."""
    return SNOOZE in context.using and any(_names(patch, SNOOZED) for patch in wanted.values())


def _head(pointer: str) -> str:
    return pointer.partition("/")[0]


def _names(patch: PatchObject, name: str) -> bool:
    return any(_head(pointer) == name for pointer in patch)


def _others(context: CallContext, patch: PatchObject) -> list[str]:
    own = (*_OWN, SNOOZED) if SNOOZE in context.using else _OWN
    return [name for name in dict.fromkeys(map(_head, patch)) if name not in own]


def _intention(context: CallContext, email: EmailId, patch: PatchObject) -> EmailPatch:
    """Keywords and mailboxes. Raises SetError."""
    keywords: dict[str, bool] = {}
    mailboxes: dict[MailboxId, bool] = {}
    found = EmailPatch(email)
    for path, value in read_patch(patch):
        if path[0] not in _OWN:
            continue
        if len(path) > 2:
            raise SetError("invalidPatch", f"There is nothing that {'/'.join(path)[:100]!r} could be in.")
        if path[0] == "keywords":
            if len(path) == 1:
                found = replace(
                    found, keywords=canonical(creation.keyword_set({} if value is None else value))
                )
            else:
                _keyword(keywords, path[1], value)
        elif len(path) == 1:
            found = replace(found, mailboxes=real_mailboxes(context, creation.mailbox_set(value)))
        else:
            _mailbox(context, mailboxes, path[1], value)
    if keywords:
        creation.keyword_set({name: True for name, on in keywords.items() if on})  # not too many
        found = replace(
            found,
            add=canonical(name for name, on in keywords.items() if on),
            remove=canonical(name for name, on in keywords.items() if not on),
        )
    return replace(
        found,
        enter=tuple(one for one, on in mailboxes.items() if on),
        leave=tuple(one for one, on in mailboxes.items() if not on),
    )


def _keyword(keywords: dict[str, bool], name: str, value: Any) -> None:
    """They are the same in any case (RFC 8621 §4.1.1)."""
    if value is None:
        if creation.is_keyword(name):  # else no email has it
            keywords[name.lower()] = False
        return
    creation.keyword_set({name: value})
    keywords[name.lower()] = True


def _mailbox(context: CallContext, mailboxes: dict[MailboxId, bool], name: str, value: Any) -> None:
    if value is None:
        number = ids.mailbox_number(context.real_id(name))
        if number is not None:
            mailboxes[MailboxId(number)] = False
        return
    (mailbox,) = real_mailboxes(context, creation.mailbox_set({name: value}))
    mailboxes[mailbox] = True


def real_mailboxes(context: CallContext, given: list[str]) -> tuple[MailboxId, ...]:
    """The mailboxes behind ids and creation ids; whether they are there is for the commit to say. Raises
    SetError for what can be none."""
    found: dict[MailboxId, None] = {}
    for one in given:
        number = ids.mailbox_number(context.real_id(one))
        if number is None:
            raise invalid_properties(f"There is no mailbox {one[:100]!r}.", "mailboxIds")
        found[MailboxId(number)] = None
    return tuple(found)


def _patch_error(refusal: Refusal, patch: EmailPatch) -> SetError:
    if isinstance(refusal, NoSuchEmail):
        return not_found("email")
    if isinstance(refusal, NoSuchMailbox):
        return invalid_properties(f"{refusal.text}.", "mailboxIds")
    if isinstance(refusal, NotAllowed) and not isinstance(refusal, TooManyKeywords):
        names = ("mailboxIds",) if patch.snooze is None else (SNOOZED, "mailboxIds")
        return invalid_properties(f"{refusal.text}.", *names)
    return set_error(refusal)
