"""The tables of what the content filter is taught and knows (`ports.learning`)."""

from __future__ import annotations

from typing import Final

# number: another each time that the lesson is taught. spam NULL: unlearn.
LESSONS: Final = """
CREATE TABLE lesson (
    account INTEGER, blob INTEGER, number INTEGER NOT NULL, spam INTEGER, PRIMARY KEY (account, blob))
    WITHOUT ROWID;
CREATE INDEX lesson_number ON lesson (number);
CREATE INDEX lesson_blob ON lesson (blob);
"""

# scope: an account, or 0. key: of a token, or the first 64 bits of a blob's id: the blob may be gone, and
# come again. day: since 1970, when it was last learned. shared: whether scope 0 learned it as well.
KNOWLEDGE: Final = """
CREATE TABLE token (
    scope INTEGER, key INTEGER, spam INTEGER NOT NULL, ham INTEGER NOT NULL, day INTEGER NOT NULL,
    PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE learned (
    scope INTEGER, key INTEGER, spam INTEGER NOT NULL, shared INTEGER NOT NULL, day INTEGER NOT NULL,
    PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE known (
    scope INTEGER PRIMARY KEY, spam INTEGER NOT NULL, ham INTEGER NOT NULL, tokens INTEGER NOT NULL,
    learned INTEGER NOT NULL);
"""
