"""Contacts as vCards: files in and out. The contacts themselves are JMAP (RFC 9610)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mailsys.services.content.blob_access import BlobGone, BlobReader
from mailsys.services.jmap.protocol.api import READ, WRITE
from mailsys.services.people.vcards import VCards
from mailsys.web.api.table import Api, Call, Model, Route, missing
from mailsys.web.flow import ClientGone, Flow
from mailsys.web.problems import WebProblem

_MOST_IDS = 500


class ContactImport(Model, frozen=True):
    blob_id: Annotated[str, Meta(max_length=255, description="A file of vCards, uploaded by JMAP.")]
    address_book_id: Annotated[str, Meta(max_length=255)] | None = None


class ContactFault(Model, frozen=True):
    line: Annotated[int, Meta(description="Of the file, where the card begins.")]
    name: str
    detail: str


class ContactsImported(Model, frozen=True):
    created: int
    updated: Annotated[int, Meta(description="There was a card with this uid, and it was another.")]
    unchanged: int
    failed: int
    faults: Annotated[list[ContactFault], Meta(description="The first hundred of those that failed.")]


class ExportQuery(Model, frozen=True):
    ids: (
        Annotated[str, Meta(description="Ids of cards with commas between, at most 500; else all.")] | None
    ) = None
    address_book_id: str | None = None
    version: Literal["3.0", "4.0"] = "4.0"


class ContactRoutes:
    def __init__(self, vcards: VCards, reader: BlobReader) -> None:
        self._vcards = vcards
        self._reader = reader

    def mount(self, api: Api) -> None:
        api.add(
            Route("POST", "/contacts/import", self.import_,
                  "Take the vCards (2.1 to 4.0) of an upload. A card whose uid is there is replaced.",
                  "Contacts", scope=WRITE, body=ContactImport, answer=ContactsImported, problems=(404,)),
            Route("GET", "/contacts/export", self.export, "Contacts as vCards, photos in them.",
                  "Contacts", scope=READ, query=ExportQuery, media="text/vcard"),
        )  # fmt: skip

    async def import_(self, call: Call) -> ContactsImported:
        found = await self._reader.find(call.account, call.body.blob_id)
        if found is None:
            raise missing("There is no such blob.")
        try:
            done = await self._vcards.import_(call.account, found, call.body.address_book_id)
        except LookupError as error:
            raise missing("There is no such address book.") from error
        except BlobGone as error:
            raise missing("There is no such blob.") from error
        return ContactsImported(
            created=done.created,
            updated=done.updated,
            unchanged=done.unchanged,
            failed=done.failed,
            faults=[ContactFault(line=one.line, name=one.name, detail=one.text) for one in done.faults or ()],
        )

    async def export(self, call: Call) -> None:
        """Written as it is read: an account's photos need not fit into memory."""
        query = call.query
        ids = None if query.ids is None else [one for one in query.ids.split(",") if one]
        if ids is not None and len(ids) > _MOST_IDS:
            raise WebProblem(422, f"At most {_MOST_IDS} ids.")
        pieces = self._vcards.export(call.account, ids, query.address_book_id, query.version)
        request = call.request
        call.answered = True
        request.setHeader(b"Content-Type", b"text/vcard; charset=utf-8")
        request.setHeader(b"Content-Disposition", b'attachment; filename="contacts.vcf"')
        request.setHeader(b"Cache-Control", b"no-store")
        flow = Flow(request)
        try:
            async for piece in pieces:
                await flow.ready()
                request.write(piece)
        except ClientGone:
            return
        finally:
            flow.close()
        request.finish()
