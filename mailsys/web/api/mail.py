"""Beside the mail: suggestions of recipients, a message's way, the web client's settings."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mailsys.core.jmap.ids import email_id, email_number
from mailsys.core.refusal import ObjectConflict
from mailsys.ports.objects import IObjectStore, ObjectChange, ObjectsWritten
from mailsys.ports.timeline import TimelineEntry
from mailsys.services.delivery import submission_link as submissions
from mailsys.services.jmap.protocol.api import READ, WRITE
from mailsys.services.operating.timelines import Timelines
from mailsys.services.outbound.unsubscribe import Unsubscribing
from mailsys.services.people.suggestions import Suggestions
from mailsys.web.api.table import Api, Call, Model, Moment, Route, at, missing
from mailsys.web.problems import WebProblem
from mailsys.web.reply import Reply

_SETTINGS = "Settings"
_WEB = "web"
_SETTINGS_SIZE = 64 * 1024  # octets
_ETAG = re.compile(rb'"(0|[1-9][0-9]{0,17})"')


class SuggestionQuery(Model, frozen=True):
    q: Annotated[str, Meta(max_length=100, description="First letters of an address or name.")]
    limit: Annotated[int, Meta(ge=1, le=50)] = 5


class Member(Model, frozen=True):
    name: str
    address: str


class Suggestion(Model, frozen=True):
    address: Annotated[str, Meta(description="Empty for a group.")]
    name: str
    sent: int
    received: int
    contact: bool
    members: Annotated[list[Member], Meta(description="Whom a group of contacts stands for.")]


class SuggestionList(Model, frozen=True):
    suggestions: list[Suggestion]


class Step(Model, frozen=True):
    at: Moment
    stage: str
    recipient: str
    detail: dict[str, str]


class Timeline(Model, frozen=True):
    trace: str
    steps: list[Step]


class Unsubscribed(Model, frozen=True):
    done: Annotated[bool, Meta(description="The list's server took it (RFC 8058). Else one goes on:")]
    mail: Annotated[str | None, Meta(description="A mailto URL; a message to it unsubscribes.")]
    page: Annotated[str | None, Meta(description="An https URL for a person to open.")]


class MailRoutes:
    def __init__(
        self,
        suggestions: Suggestions,
        timelines: Timelines,
        objects: IObjectStore,
        unsubscribing: Unsubscribing,
    ) -> None:
        self._suggestions = suggestions
        self._timelines = timelines
        self._objects = objects
        self._unsubscribing = unsubscribing

    def mount(self, api: Api) -> None:
        api.add(
            Route("GET", "/suggestions", self.suggest,
                  "Whom one may mean: contacts, and those written to or heard from.",
                  "Mail", scope=READ, query=SuggestionQuery, answer=SuggestionList),
            Route("GET", "/timelines/{trace}", self.timeline, "What became of a message.", "Mail",
                  answer=Timeline, problems=(404,)),
            Route("GET", "/emails/{id}/timeline", self.email_timeline,
                  "What became of the message of an email (its JMAP id).", "Mail",
                  answer=Timeline, problems=(404,)),
            Route("POST", "/emails/{id}/unsubscribe", self.unsubscribe,
                  "Leave the list that an email came from: by one click, where it offers that.", "Mail",
                  scope=WRITE, answer=Unsubscribed, problems=(403, 404, 409, 502)),
            Route("GET", "/settings", self.settings, "The web client's settings: any JSON object.",
                  "Settings", answer=dict[str, Any]),
            Route("PUT", "/settings", self.put_settings, "Replace them, at most 64 KiB.", "Settings",
                  body=dict[str, Any], answer=dict[str, Any], problems=(412, 413),
                  request_headers=(("If-Match", "The ETag that was read; 412 when it is another now."),)),
        )  # fmt: skip

    async def suggest(self, call: Call) -> SuggestionList:
        found = await self._suggestions.suggest(call.account, call.query.q, call.query.limit)
        return SuggestionList(
            suggestions=[
                Suggestion(
                    address=each.address,
                    name=each.name,
                    sent=each.sent,
                    received=each.received,
                    contact=each.contact,
                    members=[Member(name=name, address=address) for name, address in each.members],
                )
                for each in found
            ]
        )

    # -- timelines -----------------------------------------------------------------------------------------

    async def timeline(self, call: Call) -> Timeline:
        return await self._timeline(call, call.path["trace"])

    async def email_timeline(self, call: Call) -> Timeline:
        number = email_number(call.path["id"])
        trace = None if number is None else await self._timelines.trace_of(call.account, number)
        if trace is None and number is not None:
            trace = await self._sent_as(call, email_id(number))
        if trace is None:
            raise missing("There is no such email, or nothing is known of its way.")
        return await self._timeline(call, trace)

    async def _sent_as(self, call: Call, email: str) -> str | None:
        """The trace of the newest submission of an email: what lies in Sent has no Received field of ours."""
        mark = b'"emailId":"%s"' % email.encode()
        found = [
            one
            for one in await self._objects.objects(call.account, submissions.KIND)
            if mark in one.value and msgspec.json.decode(one.value).get("emailId") == email
        ]
        if not found:
            return None
        return submissions.trace_of(max(found, key=lambda one: one.created_modseq).id)

    async def _timeline(self, call: Call, trace: str) -> Timeline:
        everything = call.me.account.admin and call.me.may("admin")
        entries = await self._timelines.of_trace(trace, call.account, everything)
        if not entries:
            raise missing("Nothing is known of such a message.")
        return Timeline(trace=trace, steps=[step(each) for each in entries])

    # -- lists ---------------------------------------------------------------------------------------------

    async def unsubscribe(self, call: Call) -> Unsubscribed:
        number = email_number(call.path["id"])
        ways = None if number is None else await self._unsubscribing.ways(call.account, number)
        if ways is None:
            raise missing("There is no such email.")
        if not ways.any:
            raise WebProblem(409, "This email offers no way to unsubscribe.", code="noWay")
        if ways.one_click is not None:
            await self._unsubscribing.leave(call.account, ways.one_click)
        return Unsubscribed(done=ways.one_click is not None, mail=ways.mail, page=ways.page)

    # -- settings ------------------------------------------------------------------------------------------

    async def settings(self, call: Call) -> Reply:
        found = await self._objects.objects(call.account, _SETTINGS, [_WEB])
        if not found:
            return Reply(b"{}", headers=[(b"ETag", b'"0"')])
        return Reply(found[0].value, headers=[(b"ETag", b'"%d"' % found[0].modseq)])

    async def put_settings(self, call: Call) -> Reply:
        value = msgspec.json.encode(call.body)
        if len(value) > _SETTINGS_SIZE:
            raise WebProblem(413, "Settings have at most 64 KiB.", code="tooLarge")
        expected = call.request.getHeader(b"if-match")
        change = ObjectChange(
            call.account, _SETTINGS, _WEB, value, if_modseq=None if expected is None else _modseq(expected)
        )
        try:
            written: ObjectsWritten = await self._objects.write([change])
        except ObjectConflict as conflict:
            raise _changed() from conflict
        return Reply(value, headers=[(b"ETag", b'"%d"' % written.modseq)])


def _modseq(etag: bytes) -> int:
    found = _ETAG.fullmatch(etag.strip())
    if found is None:
        raise _changed()
    return int(found[1])


def _changed() -> WebProblem:
    return WebProblem(412, "The settings were changed meanwhile; read them again.", code="stateMismatch")


def step(entry: TimelineEntry) -> Step:
    return Step(
        at=at(entry.at), stage=entry.stage.value, recipient=entry.recipient, detail=dict(entry.detail)
    )
