"""LIST, STATUS, CREATE, DELETE, RENAME, SUBSCRIBE."""

from __future__ import annotations

from tests.conversations.imap.rig import ImapTestCase


def names(responses: list[bytes]) -> list[bytes]:
    return [line.rpartition(b'"/" ')[2] for line in responses if line.startswith((b"* LIST", b"* LSUB"))]


class Listing(ImapTestCase):
    async def test_a_new_account_has_its_mailboxes_with_their_uses(self):
        client = await self.connect()
        self.assertEqual(
            await client.ask(b'LIST "" *'),
            [
                b'* LIST (\\HasNoChildren) "/" INBOX',
                b'* LIST (\\HasNoChildren \\Archive) "/" Archive',
                b'* LIST (\\HasNoChildren \\Drafts) "/" Drafts',
                b'* LIST (\\HasNoChildren \\Junk) "/" Junk',
                b'* LIST (\\HasNoChildren \\Sent) "/" Sent',
                b'* LIST (\\HasNoChildren \\Trash) "/" Trash',
                b"OK LIST completed",
            ],
        )

    async def test_an_empty_pattern_asks_for_the_separator(self):
        client = await self.connect()
        self.assertEqual((await client.ask(b'LIST "" ""'))[0], b'* LIST (\\Noselect) "/" ""')

    async def test_percent_stops_at_the_separator_and_star_does_not(self):
        client = await self.connect()
        await client.ask(b"CREATE work/2024/may")
        self.assertEqual(names(await client.ask(b'LIST "" work/%')), [b"work/2024"])
        self.assertEqual(names(await client.ask(b'LIST "work/" *')), [b"work/2024", b"work/2024/may"])
        self.assertEqual(names(await client.ask(b'LIST "" inbox')), [b"INBOX"])

    async def test_children_are_told_of(self):
        client = await self.connect()
        await client.ask(b"CREATE work/2024")
        self.assertIn(b'* LIST (\\HasChildren) "/" work', await client.ask(b'LIST "" work'))

    async def test_special_uses_can_be_selected(self):
        client = await self.connect()
        found = names(await client.ask(b'LIST (SPECIAL-USE) "" *'))
        self.assertEqual(found, [b"Archive", b"Drafts", b"Junk", b"Sent", b"Trash"])

    async def test_several_patterns_may_be_given(self):
        client = await self.connect()
        self.assertEqual(names(await client.ask(b'LIST "" (Dr% S%)')), [b"Drafts", b"Sent"])

    async def test_status_can_come_along(self):
        await self.deliver()
        client = await self.connect()
        self.assertEqual(
            (await client.ask(b'LIST "" INBOX RETURN (STATUS (MESSAGES UNSEEN))'))[:2],
            [b'* LIST (\\HasNoChildren) "/" INBOX', b"* STATUS INBOX (MESSAGES 1 UNSEEN 1)"],
        )

    async def test_subscriptions_outlive_their_mailboxes(self):
        client = await self.connect()
        await client.ask(b"CREATE temporary")
        await client.ask(b"SUBSCRIBE temporary")
        await client.ask(b"DELETE temporary")
        self.assertIn(
            b'* LIST (\\NonExistent \\Subscribed) "/" temporary', await client.ask(b'LIST (SUBSCRIBED) "" *')
        )
        self.assertIn(b"temporary", names(await client.ask(b'LSUB "" *')))
        await client.ask(b"UNSUBSCRIBE temporary")
        self.assertNotIn(b"temporary", names(await client.ask(b'LSUB "" *')))

    async def test_parents_of_subscribed_mailboxes_show_with_recursivematch(self):
        client = await self.connect()
        await client.ask(b"CREATE top/deep")
        await client.ask(b"SUBSCRIBE top/deep")
        self.assertIn(
            b'* LIST (\\HasChildren) "/" top ("CHILDINFO" ("SUBSCRIBED"))',
            await client.ask(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" %'),
        )

    async def test_childinfo_only_tells_of_what_is_not_shown_itself(self):
        """RFC 5258 §3.5."""
        client = await self.connect()
        await client.ask(b"CREATE top/deep")
        await client.ask(b"SUBSCRIBE top")
        await client.ask(b"SUBSCRIBE top/deep")
        shown = [
            line for line in await client.ask(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" *') if b"top" in line
        ]
        self.assertEqual(
            shown,
            [
                b'* LIST (\\HasChildren \\Subscribed) "/" top',
                b'* LIST (\\HasNoChildren \\Subscribed) "/" top/deep',
            ],
        )
        self.assertIn(
            b'* LIST (\\HasChildren \\Subscribed) "/" top ("CHILDINFO" ("SUBSCRIBED"))',
            await client.ask(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" %'),
        )

    async def test_names_in_ascii_that_are_no_modified_utf7_are_refused(self):
        client = await self.connect()
        for name in (b"R&D", b"&AGE-", b"&2AA-", b"&AOQ", b"x&AOQ=-"):
            self.assertTrue((await client.ask(b"CREATE " + name))[-1].startswith(b"NO [CANNOT]"), name)
        self.assertTrue((await client.ask("CREATE Grüße&Co".encode()))[-1].startswith(b"OK"))

    async def test_lsub_shows_parents_for_percent(self):
        client = await self.connect()
        await client.ask(b"CREATE top/deep")
        await client.ask(b"SUBSCRIBE top/deep")
        self.assertIn(b'* LSUB (\\Noselect) "/" top', await client.ask(b'LSUB "" %'))

    async def test_names_travel_in_modified_utf7_until_rev2_is_enabled(self):
        client = await self.connect()
        await client.ask(b"CREATE Entw&APw-rfe")
        self.assertIn(b"Entw&APw-rfe", names(await client.ask(b'LIST "" E*')))
        await client.ask(b"ENABLE IMAP4rev2")
        self.assertIn('"Entwürfe"'.encode(), names(await client.ask(b'LIST "" E*')))

    async def test_accounts_do_not_see_each_other(self):
        alice, bob = await self.connect(), await self.connect("bob@example.com")
        await alice.ask(b"CREATE private")
        self.assertEqual(names(await bob.ask(b'LIST "" private')), [])
        self.assertTrue((await bob.ask(b"SELECT private"))[-1].startswith(b"NO [NONEXISTENT]"))


class Changing(ImapTestCase):
    async def test_create_makes_the_parents_too(self):
        client = await self.connect()
        self.assertRegex((await client.ask(b"CREATE a/b/c"))[-1], rb"OK \[MAILBOXID \(F\d+\)\]")
        self.assertEqual(names(await client.ask(b'LIST "" a*')), [b"a", b"a/b", b"a/b/c"])

    async def test_a_separator_at_the_end_is_dropped(self):
        client = await self.connect()
        await client.ask(b"CREATE parent/")
        self.assertEqual(names(await client.ask(b'LIST "" parent*')), [b"parent"])

    async def test_create_of_what_exists_is_refused(self):
        client = await self.connect()
        for name in (b"INBOX", b"inbox", b"Archive"):
            self.assertTrue((await client.ask(b"CREATE " + name))[-1].startswith(b"NO [ALREADYEXISTS]"))

    async def test_create_with_a_special_use(self):
        client = await self.connect()
        await client.ask(b"DELETE Junk")
        self.assertTrue((await client.ask(b"CREATE Spam (USE (\\Junk))"))[-1].startswith(b"OK"))
        self.assertIn(b'* LIST (\\HasNoChildren \\Junk) "/" Spam', await client.ask(b'LIST "" Spam'))
        self.assertTrue((await client.ask(b"CREATE Later (USE (\\Snoozed))"))[-1].startswith(b"OK"))
        self.assertIn(b'* LIST (\\HasNoChildren \\Snoozed) "/" Later', await client.ask(b'LIST "" Later'))
        for use in (b"\\All", b"\\Junk"):  # not supported; taken
            self.assertTrue((await client.ask(b"CREATE x (USE (%b))" % use))[-1].startswith(b"NO [USEATTR]"))

    async def test_names_that_could_not_be_listed_or_are_too_long_are_refused(self):
        client = await self.connect()
        for name in (
            b'"a*b"',
            b'"a%b"',
            b'"a//b"',
            b'"/a"',
            b'"' + b"n" * 300 + b'"',
            b"/".join([b"d"] * 40),
        ):
            answer = (await client.ask(b"CREATE " + name))[-1]
            self.assertRegex(answer, rb"^(NO \[CANNOT\]|BAD)", name)

    async def test_delete_refuses_parents_and_the_inbox(self):
        client = await self.connect()
        await client.ask(b"CREATE a/b")
        self.assertTrue((await client.ask(b"DELETE a"))[-1].startswith(b"NO [HASCHILDREN]"))
        self.assertTrue((await client.ask(b"DELETE INBOX"))[-1].startswith(b"NO [CANNOT]"))
        self.assertTrue((await client.ask(b"DELETE nothing"))[-1].startswith(b"NO [NONEXISTENT]"))

    async def test_deleting_the_selected_mailbox_leaves_it(self):
        client = await self.connect()
        await client.ask(b"CREATE short")
        await client.ask(b"SELECT short")
        self.assertEqual((await client.ask(b"DELETE short"))[-1], b"OK Mailbox deleted")
        self.assertTrue((await client.ask(b"FETCH 1 FLAGS"))[-1].startswith(b"BAD"))

    async def test_deleting_it_while_messages_are_recent_is_no_failure(self):
        client = await self.connect()
        await client.ask(b"CREATE short")
        await self.deliver(path="short")
        await client.ask(b"SELECT short")
        self.assertEqual((await client.ask(b"DELETE short"))[-1], b"OK Mailbox deleted")

    async def test_the_inbox_is_listed_in_any_case_with_its_children(self):
        client = await self.connect()
        await client.ask(b"CREATE inbox/Notes")
        below = b'* LIST (\\HasNoChildren) "/" INBOX/Notes'
        for pattern in (b"inbox/*", b"InBox/%", b"*box/Notes", b"iNb%/N%"):
            self.assertIn(below, await client.ask(b'LIST "" "%b"' % pattern), pattern)
        self.assertEqual(len(await client.ask(b'LIST "" "inbox*"')), 3)
        self.assertEqual(len(await client.ask(b'LIST "" "inbox/notes"')), 1)

    async def test_another_session_in_a_deleted_mailbox_is_sent_away(self):
        client, other = await self.connect(), await self.connect()
        await client.ask(b"CREATE short")
        await other.ask(b"SELECT short")
        await client.ask(b"DELETE short")
        other.send(b"a NOOP\r\n")
        await other.until(rb"\* BYE The mailbox was deleted")
        await other.gone()

    async def test_rename_moves_the_children_and_keeps_the_ids(self):
        client = await self.connect()
        await client.ask(b"CREATE old/child")
        before = (await client.ask(b"STATUS old/child (MAILBOXID)"))[0]
        self.assertEqual((await client.ask(b"RENAME old new/place"))[-1], b"OK Mailbox renamed")
        self.assertEqual(
            names(await client.ask(b'LIST "" *'))[-3:], [b"new", b"new/place", b"new/place/child"]
        )
        after = (await client.ask(b"STATUS new/place/child (MAILBOXID)"))[0]
        self.assertEqual(before.rpartition(b"(")[2], after.rpartition(b"(")[2])

    async def test_rename_refuses_what_is_taken_or_missing(self):
        client = await self.connect()
        self.assertTrue((await client.ask(b"RENAME Sent Trash"))[-1].startswith(b"NO [ALREADYEXISTS]"))
        self.assertTrue((await client.ask(b"RENAME none some"))[-1].startswith(b"NO [NONEXISTENT]"))

    async def test_renaming_the_inbox_moves_its_messages(self):
        await self.deliver()
        await self.deliver()
        client, other = await self.connect(), await self.connect(select=b"INBOX")
        await client.ask(b"CREATE INBOX/child")
        self.assertTrue((await client.ask(b"RENAME INBOX saved"))[-1].startswith(b"OK"))
        self.assertEqual((await client.ask(b"STATUS saved (MESSAGES)"))[0], b"* STATUS saved (MESSAGES 2)")
        self.assertEqual((await client.ask(b"STATUS INBOX (MESSAGES)"))[0], b"* STATUS INBOX (MESSAGES 0)")
        self.assertIn(b"INBOX/child", names(await client.ask(b'LIST "" *')))
        self.assertEqual((await other.ask(b"NOOP"))[:2], [b"* 2 EXPUNGE", b"* 1 EXPUNGE"])


class StatusItems(ImapTestCase):
    async def test_every_item_is_answered(self):
        await self.deliver(keywords="$deleted")
        await self.deliver(keywords="$seen")
        client = await self.connect()
        (line, _) = await client.ask(
            b"STATUS INBOX (MESSAGES RECENT UIDNEXT UNSEEN DELETED SIZE APPENDLIMIT HIGHESTMODSEQ)"
        )
        self.assertEqual(
            line,
            b"* STATUS INBOX (MESSAGES 2 RECENT 2 UIDNEXT 3 UNSEEN 1 DELETED 1 SIZE 314 APPENDLIMIT 52428800"
            b" HIGHESTMODSEQ 3)",
        )

    async def test_the_selected_mailbox_may_be_asked_too(self):
        await self.deliver()
        client = await self.connect(select=b"INBOX")
        self.assertEqual(
            (await client.ask(b"STATUS INBOX (MESSAGES RECENT)"))[0], b"* STATUS INBOX (MESSAGES 1 RECENT 0)"
        )

    async def test_a_mailbox_that_does_not_exist_is_refused(self):
        client = await self.connect()
        self.assertTrue((await client.ask(b"STATUS none (MESSAGES)"))[-1].startswith(b"NO [NONEXISTENT]"))
