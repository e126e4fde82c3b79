"""Writing the message that an Email/set create asks for, a piece at a time into the blob store."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

from twisted.internet.defer import Deferred

from mailsys.core.jmap.creation import Leaf, Multipart, Plan, Tree, leaves
from mailsys.core.jmap.mime_fields import BASE64_LINES, base64_lines, content_field, encode_text, type_field
from mailsys.core.jmap.problems import SetError
from mailsys.core.message import compose, dates
from mailsys.ports.blobs import IBlobSink, IBlobStore, StagedBlob
from mailsys.ports.ids import AccountId
from mailsys.ports.mail import IMailStore
from mailsys.services.content.blob_access import BlobGone, BlobReader, FoundBlob
from mailsys.services.content.parts import Contents

MAX_BLOB_IN_MEMORY: Final = 64 * 1024
_LONGEST_LINE: Final = 998


@dataclass(frozen=True, slots=True)
class _Copy:
    """A blob's octets go here, in this encoding."""

    found: FoundBlob
    base64: bool


_Piece: TypeAlias = "bytes | _Copy"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a leaf's blob is written as."""

    found: FoundBlob
    type: str
    encoding: str  # "7bit", "8bit" or "base64"


def blob_not_found(missing: list[str]) -> SetError:
    return SetError("blobNotFound", "These blobs do not exist.", notFound=missing)


