"""`twistd mailsys-dns --config FILE`: the DNS server alone."""

from __future__ import annotations

from twisted.application.service import MultiService

from mailsys.tap import Options as MailOptions
from mailsys.tap import make_service


class Options(MailOptions):
    longdesc = (
        "Runs only the DNS server that FILE describes (listen.dns, [dns_server]), on a store of its "
        "own: where `mailsys` runs with listen.dns, it serves the same."
    )


def makeService(options: Options) -> MultiService:  # noqa: N802
    """Called by twistd."""
    from mailsys.assembly import assemble_names

    return make_service(options, assemble_names)
