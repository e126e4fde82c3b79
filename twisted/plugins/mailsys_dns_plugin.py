"""Makes `twistd mailsys-dns` known; all else is in mailsys.tap_dns."""

from twisted.application.service import ServiceMaker

names = ServiceMaker(  # type: ignore[no-untyped-call]
    "mailsys-dns", "mailsys.tap_dns", "DNS: our zones, and look-ups for our clients.", "mailsys-dns"
)
