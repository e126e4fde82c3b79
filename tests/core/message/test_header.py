"""Header blocks: fields, unfolding, selections, edits."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message import edit, header

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


class SelectTests(SynchronousTestCase):
    def test_fields_come_as_they_stand_with_a_blank_line(self) -> None:
        self.assertEqual(
            header.select_fields(BLOCK, [b"TO", b"subject"]),
            b"SUBJECT : one\r\n two\r\n\tthree\r\nTo: x\r\nto: y\r\n\r\n",
        )

    def test_a_name_is_not_a_prefix(self) -> None:
        self.assertEqual(header.select_fields(b"Foobar: x\r\nFoo: y\r\n\r\n", [b"foo"]), b"Foo: y\r\n\r\n")

    def test_nothing_found_is_a_blank_line(self) -> None:
        self.assertEqual(header.select_fields(BLOCK, [b"Cc"]), b"\r\n")
        self.assertEqual(header.select_fields(b"", [b"Cc"]), b"\r\n")

    def test_names_are_no_patterns(self) -> None:
        self.assertEqual(header.select_fields(BLOCK, [b".*", b"T|o"]), b"\r\n")

    def test_a_last_line_without_end_gets_one(self) -> None:
        self.assertEqual(header.select_fields(b"To: x", [b"To"]), b"To: x\r\n\r\n")

    def test_many_names_select_as_few_do(self) -> None:
        for invert in (False, True):
            many = [b"To", *(b"X-%d" % i for i in range(1000))]
            self.assertEqual(
                header.select_fields(BLOCK, many, invert), header.select_fields(BLOCK, [b"To"], invert)
            )

    @given(BLOCKS, st.lists(st.sampled_from([b"from", b"To", b"SUBJECT", b"x"]), min_size=1, max_size=3))
    def test_a_selection_and_its_inverse_share_out_the_block(self, block: bytes, names: list[bytes]) -> None:
        taken = header.select_fields(block, names)
        others = header.select_fields(block, names, invert=True)
        self.assertEqual(len(taken) + len(others), len(block) + 2)
        wanted = {name.lower() for name in names}
        self.assertTrue({f.name for f in header.scan(taken)} <= wanted)
        self.assertFalse({f.name for f in header.scan(others)} & wanted)


class EditTests(SynchronousTestCase):
    def test_removed_fields_leave_all_other_octets(self) -> None:
        self.assertEqual(
            edit.remove_fields(BLOCK, [b"Subject", b"TO"]),
            b"From alice Tue Nov 24 2026\r\nFrom: Alice <a@b.org>\r\nX-Empty:\r\nno colon here\r\n\r\n",
        )

    def test_removing_what_is_not_there_changes_nothing(self) -> None:
        self.assertEqual(edit.remove_fields(BLOCK, [b"Bcc"]), BLOCK)

    def test_has_field_sees_empty_fields_and_any_case(self) -> None:
        self.assertTrue(edit.has_field(BLOCK, b"x-EMPTY"))
        self.assertFalse(edit.has_field(BLOCK, b"no"))

    def test_prepended_fields_come_first(self) -> None:
        self.assertEqual(
            edit.prepend_fields(b"To: x\r\n\r\n", b"A: b\r\n c\r\n", b"D: e\r\n"),
            b"A: b\r\n c\r\nD: e\r\nTo: x\r\n\r\n",
        )

    def test_what_is_no_whole_field_is_not_prepended(self) -> None:
        for field in (b"A: b", b"A: b\r\n\r\nC: d\r\n", b" A: b\r\n", b"\r\n", b""):
            with self.assertRaises(ValueError):
                edit.prepend_fields(b"\r\n", field)

    @given(BLOCKS)
    def test_a_removed_field_is_gone(self, block: bytes) -> None:
        cut = edit.remove_fields(block, [b"To"])
        self.assertFalse(edit.has_field(cut, b"to"))
        self.assertTrue(edit.has_field(cut, b"from") == edit.has_field(block, b"from"))

    def test_raw_values_keep_their_folds(self) -> None:
        self.assertEqual(edit.raw_values(BLOCK, b"subject"), [b" one\r\n two\r\n\tthree"])
