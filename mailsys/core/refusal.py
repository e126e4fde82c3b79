"""One family of refusals that know their answer on every protocol.

Services raise these; each protocol layer renders its own attribute. `text` is public and goes on
the wire; `cause` is private and goes to the log only.
"""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """Something was asked that will not be done.

    smtp: reply code and enhanced status code (RFC 5321 §4.2, RFC 3463).
    imap: response code without brackets (RFC 9051 §7.1, RFC 5530), or empty.
    http: status code (RFC 9110 §15).
    """

    smtp: tuple[int, str] = (550, "5.7.1")
    imap: ClassVar[bytes] = b""
    http: ClassVar[int] = 403
    text: str

    def __init__(self, text: str = "", *, cause: str = "") -> None:
        self.text = text or (type(self).__doc__ or "Refused").strip().splitlines()[0].rstrip(".")
        self.cause = cause
        super().__init__(self.text if not cause else f"{self.text} ({cause})")


class UnknownRecipient(Refusal):
    """No such mailbox here."""

    smtp = (550, "5.1.1")
    imap = b"NONEXISTENT"
    http = 404


class RelayDenied(Refusal):
    """Relaying denied."""

    smtp = (550, "5.7.1")


class NotYourAddress(Refusal):
    """You may not send as this address."""

    smtp = (550, "5.7.1")


class Refused(Refusal):
    """Refused by policy."""

    # by_content: for what the message contains alone; the recipients may want to see it all the same
    def __init__(
        self, code: int, enhanced: str, text: str, *, cause: str = "", by_content: bool = False
    ) -> None:
        super().__init__(text, cause=cause)
        self.smtp = (code, enhanced)
        self.by_content = by_content


class AuthenticationRequired(Refusal):
    """Authentication required."""

    smtp = (530, "5.7.0")
    imap = b"AUTHENTICATIONFAILED"
    http = 401


class EncryptionRequired(Refusal):
    """Must issue a STARTTLS command first."""

    smtp = (538, "5.7.11")
    imap = b"PRIVACYREQUIRED"


class BadCredentials(Refusal):
    """Authentication credentials invalid."""

    smtp = (535, "5.7.8")
    imap = b"AUTHENTICATIONFAILED"
    http = 401


class AppPasswordNeeded(BadCredentials):
    """Use an app password here, by PLAIN or LOGIN."""

    # Only told to who knows the password: RFC 4954 §6, the mechanism is weaker than this user's policy.
    smtp = (534, "5.7.9")


class MessageTooBig(Refusal):
    """Message size exceeds the limit."""

    smtp = (552, "5.3.4")
    imap = b"TOOBIG"
    http = 413


class OverQuota(Refusal):
    """Mailbox is full."""

    smtp = (452, "4.2.2")
    imap = b"OVERQUOTA"
    http = 507


class TooManyRecipients(Refusal):
    """Too many recipients."""

    smtp = (452, "4.5.3")
    imap = b"LIMIT"
    http = 413


class RateLimited(Refusal):
    """Too much, too fast; try again later."""

    smtp = (450, "4.7.1")
    imap = b"LIMIT"
    http = 429


class TooManyConnections(Refusal):
    """Too many connections from your address."""

    smtp = (421, "4.7.0")
    imap = b"LIMIT"
    http = 429


class ShuttingDown(Refusal):
    """Service closing; try again later."""

    smtp = (421, "4.3.2")
    imap = b"UNAVAILABLE"
    http = 503


class TemporaryFailure(Refusal):
    """Local error in processing; try again later."""

    smtp = (451, "4.3.0")
    imap = b"SERVERBUG"
    http = 503


class InsufficientStorage(TemporaryFailure):
    """The server has no room for new mail."""

    smtp = (452, "4.3.1")
    imap = b"LIMIT"
    http = 507


class ContentLost(Refusal):
    """The content of this message is missing or damaged here."""

    smtp = (451, "4.3.0")
    imap = b"CORRUPTION"
    http = 500


class MailLoop(Refusal):
    """Too many hops; this message is looping."""

    smtp = (554, "5.4.6")
    imap = b"CANNOT"


class MessageRejected(Refusal):
    """Message refused."""

    smtp = (554, "5.6.0")
    imap = b"CANNOT"
    http = 400


class UnsupportedParameter(Refusal):
    """Parameter not recognised or not implemented."""

    smtp = (555, "5.5.4")
    imap = b"CLIENTBUG"
    http = 400


class NoSuchMailbox(Refusal):
    """No such mailbox."""

    smtp = (550, "5.2.0")
    imap = b"NONEXISTENT"
    http = 404


class MailboxExists(Refusal):
    """A mailbox of that name exists already."""

    smtp = (550, "5.2.0")
    imap = b"ALREADYEXISTS"
    http = 409

    def __init__(self, text: str = "", *, cause: str = "", existing: int | None = None) -> None:
        """`existing`: the mailbox that has the name."""
        self.existing = existing
        super().__init__(text, cause=cause)


class MailboxHasChildren(Refusal):
    """The mailbox has children."""

    smtp = (550, "5.2.0")
    imap = b"HASCHILDREN"
    http = 409


class NotAllowed(Refusal):
    """That cannot be done."""

    smtp = (550, "5.7.1")
    imap = b"CANNOT"
    http = 403


class TooManyMailboxes(NotAllowed):
    """Too many mailboxes."""

    imap = b"LIMIT"


class TooManyKeywords(NotAllowed):
    """An email would have too many keywords."""

    imap = b"LIMIT"


class NoSuchEmail(Refusal):
    """No such email."""

    imap = b"NONEXISTENT"
    http = 404


class RoleTaken(MailboxExists):
    """There is a mailbox for that use already."""


class MailboxHasEmails(Refusal):
    """The mailbox has emails in it."""

    imap = b"CANNOT"
    http = 409


class StateMismatch(Refusal):
    """It was changed meanwhile."""

    http = 412


class ObjectConflict(Refusal):
    """Somebody else changed that at the same time; try again."""

    smtp = (451, "4.3.0")
    http = 409
