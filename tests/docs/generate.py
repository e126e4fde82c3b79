"""The parts of the documentation that are printed from the code. `make docs` writes them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

from mailsys.settings import Settings
from mailsys.settings_file import fields, sections

ROOT = Path(__file__).parents[2]
STANDARDS = ROOT / "mailsys" / "standards.toml"


def settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "One TOML file, read at start. `mailsys setup` writes it, `mailsys settings --example` prints it",
        "with all defaults, `mailsys settings --config FILE` checks one. A mistake is told by its path,",
        "such as `limits.message_size: must be at least 1`. This page is printed by `make docs`.",
        "",
        '- **duration**: seconds, or text such as `"90s"`, `"5m"`, `"4h"`, `"5d"`.',
        '- **size**: octets, or text such as `"64KiB"`, `"50MB"`.',
        '- **listen**: `"address:port"`; `"[::]:25"` takes IPv4 and IPv6.',
        "",
    ]
    for title, section in sections(Settings()):
        lines += [f"## {f'[{title}]' if title else 'Top of the file'}", ""]
        if title:
            lines += [(type(section).__doc__ or "").strip(), ""]
        lines += ["| setting | takes | default | |", "| --- | --- | --- | --- |"]
        for name, value, description, kind in fields(section):
            lines.append(f"| `{name}` | {kind} | `{value}` | {description} |")
        lines.append("")
    return "\n".join(lines)


def standards_table() -> str:
    lines = ["| RFC | | status |", "| --- | --- | --- |"]
    for each in tomllib.loads(STANDARDS.read_text())["rfc"]:
        note = f": {each['note']}" if "note" in each else ""
        link = f"[{each['number']}](https://www.rfc-editor.org/rfc/rfc{each['number']})"
        lines.append(f"| {link} | {each['title']} | {each['status']}{note} |")
    return "\n".join(lines) + "\n"


def between(text: str, name: str, part: str) -> str:
    """`text` with what stands between its two markers of that name replaced."""
    begin, end = f"<!-- {name}: printed by `make docs` -->\n", f"<!-- end of {name} -->"
    head, found, rest = text.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"the markers of {name} are missing")
    return head + begin + part + end + tail


PAGES: dict[str, Callable[[str], str]] = {
    "docs/settings.md": lambda _: settings_page(),
    "README.md": lambda text: between(text, "standards", standards_table()),
}


def main() -> None:
    for name, make in PAGES.items():
        path = ROOT / name
        path.write_text(make(path.read_text() if path.exists() else ""))


if __name__ == "__main__":
    main()
