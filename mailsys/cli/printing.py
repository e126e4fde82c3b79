"""Results for people: tables, and `name: value` lines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager


def show_json(result: object) -> None:
    json.dump(result, sys.stdout, ensure_ascii=False, separators=(",", ":"))
    print()


def show_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], nothing: str) -> None:
    """`columns` in order; `nothing` is said when there are no rows."""
    if not rows:
        print(nothing)
        return
    lines = [[name.replace("_", " ") for name in columns]]
    lines += [[text(row.get(name), name) for name in columns] for row in rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def show_fields(values: Mapping[str, object], columns: Sequence[str]) -> None:
    width = max(len(name) for name in columns) + 1
    for name in columns:
        print(f"{name.replace('_', ' ') + ':':{width + 1}} {text(values.get(name), name)}")


def text(value: object, name: str = "") -> str:
    """One value, on one line and without control characters: remote words are among them."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in ("at", "due", "created", "changed") and isinstance(value, int | float):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
    if name in ("size", "used", "quota") and isinstance(value, int):
        return octets(value)
    if isinstance(value, list | tuple):
        return ", ".join(text(each) for each in value) or "-"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={text(each)}" for key, each in value.items())
    return "".join(each if each.isprintable() else "?" for each in str(value))


def octets(size: int) -> str:
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


@contextmanager
def progress() -> Iterator[Callable[[Mapping[str, object]], None]]:
    """A line that is written over on a terminal's standard error; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda at: None
        return

    def show(at: Mapping[str, object]) -> None:
        of = f" of {at['total']}" if at["total"] else ""
        sys.stderr.write(f"\r\x1b[K{text(at['what'])}: {at['done']}{of}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write("\r\x1b[K")
