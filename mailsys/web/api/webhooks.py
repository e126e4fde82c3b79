"""One's webhooks."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mailsys.services.jmap.protocol.api import READ
from mailsys.services.notifying.webhook_records import Webhook
from mailsys.services.notifying.webhooks import Webhooks
from mailsys.web.api.table import Api, Call, Model, Moment, Route, at, missing
from mailsys.web.problems import WebProblem

Event = Literal["created", "updated", "destroyed"]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]


class NewWebhook(Model, frozen=True):
    url: Url
    events: Annotated[list[Event], Meta(min_length=1, max_length=3)] = msgspec.field(
        default_factory=lambda: ["created"]
    )


class WebhookChange(Model, frozen=True):
    """What is left out stays."""

    url: Url | None = None
    events: Annotated[list[Event], Meta(min_length=1, max_length=3)] | None = None
    enabled: bool | None = None


class WebhookInfo(Model, frozen=True):
    id: str
    url: str
    events: list[Event]
    created: Moment
    enabled: bool
    cause: Annotated[str, Meta(description="Why it was switched off.")]
    last_at: Moment | None
    last_status: Annotated[str, Meta(description="HTTP status of the last try, or what went wrong.")]
    failing_since: Moment | None


class WebhookMade(Model, frozen=True):
    secret: Annotated[str, Meta(description="Shown this once: signs what is sent (Standard Webhooks).")]
    webhook: WebhookInfo


class WebhookList(Model, frozen=True):
    webhooks: list[WebhookInfo]


class WebhookRoutes:
    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    def mount(self, api: Api) -> None:
        api.add(
            Route("GET", "/webhooks", self.webhooks, "One's webhooks, oldest first.", "Webhooks",
                  answer=WebhookList),
            Route("POST", "/webhooks", self.create, "Tell a URL of changed mail.", "Webhooks",
                  body=NewWebhook, answer=WebhookMade, status=201),
            Route("PATCH", "/webhooks/{id}", self.change, "Change a webhook.", "Webhooks",
                  body=WebhookChange, answer=WebhookInfo, problems=(404,)),
            Route("DELETE", "/webhooks/{id}", self.remove, "Remove a webhook.", "Webhooks", problems=(404,)),
        )  # fmt: skip

    @staticmethod
    def _may_read(call: Call) -> None:
        """A webhook tells of new mail, so who makes one must be allowed to read it."""
        if not call.me.may(READ):
            raise WebProblem(403, f'This app password lacks the scope "{READ}".', code="scopeMissing")

    async def webhooks(self, call: Call) -> WebhookList:
        return WebhookList(webhooks=[_webhook(each) for each in await self._webhooks.of(call.account)])

    async def create(self, call: Call) -> WebhookMade:
        self._may_read(call)
        made, secret = await self._webhooks.create(call.account, call.body.url, call.body.events)
        return WebhookMade(secret=secret, webhook=_webhook(made))

    async def change(self, call: Call) -> WebhookInfo:
        self._may_read(call)
        given: WebhookChange = call.body
        changed = await self._webhooks.change(
            call.account, call.path["id"], given.url, given.events, given.enabled
        )
        if changed is None:
            raise missing("There is no such webhook.")
        return _webhook(changed)

    async def remove(self, call: Call) -> None:
        if not await self._webhooks.remove(call.account, call.path["id"]):
            raise missing("There is no such webhook.")


def _webhook(found: Webhook) -> WebhookInfo:
    return WebhookInfo(
        id=found.id,
        url=found.url,
        events=list(found.events),  # type: ignore[arg-type] # only these are ever stored
        created=at(found.created),
        enabled=found.enabled,
        cause=found.cause,
        last_at=None if found.last_at is None else at(found.last_at),
        last_status=found.last_status,
        failing_since=None if found.failing_since is None else at(found.failing_since),
    )
