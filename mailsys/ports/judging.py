"""What others think of a message before it is taken: milters, rspamd, SpamAssassin, ClamAV."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mailsys.core.trust.verdict import Action, Reason
from mailsys.ports.blobs import StagedBlob


@dataclass(frozen=True, slots=True)
class Inspected:
    """A message with its envelope, as it was taken in. `ours`: octets of `blob` at its beginning that we put
    in front (trace fields)."""

    blob: StagedBlob
    peer: str  # IP address
    sender: str  # envelope, "" is the null sender
    recipients: tuple[str, ...]
    hello: str = ""
    peer_name: str = ""  # confirmed by DNS; "" when there is none
    trace: str = ""
    ours: int = 0


@dataclass(frozen=True, slots=True)
class OutsideVerdict:
    """`action` INBOX: no objection. `reply`: what is to be said with DEFER and REFUSE, "550 5.7.1 …"; "": our
    own words. `header`: fields to be put in front, in order; names and values are printable, on one line."""

    action: Action
    reasons: tuple[Reason, ...] = ()
    reply: str = ""
    header: tuple[tuple[str, str], ...] = ()


class IJudge(Interface):
    name: str = Attribute("Of the kind and where it is, for reasons and the log.")

    def judge(message: Inspected) -> Deferred[OutsideVerdict]:
        """Ask. May be cancelled, and then hangs up. Fails with any exception when there is no answer, or none
        that can be read: who asks decides what follows from that. Answers are bounded."""
