"""Secrets of accounts, encrypted in the store with a key that is not in it: who gets hold of the database
alone, or of a copy of it, cannot use them, nor guess at passwords whose hashes are among them."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MARK: Final = "aes256gcm:"
_NONCE: Final = 12  # octets (RFC 5116 §5.1)


class Unreadable(Exception):
    """It was written with another key, or changed."""


def is_hidden(kept: str) -> bool:
    return kept.startswith(_MARK)


class AtRest:
    """`secret`: 16 to 64 octets that all processes share and that stay the same over restarts."""

    def __init__(self, secret: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(hashlib.blake2b(b"secrets at rest", key=secret[:64], digest_size=32).digest())
        self._random = random_bytes

    def hide(self, text: str, whose: str) -> str:
        """What to keep for `text`. `whose` tells its place: moved to another it cannot be read."""
        nonce = self._random(_NONCE)
        return _MARK + urlsafe_b64encode(
            nonce + self._cipher.encrypt(nonce, text.encode(), whose.encode())
        ).decode("ascii")

    def show(self, kept: str, whose: str) -> str:
        """The text again. What was kept before secrets were hidden is given back as it is."""
        if not is_hidden(kept):
            return kept
        octets = urlsafe_b64decode(kept.removeprefix(_MARK))
        try:
            return self._cipher.decrypt(octets[:_NONCE], octets[_NONCE:], whose.encode()).decode()
        except InvalidTag:
            raise Unreadable(f"the secret of {whose} was written with another key") from None
