"""Blobs that an account may read: of its emails, and those that it holds for a while."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface

from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import AccountId, BlobId


class IUploadStore(Interface):
    def holds(account: AccountId, blob: BlobId) -> Deferred[bool]:
        """Whether the account has an email over this blob: the right to read it."""

    def hold(account: AccountId, blob: StagedBlob | BlobId, media_type: str, until: float) -> Deferred[None]:
        """Keep an upload, or a blob that it may read, readable by this account until then (RFC 8620
        §6.1). Held already: the later of both times."""

    def let_go(account: AccountId, blob: BlobId, until: float) -> Deferred[None]:
        """Keep an upload until then at the most; nothing happens when it is none, or ends before."""

    def held_type(account: AccountId, blob: BlobId) -> Deferred[str | None]:
        """The media type of an upload that the account holds; `holds` is true for uploads as well."""
