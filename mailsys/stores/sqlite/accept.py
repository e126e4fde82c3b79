"""Taking responsibility for a message: blob, content, emails, queue items and timeline, in one commit.

Order for a power cut: small content is a row of the same commit; large content already lies fsynced
under its final name, in a folder that was fsynced (sink.py), before this commit names it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any, Final

import zstandard

from mailsys.core.message.facts import MessageFacts
from mailsys.core.message.keywords import are_too_many, names, with_added, with_removed
from mailsys.core.refusal import (
    MessageRejected,
    NoSuchEmail,
    NoSuchMailbox,
    OverQuota,
    Refusal,
    TemporaryFailure,
    TooManyKeywords,
)
from mailsys.core.trust.explained import to_json
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import AccountId, BlobId, EmailId, MailboxId, ThreadId
from mailsys.ports.intake import Acceptance, Accepted, Delivered, Delivery
from mailsys.ports.mailboxes import Role
from mailsys.stores.sqlite import edits, objects, strangers
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.correspondents import credit
from mailsys.stores.sqlite.flags import ATTACHMENT, MARK, flags_of
from mailsys.stores.sqlite.items import enqueue
from mailsys.stores.sqlite.placing import NewEmail, add_email, place
from mailsys.stores.sqlite.rows import values
from mailsys.stores.sqlite.states import AccountState, BlobState, MailboxState
from mailsys.stores.sqlite.timeline import record

RAW, ZSTD, FILE = 0, 1, 2  # blob.form
_COMPRESS_FROM: Final = 8192  # below, compressing costs more time than the pages it saves

MUTED: Final = "$muted"
_ANY_MUTED: Final = "SELECT 1 FROM keyword WHERE word = ? LIMIT 1"
_THREAD_MUTED: Final = """SELECT 1 FROM email e INDEXED BY email_thread
    CROSS JOIN keyword k ON k.word = ?3 AND k.keywords = e.keywords
    WHERE e.account = ?1 AND e.thread = ?2 LIMIT 1"""

_SEEN: Final = "SELECT 1 FROM email WHERE account = ? AND id = ? AND hidden = 0"

_compressor = zstandard.ZstdCompressor(level=1)


def prepare(batch: Batch, acceptances: list[Any]) -> None:
    """Look up the blobs and thread references of a whole group in two statements."""
    batch.look_up_blobs(a.blob.id if isinstance(a.blob, StagedBlob) else a.blob for a in acceptances)
    wanted: set[tuple[int, int]] = set()
    for acceptance in acceptances:
        if acceptance.facts is not None and acceptance.deliveries:
            keys = batch.thread_keys[id(acceptance)] = thread_keys(acceptance.facts)
            wanted.update((d.account, key) for d in acceptance.deliveries for key in keys)
    _look_up_references(batch, wanted)


def thread_keys(facts: MessageFacts) -> list[int]:
    """What an email is threaded by: each of its ids together with its base subject (RFC 8621 §3:
    a thread shares an id *and* a subject), hashed to 64 bits. Equal keys within an account: one thread."""
    subject = facts.base_subject.encode("utf-8", "replace")
    names = list(facts.references)
    if facts.message_id is not None:
        names.append(facts.message_id)
    return [
        int.from_bytes(
            hashlib.blake2b(b"%s\0%s" % (name.encode("utf-8", "replace"), subject), digest_size=8).digest(),
            "big",
            signed=True,
        )
        for name in names
    ]


def _look_up_references(batch: Batch, wanted: set[tuple[int, int]]) -> None:
    missing = [pair for pair in wanted if pair not in batch.references_known]
    if not missing:
        return
    batch.references_known.update(missing)
    text = "[" + ",".join(f"[{account},{key}]" for account, key in missing) + "]"
    row = batch.one(
        """SELECT json_group_array(json_array(r.account, r.key, r.thread))
        FROM json_each(?) w CROSS JOIN reference r
        ON r.account = json_extract(w.value, '$[0]') AND r.key = json_extract(w.value, '$[1]')""",
        (text,),
    )
    for account, key, thread in values(row[0]):
        batch.references[account, key] = thread


def accept(batch: Batch, acceptance: Acceptance) -> Accepted:
    """Refusals come before the first change."""
    targets = _targets(batch, acceptance)
    patched_for, patched, before = _patched_for(batch, acceptance), None, 0
    if patched_for is not None:
        before = patched_for.email_state
    blob = stored(batch, acceptance.blob)
    delivered: list[Delivered] = []
    if targets:
        facts = acceptance.facts
        if facts is None:
            raise TypeError("deliveries need facts")
        if not blob.described:
            blob.described = True
            describe(batch, blob, facts, acceptance.header)
        keys = batch.thread_keys.get(id(acceptance))
        if keys is None:
            keys = thread_keys(facts)
        _look_up_references(batch, {(account.id, key) for _, account, _ in targets for key in keys})
        for delivery, account, boxes in targets:
            delivered.append(_deliver(batch, acceptance, facts, blob, delivery, account, boxes, keys))
    if acceptance.origin:
        strangers.taken(batch, acceptance.origin, acceptance.received_at)
    for item in acceptance.queued:
        enqueue(batch, item, blob)
    if acceptance.sent_by is not None and batch.find_account(acceptance.sent_by) is not None:
        credit(batch, acceptance.sent_by, "", acceptance.sent_to, "")
    written = objects.apply(batch, acceptance.objects) if acceptance.objects else None
    if patched_for is not None:
        patched = edits.apply(batch, patched_for, acceptance.patches, acceptance.destroy, before)
    record(batch, acceptance.timeline)
    return Accepted(tuple(delivered), written, patched)


def accept_all(
    batch: Batch, account_id: int, acceptances: Sequence[Acceptance], if_state: int | None
) -> tuple[int, int, tuple[Accepted | Refusal, ...]]:
    account = batch.account(account_id)
    edits.check_state(account, if_state)
    before = account.email_state
    prepare(batch, list(acceptances))
    outcomes: list[Accepted | Refusal] = []
    for acceptance in acceptances:
        batch.next_job()  # a modseq each, so that a page of changes can end between them
        writes = batch.writes
        try:
            outcomes.append(accept(batch, acceptance))
        except Refusal as refusal:
            if batch.writes != writes:
                raise
            outcomes.append(refusal)
    return before, account.email_state, tuple(outcomes)


def _patched_for(batch: Batch, acceptance: Acceptance) -> AccountState | None:
    if not acceptance.patches and not acceptance.destroy:
        return None
    if acceptance.patched_for is None:
        raise TypeError("patches need the account whose emails they are of")
    return batch.account(acceptance.patched_for)


def _targets(batch: Batch, acceptance: Acceptance) -> list[tuple[Delivery, AccountState, list[MailboxState]]]:
    """Whose mailboxes; all that can be refused is refused here."""
    found = []
    objects.check(batch, acceptance.objects)
    objects.check_state(batch, acceptance.objects, acceptance.objects_if_state)
    if acceptance.sent_by is not None:
        batch.account(acceptance.sent_by)
    if acceptance.sends is not None and batch.one(_SEEN, (acceptance.sent_by, acceptance.sends)) is None:
        raise NoSuchEmail(cause=f"account {acceptance.sent_by} has no email {acceptance.sends}")
    room: dict[int, int] = {}
    size = acceptance.facts.size if acceptance.facts is not None else 0
    for delivery in acceptance.deliveries:
        account = batch.account(delivery.account)
        room[account.id] = room.get(account.id, account.used) + size
        if delivery.enforce_quota and 0 < account.quota < room[account.id]:
            raise OverQuota(cause=f"account {account.id}: {account.used} of {account.quota} octets used")
        boxes: list[MailboxState] = []
        for wanted in delivery.mailboxes:
            box = (
                account.roles.get(wanted.value) if isinstance(wanted, Role) else account.mailboxes.get(wanted)
            )
            if box is None:
                if delivery.strict:
                    raise NoSuchMailbox(cause=f"account {account.id} has no mailbox {wanted}")
                box = account.inbox
            if box not in boxes:
                boxes.append(box)
        found.append((delivery, account, boxes or [account.inbox]))
    return found


def stored(batch: Batch, staged: StagedBlob | BlobId) -> BlobState:
    """The blob's row, written now unless its content is there already."""
    if not isinstance(staged, StagedBlob):
        blob = batch.blob(staged)
        if blob is None or blob.refs <= 0:
            raise MessageRejected("The message is gone", cause=f"blob {staged.hex()} is not held by anything")
        return blob
    blob = batch.blob(staged.id)
    if blob is not None:
        return blob
    if staged.data is None:
        # The sweep leaves young files alone; one that waited too long for its commit is refused here.
        if staged.path is None or not os.path.exists(staged.path):
            raise TemporaryFailure(cause=f"staged content {staged.id.hex()} is no longer there")
        return batch.new_blob(staged.id, staged.size, FILE)
    data, form = staged.data, RAW
    if len(data) >= _COMPRESS_FROM:
        packed = _compressor.compress(data)
        if len(packed) < len(data) * 0.9:
            data, form = packed, ZSTD
    blob = batch.new_blob(staged.id, staged.size, form)
    batch.insert["blob_data"]((blob.id, data))
    return blob


