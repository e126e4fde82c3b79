"""MTA-STS records, policy files and names (RFC 8461)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsys.core.trust.mta_sts import (
    MAX_AGE,
    MAX_FILE,
    MAX_PATTERNS,
    BadPolicy,
    Mode,
    StsPolicy,
    parse_policy,
    record_id,
)

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        ([b"v=STSv1;id=1"], "1"),
        ([b"v=STSv1 ; id = 7 ; extra=x"], "7"),
        ([b"v=spf1 -all", b"v=STSv1; id=2;"], "2"),
        ([], None),
        ([b"v=STSv1; id=1;", b"v=STSv1; id=2;"], None),  # §3.1: not exactly one
        ([b"v=STSv1;"], None),
        ([b"v=STSv1; id=" + b"a" * 33], None),
        ([b"v=STSv1; id=a-b"], None),
        ([b"v=STSv12; id=1"], None),
        ([b"V=STSv1; id=1"], None),
        ([b" v=STSv1; id=1"], None),
    ],
)
def test_the_id_of_a_record(texts: list[bytes], found: str | None) -> None:
    assert record_id(texts) == found


def test_a_policy_is_read() -> None:
    expected = StsPolicy(Mode.ENFORCE, 604800, ("mail.example.com", "*.example.net"))
    assert parse_policy(GOOD) == expected
    assert parse_policy(GOOD.replace(b"\r\n", b"\n")) == expected
    assert (
        parse_policy(GOOD + b"future: yes\r\nmode: none\r\n") == expected
    )  # §3.2: unknown, and second, keys
    assert parse_policy(b"version: STSv1\nmode: none\nmax_age: 1").mode is Mode.NONE
    assert parse_policy(GOOD.replace(b"604800", b"9999999999")).max_age == MAX_AGE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD.replace(b"STSv1", b"STSv2"),
        GOOD.replace(b"enforce", b"perhaps"),
        GOOD.replace(b"604800", b"-1"),
        GOOD.replace(b"604800", b"1" * 11),
        GOOD.replace(b"max_age", b"age"),
        b"version: STSv1\nmode: testing\nmax_age: 1\n",
        GOOD.replace(b"mail.example.com", b"*"),
        GOOD.replace(b"mail.example.com", b"mail.*.com"),
        GOOD.replace(b"mail.example.com", b"10.0.0.1:25"),
        b"<html>not found</html>",
        b"\xff\xfe" + GOOD,
        GOOD + b"x: y\n" * 2001,
        GOOD + b"mx: a.example\n" * MAX_PATTERNS,
        GOOD + b"x: " + b"y" * MAX_FILE,
    ],
)
def test_what_is_no_policy(data: bytes) -> None:
    with pytest.raises(BadPolicy):
        parse_policy(data)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mail.example.com", True),
        ("MAIL.Example.com.", True),
        ("mx.example.net", True),
        ("a.mx.example.net", False),  # §4.1: one label
        ("example.net", False),
        ("example.com", False),
        ("xmail.example.com", False),
        ("", False),
    ],
)
def test_whose_servers_are_allowed(host: str, allowed: bool) -> None:
    assert parse_policy(GOOD).allows(host) is allowed


@given(st.binary(max_size=300))
def test_anything_is_a_policy_or_a_bad_one(data: bytes) -> None:
    try:
        policy = parse_policy(b"version: STSv1\nmode: testing\nmax_age: 5\nmx: a.example\n" + data)
    except BadPolicy:
        return
    assert policy.allows("a.example")
