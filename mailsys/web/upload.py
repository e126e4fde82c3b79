"""Uploads (RFC 8620 §6.1): from the connection straight into a blob."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mailsys.core.jmap.ids import account_id as written
from mailsys.core.jmap.ids import blob_id
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.limits import ILimits
from mailsys.ports.mail import IMailStore
from mailsys.services.jmap.protocol.api import WRITE
from mailsys.settings import Web
from mailsys.web.admission import UPLOAD, Admission, own_account
from mailsys.web.app import Routes
from mailsys.web.problems import WebProblem
from mailsys.web.reply import Reply
from mailsys.web.request import BodyRule, WebRequest, limit_problem

_HOUR: Final = 3600.0
# RFC 9110 §8.3.1 in short: type/subtype and parameters, without anything that could end the header.
_TYPE: Final = re.compile(
    r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}/[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}(?:\s*;[\x20-\x7e]{0,200})?"
)
UNKNOWN_TYPE: Final = "application/octet-stream"


def media_type(text: str) -> str:
    """A media type fit for a header; "application/octet-stream" for what is none."""
    return text if _TYPE.fullmatch(text) else UNKNOWN_TYPE


class UploadRoutes:
    def __init__(
        self,
        mail: IMailStore,
        blobs: IBlobStore,
        limits: ILimits,
        settings: Web,
        admission: Admission,
        now: Callable[[], float],
    ) -> None:
        self._mail = mail
        self._blobs = blobs
        self._limits = limits
        self._settings = settings
        self._admission = admission
        self._now = now

    def mount(self, routes: Routes) -> None:
        routes.add("/jmap/upload/<account_id>/", self.upload, "POST")
        routes.takes(UPLOAD, BodyRule(self._settings.upload_size, stream=True, too_large=self._too_large))

    def _too_large(self) -> Exception:
        detail = f"An upload has at most {self._settings.upload_size} octets."
        return limit_problem("maxSizeUpload", detail, 413)

    async def upload(self, request: WebRequest, account_id: str) -> Reply:
        caller = await self._admission.enter(request)
        account = own_account(caller, account_id)
        if not caller.may(WRITE):
            raise WebProblem(403, "This sign-in may only read.")
        sink, request.sink = request.sink or self._blobs.sink(), None  # ours from here on
        try:
            size = sink.size
            today = await self._limits.hit(f"upload:{account}", _HOUR, size)
            if today > self._settings.upload_per_hour:
                raise WebProblem(
                    429, "Too much was uploaded; try again later.", headers=[(b"Retry-After", b"3600")]
                )
            staged = await sink.finish()
        except BaseException:
            sink.abort()
            raise
        kind = media_type((request.getHeader(b"content-type") or b"").decode("ascii", "replace").strip())
        await self._mail.hold(account, staged, kind, self._now() + self._settings.upload_kept)
        return Reply(
            {"accountId": written(account), "blobId": blob_id(staged.id), "type": kind, "size": size},
            status=201,
        )
