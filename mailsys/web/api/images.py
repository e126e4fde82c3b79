"""Remote images through us. A link is signed for one account: a sandboxed frame, which has no cookie, can
show it, and nobody else can fetch what he likes through us."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from msgspec import Meta

from mailsys.core.jmap.ids import account_id, account_number
from mailsys.ports.ids import AccountId
from mailsys.ports.limits import ILimits
from mailsys.services.access.sealed import Seal
from mailsys.services.jmap.protocol.api import READ
from mailsys.services.outbound.image_proxy import ImageProxy
from mailsys.web.api.table import PREFIX, Access, Api, Call, Model, Route
from mailsys.web.callers import caller_of
from mailsys.web.problems import WebProblem
from mailsys.web.reply import Reply

_GOOD_FOR = 86400.0  # seconds
_PER_MINUTE = 1000
_LINKS_SIZE = 5 * 256 * 1024  # octets: 500 addresses of 2048 letters
_POLICY = b"default-src 'none'; sandbox"

Url = Annotated[str, Meta(min_length=1, max_length=2048)]


class ImageQuery(Model, frozen=True):
    url: Url
    account: Annotated[str, Meta(max_length=20)] = ""
    until: Annotated[int, Meta(ge=0, le=2**53)] = 0
    sig: Annotated[str, Meta(max_length=64)] = ""


class ImageLinksWanted(Model, frozen=True):
    urls: Annotated[list[Url], Meta(max_length=500)]


class ImageLinks(Model, frozen=True):
    links: Annotated[list[str], Meta(description="In the order asked, from the server's root.")]


class ImageRoutes:
    def __init__(self, proxy: ImageProxy, seal: Seal, limits: ILimits, clock: Any) -> None:
        self._proxy = proxy
        self._seal = seal
        self._limits = limits
        self._clock = clock

    def mount(self, api: Api) -> None:
        api.add(
            Route("POST", "/image-links", self.links, "Signed links to remote images, good for a day.",
                  "Images", scope=READ, body=ImageLinksWanted, answer=ImageLinks,
                  limit=_LINKS_SIZE, problems=(413,)),
            Route("GET", "/image", self.image, "A remote image, by a signed link or for who is signed in.",
                  "Images", Access.PUBLIC, counted=False, query=ImageQuery, answer=bytes, media="image/*",
                  problems=(401, 403, 413, 415, 502)),
        )  # fmt: skip

    async def links(self, call: Call) -> ImageLinks:
        whose = account_id(call.account)
        # Whole hours: the same image has the same link for a while, and the browser keeps it.
        until = int((self._clock.seconds() + _GOOD_FOR) // 3600 * 3600)
        return ImageLinks(
            links=[
                f"{PREFIX}/image?url={quote(url, safe='')}&account={whose}&until={until}"
                f"&sig={self._seal.signature(_text(url, whose, until))}"
                for url in call.body.urls
            ]
        )

    async def image(self, call: Call) -> Reply:
        asked: ImageQuery = call.query
        if asked.sig:
            text = _text(asked.url, asked.account, asked.until)
            if not self._seal.is_signed(text, asked.sig) or asked.until < self._clock.seconds():
                raise WebProblem(403, "This link does not hold, or no longer.")
            whose = AccountId(account_number(asked.account) or 0)  # signed by us: it is one
        else:
            caller = await caller_of(call.request)
            if caller is None or not caller.may(READ):
                raise WebProblem(401, "A signed link or a session is needed.")
            whose = caller.account.id
        if await self._limits.hit(f"images:{whose}", 60.0) > _PER_MINUTE:
            raise WebProblem(429, "Too many images; try again later.", headers=[(b"Retry-After", b"60")])
        found = await self._proxy.fetch(asked.url, whose)
        return Reply(
            found.body,
            content_type=found.type.encode("ascii"),
            headers=[
                (b"Cache-Control", b"private, max-age=86400, immutable"),
                (b"Content-Security-Policy", _POLICY),
                (b"Content-Disposition", b"inline"),
                (b"Cross-Origin-Resource-Policy", b"cross-origin"),  # the frame's origin is none
            ],
        )


def _text(url: str, account: str, until: int) -> str:
    return f"image\n{until}\n{account}\n{url}"
