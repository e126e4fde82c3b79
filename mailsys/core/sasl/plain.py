"""PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login): the password itself, under TLS."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from mailsys.core.sasl.failure import SaslMalformed

LONGEST_NAME: Final = 1024  # octets
LONGEST_PASSWORD: Final = 4096  # octets


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says to be `name` and shows a password. `acting_as` is empty or the authzid."""

    name: str
    password: str
    acting_as: str = ""


def _text(data: bytes, longest: int, what: str) -> str:
    if len(data) > longest:
        raise SaslMalformed(f"{what} is too long")
    if b"\0" in data:
        raise SaslMalformed(f"{what} contains NUL")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SaslMalformed(f"{what} is not UTF-8") from error


def parse_plain(message: bytes) -> Claim:
    """RFC 4616 §2: message = [authzid] UTF8NUL authcid UTF8NUL passwd. Raises SaslMalformed."""
    if len(message) > 2 * LONGEST_NAME + LONGEST_PASSWORD + 2:
        raise SaslMalformed("PLAIN message is too long")
    parts = message.split(b"\0", 3)
    if len(parts) != 3:
        raise SaslMalformed("PLAIN message needs two NULs")
    name = _text(parts[1], LONGEST_NAME, "authcid")
    password = _text(parts[2], LONGEST_PASSWORD, "passwd")
    if not name or not password:
        raise SaslMalformed("authcid and passwd may not be empty")  # 1*SAFE each
    return Claim(name, password, _text(parts[0], LONGEST_NAME, "authzid"))


class _Ask(Enum):
    NAME = auto()
    PASSWORD = auto()
    NOTHING = auto()


class Login:
    """LOGIN's two questions. `take` gives the next one, or the claim once both are answered."""

    __slots__ = ("_ask", "_name")

    def __init__(self) -> None:
        self._ask = _Ask.NAME
        self._name = ""

    def take(self, message: bytes | None) -> bytes | Claim:
        """The client's next message; None: it sent no initial response. Raises SaslMalformed."""
        if message is None:
            if self._ask is not _Ask.NAME:
                raise SaslMalformed("an answer is due")
            return b"Username:"
        if self._ask is _Ask.NAME:
            self._name = _text(message, LONGEST_NAME, "user name")
            if not self._name:
                raise SaslMalformed("user name is empty")
            self._ask = _Ask.PASSWORD
            return b"Password:"
        if self._ask is _Ask.PASSWORD:
            password = _text(message, LONGEST_PASSWORD, "password")
            if not password:
                raise SaslMalformed("password is empty")
            self._ask = _Ask.NOTHING
            return Claim(self._name, password)
        raise SaslMalformed("the exchange is over")
