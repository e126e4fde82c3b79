"""JSON answers in gzip for those who take it (RFC 9110 §8.4): a page of mail is five times as small.

Answers that hold a secret beside something that the asker chose are left as they are (`/api/v1/session` has
the token against forged requests): their length would tell of it.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Final

import msgspec
from twisted.internet.threads import deferToThreadPool

from mailsys.web.reply import JSON, Reply
from mailsys.web.request import WebRequest

_FROM: Final = 1024  # octets: less is not worth it
_HERE: Final = 32 * 1024  # octets that are compressed where we stand (a fraction of a millisecond)
_LEVEL: Final = 1  # more costs much time and saves little
_SECRET: Final = b"/api/v1/session"


async def compressed(request: WebRequest, reply: Reply) -> Reply:
    """The reply as it is to be written; the same one when it goes out plain."""
    if reply.content_type != JSON or reply.status in (204, 304):
        return reply
    body = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
    reply = replace(reply, body=body)
    if len(body) < _FROM or request.path.startswith(_SECRET):
        return reply
    headers = [*reply.headers, (b"Vary", b"Accept-Encoding")]
    if not takes_gzip(request.getHeader(b"accept-encoding") or b""):
        return replace(reply, headers=headers)
    if len(body) <= _HERE:
        packed = gzip.compress(body, _LEVEL, mtime=0)
    else:
        reactor = request.site.reactor
        packed = await deferToThreadPool(
            reactor, reactor.getThreadPool(), lambda: gzip.compress(body, _LEVEL, mtime=0)
        )
    headers.append((b"Content-Encoding", b"gzip"))
    return replace(reply, body=packed, headers=headers)


def takes_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding field (RFC 9110 §12.5.3) allows gzip."""
    weights: dict[bytes, bool] = {}
    for one in accepted.lower().split(b","):
        coding, _, parameters = one.partition(b";")
        weight = parameters.strip().removeprefix(b"q=").strip()
        weights[coding.strip()] = not (weight and weight.strip(b"0.") == b"")
    return weights.get(b"gzip", weights.get(b"x-gzip", weights.get(b"*", False)))
