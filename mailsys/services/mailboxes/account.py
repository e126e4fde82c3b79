"""An account's mailboxes as the sessions of this process share them.

`Mailboxes` keeps one `AccountMailboxes` per account that has a session: the tree of names, read
again after a change to it, and one `Image` per selected mailbox. Both are kept a while after the
last session left, within a bound, so that a client that connects for every look stays cheap.
They hear of changes by events; as those may be lost, the account's modseq is looked at now and then, and
when the first session comes back.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailsys.core.message.text import nfc
from mailsys.core.refusal import NoSuchMailbox, NotAllowed
from mailsys.log import Log
from mailsys.ports.events import Changed, IEvents
from mailsys.ports.ids import AccountId, MailboxId
from mailsys.ports.mail import IMailStore
from mailsys.ports.mailboxes import Mailbox, Role
from mailsys.services.looking import Looking
from mailsys.services.mailboxes.image import Image, open_image

log = Log("mailboxes")

KEPT_ROWS = 500_000  # rows of images without a session that are kept in memory, all accounts together
KEPT_IMAGES = 8  # images without a session that are kept for one account
NAME_SIZE = 255  # octets of one level of a name
PATH_SIZE = 1000  # octets of a whole path
DEPTH = 32


def check_path(path: str) -> str:
    """A mailbox path that may be created, NFC (RFC 9051 §5.1); NotAllowed when it may not.

    One trailing delimiter is dropped: "CREATE foo/" declares that children will follow (§6.3.4).
    """
    path = nfc(path.removesuffix("/"))
    levels = path.split("/")
    if levels[0].upper() == "INBOX":
        levels[0] = "INBOX"  # §5.1: in any case
        path = "/".join(levels)
    if not all(levels):
        raise NotAllowed("A mailbox name has no empty levels")
    if len(levels) > DEPTH or len(path.encode("utf-8", "surrogatepass")) > PATH_SIZE:
        raise NotAllowed("The mailbox name is too long")
    if any(len(level.encode("utf-8", "surrogatepass")) > NAME_SIZE for level in levels):
        raise NotAllowed("The mailbox name is too long")
    if any(c in "%*" or unicodedata.category(c) in ("Cc", "Cs", "Cn", "Zl", "Zp") for c in path):
        raise NotAllowed("The mailbox name has characters that cannot be used")
    return path


def normal_path(path: str) -> str:
    """The spelling under which `path` is looked up."""
    head, slash, rest = path.partition("/")
    if head.upper() == "INBOX":
        path = "INBOX" + slash + rest
    return nfc(path)


@dataclass(frozen=True, slots=True)
class Tree:
    """An account's mailboxes. Counts are as of the reading: fresh ones come from `fresh`."""

    by_path: dict[str, Mailbox]
    by_id: dict[MailboxId, Mailbox]
    parents: frozenset[str]  # paths that have children
    lost: tuple[str, ...]  # subscribed paths without a mailbox

    def find(self, path: str) -> Mailbox | None:
        return self.by_path.get(normal_path(path))

    def role(self, role: Role) -> Mailbox | None:
        for mailbox in self.by_path.values():
            if mailbox.role is role:
                return mailbox
        return None


