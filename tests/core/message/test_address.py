"""Canonical addresses and address lists."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message import address
from mailsys.core.message.address import Group, Mailbox, canonical, parse_list, parse_raw


class CanonicalTests(SynchronousTestCase):
    def test_case_does_not_count(self) -> None:
        self.assertEqual(canonical("Alice.B@Example.COM"), "alice.b@example.com")

    def test_a_domain_in_letters_becomes_a_labels(self) -> None:
        self.assertEqual(canonical("info@Bücher.example"), "info@xn--bcher-kva.example")

    def test_composed_and_decomposed_local_parts_are_one(self) -> None:
        self.assertEqual(canonical("Jo\u0308rg@example.org"), canonical("J\u00f6rg@example.org"))

    def test_quotes_that_are_not_needed_go(self) -> None:
        self.assertEqual(canonical('"al\\ice"@example.org'), "alice@example.org")

    def test_quotes_that_are_needed_stay(self) -> None:
        self.assertEqual(canonical('"Two Words"@example.org'), '"two words"@example.org')

    def test_an_at_sign_in_quotes_is_part_of_the_local_part(self) -> None:
        self.assertEqual(canonical('"a@b"@example.org'), '"a@b"@example.org')

    def test_address_literals_take_their_shortest_form(self) -> None:
        self.assertEqual(canonical("a@[192.0.2.1]"), "a@[192.0.2.1]")
        self.assertEqual(canonical("a@[ipv6:2001:DB8:0:0::1]"), "a@[IPv6:2001:db8::1]")

    def test_what_is_no_address_is_refused(self) -> None:
        for text in (
            "", "a", "@", "a@", "@b", "a b@example.org", "a@b c", "a..b@example.org", ".a@example.org",
            "a@-b.org", "a@b..org", "a@b.org.", "a@[300.1.1.1]", "a@[192.0.2.1", "a@[IPv6:fe80::1%eth0]",
            '"a@example.org',
            '"a"b"@example.org', "a\r\n@example.org", "a@exam\nple.org", "a\u202e@example.org", "a@b" * 500,
            "a@\u2100.org",
            "a@" + "x" * 64 + ".org", "<a@b.org>", "a\u0000b@example.org", "a@\ud800.org", "\ud800@b.org",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=repr(text[:40])):
                canonical(text)

    @given(st.text(max_size=40))
    def test_a_canonical_address_is_its_own_canonical_form(self, text: str) -> None:
        try:
            once = canonical(text + "@example.org")
        except ValueError:
            return
        self.assertEqual(canonical(once), once)
        self.assertNotRegex(once, "[\\r\\n\\0]")

    @given(st.text(max_size=40))
    def test_a_canonical_domain_is_plain_ascii(self, text: str) -> None:
        try:
            domain = canonical("a@" + text)[2:]
        except ValueError:
            return
        self.assertRegex(domain, r"\A(\[[0-9A-Za-z.:]+\]|[a-z0-9_.-]+)\Z")


def flat(value: bytes) -> list[tuple[str, str]]:
    return [(m.name, m.address) for m in address.mailboxes(value)]


class ListTests(SynchronousTestCase):
    def test_the_usual_forms_are_read(self) -> None:
        for value, expected in (
            (b"a@b.org", [("", "a@b.org")]),
            (b"<a@b.org>", [("", "a@b.org")]),
            (b"Alice B. <a@b.org>", [("Alice B.", "a@b.org")]),
            (b'"B, Alice" <a@b.org>', [("B, Alice", "a@b.org")]),
            (b'"A \\"x\\" B" <a@b.org>', [('A "x" B', "a@b.org")]),
            (b"=?utf-8?q?J=C3=B6rg?= <j@b.org>", [("J\u00f6rg", "j@b.org")]),
            (b"a@b.org (Alice)", [("Alice", "a@b.org")]),
            (b"a@b.org (Al (the) \\(ice)", [("Al (the) (ice", "a@b.org")]),
            (b"a@b.org, Bob <b@c.org>,, c@d.org", [("", "a@b.org"), ("Bob", "b@c.org"), ("", "c@d.org")]),
            (b"a @ b . org", [("", "a@b.org")]),
            (b"<@hop.org,@hip.org:a@b.org>", [("", "a@b.org")]),
            (b"Name a@b.org", [("Name", "a@b.org")]),
            (b"root", [("", "root")]),
            (b'"two words"@b.org', [("", '"two words"@b.org')]),
            (b"a@[192.0.2.1]", [("", "a@[192.0.2.1]")]),
            ("Jörg <j@b.org>".encode(), [("Jörg", "j@b.org")]),
            (b"J\xf6rg <j@b.org>", [("Jörg", "j@b.org")]),
            (b"Alice <a@b.org", [("Alice", "a@b.org")]),
            (b"Alice <a@b.org, bob@c.org", [("Alice", "a@b.org"), ("", "bob@c.org")]),
            (b"", []),
            (b"  ,; ", []),
        ):
            self.assertEqual(flat(value), expected, value)

    def test_groups_keep_their_members_together(self) -> None:
        self.assertEqual(
            parse_list(b"Friends: a@b.org, Bob <b@c.org>;, c@d.org, undisclosed-recipients:;"),
            [
                Group("Friends", (Mailbox("", "a", "b.org"), Mailbox("Bob", "b", "c.org"))),
                Mailbox("", "c", "d.org"),
                Group("undisclosed-recipients", ()),
            ],
        )

    def test_an_unclosed_group_is_closed_at_the_end(self) -> None:
        self.assertEqual(parse_raw(b"g: a@b")[-1], (None, None, None, None))

    def test_a_name_cannot_bring_a_line_break(self) -> None:
        (entry,) = address.mailboxes(b"=?utf-8?q?a=0D=0ABcc:_x@y.org?= <a@b.org>")
        self.assertNotIn("\n", address.render(entry))
        self.assertNotIn("\r", address.render(entry))

    def test_many_odd_octets_make_a_bounded_answer(self) -> None:
        for octets in (b"(", b"<", b"@", b",", b";", b":", b'"', b"\\", b"[", b"<@a,", b"a:", b"a@b "):
            found = parse_raw(octets * (1_000_000 // len(octets)))
            self.assertLessEqual(len(found), 16 * 1024, octets)

    @given(st.binary(max_size=300))
    def test_no_octets_make_it_fail(self, value: bytes) -> None:
        for entry in parse_list(value):
            address.render(entry).encode("utf-8")

    @given(
        st.lists(
            st.sampled_from(
                [
                    b"a",
                    b"@",
                    b"<",
                    b">",
                    b",",
                    b";",
                    b":",
                    b'"',
                    b"(",
                    b")",
                    b" ",
                    b"\\",
                    b"[",
                    b"]",
                    b"b.org",
                ]
            ),
            max_size=40,
        )
    )
    @settings(max_examples=200)
    def test_groups_open_and_close_in_turn(self, pieces: list[bytes]) -> None:
        inside = False
        for _, _, local, domain in parse_raw(b"".join(pieces)):
            if domain is None:
                self.assertEqual(inside, local is None)
                inside = not inside
        self.assertFalse(inside)

    @given(
        st.lists(
            st.builds(
                Mailbox,
                st.text(
                    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=30
                ).map(lambda t: address.clean(t, 30).strip()),
                st.from_regex(r"[a-z]{1,8}(\.[a-z0-9]{1,5})?| [a-z]{1,3}\"\\ @[a-z]", fullmatch=True).map(
                    str.strip
                ),
                st.from_regex(r"[a-z]{1,8}\.org", fullmatch=True),
            ),
            max_size=4,
        )
    )
    def test_what_is_rendered_reads_back_the_same(self, entries: list[Mailbox]) -> None:
        self.assertEqual(parse_list(", ".join(map(address.render, entries)).encode()), entries)
