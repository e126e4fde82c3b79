"""The bound on values holds whatever they are, and strings may hold what they like."""

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core import json_values
from mailsys.core.json_values import has_more_names, has_more_values

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('a,[{"\\\n€')),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from(',[{"\\')), inner),
)


def count(value: object) -> int:
    """Values within, empty ones twice: an array or object opens, whatever stands in it."""
    if isinstance(value, list | dict):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + sum(map(count, inner)) + (0 if value else 1)
    return 1


class ValueTests(SynchronousTestCase):
    @given(values)
    def test_it_tells_texts_with_more_from_those_with_fewer(self, value: object) -> None:
        text = json.dumps(value, ensure_ascii=False).encode()
        found = count(value)
        self.assertFalse(has_more_values(text, max(1, found)))
        if found > 4:
            self.assertTrue(has_more_values(text, (found - 2) // 2))

    @given(values, st.integers(1, 9))
    def test_it_is_the_same_in_windows_of_any_size(self, value: object, window: int) -> None:
        self.patch(json_values, "_WINDOW", window)
        text = json.dumps(value, ensure_ascii=False).encode()
        found = count(value)
        self.assertFalse(has_more_values(text, max(1, found)))
        if found > 4:
            self.assertTrue(has_more_values(text, (found - 2) // 2))

    def test_what_stands_in_strings_does_not_count(self) -> None:
        self.assertFalse(has_more_values(json.dumps([",[{" * 1000, '\\",' * 1000]).encode(), 10))
        self.assertTrue(has_more_values(b'["' + b",[{" * 1000 + b'",' + b"1," * 11 + b"1]", 10))

    def test_a_string_without_end_is_no_trap(self) -> None:
        # No JSON, which the decoder will say; it goes to the end, and is not looked through again and again.
        self.assertFalse(has_more_values(b'["' + b'\\"' * 200_000 + b"," * 20, 10))
        self.assertTrue(has_more_values(b"[" + b"1," * 20 + b'"' + b'\\"' * 200_000 + b"\\", 10))

    @given(st.dictionaries(st.text(st.sampled_from('a:,[{"\\n')), values))
    def test_names_of_an_object_are_its_own(self, value: dict[str, object]) -> None:
        text = json.dumps(value).encode()
        self.assertFalse(has_more_names(text, len(value)))
        if value:
            self.assertTrue(has_more_names(text, len(value) - 1))
