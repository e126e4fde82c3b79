"""vCards as phones and mail programs write them, and JSContact Cards made of them (RFC 9555)."""

from __future__ import annotations

import base64
import random
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.contacts.card import wrong_properties
from mailsys.core.contacts.from_vcard import read_card
from mailsys.core.contacts.lines import RawCard, Splitter
from mailsys.core.contacts.to_vcard import write_card

IPHONE = """BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//iPhone OS 17.2//EN
N:Müller;Anna;Maria;Dr.;
FN:Dr. Anna Maria Müller
NICKNAME:Anni
ORG:Beispiel GmbH;Vertrieb
TITLE:Leiterin
EMAIL;type=INTERNET;type=HOME;type=pref:anna@example.org
item1.EMAIL;type=INTERNET:verein@example.net
item1.X-ABLabel:_$!<Other>!$_
TEL;type=CELL;type=VOICE;type=pref:+49 170 1234567
item2.ADR;type=WORK:;;Haupt\\, Straße 1;Berlin;;10115;Deutschland
item2.X-ABADR:de
BDAY;X-APPLE-omit-year=1604:1604-03-05
item3.URL;type=pref:https\\://example.org/anna
item3.X-ABLabel:Blog
X-SOCIALPROFILE;type=twitter;x-user=anna:https://twitter.com/anna
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ
 SkZJRg==
NOTE:Zeile 1\\nZeile 2
UID:5A8F-1
REV:2024-02-03T04:05:06Z
END:VCARD
"""

NOKIA = """BEGIN:VCARD
VERSION:2.1
N;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:M=C3=BCller;J=C3=B6=
rg
TEL;CELL;PREF:0171 555
TEL;WORK;FAX:030 1
EMAIL;INTERNET:joerg@example.org
NOTE;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Gr=FC=DFe=0D=0Aaus M=FCnchen
PHOTO;JPEG;BASE64:
 /9j/4AAQSkZJRg==

BDAY:19800229
LABEL;HOME;ENCODING=QUOTED-PRINTABLE:Am Weg 1=0A12345 Dorf
X-CLASS:private
END:VCARD
"""


def cards(text: str | bytes) -> list[RawCard]:
    splitter = Splitter()
    octets = text.replace("\n", "\r\n").encode() if isinstance(text, str) else text
    return splitter.feed(octets) + splitter.finish()


def read(text: str | bytes) -> dict[str, Any]:
    (raw,) = cards(text)
    return read_card(raw)


def one(body: str) -> dict[str, Any]:
    return read(f"BEGIN:VCARD\nVERSION:4.0\n{body}\nEND:VCARD\n")


