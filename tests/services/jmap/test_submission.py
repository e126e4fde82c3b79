"""EmailSubmission (RFC 8621 §7): sending, holding, taking back, and what is told of the way."""

from typing import ClassVar

from mailsys.core.jmap.dates import render_utc_date
from mailsys.ports.accounts import AccountPatch
from mailsys.ports.mailboxes import Role
from mailsys.services.jmap.protocol.api import Caller
from mailsys.services.operating.drop import drop
from tests.services.jmap.post_rig import PostTestCase
from tests.services.jmap.rig import message


def envelope(*to, sender="alice@example.com", **parameters):
    return {
        "mailFrom": {"email": sender, "parameters": parameters or None},
        "rcptTo": [{"email": one, "parameters": None} for one in to],
    }


class SendingTests(PostTestCase):
    async def test_a_neighbour_has_it_by_the_time_of_the_answer(self):
        made = await self.submit(await self.draft())
        (stored,) = await self.inbox_of(self.bob)
        self.assertIn(b"Subject: Lunch\r\n", stored)
        self.assertEqual(made["undoStatus"], "final")
        self.assertEqual(
            made["deliveryStatus"],
            {
                "bob@example.com": {
                    "smtpReply": "250 2.1.5 Delivered",
                    "delivered": "yes",
                    "displayed": "unknown",
                }
            },
        )
        self.assertEqual(await self.items(), [])

    async def test_created_has_what_the_client_did_not_give(self):
        email = await self.draft()
        made = await self.submit(email)
        self.assertEqual(made["threadId"], await self.get(email, "threadId"))
        self.assertEqual(made["sendAt"], render_utc_date(self.clock.seconds()))
        self.assertEqual(
            made["envelope"],
            {
                "mailFrom": {"email": "alice@example.com", "parameters": None},
                "rcptTo": [{"email": "bob@example.com", "parameters": None}],
            },
        )
        self.assertEqual((made["dsnBlobIds"], made["mdnBlobIds"]), ([], []))
        self.assertNotIn("identityId", made)
        found = await self.submission_of(made["id"])
        self.assertEqual(found, {**made, "identityId": "I0", "emailId": email})

    async def test_the_envelope_is_the_deduplicated_to_cc_and_bcc(self):
        email = await self.draft(
            to="bob@example.com,Far@y.example",
            cc=[{"name": "B", "email": "BOB@example.com"}, {"name": None, "email": "cc@y.example"}],
            bcc=[{"name": None, "email": "secret@z.example"}],
        )
        made = await self.submit(email)
        self.assertEqual(
            [one["email"] for one in made["envelope"]["rcptTo"]],
            ["bob@example.com", "Far@y.example", "cc@y.example", "secret@z.example"],
        )
        self.assertEqual({item.item.destination for item in await self.items()}, {"y.example", "z.example"})

    async def test_bcc_never_leaves_but_stays_with_the_email(self):
        email = await self.draft(bcc=[{"name": None, "email": "secret@z.example"}])
        await self.submit(email)
        ((_, sent),) = await self.queued()
        (stored,) = await self.inbox_of(self.bob)
        for content in (sent, stored):
            self.assertNotIn(b"secret", content.partition(b"\r\n\r\n")[0])
        self.assertIn(b"secret@z.example", await self.source(email))

    async def test_where_one_sits_is_not_told(self):
        caller = Caller(self.alice, address="203.0.113.9")
        email = await self.draft("far@y.example")
        found = await self.request(
            [
                "EmailSubmission/set",
                {"accountId": self.account, "create": {"s": {"identityId": "I0", "emailId": email}}},
                "c",
            ],
            caller=caller,
        )
        self.assertIn("s", found["methodResponses"][0][1]["created"])
        ((_, sent),) = await self.queued()
        self.assertNotIn(b"203.0.113.9", sent)
        self.assertRegex(sent, rb"\AReceived: by mx.example.com with HTTP id [0-9a-z]{16};\r\n")

    async def test_mail_to_oneself_arrives_in_the_inbox(self):
        await self.submit(await self.draft("alice@example.com"))
        self.assertEqual(len(await self.inbox_of(self.alice)), 1)

    async def test_an_unknown_neighbour_is_told_by_a_report(self):
        made = await self.submit(await self.draft("nobody@example.com"))
        self.assertEqual(made["deliveryStatus"]["nobody@example.com"]["delivered"], "queued")
        self.start_sending()
        await self.quiet()
        found = await self.submission_of(made["id"])
        self.assertEqual(
            found["deliveryStatus"]["nobody@example.com"],
            {"smtpReply": "550 5.1.1 No such mailbox here", "delivered": "no", "displayed": "unknown"},
        )
        (report,) = await self.inbox_of(self.alice)
        self.assertIn(b"multipart/report", report)
        (dsn,) = found["dsnBlobIds"]
        parsed = await self.call("Email/parse", blobIds=[dsn], properties=["subject"])
        self.assertIn("Lunch", parsed["parsed"][dsn]["subject"])

    async def test_a_submission_and_its_draft_are_made_in_one_request(self):
        found = await self.request(
            ["Email/set", {"accountId": self.account, "create": {"d": {
                "mailboxIds": {self.boxes[Role.DRAFTS]: True}, "keywords": {"$draft": True},
                "from": [{"email": "alice@example.com"}], "to": [{"email": "bob@example.com"}],
                "subject": "x", "bodyValues": {"1": {"value": "y"}}, "textBody": [{"partId": "1"}]}}}, "0"],
            ["EmailSubmission/set", {"accountId": self.account,
                "create": {"s": {"identityId": "I0", "emailId": "#d"}},
                "onSuccessUpdateEmail": {"#s": {
                    f"mailboxIds/{self.boxes[Role.DRAFTS]}": None,
                    f"mailboxIds/{self.boxes[Role.SENT]}": True, "keywords/$draft": None}}}, "1"],
        )  # fmt: skip
        (_, first, _), (name, second, _), (implied, third, call) = found["methodResponses"]
        email = first["created"]["d"]["id"]
        self.assertEqual((name, implied, call), ("EmailSubmission/set", "Email/set", "1"))
        self.assertIsNone(second["notCreated"])
        self.assertEqual(third["updated"], {email: None})
        got = await self.get(email, "mailboxIds", "keywords")
        self.assertEqual(got["mailboxIds"], {self.boxes[Role.SENT]: True})
        self.assertEqual(got["keywords"], {})

    async def test_on_success_nothing_happens_when_nothing_was_sent(self):
        email = await self.draft("")
        found = await self.request(
            ["EmailSubmission/set", {"accountId": self.account,
                "create": {"s": {"identityId": "I0", "emailId": email}},
                "onSuccessDestroyEmail": ["#s"]}, "1"],
        )  # fmt: skip
        ((name, value, _),) = found["methodResponses"]
        self.assertEqual((name, value["notCreated"]["s"]["type"]), ("EmailSubmission/set", "noRecipients"))
        self.assertEqual(await self.get(email, "subject"), "Lunch")

    async def test_on_success_the_email_can_be_destroyed(self):
        email = await self.draft()
        found = await self.request(
            ["EmailSubmission/set", {"accountId": self.account,
                "create": {"s": {"identityId": "I0", "emailId": email}},
                "onSuccessDestroyEmail": ["#s"]}, "1"],
        )  # fmt: skip
        self.assertEqual(found["methodResponses"][1][0], "Email/set")
        self.assertEqual(found["methodResponses"][1][1]["destroyed"], [email])
        self.assertEqual(len(await self.inbox_of(self.bob)), 1)

    async def test_a_received_email_cannot_be_sent_as_its_author(self):
        await self.unsent("forbiddenFrom", await self.deliver(), envelope=envelope("bob@example.com"))

    async def test_the_null_sender_and_dsn_parameters_reach_the_queue(self):
        given = {
            "mailFrom": {"email": "", "parameters": {"ENVID": "a+b c", "RET": "HDRS"}},
            "rcptTo": [
                {"email": "far@y.example", "parameters": {"NOTIFY": "NEVER", "ORCPT": "rfc822;a+b@y.example"}}
            ],
        }
        await self.submit(await self.draft("x@y.example"), envelope=given)
        (item,) = await self.items()
        self.assertEqual((item.item.sender, item.item.envid, item.item.ret), ("", "a+b c", "HDRS"))
        (recipient,) = item.item.recipients
        self.assertEqual((recipient.notify, recipient.original), ("NEVER", "rfc822;a+b@y.example"))


