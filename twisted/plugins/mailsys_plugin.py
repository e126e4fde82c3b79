"""Makes `twistd mailsys` and `twistd mailsys-dns` known; all else is in mailsys.tap and mailsys.tap_dns."""

from twisted.application.service import ServiceMaker

mail = ServiceMaker(  # type: ignore[no-untyped-call]
    "mailsys", "mailsys.tap", "Mail: SMTP, submission and IMAP4.", "mailsys"
)
names = ServiceMaker(  # type: ignore[no-untyped-call]
    "mailsys-dns", "mailsys.tap_dns", "DNS: our zones, and look-ups for our clients.", "mailsys-dns"
)
