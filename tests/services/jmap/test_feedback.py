"""Reports that arrive move the EmailSubmission they are about (RFC 8621 §7)."""

import json

from mailsys.core.jmap import ids
from mailsys.core.message.header import first, scan
from mailsys.core.queue.report import Action, Original, Reported, compose_report
from tests.services.jmap.post_rig import PostTestCase
from tests.services.jmap.rig import message

SEEN = {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}


class FeedbackTestCase(PostTestCase):
    async def sent(self, to="far@y.example"):
        """A message on its way, and its EmailSubmission's id."""
        email = await self.draft(to)
        made = await self.submit(email)
        (self.message_id,) = await self.get(email, "messageId")
        return made["id"]

    def report(self, *recipients, message_id=None):
        header = f"From: alice@example.com\r\nMessage-ID: <{message_id or self.message_id}>\r\n\r\n".encode()
        original = Original("alice@example.com", self.clock.seconds(), header)
        return compose_report(
            original, recipients, hostname="mx.y.example", postmaster="postmaster@y.example",
            now=self.clock.seconds(), unique="u" * 20,
        ).data  # fmt: skip

    async def status(self, submission, address="far@y.example"):
        found = await self.submission_of(submission)
        return found, found["deliveryStatus"][address]


class DeliveryReportTests(FeedbackTestCase):
    async def test_a_failure_told_by_a_later_host(self):
        submission = await self.sent()
        before = (await self.call("EmailSubmission/get", ids=[]))["state"]
        reply = "550 5.1.1 No such user"
        data = self.report(Reported("far@y.example", Action.FAILED, reply, "mx.y.example"))
        await self.receive(data, sender="")
        found, status = await self.status(submission)
        self.assertEqual(status, {"smtpReply": reply, "delivered": "no", "displayed": "unknown"})
        (blob,) = found["dsnBlobIds"]
        (stored,) = await self.inbox_of(self.alice)
        kept = await self.store.blobs.read(ids.parse_blob_id(blob).blob, 0, 100_000)
        self.assertEqual(kept, stored)
        self.assertEqual(found["mdnBlobIds"], [])
        changes = await self.call("EmailSubmission/changes", sinceState=before)
        self.assertEqual(changes["updated"], [submission])

    async def test_delivery_is_told_for_whom_it_was(self):
        submission = await self.sent("far@y.example,near@y.example")
        await self.receive(self.report(Reported("far@y.example", Action.DELIVERED, "250 ok")), sender="")
        self.assertEqual((await self.status(submission))[1]["delivered"], "yes")
        self.assertEqual((await self.status(submission, "near@y.example"))[1]["delivered"], "queued")

    async def test_a_delay_is_only_listed(self):
        submission = await self.sent()
        await self.receive(self.report(Reported("far@y.example", Action.DELAYED, "451 later")), sender="")
        found, status = await self.status(submission)
        self.assertEqual(status["delivered"], "queued")
        self.assertEqual(len(found["dsnBlobIds"]), 1)

    async def test_the_recipient_as_it_was_given_counts(self):
        """The message was forwarded: the report's final recipient is one we never heard of."""
        submission = await self.sent("far@y.example,near@y.example")
        told = Reported("x@z.example", Action.FAILED, "550 no", original="rfc822;far@y.example")
        await self.receive(self.report(told), sender="")
        self.assertEqual((await self.status(submission))[1]["delivered"], "no")

    async def test_of_a_single_recipient_no_other_can_be_meant(self):
        submission = await self.sent()
        await self.receive(self.report(Reported("x@z.example", Action.FAILED, "550 no")), sender="")
        self.assertEqual((await self.status(submission))[1]["delivered"], "no")

    async def test_reports_are_listed_in_order_and_once(self):
        submission = await self.sent()
        for action in (Action.DELAYED, Action.FAILED):
            self.clock.advance(60)
            data = self.report(Reported("far@y.example", action, "451 later"))
            await self.receive(data, sender="")
        found, _ = await self.status(submission)
        self.assertEqual(len(set(found["dsnBlobIds"])), 2)

    async def test_what_is_about_nothing_of_ones_own_changes_nothing(self):
        submission = await self.sent("far@y.example,near@y.example")
        other = Reported("far@y.example", Action.FAILED, "550 no")
        await self.receive(self.report(other, message_id="guess@y.example"), sender="")
        await self.receive(self.report(Reported("x@z.example", Action.FAILED, "550 no")), sender="")
        await self.receive(self.report(other), sender="", to="bob@example.com")
        await self.receive(message(subject="multipart/report"))
        found, status = await self.status(submission)
        self.assertEqual((status["delivered"], found["dsnBlobIds"]), ("queued", []))

    async def test_a_taken_back_message_stays_so(self):
        """A report and a change by the client do not overwrite each other."""
        given = {
            "mailFrom": {"email": "alice@example.com", "parameters": {"HOLDFOR": "600"}},
            "rcptTo": [{"email": "far@y.example", "parameters": None}],
        }
        email = await self.draft("far@y.example")
        made = await self.submit(email, envelope=given)
        (self.message_id,) = await self.get(email, "messageId")
        await self.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
        await self.receive(self.report(Reported("far@y.example", Action.FAILED, "550 no")), sender="")
        self.assertEqual((await self.submission_of(made["id"]))["undoStatus"], "canceled")


