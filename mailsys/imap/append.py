"""APPEND (RFC 9051 §6.3.12): the message goes to the store as it comes, and many may be under way.

A client that pipelines APPENDs need not wait for each commit: the next one begins while up to
`MOST` before it are being made durable together, and they are answered in their order.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from twisted.internet.defer import Deferred

from mailsys.core.imap import response
from mailsys.core.imap.commands import Append
from mailsys.core.message.keywords import canonical
from mailsys.core.refusal import NoSuchMailbox, Refusal
from mailsys.imap.dispatch import failed, refused
from mailsys.imap.session import Answer, Session
from mailsys.log import Log
from mailsys.ports.blobs import IBlobSink, StagedBlob
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.mailboxes import Mailbox
from mailsys.services.content.reading import AT_ONCE

log = Log("imap")

MOST: Final = 64  # commits under way for one session
OCTETS: Final = 2 * 1024 * 1024  # of their messages; one alone may be larger


class Message:
    """One message on its way in."""

    __slots__ = ("_account", "_command", "_mailbox", "_pieces", "_session", "_sink", "tag")

    def __init__(self, session: Session, tag: bytes, command: Append, mailbox: Mailbox) -> None:
        self.tag = tag
        self._session = session
        self._account = session.mailboxes.account
        self._command = command
        self._mailbox = mailbox
        self._pieces: list[bytes] = []
        self._sink: IBlobSink | None = None
        if command.size > AT_ONCE:
            self._sink = session.blobs.sink()

    def write(self, data: bytes) -> Deferred[None] | None:
        """Take octets; a Deferred: wait for it before more."""
        if self._sink is not None:
            return self._sink.write(data)
        self._pieces.append(data)
        return None

    def abort(self) -> None:
        if self._sink is not None:
            self._sink.abort()
        self._pieces.clear()

    @property
    def size(self) -> int:
        return self._command.size

    async def commit(self) -> Answer:
        """All octets are here: make it durable."""
        session, command, mailbox = self._session, self._command, self._mailbox
        blob: StagedBlob
        if self._sink is not None:
            blob = await self._sink.finish()
            reading = await session.parts.reader.read(blob)
        else:
            blob = session.blobs.stage(b"".join(self._pieces))
            reader = session.parts.reader
            reading = reader.read_now(blob) if reader.at_once(blob) else await reader.read(blob)
        delivery = Delivery(
            self._account,
            (mailbox.id,),
            canonical(flag.decode("ascii") for flag in command.flags),
            strict=True,
            enforce_quota=True,
        )
        received = session.parts.now() if command.date is None else command.date
        acceptance = Acceptance(blob, reading.facts, received, (delivery,), header=reading.header)
        (delivered,) = (await session.mail.accept(acceptance)).delivered
        ((_, validity, uid),) = delivered.placements
        selected = session.selected
        if selected is not None and selected.image.mailbox == mailbox.id:
            try:
                await selected.image.reach(delivered.modseq)  # §6.3.12: the client is told before the OK
            except Exception:
                log.info("told later", peer=session.address)  # the image has logged why; the mail is safe
        return b"OK", "APPEND completed", response.append_uid(validity, (uid,))


class Appends:
    """A session's APPENDs under way."""

    __slots__ = ("_answers", "_octets", "_room", "_session", "_settled", "arriving")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._answers: deque[list[bytes]] = deque()  # in order of the commands; empty: not known yet
        self._octets = 0  # of the messages under way
        self._settled: Deferred[None] | None = None
        self._room: Deferred[None] | None = None
        self.arriving: Message | None = None

    def begin_now(self, tag: bytes, command: Append) -> bool:
        """As `begin`, when the mailbox is known without asking; False: it is not."""
        tree = self._session.mailboxes.known_tree
        mailbox = tree.by_path.get(command.mailbox) if tree is not None else None
        if mailbox is None:
            return False
        self.arriving = Message(self._session, tag, command, mailbox)
        return True

    async def begin(self, tag: bytes, command: Append) -> bool:
        """False: refused (and answered, or going to be); its octets are to be dropped."""
        session = self._session
        mailbox: Mailbox | None = None
        try:
            mailbox = (await session.mailboxes.tree()).find(command.mailbox)
            answer: Answer = b"NO", NoSuchMailbox().text, b"TRYCREATE"
        except Exception as problem:
            answer = self._problem(problem)
        if mailbox is None:
            self._answers.append([response.tagged(tag, *answer)])
            self._say()
            return False
        self.arriving = Message(session, tag, command, mailbox)
        return True

    def write(self, data: bytes) -> Deferred[None] | None:
        """Octets of what is arriving; dropped once that has failed."""
        return self.arriving.write(data) if self.arriving is not None else None

    def spoil(self) -> None:
        """What is arriving will not be whole."""
        if self.arriving is not None:
            self.arriving.abort()
            self.arriving = None

    def finish(self) -> Deferred[None] | None:
        """The message is whole. A Deferred: wait for it before the next command."""
        message, self.arriving = self.arriving, None
        if message is None:
            return None  # it failed on the way
        answer: list[bytes] = []
        self._answers.append(answer)
        self._octets += message.size
        Deferred.fromCoroutine(self._commit(message, answer))
        if len(self._answers) >= MOST or self._octets >= OCTETS:
            self._room = Deferred()
            return self._room
        return None

    def fail(self, problem: Exception) -> None:
        """The sink refused the octets."""
        if self.arriving is None:
            return
        tag = self.arriving.tag
        self.spoil()
        self._answers.append([response.tagged(tag, *self._problem(problem))])
        self._say()

    def settled(self) -> Deferred[None] | None:
        """Wait for this until all are answered; None: they are."""
        if not self._answers:
            return None
        if self._settled is None:
            self._settled = Deferred()
        return self._settled

    async def _commit(self, message: Message, answer: list[bytes]) -> None:
        try:
            given = await message.commit()
        except Exception as problem:
            message.abort()
            given = self._problem(problem)
        self._octets -= message.size
        answer.append(response.tagged(message.tag, *given))
        self._say()

    def _problem(self, problem: Exception) -> Answer:
        if isinstance(problem, NoSuchMailbox):
            return b"NO", problem.text, b"TRYCREATE"
        if isinstance(problem, Refusal):
            return refused(self._session, b"APPEND", problem)
        return failed(self._session, b"APPEND", problem)

    def _say(self) -> None:
        """Give the answers that are due, in order."""
        session, answers = self._session, self._answers
        due = bytearray()
        while answers and answers[0]:
            due += answers.popleft()[0]
        if due:
            session.news(expunge=True)
            session.say(bytes(due))
            session.wire.nudge()
        if self._room is not None and len(answers) < MOST // 2 and self._octets < OCTETS // 2:
            room, self._room = self._room, None
            room.callback(None)
        if self._settled is not None and not answers:
            settled, self._settled = self._settled, None
            settled.callback(None)
