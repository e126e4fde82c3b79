"""What became of a message, for those whom it concerns.

The submitter sees his own steps and that his recipients here got it; a recipient sees how it came and
where it went for himself; an administrator of everything sees all.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from mailsys.core.message.header import scan, unfold
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, EmailId, TraceId
from mailsys.ports.mail import IMailStore
from mailsys.ports.queue import IQueueStore
from mailsys.ports.timeline import Stage, TimelineEntry

_TRACE: Final = re.compile(r"[0-9a-hjkmnp-tv-z]{16}")
_FIELDS: Final = 5  # Received fields that are looked at: ours stands among the first
_ARRIVAL: Final = frozenset({Stage.RECEIVED, Stage.JUDGED})


def is_trace(text: str) -> bool:
    return _TRACE.fullmatch(text) is not None


class Timelines:
    def __init__(self, mail: IMailStore, queue: IQueueStore, hostname: str) -> None:
        self._mail = mail
        self._queue = queue
        self._ours = re.compile(
            rf"\sby {re.escape(hostname)} .*?\sid ({_TRACE.pattern})[\s;]".encode(), re.I | re.S
        )

    async def of_trace(self, trace: str, account: AccountId, all_of_it: bool) -> list[TimelineEntry]:
        """In order of time; empty when nothing is known or none of it concerns this account."""
        if not is_trace(trace):
            return []
        entries: list[TimelineEntry] = await self._queue.timeline(TraceId(trace))
        return entries if all_of_it else concerning(entries, account)

    async def trace_of(self, account: AccountId, email: int) -> str | None:
        """The trace of one of the account's emails, from the Received field that we wrote. None: no
        such email, or it did not come by mail (appended, imported)."""
        found = await self._mail.fetch(account, [EmailId(email)], [Column.HEADER])
        if email not in found:
            return None
        block = found[email][0]
        assert isinstance(block, bytes)
        seen = 0
        for field in scan(block):
            if field.name != b"received":
                continue
            match = self._ours.search(b" " + unfold(block[field.value : field.end]))
            if match is not None:
                return match[1].decode("ascii")
            seen += 1
            if seen == _FIELDS:
                break
        return None


def concerning(entries: list[TimelineEntry], account: AccountId) -> list[TimelineEntry]:
    """What of a message's way is this account's to see."""
    own = [each for each in entries if each.account == account]
    if not own:
        return []
    submitter = any(each.stage is Stage.SUBMITTED for each in own)
    shown = []
    for each in entries:
        if each.account == account or (each.account is None and each.stage in _ARRIVAL):
            shown.append(each)
        elif submitter and each.stage is Stage.DELIVERED:
            shown.append(replace(each, detail={}))  # that his recipient has it, and no more
    return shown
