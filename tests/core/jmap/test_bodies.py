"""Parts as JMAP shows them, and transfer decoding (RFC 8621 §4.1.4)."""

import base64
import quopri

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.jmap.bodies import BODY_PROPERTIES, Bodies, truncate
from mailsys.core.jmap.decoding import Decoder
from mailsys.core.jmap.ids import parse_blob_id
from mailsys.core.jmap.mime_fields import base64_lines, encode_text, parameter
from mailsys.core.message import mime
from mailsys.core.message.encoded import decode_parameter


def part(fields, body="x"):
    return f"{fields}\r\n\r\n{body}"


def multipart(kind, *parts, boundary=None):
    boundary = boundary or f"b{len(repr(parts))}"
    body = "".join(f"--{boundary}\r\n{one}\r\n" for one in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n{body}--{boundary}--\r\n'


def bodies(text):
    content = text if isinstance(text, bytes) else text.encode()
    return Bodies(content, mime.parse(content), b"\x01" * 32)


PLAIN = part("Content-Type: text/plain")
HTML = part("Content-Type: text/html")
IMAGE = part("Content-Type: image/png\r\nContent-ID: <pic@x>")
NAMED = part('Content-Type: text/plain; name="a.txt"')
FILE = part("Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf")


class ChoosingTests(SynchronousTestCase):
    def shown(self, text):
        found = bodies(text)
        return tuple(
            " ".join(found.numbers[id(one)] for one in some)
            for some in (found.text, found.html, found.attachments)
        )

    def test_a_single_text_is_text_and_html(self):
        self.assertEqual(self.shown(PLAIN), ("1", "1", ""))

    def test_an_alternative_is_one_of_each(self):
        self.assertEqual(self.shown(multipart("alternative", PLAIN, HTML)), ("1", "2", ""))

    def test_an_alternative_of_html_alone_is_the_text_too(self):
        self.assertEqual(self.shown(multipart("alternative", HTML)), ("1", "1", ""))

    def test_a_related_image_is_attached(self):
        text = multipart("related", HTML, IMAGE)
        self.assertEqual(self.shown(text), ("1", "1", "2"))

    def test_an_image_in_a_mixed_is_shown_in_its_place(self):
        self.assertEqual(self.shown(multipart("mixed", PLAIN, IMAGE, PLAIN)), ("1 2 3", "1 2 3", ""))

    def test_a_named_text_that_is_not_first_is_attached(self):
        self.assertEqual(self.shown(multipart("mixed", PLAIN, NAMED)), ("1", "1", "2"))
        self.assertEqual(self.shown(multipart("mixed", NAMED, PLAIN)), ("1 2", "1 2", ""))

    def test_what_says_attachment_is_attached(self):
        self.assertEqual(self.shown(multipart("mixed", PLAIN, FILE)), ("1", "1", "2"))
        self.assertEqual(self.shown(FILE), ("", "", "1"))

    def test_the_example_of_the_standard(self):
        text = multipart(
            "mixed",
            part("Content-Type: text/plain\r\nContent-Disposition: inline", "A"),
            multipart(
                "mixed",
                multipart(
                    "alternative",
                    multipart(
                        "mixed",
                        part("Content-Type: text/plain\r\nContent-Disposition: inline", "B"),
                        part("Content-Type: image/jpeg\r\nContent-Disposition: inline", "C"),
                        part("Content-Type: text/plain\r\nContent-Disposition: inline", "D"),
                        boundary="m3",
                    ),
                    multipart(
                        "related",
                        part("Content-Type: text/html", "E"), part("Content-Type: image/jpeg", "F"),
                        boundary="r1",
                    ),
                    boundary="a1",
                ),
                part("Content-Type: image/jpeg\r\nContent-Disposition: attachment", "G"),
                part("Content-Type: application/x-excel", "H"),
                part("Content-Type: message/rfc822", "J"),
                boundary="m2",
            ),
            part("Content-Type: text/plain\r\nContent-Disposition: inline", "K"),
            boundary="m1",
        )  # fmt: skip
        found = bodies(text)
        shown = [
            "".join(chr(found.content[one.body]) for one in some)
            for some in (found.text, found.html, found.attachments)
        ]
        self.assertEqual(shown, ["ABCDK", "AEK", "CFGHJ"])


class PartTests(SynchronousTestCase):
    def test_every_property_of_a_part(self):
        text = part(
            "Content-Type: text/Plain; charset=ISO-8859-1; name=wrong\r\n"
            "Content-Disposition: ATTACHMENT; filename*=utf-8''%C3%BC.txt\r\n"
            "Content-ID: (x) <a@b>\r\nContent-Language: de, en-GB\r\nContent-Location: a/b.txt\r\n"
            "Content-Transfer-Encoding: base64\r\nX-Own: 1",
            base64.b64encode(b"hello").decode(),
        )
        found = bodies(text)
        one = found.part(found.root, [*sorted(BODY_PROPERTIES), "header:X-Own:asText"], True)
        blob = parse_blob_id(one.pop("blobId"))
        headers = one.pop("headers")
        self.assertEqual(
            one,
            {
                "partId": "1", "size": 5, "name": "ü.txt", "type": "text/plain", "charset": "ISO-8859-1",
                "disposition": "attachment", "cid": "a@b", "language": ["de", "en-GB"],
                "location": "a/b.txt", "subParts": None, "header:X-Own:asText": "1",
            },
        )  # fmt: skip
        self.assertEqual((blob.start, blob.length, blob.encoding), (found.root.body, 8, "base64"))
        self.assertEqual(headers[-1], {"name": "X-Own", "value": " 1"})

    def test_a_multipart_has_sub_parts_but_no_part_or_blob_id(self):
        found = bodies(multipart("mixed", PLAIN, FILE))
        one = found.part(found.root, ["partId", "blobId", "type", "charset"], True)
        self.assertEqual(one["partId"], None)
        self.assertEqual(one["blobId"], None)
        self.assertEqual([(p["partId"], p["type"], p["charset"]) for p in one["subParts"]],
                         [("1", "text/plain", "us-ascii"), ("2", "application/pdf", None)])  # fmt: skip

    def test_an_enclosed_message_is_a_leaf(self):
        found = bodies(
            multipart("mixed", PLAIN, part("Content-Type: message/rfc822", "Subject: x\r\n\r\nin"))
        )
        self.assertEqual(
            found.part(found.root.children[1], ["subParts", "partId"]), {"subParts": None, "partId": "2"}
        )


class ValueTests(SynchronousTestCase):
    def value(self, fields, body, limit=0):
        found = bodies(fields.encode() + b"\r\n\r\n" + body)
        return found.value(found.root, limit)

    def test_line_ends_become_line_feeds(self):
        self.assertEqual(self.value("X: y", b"a\r\nb\r\n")["value"], "a\nb\n")

    def test_charset_and_encoding_are_undone(self):
        fields = "Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: base64"
        found = self.value(fields, base64.b64encode("grün".encode("utf-16le")))
        self.assertEqual(found, {"value": "grün", "isEncodingProblem": False, "isTruncated": False})

    def test_an_unknown_charset_or_encoding_is_a_problem(self):
        self.assertTrue(self.value("Content-Type: text/plain; charset=x-none", b"abc")["isEncodingProblem"])
        self.assertTrue(self.value("Content-Transfer-Encoding: x-uue", b"abc")["isEncodingProblem"])

    def test_octets_that_are_not_in_the_charset_are_a_problem(self):
        self.assertTrue(self.value("Content-Type: text/plain; charset=utf-8", b"a\xff")["isEncodingProblem"])
        self.assertTrue(
            self.value("Content-Type: text/plain; charset=us-ascii", b"\xc3\xbc")["isEncodingProblem"]
        )

    def test_truncation_keeps_characters_whole_and_counts_octets(self):
        fields = "Content-Type: text/plain; charset=utf-8"
        found = self.value(fields, "aüü".encode(), 2)
        self.assertEqual((found["value"], found["isTruncated"]), ("a", True))
        self.assertEqual(self.value(fields, "aüü".encode(), 5)["isTruncated"], False)
        self.assertEqual(self.value(fields, b"x" * 100_000, 10)["value"], "x" * 10)

    def test_html_is_not_cut_inside_a_tag(self):
        self.assertEqual(truncate("<p>x<b class='y'>z", 10, True), ("<p>x", True))


class DecodingTests(SynchronousTestCase):
    def pieces(self, encoding, data, cut):
        decoder = Decoder(encoding)
        found = [decoder.feed(data[at : at + cut]) for at in range(0, len(data), cut)]
        return b"".join([*found, decoder.finish()])

    @given(st.binary(max_size=500), st.integers(1, 80))
    @settings(max_examples=100)
    def test_base64_is_the_same_however_it_is_cut(self, data, cut):
        self.assertEqual(self.pieces("base64", base64.encodebytes(data), cut), data)

    @given(st.binary(max_size=500), st.integers(1, 80))
    @settings(max_examples=100)
    def test_quoted_printable_is_the_same_however_it_is_cut(self, data, cut):
        quoted = quopri.encodestring(data, quotetabs=True)
        self.assertEqual(self.pieces("quoted-printable", quoted, cut), quopri.decodestring(quoted))

    @given(st.text(max_size=300))
    @settings(max_examples=200)
    def test_a_text_comes_back_from_its_encoding(self, text):
        encoding, data = encode_text(text)
        expected = text.replace("\r\n", "\n").replace("\r", "\n")
        decoder = Decoder(encoding)
        found = (decoder.feed(data) + decoder.finish()).decode()
        self.assertEqual(found.replace("\r\n", "\n"), expected)
        if encoding != "7bit":
            self.assertLessEqual(max(map(len, data.split(b"\r\n"))), 76)

    def test_a_long_text_in_one_line_comes_back(self):
        text = "ü" + "abc " * 200_000
        encoding, data = encode_text(text)
        decoder = Decoder(encoding)
        self.assertEqual((decoder.feed(data) + decoder.finish()).decode(), text)

    def test_base64_lines_have_76_characters(self):
        self.assertEqual(base64_lines(b"x" * 58).split(b"\r\n")[1:], [b"eA==", b""])

    @given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=150))
    @settings(max_examples=150)
    def test_a_file_name_comes_back_from_its_parameter(self, name):
        written = parameter("filename", name)
        found = mime.disposition(b"attachment; " + written.encode())
        shown = decode_parameter(found.params, b"filename")
        if "=?" not in name:
            self.assertEqual(shown, name)