class DispositionTests(FeedbackTestCase):
    async def test_a_neighbour_s_receipt_says_that_it_was_displayed(self):
        wanted = {"header:Disposition-Notification-To:asAddresses": [{"email": "alice@example.com"}]}
        made = await self.submit(await self.draft("bob@example.com", **wanted))
        (email,) = (await self.as_bob("Email/query", filter={"subject": "Lunch"}))["ids"]
        account = ids.account_id(self.bob.id)
        body = {
            "accountId": account, "identityId": "I0",
            "send": {"k": {"forEmailId": email, "disposition": SEEN}},
            "onSuccessUpdateEmail": {"#k": {"keywords/$mdnsent": True}},
        }  # fmt: skip
        found = await self.request(["MDN/send", body, "0"], caller=self.bobs)
        self.assertIsNone(found["methodResponses"][0][1]["notSent"], json.dumps(found))
        await self.quiet()
        found, status = await self.status(made["id"], "bob@example.com")
        self.assertEqual((status["delivered"], status["displayed"]), ("yes", "yes"))
        self.assertEqual((len(found["mdnBlobIds"]), found["dsnBlobIds"]), (1, []))

    async def test_a_receipt_that_says_deleted_is_only_listed(self):
        submission = await self.sent()
        data = (
            "From: far@y.example\nTo: alice@example.com\nSubject: Deleted\nMIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\n\n'
            "--b\n\nDeleted.\n--b\nContent-Type: message/disposition-notification\n\n"
            "Final-Recipient: rfc822; far@y.example\n"
            f"Original-Message-ID: <{self.message_id}>\n"
            "Disposition: manual-action/MDN-sent-manually; deleted\n\n--b--\n"
        )
        await self.receive(data.replace("\n", "\r\n").encode(), sender="")
        found, status = await self.status(submission)
        self.assertEqual((status["displayed"], len(found["mdnBlobIds"])), ("unknown", 1))


class NamedByUsTests(FeedbackTestCase):
    async def test_a_message_that_had_no_id_is_known_by_the_one_it_was_sent_with(self):
        blob = await self.upload(b"From: alice@example.com\r\nTo: far@y.example\r\n\r\nHello\r\n")
        box = {"mailboxIds": {self.inbox: True}, "blobId": blob}
        email = (await self.call("Email/import", emails={"i": box}))["created"]["i"]["id"]
        made = await self.submit(email)
        ((_, content),) = await self.queued()
        fields = [(one.name, content[one.value : one.end].strip()) for one in scan(content)]
        self.message_id = first(fields, b"message-id").decode().strip("<>")
        await self.receive(self.report(Reported("far@y.example", Action.FAILED, "550 no")), sender="")
        self.assertEqual((await self.status(made["id"]))[1]["delivered"], "no")
