"""What ties a folder to its database: a number in both.

A database that is gone, empty or another's is not taken for a new store: that would answer 550 to the
mail of everybody who had an account, and sweep the files of all their mail.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import Final

import apsw

from mailsys.log import Log
from mailsys.stores.sqlite.disk import Disk
from mailsys.stores.sqlite.files import BLOBS
from mailsys.stores.sqlite.rows import one
from mailsys.stores.sqlite.schema import StoreError

log = Log("store")

MARK: Final = "store.id"
_COUNTER: Final = "store"  # its row in the table of numbers


class StoreGone(StoreError):
    """The folder held mail, and its database is not there."""


def refuse_emptied(folder: str, database: str, empty: bool) -> None:
    """Raises StoreGone when `folder` held a store and the database is `empty` or missing."""
    mark = os.path.join(folder, MARK)
    files = os.path.join(folder, BLOBS)
    if empty and (os.path.exists(mark) or next(_files(files), None) is not None):
        raise StoreGone(
            f"{database}: the mail database is missing or empty, but this folder has held mail "
            f"({MARK}, {BLOBS}). Put the database back from a backup; nothing was changed. To begin anew, "
            f"without the mail that was here, move the whole folder {folder} away first."
        )


def tie(folder: str, database: str, connection: apsw.Connection, disk: Disk) -> None:
    """Agree on the number; the first time, make it. Raises StoreGone for another store's database."""
    mark = os.path.join(folder, MARK)
    try:
        with open(mark, encoding="ascii") as file:
            marked = int(file.read(32), 16)
    except FileNotFoundError:
        marked = 0
    except ValueError:
        raise StoreError(f"{mark}: damaged. Remove it, if {database} is the right database.") from None
    row = one(connection, "SELECT value FROM counter WHERE name = ?", (_COUNTER,))
    number = int(row[0]) if row else 0
    if marked and number and marked != number:
        raise StoreGone(
            f"{database}: this is the database of another store ({number:x}, and {MARK} says {marked:x}); "
            f"the mail of this folder is not in it. Put the right one back; or remove {mark} if you mean it."
        )
    if not number:
        number = marked or secrets.randbits(62) + 1
        connection.execute("INSERT INTO counter VALUES (?, ?)", (_COUNTER, number)).fetchall()
    if not marked:
        disk.put(mark, f"{number:x}\n".encode("ascii"))


def _files(folder: str) -> Iterator[str]:
    if os.path.isdir(folder):
        for below in os.scandir(folder):
            if below.is_dir():
                yield from (each.path for each in os.scandir(below.path))