def describe(batch: Batch, blob: BlobState, facts: MessageFacts, header: bytes) -> None:
    """Write down what is known of a blob's content, once."""
    number = blob.id
    insert = batch.insert
    insert["content"](
        (
            number,
            facts.sent_at,
            facts.header_size,
            facts.has_attachment,
            None if facts.message_id is None else _text(facts.message_id),
            _text(facts.subject),
            _text(facts.sender),
            _text(facts.recipients),
            _text(facts.preview),
            facts.envelope,
            facts.body_structure,
            facts.body,
        )
    )
    insert["header"]((number, header, _folded(facts.header_text)))
    insert["head_text"](
        (
            number,
            _folded(facts.subject_text),
            _folded(facts.from_text),
            _folded(facts.to_text),
            _folded(facts.cc_text),
            _folded(facts.bcc_text),
            facts.sent_at,
            _text(facts.base_subject),
            _name_key(facts.sender),
            _name_key(facts.recipients),
        )
    )
    insert["body_text"]((number, _folded(facts.body_text)))


def _name_key(addresses: str) -> str:
    """What emails are sorted by from or to: the first one's name, else its address (RFC 8621 §4.4.2)."""
    name, bracket, _ = addresses.partition(" <")
    if not bracket:
        name = addresses.partition(",")[0]
    return _text(name.strip('" ').casefold()[:100])


