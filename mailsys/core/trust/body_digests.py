"""SHA-256 of a body in every form that a message's signatures ask for, in one pass over its windows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from mailsys.core.trust.relaxed_body import RelaxedBody
from mailsys.core.trust.simple_body import SimpleBody

Form: TypeAlias = tuple[bool, int | None]  # relaxed?, l=


@dataclass(frozen=True, slots=True)
class BodyDigest:
    """`octets` of the whole canonical body. `digest` None: it is shorter than l= says."""

    digest: bytes | None
    octets: int


class BodyDigests:
    """However many signatures, and however many values of l=, each canonical form is hashed once."""

    def __init__(self, forms: Iterable[Form]) -> None:
        lengths: dict[bool, set[int]] = {}
        for relaxed, length in forms:
            lengths.setdefault(relaxed, set()).update(() if length is None else (length,))
        self._hashes = {relaxed: _Hash(wanted) for relaxed, wanted in lengths.items()}
        self._bodies = [
            (RelaxedBody if relaxed else SimpleBody)(each.update) for relaxed, each in self._hashes.items()
        ]

    def feed(self, window: bytes) -> None:
        for body in self._bodies:
            body.feed(window)

    def finish(self) -> None:
        for body in self._bodies:
            body.finish()

    def get(self, form: Form) -> BodyDigest:
        """After `finish`, for a form that was asked for."""
        found = self._hashes[form[0]]
        digest = found.sha256.digest() if form[1] is None else found.cut.get(form[1])
        return BodyDigest(digest, found.octets)


class _Hash:
    def __init__(self, lengths: Iterable[int]) -> None:
        self.sha256 = hashlib.sha256()
        self.octets = 0
        self.cut: dict[int, bytes] = {}
        self._lengths = sorted(lengths, reverse=True)
        self._take_due()

    def update(self, data: bytes) -> None:
        while self._lengths and self._lengths[-1] <= self.octets + len(data):
            room = self._lengths[-1] - self.octets
            self._add(data[:room])
            data = data[room:]
            self._take_due()
        self._add(data)

    def _add(self, data: bytes) -> None:
        self.sha256.update(data)
        self.octets += len(data)

    def _take_due(self) -> None:
        while self._lengths and self._lengths[-1] == self.octets:
            self.cut[self._lengths.pop()] = self.sha256.digest()
