"""The identifiers that cross the ports.

Integers are allocated by the store from counters, never reused, and mean nothing outside it.
"""

from __future__ import annotations

from typing import NewType

AccountId = NewType("AccountId", int)
MailboxId = NewType("MailboxId", int)  # never reused, so RFC 8474 MAILBOXID can be rendered from it
EmailId = NewType("EmailId", int)  # one account's view of one message; ascending in order of arrival
ThreadId = NewType("ThreadId", int)
QueueId = NewType("QueueId", int)

BlobId = NewType("BlobId", bytes)  # BLAKE2b-256 of the content, 32 bytes
TraceId = NewType("TraceId", str)  # one id for a message's whole way: logs, timeline, Received header
