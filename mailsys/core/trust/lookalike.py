"""Names that are made to be taken for others: confusable letters, and display names that claim an address.

`skeleton` is a small part of Unicode TS #39 §4: what Latin readers take for Latin letters and digits. Two
names that differ but have one skeleton look alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

LONGEST: Final = 256  # characters of a name that are looked at

# Cyrillic, Greek, Armenian and Latin letters outside of ASCII that look like one inside; digits last.
_LIKE: Final = str.maketrans(
    "авеіјкмнорстухѕԁԛԝҽһӏɡαβεικνορτυχωϲϳոսօցհıłøđħŧ0135",
    "abeijkmhopctyxsdqwehlgabeiknoptuxwcjnuoghilodhtoles",
)
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
)
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "HEBREW", "ARABIC")


@lru_cache(maxsize=4096)
def skeleton(name: str) -> str:
    """What a name looks like, for comparison only. A-labels are shown as a reader would see them."""
    text = ".".join(map(_shown, name[:LONGEST].split("."))) if "xn--" in name.lower() else name[:LONGEST]
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(c for c in text if not unicodedata.combining(c)).translate(_LIKE)
    for pair, single in _PAIRS:
        text = text.replace(pair, single)
    return text.replace("i", "l")  # a capital I and a small L


def _shown(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return label


def looks_like(domain: str, ours: Iterable[str]) -> str:
    """The one of `ours` that `domain` could be taken for, and is not (nor a subdomain of); "" for none."""
    known = list(ours)
    if any(domain == one or domain.endswith("." + one) for one in known):
        return ""
    look = skeleton(domain)
    for one in known:
        other = skeleton(one)
        if look == other or look.endswith("." + other):
            return one
        if f".{other}." in f".{look}.":  # example.com.evil.test
            return one
    return ""


def mixes_scripts(domain: str) -> bool:
    """Whether one label of a domain has letters of several alphabets, as no honest name has."""
    for label in map(_shown, domain[:LONGEST].split(".")):
        if label.isascii():
            continue
        names = [unicodedata.name(c, "") for c in label if c.isalpha()]
        found = {script for name in names for script in _SCRIPTS if name.startswith(script)}
        if len(found) > 1:
            return True
    return False


def claimed_address(name: str, address: str) -> str:
    """Another address of another domain that a display name contains; "" when it has none."""
    found = _ADDRESS.search(name[:LONGEST])
    if found is None:
        return ""
    claimed = found[0].lower()
    same = claimed.rpartition("@")[2] == address.lower().rpartition("@")[2]
    return "" if same else claimed


def folded_name(name: str) -> str:
    """A person's name as it is compared with others': its look, words in any order."""
    return " ".join(sorted(skeleton(" ".join(name.replace(",", " ").split())).split()))
