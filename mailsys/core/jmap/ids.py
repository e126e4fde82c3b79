"""Ids as they stand in JMAP (RFC 8620 §1.2), which for mail are those that IMAP shows too (RFC 8474).

Account `A1`, mailbox `F1`, email `M1`, thread `T1`; a blob is `B` and its hash in hexadecimal, and a
part of a message is its message's blob with a range and how that is encoded: `B…-start-length-b`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_NUMBERED: Final = re.compile(r"[A-Z](?:0|[1-9][0-9]{0,17})")
_BLOB: Final = re.compile(r"B([0-9a-f]{64})(?:-(0|[1-9][0-9]{0,11})-(0|[1-9][0-9]{0,11})-([ibq]))?")

_LETTERS: Final = {"i": "", "b": "base64", "q": "quoted-printable"}
_ENCODINGS: Final = {"base64": "b", "quoted-printable": "q"}


def is_id(text: object) -> bool:
    """Whether this is an Id at all, of whomever's making."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def number(kind: str, text: str) -> int | None:
    """The integer behind an id of `kind` (its letter); None when it is not one of ours."""
    if text[:1] != kind or _NUMBERED.fullmatch(text) is None:
        return None
    return int(text[1:])


def account_id(number: int) -> str:
    return f"A{number}"


def mailbox_id(number: int) -> str:
    return f"F{number}"


def email_id(number: int) -> str:
    return f"M{number}"


def thread_id(number: int) -> str:
    return f"T{number}"


def account_number(text: str) -> int | None:
    return number("A", text)


def mailbox_number(text: str) -> int | None:
    return number("F", text)


def email_number(text: str) -> int | None:
    return number("M", text)


def thread_number(text: str) -> int | None:
    return number("T", text)


@dataclass(frozen=True, slots=True)
class BlobName:
    """What a blobId names: a stored blob, or a decoded range of one."""

    blob: bytes  # 32 bytes
    start: int = 0
    length: int | None = None  # octets as they stand, still encoded; None: to the end
    encoding: str = ""  # "base64", "quoted-printable" or ""

    @property
    def whole(self) -> bool:
        return self.length is None


def blob_id(blob: bytes) -> str:
    return "B" + blob.hex()


def part_blob_id(blob: bytes, start: int, length: int, encoding: str) -> str:
    """The id of a part's decoded body; encodings other than base64 and quoted-printable are none."""
    return f"B{blob.hex()}-{start}-{length}-{_ENCODINGS.get(encoding, 'i')}"


def parse_blob_id(text: str) -> BlobName | None:
    """What `text` names; None when it is no blobId of ours."""
    found = _BLOB.fullmatch(text)
    if found is None:
        return None
    digest, start, length, encoding = found.groups()
    if start is None:
        return BlobName(bytes.fromhex(digest))
    return BlobName(bytes.fromhex(digest), int(start), int(length), _LETTERS[encoding])
