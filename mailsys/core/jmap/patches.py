"""PatchObject (RFC 8620 §5.3)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from mailsys.core.jmap.problems import SetError
from mailsys.core.jmap.references import tokens


def apply_patch(
    original: dict[str, Any], patch: dict[str, Any], defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`original` with the patch applied; itself left alone. null removes, or at the top sets the
    default where there is one. Raises SetError (invalidPatch) for a pointer into an array, one whose
    parent does not exist, and one that is a prefix of another."""
    paths = read_patch(patch)
    patched = copy.deepcopy(original) if any(len(path) > 1 for path, _ in paths) else dict(original)
    for path, value in paths:
        at: Any = patched
        for token in path[:-1]:
            if isinstance(at, list):
                raise SetError("invalidPatch", f"{'/'.join(path)[:100]!r} points into an array.")
            if not isinstance(at, dict) or token not in at:
                raise SetError("invalidPatch", f"There is nothing that {'/'.join(path)[:100]!r} could be in.")
            at = at[token]
        if not isinstance(at, dict):
            raise SetError("invalidPatch", f"{'/'.join(path)[:100]!r} does not point into an object.")
        if value is not None:
            at[path[-1]] = value
        elif at is patched and defaults is not None and path[-1] in defaults:
            at[path[-1]] = copy.deepcopy(defaults[path[-1]])
        elif at is patched:
            at[path[-1]] = None  # whether it may be null is the property's to say
        else:
            at.pop(path[-1], None)
    return patched


def read_patch(patch: dict[str, Any]) -> list[tuple[list[str], Any]]:
    """The patch's pointers, taken apart, and their values. Raises SetError (invalidPatch) for what is no
    pointer, and for one that is a prefix of another."""
    paths: list[tuple[list[str], Any]] = []
    for pointer, value in patch.items():
        try:
            paths.append((tokens("/" + pointer), value))
        except ValueError as error:
            raise SetError("invalidPatch", f"{pointer[:100]!r}: {error}.") from error
    _no_prefixes([path for path, _ in paths])
    return paths


def _no_prefixes(paths: list[list[str]]) -> None:
    ordered = sorted(paths)
    for one, following in pairwise(ordered):
        if following[: len(one)] == one:
            raise SetError("invalidPatch", f"{'/'.join(one)[:100]!r} is a prefix of another pointer.")