class PhoneTests(SynchronousTestCase):
    def test_a_card_of_an_iphone(self) -> None:
        card = read(IPHONE)
        self.assertEqual(card["uid"], "5A8F-1")
        self.assertEqual(card["name"]["full"], "Dr. Anna Maria Müller")
        self.assertEqual(
            [(part["kind"], part["value"]) for part in card["name"]["components"]],
            [("surname", "Müller"), ("given", "Anna"), ("given2", "Maria"), ("title", "Dr.")],
        )
        self.assertEqual(
            list(card["emails"].values()),
            [
                {"address": "anna@example.org", "contexts": {"private": True}, "pref": 1},
                {"address": "verein@example.net", "label": "Other"},
            ],
        )
        (phone,) = card["phones"].values()
        self.assertEqual(
            phone, {"number": "+49 170 1234567", "features": {"mobile": True, "voice": True}, "pref": 1}
        )
        (place,) = card["addresses"].values()
        self.assertEqual(place["components"][0], {"kind": "name", "value": "Haupt, Straße 1"})
        self.assertEqual(place["contexts"], {"work": True})
        (day,) = card["anniversaries"].values()
        self.assertEqual(day, {"kind": "birth", "date": {"month": 3, "day": 5}})
        (photo,) = card["media"].values()
        self.assertEqual(photo["uri"], "data:image/jpeg;base64,/9j/4AAQSkZJRg==")
        self.assertEqual(next(iter(card["links"].values()))["uri"], "https://example.org/anna")
        self.assertEqual(list(card["notes"].values()), [{"note": "Zeile 1\nZeile 2"}])
        self.assertEqual(
            list(card["organizations"].values()), [{"name": "Beispiel GmbH", "units": [{"name": "Vertrieb"}]}]
        )
        self.assertEqual(card["updated"], "2024-02-03T04:05:06Z")
        self.assertEqual(next(iter(card["onlineServices"].values()))["service"], "twitter")
        self.assertEqual([kept[0] for kept in card["vCardProps"]], ["x-abadr"])

    def test_a_card_of_version_2_1(self) -> None:
        card = read(NOKIA)
        self.assertEqual([part["value"] for part in card["name"]["components"]], ["Müller", "Jörg"])
        self.assertEqual(list(card["notes"].values()), [{"note": "Grüße\naus München"}])
        mobile, fax = card["phones"].values()
        self.assertEqual((mobile["features"], mobile["pref"]), ({"mobile": True}, 1))
        self.assertEqual((fax["features"], fax["contexts"]), ({"fax": True}, {"work": True}))
        (photo,) = card["media"].values()
        self.assertEqual(photo["uri"], "data:image/jpeg;base64,/9j/4AAQSkZJRg==")
        (place,) = card["addresses"].values()
        self.assertEqual(place, {"full": "Am Weg 1\n12345 Dorf", "contexts": {"private": True}})
        self.assertEqual(
            next(iter(card["anniversaries"].values()))["date"], {"year": 1980, "month": 2, "day": 29}
        )
        self.assertEqual(card["vCardProps"], [["x-class", {}, "unknown", "private"]])

    def test_a_card_without_uid_has_the_same_each_time(self) -> None:
        first, second, other = read(NOKIA), read(NOKIA), read(NOKIA.replace("0171", "0172"))
        self.assertEqual(first["uid"], second["uid"])
        self.assertNotEqual(first["uid"], other["uid"])
        self.assertTrue(first["uid"].startswith("urn:uuid:"))

    def test_groups(self) -> None:
        card = one("KIND:group\nFN:Team\nMEMBER:urn:uuid:a\nMEMBER:urn:uuid:b\nUID:g")
        self.assertEqual((card["kind"], card["members"]), ("group", {"urn:uuid:a": True, "urn:uuid:b": True}))
        apple = one("X-ADDRESSBOOKSERVER-KIND:group\nN:Team\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:a\nUID:g")
        self.assertEqual((apple["kind"], apple["members"]), ("group", {"urn:uuid:a": True}))

    def test_utf_16(self) -> None:
        card = read(IPHONE.encode("utf-16"))
        self.assertEqual(card["name"]["full"], "Dr. Anna Maria Müller")

    def test_latin_1_without_saying_so(self) -> None:
        card = read("BEGIN:VCARD\r\nFN:J\xfcrgen Gro\xdf\r\nEND:VCARD\r\n".encode("latin-1"))
        self.assertEqual(card["name"]["full"], "Jürgen Groß")


class DateTests(SynchronousTestCase):
    def day(self, text: str) -> Any:
        card = one(f"BDAY:{text}")
        return next(iter(card.get("anniversaries", {}).values()), {}).get("date")

    def test_every_form(self) -> None:
        for text, wanted in (
            ("19960415", {"year": 1996, "month": 4, "day": 15}),
            ("1996-04-15", {"year": 1996, "month": 4, "day": 15}),
            ("--0415", {"month": 4, "day": 15}),
            ("--04-15", {"month": 4, "day": 15}),
            ("1996-04", {"year": 1996, "month": 4}),
            ("1996", {"year": 1996}),
            ("1996-04-15T00:00:00Z", {"year": 1996, "month": 4, "day": 15}),
            ("19531015T231000Z", {"@type": "Timestamp", "utc": "1953-10-15T23:10:00Z"}),
            ("19531015T231000+0200", {"@type": "Timestamp", "utc": "1953-10-15T21:10:00Z"}),
            ("circa 1800", None),
            ("19960231", None),
        ):
            self.assertEqual(self.day(text), wanted, text)

    def test_what_is_no_date_is_kept(self) -> None:
        self.assertEqual(
            one("BDAY;VALUE=text:circa 1800")["vCardProps"], [["bday", {}, "text", "circa 1800"]]
        )


