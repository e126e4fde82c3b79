"""MDN/send and MDN/parse (RFC 9007)."""

import email
import email.policy

from tests.services.jmap.post_rig import PostTestCase
from tests.services.jmap.rig import message

SEEN = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}
MARK = {"keywords/$mdnsent": True}
ASKS = "Disposition-Notification-To: Eve <eve@remote.example>\n"


class MdnTestCase(PostTestCase):
    async def send(self, email_id, on_success=None, identity="I0", **given):
        value = {"forEmailId": email_id, "disposition": SEEN, **given}
        found = await self.request(
            ["MDN/send", {"accountId": self.account, "identityId": identity, "send": {"k": value},
                "onSuccessUpdateEmail": {"#k": MARK} if on_success is None else on_success}, "0"],
        )  # fmt: skip
        return [(name, value) for name, value, _ in found["methodResponses"]]

    async def refused_mdn(self, type_, email_id, **given):
        ((name, value),) = await self.send(email_id, **given)
        self.assertEqual((name, value["sent"]), ("MDN/send", None), value)
        self.assertEqual(value["notSent"]["k"]["type"], type_, value)
        return value["notSent"]["k"]


class SendTests(MdnTestCase):
    async def test_words_have_a_length(self):
        read = await self.deliver(message(more=ASKS))
        for name, most in (("subject", 900), ("reportingUA", 900), ("textBody", 65_536)):
            error = await self.refused_mdn("invalidProperties", read, **{name: "x" * (most + 1)})
            self.assertEqual(error["properties"], [name])
        await self.send(read, subject="x" * 900, reportingUA="x" * 900, textBody="x" * 65_536)
        self.assertEqual(len(await self.queued()), 1)

    async def test_a_receipt(self):
        read = await self.deliver(message(more=ASKS + "Original-Recipient: rfc822;al@old.example\n"))
        (name, sent), (implied, updated) = await self.send(
            read,
            subject="Read: Hello",
            textBody="It was read.",
            reportingUA="joes-pc; Foomail 97.1",
            extensionFields={"X-Ext": "y"},
        )
        self.assertEqual((name, implied), ("MDN/send", "Email/set"))
        self.assertEqual(updated["updated"], {read: None})
        self.assertEqual(sent["sent"]["k"]["finalRecipient"], "rfc822; alice@example.com")
        self.assertEqual(sent["sent"]["k"]["originalMessageId"], "<1@example.net>")
        self.assertEqual(sent["sent"]["k"]["originalRecipient"], "rfc822;al@old.example")
        self.assertIs(sent["sent"]["k"]["includeOriginalMessage"], False)
        self.assertNotIn("subject", sent["sent"]["k"])
        self.assertIn("$mdnsent", await self.get(read, "keywords"))
        ((item, content),) = await self.queued()
        self.assertEqual(item.item.sender, "")
        self.assertEqual([one.address for one in item.item.recipients], ["eve@remote.example"])
        mdn = email.message_from_bytes(content, policy=email.policy.default)
        self.assertEqual((mdn["From"], mdn["To"]), ("Alice <alice@example.com>", "eve@remote.example"))
        self.assertEqual(mdn["Subject"], "Read: Hello")
        self.assertEqual(mdn.get_content_type(), "multipart/report")
        self.assertEqual(mdn.get_param("report-type"), "disposition-notification")
        text, status, original = mdn.iter_parts()
        self.assertEqual(text.get_content().strip(), "It was read.")
        self.assertEqual(status.get_content_type(), "message/disposition-notification")
        self.assertEqual(original.get_content_type(), "text/rfc822-headers")
        for line in (
            b"Reporting-UA: joes-pc; Foomail 97.1", b"Original-Recipient: rfc822;al@old.example",
            b"Final-Recipient: rfc822; alice@example.com", b"Original-Message-ID: <1@example.net>",
            b"Disposition: manual-action/mdn-sent-manually; displayed", b"X-Ext: y",
        ):  # fmt: skip
            self.assertIn(line + b"\r\n", content)

    async def test_the_original_goes_along_when_asked(self):
        read = await self.deliver(message(body="the body", more=ASKS))
        await self.send(read, includeOriginalMessage=True)
        ((_, content),) = await self.queued()
        self.assertIn(b"message/rfc822", content)
        self.assertIn(b"the body", content)

    async def test_once_only(self):
        read = await self.deliver(message(more=ASKS), keywords="$mdnsent")
        await self.refused_mdn("mdnAlreadySent", read)

    async def test_who_asks_for_none_gets_none(self):
        await self.refused_mdn("notFound", await self.deliver())
        await self.refused_mdn("notFound", "M999")
        await self.refused_mdn("notFound", await self.deliver(message(more=ASKS), account=self.bob))

    async def test_the_keyword_must_be_set(self):
        read = await self.deliver(message(more=ASKS))
        for on_success in ({}, {"#k": {"keywords/$seen": True}}, {"#k": {"keywords/$mdnsent": None}}):
            await self.refused_mdn("invalidProperties", read, on_success=on_success)
        self.assertEqual(await self.items(), [])

    async def test_only_for_ones_own_address(self):
        read = await self.deliver(message(more=ASKS))
        await self.refused_mdn("forbiddenFrom", read, finalRecipient="rfc822; bob@example.com")
        (_, sent), _ = await self.send(read, finalRecipient="rfc822; alice+x@example.com")
        self.assertIn("k", sent["sent"])

    async def test_what_is_wrong_is_named(self):
        read = await self.deliver(message(more=ASKS))
        for given, wrong in (
            ({"disposition": {**SEEN, "type": "Displayed"}}, "disposition"),
            ({"disposition": None}, "disposition"),
            ({"subject": "a\r\nBcc: x@y.example"}, "subject"),
            ({"extensionFields": {"Disposition": "x"}}, "extensionFields"),
            ({"mdnGateway": "x"}, "mdnGateway"),
            ({"includeOriginalMessage": 1}, "includeOriginalMessage"),
        ):
            error = await self.refused_mdn("invalidProperties", read, **given)
            self.assertEqual(error["properties"], [wrong])

    async def test_the_identity_must_exist(self):
        ((name, value),) = await self.send("M1", identity="I9")
        self.assertEqual((name, value["type"]), ("error", "invalidArguments"))


class ParseTests(MdnTestCase):
    async def test_what_was_sent_reads_back(self):
        read = await self.deliver(message(more=ASKS))
        await self.send(
            read, subject="Read", textBody="Yes.\nAll.", reportingUA="x", extensionFields={"X-Ext": "y"}
        )
        ((_, content),) = await self.queued()
        blob = await self.upload(content)
        other = await self.upload(message())
        found = await self.call("MDN/parse", blobIds=[blob, other, "x"])
        self.assertEqual(found["notParsable"], [other])
        self.assertEqual(found["notFound"], ["x"])
        mdn = found["parsed"][blob]
        self.assertEqual(
            mdn,
            {
                "forEmailId": read,
                "subject": "Read",
                "textBody": "Yes.\nAll.",
                "includeOriginalMessage": False,
                "reportingUA": "x",
                "disposition": SEEN,
                "mdnGateway": None,
                "originalRecipient": None,
                "finalRecipient": "rfc822; alice@example.com",
                "originalMessageId": "<1@example.net>",
                "error": None,
                "extensionFields": {"X-Ext": "y"},
            },
        )
