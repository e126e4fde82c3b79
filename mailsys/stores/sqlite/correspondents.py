"""Whom an account writes to and hears from, for suggestions."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import apsw

from mailsys.ports.correspondents import Correspondent
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.rows import one, values

_LAST = "\U0010ffff"


def _name_of(sender: str, address: str) -> str:
    """The display name in `Name <address>`, when it is this address that it names."""
    name, bracket, rest = sender.rpartition(" <")
    if not bracket or rest.rstrip(">").casefold() != address.casefold():
        return ""
    return name.strip().strip('"').encode("utf-8", "replace").decode("utf-8")[:200]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def credit(batch: Batch, account: int, heard_from: str, sent_to: tuple[str, ...], sender: str) -> None:
    """One more message from `heard_from`, one more to each of `sent_to`."""
    add = batch.insert["correspondent"]
    if heard_from:
        name = _name_of(sender, heard_from)
        add((account, heard_from, name, _folded(name), 0, 1))
    for address in sent_to:
        add((account, address, "", "", 1, 0))


def discredit(batch: Batch, account: int, addresses: tuple[str, ...]) -> None:
    """Mail to these came back: each counts as three sent messages less, so that one slip of the keys is not
    suggested again."""
    names = apsw.carray(tuple(dict.fromkeys(addresses)))
    batch.execute(
        """UPDATE correspondent SET sent = max(0, sent - 3)
        WHERE account = ? AND address IN (SELECT value FROM carray(?))""",
        (account, names),
    )
    batch.execute(
        """DELETE FROM correspondent WHERE account = ? AND address IN (SELECT value FROM carray(?))
        AND sent = 0 AND received = 0""",
        (account, names),
    )


def find(connection: apsw.Connection, account: int, prefix: str, limit: int) -> list[Correspondent]:
    """Ranges of the two indexes instead of LIKE: `%` and `_` in a prefix are just characters."""
    folded = _folded(prefix)
    row = one(
        connection,
        """SELECT json_group_array(json_array(address, name, sent, received)) FROM (
            SELECT address, name, sent, received FROM (
                SELECT address, name, sent, received FROM correspondent
                WHERE account = ?1 AND address >= ?2 AND address < ?3
                UNION
                SELECT address, name, sent, received FROM correspondent INDEXED BY correspondent_name
                WHERE account = ?1 AND folded >= ?2 AND folded < ?3)
            ORDER BY 3 * sent + received DESC, address LIMIT ?4)""",
        (account, folded, folded + _LAST, limit),
    )
    return [Correspondent(*found) for found in values(row[0])]


def known(connection: apsw.Connection, account: int, addresses: Sequence[str]) -> list[Correspondent]:
    if not addresses:
        return []  # apsw refuses an empty array
    row = one(
        connection,
        """SELECT json_group_array(json_array(address, name, sent, received)) FROM carray(?2) w
        CROSS JOIN correspondent ON account = ?1 AND address = w.value""",
        (account, apsw.carray(tuple(dict.fromkeys(addresses)))),
    )
    return [Correspondent(*found) for found in values(row[0])]