class LargeTests(PostTestCase):
    bounds: ClassVar = {"recipients_submission": 2000, "sends_per_hour": 5000}

    async def test_all_of_a_thousand_recipients_are_sent_to(self):
        people = ",".join(f"person.{number}@department.example.org" for number in range(1000))
        made = await self.submit(await self.draft(people))
        self.assertEqual(len(made["envelope"]["rcptTo"]), 1000)
        self.assertEqual(sum(len(item.item.recipients) for item in await self.items()), 1000)


class RefusalTests(PostTestCase):
    bounds: ClassVar = {"recipients_submission": 3, "sends_per_hour": 5}

    async def test_nobody_to_send_to(self):
        await self.unsent("noRecipients", await self.draft(""))
        await self.unsent("noRecipients", await self.draft(), envelope=envelope())

    async def test_too_many_recipients_says_how_many_there_may_be(self):
        email = await self.draft("a@y.example,b@y.example,c@y.example,d@y.example")
        self.assertEqual((await self.unsent("tooManyRecipients", email))["maxRecipients"], 3)

    async def test_invalid_recipients_are_listed(self):
        for wrong in (["no address", "x@[192.0.2.1]"], ["a@y.example>\r\nNOOP", '"a>b"@y.example', ""]):
            given = envelope(*wrong)
            error = await self.unsent("invalidRecipients", await self.draft(), envelope=given)
            self.assertEqual(error["invalidRecipients"], wrong)
        given = envelope("a@y.example", sender="alice@example.com>\r\nNOOP")
        error = await self.unsent("invalidProperties", await self.draft(), envelope=given)
        self.assertEqual(error["properties"], ["envelope"])

    async def test_the_envelope_sender_must_be_ones_own(self):
        given = envelope("a@y.example", sender="bob@example.com")
        await self.unsent("forbiddenMailFrom", await self.draft(), envelope=given)

    async def test_the_author_must_be_ones_own(self):
        email = await self.draft(**{"from": [{"email": "bob@example.com"}]})
        await self.unsent("forbiddenFrom", email, envelope=envelope("a@y.example"))
        self.assertEqual(await self.items(), [])

    async def test_without_author_the_email_is_invalid(self):
        error = await self.unsent("invalidEmail", await self.draft(**{"from": None}))
        self.assertEqual(error["properties"], ["from"])
        self.assertIn("nobody in From", error["description"])

    async def test_two_authors_are_invalid_unless_the_envelope_is_given(self):
        two = [{"email": "alice@example.com"}, {"email": "alice+x@example.com"}]
        email = await self.draft(**{"from": two})
        self.assertEqual((await self.unsent("invalidEmail", email))["properties"], ["from"])
        await self.submit(email, envelope=envelope("bob@example.com"))

    async def test_email_and_identity_must_exist(self):
        error = await self.unsent("invalidProperties", "M999", identityId="I999")
        self.assertEqual(error["properties"], ["identityId", "emailId"])

    async def test_anothers_email_does_not_exist(self):
        theirs = await self.deliver(account=self.bob)
        error = await self.unsent("invalidProperties", theirs)
        self.assertEqual(error["properties"], ["emailId"])

    async def test_what_the_server_sets_cannot_be_given(self):
        error = await self.unsent(
            "invalidProperties", await self.draft(), undoStatus="pending", threadId="T1"
        )
        self.assertEqual(error["properties"], ["threadId", "undoStatus"])

    async def test_envelopes_must_be_well_formed(self):
        email = await self.draft()
        for wrong in (
            {},
            7,
            {"mailFrom": {"email": "alice@example.com"}},
            {"mailFrom": {"email": "alice@example.com"}, "rcptTo": [7]},
            {"mailFrom": {"email": 7}, "rcptTo": []},
            envelope("a@y.example", HOLDFOR="soon"),
            envelope("a@y.example", WHAT=None),
            envelope("a@y.example", HOLDFOR="5\r\nDATA"),
            envelope("a@y.example", HOLDFOR="99999999"),
        ):
            error = await self.unsent("invalidProperties", email, envelope=wrong)
            self.assertEqual(error["properties"], ["envelope"])

    async def test_sending_too_much_is_forbidden_for_now_with_words(self):
        for _ in range(2):
            await self.submit(await self.draft("a@y.example,b@y.example"))
        error = await self.unsent("forbiddenToSend", await self.draft("a@y.example,b@y.example"))
        self.assertIn("5 recipients in a hour", error["description"])

    async def test_a_disabled_account_may_not_send(self):
        email = await self.draft()
        await self.store.accounts.change_account(self.alice.id, AccountPatch(enabled=False))
        await self.directory.refresh()
        await self.unsent("forbiddenToSend", email)

    async def test_a_full_mailbox_here_is_told_at_once(self):
        await self.store.accounts.change_account(self.bob.id, AccountPatch(quota=1))
        await self.directory.refresh()
        self.assertIn(
            "bob@example.com", (await self.unsent("forbiddenToSend", await self.draft()))["description"]
        )

    async def test_one_that_fails_stops_no_other(self):
        good, bad = await self.draft(), await self.draft("")
        found = await self.call(
            "EmailSubmission/set",
            create={
                "bad": {"identityId": "I0", "emailId": bad},
                "good": {"identityId": "I0", "emailId": good},
            },
        )
        self.assertEqual((list(found["created"]), list(found["notCreated"])), (["good"], ["bad"]))

    async def test_a_reading_sign_in_may_not_send(self):
        found = await self.request(
            ["EmailSubmission/set", {"accountId": self.account}, "c"],
            caller=Caller(self.alice, frozenset(("mail:read",))),
        )
        self.assertEqual(found["methodResponses"][0][1]["type"], "forbidden")


