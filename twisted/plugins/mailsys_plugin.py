"""Makes `twistd mailsys` known; all else is in mailsys.tap."""

from twisted.application.service import ServiceMaker

mail = ServiceMaker(  # type: ignore[no-untyped-call]
    "mailsys", "mailsys.tap", "Mail: SMTP, submission and IMAP4.", "mailsys"
)
