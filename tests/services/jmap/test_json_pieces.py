"""A large request is decoded in pieces, and is what a decoder makes of it in one go."""

import json
import sys
import threading
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.services.jmap.protocol import json_pieces
from mailsys.services.jmap.protocol.json_pieces import decode_in_pieces
from tests.core.test_json_values import values
from tests.services.jmap.rig import JmapTestCase


class PieceTests(SynchronousTestCase):
    @given(values, st.sampled_from((None, 1)), st.integers(1, 60))
    def test_it_is_as_if_it_were_decoded_at_once(self, value: object, indent: int | None, piece: int) -> None:
        self.patch(json_pieces, "_PIECE", piece)
        self.assertEqual(decode_in_pieces(json.dumps(value, indent=indent).encode()), value)

    @given(values, st.integers(0, 200), st.sampled_from((b"", b",", b"]", b"}", b'"', b"x")))
    def test_what_is_no_json_is_refused(self, value: object, cut: int, instead: bytes) -> None:
        self.patch(json_pieces, "_PIECE", 8)
        text = json.dumps(value).encode()
        text = text[:cut] + instead + text[cut + 1 :]
        try:
            found = json.loads(text)
        except ValueError:
            self.assertRaises(ValueError, decode_in_pieces, text)
        else:
            self.assertEqual(decode_in_pieces(text), found)

    def test_what_is_nested_deeply_or_has_names_without_end_is_refused(self) -> None:
        self.assertRaises(ValueError, decode_in_pieces, b"[" * 100 + b"1," * 10_000 + b"1" + b"]" * 100)
        names = ",".join(f'"{n}":1' for n in range(20_001))
        self.assertRaises(ValueError, decode_in_pieces, b"{%b}" % names.encode())

    def test_others_get_their_turn(self) -> None:
        """The thread that looks on is held up for less than a tenth of what one call into C would take."""
        text = b"[" + b"[[]]," * 70_000 + b"1]"
        before = sys.getswitchinterval()
        self.addCleanup(sys.setswitchinterval, before)
        sys.setswitchinterval(0.0005)
        done = threading.Thread(target=decode_in_pieces, args=(text,))
        done.start()
        turns = 0
        while done.is_alive():
            time.sleep(0.0005)
            turns += 1
        self.assertGreater(turns, 10)


class RequestTests(JmapTestCase):
    async def test_a_large_request_is_answered(self) -> None:
        big = [{"a": "x, y" * 50, "b": [n]} for n in range(2000)]
        found = await self.request(["Core/echo", {"big": big}, "c"])
        self.assertEqual(found["methodResponses"][0][1], {"big": big})
