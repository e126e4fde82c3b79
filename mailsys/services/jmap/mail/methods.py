"""The mail capability and its methods (RFC 8621)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final

from mailsys.core.message.analysis import analyse
from mailsys.ports.accounts import Account
from mailsys.services.content.blob_access import BlobReader
from mailsys.services.content.parts import Contents
from mailsys.services.content.reading import MessageReader
from mailsys.services.jmap.mail.email_compose import Composer
from mailsys.services.jmap.mail.email_filter import SEARCH, SORTS
from mailsys.services.jmap.mail.email_get import EmailGet, thread_changes, thread_get
from mailsys.services.jmap.mail.email_import import EmailImport
from mailsys.services.jmap.mail.email_patching import EmailPatching
from mailsys.services.jmap.mail.email_properties import EmailReader
from mailsys.services.jmap.mail.email_query import email_query, email_query_changes
from mailsys.services.jmap.mail.email_set import EmailSet
from mailsys.services.jmap.mail.mailbox_get import (
    mailbox_changes,
    mailbox_get,
    mailbox_query,
    mailbox_query_changes,
)
from mailsys.services.jmap.mail.mailbox_set import MAX_DEPTH, MAX_NAME, mailbox_set
from mailsys.services.jmap.mail.newcomers import NEWCOMERS, Newcomers
from mailsys.services.jmap.mail.snippet_get import SnippetGet
from mailsys.services.jmap.mail.snooze import SNOOZE
from mailsys.services.jmap.mail.verdicts import TRUST
from mailsys.services.jmap.protocol.api import MAIL, WRITE, JmapApi
from mailsys.services.people.contacts import Contacts

MESSAGE_SIZE: Final = 50 * 1024 * 1024


def _account_capability(max_attachments: int, account: Account) -> dict[str, Any]:
    return {
        "maxMailboxesPerEmail": None,
        "maxMailboxDepth": MAX_DEPTH,
        "maxSizeMailboxName": MAX_NAME,
        "maxSizeAttachmentsPerEmail": max_attachments,
        "emailQuerySortOptions": list(SORTS),
        "mayCreateTopLevelMailbox": True,
    }


def register_mail(
    api: JmapApi,
    random: Random,
    message_size: int = MESSAGE_SIZE,
    snoozed: Callable[[], None] = lambda: None,
    contacts: Contacts | None = None,
) -> None:
    """Add Mailbox, Thread, Email and SearchSnippet to `api`. `message_size` is the largest message
    that may be created or imported, octets. `snoozed` is called when something was snoozed.
    `contacts`: whom the accounts know; None: looked for anew."""
    ports = api.ports
    reader = BlobReader(ports.mail, ports.blobs)
    contents = Contents(ports.blobs, reader, ports.offload)
    max_attachments = message_size // 4 * 3 - 1024 * 1024  # base64 adds a third and line ends
    composer = Composer(ports.mail, ports.blobs, reader, contents, random, message_size, max_attachments)
    emails = EmailReader(ports.mail, contents)
    if contacts is None:
        contacts = Contacts(ports.mail, ports.blobs, ports.objects, ports.offload, api.clock.seconds)
    getting = EmailGet(emails, Newcomers(contacts, contents))
    patching = EmailPatching(emails, snoozed)
    setting = EmailSet(patching, composer, MessageReader(analyse, ports.offload))
    importing = EmailImport(reader, contents, message_size)

    api.announce(MAIL, account=partial(_account_capability, max_attachments))
    api.announce(SNOOZE, account=lambda _: {})
    api.announce(NEWCOMERS, account=lambda _: {})
    api.announce(TRUST, account=lambda _: {})
    api.announce(SEARCH, account=lambda _: {})
    api.announce_types("Mailbox", "Thread", "Email", "EmailDelivery")
    api.register("Mailbox/get", MAIL, mailbox_get)
    api.register("Mailbox/changes", MAIL, mailbox_changes)
    api.register("Mailbox/query", MAIL, mailbox_query)
    api.register("Mailbox/queryChanges", MAIL, mailbox_query_changes)
    api.register("Mailbox/set", MAIL, mailbox_set, WRITE)
    api.register("Thread/get", MAIL, thread_get)
    api.register("Thread/changes", MAIL, thread_changes)
    api.register("Email/get", MAIL, getting.get)
    api.register("Email/changes", MAIL, getting.changes)
    api.register("Email/query", MAIL, email_query)
    api.register("Email/queryChanges", MAIL, email_query_changes)
    api.register("Email/set", MAIL, setting.run, WRITE)
    api.register("Email/import", MAIL, importing.import_, WRITE)
    api.register("Email/copy", MAIL, importing.copy, WRITE)
    api.register("Email/parse", MAIL, importing.parse)
    api.register("SearchSnippet/get", MAIL, SnippetGet(contents).get)
