"""Rewritten senders of forwarded mail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsys.core.trust.srs import MAX_AGE, BadSrs, Rewriting, is_rewritten

OURS = Rewriting(b"k" * 32, "ours.example")
SECOND = Rewriting(b"s" * 32, "second.example")
THIRD = Rewriting(b"t" * 32, "third.example")
DAY = 20_000


def test_there_and_back() -> None:
    made = OURS.forward("Alice+tag@their.example", DAY)
    assert made.startswith("SRS0=")
    assert made.endswith("=their.example=Alice+tag@ours.example")
    assert OURS.back(made, DAY) == "Alice+tag@their.example"
    assert is_rewritten(made)
    assert not is_rewritten("alice@their.example")


def test_over_several_forwards_the_bounce_skips_those_between() -> None:
    first = OURS.forward("alice@their.example", DAY)
    second = SECOND.forward(first, DAY)
    third = THIRD.forward(second, DAY)
    assert second.startswith("SRS1=")
    assert third.startswith("SRS1=")
    assert len(third) <= len(second) + len("third.example")  # it does not grow by each
    for by, made in ((SECOND, second), (THIRD, third)):
        assert by.back(made, DAY) == first
    assert OURS.back(THIRD.back(third, DAY), DAY) == "alice@their.example"


def test_case_lost_on_the_way_does_not_matter() -> None:
    made = OURS.forward("alice@their.example", DAY)
    assert OURS.back(made.lower(), DAY) == "alice@their.example"
    assert OURS.back(made.upper(), DAY).lower() == "alice@their.example"


def test_it_holds_for_weeks_and_not_for_ever() -> None:
    made = OURS.forward("alice@their.example", DAY)
    assert OURS.back(made, DAY + MAX_AGE)
    for day in (DAY + MAX_AGE + 1, DAY + 500, DAY - 1):
        with pytest.raises(BadSrs):
            OURS.back(made, day)


@pytest.mark.parametrize(
    "address",
    [
        "SRS0=aaaaaaaa=aa=victim.example=bob@ours.example",
        "SRS1=aaaaaaaa=victim.example==rest@ours.example",
        "SRS0=x@ours.example",
        "srs0+@ours.example",
        "SRS0=aaaaaaaa=!!=victim.example=bob@ours.example",
        "bob@ours.example",
        "SRS0" + "=" * 1000 + "@ours.example",
    ],
)
def test_what_is_not_of_our_making(address: str) -> None:
    with pytest.raises(BadSrs):
        OURS.back(address, DAY)


def test_each_part_is_covered_by_the_hash() -> None:
    made = OURS.forward("alice@their.example", DAY)
    head, hashed, stamp, domain, local = made.partition("@")[0].split("=")
    other = stamp[0] + ("b" if stamp[1] != "b" else "c")
    for changed in (
        (head, hashed, other, domain, local),
        (head, hashed, stamp, "victim.example", local),
        (head, hashed, stamp, domain, "bob"),
    ):
        with pytest.raises(BadSrs):
            OURS.back("=".join(changed) + "@ours.example", DAY)
    with pytest.raises(BadSrs):
        SECOND.back(made, DAY)


@pytest.mark.parametrize(
    "sender", ["", "alice", "bü@their.example", '"a b"@their.example', "a" * 230 + "@b.example"]
)
def test_what_cannot_be_rewritten_stays(sender: str) -> None:
    assert OURS.forward(sender, DAY) == sender


@given(st.from_regex(r"[a-z0-9.=+_-]{1,40}", fullmatch=True), st.integers(0, 100_000))
def test_whatever_the_local_part(local: str, day: int) -> None:
    made = OURS.forward(f"{local}@their.example", day)
    back = OURS.back(made, day + 1)
    assert back.lower() == f"{local}@their.example" or is_rewritten(local)