class AccountMailboxes:
    """One account. Sessions `hold` it while signed in and `release` it after."""

    __slots__ = (
        "_checking",
        "_clock",
        "_latest",
        "_looking",
        "_mail",
        "_opening",
        "_tree",
        "_tree_reading",
        "_unsubscribe",
        "account",
        "holders",
        "images",
    )

    def __init__(self, account: AccountId, mail: IMailStore, events: IEvents, clock: IReactorTime) -> None:
        self.account = account
        self._mail = mail
        self._clock = clock
        self._tree: Tree | None = None
        self._tree_reading = 0  # grows when the tree changes: a reading begun before is not kept
        self._opening: dict[MailboxId, list[Deferred[None]]] = {}
        self._latest = 0  # the highest modseq heard of
        self._looking = Looking(clock, self._check)
        self._checking: list[Deferred[None]] | None = None  # those who wait for the look under way
        self.images: dict[MailboxId, Image] = {}  # least lately opened first
        self.holders = 0
        self._unsubscribe = events.subscribe(account, self._changed)

    def _changed(self, changed: Changed) -> None:
        alone = changed.modseq == self._latest + 1
        if changed.tree:
            self._all_changed(changed.modseq)
            return
        self._latest = max(self._latest, changed.modseq)
        images = self.images
        if images:
            shown = [images[mailbox] for mailbox in changed.mailboxes if mailbox in images]
            for image in shown:
                image.hear(changed.modseq, alone)
            for image in shown:  # once all have heard: what reads may make others write
                image.follow()

    def forget_tree(self) -> None:
        """It was seen to be out of date: another process changed it, and word of that has not come yet."""
        self._tree = None
        self._tree_reading += 1

    def _all_changed(self, modseq: int) -> None:
        """Up to `modseq` anything may have changed."""
        self._latest = max(self._latest, modseq)
        self._tree = None
        self._tree_reading += 1
        images = tuple(self.images.values())  # a deleted mailbox may not be named
        for image in images:
            image.hear(modseq)
        for image in images:
            image.follow()

    def attend(self, again: bool) -> None:
        """The first session comes; `again`: there were some before."""
        self._looking.start()
        if again:
            self._check()

    def leave(self) -> None:
        """The last session went."""
        self._looking.stop()

    def close(self) -> None:
        self._unsubscribe()

    def _check(self) -> None:
        """Look whether something was changed that no event told of."""
        if self._checking is None:
            self._checking = []
            Deferred.fromCoroutine(self._compare())

    async def _compare(self) -> None:
        try:
            modseq: int = await self._mail.modseq(self.account)
            if modseq > self._latest:
                self._all_changed(modseq)
        except Exception as error:
            log.error("not looked at", error, account=self.account)
        finally:
            waiting, self._checking = self._checking or [], None
            for each in waiting:
                each.callback(None)

    async def _checked(self) -> None:
        """Until the look under way, if any, is over."""
        if self._checking is not None:
            over: Deferred[None] = Deferred()
            self._checking.append(over)
            await over

    @property
    def rows(self) -> int:
        return sum(len(image.uids) for image in self.images.values())

    @property
    def known_tree(self) -> Tree | None:
        """The tree, if it is at hand."""
        return self._tree if self._checking is None else None

    async def tree(self) -> Tree:
        """The names, roles and subscriptions of this moment."""
        await self._checked()
        tree = self._tree
        if tree is None:
            reading = self._tree_reading
            mailboxes = await self._mail.mailboxes(self.account)
            lost = await self._mail.lost_subscriptions(self.account)
            tree = Tree(
                by_path={one.path: one for one in mailboxes},
                by_id={one.id: one for one in mailboxes},
                parents=frozenset(one.path.rpartition("/")[0] for one in mailboxes if "/" in one.path),
                lost=tuple(sorted(lost)),
            )
            if reading == self._tree_reading:
                self._tree = tree
        return tree

    async def find(self, path: str) -> Mailbox:
        """The mailbox of that name; NoSuchMailbox when there is none."""
        found = (await self.tree()).find(path)
        if found is None:
            raise NoSuchMailbox
        return found

    async def open(self, mailbox: MailboxId) -> Image:
        """The mailbox's image, up to date; NoSuchMailbox when it is gone. Many may ask at once:
        one reads."""
        await self._checked()
        waiting = self._opening.get(mailbox)
        while waiting is not None:
            turn: Deferred[None] = Deferred()
            waiting.append(turn)
            await turn
            waiting = self._opening.get(mailbox)
        found = self.images.pop(mailbox, None)
        if found is not None and found.exists:
            image = found
            self.images[mailbox] = image  # now the one lately opened
        else:
            self._opening[mailbox] = []
            try:
                image = await open_image(self.account, mailbox, self._mail, self._clock)
                self.images[mailbox] = image
            finally:
                for one in self._opening.pop(mailbox):
                    one.callback(None)
            image.hear(self._latest)  # what was committed between the reading and now
            self._latest = max(self._latest, image.modseq)
        await image.current()
        if not image.exists:
            self.images.pop(mailbox, None)
            raise NoSuchMailbox
        return image

    async def left(self, image: Image) -> None:
        """A session no longer looks at `image`."""
        if not image.exists and not image.watched and self.images.get(image.mailbox) is image:
            del self.images[image.mailbox]
        unwatched = [one for one in self.images.values() if one.at_rest]
        for old in unwatched[:-KEPT_IMAGES]:
            del self.images[old.mailbox]
        await image.save_recent()


class Mailboxes:
    """All accounts that have, or lately had, a session in this process."""

    def __init__(
        self, mail: IMailStore, events: IEvents, clock: IReactorTime, kept_rows: int = KEPT_ROWS
    ) -> None:
        self._mail = mail
        self._events = events
        self._clock = clock
        self._kept_rows = kept_rows
        self._held: dict[AccountId, AccountMailboxes] = {}
        self._kept: OrderedDict[AccountId, AccountMailboxes] = OrderedDict()  # least lately left first

    def hold(self, account: AccountId) -> AccountMailboxes:
        """For a session that signed in; to be given back with `release`."""
        found = self._held.get(account)
        if found is None:
            kept = self._kept.pop(account, None)
            found = kept or AccountMailboxes(account, self._mail, self._events, self._clock)
            self._held[account] = found
            found.attend(again=kept is not None)
        found.holders += 1
        return found

    def release(self, mailboxes: AccountMailboxes) -> None:
        mailboxes.holders -= 1
        if mailboxes.holders == 0:
            mailboxes.leave()
            del self._held[mailboxes.account]
            self._kept[mailboxes.account] = mailboxes
            self._evict()

    def _evict(self) -> None:
        rows = sum(one.rows + 1000 for one in self._kept.values())
        while self._kept and rows > self._kept_rows:
            _, oldest = self._kept.popitem(last=False)
            rows -= oldest.rows + 1000
            oldest.close()
