"""The capabilities of sending: submission (RFC 8621 §6, §7) and vacationresponse (§8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mailsys.ports.accounts import Account
from mailsys.services.answering.vacation import Responder
from mailsys.services.content.blob_access import BlobReader
from mailsys.services.content.parts import Contents
from mailsys.services.delivery.directory import Directory
from mailsys.services.jmap.mail.email_patching import EmailPatching
from mailsys.services.jmap.mail.email_properties import EmailReader
from mailsys.services.jmap.protocol.api import SEND, WRITE, JmapApi
from mailsys.services.jmap.submission.identity import Identities
from mailsys.services.jmap.submission.submission_get import (
    submission_changes,
    submission_get,
    submission_query,
    submission_query_changes,
)
from mailsys.services.jmap.submission.submission_set import SubmissionSet
from mailsys.services.jmap.submission.vacation_response import VacationResponses
from mailsys.services.submission.submit import Submission

SUBMISSION: Final = "urn:ietf:params:jmap:submission"
VACATION: Final = "urn:ietf:params:jmap:vacationresponse"


def register_sending(
    api: JmapApi,
    submission: Submission,
    directory: Directory,
    responder: Responder | None = None,
    snoozed: Callable[[], None] = lambda: None,
) -> Identities:
    """Add Identity, EmailSubmission and, where somebody answers, VacationResponse to `api`. `snoozed` is
    called when the email of a submission was snoozed."""
    limits, ports = submission.intake.limits, api.ports
    identities = Identities(directory)
    contents = Contents(ports.blobs, BlobReader(ports.mail, ports.blobs), ports.offload)
    patching = EmailPatching(EmailReader(ports.mail, contents), snoozed)
    setting = SubmissionSet(submission, identities, patching)

    def on_account(account: Account) -> dict[str, Any]:
        return {
            "maxDelayedSend": int(limits.hold_at_most),
            "submissionExtensions": {  # as EHLO says it, less what changes with the hour
                "FUTURERELEASE": [str(int(limits.hold_at_most))],
                "SIZE": [str(limits.message_size)],
                "DSN": [],
                "8BITMIME": [],
                "SMTPUTF8": [],
                "REQUIRETLS": [],
            },
        }

    api.announce(SUBMISSION, account=on_account)
    api.announce_types("Identity", "EmailSubmission")
    api.register("Identity/get", SUBMISSION, identities.get)
    api.register("Identity/changes", SUBMISSION, identities.changes)
    api.register("Identity/set", SUBMISSION, identities.set, WRITE)
    api.register("EmailSubmission/get", SUBMISSION, submission_get)
    api.register("EmailSubmission/changes", SUBMISSION, submission_changes)
    api.register("EmailSubmission/query", SUBMISSION, submission_query)
    api.register("EmailSubmission/queryChanges", SUBMISSION, submission_query_changes)
    api.register("EmailSubmission/set", SUBMISSION, setting.run, SEND)
    if responder is not None:
        vacation = VacationResponses(responder)
        api.announce(VACATION, account=lambda _: {})
        api.announce_types("VacationResponse")
        api.register("VacationResponse/get", VACATION, vacation.get)
        api.register("VacationResponse/set", VACATION, vacation.set, WRITE)
    return identities
