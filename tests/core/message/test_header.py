"""Header blocks: fields, unfolding, selections, edits."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message import header

BLOCK = (
    b"From alice Tue Nov 24 2026\r\n"
    b"From: Alice <a@b.org>\r\n"
    b"SUBJECT : one\r\n two\r\n\tthree\r\n"
    b"X-Empty:\r\n"
    b"no colon here\r\n"
    b"To: x\r\n"
    b"to: y\r\n"
    b"\r\n"
)

LINES = st.sampled_from(
    [b"From: a", b"to:b", b"To : c", b" folded", b"\tfolded", b"junk", b":", b"x: \xff\x00", b"Subject:", b""]
)
BLOCKS = st.lists(st.tuples(LINES, st.sampled_from([b"\r\n", b"\n"])), max_size=12).map(
    lambda lines: b"".join(line + end for line, end in lines if line) + b"\r\n"
)


class FieldTests(SynchronousTestCase):
    def test_values_are_unfolded_and_names_lower_case(self) -> None:
        self.assertEqual(
            header.fields(BLOCK),
            [
                (b"from", b"Alice <a@b.org>"),
                (b"subject", b"one two three"),
                (b"x-empty", b""),
                (b"to", b"x"),
                (b"to", b"y"),
            ],
        )

    def test_bare_line_feeds_end_lines_too(self) -> None:
        self.assertEqual(
            header.fields(BLOCK.replace(b"\r\n", b"\n")),
            header.fields(BLOCK),
        )

    def test_offsets_give_back_every_octet(self) -> None:
        found = header.scan(BLOCK)
        self.assertEqual(b"".join(BLOCK[f.start : f.end] for f in found) + b"\r\n", BLOCK)
        self.assertEqual([f.name for f in found], [b"", b"from", b"subject", b"x-empty", b"", b"to", b"to"])
        self.assertEqual(BLOCK[found[2].value : found[2].end], b" one\r\n two\r\n\tthree\r\n")

    def test_first_and_every_take_any_case(self) -> None:
        found = header.fields(BLOCK)
        self.assertEqual(header.first(found, b"TO"), b"x")
        self.assertEqual(header.every(found, b"To"), [b"x", b"y"])
        self.assertIsNone(header.first(found, b"Cc"))

    def test_fields_beyond_the_bound_are_not_understood(self) -> None:
        self.assertEqual(len(header.fields(b"a:b\r\n" * 100_000)), header.MAX_FIELDS)

    @given(st.binary(max_size=300))
    def test_no_octets_make_it_fail(self, block: bytes) -> None:
        header.fields(block)
        position = 0
        for found in header.scan(block):
            self.assertEqual(found.start, position)
            self.assertLessEqual(found.start, found.value)
            self.assertLessEqual(found.value, found.end)
            position = found.end
