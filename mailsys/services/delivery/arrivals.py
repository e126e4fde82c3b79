"""Who wants to know of mail once it was delivered here: those who answer for the absent, those who read
reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mailsys.ports.ids import AccountId, BlobId


class Arrives(Protocol):
    def arrives(self, sender: str, accounts: Mapping[AccountId, str], header: bytes, blob: BlobId, /) -> None:
        """A message was delivered to `accounts`, each by the address given. `sender` is the envelope's,
        `header` its header block (at most 256 KiB). Must return at once, and never fail."""


class Arrivals:
    """Tells all of them."""

    def __init__(self, *readers: Arrives) -> None:
        self._readers = list(readers)

    def add(self, reader: Arrives) -> None:
        self._readers.append(reader)

    def arrives(self, sender: str, accounts: Mapping[AccountId, str], header: bytes, blob: BlobId, /) -> None:
        for reader in self._readers:
            reader.arrives(sender, accounts, header, blob)
