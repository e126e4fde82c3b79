"""A header block as signatures see it (RFC 6376 §3.4.1, §3.4.2, §5.4.2), each field made canonical once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailsys.core.message.header import scan
from mailsys.core.smtp.wire_body import LineEnds


class SignedFields:
    """Its fields in order from the top, by index. All of it is linear in the octets of the block, however
    many signatures ask (dkimpy: fields times names)."""

    __slots__ = ("_by_name", "_raw", "_relaxed", "names")

    def __init__(self, block: bytes) -> None:
        if block.count(b"\n") != block.count(b"\r\n") or block.count(b"\r") != block.count(b"\r\n"):
            ends = LineEnds()
            block = ends.feed(block) + ends.finish()
        self.names: list[bytes] = []  # lower case
        self._raw: list[tuple[bytes, bytes]] = []  # up to the colon included, and the rest with its CRLF
        self._by_name: dict[bytes, list[int]] = {}
        for field in scan(block):
            if not field.name:
                continue
            value = block[field.value : field.end]
            if not value.endswith(b"\r\n"):
                value += b"\r\n"
            self._by_name.setdefault(field.name, []).append(len(self.names))
            self.names.append(field.name)
            self._raw.append((block[field.start : field.value], value))
        self._relaxed: list[bytes | None] = [None] * len(self.names)

    def every(self, name: bytes) -> Sequence[int]:
        """The fields of that name (lower case)."""
        return self._by_name.get(name, ())

    def value(self, index: int) -> bytes:
        """As it stands behind the colon, folds and final CRLF included."""
        return self._raw[index][1]

    def canonical(self, index: int, relaxed: bool) -> bytes:
        if not relaxed:
            return b"".join(self._raw[index])
        known = self._relaxed[index]
        if known is None:
            known = self._relaxed[index] = relaxed_field(self.names[index], self._raw[index][1])
        return known

    def unsigned(self, index: int, value: bytes, relaxed: bool) -> bytes:
        """A field with another value than it has (that of `b=` taken out), as the last thing that is
        signed: without line end."""
        if relaxed:
            return relaxed_field(self.names[index], value)[:-2]
        return (self._raw[index][0] + value).removesuffix(b"\r\n")

    def chosen(self, names: Sequence[bytes]) -> Iterator[int]:
        """The fields that a list of names (lower case) means: a name that stands there n times means the
        n lowest of its kind, from the bottom up; one too many means nothing."""
        taken: dict[bytes, int] = {}
        for name in names:
            fields = self._by_name.get(name)
            if fields is None:
                continue
            count = taken.get(name, 0) + 1
            if count <= len(fields):
                taken[name] = count
                yield fields[-count]


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376 §3.4.2; `name` in lower case already."""
    value = value.replace(b"\r\n", b"").replace(b"\t", b" ")
    while b"  " in value:  # each turn halves the runs
        value = value.replace(b"  ", b" ")
    return name + b":" + value.strip(b" ") + b"\r\n"
