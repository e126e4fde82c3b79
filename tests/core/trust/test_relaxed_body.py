from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.trust.relaxed_body import RelaxedBody

LINES = st.lists(
    st.sampled_from([b"a", b"b ", b" ", b"\t", b"  x", b"\r\n", b"\r\n\r\n", b" \t\r\n", b"."]), max_size=30
).map(b"".join)


def canonical(windows) -> bytes:
    out = bytearray()
    body = RelaxedBody(out.extend)
    for window in windows:
        body.feed(window)
    body.finish()
    return bytes(out)


class RelaxedBodyTests(SynchronousTestCase):
    @given(LINES, st.lists(st.integers(1, 7), min_size=1, max_size=8))
    @settings(max_examples=400)
    def test_any_cut_gives_what_dkimpy_gives_for_the_whole(self, body, cuts):
        windows, rest, n = [], body, 0
        while rest:
            size = cuts[n % len(cuts)]
            windows.append(rest[:size])
            rest = rest[size:]
            n += 1
        sent = body if body.endswith(b"\r\n") or not body else body + b"\r\n"  # as DATA carries it
        expected = Relaxed.canonicalize_body(sent)
        self.assertEqual(canonical(windows), expected)

    def test_a_body_of_blanks_takes_linear_time_and_no_memory(self):
        out = canonical([b" " * 250_000] * 8 + [b"\r\n" * 125_000] * 8 + [b"x"])
        self.assertEqual(len(out), 2_000_000 + 3)
