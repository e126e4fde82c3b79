"""/set (RFC 8620 §5.3) of types that IObjectStore keeps: one commit, judged by the state it was made from.

Nothing is locked. What is read, checked and computed holds when nothing of the type was changed until the
commit; else it is done anew. So a /set is made as a whole or not at all, whoever else is at work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailsys.ports.ids import AccountId
from mailsys.ports.objects import ObjectChange, ObjectsWritten
from mailsys.services.conditional import until_it_holds
from mailsys.services.jmap.protocol.api import CallContext
from mailsys.services.jmap.protocol.changes import state_of
from mailsys.services.jmap.protocol.standard import SetOutcome, check_state
from mailsys.services.jmap.protocol.stored import encode


@dataclass(frozen=True, slots=True)
class Plan:
    """What a /set comes to, as of what was read: what to answer, and what to write.

    changes: of the type itself, at most one per object; they need no conditions of their own.
    others: of other kinds, in the same commit; conditional where they depend on what was read."""

    outcome: SetOutcome
    changes: Sequence[ObjectChange]
    others: Sequence[ObjectChange] = ()


async def set_objects(
    context: CallContext, kind: str, if_in_state: str | None, work: Callable[[], Awaitable[Plan]]
) -> dict[str, Any]:
    """The /set response. `work` reads the objects and makes a plan; it runs again when another change was
    first, and has no effect but the plan and `context.created_ids`. Raises MethodError ("stateMismatch"),
    and TemporaryFailure when others are first without end."""
    names = dict(context.created_ids)

    async def once() -> dict[str, Any]:
        context.created_ids.clear()
        context.created_ids.update(names)
        state = await state_of(context, kind)  # before the objects: they may be newer, never older
        check_state(if_in_state, str(state))
        plan = await work()
        written = await write(context, plan, state)
        before, after = (state, state) if written is None else (written.before, written.after)
        return plan.outcome.answer(context.account_id, str(before), str(after))

    return await until_it_holds(once)


async def write(context: CallContext, plan: Plan, state: int) -> ObjectsWritten | None:
    """Write a plan if its type still is at `state`; None: there is nothing to write. StateMismatch or
    ObjectConflict when it does not hold any more."""
    changes = [*plan.others, *plan.changes]
    if not changes:
        return None
    if plan.others and plan.changes:
        # The first change says whose state is expected, the last one whose state is answered.
        first = plan.changes[0]
        changes.insert(0, ObjectChange(first.account, first.kind, first.id))
    written: ObjectsWritten = await context.ports.objects.write(changes, if_state=state)
    return written


def object_changes(
    account: AccountId, kind: str, changed: Mapping[str, dict[str, Any] | None]
) -> list[ObjectChange]:
    """What writes these documents by id; None: it goes."""
    return [
        ObjectChange(account, kind, id_, remove=True)
        if value is None
        else ObjectChange(account, kind, id_, encode(value))
        for id_, value in changed.items()
    ]
