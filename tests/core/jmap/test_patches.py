"""PatchObject, dates, ids and arguments (RFC 8620 §1, §5.3)."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.jmap import ids
from mailsys.core.jmap.arguments import Arguments
from mailsys.core.jmap.dates import parse_date, parse_utc_date, render_date, render_utc_date
from mailsys.core.jmap.patches import apply_patch
from mailsys.core.jmap.problems import MethodError, SetError

EMAIL = {"keywords": {"$seen": True}, "mailboxIds": {"F1": True}, "list": [1], "name": "x"}


class PatchTests(SynchronousTestCase):
    def invalid(self, patch):
        return self.assertEqual(self.assertRaises(SetError, apply_patch, EMAIL, patch).type, "invalidPatch")

    def test_a_pointer_sets_within_an_object(self):
        patched = apply_patch(EMAIL, {"keywords/$flagged": True})
        self.assertEqual(patched["keywords"], {"$seen": True, "$flagged": True})

    def test_the_original_is_left_alone(self):
        apply_patch(EMAIL, {"keywords/$flagged": True})
        self.assertEqual(EMAIL["keywords"], {"$seen": True})

    def test_null_removes(self):
        self.assertEqual(apply_patch(EMAIL, {"keywords/$seen": None})["keywords"], {})

    def test_null_of_what_is_not_there_changes_nothing(self):
        self.assertEqual(apply_patch(EMAIL, {"keywords/$x": None}), EMAIL)

    def test_null_at_the_top_sets_the_default(self):
        self.assertEqual(apply_patch(EMAIL, {"name": None}, {"name": "new"})["name"], "new")
        self.assertIsNone(apply_patch(EMAIL, {"name": None})["name"])

    def test_a_pointer_may_not_be_a_prefix_of_another(self):
        self.invalid({"keywords": {}, "keywords/$seen": True})

    def test_names_that_merely_begin_alike_are_no_prefixes(self):
        apply_patch(EMAIL, {"keywords/$a": True, "keywords/$ab": True})

    def test_a_parent_must_exist(self):
        self.invalid({"nothing/here": 1})

    def test_a_pointer_may_not_go_into_an_array_or_a_value(self):
        self.invalid({"list/0": 2})
        self.invalid({"name/x": 2})

    def test_escapes_are_understood_and_bad_ones_refused(self):
        self.assertEqual(apply_patch(EMAIL, {"keywords/a~1b": True})["keywords"]["a/b"], True)
        self.invalid({"keywords/a~b": True})


class DateTests(SynchronousTestCase):
    def test_a_utc_date_is_read(self):
        self.assertEqual(parse_utc_date("2024-02-29T12:00:01Z"), 1709208001.0)
        self.assertEqual(parse_utc_date("1970-01-01T00:00:00.5Z"), 0.5)
        self.assertEqual(parse_utc_date("2024-02-29T12:00:01.000Z"), 1709208001.0)  # as JavaScript does

    def test_what_is_no_utc_date_is_refused(self):
        for text in (
            "2024-02-29T12:00:01+00:00", "2024-02-29t12:00:01Z", "2024-02-29T12:00:01z", "2024-02-29",
            "2024-02-30T12:00:01Z", "2024-02-29T24:00:00Z", "2024-02-29T12:00:01.Z",
            "2024-2-29T12:00:01Z", "2024-02-29T12:00Z", "", 7, None,
        ):  # fmt: skip
            self.assertIsNone(parse_utc_date(text), text)

    def test_a_date_keeps_its_zone(self):
        self.assertEqual(parse_date("2014-10-30T14:12:00+08:00"), (1414649520.0, 480))
        self.assertEqual(render_date(1414649520.0, 480), "2014-10-30T14:12:00+08:00")
        self.assertEqual(render_date(1414649520.0, -150), "2014-10-30T03:42:00-02:30")

    @given(st.integers(-62135596800, 253402300799))
    @settings(max_examples=100)
    def test_rendering_and_reading_are_each_others_reverse(self, moment):
        self.assertEqual(parse_utc_date(render_utc_date(moment)), float(moment))


class IdTests(SynchronousTestCase):
    def test_blob_ids_of_parts_name_range_and_encoding(self):
        text = ids.part_blob_id(b"\x01" * 32, 10, 20, "base64")
        self.assertEqual(ids.parse_blob_id(text), ids.BlobName(b"\x01" * 32, 10, 20, "base64"))
        self.assertTrue(ids.is_id(text))
        whole = ids.parse_blob_id(ids.blob_id(b"\x02" * 32))
        self.assertTrue(whole.whole)

    def test_other_text_names_no_blob(self):
        for text in ("", "B", "B" + "0" * 63, "B" + "G" * 64, "B" + "0" * 64 + "-1", "M1"):
            self.assertIsNone(ids.parse_blob_id(text))

    def test_numbers_have_one_spelling(self):
        self.assertEqual(ids.email_number("M10"), 10)
        for text in ("M010", "F10", "m10", "M", "M-1", "M1 ", "M" + "9" * 30):
            self.assertIsNone(ids.email_number(text))

    def test_an_id_has_1_to_255_safe_characters(self):
        self.assertTrue(ids.is_id("A" * 255))
        for value in ("", "A" * 256, "a b", "ä", "a/b", 1, None, "#a"):
            self.assertFalse(ids.is_id(value))


class ArgumentTests(SynchronousTestCase):
    def invalid(self, values, method, *args):
        arguments = Arguments(values)
        error = self.assertRaises(MethodError, getattr(arguments, method), *args)
        self.assertEqual(error.type, "invalidArguments")
        self.assertIn(f'"{args[0]}"', error.description)

    def test_each_type_refuses_the_others(self):
        for method, bad in {
            "string": [1, None, [], True],
            "id": ["", "a b", 1, None],
            "optional_id": ["a b", 1],
            "boolean": [0, "true", None],
            "integer": [True, 1.5, "1", None, 2**53],
            "unsigned": [True, -1, 1.0, "1", None],
            "optional_unsigned": [-1, "1"],
            "optional_strings": ["a", [1], {}],
            "ids": [None, "a", [1], ["a b"]],
            "optional_ids": ["a", [None]],
            "optional_object": [[], 1],
            "optional_objects": [[], {"a": 1}, {"a b": {}}],
        }.items():
            for value in bad:
                self.invalid({"x": value}, method, "x")

    def test_what_is_missing_is_named(self):
        self.invalid({}, "string", "accountId")

    def test_what_is_not_known_is_named(self):
        arguments = Arguments({"a": 1, "zz": 2})
        arguments.raw("a")
        error = self.assertRaises(MethodError, arguments.finish)
        self.assertEqual((error.type, error.more), ("invalidArguments", {"arguments": ["zz"]}))

    def test_ids_are_taken_once_each(self):
        self.assertEqual(Arguments({"ids": ["a", "b", "a"]}).ids("ids"), ["a", "b"])
