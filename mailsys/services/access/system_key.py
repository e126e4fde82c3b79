"""The system's key: 32 octets of chance that stay the same, from which all else that is secret for long is
made (what seals secrets in the store, signs links, and is told to push services).

It is read from where the settings say (`secrets.key`), else from systemd's credential "mailsys-key"
(systemd.exec(5), LoadCredential), else from the file "secret" in the state folder, which is made when it is
missing. Beside the store it protects nothing: who copies the folder has both.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

OCTETS: Final = 32
CREDENTIAL: Final = "mailsys-key"
_BESIDE: Final = "secret"
_SEALED_WITH: Final = "sealed-with"  # names the key that a store is sealed with; nobody learns the key by it
_RESEALING: Final = "resealing"  # and the names of both keys


class KeyProblem(Exception):
    """The key is missing, damaged, or another than the store was sealed with. The text is for operators."""


def system_key(setting: str, state: Path, environment: Mapping[str, str] = os.environ) -> bytes:
    """The key of the system whose state folder this is. `setting`: path of its file, absolute or relative to
    the state folder; "" for the usual places. Raises KeyProblem, OSError."""
    beside = state / _BESIDE
    path = _elsewhere(setting, state, environment)
    if path is None or path.absolute() == beside.absolute():
        if not beside.exists() and (state / _SEALED_WITH).exists():  # a new one would look right
            raise KeyProblem(
                f"{beside}: the key is missing that this store is sealed with. Put it back from a backup, "
                "or say where it is (secrets.key, or systemd's credential mailsys-key)."
            )
        key = _read(beside) if beside.exists() else _make(beside)
    else:
        if not path.exists():
            raise KeyProblem(
                f"{path}: there is no such file. Move {beside} there, or make a key for a new system: "
                f"head -c {OCTETS} /dev/urandom > {path}"
            )
        key = _read(path)
        if beside.exists() and _read(beside) != key:
            raise KeyProblem(
                f"{path} is another key than {beside}, with which this store was sealed. Move that one there."
            )
    return key


def _elsewhere(setting: str, state: Path, environment: Mapping[str, str]) -> Path | None:
    if setting:
        return state / setting
    folder = environment.get("CREDENTIALS_DIRECTORY", "")
    found = Path(folder) / CREDENTIAL
    return found if folder and found.exists() else None


def is_sealed(state: Path, key: bytes) -> bool:
    """Whether the store of that folder was sealed with this key; False: it was not sealed yet. KeyProblem:
    with another."""
    path = state / _SEALED_WITH
    try:
        name = path.read_text("ascii").strip()
    except FileNotFoundError:
        return False
    if name.startswith(_RESEALING):
        raise KeyProblem(
            f"{state}: its secrets are half sealed under another key ({name}). Run `mailsys secrets reseal` "
            "again, with the same new key."
        )
    if name != _name(key):
        raise KeyProblem(
            f"{state}: the secrets of this store were sealed with another key ({name}; the one given is "
            f"{_name(key)}). Restore that key, or nobody can sign in and no mail can be signed."
        )
    return True


def note_resealing(state: Path, old: bytes, new: bytes) -> None:
    """Neither key is enough until `note_sealed`. KeyProblem: the store is sealed with another."""
    path = state / _SEALED_WITH
    name = f"{_RESEALING} {_name(old)} {_name(new)}"
    standing = path.read_text("ascii").strip() if path.exists() else _name(old)
    if standing == _name(new):
        raise KeyProblem(f"{state}: its secrets are sealed under the new key already.")
    if standing not in (_name(old), name):
        raise KeyProblem(
            f"{state}: the secrets of this store were sealed with another key ({standing}; the one given is "
            f"{_name(old)})."
        )
    _write(path, name.encode("ascii") + b"\n")


def key_in(path: Path) -> bytes:
    """The key of that file. Raises KeyProblem, OSError."""
    return _read(path)


def note_sealed(state: Path, key: bytes) -> None:
    _write(state / _SEALED_WITH, _name(key).encode("ascii") + b"\n")


def _name(key: bytes) -> str:
    return hashlib.blake2b(b"the name of a key", key=key, digest_size=8).hexdigest()


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != OCTETS:
        raise KeyProblem(
            f"{path}: damaged: a key has {OCTETS} octets. Restore it from a backup: without it, secrets in "
            "the store cannot be read."
        )
    return key


def _make(path: Path) -> bytes:
    key = os.urandom(OCTETS)
    _write(path, key)
    return key


def _write(path: Path, content: bytes) -> None:
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
