"""All operations, and which of them are tried against each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.interleaving import imap_operations, jmap_operations, other_operations
from tests.interleaving.operations import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *jmap_operations.EMAIL,
    *jmap_operations.TREE,
    *jmap_operations.SENDING,
    *jmap_operations.OBJECTS,
    *imap_operations.ROWS,
    *imap_operations.NAMES,
    *other_operations.OTHERS,
)


def pairs() -> Iterator[tuple[Operation, Operation]]:
    """Ordered: (first, the one that runs within it). An operation meets itself, too."""
    for a in OPERATIONS:
        for b in OPERATIONS:
            if a.about & b.about:
                yield a, b
