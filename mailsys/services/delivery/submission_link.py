"""What links a message that is on its way to the EmailSubmission object it was sent by (RFC 8621 §7).

The object's id is made of the message's trace, so whatever changes the state of a queue item can touch
the object in the same commit, without knowing whether there is one.
"""

from __future__ import annotations

from typing import Final

from mailsys.ports.ids import TraceId
from mailsys.ports.objects import ObjectChange
from mailsys.ports.queue_items import NewQueueItem

KIND: Final = "EmailSubmission"


def submission_id(trace: TraceId) -> str:
    return f"S{trace}"


def trace_of(submission: str) -> TraceId:
    """The trace behind an id of ours."""
    return TraceId(submission[1:])


def touched(item: NewQueueItem) -> tuple[ObjectChange, ...]:
    """To be written with a change of the state of `item`: moves the object's state; nothing when the
    message was not sent by JMAP, or its object is gone."""
    if item.account is None:
        return ()
    return (ObjectChange(item.account, KIND, submission_id(item.trace)),)