class Composer:
    def __init__(
        self,
        mail: IMailStore,
        blobs: IBlobStore,
        reader: BlobReader,
        contents: Contents,
        random: Random,
        max_size: int,
        max_attachments: int,
    ) -> None:
        self._mail = mail
        self._blobs = blobs
        self._reader = reader
        self._contents = contents
        self._random = random
        self._max_size = max_size
        self._max_attachments = max_attachments

    async def compose(self, account: AccountId, domain: str, plan: Plan, now: float) -> StagedBlob:
        """The message, staged. Raises SetError (blobNotFound, tooLarge)."""
        kinds = await self._look(account, plan.root)
        texts = [one for one in leaves(plan.root) if one.text is not None]
        if sum(len(one.text or "") for one in texts) > 64 * 1024:
            encoded = await self._contents.in_thread(lambda: _encode_all(texts))
        else:
            encoded = _encode_all(texts)
        pieces: list[_Piece] = list(plan.fields)
        if "date" not in plan.names:
            pieces.append(compose.structured("Date", dates.render(now)))
        if "message-id" not in plan.names:
            pieces.append(compose.structured("Message-ID", compose.new_message_id(self._random, now, domain)))
        pieces.append(b"MIME-Version: 1.0\r\n")
        self._part(plan.root, kinds, encoded, pieces)
        return await self._write(pieces)

    async def _look(self, account: AccountId, tree: Tree) -> dict[str, _Kind]:
        """Every blob named, found, and how it will be written."""
        found: dict[str, _Kind] = {}
        missing: list[str] = []
        size = 0
        for leaf in leaves(tree):
            if leaf.text is not None:
                continue
            kind = found.get(leaf.blob)
            if kind is None:
                blob = await self._reader.find(account, leaf.blob)
                if blob is None:
                    if leaf.blob not in missing:
                        missing.append(leaf.blob)
                    continue
                kind = found[leaf.blob] = await self._kind(account, leaf, blob)
            size += kind.found.length
            if size > self._max_attachments:
                raise SetError("tooLarge", f"Attachments may have {self._max_attachments} octets together.")
        if missing:
            raise blob_not_found(missing)
        return found

    async def _kind(self, account: AccountId, leaf: Leaf, blob: FoundBlob) -> _Kind:
        type_ = leaf.type
        if not type_:
            held = await self._mail.held_type(account, blob.blob) if not blob.encoding else None
            type_ = (held or "").partition(";")[0].strip().lower()
            if type_.count("/") != 1 or type_.startswith("multipart/") or not type_.isascii():
                type_ = "application/octet-stream"
        encoding = "base64"
        if type_.startswith("message/"):  # RFC 2046 §5.2.1: never encoded
            encoding = await self._plain(blob)
        return _Kind(blob, type_, encoding)

    async def _plain(self, blob: FoundBlob) -> str:
        """Whether the octets can go as they are: CRLF lines of at most 998 octets without NUL."""
        pieces = self._reader.pieces(blob)
        eight_bit = False
        line = b""
        while piece := await pieces.next():
            eight_bit = eight_bit or not piece.isascii()
            lines = (line + piece).split(b"\r\n")
            line = lines[-1]
            held = line.endswith(b"\r")
            if b"\0" in piece or any(b"\r" in one or b"\n" in one for one in lines[:-1]):
                return "base64"
            rest = line[:-1] if held else line
            if b"\r" in rest or b"\n" in rest or max(map(len, lines)) > _LONGEST_LINE:
                return "base64"
        return "8bit" if eight_bit else "7bit"

    def _part(
        self,
        tree: Tree,
        kinds: dict[str, _Kind],
        encoded: dict[int, tuple[str, bytes]],
        pieces: list[_Piece],
    ) -> None:
        pieces.extend(tree.fields)
        if isinstance(tree, Multipart):
            boundary = compose.new_boundary(self._random)
            pieces.append(type_field(f"multipart/{tree.subtype}", [*tree.params, ("boundary", boundary)]))
            if any(one.blob and kinds[one.blob].encoding == "8bit" for one in leaves(tree)):
                pieces.append(b"Content-Transfer-Encoding: 8bit\r\n")  # RFC 2045 §6.4: at every level
            pieces.append(b"\r\n")
            for part in tree.parts:
                pieces.append(f"--{boundary}\r\n".encode())
                self._part(part, kinds, encoded, pieces)
                pieces.append(b"\r\n")
            pieces.append(f"--{boundary}--\r\n".encode())
            return
        if tree.text is not None:
            encoding, data = encoded[id(tree)]
            params = [("charset", "utf-8"), *tree.params] if tree.type.startswith("text/") else tree.params
            pieces.append(type_field(tree.type, params))
            body: _Piece = data
        else:
            kind = kinds[tree.blob]
            encoding = kind.encoding
            pieces.append(type_field(tree.type or kind.type, tree.params))
            body = _Copy(kind.found, encoding == "base64")
        pieces.append(content_field("Content-Transfer-Encoding", [encoding]))
        pieces.append(b"\r\n")
        pieces.append(body)

    async def _write(self, pieces: list[_Piece]) -> StagedBlob:
        known = sum(len(one) for one in pieces if isinstance(one, bytes))
        if known <= MAX_BLOB_IN_MEMORY and not any(isinstance(one, _Copy) for one in pieces):
            return self._blobs.stage(b"".join(one for one in pieces if isinstance(one, bytes)))
        sink = self._blobs.sink()
        try:
            for piece in pieces:
                if isinstance(piece, bytes):
                    await self._put(sink, piece)
                else:
                    await self._copy(sink, piece)
            return await sink.finish()
        except BlobGone as gone:
            sink.abort()
            raise SetError("blobNotFound", "A blob vanished while it was read.", notFound=[]) from gone
        except BaseException:
            sink.abort()
            raise

    async def _put(self, sink: IBlobSink, data: bytes) -> None:
        if sink.size + len(data) > self._max_size:
            raise SetError("tooLarge", f"A message has at most {self._max_size} octets.")
        for start in range(0, len(data), MAX_BLOB_IN_MEMORY):
            wait: Deferred[None] | None = sink.write(data[start : start + MAX_BLOB_IN_MEMORY])
            if wait is not None:
                await wait

    async def _copy(self, sink: IBlobSink, copy: _Copy) -> None:
        pieces = self._reader.pieces(copy.found)
        held = b""
        while piece := await pieces.next():
            if not copy.base64:
                await self._put(sink, piece)
                continue
            held += piece
            whole = len(held) // 57 * 57
            for start in range(0, whole, BASE64_LINES):
                await self._put(sink, base64_lines(held[start : min(start + BASE64_LINES, whole)]))
            held = held[whole:]
        if held:
            await self._put(sink, base64_lines(held))


def _encode_all(texts: list[Leaf]) -> dict[int, tuple[str, bytes]]:
    return {id(one): encode_text(one.text or "") for one in texts}