class StreamTests(SynchronousTestCase):
    def test_however_it_is_cut(self) -> None:
        octets = (IPHONE + "\n" + NOKIA).replace("\n", "\r\n").encode()
        whole = cards(octets)
        self.assertEqual([card.line for card in whole], [1, IPHONE.count("\n") + 2])
        for size in (1, 2, 7, 100):
            splitter = Splitter()
            found = [c for at in range(0, len(octets), size) for c in splitter.feed(octets[at : at + size])]
            self.assertEqual(found + splitter.finish(), whole)

    def test_a_broken_card_costs_only_itself(self) -> None:
        found = cards("BEGIN:VCARD\nFN:A\nBEGIN:VCARD\nFN:B\nEND:VCARD\nrubbish\nBEGIN:VCARD\nFN:C")
        self.assertEqual([(card.line, card.error) for card in found],
                         [(1, "The card has no end."), (3, ""), (7, "The card has no end.")])  # fmt: skip

    def test_a_card_in_a_card(self) -> None:
        (card,) = cards("BEGIN:VCARD\nFN:A\nAGENT:\nBEGIN:VCARD\nFN:B\nEND:VCARD\nTEL:1\nEND:VCARD\n")
        self.assertEqual(read_card(card)["name"], {"full": "A"})
        self.assertEqual(len(read_card(card)["phones"]), 1)

    def test_a_card_that_is_too_large(self) -> None:
        splitter = Splitter(max_card=1000)
        found = splitter.feed(b"BEGIN:VCARD\nNOTE:" + b"x" * 5000)
        found += (
            splitter.feed(b"x" * 5000 + b"\nEND:VCARD\nBEGIN:VCARD\nFN:B\nEND:VCARD\n") + splitter.finish()
        )
        self.assertEqual([card.error for card in found], ["The card is too large.", ""])

    def test_too_many_lines(self) -> None:
        (raw,) = cards("BEGIN:VCARD\n" + "TEL:1\n" * 3000 + "END:VCARD\n")
        with self.assertRaises(ValueError):
            read_card(raw)

    def test_hostile_lines_take_no_time(self) -> None:
        for line in (
            "N:" + ";" * 500_000,
            "N:" + "\\" * 500_001,
            "CATEGORIES:" + "," * 500_000,
            "TEL;" + "TYPE=a;" * 900 + ":1",
            'TEL;X="' + "a" * 500_000 + ":1",
            "JSPROP;JSPTR=notes:" + "[" * 100_000,
            "NOTE;ENCODING=QUOTED-PRINTABLE:" + "=" * 500_000,
            "PHOTO;ENCODING=b:" + "A" * 500_001,
        ):
            began = time.process_time()
            card = one(f"FN:x\n{line}")
            self.assertEqual(card["name"]["full"], "x")
            self.assertLess(time.process_time() - began, 5, line[:30])

    def test_noise_never_fails_otherwise_than_it_says(self) -> None:
        chance = random.Random(4)
        lines = list(filter(None, (IPHONE + NOKIA).splitlines()[2:-1]))
        for _ in range(300):
            body = [bytearray(chance.choice(lines).encode()) for _ in range(12)]
            for line in body:
                for _ in range(chance.randrange(4)):
                    line[chance.randrange(len(line))] = chance.randrange(256)
            octets = b"BEGIN:VCARD\n" + b"\n".join(body) + b"\nEND:VCARD\n"
            for raw in cards(octets):
                try:
                    card = read_card(raw)
                except ValueError:
                    continue
                self.assertEqual(wrong_properties(card), [])
                write_card(card)


class ReadingTests(SynchronousTestCase):
    def test_what_is_unknown_is_kept(self) -> None:
        card = one("FN:A\nX-FOO;X-BAR=1,2;TYPE=home:a\\,b\ng.GEO:geo:1,2")
        self.assertEqual(
            card["vCardProps"],
            [["x-foo", {"x-bar": ["1", "2"], "type": "home"}, "unknown", "a\\,b"],
             ["geo", {"group": "g"}, "unknown", "geo:1,2"]],
        )  # fmt: skip
        self.assertIn("X-FOO;X-BAR=1,2;TYPE=home:a\\,b\r\n", write_card(card))

    def test_a_part_of_the_card_itself(self) -> None:
        card = one('FN:A\nJSPROP;JSPTR="localizations":{"de":{"name/full":"B"}}\nJSPROP;JSPTR=emails:7')
        self.assertEqual(card["localizations"], {"de": {"name/full": "B"}})
        self.assertNotIn("emails", card)

    def test_surrogates_and_numbers_that_no_json_has(self) -> None:
        card = one('FN:A\nJSPROP;JSPTR=x:"\\\\ud800"\nJSPROP;JSPTR=y:NaN\nJSPROP;JSPTR=z:' + "9" * 5000)
        self.assertEqual({"x", "y", "z"} & set(card), set())

    def test_newer_name_parts_are_not_read_twice(self) -> None:
        card = one("FN:A\nN:García,Lorca;Federico;;;Jr.;Lorca;Jr.")
        self.assertEqual(
            [(part["kind"], part["value"]) for part in card["name"]["components"]],
            [("surname", "García"), ("given", "Federico"), ("surname2", "Lorca"), ("generation", "Jr.")],
        )


# -- round trips --------------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('\n,;:\\"^'), max_size=30)
some = text.map(str.strip).filter(bool)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "contexts": st.sets(st.sampled_from(("work", "private", "x:y")), min_size=1).map(
            lambda s: dict.fromkeys(sorted(s), True)
        ),
        "pref": st.integers(1, 100),
        "label": text,
    },
)
key = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)