class SizeTests(PostTestCase):
    bounds: ClassVar = {"message_size": 600}

    async def test_a_large_email_says_how_large_it_may_be(self):
        email = await self.draft(bodyValues={"1": {"value": "x" * 1000}})
        self.assertEqual((await self.unsent("tooLarge", email))["maxSize"], 600)


class HoldTests(PostTestCase):
    async def hold(self, to="bob@example.com,far@y.example", seconds="60", **given):
        return await self.submit(
            await self.draft(to), envelope=envelope(*to.split(","), HOLDFOR=seconds), **given
        )

    async def test_a_held_message_is_nobodys_until_its_time(self):
        peer = self.peer("y.example")
        made = await self.hold()
        self.assertEqual(made["undoStatus"], "pending")
        self.assertEqual(made["sendAt"], render_utc_date(self.clock.seconds() + 60))
        self.start_sending()
        await self.later(59)
        self.assertEqual((await self.inbox_of(self.bob), peer.messages), ([], []))
        await self.later(2)
        found = await self.submission_of(made["id"])
        self.assertEqual(found["undoStatus"], "final")
        self.assertEqual(
            {one: status["delivered"] for one, status in found["deliveryStatus"].items()},
            {"bob@example.com": "yes", "far@y.example": "unknown"},
        )
        self.assertEqual((len(await self.inbox_of(self.bob)), len(peer.messages)), (1, 1))

    async def test_until_a_date(self):
        until = render_utc_date(self.clock.seconds() + 3600)
        made = await self.submit(await self.draft(), envelope=envelope("bob@example.com", HOLDUNTIL=until))
        self.assertEqual(made["sendAt"], until)

    async def test_taking_back_drops_all_of_it(self):
        made = await self.hold()
        before = await self.state("EmailSubmission")
        found = await self.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
        self.assertIsNone(found["notUpdated"])
        self.assertEqual((found["oldState"], await self.items()), (before, []))
        got = await self.submission_of(made["id"])
        self.assertEqual(got["undoStatus"], "canceled")
        self.assertEqual(got["deliveryStatus"], found["updated"][made["id"]]["deliveryStatus"])
        self.start_sending()
        await self.later(100)
        self.assertEqual(await self.inbox_of(self.bob), [])

    async def test_what_was_taken_back_can_move_back_to_drafts(self):
        made = await self.hold()
        found = await self.request(
            ["EmailSubmission/set", {"accountId": self.account,
                "update": {made["id"]: {"undoStatus": "canceled"}},
                "onSuccessUpdateEmail": {made["id"]: {"keywords/$flagged": True}}}, "1"],
        )  # fmt: skip
        email = (await self.submission_of(made["id"]))["emailId"]
        self.assertEqual(found["methodResponses"][1][1]["updated"], {email: None})

    async def test_what_is_on_its_way_cannot_be_taken_back(self):
        made = await self.submit(await self.draft("far@y.example"))
        found = await self.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
        self.assertEqual(found["notUpdated"][made["id"]]["type"], "cannotUnsend")
        self.assertEqual(len(await self.items()), 1)

    async def test_one_that_is_being_worked_on_cannot_be_taken_back(self):
        made = await self.hold()
        items = await self.items()
        await self.store.queue.retry([items[0].id], self.clock.seconds())
        await self.store.queue.lease(items[0].item.destination, self.clock.seconds(), 60, 1)
        found = await self.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
        self.assertEqual(found["notUpdated"][made["id"]]["type"], "cannotUnsend")
        self.assertEqual(len(await self.items()), 2)
        self.assertEqual((await self.submission_of(made["id"]))["undoStatus"], "pending")

    async def test_nothing_else_can_be_changed(self):
        made = await self.hold()
        for patch, wrong in (
            ({"undoStatus": "final"}, ["undoStatus"]),
            ({"emailId": "M999"}, ["emailId"]),
            ({"nonsense": 1}, ["nonsense"]),
        ):
            found = await self.call("EmailSubmission/set", update={made["id"]: patch})
            error = found["notUpdated"][made["id"]]
            self.assertEqual((error["type"], error["properties"]), ("invalidProperties", wrong))
        same = await self.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "pending"}})
        self.assertEqual(same["updated"], {made["id"]: None})

    async def test_destroying_the_record_stops_nothing(self):
        made = await self.hold()
        found = await self.call("EmailSubmission/set", destroy=[made["id"], "S9"])
        self.assertEqual(found["destroyed"], [made["id"]])
        self.assertEqual(found["notDestroyed"]["S9"]["type"], "notFound")
        self.start_sending()
        await self.later(61)
        self.assertEqual(len(await self.inbox_of(self.bob)), 1)

    async def test_destroying_the_email_stops_nothing(self):
        made = await self.hold("bob@example.com")
        email = (await self.submission_of(made["id"]))["emailId"]
        await self.call("Email/set", destroy=[email])
        self.start_sending()
        await self.later(61)
        self.assertEqual(len(await self.inbox_of(self.bob)), 1)


