"""The sink that holds the header back."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailsys.core.refusal import MessageTooBig, NotYourAddress
from mailsys.ports.blobs import IBlobSink, IBlobStore, StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.services.submission.body import SubmissionBody
from mailsys.services.submission.header import SubmittedHeader


@implementer(IBlobSink)
class ListSink:
    """Keeps what is written; the store's own sink would need its thread."""

    def __init__(self) -> None:
        self.size = 0
        self.data = b""
        self.aborted = False

    def write(self, data: bytes) -> Deferred[None] | None:
        self.data += data
        return None

    def finish(self) -> Deferred[StagedBlob]:
        return succeed(StagedBlob(BlobId(b"x"), len(self.data), self.data))

    def abort(self) -> None:
        self.aborted = True


@implementer(IBlobStore)
class OneSink:
    def __init__(self) -> None:
        self.only = ListSink()

    def sink(self) -> ListSink:
        return self.only

    def stage(self, data: bytes) -> StagedBlob:
        return StagedBlob(BlobId(b"e"), len(data), data)

    def size(self, blob: BlobId) -> Deferred[int | None]:
        raise NotImplementedError

    def read(self, blob: BlobId, start: int = 0, length: int | None = None) -> Deferred[bytes | None]:
        raise NotImplementedError

    def read_many(self, blobs: list[BlobId], limit: int) -> Deferred[list[bytes]]:
        raise NotImplementedError


def upper(block: bytes) -> SubmittedHeader:
    return SubmittedHeader(block.upper(), ())


class SubmissionBodyTests(SynchronousTestCase):
    def through(self, *pieces: bytes) -> bytes:
        blobs = OneSink()
        body = SubmissionBody(blobs, b"Head: x\r\n", upper)
        for piece in pieces:
            body.write(piece)
        staged = self.successResultOf(body.finish())
        self.assertIsNone(body.refusal)
        return staged.data or b""

    def test_only_the_header_is_edited(self):
        self.assertEqual(
            self.through(b"a: b\r\n\r\nbody\r\n\r\nmore"), b"Head: x\r\nA: B\r\n\r\nbody\r\n\r\nmore"
        )

    @given(st.lists(st.sampled_from([b"a: b", b"\r\n", b"\n", b"\r", b"x", b""]), max_size=20))
    @settings(max_examples=200)
    def test_any_cut_of_the_octets_gives_the_same(self, pieces: list[bytes]):
        whole = b"".join(pieces)
        self.assertEqual(self.through(*pieces), self.through(whole))
        self.assertEqual(self.through(*(whole[i : i + 1] for i in range(len(whole)))), self.through(whole))

    def test_a_message_that_is_all_header_is_edited_at_its_end(self):
        self.assertEqual(self.through(b"a: b\r\n", b"c: d\r\n"), b"Head: x\r\nA: B\r\nC: D\r\n")

    def test_an_endless_header_is_refused_and_no_longer_held(self):
        blobs = OneSink()
        body = SubmissionBody(blobs, b"", upper)
        for _ in range(300):
            body.write(b"x" * 1024)
        self.assertIsInstance(body.refusal, MessageTooBig)
        self.assertIsNone(body._held)
        self.assertTrue(blobs.only.aborted)
        self.assertEqual(self.successResultOf(body.finish()).size, 0)

    def test_a_refusal_swallows_the_rest(self):
        def refuse(block: bytes) -> SubmittedHeader:
            raise NotYourAddress()

        blobs = OneSink()
        body = SubmissionBody(blobs, b"", refuse)
        body.write(b"a: b\r\n\r\nbody")
        body.write(b"more")
        self.assertIsInstance(body.refusal, NotYourAddress)
        self.assertEqual(blobs.only.data, b"")

    def test_octets_above_127_are_noticed(self):
        body = SubmissionBody(OneSink(), b"", upper)
        body.write(b"a: b\r\n\r\n")
        self.assertTrue(body.seven_bit)
        body.write(b"\xe4")
        self.assertFalse(body.seven_bit)
