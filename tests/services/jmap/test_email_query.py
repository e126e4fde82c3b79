"""Email/query, Email/queryChanges and SearchSnippet/get (RFC 8621 §4.4, §4.5, §5)."""

from mailsys.ports.mailboxes import Role
from tests.services.jmap.rig import JmapTestCase

REPLY = "References: <1@example.net>\n"


class QueryTests(JmapTestCase):
    async def ids(self, **arguments):
        return (await self.call("Email/query", **arguments))["ids"]

    async def three(self):
        return [
            await self.deliver(number=1, subject="Apples", body="red fruit", at=1000.0),
            await self.deliver(
                number=2,
                subject="Bananas",
                body="yellow fruit " + "x" * 500,
                at=2000.0,
                sender="Carl <carl@x.test>",
                keywords="$seen",
                more="X-Own: Value\n",
            ),
            await self.deliver(
                number=3,
                subject="Cherries",
                body="red too",
                at=3000.0,
                keywords="$flagged $seen",
                mailbox=self.boxes[Role.ARCHIVE],
                to="dora@y.test",
                more="Cc: eve@z.test\n",
            ),
        ]

    async def test_the_newest_stand_first_by_default(self):
        one, two, three = await self.three()
        found = await self.call("Email/query")
        self.assertEqual(found["ids"], [three, two, one])
        self.assertEqual((found["position"], found["queryState"]), (0, await self.state("Email")))
        self.assertNotIn("total", found)
        self.assertEqual(found["limit"], 500)

    async def test_each_condition_chooses(self):
        one, two, three = await self.three()
        archive = self.boxes[Role.ARCHIVE]
        for condition, expected in (
            ({}, [three, two, one]),
            ({"inMailbox": self.inbox}, [two, one]),
            ({"inMailbox": "F999"}, []),
            ({"inMailboxOtherThan": [self.inbox]}, [three]),
            ({"inMailboxOtherThan": [self.inbox, archive]}, []),
            ({"before": "1970-01-01T00:33:20Z"}, [one]),
            ({"after": "1970-01-01T00:33:20Z"}, [three, two]),
            ({"minSize": 500}, [two]),
            ({"maxSize": 500}, [three, one]),
            ({"hasKeyword": "$SEEN"}, [three, two]),
            ({"notKeyword": "$seen"}, [one]),
            ({"hasKeyword": "$seen", "notKeyword": "$flagged"}, [two]),
            ({"allInThreadHaveKeyword": "$flagged"}, [three]),
            ({"someInThreadHaveKeyword": "$seen"}, [three, two]),
            ({"noneInThreadHaveKeyword": "$seen"}, [one]),
            ({"hasAttachment": False}, [three, two, one]),
            ({"hasAttachment": True}, []),
            ({"text": "fruit"}, [two, one]),
            ({"from": "carl"}, [two]),
            ({"to": "dora"}, [three]),
            ({"cc": "eve"}, [three]),
            ({"bcc": "eve"}, []),
            ({"subject": "apples"}, [one]),
            ({"body": "red"}, [three, one]),
            ({"header": ["X-Own"]}, [two]),
            ({"header": ["x-own", "value"]}, [two]),
            ({"header": ["x-own", "other"]}, []),
        ):
            self.assertEqual(await self.ids(filter=condition), expected, condition)

    async def test_operators_combine(self):
        one, two, three = await self.three()
        either = {"operator": "OR", "conditions": [{"subject": "apples"}, {"subject": "cherries"}]}
        self.assertEqual(await self.ids(filter=either), [three, one])
        self.assertEqual(await self.ids(filter={"operator": "NOT", "conditions": [either]}), [two])
        both = {"operator": "AND", "conditions": [either, {"inMailbox": self.inbox}]}
        self.assertEqual(await self.ids(filter=both), [one])

    async def test_sorts_order(self):
        one, two, three = await self.three()
        for sort, expected in (
            ([{"property": "receivedAt"}], [one, two, three]),
            ([{"property": "receivedAt", "isAscending": False}], [three, two, one]),
            ([{"property": "size"}, {"property": "receivedAt"}], None),
            ([{"property": "subject", "isAscending": False}], [three, two, one]),
            ([{"property": "from"}, {"property": "subject"}], [one, three, two]),
            ([{"property": "to"}, {"property": "subject"}], [one, two, three]),
            ([{"property": "hasKeyword", "keyword": "$flagged", "isAscending": False},
              {"property": "receivedAt"}], [three, one, two]),
            ([{"property": "allInThreadHaveKeyword", "keyword": "$seen"}, {"property": "receivedAt"}],
             [one, two, three]),
        ):  # fmt: skip
            found = await self.ids(sort=sort)
            self.assertEqual(found, expected or found, sort)

    async def test_threads_are_collapsed(self):
        one = await self.deliver(number=1, at=1000.0)
        other = await self.deliver(number=2, at=1500.0, subject="Other")
        two = await self.deliver(number=3, at=2000.0, subject="Re: Hello", more=REPLY)
        self.assertEqual(await self.ids(collapseThreads=True), [two, other])
        self.assertEqual(
            await self.ids(collapseThreads=True, sort=[{"property": "receivedAt"}]), [one, other]
        )

    async def test_a_window_is_taken(self):
        all_ = list(
            reversed([await self.deliver(number=number, subject=f"S{number}") for number in range(6)])
        )
        for arguments, start, stop in (
            ({"position": 2, "limit": 2}, 2, 4),
            ({"position": -2}, 4, 6),
            ({"position": -20, "limit": 1}, 0, 1),
            ({"position": 6}, 6, 6),
            ({"limit": 0}, 0, 0),
            ({"anchor": all_[3], "limit": 2}, 3, 5),
            ({"anchor": all_[3], "anchorOffset": -2, "limit": 3}, 1, 4),
            ({"anchor": all_[3], "anchorOffset": 1, "limit": 1}, 4, 5),
            ({"anchor": all_[1], "anchorOffset": -9, "limit": 1}, 0, 1),
            ({"anchor": all_[1], "position": 4, "limit": 1}, 1, 2),
        ):
            found = await self.call("Email/query", **arguments, calculateTotal=True)
            self.assertEqual(found["ids"], all_[start:stop], arguments)
            self.assertEqual(found["total"], 6)
            if found["ids"]:
                self.assertEqual(found["position"], start, arguments)
            self.assertEqual("limit" in found, "limit" not in arguments)
        for anchor in ("M9999", "x"):
            await self.fails("anchorNotFound", "Email/query", anchor=anchor)

    async def test_what_cannot_be_asked_is_told(self):
        await self.fails("unsupportedSort", "Email/query", sort=[{"property": "colour"}])
        await self.fails("unsupportedSort", "Email/query", sort=[{"property": "subject", "collation": "i;x"}])
        await self.fails("unsupportedFilter", "Email/query", filter={"colour": 1})
        deep = {}
        for _ in range(30):
            deep = {"operator": "NOT", "conditions": [deep]}
        await self.fails("unsupportedFilter", "Email/query", filter=deep)
        for arguments in (
            {"filter": []},
            {"filter": {"inMailbox": 1}},
            {"filter": {"inMailbox": None}},
            {"filter": {"before": "2024"}},
            {"filter": {"minSize": -1}},
            {"filter": {"hasAttachment": "x"}},
            {"filter": {"header": []}},
            {"filter": {"header": ["a", "b", "c"]}},
            {"filter": {"text": 1}},
            {"filter": {"inMailboxOtherThan": "F1"}},
            {"filter": {"operator": "XOR", "conditions": []}},
            {"filter": {"operator": "AND", "conditions": {}}},
            {"sort": "subject"},
            {"sort": [{"property": 1}]},
            {"sort": [{"property": "hasKeyword"}]},
            {"limit": -1},
            {"limit": "1"},
            {"position": 1.5},
            {"anchor": 1},
            {"anchorOffset": None},
            {"calculateTotal": 1},
            {"collapseThreads": 0},
            {"x": 1},
        ):
            await self.fails("invalidArguments", "Email/query", **arguments)

    async def test_the_state_stays_while_nothing_changes(self):
        await self.deliver()
        one = await self.call("Email/query")
        await self.call("Mailbox/set", create={"n": {"name": "New"}})
        self.assertEqual((await self.call("Email/query"))["queryState"], one["queryState"])

    async def test_a_list_and_its_threads_in_one_request(self):
        one = await self.deliver(number=1, at=1000.0)
        two = await self.deliver(number=3, at=2000.0, subject="Re: Hello", more=REPLY)
        account = {"accountId": self.account}
        found = await self.request(
            ["Email/query", {**account, "filter": {"inMailbox": self.inbox}, "collapseThreads": True}, "0"],
            ["Email/get", {**account, "properties": ["threadId"],
                           "#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}}, "1"],
            ["Thread/get", {**account,
                            "#ids": {"resultOf": "1", "name": "Email/get", "path": "/list/*/threadId"}}, "2"],
            ["Email/get", {**account, "properties": ["subject"],
                           "#ids": {"resultOf": "2", "name": "Thread/get", "path": "/list/*/emailIds"}}, "3"],
        )  # fmt: skip
        self.assertEqual([each["id"] for each in found["methodResponses"][3][1]["list"]], [one, two])


class QueryChangesTests(JmapTestCase):
    async def follow(self, before, **arguments):
        """A client's list brought up to date by queryChanges, and the answer."""
        found = await self.call("Email/queryChanges", sinceQueryState=before["queryState"], **arguments)
        ids = [one for one in before["ids"] if one not in found["removed"]]
        for one in found["added"]:
            ids.insert(one["index"], one["id"])
        return ids, found

    async def test_changes_lead_to_the_new_list(self):
        emails = [await self.deliver(number=number, subject=f"S{number}") for number in range(4)]
        for arguments in (
            {},
            {"filter": {"inMailbox": self.inbox}},
            {"filter": {"inMailbox": self.inbox}, "collapseThreads": True},
            {"filter": {"notKeyword": "$seen"}},
        ):
            before = await self.call("Email/query", **arguments)
            await self.call(
                "Email/set",
                update={emails[2]: {"keywords/$seen": True, f"mailboxIds/{self.boxes[Role.ARCHIVE]}": True}},
                destroy=[emails[0]],
            )
            emails[0] = await self.deliver(number=0, subject="again")
            after = await self.call("Email/query", **arguments)
            ids, found = await self.follow(before, **arguments, calculateTotal=True)
            self.assertEqual(ids, after["ids"], arguments)
            self.assertEqual((found["newQueryState"], found["total"]), (after["queryState"], len(ids)))
            self.assertEqual(found["oldQueryState"], before["queryState"])
            await self.call(
                "Email/set", update={emails[2]: {"keywords": {}, "mailboxIds": {self.inbox: True}}}
            )

    async def test_nothing_changed_is_told_so(self):
        await self.deliver()
        before = await self.call("Email/query")
        _, found = await self.follow(before)
        self.assertEqual(
            (found["removed"], found["added"], found["newQueryState"]), ([], [], before["queryState"])
        )

    async def test_more_changes_than_wanted_are_told_so(self):
        before = await self.call("Email/query")
        for number in range(3):
            await self.deliver(number=number)
        await self.fails(
            "tooManyChanges", "Email/queryChanges", sinceQueryState=before["queryState"], maxChanges=2
        )

    async def test_what_cannot_be_asked_is_told(self):
        await self.fails("cannotCalculateChanges", "Email/queryChanges", sinceQueryState="never")
        for arguments in (
            {},
            {"sinceQueryState": 1},
            {"sinceQueryState": "0", "maxChanges": 0},
            {"sinceQueryState": "0", "upToId": 1},
            {"sinceQueryState": "0", "position": 1},
        ):
            await self.fails("invalidArguments", "Email/queryChanges", **arguments)


class SnippetTests(JmapTestCase):
    async def test_words_found_are_marked_and_the_rest_escaped(self):
        email = await self.deliver(subject="The <Quick> fox", body="A brown & quick dog jumps")
        other = await self.deliver(subject="Nothing", body="here", number=2)
        found = await self.call(
            "SearchSnippet/get", filter={"text": "quick"}, emailIds=[email, other, "M999"]
        )
        self.assertEqual(
            found["list"],
            [
                {
                    "emailId": email,
                    "subject": "The &lt;<mark>Quick</mark>&gt; fox",
                    "preview": "A brown &amp; <mark>quick</mark> dog jumps",
                },
                {"emailId": other, "subject": None, "preview": None},
            ],
        )
        self.assertEqual(found["notFound"], ["M999"])

    async def test_only_where_it_was_searched_it_is_marked(self):
        email = await self.deliver(subject="fox", body="fox")
        for condition, expected in (({"subject": "fox"}, (True, False)), ({"body": "fox"}, (False, True)),
                                    ({"from": "fox"}, (False, False)), ({}, (False, False))):  # fmt: skip
            found = await self.call("SearchSnippet/get", filter=condition, emailIds=[email])
            (one,) = found["list"]
            self.assertEqual((one["subject"] is not None, one["preview"] is not None), expected)
            self.assertEqual(found["notFound"], None)

    async def test_without_a_filter_nothing_is_marked(self):
        email = await self.deliver()
        found = await self.call("SearchSnippet/get", filter=None, emailIds=[email])
        self.assertEqual(found["list"], [{"emailId": email, "subject": None, "preview": None}])

    async def test_arguments_are_checked(self):
        for arguments in (
            {},
            {"filter": {}},
            {"filter": {}, "emailIds": [1]},
            {"filter": 1, "emailIds": []},
        ):
            await self.fails("invalidArguments", "SearchSnippet/get", **arguments)
        await self.fails(
            "requestTooLarge", "SearchSnippet/get", filter={}, emailIds=[f"M{n}" for n in range(501)]
        )


class EmptyTests(JmapTestCase):
    async def test_a_message_without_text_does_not_stop_searching(self):
        await self.deliver(b"Subject: nothing\r\n\r\n")
        one = await self.deliver(body="needle", number=2)
        self.assertEqual((await self.call("Email/query", filter={"text": "needle"}))["ids"], [one])
        self.assertEqual(len((await self.call("Email/query", filter={"subject": "nothing"}))["ids"]), 1)
