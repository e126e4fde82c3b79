from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.smtp.wire_body import DotStuffer

CONTENT = st.lists(
    st.sampled_from([b".", b"..", b"\r\n", b"\r\n.", b"a", b"\r\n.\r\n", b"\xff", b"MAIL FROM:<>"]),
    max_size=40,
).map(b"".join)
BARE = st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n"]), max_size=40).map(b"".join)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    windows, n = [], 0
    while data:
        windows.append(data[: sizes[n % len(sizes)]])
        data = data[sizes[n % len(sizes)] :]
        n += 1
    return windows


def stuff(windows) -> bytes:
    stuffer = DotStuffer()
    return b"".join([stuffer.feed(window) for window in windows]) + stuffer.finish()


def receive(wire: bytes) -> tuple[bytes, bytes]:
    """What a server makes of it (RFC 5321 §4.5.2): content, and what is left over as commands."""
    content, lines = [], wire.split(b"\r\n")
    for index, line in enumerate(lines):
        if line == b".":
            return b"".join(content), b"\r\n".join(lines[index + 1 :])
        content.append((line[1:] if line.startswith(b".") else line) + b"\r\n")
    raise AssertionError("no end")


class DotStuffingTests(SynchronousTestCase):
    @given(CONTENT, st.lists(st.integers(1, 5), min_size=1, max_size=5))
    @settings(max_examples=400)
    def test_a_server_reads_back_what_was_stored_whatever_the_cut(self, content, sizes):
        received, rest = receive(stuff(cut(content, sizes)))
        ended = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
        self.assertEqual((received, rest), (ended, b""))

    @given(BARE, st.lists(st.integers(1, 5), min_size=1, max_size=5))
    @settings(max_examples=400)
    def test_no_bare_cr_or_lf_leaves(self, content, sizes):
        wire = stuff(cut(content, sizes))
        left = wire.replace(b"\r\n", b"")
        self.assertNotIn(b"\r", left)
        self.assertNotIn(b"\n", left)
        self.assertEqual(receive(wire)[1], b"")

    def test_crlf_split_over_windows_is_not_doubled(self):
        self.assertEqual(stuff([b"a\r", b"\nb\r\n"]), b"a\r\nb\r\n.\r\n")

    def test_a_dot_as_the_very_first_octet_is_stuffed(self):
        self.assertEqual(stuff([b".\r\n"]), b"..\r\n.\r\n")

    def test_an_empty_message_is_just_the_dot(self):
        self.assertEqual(stuff([]), b".\r\n")
