"""IMailStore: finding emails by text, and the right to a blob."""

from __future__ import annotations

from mailsys.ports.emails import Column
from mailsys.ports.ids import EmailId, MailboxId
from mailsys.ports.intake import Delivery
from mailsys.ports.mailboxes import Role
from mailsys.ports.query import TextField
from tests.contracts.letters import letter
from tests.contracts.stage import Stage


class SearchContract(Stage):
    async def find(
        self, field: TextField, needle: str, header: str = "", mailbox: MailboxId | None = None
    ) -> list[int]:
        found = await self.store.mail.search_text(self.alice.id, mailbox, field, needle, header)
        self.assertEqual(found.typecode, "q")
        return list(found)

    async def test_a_substring_is_found_in_any_case(self) -> None:
        email = await self.put(1, body="The Quick brown fox")
        self.assertEqual(await self.find(TextField.BODY, "UICK BRO"), [email])
        self.assertEqual(await self.find(TextField.BODY, "quick  fox"), [])

    async def test_white_space_is_collapsed_on_both_sides(self) -> None:
        email = await self.put(1, body="one\r\n  two")
        self.assertEqual(await self.find(TextField.BODY, "one \t two"), [email])

    async def test_letters_beyond_ascii_are_folded(self) -> None:
        email = await self.put(1, subject="=?utf-8?q?=C3=89COLE_Stra=C3=9Fe?=")
        self.assertEqual(await self.find(TextField.SUBJECT, "\u00e9cole strasse"), [email])

    async def test_wild_cards_are_just_characters(self) -> None:
        await self.put(1, body="plain words")
        for needle in ("pl%", "p_ain", "pl*", "'", '"'):
            self.assertEqual(await self.find(TextField.BODY, needle), [])

    async def test_each_field_is_searched_alone(self) -> None:
        email = await self.put(
            1, subject="apple", body="pear", sender="Plum <p@example.net>", more="Cc: fig@x.org"
        )
        for field, needle in (
            (TextField.SUBJECT, "apple"),
            (TextField.FROM, "plum"),
            (TextField.TO, "alice@"),
            (TextField.CC, "fig@"),
            (TextField.BODY, "pear"),
            (TextField.TEXT, "pear"),
            (TextField.TEXT, "plum"),
        ):
            self.assertEqual(await self.find(field, needle), [email], field)
        for field, needle in (
            (TextField.SUBJECT, "pear"),
            (TextField.BODY, "apple"),
            (TextField.BCC, "fig"),
            (TextField.FROM, "fig"),
        ):
            self.assertEqual(await self.find(field, needle), [], field)

    async def test_a_header_field_is_found_by_name_and_content(self) -> None:
        email = await self.put(1, more="X-Colour: deep blue")
        await self.put(2, more="X-Other: deep blue\r\nX-Colour: red")
        self.assertEqual(await self.find(TextField.HEADER, "Blue", "x-colour"), [email])
        self.assertEqual(await self.find(TextField.HEADER, "blue", "colour"), [])

    async def test_the_first_line_of_a_header_is_no_other_field(self) -> None:
        await self.put(1, sender="Zoe <z@example.net>")
        for needle in ("zoe", "example.net", ""):
            self.assertEqual(await self.find(TextField.HEADER, needle, "X-Colour"), [], needle)

    async def test_an_empty_needle_finds_all_that_have_the_field(self) -> None:
        email = await self.put(1, more="X-Colour: red")
        await self.put(2)
        self.assertEqual(await self.find(TextField.HEADER, "", "X-Colour"), [email])

    async def test_the_first_field_of_a_header_is_found_too(self) -> None:
        email = await self.put(1, sender="Zoe <z@example.net>")
        self.assertEqual(await self.find(TextField.HEADER, "zoe", "From"), [email])

    async def test_a_field_that_comes_twice_is_searched_twice(self) -> None:
        email = await self.put(1, more="X-Colour: red\r\nX-Colour: blue")
        self.assertEqual(await self.find(TextField.HEADER, "blue", "X-Colour"), [email])

    async def test_one_mailbox_or_all_of_them(self) -> None:
        first = await self.put(1, body="word")
        archived = await self.put(2, Role.ARCHIVE, body="word")
        self.assertEqual(await self.find(TextField.BODY, "word"), [first, archived])
        self.assertEqual(await self.find(TextField.BODY, "word", mailbox=self.inbox), [first])

    async def test_nobody_searches_what_is_anothers(self) -> None:
        await self.accept(letter(1, body="secret"), Delivery(self.bob.id))
        his = (await self.box("INBOX", self.bob.id)).id
        self.assertEqual(await self.find(TextField.BODY, "secret"), [])
        self.assertEqual(await self.find(TextField.BODY, "secret", mailbox=his), [])


