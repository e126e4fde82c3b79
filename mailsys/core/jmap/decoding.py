"""Content-Transfer-Encodings undone as the octets come (RFC 2045 §6), in bounded memory."""

from __future__ import annotations

import binascii
from typing import Final

from mailsys.core.message.encoded import base64_octets

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOISE: Final = bytes(c for c in range(256) if c not in _ALPHABET)
_LONGEST_HELD: Final = 64 * 1024


class Decoder:
    """`feed` gives what can be told so far, `finish` the rest. Never raises: what is damaged is
    decoded as far as it goes."""

    __slots__ = ("_done", "_encoding", "_held")

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding  # "base64", "quoted-printable"; anything else is none
        self._held = b""
        self._done = False

    def feed(self, data: bytes) -> bytes:
        if self._encoding == "base64":
            return self._base64(data)
        if self._encoding == "quoted-printable":
            return self._quoted_printable(data)
        return data

    def _base64(self, data: bytes) -> bytes:
        if self._done:
            return b""
        data = self._held + data.translate(None, _NOISE)
        stop = data.find(b"=")
        if stop >= 0:  # padding ends it (RFC 4648 §3.3)
            self._done, self._held = True, b""
            return base64_octets(data[:stop])
        whole = len(data) & ~3
        self._held = data[whole:]
        return binascii.a2b_base64(data[:whole])

    def _quoted_printable(self, data: bytes) -> bytes:
        data = self._held + data
        stop = data.rfind(b"\n") + 1
        if not stop:
            if len(data) < _LONGEST_HELD:
                self._held = data
                return b""
            sign = data.rfind(b"=", len(data) - 3)  # an endless line: cut, but not inside "=XX"
            stop = sign if sign > 0 else len(data)
        self._held = data[stop:]
        return binascii.a2b_qp(data[:stop])

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        if not held:
            return b""
        return base64_octets(held) if self._encoding == "base64" else binascii.a2b_qp(held)
