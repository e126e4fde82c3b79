"""What the refusals of the world's large receivers mean, and what helps. Their words change; the codes and a
few marks in the text stay, and a mark is enough."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Remedy:
    """For people: `meaning` for who wrote the message, `cure` for who runs this system (or "")."""

    meaning: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.meaning} {self.cure}".strip()


_UNAUTHENTICATED: Final = Remedy(
    "The other system takes mail only from domains that prove it is theirs, and this message did not.",
    "Publish the domain's SPF and DKIM records as `mailsys domain records` prints them.",
)
_SPF: Final = Remedy(
    "The sender's domain does not list this server among those that send its mail (SPF).",
    "Add this server's address to the domain's SPF record.",
)
_DKIM: Final = Remedy(
    "The other system could not verify the message's signature (DKIM).",
    "Compare the domain's DKIM records in DNS with those that `mailsys domain records` prints.",
)
_DMARC: Final = Remedy(
    "The domain in the From line asks (by DMARC) to refuse mail that is not proved to be its own.",
    "Send from an address whose domain's SPF or DKIM is set up here; DKIM must be of the domain in From.",
)
_REVERSE: Final = Remedy(
    "The other system wants this server's address to have a name that leads back to it.",
    "Have your provider set the PTR record of the address to this server's host name, and give that name an "
    "A or AAAA record with the same address.",
)
_LISTED: Final = Remedy(
    "This server's address is on a block list that the other system uses.",
    "Look the address up at the list that the reply names, stop what put it there, and ask for removal.",
)
_REPUTATION: Final = Remedy(
    "The other system distrusts this server or domain, for mail that came from it before.",
    "Send less and to people who expect it, and see the receiver's pages for postmasters.",
)
_CONTENT: Final = Remedy(
    "The other system took the content for spam or found something harmful in it.",
    "Look at links and attachments; send it in other words.",
)
_RATE: Final = Remedy(
    "The other system takes no more mail from here for now. It is tried again more slowly.",
    "If it goes on: look whether an account sends in bulk, and spread large mailings over time.",
)
_GREY: Final = Remedy("The other system wants new senders to come again later. It is tried again by itself.")
_POLICY_HOST: Final = Remedy(
    "The address that this server sends from is on a list of addresses that should not send mail themselves.",
    "Use a provider's smart host (sending.smarthost), or have the provider take the address off the list.",
)
_TLS: Final = Remedy("The other system takes mail only over an encrypted connection.")
_UNSUBSCRIBE: Final = Remedy(
    "The other system asks for a way to unsubscribe by one click in mail to many.",
    "Give it the fields List-Unsubscribe and List-Unsubscribe-Post (RFC 8058).",
)
_LINE: Final = Remedy(
    "The other system found the message not well formed (RFC 5322): two From fields, or none."
)
_RECIPIENT_RULE: Final = Remedy(
    "The recipient's organisation lets only certain senders write to that address.",
    "Ask the recipient to allow you, by another way.",
)

# Codes by which large receivers say one thing: Google, Yahoo, Microsoft, Apple and those who follow them.
_BY_STATUS: Final = {
    "7.26": _UNAUTHENTICATED,
    "7.20": _DKIM,
    "7.21": _DKIM,
    "7.22": _DKIM,
    "7.23": _SPF,
    "7.24": _SPF,
    "7.25": _REVERSE,
    "7.27": _SPF,
    "7.28": _RATE,
    "7.29": _TLS,
    "7.30": _DKIM,
    "7.32": _DMARC,
    "7.40": _DMARC,
    "7.509": _DMARC,
    "7.515": _UNAUTHENTICATED,
    "7.511": _LISTED,
    "7.606": _LISTED,
    "7.708": _REPUTATION,
    "7.750": _REPUTATION,
    "7.129": _RECIPIENT_RULE,
    "7.133": _RECIPIENT_RULE,
    "7.134": _RECIPIENT_RULE,
    "7.135": _RECIPIENT_RULE,
    "7.136": _RECIPIENT_RULE,
    "7.124": _RECIPIENT_RULE,
}

# Marks in the text, for codes that mean many things (7.1, 7.0, 7.9); the first that is found counts.
_BY_TEXT: Final = tuple(
    (re.compile(mark, re.IGNORECASE), remedy)
    for mark, remedy in (
        (r"\bpbl\b|dynamic (ip|address)|policy block list|residential", _POLICY_HOST),
        (r"spamhaus|barracuda|spamcop|\bs3140\b|\bs3150\b|block ?list|blacklist|\brbl\b|\bdnsbl\b", _LISTED),
        (r"\bptr\b|reverse dns|rdns|no hostname", _REVERSE),
        (r"one.click|list-unsubscribe", _UNSUBSCRIBE),
        (r"dmarc|policy reasons", _DMARC),
        (r"unauthenticated|not authenticated|authentication (checks|level|requirements)", _UNAUTHENTICATED),
        (r"\bspf\b|not (authorized|allowed|permitted) to send .{0,60}from", _SPF),
        (r"\bdkim\b", _DKIM),
        (r"must issue a starttls|encryption required|starttls first", _TLS),
        (r"multiple from|rfc ?5322|rfc ?2822|not compliant", _LINE),
        (r"grey ?list|gray ?list", _GREY),
        (r"unusual rate|rate.?limit|too many|temporarily deferred|\[?tss?0\d\]?|throttl|exceed", _RATE),
        (r"reputation|suspicious|unsolicited|user complaints|sender blocked|banned", _REPUTATION),
        (r"spam|virus|malware|phish|content|attachment|\burls?\b", _CONTENT),
    )
)

_STATUS = re.compile(r"([245][0-9][0-9])[ -]([245])\.([0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
_SCANNED: Final = 2000  # characters of a reply that are looked at


def remedy_of(reply: str) -> Remedy | None:
    """Of another server's reply in one line ("550 5.7.26 ..."), refusing or putting off; None when it says
    nothing of this kind."""
    found = _STATUS.match(reply)
    if reply[:1] not in ("4", "5"):
        return None
    detail = found[3] if found else ""
    if detail in _BY_STATUS:
        return _BY_STATUS[detail]
    rest = reply[found.end() if found else 3 : _SCANNED]
    if not detail.startswith("7.") and not reply.startswith(("421", "450", "451", "554", "550")):
        return None
    if detail and not detail.startswith(("7.", "0.", "3.", "4.", "6.")):
        return None  # it tells of the recipient, whatever its words
    return next((remedy for mark, remedy in _BY_TEXT if mark.search(rest)), None)
