"""Small messages with something odd about each, for several test modules."""

from __future__ import annotations

from typing import Final


def crlf(text: str) -> bytes:
    """Lines as a test reads them, with the line ends of mail."""
    return text.replace("\n", "\r\n").encode("utf-8")


PLAIN: Final = crlf("""\
From: Alice <alice@example.org>
To: Bob <bob@example.net>, carol@example.net
Subject: Hello
Date: Tue, 24 Nov 2026 03:02:11 +0100
Message-ID: <1@example.org>

Dear Bob,
how are you?
""")

MIXED: Final = crlf("""\
From: a@example.org
Subject: mixed
Content-Type: multipart/mixed; boundary="b"

preamble
--b
Content-Type: multipart/alternative; boundary=bb

--bb

plain words
--bb
Content-Type: text/html; charset=utf-8

<p>html words</p>
--bb--
--b\t
Content-Type: message/rfc822

From: c@example.org
Subject: inner
Content-Type: multipart/mixed; boundary="b2"

--b2
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

gr=FC=DFe
--b2
Content-Type: image/png; name="x.png"
Content-Transfer-Encoding: base64
Content-ID: <x@y>
Content-Description: a picture
Content-Disposition: attachment; filename="x.png"
Content-Language: en, de
Content-Location: http://x/
Content-MD5: abc

iVBORw0KGgo=
--b2--
--b--
epilogue
""")

UNCLOSED: Final = crlf("""\
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/mixed; boundary=outer-inner

--outer-inner

one
--outer

two
""")

DIGEST: Final = crlf("""\
Content-Type: multipart/digest; boundary=b

--b

Subject: first

one
--b

Subject: second

two
--b--
""")

NO_BODY: Final = crlf("Subject: only a header\n")
NO_HEADER: Final = crlf("\nonly a body\n")
EMPTY: Final = b""
BARE_LF: Final = MIXED.replace(b"\r\n", b"\n")
NO_BOUNDARY: Final = crlf("Content-Type: multipart/mixed\n\nall of it\n")
EMPTY_PARTS: Final = crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b--\n")
BAD_TYPE: Final = crlf("Content-Type: text\nContent-Disposition:\nContent-Transfer-Encoding:\n\nx\n")

ALL: Final = (
    PLAIN, MIXED, UNCLOSED, DIGEST, NO_BODY, NO_HEADER, EMPTY, BARE_LF, NO_BOUNDARY, EMPTY_PARTS, BAD_TYPE,
)  # fmt: skip
