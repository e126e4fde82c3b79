"""Immutable bytes: message bodies, kept once however many accounts hold them."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mailsys.ports.ids import BlobId


@dataclass(frozen=True, slots=True)
class StagedBlob:
    """Bytes that a commit may now name.

    Exactly one of `data` and `path` is set: small content travels inside the commit, large content
    already lies fsynced in the store's own folder and `path` names it for reading (mmap) only.
    A staged blob that no commit names is swept by the store later.
    """

    id: BlobId
    size: int  # octets of the whole content
    data: bytes | None = None
    path: str | None = None


class IBlobSink(Interface):
    """Takes one blob as it arrives; memory stays bounded (about 256 KiB) whatever its size."""

    size: int = Attribute("Octets written so far.")

    def write(data: bytes) -> Deferred[None] | None:
        """Take `data`. None: carry on; a Deferred: hold the producer until it fires.

        A Deferred that fails means the disk refused; the sink is then dead and `abort` is due.
        """

    def finish() -> Deferred[StagedBlob]:
        """No more bytes: fires once the content is staged (large content: durable on disk)."""

    def abort() -> None:
        """Forget what was written. Harmless after `finish`."""


class IBlobStore(Interface):
    """Where blobs are staged and read. Callers check the reader's right (see IMailStore.holds).

    A store gives two views of one set of blobs: what new mail comes in by refuses (InsufficientStorage)
    once the store's reserve of free space is reached; what the server writes about mail that it has
    answered for already (reports) may use the reserve."""

    def sink() -> IBlobSink:
        """A new, empty sink."""

    def stage(data: bytes) -> StagedBlob:
        """Stage small content that is in memory already (at most 64 KiB; larger: use a sink)."""

    def size(blob: BlobId) -> Deferred[int | None]:
        """Octets of a blob; None when there is none such."""

    def read(blob: BlobId, start: int = 0, length: int | None = None) -> Deferred[bytes | None]:
        """A range of a blob, clipped to its end; None when there is none such. Raises ContentLost when the
        store knows the blob and its bytes are missing, or other than they were: the store compares their
        hash, unless it did so in the last quarter of an hour.

        The caller keeps `length` sensible (at most 1 MiB a call for streaming).
        """

    def read_many(blobs: list[BlobId], limit: int) -> Deferred[list[bytes]]:
        """Whole contents in the order asked, ending early once `limit` octets are passed
        (at least one is returned while any exists), or before the first whose bytes are lost; when that
        is the first of all, ContentLost is raised. One that does not exist (any more) reads as b""."""

    def check_room(octets: int = 0) -> None:
        """Raises InsufficientStorage when `octets` more would leave less room than is kept free. Costs
        next to nothing; may be a second old. Sinks and `stage` of this view ask it by themselves."""
