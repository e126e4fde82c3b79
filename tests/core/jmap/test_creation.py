"""What an Email/set create may ask for (RFC 8621 §4.6)."""

from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.jmap.creation import Leaf, Multipart, plan
from mailsys.core.jmap.problems import SetError

TEXT = {"textBody": [{"partId": "t", "type": "text/plain"}], "bodyValues": {"t": {"value": "hello"}}}
BLOB = "B" + "0" * 64


def email(**properties):
    return {"mailboxIds": {"F1": True}, **properties}


def shape(tree):
    if isinstance(tree, Multipart):
        return (tree.subtype, *map(shape, tree.parts))
    return tree.type or tree.blob[:1]


class PlanTests(SynchronousTestCase):
    def refused(self, value, *properties, kind="invalidProperties"):
        error = self.assertRaises(SetError, plan, value)
        self.assertEqual(error.type, kind, error.description)
        if properties:
            self.assertEqual(set(error.properties), set(properties), error.description)

    def test_the_least_is_an_empty_text(self):
        found = plan(email())
        self.assertEqual((found.root.type, found.root.text, found.fields), ("text/plain", "", []))

    def test_mailboxes_are_needed_and_are_a_map_to_true(self):
        self.refused({}, "mailboxIds")
        for value in ({}, None, [], {"F1": False}, {"F 1": True}):
            self.refused({"mailboxIds": value}, "mailboxIds")

    def test_keywords_are_lower_case_and_of_safe_characters(self):
        self.assertEqual(plan(email(keywords={"$Seen": True})).keywords, ["$seen"])
        for value in ({"a b": True}, {"a(": True}, {"": True}, {"ä": True}, {"a": 1}, {"a\\": True},
                      ["a"], {"x" * 256: True}, {'a"': True}, {"a%": True}, {"a*": True}, {"a]": True},
                      {"a{": True}):  # fmt: skip
            self.refused(email(keywords=value), "keywords")

    def test_keywords_have_a_bound(self):
        self.refused(email(keywords={f"k{n}": True for n in range(200)}), kind="tooManyKeywords")

    def test_received_at_is_a_utc_date(self):
        self.assertEqual(plan(email(receivedAt="1970-01-01T00:00:01Z")).received_at, 1.0)
        self.refused(email(receivedAt="yesterday"), "receivedAt")

    def test_what_the_server_sets_cannot_be_given(self):
        self.refused(email(id="M1", size=3), "id", "size")

    def test_what_is_not_known_is_named(self):
        self.refused(email(colour="red"), "colour")
        self.refused(email(headers=[]), "headers")

    def test_a_field_may_be_given_once(self):
        self.refused(
            email(**{"subject": "a", "header:SUBJECT:asText": "b"}), "subject", "header:SUBJECT:asText"
        )

    def test_a_form_that_the_field_has_not_is_refused(self):
        self.refused(email(**{"header:From:asText": "a"}), "header:From:asText")

    def test_fields_of_mime_are_the_parts(self):
        self.refused(email(**{"header:Content-Type": " text/plain"}), "header:Content-Type")

    def test_fields_stand_in_their_usual_order(self):
        found = plan(email(subject="s", to=[{"email": "b@x.test"}], sentAt="2024-01-01T00:00:00Z",
                           **{"from": [{"name": "A", "email": "a@x.test"}]}))  # fmt: skip
        self.assertEqual([one.split(b":")[0] for one in found.fields], [b"Date", b"From", b"To", b"Subject"])

    def test_structure_and_lists_exclude_each_other(self):
        self.refused(email(bodyStructure={"partId": "t"}, attachments=[], **TEXT), "textBody", "attachments")

    def test_the_text_is_one_part_of_its_type(self):
        values = {"t": {"value": "x"}}
        for name, wrong in (("textBody", "text/html"), ("htmlBody", "text/plain")):
            one = {"partId": "t", "type": wrong}
            self.refused(email(**{name: [one]}, bodyValues=values), f"{name}/0/type")
            self.refused(email(**{name: []}, bodyValues=values), name)
            self.refused(email(**{name: [{"partId": "t"}] * 2}, bodyValues=values), name)
            self.refused(email(**{name: {"partId": "t"}}, bodyValues=values), name)

    def test_a_part_has_a_part_id_or_a_blob_id(self):
        values = {"t": {"value": "x"}}
        both = "bodyStructure/partId", "bodyStructure/blobId"
        self.refused(email(bodyStructure={"type": "text/plain"}), *both)
        self.refused(email(bodyStructure={"partId": "t", "blobId": BLOB}, bodyValues=values), *both)
        self.refused(email(bodyStructure={"partId": "other"}, bodyValues=values), "bodyStructure/partId")

    def test_with_a_part_id_charset_and_size_are_the_servers(self):
        values = {"t": {"value": "x"}}
        for name, value in (("charset", "utf-8"), ("size", 1)):
            part = {"partId": "t", name: value}
            self.refused(email(bodyStructure=part, bodyValues=values), f"bodyStructure/{name}")

    def test_the_transfer_encoding_is_the_servers(self):
        part = {"partId": "t", "header:Content-Transfer-Encoding": " 7bit"}
        name = "bodyStructure/header:Content-Transfer-Encoding"
        self.refused(email(bodyStructure=part, bodyValues={"t": {"value": "x"}}), name)

    def test_a_root_part_may_not_repeat_a_field_of_the_email(self):
        part = {"partId": "t", "header:Subject:asText": "x"}
        name = "bodyStructure/header:Subject:asText"
        self.refused(email(subject="y", bodyStructure=part, bodyValues={"t": {"value": "x"}}), name)

    def test_what_is_wrong_in_a_part_is_named_by_the_way_to_it(self):
        values = {"t": {"value": "x"}}
        wrong = {"partId": "t", "headers": []}
        tree = {"type": "multipart/mixed", "subParts": [{"partId": "t"}, wrong]}
        self.refused(email(bodyStructure=wrong, bodyValues=values), "bodyStructure/headers")
        self.refused(email(bodyStructure=tree, bodyValues=values), "bodyStructure/subParts/1/headers")
        self.refused(email(textBody=[wrong], bodyValues=values), "textBody/0/headers")

    def test_body_values_are_whole(self):
        for value in ({}, {"value": 1}, "x", {"value": "x", "more": 1}):
            self.refused(email(bodyValues={"t": value}), "bodyValues/t")
        flags = {"isTruncated": True, "isEncodingProblem": True}
        names = [f"bodyValues/t/{name}" for name in flags]
        self.refused(email(bodyValues={"t": {"value": "x", **flags}}), *names)

    def test_only_a_multipart_has_sub_parts(self):
        values = {"t": {"value": "x"}}
        sub = [{"partId": "t"}]
        self.refused(email(bodyStructure={"type": "text/plain", "subParts": sub}, bodyValues=values))
        self.refused(email(bodyStructure={"type": "multipart/mixed"}, bodyValues=values))
        self.refused(email(bodyStructure={"type": "multipart/mixed", "subParts": []}, bodyValues=values))
        self.refused(
            email(
                bodyStructure={"type": "multipart/mixed", "partId": "t", "subParts": sub}, bodyValues=values
            )
        )

    def test_a_structure_is_kept_as_given(self):
        tree = {
            "type": "multipart/mixed",
            "subParts": [
                {
                    "type": "multipart/alternative",
                    "subParts": [{"partId": "t"}, {"partId": "t", "type": "text/html"}],
                },
                {"blobId": BLOB, "type": "image/png"},
            ],
        }
        found = plan(email(bodyStructure=tree, bodyValues={"t": {"value": "x"}}))
        self.assertEqual(
            shape(found.root), ("mixed", ("alternative", "text/plain", "text/html"), "image/png")
        )

    def test_lists_are_arranged_with_each_level_only_where_needed(self):
        html = {"htmlBody": [{"partId": "h", "type": "text/html"}]}
        values = {"bodyValues": {"t": {"value": "x"}, "h": {"value": "y"}}}
        picture = {"blobId": BLOB, "type": "image/png", "cid": "p", "disposition": "inline"}
        file = {"blobId": BLOB, "type": "application/pdf", "name": "a.pdf"}
        both = {**TEXT, **html, **values}
        self.assertEqual(shape(plan(email(**TEXT)).root), "text/plain")
        self.assertEqual(shape(plan(email(**both)).root), ("alternative", "text/plain", "text/html"))
        self.assertEqual(
            shape(plan(email(**both, attachments=[picture, file])).root),
            (
                "mixed",
                ("alternative", "text/plain", ("related", "text/html", "image/png")),
                "application/pdf",
            ),
        )
        self.assertEqual(shape(plan(email(attachments=[file])).root), ("mixed", "application/pdf"))

    def test_an_attachment_says_so_and_names_itself_in_any_script(self):
        found = plan(email(attachments=[{"blobId": BLOB, "type": "text/csv", "name": "Übersicht.csv"}]))
        leaf = found.root.parts[0]
        self.assertIsInstance(leaf, Leaf)
        self.assertIn(
            b"Content-Disposition: attachment; filename*=utf-8''%C3%9Cbersicht.csv\r\n", leaf.fields
        )

    def test_values_of_parts_that_could_break_out_are_refused(self):
        for name, value in {
            "type": "text/plain\r\nX: y",
            "name": "a\r\nb",
            "disposition": "a b",
            "cid": "a> <b",
            "location": "a\r\nb",
            "language": ["d e"],
            "charset": "a;b",
        }.items():
            self.refused(email(attachments=[{"blobId": BLOB, name: value}]), f"attachments/0/{name}")
