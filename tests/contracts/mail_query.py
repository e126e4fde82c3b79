"""IMailStore.query and query_delta: every answer is compared with one worked out by hand from what was
put in, for many random questions; and the rules one by one."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from mailsys.core.message.facts import MessageFacts
from mailsys.ports.ids import EmailId, MailboxId
from mailsys.ports.intake import Delivery
from mailsys.ports.patches import EmailPatch
from mailsys.ports.placements import KeywordChange
from mailsys.ports.query import (
    Compound,
    Condition,
    EmailPage,
    EmailQuery,
    Filter,
    Operator,
    Sort,
    SortBy,
)
from tests.contracts.letters import letter
from tests.contracts.stage import Stage

WORDS = ("apple", "pear", "plum", "fig", "quince", "medlar")
_TEXTS = ("subject_text", "body_text", "from_text", "to_text", "cc_text")
KEYWORDS = ("$seen", "$flagged", "$draft", "work", "$seen work", "")


@dataclass
class Known:
    """What the model knows of one email."""

    id: EmailId
    thread: int
    at: float
    facts: MessageFacts
    keywords: set[str]
    mailboxes: set[MailboxId]
    until: dict[MailboxId, float] = field(default_factory=dict)  # where it waits, or came back to
    marked: set[MailboxId] = field(default_factory=set)  # where it is placed and not to be seen

    @property
    def placed(self) -> set[MailboxId]:
        return self.mailboxes | self.marked

    def mark(self, box: MailboxId) -> None:
        self.mailboxes.discard(box)
        self.marked.add(box)
        self.moved()

    def unmark(self, box: MailboxId) -> None:
        if box in self.marked:
            self.marked.discard(box)
            self.mailboxes.add(box)

    def moved(self) -> None:
        """Its mailboxes changed: what it left is forgotten."""
        self.until = {box: until for box, until in self.until.items() if box in self.mailboxes}


class Garden(Stage):
    """An account with a good mixture of emails, and a model of it."""

    count = 60

    async def setUp(self) -> None:
        await super().setUp()
        self.random = random.Random(7)
        self.known: dict[int, Known] = {}
        self.hidden: dict[int, Known] = {}  # $deleted in all of their mailboxes
        boxes = await self.store.mail.mailboxes(self.alice.id)
        self.boxes = [box.id for box in boxes][:3]
        await self.accept(letter(999), Delivery(self.bob.id))
        for number in range(self.count):
            await self.grow(number)

    async def grow(self, number: int) -> Known:
        choose = self.random.choice
        root = self.random.randrange(max(1, self.count // 3))
        written = letter(
            number,
            subject=f"{choose(WORDS)} {root}",
            body=" ".join(choose(WORDS) for _ in range(self.random.randrange(1, 30))),
            references=[f"<root{root}@example.net>"],
            sender=f"{choose(WORDS).title()} <{choose(WORDS)}@example.net>",
            more=choose(("", "Cc: fig@x.org", "X-Colour: deep blue", "X-Colour: red\r\nX-Colour: blue")),
        )
        facts = replace(
            written.facts,
            base_subject=f"topic {root}",
            has_attachment=number % 4 == 0,
            sent_at=float(self.random.randrange(50)),
        )
        at = float(self.random.choice((1000, 2000, 2000, 3000, self.random.randrange(5000))))
        keywords = choose(KEYWORDS)
        boxes = tuple(self.random.sample(self.boxes, self.random.choice((1, 1, 2))))
        (done,) = await self.accept(
            replace(written, facts=facts), Delivery(self.alice.id, boxes, keywords=keywords), at=at
        )
        found = Known(done.email, done.thread, at, facts, set(keywords.split()), set(boxes))
        self.known[done.email] = found
        return found

    async def ask(self, filter_: Filter | None = None, **more: Any) -> EmailPage:
        found: EmailPage = await self.store.mail.query(
            self.alice.id, EmailQuery(filter_, **{"limit": 1000, **more})
        )
        return found

    # -- the model -------------------------------------------------------------------------------------

    def whole(self, query: EmailQuery) -> list[EmailId]:
        """The complete list that answers a query."""
        found = [one for one in self.known.values() if self.passes(query.filter, one)]
        sort = query.sort or (Sort(),)
        found.sort(key=lambda one: one.id, reverse=not sort[-1].ascending)
        for by in reversed(sort):
            found.sort(key=self.key(by), reverse=not by.ascending)
        if query.collapse_threads:
            first: dict[int, Known] = {}
            for one in found:
                first.setdefault(one.thread, one)
            found = list(first.values())
        return [one.id for one in found]

    def threads(self, one: Known) -> list[Known]:
        return [other for other in self.known.values() if other.thread == one.thread]

    def key(self, by: Sort) -> Callable[[Known], Any]:
        keys: dict[SortBy, Callable[[Known], Any]] = {
            SortBy.RECEIVED_AT: lambda one: one.at,
            SortBy.SENT_AT: lambda one: one.facts.sent_at,
            SortBy.SIZE: lambda one: one.facts.size,
            SortBy.FROM: lambda one: one.facts.sender.split(" <")[0].casefold(),
            SortBy.TO: lambda one: one.facts.recipients.casefold(),
            SortBy.SUBJECT: lambda one: one.facts.base_subject,
            SortBy.SNOOZED_UNTIL: lambda one: max(
                one.at, 0.0 if by.mailbox is None else one.until.get(by.mailbox, 0.0)
            ),
            SortBy.HAS_KEYWORD: lambda one: by.keyword in one.keywords,
            SortBy.ALL_IN_THREAD_HAVE_KEYWORD: lambda one: all(
                by.keyword in other.keywords for other in self.threads(one)
            ),
            SortBy.SOME_IN_THREAD_HAVE_KEYWORD: lambda one: any(
                by.keyword in other.keywords for other in self.threads(one)
            ),
        }
        return keys[by.by]

    def passes(self, found: Filter | None, one: Known) -> bool:
        if found is None:
            return True
        if isinstance(found, Compound):
            each = [self.passes(inner, one) for inner in found.conditions]
            if found.operator is Operator.AND:
                return all(each)
            return any(each) if found.operator is Operator.OR else not any(each)
        return all(check(found, one) for check in self.checks())

    def checks(self) -> list[Callable[[Condition, Known], bool]]:
        def has(one: Known, text: str, *fields: str) -> bool:
            return all(
                any(word in re.findall(r"\w+", getattr(one.facts, name)) for name in fields)
                for word in text.split()
            )

        def thread(one: Known, word: str) -> list[bool]:
            return [word in other.keywords for other in self.threads(one)]

        return [
            lambda c, one: c.in_mailbox is None or c.in_mailbox in one.mailboxes,
            lambda c, one: (
                c.in_mailbox_other_than is None or bool(one.mailboxes - set(c.in_mailbox_other_than))
            ),
            lambda c, one: c.before is None or one.at < c.before,
            lambda c, one: c.after is None or one.at >= c.after,
            lambda c, one: c.min_size is None or one.facts.size >= c.min_size,
            lambda c, one: c.max_size is None or one.facts.size < c.max_size,
            lambda c, one: c.has_keyword is None or c.has_keyword in one.keywords,
            lambda c, one: c.not_keyword is None or c.not_keyword not in one.keywords,
            lambda c, one: c.all_in_thread_have is None or all(thread(one, c.all_in_thread_have)),
            lambda c, one: c.some_in_thread_have is None or any(thread(one, c.some_in_thread_have)),
            lambda c, one: c.none_in_thread_have is None or not any(thread(one, c.none_in_thread_have)),
            lambda c, one: c.has_attachment is None or one.facts.has_attachment == c.has_attachment,
            lambda c, one: c.body is None or has(one, c.body, "body_text"),
            lambda c, one: c.subject is None or has(one, c.subject, "subject_text"),
            lambda c, one: c.text is None or has(one, c.text, *_TEXTS),
            lambda c, one: c.from_ is None or c.from_ in one.facts.from_text,
            lambda c, one: c.header is None or self.has_header(one, *c.header),
            lambda c, one: c.attachment_name is None or c.attachment_name in one.facts.header_text,
            lambda c, one: (
                c.attachment_type is None or f"content-type: {c.attachment_type}" in one.facts.header_text
            ),
            lambda c, one: c.thread is None or one.thread == c.thread,
            lambda c, one: c.message_id is None or one.facts.message_id == c.message_id,
        ]

    def has_header(self, one: Known, name: str, text: str | None) -> bool:
        start = f"{name.casefold()}:"
        lines = [line[len(start) :] for line in one.facts.header_text.split("\n") if line.startswith(start)]
        return bool(lines) if text is None else any(text.casefold() in line for line in lines)

    # -- random questions ------------------------------------------------------------------------------

    def a_condition(self) -> Condition:
        choose, number = self.random.choice, self.random.randrange
        one = choose(list(self.known.values()))
        some: dict[str, Any] = choose(
            (
                {"in_mailbox": choose(self.boxes)},
                {"in_mailbox": choose(self.boxes)},
                {"in_mailbox_other_than": tuple(self.random.sample(self.boxes, 2))},
                {"before": float(number(5000))},
                {"after": float(number(5000))},
                {"after": 1000.0, "before": 3000.0},
                {"min_size": one.facts.size},
                {"max_size": one.facts.size},
                {"has_keyword": choose(("$seen", "$flagged", "work", "nothing"))},
                {"not_keyword": choose(("$seen", "$flagged", "work"))},
                {"all_in_thread_have": choose(("$seen", "work"))},
                {"some_in_thread_have": choose(("$seen", "work"))},
                {"none_in_thread_have": choose(("$flagged", "work"))},
                {"has_attachment": choose((True, False))},
                {"body": choose(WORDS)},
                {"body": f"{choose(WORDS)} {choose(WORDS)}"},
                {"text": choose(WORDS)},
                {"subject": choose(WORDS)},
                {"from_": choose(WORDS)},
                {"header": choose((("X-Colour", None), ("x-colour", "Blue"), ("Subject", "pear")))},
                {"thread": one.thread},
                {"message_id": one.facts.message_id},
                {"in_mailbox": choose(self.boxes), "not_keyword": "$seen"},
                {"in_mailbox": choose(self.boxes), "text": choose(WORDS)},
            )
        )
        return Condition(**some)

    def a_filter(self, depth: int = 0) -> Filter | None:
        turn = self.random.random()
        if depth == 0 and turn < 0.15:
            return None
        if turn < 0.6 or depth > 2:
            return self.a_condition()
        inner = [self.a_filter(depth + 1) for _ in range(self.random.randrange(0, 4))]
        return Compound(
            self.random.choice(list(Operator)), tuple(found for found in inner if found is not None)
        )

    def a_query(self) -> EmailQuery:
        chance, number = self.random.random, self.random.randrange
        if chance() < 0.5:
            sort: tuple[Sort, ...] = (Sort(ascending=chance() < 0.3),)
        else:
            sort = tuple(
                Sort(self.random.choice(list(SortBy)), chance() < 0.5, self.random.choice(("$seen", "work")))
                for _ in range(number(1, 4))
            )
        query = EmailQuery(self.a_filter(), sort, chance() < 0.4, limit=number(0, 12))
        where = chance()
        if where < 0.4:
            return replace(query, position=number(-30, 70), calculate_total=chance() < 0.5)
        if where < 0.8:
            anchor = self.random.choice([EmailId(one) for one in self.known])
            whole = self.whole(query)
            if whole and chance() < 0.8:
                anchor = self.random.choice(whole)
            return replace(query, anchor=anchor, anchor_offset=number(-9, 9), calculate_total=True)
        return replace(query, calculate_total=True)

    async def agree(self, query: EmailQuery) -> None:
        whole = self.whole(query)
        page = await self.store.mail.query(self.alice.id, query)
        if query.calculate_total:
            self.assertEqual(page.total, len(whole), query)
        else:
            self.assertIs(page.total, None)
        if query.anchor is not None:
            self.assertEqual(page.anchor_found, query.anchor in whole, query)
            if not page.anchor_found:
                return
            start = max(0, whole.index(query.anchor) + query.anchor_offset)
        elif query.position < 0:
            start = max(0, len(whole) + query.position)
        else:
            start = query.position
        self.assertEqual(page.position, start, query)
        self.assertEqual(list(page.emails), whole[start : start + query.limit], query)

    async def disturb(self) -> None:
        """A change of some kind."""
        mail, account = self.store.mail, self.alice.id
        turn = self.random.randrange(8)
        some = self.random.sample(list(self.known), min(len(self.known), self.random.choice((1, 2, 5))))
        if turn == 0 or len(self.known) < 20:
            await self.grow(1000 + len(self.known) + self.random.randrange(10**9))
        elif turn == 1:
            await mail.change_emails(account, destroy=some)
            for email in some:
                del self.known[email]
        elif turn == 2:
            await mail.change_emails(account, [EmailPatch(EmailId(email), add="$seen") for email in some])
            for email in some:
                self.known[email].keywords.add("$seen")
        elif turn == 3:
            patches = []
            for email in some:
                boxes = self.random.sample(self.boxes, self.random.choice((1, 2)))
                self.known[email].mailboxes = set(boxes)
                self.known[email].moved()
                self.known[email].keywords = {"work"}
                self.known[email].marked -= set(boxes)
                patches.append(EmailPatch(EmailId(email), keywords="work", mailboxes=tuple(boxes)))
            await mail.change_emails(account, patches)
        elif turn == 4:
            source, target = self.random.sample(self.boxes, 2)
            rows = [row for row in await self.rows(source) if row.email in some]
            rows = [row for row in rows if target not in self.known[row.email].placed]
            await mail.move(account, source, [row.uid for row in rows], target)
            for row in rows:
                one = self.known[row.email]
                one.marked.discard(source)
                one.mailboxes = one.mailboxes - {source} | {target}
                one.moved()
        elif turn == 5:
            box = self.random.choice(self.boxes)
            rows = [row for row in await self.rows(box) if self.random.random() < 0.2]
            await mail.set_keywords(account, box, [row.email for row in rows], KeywordChange(add="$deleted"))
            for row in rows:
                self.one(row.email).mark(box)
            self.hide()
        elif turn == 6:
            box = self.random.choice(self.boxes)
            emails = [row.email for row in await self.rows(box)]
            await mail.set_keywords(account, box, emails, KeywordChange(remove="$deleted"))
            for email in emails:
                self.one(email).unmark(box)
            self.hide()
        else:
            box = self.random.choice(self.boxes)
            rows = [row for row in await self.rows(box) if row.email in some]
            await mail.expunge(account, box, [row.uid for row in rows], False)
            for row in rows:
                self.known[row.email].mailboxes.discard(box)
                self.known[row.email].marked.discard(box)
                self.known[row.email].moved()
            self.hide()

    def one(self, email: int) -> Known:
        """Of those in some mailbox, to be seen or not."""
        return self.known[email] if email in self.known else self.hidden[email]

    def hide(self) -> None:
        """Bring those to where they belong that are to be seen now, or not any more."""
        every = self.known | self.hidden
        self.known = {email: one for email, one in every.items() if one.mailboxes}
        self.hidden = {email: one for email, one in every.items() if not one.mailboxes and one.marked}


class QueryContract(Garden):
    async def test_any_query_is_answered_as_the_model_does(self) -> None:
        for turn in range(150):
            await self.agree(self.a_query())
            if turn % 5 == 0:
                await self.disturb()
        await self.sound()

    async def test_every_page_of_the_common_lists_from_every_position_and_anchor(self) -> None:
        for filter_ in (None, Condition(in_mailbox=self.boxes[0])):
            for collapse in (False, True):
                for ascending in (False, True):
                    query = EmailQuery(filter_, (Sort(ascending=ascending),), collapse, limit=7)
                    for position in range(0, self.count + 2, 3):
                        await self.agree(replace(query, position=position))
                    for anchor in list(self.known)[::3]:
                        await self.agree(replace(query, anchor=EmailId(anchor), anchor_offset=-2))

    async def test_files_by_name_and_type(self) -> None:
        async def put(number: int, *fields: str) -> EmailId:
            part = "\r\n".join(fields)
            more = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"'
            body = f"--b\r\nContent-Type: text/plain\r\n\r\nname=invoice\r\n--b\r\n{part}\r\n\r\nx\r\n--b--"
            (done,) = await self.accept(letter(number, body=body, more=more), Delivery(self.alice.id))
            return done.email

        pdf = await put(
            5001, "Content-Type: application/pdf", 'Content-Disposition: attachment; filename="Invoice 7.PDF"'
        )
        image = await put(5002, "Content-Type: IMAGE/png; name=holiday.png", "Content-Disposition: inline")
        umlaut = await put(
            5003,
            "Content-Type: application/octet-stream",
            "Content-Disposition: attachment; filename*=UTF-8''%C3%9Cbersicht%20Gr%C3%BC%C3%9Fe.txt",
        )
        word = await put(5004, 'Content-Type: text/calendar; name="=?utf-8?q?=C3=9Cbung.ics?="')
        whole = (await self.accept(letter(5005, more="Content-Type: application/pdf; name=alone.pdf")))[
            0
        ].email
        for condition, expected in (
            (Condition(attachment_name="invoice"), {pdf}),
            (Condition(attachment_name="Invoice 7.pdf"), {pdf}),
            (Condition(attachment_name="holiday"), {image}),
            (Condition(attachment_name="\u00dcbersicht"), {umlaut}),
            (Condition(attachment_name="gr\u00fc\u00dfe"), {umlaut}),
            (Condition(attachment_name="\u00fcbung"), {word}),
            (Condition(attachment_name="alone"), {whole}),
            (Condition(attachment_name="attachment"), set()),
            (Condition(attachment_type="application/pdf"), {pdf, whole}),
            (Condition(attachment_type="image/*"), {image}),
            (Condition(attachment_type="text/calendar"), {word}),
        ):
            self.assertEqual(set((await self.ask(condition)).emails), expected, condition)

    async def test_nothing_of_another_account_is_found(self) -> None:
        his = (await self.box("INBOX", self.bob.id)).id
        self.assertEqual((await self.ask(Condition(in_mailbox=his))).emails, ())
        self.assertEqual((await self.ask(Condition(in_mailbox=his, has_attachment=False))).emails, ())
        theirs = await self.store.mail.query(self.bob.id, EmailQuery(calculate_total=True))
        self.assertEqual(theirs.total, 1)
        self.assertNotIn(theirs.emails[0], (await self.ask()).emails)
        self.assertFalse((await self.ask(anchor=theirs.emails[0])).anchor_found)

    async def test_a_phrase_is_words_in_that_order(self) -> None:
        email = await self.put(5000, body="red apples are sweet")
        await self.put(5001, body="apples red and green")
        self.assertEqual((await self.ask(Condition(body='"red apples"'))).emails, (email,))
        self.assertEqual((await self.ask(Condition(body="'red apples' sweet"))).emails, (email,))

    async def test_the_last_word_may_be_begun_only(self) -> None:
        email = await self.put(5000, body="xylophones everywhere")
        self.assertEqual((await self.ask(Condition(text="xylo"))).emails, (email,))
        self.assertEqual((await self.ask(Condition(text="every xylo"))).emails, ())

    async def test_from_and_to_are_told_apart(self) -> None:
        email = await self.put(5000, sender="Zoe <zoe@example.net>")
        self.assertEqual((await self.ask(Condition(from_="zoe"))).emails, (email,))
        self.assertEqual((await self.ask(Condition(from_="zoe@example.net"))).emails, (email,))
        self.assertEqual((await self.ask(Condition(to="zoe"))).emails, ())

    async def test_scripts_without_spaces_are_searched_as_they_stand(self) -> None:
        email = await self.put(5000, subject="=?utf-8?b?5p2x5Lqs44Gr6KGM44GN44G+44GZ?=")
        self.assertEqual((await self.ask(Condition(subject="\u884c\u304d"))).emails, (email,))
        self.assertEqual((await self.ask(Condition(subject="\u884c\u304b"))).emails, ())

    async def test_what_a_search_field_may_hold_breaks_nothing(self) -> None:
        for text in (
            '"',
            "'",
            "AND",
            'a" OR "b',
            "*",
            "owner:x",
            "\x00",
            "((",
            "^pear",
            "-pear",
            "NEAR(a b)",
            "\\",
        ):
            await self.ask(Condition(text=text))
            await self.ask(Condition(from_=text, header=("x" + text, text)))

    async def test_limit_nought_still_counts(self) -> None:
        page = await self.ask(limit=0, calculate_total=True)
        self.assertEqual((page.emails, page.total), ((), self.count))


class QueryDeltaContract(Garden):
    count = 40

    QUERIES = (
        EmailQuery(),
        EmailQuery(sort=(Sort(ascending=True),)),
        EmailQuery(collapse_threads=True),
        EmailQuery(Condition(after=2000.0)),
        EmailQuery(Condition(min_size=300, has_attachment=False), (Sort(SortBy.SUBJECT, ascending=True),)),
    )

    def queries(self) -> list[EmailQuery]:
        found = list(self.QUERIES)
        for box in self.boxes:
            inside = Condition(in_mailbox=box)
            found += [
                EmailQuery(inside),
                EmailQuery(inside, collapse_threads=True),
                EmailQuery(replace(inside, after=1000.0, before=3000.0), (Sort(ascending=True),)),
                EmailQuery(replace(inside, body="pear"), (Sort(SortBy.SIZE),)),
            ]
        return [replace(query, calculate_total=True, limit=1000) for query in found]

    async def test_applying_the_changes_to_the_old_list_gives_the_new_one(self) -> None:
        queries = self.queries()
        lists = [self.whole(query) for query in queries]
        since = (await self.store.mail.states(self.alice.id))["Email"]
        for _ in range(25):
            for _ in range(self.random.randrange(1, 4)):
                await self.disturb()
            for number, query in enumerate(queries):
                found = await self.store.mail.query_delta(self.alice.id, query, since, None, 1000)
                self.assertTrue(found.complete, query)
                changed = [email for email in lists[number] if email not in found.removed]
                for index, email in found.added:
                    changed.insert(index, email)
                self.assertEqual(changed, self.whole(query), query)
                self.assertEqual(found.total, len(changed))
                lists[number] = changed
            since = found.modseq
        self.assertEqual(since, (await self.store.mail.states(self.alice.id))["Email"])

    async def test_nothing_changed_is_told_as_nothing(self) -> None:
        since = (await self.store.mail.states(self.alice.id))["Email"]
        for query in self.queries():
            found = await self.store.mail.query_delta(self.alice.id, query, since, None, 10)
            self.assertEqual((found.removed, found.added, found.complete), ((), (), True))

    async def test_keywords_alone_change_no_list_by_time(self) -> None:
        since = (await self.store.mail.states(self.alice.id))["Email"]
        await self.patch_emails(*(EmailPatch(EmailId(email), add="later") for email in self.known))
        for query in self.queries():
            found = await self.store.mail.query_delta(self.alice.id, query, since, None, 10)
            self.assertEqual((found.removed, found.added, found.complete), ((), (), True))

    async def test_what_depends_on_keywords_is_not_told(self) -> None:
        query = EmailQuery(Condition(has_keyword="$seen"))
        page = await self.store.mail.query(self.alice.id, query)
        self.assertFalse(page.can_calculate_changes)
        found = await self.store.mail.query_delta(self.alice.id, query, page.modseq, None, 10)
        self.assertFalse(found.complete)

    async def test_more_than_the_limit_is_not_told(self) -> None:
        since = (await self.store.mail.states(self.alice.id))["Email"]
        for number in range(4):
            await self.grow(2000 + number)
        found = await self.store.mail.query_delta(self.alice.id, EmailQuery(), since, None, 3)
        self.assertFalse(found.complete)

    async def test_a_state_of_the_future_is_not_known(self) -> None:
        found = await self.store.mail.query_delta(self.alice.id, EmailQuery(), 10**9, None, 10)
        self.assertFalse(found.complete)
