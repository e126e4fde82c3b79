"""What a careful client knows of its mailbox, by nothing but what it is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.conversations.imap.client import ImapClient

_FETCH = re.compile(rb"\* (\d+) FETCH \((?:UID (\d+) ?)?(?:FLAGS \(([^)]*)\) ?)?(?:MODSEQ \((\d+)\))?\)$")


class Picture:
    """What a careful client knows: uid and flags per message, by the rules of RFC 9051 §7."""

    def __init__(self, client: ImapClient, fail: Callable[[str], Any]) -> None:
        self.client = client
        self.fail = fail
        self.rows: list[tuple[int | None, bytes | None]] = []
        self.modseq = 0

    def hear(self, responses: list[bytes], by_number: bool = False) -> None:
        vanished: set[int] = set()
        for line in responses:
            words = line.split(b" ")
            if line.endswith(b" EXISTS"):
                count = int(words[1])
                if count < len(self.rows):
                    self.fail(f"EXISTS shrank: {line!r}")
                self.rows += [(None, None)] * (count - len(self.rows))
            elif line.endswith(b" EXPUNGE"):
                if by_number:
                    self.fail(f"EXPUNGE inside a command by number: {responses!r}")
                del self.rows[int(words[1]) - 1]
            elif line.startswith(b"* VANISHED (EARLIER) "):
                vanished |= numbers(words[3])
            elif line.startswith(b"* VANISHED "):
                if by_number:
                    self.fail(f"VANISHED inside a command by number: {responses!r}")
                vanished |= numbers(words[2])
                for uid in numbers(words[2]):
                    self._vanish(uid)
            elif b" FETCH (" in line:
                found = _FETCH.match(line)
                if found is None:
                    raise AssertionError(f"not understood: {line!r}")
                at = int(found.group(1)) - 1
                if at >= len(self.rows):
                    self.fail(f"FETCH above the announced EXISTS {len(self.rows)}: {responses!r}")
                told, flags = self.rows[at]
                if found.group(2) is not None:
                    if told is not None and told != int(found.group(2)):
                        self.fail(f"message {at + 1} was uid {told}: {line!r}")
                    told = int(found.group(2))
                    if told in vanished:
                        self.fail(f"FETCH of uid {told}, which had VANISHED: {responses!r}")
                if found.group(3) is not None:
                    flags = b" ".join(sorted(set(found.group(3).split()) - {b"\\Recent"}))
                self.rows[at] = told, flags

    def _vanish(self, gone: int) -> None:
        """Uids ascend: a message whose uid is not known yet stands between those that are."""
        unknown: int | None = None
        for at, (uid, _) in enumerate(self.rows):
            if uid == gone:
                del self.rows[at]
                return
            if uid is None and unknown is None:
                unknown = at
            elif uid is not None and uid < gone:
                unknown = None
            elif uid is not None:
                break
        if unknown is None:
            raise AssertionError(f"uid {gone} was never here")
        del self.rows[unknown]

    async def ask(self, command: bytes) -> list[bytes]:
        responses = await self.client.ask(command)
        self.hear(responses, by_number=command.split(b" ")[0] in (b"FETCH", b"STORE", b"SEARCH"))
        return responses


def numbers(text: bytes) -> set[int]:
    found: set[int] = set()
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        found.update(range(int(low), int(high or low) + 1))
    return found