def entries(needed: dict[str, Any], optional: dict[str, Any] | None = None) -> Any:
    value = st.builds(lambda a, b: a | b, st.fixed_dictionaries(needed, optional=optional or {}), contexts)
    return st.dictionaries(key, value, min_size=1, max_size=3)


components = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(("given", "surname", "title", "surname2", "x-own")), "value": some}
    ),
    min_size=1,
    max_size=4,
)
dates = st.one_of(
    st.fixed_dictionaries({"month": st.integers(1, 12), "day": st.integers(1, 28)}),
    st.fixed_dictionaries({"year": st.integers(1, 9999)}, optional={"month": st.integers(1, 12)}),
    st.just({"@type": "Timestamp", "utc": "2001-02-03T04:05:06Z"}),
)
card_strategy = st.fixed_dictionaries(
    {"@type": st.just("Card"), "version": st.just("1.0"), "uid": some},
    optional={
        "kind": st.sampled_from(("individual", "group", "org")),
        "name": st.fixed_dictionaries(
            {"components": components},
            optional={
                "full": text,
                "isOrdered": st.booleans(),
                "sortAs": st.dictionaries(st.sampled_from(("given", "surname")), text),
            },
        ),
        "nicknames": entries({"name": text}),
        "emails": entries({"address": some}),
        "phones": entries({"number": text}, {"features": st.just({"mobile": True, "text": True})}),
        "onlineServices": entries({"uri": st.just("xmpp:a@b.example")}, {"service": text, "user": text}),
        "addresses": entries(
            {},
            {
                "full": text,
                "countryCode": st.just("de"),
                "components": st.lists(
                    st.fixed_dictionaries(
                        {
                            "kind": st.sampled_from(("locality", "number", "name", "country", "district")),
                            "value": some,
                        }
                    )
                ),
            },
        ),
        "organizations": entries({"name": text}, {"units": st.lists(st.fixed_dictionaries({"name": text}))}),
        "titles": st.dictionaries(
            key, st.fixed_dictionaries({"name": some}, optional={"kind": st.sampled_from(("title", "role"))})
        ),
        "notes": st.dictionaries(
            key, st.fixed_dictionaries({"note": text}, optional={"author": st.just({"name": "x"})})
        ),
        "links": entries({"uri": st.just("https://x.example/a,b;c")}, {"kind": st.just("contact")}),
        "media": entries(
            {
                "kind": st.sampled_from(("photo", "logo", "other")),
                "uri": st.just("data:image/png;base64,AAAA"),
            }
        ),
        "anniversaries": st.dictionaries(
            key,
            st.fixed_dictionaries({"kind": st.sampled_from(("birth", "wedding", "other")), "date": dates}),
        ),
        "members": st.dictionaries(some, st.just(True), min_size=1, max_size=3),
        "keywords": st.dictionaries(text, st.just(True), max_size=3),
        "updated": st.just("2020-01-02T03:04:05Z"),
        "example.com:own": st.recursive(
            st.booleans() | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=5
        ),
    },
)


class RoundTripTests(SynchronousTestCase):
    @settings(max_examples=150)
    @given(card_strategy)
    def test_nothing_is_lost_on_the_way(self, card: dict[str, Any]) -> None:
        self.assertEqual(wrong_properties(card), [])
        document = write_card(card)
        self.assertTrue(all(len(line.encode()) <= 75 for line in document.split("\r\n")))
        self.assertEqual(read(document.encode()), card)

    @settings(max_examples=50)
    @given(card_strategy)
    def test_version_3_keeps_what_it_has_words_for(self, card: dict[str, Any]) -> None:
        back = read(write_card(card, "3.0").encode())
        self.assertEqual(wrong_properties(back), [])
        self.assertEqual(
            [one["address"] for one in back.get("emails", {}).values()],
            [one["address"] for one in card.get("emails", {}).values()],
        )

    def test_a_photo_of_version_3(self) -> None:
        photo = base64.b64encode(bytes(range(256))).decode()
        card = {"uid": "a", "media": {"p": {"kind": "photo", "uri": f"data:image/jpeg;base64,{photo}"}}}
        document = write_card(card, "3.0")
        self.assertIn("PHOTO;ENCODING=b;TYPE=JPEG:AAEC", document)
        (back,) = read(document.encode())["media"].values()
        self.assertEqual(back["uri"], card["media"]["p"]["uri"])

    def test_a_card_of_an_iphone_comes_back(self) -> None:
        card = read(IPHONE)
        self.assertEqual(read(write_card(card).encode()), card)
