"""Octets to text in the charset a message claims, or the one it probably meant."""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases
from functools import lru_cache
from typing import Final

# Only codecs named here are ever looked up: `codecs.lookup` of a stranger's name tries an import
# and remembers each miss for ever. Codecs that are no charsets, or are quadratic, stay out.
_NOT_CHARSETS: Final = frozenset(
    [
        *("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "tactis"),
        *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"),
    ]
)
# What mail calls them, and supersets that senders really use under the smaller name.
_MAIL_NAMES: Final = {
    "us_ascii": "ascii",
    "iso_8859_1": "cp1252",
    "iso8859_1": "cp1252",
    "latin_1": "cp1252",
    "latin1": "cp1252",
    "iso_latin_1": "cp1252",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "big5": "cp950",
    "big5_hkscs": "big5hkscs",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "windows_31j": "cp932",
    "ks_c_5601_1987": "cp949",
    "ks_c_5601_1989": "cp949",
    "ksc5601": "cp949",
    "euc_kr": "cp949",
    "iso_2022_jp": "iso2022_jp_ext",
    "windows_874": "cp874",
    "tis_620": "cp874",
    "windows_949": "cp949",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
    "x_mac_cyrillic": "mac_cyrillic",
    "koi8_ru": "koi8_u",
    "utf8mb4": "utf_8",
    "x_unicode_2_0_utf_7": "utf_7",
    "unicode_1_1_utf_7": "utf_7",
    "unicode_1_1_utf_8": "utf_8",
}
_DEFINED: Final = bytes(0 if c in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else c for c in range(256))
_EXTRA: Final = ("cp874", "cp737", "cp856", "koi8_t", "koi8_u", "mac_cyrillic", "cp720", "cp1006")
_OTHER: Final = re.compile(r"[^a-z0-9]+")
_WINDOW: Final = 64 * 1024


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    names = set(aliases.values()) | set(_EXTRA)
    return frozenset(names - _NOT_CHARSETS)


@lru_cache(maxsize=256)
def codec(charset: str) -> str | None:
    """Python's codec for a MIME charset name, None when it is no charset we know."""
    if len(charset) > 60:
        return None
    name = _OTHER.sub("_", charset.lower()).strip("_")
    name = _MAIL_NAMES.get(name, name)
    name = aliases.get(name, name)
    name = _MAIL_NAMES.get(name, name)
    if name not in _known():
        return None
    try:
        b"".decode(name)
    except (LookupError, ValueError):  # not built into this interpreter
        return None
    return name


def _strict(data: bytes, name: str) -> str | None:
    if len(data) <= _WINDOW:
        try:
            return data.decode(name)
        except (UnicodeError, ValueError):
            return None
    decoder = codecs.getincrementaldecoder(name)("strict")
    try:
        # Long text may be a prefix of a longer one: an incomplete last character is no reason to doubt.
        return "".join([decoder.decode(data[at : at + _WINDOW]) for at in range(0, len(data), _WINDOW)])
    except (UnicodeError, ValueError):
        return None


def decode(data: bytes, charset: str | None = None) -> str:
    """`data` in its declared charset, else as UTF-8, else as windows-1252. Never raises."""
    if data.isascii() and (charset is None or charset.lower() in ("us-ascii", "utf-8", "iso-8859-1")):
        return data.decode("ascii")
    if charset:
        name = codec(charset)
        if name is not None and name != "ascii":
            text = _strict(data, name)
            if text is not None:
                if name == "utf_7":  # alone among them it makes lone surrogates, which nothing can store
                    text = text.encode("utf-8", "replace").decode("utf-8")
                return text
    text = _strict(data, "utf_8")
    if text is None and charset and (name := codec(charset)) in _SEVERAL_OCTETS:
        return _replaced(data, name)
    if text is None and _resembles_utf_8(data):
        return _replaced(data, "utf_8")
    if text is None:
        # The codec's own replacement costs 0.1 us an octet; NUL stands for what is undefined instead.
        text = data.translate(_DEFINED).decode("cp1252").replace("\0", "\ufffd")
    return text


_PRINTABLE: Final = bytes(range(32, 127))


@lru_cache(maxsize=256)
def _extends_ascii(name: str) -> bool:
    return _strict(_PRINTABLE, name) == _PRINTABLE.decode("ascii")


def header_in_utf_8(value: bytes, charset: str | None) -> bytes:
    """A field's value as UTF-8. Old mail has its subject and names in the octets of the charset that it
    declares for its text; what is UTF-8 already, or cannot be in that charset, stays as it is."""
    if value.isascii() or charset is None or _strict(value, "utf_8") is not None or _resembles_utf_8(value):
        return value
    name = codec(charset)
    text = _strict(value, name) if name is not None and _extends_ascii(name) else None
    return value if text is None else text.encode("utf-8")


# A few bad octets must not turn all of a text into another: U+FFFD stands for them (RFC 8621 §4.1.4).
_SEVERAL_OCTETS: Final = frozenset(("gb18030", "cp950", "cp932", "cp949", "euc_jp", "iso2022_jp_ext"))
_STEP: Final = 16 * 1024  # replacement costs 0.1 us an octet


def _replaced(data: bytes, name: str) -> str:
    decoder = codecs.getincrementaldecoder(name)("replace")
    pieces = [decoder.decode(data[at : at + _STEP]) for at in range(0, len(data), _STEP)]
    return "".join(pieces) + decoder.decode(b"", True)


_ASCII: Final = bytes(range(0x80))
_ONE_HIGH: Final = re.compile(rb"[\x80-\xff]")
_IN_ORDER: Final = re.compile(  # RFC 3629 §3, near enough
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


def _resembles_utf_8(data: bytes) -> bool:
    """Whether most of what is not ASCII, where it begins, is in order."""
    first = _ONE_HIGH.search(data)
    sample = b"" if first is None else data[first.start() : first.start() + _STEP]
    high = len(sample.translate(None, _ASCII))
    wrong = len(_IN_ORDER.sub(b"", sample).translate(None, _ASCII))
    return wrong < high - wrong
