"""Email's property `verdict`, of our own capability: what was made of it when another server brought it, and
why. Null for email that came another way (drafts, sent mail, imports), or before there were verdicts.

    {"action": "inbox" | "junk", "score": 1.5, "sentence": "Delivered: …",
     "reasons": [{"code": "spf-none", "text": "…", "weight": 0.5, "detail": {"domain": "…"}}, …],
     "warnings": [{"code": "first-contact", …}, …]}

Reasons stand in the order in which they decided. `code` and the names in `detail` are stable, for programs
and translations; `text` and `sentence` are English.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mailsys.core.trust.explained import as_value
from mailsys.services.jmap.protocol.api import CallContext

TRUST: Final = "urn:mailsys:jmap:trust"
VERDICT: Final = "verdict"  # the property

_PAGE: Final = 500  # emails a call


async def tell_verdicts(context: CallContext, emails: Mapping[int, dict[str, Any]]) -> None:
    """Give each of the emails, which are by number, the property."""
    numbers = list(emails)
    for start in range(0, len(numbers), _PAGE):
        page = numbers[start : start + _PAGE]
        found = await context.ports.mail.verdicts(context.account, page)
        for number in page:
            verdict = found.get(number)
            emails[number][VERDICT] = None if verdict is None else as_value(verdict)
