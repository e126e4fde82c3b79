"""The part tree: offsets, bounds, IMAP's part numbers, decoded bodies."""

from __future__ import annotations

import email
import mmap
import tempfile
import time
from email.message import Message
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message import body, encoded, mime
from mailsys.core.message.mime import Part, locate, parse
from tests.core.message import odd_messages as odd

PIECES = st.lists(
    st.sampled_from(
        [
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            b"Content-Type: multipart/digest; boundary=bb\r\n",
            b"Content-Type: message/rfc822\r\n",
            b"content-type: text/html;\r\n charset*0=utf; charset*1=-8\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"\r\n", b"\n", b"--b\r\n", b"--bb\r\n", b"--b--\r\n", b"--bb--",
            b"--b \t\r\n", b"x\r\n", b"--bx\r\n", b"\r", b"\xff\x00",
        ]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


def walk(part: Part) -> list[Part]:
    found = [part]
    for child in part.children:
        found += walk(child)
    if part.message is not None:
        found += walk(part.message)
    return found


def depth(part: Part) -> int:
    inner = [*part.children, *([part.message] if part.message else [])]
    return 1 + max(map(depth, inner), default=0)


def kinds(part: Part) -> object:
    name = (part.type + b"/" + part.subtype).decode()
    if part.children:
        return (name, [kinds(child) for child in part.children])
    return (name, kinds(part.message)) if part.message is not None else name


def text_of(content: bytes, numbers: list[int], text: bytes = b"") -> bytes | None:
    found = locate(parse(content), numbers, text)
    return None if found is None else content[found[0] : found[1]]


class TreeTests(SynchronousTestCase):
    def test_parts_within_parts_are_found(self) -> None:
        expected = (
            "multipart/mixed",
            [
                ("multipart/alternative", ["text/plain", "text/html"]),
                ("message/rfc822", ("multipart/mixed", ["text/plain", "image/png"])),
            ],
        )
        self.assertEqual(kinds(parse(odd.MIXED)), expected)
        self.assertEqual(kinds(parse(odd.BARE_LF)), expected)

    def test_a_missing_inner_boundary_ends_with_the_outer_one(self) -> None:
        root = parse(odd.UNCLOSED)
        self.assertEqual(
            kinds(root), ("multipart/mixed", [("multipart/mixed", ["text/plain"]), "text/plain"])
        )
        self.assertEqual(text_of(odd.UNCLOSED, [1, 1]), b"one")
        self.assertEqual(text_of(odd.UNCLOSED, [2]), b"two\r\n")

    def test_a_boundary_that_begins_like_another_is_not_it(self) -> None:
        content = odd.crlf(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--bee\nstill one\n--b--\n"
        )
        self.assertEqual(text_of(content, [1]), b"one\r\n--bee\r\nstill one")

    def test_parts_of_a_digest_are_messages(self) -> None:
        self.assertEqual(
            kinds(parse(odd.DIGEST)),
            ("multipart/digest", [("message/rfc822", "text/plain")] * 2),
        )

    def test_a_boundary_may_be_in_the_extended_form(self) -> None:
        """RFC 2231 §4, and in pieces (§3)."""
        for parameter in (b"boundary*=us-ascii'en'a%3db", b"boundary*0*=us-ascii''a%3d; boundary*1=b"):
            tree = parse(
                b"Content-Type: multipart/mixed; " + parameter + b"\r\n\r\n--a=b\r\n\r\none\r\n--a=b--\r\n"
            )
            self.assertEqual(len(tree.children), 1, parameter)

    def test_a_multipart_without_parts_is_text(self) -> None:
        self.assertEqual(kinds(parse(odd.NO_BOUNDARY)), "text/plain")

    def test_parts_may_be_empty(self) -> None:
        root = parse(odd.EMPTY_PARTS)
        self.assertEqual([part.size for part in root.children], [0, 0])

    def test_text_after_the_closing_delimiter_belongs_to_no_part(self) -> None:
        self.assertNotIn(b"epilogue", text_of(odd.MIXED, [2]) or b"epilogue")

    def test_without_a_valid_type_it_is_plain_text(self) -> None:
        root = parse(odd.BAD_TYPE)
        self.assertEqual((root.type, root.subtype, root.encoding), (b"text", b"plain", b"7bit"))
        self.assertIsNone(root.disposition)

    def test_a_mapped_file_gives_the_same_tree(self) -> None:
        with tempfile.TemporaryFile() as file:
            content = odd.MIXED.replace(b"plain words", b"plain words\r\n" * 100_000)
            file.write(content)
            file.flush()
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                ranges = [(p.start, p.body, p.end, p.lines) for p in walk(parse(mapped))]
        self.assertEqual(ranges, [(p.start, p.body, p.end, p.lines) for p in walk(parse(content))])

    def test_a_delimiter_across_windows_is_found(self) -> None:
        for shift in range(-8, 8):
            filler = b"x" * (4 * mime.WINDOW + shift)
            content = b"Content-Type: multipart/mixed; boundary=bound\r\n\r\n--bound\r\n\r\n" + filler
            self.assertEqual(len(parse(content + b"\r\n--bound\r\n\r\ny").children), 2, shift)

    @given(PIECES | st.binary(max_size=200))
    @settings(max_examples=200)
    def test_ranges_nest_and_follow_each_other(self, content: bytes) -> None:
        root = parse(content)
        self.assertEqual((root.start, root.end), (0, len(content)))
        for part in walk(root):
            self.assertTrue(0 <= part.start <= part.body <= part.end <= len(content))
            for child in part.children:
                self.assertTrue(part.body <= child.start <= child.end <= part.end)
            for one, two in pairwise(part.children):
                self.assertLessEqual(one.end, two.start)
            if part.message is not None:
                self.assertEqual((part.message.start, part.message.end), (part.body, part.end))

    @given(st.integers(0, 2**32))
    @settings(max_examples=60)
    def test_trees_that_python_writes_are_read_as_it_reads_them(self, seed: int) -> None:
        import random

        chance = random.Random(seed)

        def build(level: int) -> Message:
            made = Message()
            if level < 4 and chance.random() < 0.5:
                made["Content-Type"] = f'multipart/mixed; boundary="{"=_" * chance.randint(1, 3)}{level}x"'
                made.set_payload([build(level + 1) for _ in range(chance.randint(1, 3))])
            else:
                made["Content-Type"] = "text/plain"
                made.set_payload("\n" * chance.randint(0, 2) + "text\n" * chance.randint(0, 3))
            return made

        content = build(0).as_bytes().replace(b"\n", b"\r\n")

        def compare(part: Part, other: Message) -> None:
            inner = other.get_payload()
            if isinstance(inner, list) and other.is_multipart():
                self.assertEqual(len(part.children), len(inner))
                for one, two in zip(part.children, inner, strict=True):
                    compare(one, two)  # type: ignore[arg-type]
            else:
                self.assertEqual(content[part.body : part.end].decode(), inner)

        compare(parse(content), email.message_from_bytes(content))


class BoundTests(SynchronousTestCase):
    def test_depth_ends_in_an_opaque_leaf(self) -> None:
        nested = b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(500)
        )
        root = parse(nested + b"\r\nx")
        self.assertEqual(depth(root), mime.MAX_DEPTH + 1)
        self.assertEqual(walk(root)[-1].type, b"application")
        self.assertLessEqual(depth(parse(b"Content-Type: message/rfc822\r\n\r\n" * 500)), mime.MAX_DEPTH + 1)

    def test_parts_beyond_the_bound_are_one(self) -> None:
        content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5000
        root = parse(content)
        self.assertLessEqual(len(walk(root)), mime.MAX_PARTS + 1)
        self.assertEqual(root.children[-1].end, len(content))

    def test_a_header_without_end_is_cut_at_a_line(self) -> None:
        content = b"To: a@b.org,\r\n" + b" c@d.org,\r\n" * 200_000 + b"\r\nbody"
        root = parse(content)
        self.assertLessEqual(root.body, mime.MAX_HEADER)
        self.assertEqual(content[root.body - 1 : root.body], b"\n")

    def test_boundary_search_has_a_budget(self) -> None:
        content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"\n--bx" * 400_000
        parser = mime._Parser(content, len(content))
        parser.entity(0, len(content), 0, mime._PLAIN, True)
        self.assertGreater(parser.work, -3 * mime.WINDOW - 2 * len(content))

    def test_parameters_are_counted(self) -> None:
        self.assertLessEqual(
            len(mime.parameters(b"; a%d=b" * 5000 % tuple(range(5000)))), mime.MAX_PARAMETERS
        )


class ParameterTests(SynchronousTestCase):
    def test_runs_of_semicolons_are_passed_over_once(self) -> None:
        began = time.process_time()
        for run in (b";" * 16_000, b"; " * 8000, b";\t;" * 5000, b"; x" * 5000):
            self.assertEqual(mime.parameters(b"text/plain" + run + b"; a=b"), ((b"a", b"b"),))
        self.assertLess(time.process_time() - began, 0.1)  # looked at from each octet anew: 0.4 s a run

    def test_forms_of_parameters(self) -> None:
        for value, expected in (
            (b"a/b; Charset=utf-8", ((b"charset", b"utf-8"),)),
            (b'a/b;name="x; \\"y\\"" ; z=1', ((b"name", b'x; "y"'), (b"z", b"1"))),
            (b"a/b; name=two words; x=", ((b"name", b"two words"), (b"x", b""))),
            (b'a/b; name="unclosed', ((b"name", b"unclosed"),)),
            (b"a/b;;; a=1; a=2", ((b"a", b"1"),)),
            (b"a/b; name*0=on; name*1=e; name*3=lost", ((b"name", b"one"),)),
            (b"a/b; f*0*=utf-8''%e2%82; f*1*=%ac; f*2=50%", ((b"f*", b"utf-8''%e2%82%ac50%25"),)),
        ):
            self.assertEqual(mime.parameters(value), expected, value)

    def test_comments_in_a_type_are_skipped(self) -> None:
        found = mime.content_type(b'text/plain (a; b="c") ; charset="(x)" (y)')
        self.assertEqual(found, (b"text/plain", ((b"charset", b"(x)"),)))

    def test_extended_parameters_decode(self) -> None:
        found = mime.parameters(b"; f*0*=utf-8'en'%e2%82; f*1*=%ac; f*2=50%")
        self.assertEqual(encoded.decode_parameter(found, b"f"), "€50%")

    def test_an_extended_parameter_without_a_charset_is_text(self) -> None:
        for value, expected in ((b'"It\'s %41"', "It's A"), (b"plain", "plain"), (b"''x", "x")):
            found = mime.parameters(b"; f*=" + value)
            self.assertEqual(encoded.decode_parameter(found, b"f"), expected)

    @given(st.binary(max_size=200))
    def test_no_octets_make_it_fail(self, value: bytes) -> None:
        mime.content_type(value)
        found = mime.disposition(value)
        if found is not None:
            encoded.decode_parameter(found.params, b"filename")


class LocateTests(SynchronousTestCase):
    """RFC 9051 §6.4.5."""

    def test_no_numbers_mean_the_message(self) -> None:
        self.assertEqual(text_of(odd.PLAIN, []), odd.PLAIN)
        head, _, rest = odd.PLAIN.partition(b"\r\n\r\n")
        self.assertEqual(text_of(odd.PLAIN, [], b"HEADER"), head + b"\r\n\r\n")
        self.assertEqual(text_of(odd.PLAIN, [], b"TEXT"), rest)

    def test_part_one_of_a_plain_message_is_its_body(self) -> None:
        self.assertEqual(text_of(odd.PLAIN, [1]), b"Dear Bob,\r\nhow are you?\r\n")
        self.assertEqual(text_of(odd.PLAIN, [1], b"MIME"), text_of(odd.PLAIN, [], b"HEADER"))

    def test_numbers_go_down_into_parts(self) -> None:
        self.assertEqual(text_of(odd.MIXED, [1, 1]), b"plain words")
        self.assertEqual(text_of(odd.MIXED, [1, 2]), b"<p>html words</p>")
        self.assertEqual(
            text_of(odd.MIXED, [1, 2], b"MIME"), b"Content-Type: text/html; charset=utf-8\r\n\r\n"
        )
        self.assertEqual(text_of(odd.MIXED, [1, 1], b"MIME"), b"\r\n")

    def test_numbers_go_down_into_enclosed_messages(self) -> None:
        self.assertEqual(text_of(odd.MIXED, [2, 2]), b"iVBORw0KGgo=")
        self.assertEqual(
            text_of(odd.MIXED, [2], b"HEADER"),
            b'From: c@example.org\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary="b2"\r\n\r\n',
        )
        self.assertTrue((text_of(odd.MIXED, [2], b"TEXT") or b"").startswith(b"--b2\r\n"))
        self.assertEqual(text_of(odd.MIXED, [2], b"MIME"), b"Content-Type: message/rfc822\r\n\r\n")

    def test_an_enclosed_plain_message_has_one_part(self) -> None:
        self.assertEqual(text_of(odd.DIGEST, [1, 1]), b"one")

    def test_what_is_not_there_is_none(self) -> None:
        for numbers, text in (
            ([2], b""), ([0], b""), ([1, 1], b""), ([1, 2], b""), ([], b"MIME"),
            ([1], b"HEADER"), ([1], b"TEXT"),
        ):  # fmt: skip
            self.assertIsNone(text_of(odd.PLAIN, numbers, text), (numbers, text))
        self.assertIsNone(text_of(odd.MIXED, [3]))
        self.assertIsNone(text_of(odd.MIXED, [1, 1, 1]))
        self.assertIsNone(text_of(odd.MIXED, [1], b"HEADER"))


class BodyTests(SynchronousTestCase):
    def part(self, encoding: bytes, data: bytes) -> tuple[bytes, Part]:
        content = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + data
        return content, parse(content)

    def decoded(self, encoding: bytes, data: bytes) -> bytes:
        content, part = self.part(encoding, data)
        whole = b"".join(body.decoded(content, part))
        self.assertEqual(body.decoded_size(content, part), len(whole))
        return whole

    def test_base64_ignores_what_is_not_of_it(self) -> None:
        self.assertEqual(self.decoded(b"BASE64", b"aGVs\r\n bG8*\r\n"), b"hello")
        self.assertEqual(self.decoded(b"base64", b"aGVsbG8=\r\ntrailer"), b"hello")
        self.assertEqual(self.decoded(b"base64", b"a"), b"")

    def test_unknown_encodings_are_none(self) -> None:
        self.assertEqual(self.decoded(b"x-uuencode", b"raw"), b"raw")

    @given(st.binary(max_size=2000), st.integers(1, 400))
    @settings(max_examples=30)
    def test_pieces_join_to_what_was_encoded(self, data: bytes, times: int) -> None:
        import base64
        import quopri

        data *= times
        self.assertEqual(self.decoded(b"base64", base64.encodebytes(data)), data)
        quoted = quopri.encodestring(data.replace(b"\r", b""))
        self.assertEqual(self.decoded(b"quoted-printable", quoted), quopri.decodestring(quoted))

    def test_white_space_that_transports_added_to_quoted_printable_is_dropped(self) -> None:
        """RFC 2045 §6.7 (3): behind "=" too, where the line goes on."""
        for added in (b" ", b" \t ", b""):
            for end in (b"\r\n", b"\n"):
                text = b"soft=" + added + end + b"ly hard" + added + end + b"end=" + added
                self.assertEqual(self.decoded(b"quoted-printable", text), b"softly hard" + end + b"end")
        self.assertEqual(self.decoded(b"quoted-printable", b"a  b=20\r\n"), b"a  b \r\n")

    def test_a_run_of_spaces_in_quoted_printable_costs_linear_time(self) -> None:
        started = time.process_time()
        self.assertEqual(self.decoded(b"quoted-printable", b" " * 4_000_000 + b"x")[-2:], b" x")
        self.assertLess(time.process_time() - started, 2.0)

    def test_an_endless_quoted_printable_line_is_not_cut_in_a_code(self) -> None:
        for shift in range(4):
            self.assertEqual(
                self.decoded(b"quoted-printable", b"x" * shift + b"=3D" * 200_000),
                b"x" * shift + b"=" * 200_000,
            )
