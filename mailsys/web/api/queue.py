"""Mail on its way out: one's own, or for administrators that of their domains' accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from msgspec import Meta

from mailsys.core.jmap.ids import account_id, account_number
from mailsys.log import Log
from mailsys.ports.accounts import Account, IAccountStore
from mailsys.ports.ids import AccountId, QueueId
from mailsys.ports.queue import IQueueStore, QueueItem
from mailsys.services.access.rights import AdminRights, Rights
from mailsys.services.operating.drop import drop
from mailsys.web.api.mail import Step, step
from mailsys.web.api.table import Api, Call, Model, Moment, Route, at, missing, number
from mailsys.web.problems import WebProblem

log = Log("api")

_SCANNED = 5000  # items that one page looks at for an administrator of domains


class QueueRecipientInfo(Model, frozen=True):
    address: str
    outcome: Literal["pending", "delivered", "failed", "dropped"]
    host: str
    reply: str


class QueueItemInfo(Model, frozen=True):
    id: str
    account: Annotated[str, Meta(description="The submitter; empty: none of ours.")]
    destination: str
    sender: str
    recipients: Annotated[int, Meta(description="How many.")]
    size: int
    created: Moment
    due: Moment
    attempts: int
    held: bool
    last_error: str
    trace: str


class QueueItemDetail(QueueItemInfo, frozen=True):
    to: list[QueueRecipientInfo]
    timeline: list[Step]


class QueueQuery(Model, frozen=True):
    account: Annotated[str, Meta(max_length=20, description="Administrators: of this account only.")] = ""
    all: Annotated[bool, Meta(description="Administrators: not one's own only.")] = False
    after: Annotated[str, Meta(max_length=20, description="Cursor of the page before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class QueueList(Model, frozen=True):
    items: list[QueueItemInfo]
    next: str | None


class QueueRoutes:
    def __init__(
        self,
        queue: IQueueStore,
        accounts: IAccountStore,
        rights: AdminRights,
        seconds: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._accounts = accounts
        self._rights = rights
        self._seconds = seconds

    def mount(self, api: Api) -> None:
        api.add(
            Route("GET", "/queue", self.items, "Items in the queue, oldest first.", "Queue",
                  query=QueueQuery, answer=QueueList, problems=(404,)),
            Route("GET", "/queue/{id}", self.item, "One item with its recipients and timeline.", "Queue",
                  answer=QueueItemDetail, problems=(404,)),
            Route("POST", "/queue/{id}/hold", self.hold, "Do not send it until it is released.", "Queue",
                  problems=(404,)),
            Route("POST", "/queue/{id}/retry", self.retry, "Release it and try at once.", "Queue",
                  problems=(404,)),
            Route("DELETE", "/queue/{id}", self.drop, "Drop it; nobody is told.", "Queue", problems=(404,)),
        )  # fmt: skip

    async def items(self, call: Call) -> QueueList:
        asked: QueueQuery = call.query
        after = number(asked.after) if asked.after else None
        if asked.after and after is None:
            raise WebProblem(422, "That is no cursor.")
        whose: AccountId | None = call.account
        rights = Rights()
        if asked.all or asked.account:
            rights = await self._rights_of(call)
            if not rights.any:
                raise WebProblem(403, "Only administrators see what is not theirs.")
            whose = None
        if asked.account:
            wanted = account_number(asked.account)
            account: Account | None = (
                None if wanted is None else await self._accounts.account(AccountId(wanted))
            )
            if account is None or not (
                account.id == call.account or await self._rights.over(rights, account)
            ):
                raise missing("There is no such account.")
            whose = account.id
        shown: list[QueueItem] = []
        may: dict[AccountId | None, bool] = {}
        position = None if after is None else QueueId(after)
        scanned, more = 0, True
        while more and len(shown) < asked.limit and scanned < _SCANNED:
            found: list[QueueItem] = await self._queue.items(asked.limit, position, whose)
            more = len(found) == asked.limit
            scanned += len(found)
            for each in found:
                if len(shown) == asked.limit:
                    more = True
                    break
                position = each.id
                sender = each.item.account
                if whose is None and sender not in may:
                    may[sender] = await self._may(rights, each)
                if whose is not None or may[sender]:
                    shown.append(each)
        return QueueList(
            items=[QueueItemInfo(**_fields(each)) for each in shown],
            next=str(position) if more and position is not None else None,
        )

    async def item(self, call: Call) -> QueueItemDetail:
        item = await self._item(call)
        timeline = await self._queue.timeline(item.item.trace)
        everything = (await self._rights_of(call)).all
        return QueueItemDetail(
            **_fields(item),
            to=[
                QueueRecipientInfo(
                    address=each.address, outcome=each.outcome.value, host=each.host, reply=each.reply
                )
                for each in item.item.recipients
            ],
            timeline=[step(each) for each in timeline if everything or each.account == item.item.account],
        )

    async def hold(self, call: Call) -> None:
        item = await self._item(call)
        await self._queue.hold([item.id])
        log.info("queue item held", by=call.account, id=item.id, trace=item.item.trace)

    async def retry(self, call: Call) -> None:
        item = await self._item(call)
        await self._queue.retry([item.id], self._seconds())
        log.info("queue item released", by=call.account, id=item.id, trace=item.item.trace)

    async def drop(self, call: Call) -> None:
        item = await self._item(call)
        why = "by its sender" if item.item.account == call.account else "by an administrator"
        await drop(self._queue, item, self._seconds(), why)
        log.info("queue item dropped", by=call.account, id=item.id, trace=item.item.trace)

    # ------------------------------------------------------------------------------------------------------

    async def _item(self, call: Call) -> QueueItem:
        """The item of the path, if it is the caller's own or within his rights."""
        ident = number(call.path["id"], "Q")
        item: QueueItem | None = None if ident is None else await self._queue.item(QueueId(ident))
        if item is not None and item.item.account != call.account:
            rights = await self._rights_of(call)
            if not rights.any or not await self._may(rights, item):
                item = None
        if item is None:
            raise missing("There is no such item.")
        return item

    async def _rights_of(self, call: Call) -> Rights:
        return await self._rights.of(call.me.account) if call.me.may("admin") else Rights()

    async def _may(self, rights: Rights, item: QueueItem) -> bool:
        if rights.all:
            return True
        if item.item.account is None:
            return False
        account: Account | None = await self._accounts.account(item.item.account)
        return account is not None and await self._rights.over(rights, account)


def _fields(item: QueueItem) -> dict[str, Any]:
    return {
        "id": f"Q{item.id}",
        "account": "" if item.item.account is None else account_id(item.item.account),
        "destination": item.item.destination,
        "sender": item.item.sender,
        "recipients": len(item.item.recipients),
        "size": item.size,
        "created": at(item.item.created),
        "due": at(item.due),
        "attempts": item.attempts,
        "held": item.item.hold,
        "last_error": item.last_error,
        "trace": item.item.trace,
    }
