"""Messages for conversations."""

MULTIPART = (
    b"From: Eve <eve@remote.example>\r\nTo: alice@example.com\r\nSubject: Parts\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=cut\r\n\r\n"
    b"preamble\r\n--cut\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nfirst\r\n"
    b"--cut\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"AAEC\r\nAwQ=\r\n"
    b"--cut\r\nContent-Type: message/rfc822\r\n\r\n"
    b"From: inner@remote.example\r\nSubject: Inside\r\n\r\ninner text\r\n"
    b"--cut\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-unknown\r\n\r\nodd\r\n"
    b"--cut--\r\n"
)
HEADER_SIZE = MULTIPART.index(b"\r\n\r\n") + 4

BINARY = b"Subject: zero\r\n\r\n" + bytes(range(256)) + b"\r\n"


def large(size: int) -> bytes:
    """A message with a base64 attachment, of about `size` octets, in which every line is another."""
    head = (
        b"From: Eve <eve@remote.example>\r\nSubject: Large\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\nContent-Type: text/plain\r\n\r\n"
        b"see below\r\n"
        b"--cut\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    lines = b"".join(b"%060d" % n + b"ABCDEFGHIJKLMNOP\r\n" for n in range((size - len(head)) // 78))
    return head + lines + b"--cut--\r\n"
