"""Where a password comes from: a file, standard input, or a question that does not echo."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from mailsys.cli.problem import USAGE, Problem


def ask(source: str | None, prompt: str) -> str:
    """`source`: a file's name, "-" for standard input, None to ask (standard input when that is no
    terminal). The first line counts."""
    if source is not None and source != "-":
        try:
            text = Path(source).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise Problem(f"{source}: {problem}", USAGE) from None
    elif source == "-" or not sys.stdin.isatty():
        text = sys.stdin.readline()
    else:
        text = getpass.getpass(f"{prompt}: ")
        if getpass.getpass("Again: ") != text:
            raise Problem("The two differ")
    password = text.partition("\n")[0].rstrip("\r")
    if not password:
        raise Problem("A password is needed", USAGE)
    return password
