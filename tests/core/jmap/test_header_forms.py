"""Header fields in JMAP's forms, read and written (RFC 8621 §4.1.2, §4.1.3)."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.jmap.header_forms import HeaderBlock, header_property
from mailsys.core.jmap.header_writing import BadValue, render

BLOCK = (
    b'From: "Joe" <joe@example.com>\r\n'
    b"To: A Group: Ed Jones <c@a.test>,joe@where.test;, =?utf-8?q?J=C3=B6?= <jo@x.test>\r\n"
    b"Subject:  Re: =?utf-8?q?caf=C3=A9?=\r\n  again\r\n"
    b"X-Test: one\r\nx-TEST : two\r\nX-Tester: three\r\n"
    b"Message-ID: <1@x> (comment <no@x>)\r\n"
    b"References: <a@x>\r\n <b@x>\r\n"
    b"Date: Thu, 30 Oct 2014 14:12:00 +0800\r\n"
    b"List-Post: <mailto:a@b.test>,\r\n (or) <https://x.test/a\r\n b>\r\n"
    b"X-Raw: \xff\xc3\xbc\0end \r\n\r\n"
)


class ReadingTests(SynchronousTestCase):
    def get(self, name, block=BLOCK):
        return HeaderBlock(block).get(header_property(f"header:{name}"))

    def test_raw_keeps_spaces_and_folds(self):
        self.assertEqual(self.get("Subject"), "  Re: =?utf-8?q?caf=C3=A9?=\r\n  again")

    def test_raw_replaces_what_is_no_utf8_and_drops_nul(self):
        self.assertEqual(self.get("X-Raw:asRaw"), " \ufffdüend ")

    def test_what_is_in_the_charset_of_the_text_is_read_in_it_but_raw(self):
        block = "Subject: Привет\r\nTo: Пётр <p@b.org>\r\nX-A: Ж\r\nX-A: =?utf-8?q?=C3=A9?=\r\n".encode(
            "koi8-r"
        )
        kind = b'Content-Type: text/plain;\r\n charset="KOI8-R"\r\n\r\n'
        self.assertEqual(self.get("Subject:asText", block + kind), "Привет")
        self.assertEqual(self.get("To:asAddresses", block + kind), [{"name": "Пётр", "email": "p@b.org"}])
        self.assertEqual(self.get("X-A:asText:all", block + kind), ["Ж", "é"])
        self.assertEqual(self.get("Subject", block + kind), " " + "\ufffd" * 6)
        self.assertEqual(self.get("Subject:asText", block), "ðÒÉ×ÅÔ")

    def test_text_is_unfolded_and_decoded(self):
        self.assertEqual(self.get("Subject:asText"), "Re: café  again")

    def test_encoded_words_count_only_where_they_stand_by_themselves(self):
        for value, expected in {
            b"=?utf-8?q?a?= =?utf-8?b?w7w=?=  x": "aü  x",
            b"=?utf-8?q?a?=\r\n =?utf-8?q?b?=": "ab",
            b"x =?iso-8859-1?q?=FC?= y": "x ü y",
            b"x=?utf-8?q?a?=": "x=?utf-8?q?a?=",
            b"=?utf-8?q?a?=x": "=?utf-8?q?a?=x",
            b"=?utf-8?q?a b?=": "=?utf-8?q?a b?=",
            b"=?x-none?q?a?= b": "=?x-none?q?a?= b",
            b"=?utf-8?q?a=00=0Ab?=": "ab",
            b"=?utf-8*en?q?a_b?=": "a b",
            b"=?utf-8?q?a?==?utf-8?q?b?=": "ab",
            b"u\xcc\x88": "ü",
        }.items():
            self.assertEqual(self.get("X:asText", b"X: " + value + b"\r\n"), expected)

    def test_the_last_of_several_counts_and_all_takes_every_one(self):
        self.assertEqual(self.get("x-test:asText"), "two")
        self.assertEqual(self.get("X-Test:asText:all"), ["one", "two"])

    def test_what_is_missing_is_null_or_no_values(self):
        self.assertIsNone(self.get("X-None"))
        self.assertEqual(self.get("X-None:all"), [])

    def test_addresses_are_without_their_groups(self):
        self.assertEqual(
            self.get("To:asAddresses"),
            [
                {"name": "Ed Jones", "email": "c@a.test"},
                {"name": None, "email": "joe@where.test"},
                {"name": "Jö", "email": "jo@x.test"},
            ],
        )

    def test_a_thousand_addresses_are_all_given(self):
        people = [f'"Person {number}" <person.{number}@department.example.com>' for number in range(1000)]
        block = ("To: " + ",\r\n ".join(people) + "\r\n\r\n").encode()
        self.assertGreater(len(block), 40 * 1024)
        found = self.get("To:asAddresses", block)
        self.assertEqual(len(found), 1000)
        self.assertEqual(found[-1], {"name": "Person 999", "email": "person.999@department.example.com"})

    def test_a_list_past_all_bounds_ends_behind_a_whole_address(self):
        block = b"To: " + b",".join(b"p%d@x.example" % number for number in range(20_000)) + b"\r\n\r\n"
        found = self.get("To:asAddresses", block)
        self.assertGreater(len(found), 5000)
        self.assertEqual(found[-1], {"name": None, "email": f"p{len(found) - 1}@x.example"})

    def test_grouped_addresses_keep_groups_and_gather_the_others(self):
        self.assertEqual(
            self.get("To:asGroupedAddresses"),
            [
                {
                    "name": "A Group",
                    "addresses": [
                        {"name": "Ed Jones", "email": "c@a.test"},
                        {"name": None, "email": "joe@where.test"},
                    ],
                },
                {"name": None, "addresses": [{"name": "Jö", "email": "jo@x.test"}]},
            ],
        )

    def test_message_ids_are_without_brackets_and_comments(self):
        self.assertEqual(self.get("Message-ID:asMessageIds"), ["1@x"])
        self.assertEqual(self.get("References:asMessageIds"), ["a@x", "b@x"])

    def test_ids_that_cannot_be_read_are_null(self):
        self.assertIsNone(self.get("In-Reply-To:asMessageIds", b"In-Reply-To: your mail\r\n\r\n"))

    def test_a_date_keeps_its_zone_and_one_that_is_none_is_null(self):
        self.assertEqual(self.get("Date:asDate"), "2014-10-30T14:12:00+08:00")
        self.assertIsNone(self.get("Date:asDate", b"Date: yesterday\r\n\r\n"))
        named = self.get("Date:asDate", b"Date: Fri, 21 Nov 97 09(c): 55 EST\r\n\r\n")
        self.assertEqual(named, "1997-11-21T09:55:00-05:00")

    def test_urls_are_without_brackets_and_folds(self):
        self.assertEqual(self.get("List-Post:asURLs"), ["mailto:a@b.test", "https://x.test/ab"])

    def test_all_headers_stand_in_order_with_their_names_as_written(self):
        found = HeaderBlock(BLOCK).headers()
        self.assertEqual(found[3:6], [
            {"name": "X-Test", "value": " one"},
            {"name": "x-TEST", "value": " two"},
            {"name": "X-Tester", "value": " three"},
        ])  # fmt: skip
        self.assertEqual(len(found), 11)

    def test_a_field_inside_a_folded_value_is_none(self):
        self.assertIsNone(self.get("To", b"X: a\r\n To: b\r\n\r\n"))

    def test_forms_that_a_field_cannot_have_are_no_properties(self):
        for name in (
            "header:From:asText", "header:Subject:asAddresses", "header:Date:asText", "header:To:asDate",
            "header:Received:asText", "header:List-Post:asText", "header:Message-ID:asURLs",
            "header:X:asNothing", "header:", "header:X Y", "header:X:all:asText", "header:X:astext",
            "header:X:asText:all:all", "header:é",
        ):  # fmt: skip
            self.assertIsNone(header_property(name), name)

    def test_a_field_of_nobodys_making_may_have_any_form(self):
        for form in (
            "asRaw",
            "asText",
            "asAddresses",
            "asGroupedAddresses",
            "asMessageIds",
            "asDate",
            "asURLs",
        ):
            self.assertIsNotNone(header_property(f"header:X-Foo:{form}:all"))


class WritingTests(SynchronousTestCase):
    def render(self, name, value):
        return b"".join(render(header_property(f"header:{name}"), value))

    def round_trip(self, name, value):
        block = self.render(name, value) + b"\r\n"
        self.assertEqual(block.count(b"\r\n\r\n"), 1)
        self.assertEqual(HeaderBlock(block).get(header_property(f"header:{name}")), value)

    def test_each_form_comes_back_as_it_was_given(self):
        person = {"name": 'Zoë, the "great"', "email": "zoe@example.com"}
        self.round_trip("X-A:asText", "Grüße an alle " * 20 + "x")
        self.round_trip("X-A:asRaw", " one\r\n two")
        self.round_trip("To:asAddresses", [person, {"name": None, "email": "b@x.test"}])
        self.round_trip("To:asGroupedAddresses", [
            {"name": "Friends", "addresses": [person]}, {"name": None, "addresses": [person]},
        ])  # fmt: skip
        self.round_trip("References:asMessageIds", [f"{n}@example.com" for n in range(50)])
        self.round_trip("Date:asDate", "2014-10-30T14:12:00+08:00")
        self.round_trip("List-Post:asURLs", ["mailto:a@b.test", "https://x.test/" + "a" * 200])
        self.round_trip("X-A:asText:all", ["one", "two"])

    def test_null_and_nothing_write_no_field(self):
        self.assertEqual(self.render("Subject:asText", None), b"")
        self.assertEqual(self.render("To:asAddresses", []), b"")

    def test_no_value_can_begin_another_field(self):
        evil = "a\r\nBcc: evil@example.com"
        for name, value in {
            "X-A:asText": evil,
            "X-A:asRaw": evil,
            "X-B:asRaw": "a\r\n\r\nbody",
            "X-C:asRaw": "a\n \r\nBcc: x",
            "To:asAddresses": [{"name": evil, "email": "a@b.test"}],
            "Cc:asAddresses": [{"name": None, "email": evil + "@b.test"}],
            "Bcc:asAddresses": [{"name": "N", "email": "a@b.test>, <evil"}],
            "From:asAddresses": [{"name": None, "email": "a@b\r\n c"}],
            "Reply-To:asAddresses": [{"name": "N", "email": "a,b"}],
            "X-D:asGroupedAddresses": [{"name": evil, "addresses": []}],
            "Message-ID:asMessageIds": ["a>\r\nX: <b"],
            "X-E:asMessageIds": ["a b"],
            "List-Post:asURLs": ["a> <b"],
            "Date:asDate": "yesterday",
        }.items():
            with self.assertRaises(BadValue, msg=name):
                self.render(name, value)

    def test_what_is_no_address_yet_is_kept_as_it_was_typed(self):
        for email in ("bob", "bob smith", "bob@", "a,b", "a@b.test>, <evil"):
            self.round_trip("To:asAddresses", [{"name": None, "email": email}])
        self.round_trip("To:asAddresses", [{"name": "Bob", "email": "bob"}])
        self.assertEqual(self.render("To:asAddresses", [{"name": "Bob", "email": ""}]), b"To: Bob <>\r\n")

    def test_a_value_of_another_type_is_refused(self):
        for name in ("X:asText", "X:asRaw", "X:asAddresses", "X:asGroupedAddresses", "X:asMessageIds",
                     "X:asDate", "X:asURLs", "X:asText:all"):  # fmt: skip
            for value in (7, {"a": 1}, [7], True):
                with self.assertRaises(BadValue, msg=(name, value)):
                    self.render(name, value)

    @given(st.text(max_size=200))
    @settings(max_examples=150)
    def test_any_text_is_refused_or_stays_in_its_field(self, text):
        try:
            block = self.render("X-A:asText", text)
        except BadValue:
            return
        lines = block.split(b"\r\n")
        self.assertTrue(all(line[:1] in (b" ", b"") for line in lines[1:]), block)
        self.assertTrue(block.isascii())

    @given(st.text(max_size=40), st.text(max_size=40))
    @settings(max_examples=150)
    def test_any_address_is_refused_or_stays_one_address(self, name, email):
        try:
            block = self.render("To:asAddresses", [{"name": name, "email": email}])
        except BadValue:
            return
        self.assertEqual(len(HeaderBlock(block).get(header_property("header:To:asAddresses"))), 1, block)
