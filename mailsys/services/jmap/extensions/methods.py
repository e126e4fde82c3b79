"""The capabilities quota (RFC 9425), blob (RFC 9404) and mdn (RFC 9007)."""

from __future__ import annotations

from typing import Any, Final

from mailsys.ports.accounts import Account
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.ports.once import IOnceStore
from mailsys.services.content.blob_access import BlobReader
from mailsys.services.content.parts import Contents
from mailsys.services.delivery.directory import Directory
from mailsys.services.jmap.extensions.blob_methods import DIGESTS, MAX_SOURCES, TYPES, BlobMethods
from mailsys.services.jmap.extensions.quota import (
    quota_changes,
    quota_get,
    quota_query,
    quota_query_changes,
    state_of_quota,
)
from mailsys.services.jmap.mail.email_patching import EmailPatching
from mailsys.services.jmap.mail.email_properties import EmailReader
from mailsys.services.jmap.protocol.api import CORE, SEND, WRITE, JmapApi
from mailsys.services.jmap.submission.identity import Identities
from mailsys.services.jmap.submission.mdn_parse import MdnParse
from mailsys.services.jmap.submission.mdn_send import MdnSend
from mailsys.services.submission.submit import Submission

QUOTA: Final = "urn:ietf:params:jmap:quota"
BLOB: Final = "urn:ietf:params:jmap:blob"
MDN: Final = "urn:ietf:params:jmap:mdn"


def register_more(
    api: JmapApi,
    submission: Submission,
    identities: Identities,
    directory: Directory,
    once: IOnceStore,
    counters: ILimits | None = None,
    uploads_per_hour: int = 0,
) -> None:
    """Add Quota, Blob and MDN to `api`."""
    ports = api.ports
    max_size = api.limits.max_size_upload
    reader = BlobReader(ports.mail, ports.blobs)

    def blob_capability(account: Account) -> dict[str, Any]:
        return {
            "maxSizeBlobSet": max_size,
            "maxDataSources": MAX_SOURCES,
            "supportedTypeNames": list(TYPES),
            "supportedDigestAlgorithms": list(DIGESTS),
        }

    async def quota_state(account: AccountId) -> str:
        found = await directory.account(account)
        return "0-0" if found is None else state_of_quota(found)

    api.announce(QUOTA, account=lambda _: {})
    api.announce_derived("Quota", quota_state)
    api.register("Quota/get", QUOTA, quota_get)
    api.register("Quota/changes", QUOTA, quota_changes)
    api.register("Quota/query", QUOTA, quota_query)
    api.register("Quota/queryChanges", QUOTA, quota_query_changes)

    blobs = BlobMethods(reader, max_size, counters, uploads_per_hour)
    api.announce(BLOB, account=blob_capability)
    api.register("Blob/upload", BLOB, blobs.upload, WRITE)
    api.register("Blob/get", BLOB, blobs.get)
    api.register("Blob/lookup", BLOB, blobs.lookup)
    api.register("Blob/copy", CORE, blobs.copy, WRITE)

    api.announce(MDN, account=lambda _: {})
    contents = Contents(ports.blobs, reader, ports.offload)
    patching = EmailPatching(EmailReader(ports.mail, contents))
    api.register("MDN/send", MDN, MdnSend(submission, identities, directory, once, patching).run, SEND)
    api.register("MDN/parse", MDN, MdnParse(reader, contents).run)
