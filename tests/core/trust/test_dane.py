"""TLSA records against chains (RFC 6698 §2.1, RFC 7672 §3.1)."""

from __future__ import annotations

import hashlib

import pytest

from mailsys.core.trust.dane import Anchors, ChainCertificate, Tlsa, match, usable

LEAF = ChainCertificate(b"leaf certificate", b"leaf key")
MIDDLE = ChainCertificate(b"middle certificate", b"middle key")
ROOT = ChainCertificate(b"root certificate", b"root key")
CHAIN = [LEAF, MIDDLE, ROOT]


def data(certificate: ChainCertificate, selector: int, matching: int) -> bytes:
    octets = certificate.public_key if selector else certificate.certificate
    return [octets, hashlib.sha256(octets).digest(), hashlib.sha512(octets).digest()][matching]


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_every_way_to_name_a_certificate(selector: int, matching: int) -> None:
    def record(usage: int, certificate: ChainCertificate) -> Tlsa:
        return Tlsa(usage, selector, matching, data(certificate, selector, matching))

    assert match([record(3, LEAF)], CHAIN) == Anchors(True, ())
    assert match([record(3, ROOT)], CHAIN) == Anchors(False, ())  # DANE-EE is the server's own alone
    assert match([record(2, ROOT)], CHAIN) == Anchors(False, (2,))
    assert match([record(2, MIDDLE), record(2, ROOT)], CHAIN) == Anchors(False, (1, 2))
    assert match([record(2, LEAF)], CHAIN) == Anchors(False, (0,))
    wrong = Tlsa(3, selector, matching, data(LEAF, 1 - selector, matching))
    assert match([wrong], CHAIN) == Anchors(False, ())
    assert match([wrong, record(3, LEAF)], CHAIN).own  # one of several will do: keys roll over
    assert match([record(3, LEAF)], []) == Anchors(False, ())


@pytest.mark.parametrize(
    "record",
    [
        Tlsa(0, 1, 1, bytes(32)),  # RFC 7672 §3.1.3
        Tlsa(1, 1, 1, bytes(32)),
        Tlsa(4, 1, 1, bytes(32)),
        Tlsa(255, 1, 1, bytes(32)),
        Tlsa(3, 2, 1, bytes(32)),
        Tlsa(3, 1, 3, bytes(32)),
        Tlsa(3, 1, 1, bytes(31)),
        Tlsa(3, 1, 2, bytes(32)),
        Tlsa(3, 1, 0, b""),
    ],
)
def test_what_cannot_be_used(record: Tlsa) -> None:
    assert usable([record]) == ()
    good = Tlsa(3, 1, 1, bytes(32))
    assert usable([record, good]) == (good,)


def test_an_unusable_record_matches_nothing() -> None:
    assert match([Tlsa(0, 0, 0, LEAF.certificate), Tlsa(1, 1, 0, LEAF.public_key)], CHAIN) == Anchors(
        False, ()
    )
