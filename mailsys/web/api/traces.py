"""Where a message went: administrators look it up by address, account and time."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from mailsys.core.jmap.ids import account_number
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.ids import AccountId, TraceId
from mailsys.ports.queue import IQueueStore
from mailsys.ports.timeline import Stage, TimelineEntry
from mailsys.services.access.rights import AdminRights
from mailsys.services.delivery.trace_ids import first_trace
from mailsys.services.operating.timelines import concerning, is_trace
from mailsys.web.api.mail import Step, step
from mailsys.web.api.table import Access, Api, Call, Model, Moment, Route, missing, page
from mailsys.web.problems import WebProblem

_STEPS = 50  # of one message in a list

Address = Annotated[str, Meta(max_length=320, description="Envelope sender or recipient, whole.")]


class TraceQuery(Model, frozen=True):
    address: Address = ""
    account: Annotated[
        str, Meta(max_length=20, description="Id. Administrators of domains must name one.")
    ] = ""
    since: Moment | None = None
    until: Moment | None = None
    after: Annotated[str, Meta(max_length=16, description="Cursor of the page before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class TraceInfo(Model, frozen=True):
    trace: str
    sender: str
    recipients: Annotated[list[str], Meta(description="Those that `steps` name.")]
    steps: Annotated[list[Step], Meta(description="The first 50; the timeline has all.")]


class TraceList(Model, frozen=True):
    traces: Annotated[list[TraceInfo], Meta(description="Newest first.")]
    next: str | None


class TraceRoutes:
    def __init__(self, queue: IQueueStore, accounts: IAccountStore, rights: AdminRights) -> None:
        self._queue = queue
        self._rights = rights
        self._accounts = accounts

    def mount(self, api: Api) -> None:
        api.add(
            Route("GET", "/traces", self.traces, "Messages by address, account and time.", "Queue",
                  Access.ADMIN, query=TraceQuery, answer=TraceList, problems=(404,)),
        )  # fmt: skip

    async def traces(self, call: Call) -> TraceList:
        asked: TraceQuery = call.query
        if asked.after and not is_trace(asked.after):
            raise WebProblem(422, "That is no cursor.")
        account = await self._account(call, asked.account)
        if account is None and not call.rights.all:
            raise WebProblem(403, "Administrators of domains must name an account.")
        since = first_trace(0.0 if asked.since is None else asked.since.timestamp())
        before = None if asked.until is None else first_trace(asked.until.timestamp())
        if asked.after:
            before = TraceId(asked.after) if before is None else min(before, TraceId(asked.after))
        whose = None if account is None else account.id
        found: list[TraceId] = await self._queue.traces(asked.address, whose, since, before, asked.limit + 1)
        shown, following = page(asked.limit, found, str)
        return TraceList(
            traces=[await self._info(each, None if call.rights.all else whose) for each in shown],
            next=following,
        )

    async def _account(self, call: Call, named: str) -> Account | None:
        if not named:
            return None
        number = account_number(named)
        account: Account | None = None if number is None else await self._accounts.account(AccountId(number))
        if account is None or not await self._rights.over(call.rights, account):
            raise missing("There is no such account.")
        return account

    async def _info(self, trace: TraceId, viewer: AccountId | None) -> TraceInfo:
        entries: list[TimelineEntry] = await self._queue.timeline(trace)
        if viewer is not None:
            entries = concerning(entries, viewer)
        some = entries[:_STEPS]
        senders = [
            each.detail["sender"]
            for each in some
            if each.stage in (Stage.RECEIVED, Stage.SUBMITTED) and "sender" in each.detail
        ]
        return TraceInfo(
            trace=trace,
            sender=senders[0] if senders else "",
            recipients=list(dict.fromkeys(each.recipient for each in some if each.recipient)),
            steps=[step(each) for each in some],
        )
