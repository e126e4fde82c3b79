"""How a command ends."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
REFUSED: Final = 1  # what was asked could not be done
USAGE: Final = 2  # wrong options or settings (argparse's own code)
UNREACHABLE: Final = 3  # the store cannot be reached


class Problem(Exception):
    """Ends the command with a message on standard error."""

    def __init__(self, text: str, code: int = REFUSED) -> None:
        super().__init__(text)
        self.code = code