class StatusTests(PostTestCase):
    async def test_each_step_moves_the_state_and_the_words(self):
        peer = self.peer("y.example")
        peer.replies["RCPT"] = ["451 4.7.1 Come again", "250 ok"]
        made = await self.submit(await self.draft("far@y.example,near@y.example"))
        first = await self.state("EmailSubmission")
        self.start_sending()
        await self.quiet()
        status = (await self.submission_of(made["id"]))["deliveryStatus"]
        self.assertEqual(status["far@y.example"]["delivered"], "queued")
        self.assertIn("451 4.7.1 Come again", status["far@y.example"]["smtpReply"])
        self.assertEqual(status["near@y.example"]["delivered"], "unknown")
        changes = await self.call("EmailSubmission/changes", sinceState=first)
        self.assertEqual(changes["updated"], [made["id"]])
        peer.replies["RCPT"] = ["550 5.1.1 Nobody"]
        await self.later(400)
        status = (await self.submission_of(made["id"]))["deliveryStatus"]
        self.assertEqual(status["far@y.example"]["delivered"], "no")
        self.assertIn("550 5.1.1 Nobody", status["far@y.example"]["smtpReply"])

    async def test_an_operator_drops_it(self):
        made = await self.submit(await self.draft("far@y.example"))
        before = await self.state("EmailSubmission")
        (item,) = await self.items()
        self.assertTrue(await drop(self.store.queue, item, self.clock.seconds(), "by an operator"))
        found = await self.submission_of(made["id"])
        self.assertEqual(found["deliveryStatus"]["far@y.example"]["delivered"], "no")
        changes = await self.call("EmailSubmission/changes", sinceState=before)
        self.assertEqual(changes["updated"], [made["id"]])
        self.assertFalse(await drop(self.store.queue, item, self.clock.seconds(), "by an operator"))

    async def test_push_is_told_when_delivery_moves(self):
        self.peer("y.example")
        await self.submit(await self.draft("far@y.example"))
        kinds = set()
        self.events.subscribe(self.alice.id, lambda changed: kinds.update(changed.kinds))
        self.start_sending()
        await self.quiet()
        self.assertIn("EmailSubmission", kinds)

    async def test_a_forward_is_as_far_as_we_know(self):
        await self.alias("list@example.com", "one@y.example", "two@y.example")
        made = await self.submit(await self.draft("list@example.com"))
        self.assertEqual(made["deliveryStatus"]["list@example.com"]["delivered"], "unknown")

    async def test_two_addresses_of_one_account_are_both_delivered_after_a_hold(self):
        await self.alias("also@example.com")
        to = ("alice@example.com", "also@example.com")
        made = await self.submit(await self.draft(",".join(to)), envelope=envelope(*to, HOLDFOR="10"))
        self.start_sending()
        await self.later(11)
        status = (await self.submission_of(made["id"]))["deliveryStatus"]
        self.assertEqual({one: each["delivered"] for one, each in status.items()}, dict.fromkeys(to, "yes"))
        self.assertEqual(len(await self.inbox_of(self.alice)), 1)


