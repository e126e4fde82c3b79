"""Where mail programs connect to: for the page that helps to set one up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from mailsys.settings import Settings
from mailsys.web.api.table import Api, Call, Model, Route


class MailServer(Model, frozen=True):
    service: Literal["imap", "smtp"]
    host: str
    port: int
    security: Annotated[
        Literal["tls", "starttls"], Meta(description="TLS from the start, or after STARTTLS.")
    ]


class MailServers(Model, frozen=True):
    """Those that the settings name, the best choice of each service first (RFC 8314 §3: TLS from the
    start). A proxy before them may have other ports; what listens on a port of chance is left out."""

    servers: list[MailServer]


class MailServerRoutes:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def mount(self, api: Api) -> None:
        api.add(
            Route("GET", "/mail-servers", self.servers, "Where mail programs connect to.", "Settings",
                  scope="", answer=MailServers),
        )  # fmt: skip

    async def servers(self, call: Call) -> MailServers:
        listen = self._settings.listen
        return MailServers(
            servers=[
                *self._of("imap", "tls", listen.imaps),
                *self._of("imap", "starttls", listen.imap),
                *self._of("smtp", "tls", listen.submissions),
                *self._of("smtp", "starttls", listen.submission),
            ]
        )

    def _of(
        self,
        service: Literal["imap", "smtp"],
        security: Literal["tls", "starttls"],
        endpoints: Sequence[str],
    ) -> Iterator[MailServer]:
        """One for each port, whatever the number of addresses that listen on it."""
        ports = dict.fromkeys(each.rpartition(":")[2] for each in endpoints)
        for port in ports:
            if port.isdigit() and int(port) > 0:
                yield MailServer(
                    service=service, host=self._settings.hostname, port=int(port), security=security
                )
