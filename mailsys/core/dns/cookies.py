"""DNS cookies: who shows ours again is at the address that he seems to be at (RFC 7873, RFC 9018)."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Final

_M: Final = (1 << 64) - 1
CLIENT: Final = 8  # octets of a client's part
_FULL: Final = 24
_GOOD_FOR: Final = 3600  # seconds (RFC 9018 §4.3)
_RENEW_AFTER: Final = 1800
_AHEAD: Final = 300


def siphash(key: bytes, data: bytes) -> bytes:
    """SipHash-2-4."""
    k0, k1 = struct.unpack("<QQ", key)
    v0, v1, v2, v3 = (
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    )
    whole = len(data) // 8 * 8
    last = data[whole:].ljust(7, b"\x00") + bytes((len(data) & 0xFF,))
    for word in struct.unpack(f"<{whole // 8 + 1}Q", data[:whole] + last):
        v3 ^= word
        for _ in (1, 2):
            v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= word
    v2 ^= 0xFF
    for _ in (1, 2, 3, 4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return struct.pack("<Q", v0 ^ v1 ^ v2 ^ v3)


def _round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = (v0 + v1) & _M
    v1 = ((v1 << 13) | (v1 >> 51)) & _M ^ v0
    v0 = ((v0 << 32) | (v0 >> 32)) & _M
    v2 = (v2 + v3) & _M
    v3 = ((v3 << 16) | (v3 >> 48)) & _M ^ v2
    v0 = (v0 + v3) & _M
    v3 = ((v3 << 21) | (v3 >> 43)) & _M ^ v0
    v2 = (v2 + v1) & _M
    v1 = ((v1 << 17) | (v1 >> 47)) & _M ^ v2
    v2 = ((v2 << 32) | (v2 >> 32)) & _M
    return v0, v1, v2, v3


class Cookies:
    """`secret`: 16 octets that all our servers of one name share."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def made(self, client: bytes, address: str, now: float) -> bytes:
        """The whole cookie for a client's part (RFC 9018 §4)."""
        head = client + b"\x01\x00\x00\x00" + struct.pack("!I", int(now) & 0xFFFFFFFF)
        return head + siphash(self._secret, head + ip_address(address).packed)

    def check(self, cookie: bytes, address: str, now: float) -> bool:
        """Whether it is ours, made for this address, and not too old."""
        if len(cookie) != _FULL or cookie[8] != 1:
            return False
        age = (int(now) - struct.unpack_from("!I", cookie, 12)[0] + (1 << 31)) % (1 << 32) - (1 << 31)
        if not -_AHEAD <= age <= _GOOD_FOR:
            return False
        return siphash(self._secret, cookie[:16] + ip_address(address).packed) == cookie[16:]

    def answer(self, cookie: bytes, address: str, now: float) -> tuple[bytes, bool]:
        """The cookie to send back, and whether the one shown is good."""
        good = self.check(cookie, address, now)
        if good and int(now) - struct.unpack_from("!I", cookie, 12)[0] < _RENEW_AFTER:
            return cookie, True
        return self.made(cookie[:CLIENT], address, now), good
