"""The envelope of an EmailSubmission: read as a client gives it, or made from the email (RFC 8621 §7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mailsys.core.jmap.header_forms import MAX_LIST, HeaderBlock, as_addresses
from mailsys.core.jmap.problems import SetError, invalid_properties
from mailsys.core.message.address import canonical, comparable
from mailsys.core.smtp import xtext
from mailsys.core.smtp.arguments import BadParameter, mail_parameters, rcpt_parameters
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.services.jmap.submission.identity import allows

_MOST_LISTED: Final = 10_000  # addresses of an envelope that are read at all
_XTEXT: Final = frozenset(("ENVID", "AUTH"))


@dataclass(frozen=True, slots=True)
class Envelope:
    document: dict[str, Any]  # as it is shown
    sender: str
    parameters: MailParameters
    recipients: tuple[tuple[str, RcptParameters], ...]


def given_envelope(value: Any, max_recipients: int) -> Envelope:
    """One that the client made. Raises SetError."""
    if not isinstance(value, dict) or set(value) != {"mailFrom", "rcptTo"}:
        raise _wrong("An envelope has mailFrom and rcptTo.")
    sender, sender_parameters = _address(value["mailFrom"])
    if not _stays_in_brackets(sender):
        raise _wrong("The email of mailFrom is no address.")
    if not isinstance(value["rcptTo"], list) or len(value["rcptTo"]) > _MOST_LISTED:
        raise _wrong("rcptTo must be an array.")
    people = [_address(one) for one in value["rcptTo"]]
    try:
        parameters = mail_parameters(_words(sender_parameters), submission=True, require_tls=True)
        recipients = tuple((email, rcpt_parameters(_words(given))) for email, given in people)
    except BadParameter as error:
        raise _wrong(f"{error}.") from error
    _check([email for email, _ in recipients], max_recipients)
    document = {
        "mailFrom": {"email": sender, "parameters": sender_parameters},
        "rcptTo": [{"email": email, "parameters": given} for email, given in people],
    }
    return Envelope(document, sender, parameters, recipients)


def _wrong(description: str) -> SetError:
    return invalid_properties(description, "envelope")


def _address(value: Any) -> tuple[str, dict[str, str | None] | None]:
    """An Address object."""
    if not isinstance(value, dict) or not {"email"} <= set(value) <= {"email", "parameters"}:
        raise _wrong("An address has an email, and may have parameters.")
    email, parameters = value["email"], value.get("parameters")
    if not isinstance(email, str):
        raise _wrong("The email of an address must be a string.")
    if parameters is not None:
        if not isinstance(parameters, dict) or len(parameters) > 50:
            raise _wrong("The parameters of an address must be an object.")
        for name, given in parameters.items():
            if not name or not name.isascii() or not name.replace("-", "").isalnum():
                raise _wrong(f"{name[:100]!r} is no parameter.")
            if given is not None and not isinstance(given, str):
                raise _wrong(f"The parameter {name[:100]!r} must be a string or null.")
    return email, parameters


def _words(parameters: dict[str, str | None] | None) -> bytes:
    """As they stand in MAIL or RCPT, where some values are encoded (RFC 3461 §4)."""
    words: list[bytes] = []
    for name, value in (parameters or {}).items():
        word = name.upper().encode()
        if value is not None:
            octets = value.encode("utf-8", "replace")
            if name.upper() in _XTEXT:
                octets = xtext.encode(octets)
            elif name.upper() == "ORCPT":
                kind, semicolon, address = octets.partition(b";")
                octets = kind + semicolon + (address if kind.lower() == b"utf-8" else xtext.encode(address))
            if not octets or any(c <= 32 or c == 127 for c in octets):
                raise _wrong(f"The parameter {name[:100]!r} has a value that cannot be sent.")
            word += b"=" + octets
        words.append(b" " + word)
    return b"".join(words)


def made_envelope(header: bytes, identity: dict[str, Any], primary: str, max_recipients: int) -> Envelope:
    """The one that an email's header calls for. Raises SetError."""
    block = HeaderBlock(header)
    sender = ""
    for name in ("sender", "from"):
        values = block.every(name)
        people = [one["email"] or "" for value in values for one in as_addresses(value)]
        if len(values) > 1 or len(people) > 1:
            raise invalid_email(f"The email has more than one address in {name.title()}.", name)
        if people and people[0]:
            sender = people[0]
            break
    if not sender:
        raise invalid_email("The email has nobody in From.", "from")
    if not allows(identity, sender):
        sender = str(identity["email"])
        if sender.startswith("*@"):
            sender = primary
    found: dict[str, str] = {}
    for name in ("to", "cc", "bcc"):
        for value in block.every(name):
            if len(value) > MAX_LIST:  # nobody is left out in silence
                raise _too_many(max_recipients)
            for one in as_addresses(value):
                if one["email"]:
                    found.setdefault(comparable(one["email"]), one["email"])
    recipients = list(found.values())
    _check(recipients, max_recipients)
    document = {
        "mailFrom": {"email": sender, "parameters": None},
        "rcptTo": [{"email": one, "parameters": None} for one in recipients],
    }
    nothing = RcptParameters()
    return Envelope(document, sender, MailParameters(), tuple((one, nothing) for one in recipients))


def check_header(header: bytes) -> None:
    """What every server in between relies on (RFC 5322 §3.6). Raises SetError naming all that is wrong."""
    block = HeaderBlock(header)
    wrong = [
        shown
        for name, shown in (
            ("from", "from"),
            ("sender", "sender"),
            ("date", "sentAt"),
            ("message-id", "messageId"),
        )
        if len(block.every(name)) > 1
    ]
    authors = block.every("from")
    if not authors or not any(as_addresses(value) for value in authors):
        wrong.append("from")
    if wrong:
        names = list(dict.fromkeys(wrong))
        raise invalid_email(f"The email cannot be sent with these properties: {', '.join(names)}.", *names)


def invalid_email(description: str, *properties: str) -> SetError:
    return SetError("invalidEmail", description, properties)


def _check(recipients: list[str], most: int) -> None:
    distinct = dict.fromkeys(comparable(one) for one in recipients)
    if not distinct:
        raise SetError("noRecipients", "There is nobody to send it to.")
    if len(distinct) > most:
        raise _too_many(most)
    invalid = [one for one in dict.fromkeys(recipients) if not _is_recipient(one)]
    if invalid:
        raise SetError(
            "invalidRecipients", "Some of the recipients are no email addresses.", invalidRecipients=invalid
        )


def _too_many(most: int) -> SetError:
    return SetError("tooManyRecipients", f"A message may have {most} recipients at most.", maxRecipients=most)


def _stays_in_brackets(address: str) -> bool:
    """Whether it ends where MAIL and RCPT end it, even for who knows no quoted strings."""
    return not any(c in address for c in "\r\n\0<>")


def _is_recipient(address: str) -> bool:
    if address.lower() == "postmaster":  # RFC 5321 §4.1.1.3
        return True
    try:
        return _stays_in_brackets(address) and not canonical(address).endswith(
            "]"
        )  # mail to address literals is not sent
    except ValueError:
        return False