def _text(text: str) -> str:
    """Text that SQLite takes: a lone surrogate from a hostile header must not sink a commit."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _folded(text: str) -> bytes:
    """Search text is kept as octets: `instr` then compares octets and not characters."""
    return text.encode("utf-8", "replace")


def _deliver(
    batch: Batch,
    acceptance: Acceptance,
    facts: MessageFacts,
    blob: BlobState,
    delivery: Delivery,
    account: AccountState,
    boxes: list[MailboxState],
    keys: list[int],
) -> Delivered:
    thread = _thread(batch, account.id, keys)
    marked = MARK in delivery.keywords and MARK in names(delivery.keywords)
    keywords = with_removed(delivery.keywords, MARK) if marked else delivery.keywords
    if delivery.heed_mute and account.inbox in boxes and _is_muted(batch, account.id, thread):
        keywords = with_added(keywords, MUTED)
        archive = account.roles.get(Role.ARCHIVE.value, account.inbox)
        others = [box for box in boxes if box is not account.inbox and box is not archive]
        boxes = [archive, *others]
    if are_too_many(keywords):
        raise TooManyKeywords
    email = NewEmail(
        batch.number("email"),
        blob.id,
        thread,
        float(acceptance.received_at),
        facts.size,
        keywords,
        flags_of(keywords) | (ATTACHMENT if facts.has_attachment else 0),
        hidden=marked,
    )
    add_email(batch, account, email)
    modseq = batch.stamp(account)
    if not marked:
        account.delivery_state = modseq
    placements = []
    for box in boxes:
        uid = place(batch, account, box, email, marked=marked)
        placements.append((MailboxId(box.id), box.uid_validity, uid))
    if delivery.verdict is not None:
        batch.insert["verdict"](
            (account.id, email.id, None, "\n".join(acceptance.origin), to_json(delivery.verdict))
        )
    if delivery.heard_from or delivery.sent_to:
        credit(batch, account.id, delivery.heard_from, delivery.sent_to, facts.sender)
    return Delivered(AccountId(account.id), EmailId(email.id), ThreadId(thread), tuple(placements), modseq)


def _thread(batch: Batch, account: int, keys: list[int]) -> int:
    """The oldest thread that one of the keys belongs to, or a new one; unknown keys join it."""
    references = batch.references
    found = [references[account, key] for key in keys if (account, key) in references]
    if found:
        thread = min(found)
    else:
        thread = batch.number("thread")
        batch.lists.fresh.add(thread)
    if len(found) < len(keys):
        add = batch.insert["reference"]
        for key in keys:
            if (account, key) not in references:
                references[account, key] = thread
                batch.references_known.add((account, key))
                add((account, key, thread))
    return thread


def _is_muted(batch: Batch, account: int, thread: int) -> bool:
    """Whether an email of the thread has $muted. Nothing buffered needs to be written for it: the mute
    came by a statement, and what was delivered since then is not the only one that has it."""
    if thread in batch.lists.fresh or batch.read(_ANY_MUTED, (MUTED,)) is None:
        return False
    return batch.read(_THREAD_MUTED, (account, thread, MUTED)) is not None
