"""Whatever a client sends, a method answers or says what is wrong: it never fails by itself."""

import random

from tests.services.jmap.rig import JmapTestCase, message

NAMES = [
    "ids",
    "properties",
    "bodyProperties",
    "fetchTextBodyValues",
    "fetchAllBodyValues",
    "maxBodyValueBytes",
    "sinceState",
    "maxChanges",
    "filter",
    "sort",
    "position",
    "anchor",
    "anchorOffset",
    "limit",
    "calculateTotal",
    "collapseThreads",
    "sinceQueryState",
    "upToId",
    "ifInState",
    "create",
    "update",
    "destroy",
    "onDestroyRemoveEmails",
    "emails",
    "blobIds",
    "emailIds",
    "fromAccountId",
    "sortAsTree",
    "filterAsTree",
]
INNER = [
    "name",
    "parentId",
    "role",
    "sortOrder",
    "isSubscribed",
    "mailboxIds",
    "keywords",
    "receivedAt",
    "from",
    "to",
    "subject",
    "sentAt",
    "messageId",
    "header:X:asText",
    "header:To:asGroupedAddresses:all",
    "header:X:asURLs",
    "bodyStructure",
    "textBody",
    "htmlBody",
    "attachments",
    "bodyValues",
    "blobId",
    "partId",
    "type",
    "subParts",
    "charset",
    "cid",
    "disposition",
    "language",
    "location",
    "email",
    "addresses",
    "value",
    "isTruncated",
    "operator",
    "conditions",
    "inMailbox",
    "inMailboxOtherThan",
    "before",
    "minSize",
    "hasKeyword",
    "text",
    "header",
    "body",
    "property",
    "isAscending",
    "keyword",
    "collation",
    "keywords/$seen",
    "mailboxIds/F1",
    "id",
    "size",
    "hasAnyRole",
]
WORDS = [
    "",
    "F1",
    "M1",
    "T1",
    "#a",
    "x",
    "text/plain",
    "multipart/mixed",
    "a@b.test",
    "AND",
    "NOT",
    "inbox",
    "0",
    "1",
    "2024-01-01T00:00:00Z",
    "id",
    "subject",
    "from",
    "header:Subject:asText",
    "receivedAt",
    "$seen",
    "a\r\nb",
    "\x00",
    "\ud83d\ude00",
    "../x",
    "F999",
    "B" + "0" * 64,
    "attachment",
    "utf-8",
    "%",
    "'",
    '"a',
]


class Garbage:
    def __init__(self, seed, *ids):
        self._dice = random.Random(seed)
        self._words = [*WORDS, *ids]

    def value(self, depth=0):
        kind = self._dice.randrange(10 if depth < 4 else 6)
        if kind < 3:
            return self._dice.choice(self._words)
        if kind == 3:
            return self._dice.choice([0, 1, -1, 7, 2**31, 2**53, -(2**60), 1.5, 1e300])
        if kind == 4:
            return self._dice.choice([True, False, None])
        if kind == 5:
            return True
        if kind < 8:
            return [self.value(depth + 1) for _ in range(self._dice.randrange(4))]
        names = [*INNER, *self._words] if self._dice.random() < 0.7 else self._words
        return {self._dice.choice(names): self.value(depth + 1) for _ in range(self._dice.randrange(5))}

    def arguments(self):
        found = {self._dice.choice(NAMES): self.value() for _ in range(self._dice.randrange(4))}
        for name in ("create", "update", "emails"):
            if self._dice.random() < 0.3:
                found[name] = {self._dice.choice(["a", "b", "F1", "M1"]): self._object() for _ in range(2)}
        for name in ("filter", "sort"):
            if self._dice.random() < 0.3:
                found[name] = [self._object()] if name == "sort" else self._object()
        return found

    def _object(self):
        return {self._dice.choice(INNER): self.value(2) for _ in range(self._dice.randrange(5))}


class GarbageTests(JmapTestCase):
    timeout = 120

    async def test_no_arguments_make_a_method_fail(self):
        await self.deliver(number=1)
        blob = await self.upload(message(number=5))
        garbage = Garbage(11, self.inbox, blob)
        methods = [
            name
            for name in self.api._methods
            if name.split("/")[0] in ("Mailbox", "Email", "Thread", "SearchSnippet")
        ]
        for _ in range(150):
            for name in methods:
                arguments = {"accountId": self.account, **garbage.arguments()}
                kind, value = await self.answer(name, **arguments)
                self.assertNotEqual(
                    (kind, value.get("type")), ("error", "serverFail"), (name, arguments, self.failures)
                )
                for key in ("notCreated", "notUpdated", "notDestroyed"):
                    for error in (value.get(key) or {}).values():
                        self.assertTrue(error["type"])
        self.assertEqual(await self.store.mail.integrity(), [])
