"""Transfer encodings taken off as the octets come (RFC 2045 §6.7, §6.8); gives what
`core.message.body.decoded` gives, without the whole in memory."""

from __future__ import annotations

import binascii
from typing import Final, Protocol

from mailsys.core.message.encoded import base64_octets

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOISE: Final = bytes(c for c in range(256) if c not in _ALPHABET)
_LINE: Final = 64 * 1024  # octets of a line without end that are kept waiting for it


class Decoder(Protocol):
    def feed(self, data: bytes) -> bytes:
        """What can be decoded by now."""

    def end(self) -> bytes:
        """The rest."""


class Base64Decoder:
    def __init__(self) -> None:
        self._held = b""
        self._over = False

    def feed(self, data: bytes) -> bytes:
        if self._over:
            return b""
        data = self._held + data.translate(None, _NOISE)
        stop = data.find(b"=")
        if stop >= 0:  # padding ends it (RFC 4648 §3.3)
            self._over = True
            self._held = b""
            return base64_octets(data[:stop])
        whole = len(data) & ~3
        self._held = data[whole:]
        return binascii.a2b_base64(data[:whole])

    def end(self) -> bytes:
        held, self._held = self._held, b""
        return base64_octets(held) if held else b""


class QuotedPrintableDecoder:
    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        data = self._held + data
        stop = data.rfind(b"\n") + 1  # cut behind a line: white space at its end is no part of it
        if not stop and len(data) > _LINE:
            stop = len(data) - 3 if b"=" in data[-3:] else len(data)  # an endless line: not inside "=XX"
        self._held = data[stop:]
        return binascii.a2b_qp(data[:stop])

    def end(self) -> bytes:
        held, self._held = self._held, b""
        return binascii.a2b_qp(held)


def decoder(encoding: str) -> Decoder:
    """For "base64" or "quoted-printable"."""
    return Base64Decoder() if encoding == "base64" else QuotedPrintableDecoder()