class WordsContract(Stage):
    async def match(self, *words: str, limit: int = 10, prefix: bool = False) -> list[EmailId]:
        return await self.store.mail.match_words(self.alice.id, list(words), limit, prefix)

    async def test_all_words_must_be_there_newest_first(self) -> None:
        first = await self.put(1, body="red green")
        second = await self.put(2, subject="green", body="red")
        await self.put(3, body="red")
        self.assertEqual(await self.match("red", "green"), [second, first])

    async def test_a_part_of_a_word_is_no_word_unless_the_last_is_a_prefix(self) -> None:
        email = await self.put(1, body="greenhouse tomatoes")
        self.assertEqual(await self.match("green"), [])
        self.assertEqual(await self.match("tomatoes", "green", prefix=True), [email])

    async def test_letters_that_fold_into_two_are_the_same_word_either_way(self) -> None:
        emails = [await self.put(1, body="Straße"), await self.put(2, body="STRASSE")]
        for word in ("straße", "strasse", "STRAßE"):
            self.assertEqual(await self.match(word), emails[::-1], word)
        self.assertEqual(await self.match("straß", prefix=True), emails[::-1])

    async def test_what_was_accepted_a_moment_ago_is_found(self) -> None:
        for number in range(130):
            email = await self.put(number, body=f"unique{number}")
        self.assertEqual(await self.match("unique129"), [email])

    async def test_the_limit_holds(self) -> None:
        for number in range(5):
            await self.put(number, body="same")
        self.assertEqual(len(await self.match("same", limit=3)), 3)

    async def test_an_expunged_email_is_not_found(self) -> None:
        await self.put(1, body="gone")
        self.assertEqual(len(await self.match("gone")), 1)
        await self.store.mail.expunge(self.alice.id, self.inbox, [1], False)
        self.assertEqual(await self.match("gone"), [])

    async def test_nobody_finds_what_is_anothers(self) -> None:
        await self.accept(letter(1, body="secret"), Delivery(self.bob.id))
        self.assertEqual(await self.match("secret"), [])

    async def test_words_are_words_and_no_query_language(self) -> None:
        await self.put(1, body="alpha beta")
        for words in (['alpha" OR "x'], ["NOT"], ["body", ":"], ["*"], ["(alpha"], [""], ['"']):
            await self.match(*words)
        self.assertEqual(await self.match("NEAR"), [])

    async def test_the_mark_of_an_account_cannot_be_written_into_a_message(self) -> None:
        await self.accept(
            letter(1, body=f"secret \ue000{self.alice.id} \ue000{self.alice.id}"), Delivery(self.bob.id)
        )
        self.assertEqual(await self.match("secret"), [])


class HoldsContract(Stage):
    async def test_only_who_has_an_email_over_it_holds_a_blob(self) -> None:
        email = await self.put(1)
        blob = (await self.store.mail.fetch(self.alice.id, [email], [Column.BLOB]))[email][0]
        self.assertTrue(await self.store.mail.holds(self.alice.id, blob))
        self.assertFalse(await self.store.mail.holds(self.bob.id, blob))
        await self.store.mail.expunge(self.alice.id, self.inbox, None, False)
        self.assertFalse(await self.store.mail.holds(self.alice.id, blob))

    async def test_fetch_leaves_out_missing_and_foreign_emails(self) -> None:
        email = await self.put(1)
        found = await self.store.mail.fetch(self.bob.id, [email, 77], [Column.SUBJECT])
        self.assertEqual(found, {})

    async def test_fetch_gives_columns_in_the_order_asked(self) -> None:
        emails = [await self.put(n, subject=f"s{n}") for n in range(3)]
        found = await self.store.mail.fetch(self.alice.id, emails[::-1], [Column.SUBJECT, Column.KEYWORDS])
        self.assertEqual(found, {email: (f"s{n}", "") for n, email in enumerate(emails)})
