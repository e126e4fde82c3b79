"""Sequence sets (RFC 9051 §9: sequence-set), bounded and normalised."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as given, `*` kept as 0 until resolved; `saved` is RFC 5182's "$"."""

    ranges: tuple[tuple[int, int], ...] = ()
    saved: bool = False
