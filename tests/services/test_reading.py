"""Where a message is read: on the reactor's thread, or in another."""

import os

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from mailsys.core.message.analysis import analyse
from mailsys.ports.blobs import StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.services.content.reading import MessageReader, Reading, is_plain

HEAD = b"From: Eve <eve@remote.example>\r\nSubject: Hi\r\n"


class WhereTests(SynchronousTestCase):
    def test_ordinary_mail_is_read_at_once(self):
        for message in (
            b"",
            HEAD + b"\r\nHello\r\n",
            HEAD + b"\r\n" + b"Some words, and more (of them).\r\n" * 1900,
            b"Received: from a (b) by c; d\r\n" * 10 + HEAD + b"\r\n" + b"x" * 4000,
            HEAD + b"Content-Type: text/html\r\n\r\n" + b"<p>Hello <b>you</b></p>\r\n" * 800,
            HEAD
            + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhi\r\n--x--\r\n"
            + b"y" * 9000,
        ):
            self.assertTrue(is_plain(message), message[:80])

    def test_what_takes_long_is_not(self):
        for message in (
            HEAD + b"\r\n" + b"x" * 65536,
            HEAD + b"X: " + b"y" * 20000 + b"\r\n\r\n",
            HEAD + b"To: " + b"a@b.example," * 600 + b"\r\n\r\n",
            HEAD + b"To: " + b"a:;" * 600 + b"\r\n\r\n",
            HEAD + b"To: " + b"a " * 3000 + b"\r\n\r\n",
            HEAD + b"a:\r\n" * 3000 + b"\r\n",
            HEAD + b"Content-Type: Text/HTML\r\n\r\n" + b"<a>" * 8000,
            HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 900,
            HEAD + b"Content-Type: Message/RFC822\r\n\r\nTo: " + b"a:;" * 5000 + b"\r\n\r\n",
        ):
            self.assertFalse(is_plain(message), message[:80])


class ReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.offloaded = 0

    def offload(self, work) -> Deferred[Reading]:
        self.offloaded += 1
        return maybeDeferred(work)

    def read(self, blob: StagedBlob, **given) -> Reading:
        reader = MessageReader(analyse, self.offload)
        return self.successResultOf(Deferred.fromCoroutine(reader.read(blob, **given)))

    def test_small_and_large_content_read_the_same(self):
        message = HEAD + b"\r\nHello \xc3\xa4\r\n" + b"x" * 70000
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(message)
        large = self.read(StagedBlob(BlobId(b"l"), len(message), path=os.fspath(path)), bits=True)
        self.assertEqual(self.offloaded, 1)
        small = self.read(StagedBlob(BlobId(b"s"), 60, message[:60]))
        self.assertEqual(self.offloaded, 1)
        self.assertEqual(large.header, HEAD + b"\r\n")
        self.assertEqual(small.header, large.header)
        self.assertEqual((large.seven_bit, small.seven_bit), (False, False))
        self.assertEqual(large.facts.subject, small.facts.subject)

    def test_small_but_hard_content_goes_to_a_thread(self):
        message = HEAD + b"To: " + b"a:;" * 600 + b"\r\n\r\n"
        self.read(StagedBlob(BlobId(b"s"), len(message), message))
        self.assertEqual(self.offloaded, 1)
