"""What every contract stands on: a fresh store and two accounts."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from mailsys.ports.accounts import Account
from mailsys.ports.events import Changed
from mailsys.ports.ids import AccountId, EmailId, MailboxId
from mailsys.ports.intake import Acceptance, Delivered, Delivery
from mailsys.ports.mailboxes import Mailbox, Role
from mailsys.ports.patches import EmailPatch, EmailsPatched
from mailsys.ports.placements import KeywordChange, Placement
from mailsys.stores.memory.events import Events
from tests.contracts.letters import CREDENTIALS, Letter, letter


class Stage(TestCase):
    """A back-end's subclass adds `make`. `store` has mail, accounts, queue, blobs and close()."""

    store: Any
    alice: Account
    bob: Account
    inbox: MailboxId

    async def make(self, events: Events) -> Any:
        raise NotImplementedError

    async def setUp(self) -> None:
        self.events = Events()
        self.store = await self.make(self.events)
        self.addCleanup(lambda: self.store.close())
        self.alice = await self.store.accounts.create_account("alice@example.org", "Alice", CREDENTIALS)
        self.bob = await self.store.accounts.create_account("bob@example.org", "Bob", CREDENTIALS)
        self.heard: list[Changed] = []
        self.events.subscribe(self.alice.id, self.heard.append)
        self.inbox = (await self.box("INBOX")).id

    async def box(self, path: str, account: AccountId | None = None) -> Mailbox:
        boxes = await self.store.mail.mailboxes(self.alice.id if account is None else account)
        return next(box for box in boxes if box.path == path)

    async def accept(
        self, written: Letter, *deliveries: Delivery, at: float = 5000.0
    ) -> tuple[Delivered, ...]:
        accepted = await self.store.mail.accept(self.acceptance(written, *deliveries, at=at))
        return tuple(accepted.delivered)

    def acceptance(
        self, written: Letter, *deliveries: Delivery, at: float = 5000.0, **more: Any
    ) -> Acceptance:
        return Acceptance(
            self.store.blobs.stage(written.content),
            written.facts,
            at,
            deliveries or (Delivery(self.alice.id),),
            header=written.header,
            **more,
        )

    async def patch_emails(self, *patches: EmailPatch, **more: Any) -> EmailsPatched:
        found: EmailsPatched = await self.store.mail.change_emails(self.alice.id, patches, **more)
        return found

    async def mark(self, *emails: int, mailbox: MailboxId | None = None, remove: bool = False) -> Any:
        """STORE +FLAGS (\\Deleted), or -FLAGS."""
        change = KeywordChange(remove="$deleted") if remove else KeywordChange(add="$deleted")
        return await self.store.mail.set_keywords(self.alice.id, mailbox or self.inbox, emails, change)

    async def put(
        self, number: int = 1, to: MailboxId | Role = Role.INBOX, keywords: str = "", **written: Any
    ) -> EmailId:
        """One more email for alice."""
        (delivered,) = await self.accept(
            letter(number, **written), Delivery(self.alice.id, (to,), keywords=keywords)
        )
        return delivered.email

    async def rows(self, mailbox: MailboxId | None = None) -> list[Placement]:
        found = await self.store.mail.snapshot(self.alice.id, mailbox or self.inbox)
        return [
            Placement(*row)
            for row in zip(found.uids, found.emails, found.keywords, found.modseqs, strict=True)
        ]

    async def sound(self) -> None:
        self.assertEqual(await self.store.mail.integrity(), [])