class QueryTests(PostTestCase):
    async def three(self):
        made = []
        for seconds in ("0", "500", "1000"):
            email = await self.draft()
            made.append((await self.submit(email, envelope=envelope("x@y.example", HOLDFOR=seconds)))["id"])
            self.clock.advance(10)
        return made

    async def ids(self, filter_=None, sort=None, **more):
        found = await self.call("EmailSubmission/query", filter=filter_, sort=sort, **more)
        return found["ids"]

    async def test_filters(self):
        one, two, three = await self.three()
        got = {each["id"]: each for each in (await self.call("EmailSubmission/get", ids=None))["list"]}
        self.assertEqual(await self.ids({"undoStatus": "pending"}), [two, three])
        self.assertEqual(await self.ids({"undoStatus": "final"}), [one])
        self.assertEqual(await self.ids({"emailIds": [got[two]["emailId"]]}), [two])
        self.assertEqual(await self.ids({"threadIds": [got[one]["threadId"]]}), [one])
        self.assertEqual(await self.ids({"identityIds": ["I0"]}), [one, two, three])
        self.assertEqual(await self.ids({"identityIds": ["I1"]}), [])
        self.assertEqual(await self.ids({"before": got[three]["sendAt"]}), [one, two])
        self.assertEqual(await self.ids({"after": got[three]["sendAt"]}), [three])
        self.assertEqual(
            await self.ids({"operator": "NOT", "conditions": [{"emailIds": [got[two]["emailId"]]}]}),
            [one, three],
        )

    async def test_sorts_and_windows(self):
        one, two, three = await self.three()
        for name in ("emailId", "sentAt", "sendAt"):
            self.assertEqual(
                await self.ids(None, [{"property": name, "isAscending": False}]), [three, two, one]
            )
        self.assertEqual(await self.ids(position=-1), [three])
        self.assertEqual(await self.ids(anchor=two, anchorOffset=1), [three])
        found = await self.call("EmailSubmission/query", limit=1, calculateTotal=True)
        self.assertEqual((found["ids"], found["total"]), ([one], 3))
        await self.fails("anchorNotFound", "EmailSubmission/query", anchor="S1")
        await self.fails("unsupportedSort", "EmailSubmission/query", sort=[{"property": "size"}])
        await self.fails("unsupportedFilter", "EmailSubmission/query", filter={"what": 1})
        await self.fails("invalidArguments", "EmailSubmission/query", filter={"before": 1})

    async def test_query_changes(self):
        _, two, three = await self.three()
        state = (await self.call("EmailSubmission/query", filter={"undoStatus": "pending"}))["queryState"]
        await self.call("EmailSubmission/set", update={two: {"undoStatus": "canceled"}})
        found = await self.call(
            "EmailSubmission/queryChanges", filter={"undoStatus": "pending"}, sinceQueryState=state
        )
        self.assertIn(two, found["removed"])
        self.assertEqual(found["added"], [{"id": three, "index": 0}])
        found = await self.call("EmailSubmission/queryChanges", sinceQueryState=state, calculateTotal=True)
        self.assertEqual((found["removed"], found["added"]), ([two], [{"id": two, "index": 1}]))
        self.assertEqual(found["total"], 3)

    async def test_anothers_submissions_do_not_exist(self):
        made = await self.three()
        found = await self.as_bob("EmailSubmission/get", ids=made)
        self.assertEqual((found["list"], found["notFound"]), ([], made))
        found = await self.as_bob("EmailSubmission/set", destroy=made[:1])
        self.assertEqual(found["notDestroyed"][made[0]]["type"], "notFound")
        _, error = await self.answer("EmailSubmission/get", self.bobs, ids=None)
        self.assertEqual(error["type"], "accountNotFound")

    async def test_old_records_go_by_themselves(self):
        (one, *_) = await self.three()
        self.clock.advance(31 * 86400)
        made = await self.submit(await self.draft())
        found = await self.call("EmailSubmission/get", ids=None)
        self.assertEqual([each["id"] for each in found["list"]], [made["id"]])
        self.assertNotEqual(one, made["id"])


class ImportedTests(PostTestCase):
    async def test_two_dates_are_named(self):
        blob = await self.upload(
            message(sender="alice@example.com", more="Date: Mon, 01 Jan 2024 10:00:00 +0200\n")
        )
        found = await self.call(
            "Email/import", emails={"i": {"blobId": blob, "mailboxIds": {self.inbox: True}}}
        )
        error = await self.unsent("invalidEmail", found["created"]["i"]["id"])
        self.assertEqual(error["properties"], ["sentAt"])

    async def test_a_large_one_streams_through(self):
        body = "0123456789abcdef" * 40_000
        await self.submit(await self.draft(bodyValues={"1": {"value": body}}))
        (stored,) = await self.inbox_of(self.bob)
        self.assertGreater(len(stored), 600_000)
