"""The receiver: any cut of the octets gives the same events."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.smtp import events
from mailsys.core.smtp.content import ChunkReader, DataReader
from mailsys.core.smtp.events import Event, Refused
from mailsys.core.smtp.extensions import Offers
from mailsys.core.smtp.receiver import Receiver

OFFERS = Offers("mx.example", 60, 10, 10, submission=True, mechanisms=("PLAIN",))


def run(pieces: list[bytes], line_limit: int = 40) -> list[object]:
    """All events; content runs joined, and dropped when the message is refused."""
    receiver = Receiver(OFFERS, line_limit)
    found: list[Event] = []
    content: list[bytes] = []
    joined: list[object] = []
    for piece in pieces:
        receiver.feed(piece)
        while (event := receiver.next_event()) is not None:
            found.append(event)
            if isinstance(event, (events.Authenticate, events.Response)):
                receiver.expect_response()
            refused = getattr(event, "refused", None)
            if isinstance(event, events.Content):
                content.append(event.data)
            else:
                if isinstance(event, (events.EndOfChunk, events.EndOfMessage)):
                    joined.append(b"" if refused else b"".join(content))
                    content.clear()
                    # how much was counted of what was refused depends on the cut in no way that matters
                joined.append(event)
            receiver.resume(accepted=refused is None)
    return joined


LINES = st.sampled_from(
    [
        b"EHLO x\r\n",
        b"HELO x\r\n",
        b"MAIL FROM:<a@b>\r\n",
        b"MAIL FROM:<a@b> SIZE=61\r\n",
        b"MAIL FROM:<a@b> BODY=BINARYMIME\r\n",
        b"RCPT TO:<a@b>\r\n",
        b"DATA\r\n",
        b"hello\r\n",
        b"..\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b".x\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b".",
        b"BDAT 7\r\n",
        b"BDAT 5 LAST\r\n",
        b"BDAT 70 LAST\r\n",
        b"BDAT x\r\n",
        b"RSET\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH PLAIN YWI=\r\n",
        b"YWI=\r\n",
        b"*\r\n",
        b"QUIT\r\n",
        b"NOOP " + b"y" * 60 + b"\r\n",
        b"z" * 300,
        b"z" * 700,
        b"\0",
        "ü".encode(),
    ]
)


class CutTests(SynchronousTestCase):
    @settings(max_examples=300)
    @given(
        st.one_of(
            st.lists(LINES, max_size=14).map(b"".join),
            st.lists(LINES, max_size=10).map(
                lambda lines: b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + b"".join(lines)
            ),
            st.lists(LINES, max_size=10).map(
                lambda lines: b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nBDAT 9\r\n" + b"".join(lines)
            ),
        ),
        st.data(),
    )
    def test_any_cut_gives_the_same_events(self, stream, data):
        whole = run([stream])
        self.assertEqual(run([bytes((octet,)) for octet in stream]), whole)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        edges = [0, *cuts, len(stream)]
        self.assertEqual(run([stream[a:b] for a, b in pairwise(edges)]), whole)

    @settings(max_examples=200)
    @given(st.binary(max_size=300))
    def test_any_octets_are_survived(self, stream):
        for event in run([stream]):
            if isinstance(event, Refused):
                self.assertGreaterEqual(event.reply.code, 400)

    def test_nothing_happens_until_the_last_event_is_answered(self):
        receiver = Receiver(OFFERS, 100)
        receiver.feed(b"NOOP\r\nNOOP\r\n")
        self.assertIsNotNone(receiver.next_event())
        self.assertIsNone(receiver.next_event())
        receiver.resume()
        self.assertIsNotNone(receiver.next_event())

    def test_a_line_of_exactly_the_limit(self):
        line = b"NOOP " + b"x" * 33 + b"\r\n"
        self.assertEqual(run([line], 40), [events.Noop()])
        self.assertIsInstance(run([line], 39)[0], Refused)


class DataReaderTests(SynchronousTestCase):
    @settings(max_examples=300)
    @given(
        st.lists(st.sampled_from([b".", b"\r\n", b"\r", b"\n", b"a", b"..", b"\r\n.\r\n"]), max_size=16).map(
            b"".join
        )
    )
    def test_it_agrees_with_a_reader_of_lines(self, content):
        """The plain way: split at CRLF, take a dot off, end at the line that is only a dot."""
        stream = content + b"\r\n.\r\nrest"
        lines, expected = stream.split(b"\r\n"), b""
        end = lines.index(b".")
        for line in lines[:end]:
            expected += line.removeprefix(b".") + b"\r\n"
        consumed = len(b"\r\n".join(lines[: end + 1])) + 2
        bare = expected.replace(b"\r\n", b"")
        reader = DataReader(10_000)
        found, left, ended = reader.read(stream, 0)
        self.assertTrue(ended)
        self.assertEqual(left, consumed)
        self.assertEqual(reader.size, len(expected))
        if b"\r" in bare or b"\n" in bare:
            self.assertEqual((found, reader.refused.enhanced), (b"", "5.6.11"))
        else:
            self.assertEqual((found, reader.refused), (expected, None))

    def test_it_leaves_no_more_than_four_octets_over(self):
        for piece in (b"x\r\n.\r", b"x" * 100_000 + b"\r\n."):
            content, left, ended = DataReader(1_000_000).read(piece, 0)
            self.assertFalse(ended)
            self.assertLessEqual(len(piece) - left, 4)
            self.assertEqual(content, piece[:left])


class ChunkReaderTests(SynchronousTestCase):
    @settings(max_examples=200)
    @given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\r\n.\r\n"]), max_size=12))
    def test_it_finds_bare_line_ends_across_chunks(self, pieces):
        reader = ChunkReader(1000, False)
        for piece in pieces:
            reader.read(piece)
        rest = b"".join(pieces).replace(b"\r\n", b"")
        self.assertEqual(reader.refused_at_end is not None, b"\r" in rest or b"\n" in rest)
