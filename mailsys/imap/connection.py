"""One connection of the IMAP server: what is read, in which order it is answered, and when it ends.

Events of the receiver are answered one after the other by a pump that runs while there are any.
While a command waits for a service nothing more is taken, except that APPENDs overlap. An idle
connection keeps no coroutine, no buffer and no timer of its own.
"""

from __future__ import annotations

import time
from binascii import b2a_base64
from collections.abc import Coroutine
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailsys.core.imap import receiver as events
from mailsys.core.imap import response
from mailsys.core.imap.commands import Append, Authenticate, Login, Simple
from mailsys.core.imap.lexer import BadCommand
from mailsys.core.imap.receiver import Receiver
from mailsys.core.imap.states import RULES
from mailsys.imap.append import Appends
from mailsys.imap.auth import capabilities
from mailsys.imap.dispatch import answer
from mailsys.imap.session import ClientGone, Session
from mailsys.imap.wire import LAST_GRACE, TURN, Connection, Host
from mailsys.log import Log
from mailsys.sockets import give_back_buffers

log = Log("imap")

AHEAD: Final = 256 * 1024  # octets fed and not yet taken before the transport must wait


class ImapConnection(Connection):
    __slots__ = (
        "_appends",
        "_asked",
        "_busy",
        "_errors",
        "_later",
        "_paused",
        "_pumping",
        "_receiver",
        "_session",
        "_silence",
        "_stopping",
    )

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._appends: Appends | None = None  # made when the first APPEND comes
        self._asked: Deferred[bytes | None] | None = None  # AUTHENTICATE waits for the client
        self._busy = False  # a command is being carried out
        self._errors = 0
        self._later = False  # the pump goes on in the reactor's next turn
        self._paused = False  # we do not read what the client writes
        self._pumping = False
        self._silence = 0.0  # when nothing was heard for too long; in IDLE `deadline` may come before it
        self._stopping = False

    # -- the transport's ---------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self.closing:
            return
        receiver = self._receiver
        receiver.feed(data)
        if self._asked is not None:
            self._take_answer()
        elif not (self._busy or self._choked or self._later):
            self._pump()
        if receiver.buffered > AHEAD and not self._paused and not self.closing:
            self._paused = True
            self.transport.pauseProducing()

    def _went(self) -> None:
        if self._appends is not None:
            self._appends.spoil()
        if self._asked is not None:
            asked, self._asked = self._asked, None
            asked.errback(ClientGone())
        if not self._busy:  # else when the command under way has ended
            self._leave()

    def _flowing(self) -> None:
        if self._session.account is not None:  # what we write is read: a sign of life
            self._heard()
        self.tell()
        if not (self._busy or self._choked or self._later):
            self._pump()

    # -- the session's wire ------------------------------------------------------------------------------

    async def ask(self, challenge: bytes) -> bytes | None:
        self.say(response.continuation(b2a_base64(challenge, newline=False)))
        self._flush()
        if self._lost:
            raise ClientGone
        asked: Deferred[bytes | None] = Deferred()
        self._asked = asked
        self._receiver.expect_auth()
        self._receiver.resume()
        self._take_answer()  # it may be here already
        return await asked

    def tell(self) -> None:
        if self._choked or self.closing or self._session.idling is None:
            return
        if self._session.news(expunge=True):
            self._host.parts.clock.callLater(0, self.tell)
        if self._out:
            self.deadline = self._next_word()
        self._flush()

    def nudge(self) -> None:
        """Something was said outside of a command."""
        if not self._pumping:
            self._flush()

    def signed_in(self) -> None:
        self._receiver.logged_in()
        self._errors = 0

    def names_in_utf8(self) -> None:
        self._receiver.utf8 = True

    # -- order -------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """A session that knows nothing, at the start and again after STARTTLS (RFC 9051 §6.2.1)."""
        parts = self._host.parts
        limits = parts.limits
        self._receiver = Receiver(limits.imap_line, limits.imap_literal_before_login, limits.message_size)
        self._session = Session(parts, self, self._address)

    def _greet(self) -> None:
        self._greeted = True
        offered = b"CAPABILITY " + capabilities(self._session)
        self.say(response.untagged(b"OK", f"{self._host.parts.hostname} IMAP4 ready", offered))
        self._flush()

    def _pump(self) -> None:
        """Answer what is here until a command must wait."""
        self._later = False
        if self._pumping or self.closing:
            return
        self._pumping = True
        self._until = time.monotonic() + TURN
        receiver = self._receiver
        alive = False
        while not (self._busy or self._choked or self.closing):
            if alive and time.monotonic() > self._until:
                self._later = True
                self._host.parts.clock.callLater(0, self._pump)
                break
            event = receiver.next_event()
            if event is None:
                break
            alive = True
            if not self._take_append(event):
                self._start(self._take(event))
                receiver = self._receiver  # STARTTLS makes a new one
        self._pumping = False
        if self._lost:
            return
        self._flush()
        if alive and not self.closing:
            self._heard()
        if self._paused and self._receiver.buffered < AHEAD // 2 and not self.closing:
            self._paused = False
            self.transport.resumeProducing()
        if self._stopping and not self._busy:
            self._end()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._busy = True
        Deferred.fromCoroutine(work).addCallbacks(self._done, self._broken)

    def _done(self, _result: None) -> None:
        self._busy = False
        if self._lost:
            self._leave()
            return
        self._receiver.resume()
        if not self._pumping:
            self._pump()

    def _broken(self, failure: Failure) -> None:
        self._busy = False
        if not isinstance(failure.value, ClientGone):
            log.error("session failed", failure.value, peer=self._address)
        if self._lost:
            self._leave()
        else:
            self.say(response.untagged(b"BYE", "Internal error", b"SERVERBUG"))
            self.hang_up()

    def _leave(self) -> None:
        """The client is gone and its last command has ended: let go of everything, once."""
        if not self._admitted:
            return
        self._admitted = False

        async def leave() -> None:
            try:
                await self._settled()
                await self._session.close()
            except Exception as problem:
                log.error("session not closed", problem, peer=self._address)
            self._host.gone(self)

        Deferred.fromCoroutine(leave())

    def _take_append(self, event: events.Event) -> bool:
        """What pipelined APPENDs consist of, answered without the cost of a coroutine; False: it is
        something else, or must wait."""
        appends = self._appends
        if appends is None:
            return False
        wait: Deferred[None] | None = None
        if isinstance(event, events.AppendData):
            try:
                wait = appends.write(event.data)
            except Exception as problem:
                appends.fail(problem)
        elif isinstance(event, events.AppendEnd):
            wait = appends.finish()
        elif isinstance(event, events.Parsed) and type(event.command) is Append:
            if not appends.begin_now(event.tag, event.command):
                return False
        else:
            return False
        if wait is None:
            self._receiver.resume()
        else:
            self._start(self._wait(wait))
        return True

    async def _wait(self, wait: Deferred[None]) -> None:
        try:
            await wait
        except Exception as problem:
            if self._appends is not None:
                self._appends.fail(problem)

    async def _take(self, event: events.Event) -> None:
        if isinstance(event, events.Parsed):
            await self._command(event.tag, event.command)
        else:
            await self._rare(event)

    async def _rare(self, event: events.Event) -> None:
        match event:
            case events.Continue():
                if self._appends is not None:
                    await self._settled()
                self.say(b"+ OK\r\n")
            case events.Bad(tag, text, code, status):
                self._spoil()
                self.say(response.tagged(tag or b"*", status, text, code))
                self._error()
            case events.TooBig(tag, text):
                self._spoil()
                self.say(response.tagged(tag or b"*", b"NO", text, b"TOOBIG"))
                self._error()
            case events.IdleDone():
                tag, self._session.idling = self._session.idling, None
                if tag is not None:
                    await self._session.all_news(expunge=True)
                    self.say(response.tagged(tag, b"OK", "IDLE completed"))
            case events.Fatal(text):
                self.say(response.untagged(b"BYE", text))
                self.hang_up()

    def _spoil(self) -> None:
        if self._appends is not None:
            self._appends.spoil()

    async def _settled(self) -> None:
        if self._appends is not None:
            settled = self._appends.settled()
            if settled is not None:
                await settled

    async def _command(self, tag: bytes, command: Any) -> None:
        if type(command) is Append:
            await self._append(tag, command)
            return
        if self._appends is not None:
            await self._settled()
        if type(command) is Simple and command.name in (b"IDLE", b"STARTTLS", b"LOGOUT"):
            await self._turn(tag, command.name)
            return
        session = self._session
        good = await answer(session, tag, command)
        if not good or (session.account is None and type(command) in (Authenticate, Login)):
            self._error()
        elif session.account is not None:
            self._errors = 0

    async def _append(self, tag: bytes, command: Append) -> None:
        if self._appends is None:
            self._appends = Appends(self._session)
        if not await self._appends.begin(tag, command):
            self._receiver.refuse_append()

    async def _turn(self, tag: bytes, name: bytes) -> None:
        """Commands after which the connection is read otherwise."""
        session = self._session
        if not RULES[name].states & session.state or (name == b"STARTTLS" and self._tls):
            self.say(response.tagged(tag, b"BAD", f"{name.decode()} is not possible now"))
            self._error()
        elif name == b"LOGOUT":
            self.say(response.untagged(b"BYE", "Logging out"))
            self.say(response.tagged(tag, b"OK", "LOGOUT completed"))
            self.hang_up()
        elif name == b"IDLE":
            self.say(b"+ idling\r\n")
            self._receiver.expect_done()
            if self._tls:
                give_back_buffers(self.transport)
            if session.selected is not None:
                await session.selected.image.current()
                await session.all_news(expunge=True)
            session.idling = tag
            self._host.wheel.bring_forward(self, self._next_word())
        elif session.may_start_tls:
            self._start_tls(tag)
        else:
            self.say(response.tagged(tag, b"BAD", "TLS is not offered"))

    def _start_tls(self, tag: bytes) -> None:
        if self._receiver.drop_pending():
            # CVE-2011-0411: a man in the middle would have us run it under TLS
            log.warning("injected", peer=self._address, cause="octets behind STARTTLS in the clear")
            self.say(response.untagged(b"BYE", "Commands behind STARTTLS"))
            self.hang_up()
            return
        self.say(response.tagged(tag, b"OK", "Begin TLS"))
        self._flush()
        self._begin()
        self._errors = 0
        self.transport.startTLS(self._host.parts.tls)
        self._tls = True

    def _error(self) -> None:
        self._errors += 1
        if self._errors >= self._host.parts.limits.errors_per_session:
            log.info("too many errors", peer=self._address)
            self.say(response.untagged(b"BYE", "Too many errors"))
            self.hang_up()

    def _take_answer(self) -> None:
        """AUTHENTICATE waits for the client's next line: the pump stands still meanwhile."""
        if self._asked is None or self.closing:
            return
        event = self._receiver.next_event()
        if event is None:
            return
        asked, self._asked = self._asked, None
        match event:
            case events.AuthData(data):
                asked.callback(data)
            case events.Bad(_, text, code, status):
                asked.errback(BadCommand(text, code=code, status=status))
            case _:
                asked.errback(BadCommand("Line too long"))
                self.hang_up()

    # -- time and the end -----------------------------------------------------------------------------------

    def _heard(self) -> None:
        """The client gave a sign of life."""
        limits = self._host.parts.limits
        known = self._session.account is not None
        self._silence = self._now() + (limits.imap_idle if known else limits.imap_idle_before_login)
        self.deadline = self._silence if self._session.idling is None else self._next_word()

    def _next_word(self) -> float:
        """When a client in IDLE is due a word, so that no NAT on the way forgets the connection."""
        return min(self._silence, self._now() + self._host.parts.limits.imap_keepalive)

    def expire(self) -> None:
        """The wheel: nothing was heard for too long, or nothing said to a client in IDLE."""
        if self.closing or self._lost:
            if not self._lost:
                self.transport.abortConnection()
            return
        if self._now() < self._silence:
            self.deadline = self._silence if self._session.idling is None else self._next_word()
            self._host.wheel.add(self)
            if self._session.idling is not None and not self._choked:
                self.say(response.untagged(b"OK", "Still here"))
                self._flush()
            return
        if self._busy and self._asked is None and not self._choked:
            self.deadline = self._now() + 60.0  # it is we who are slow
            self._host.wheel.add(self)
            return
        log.info("timeout", peer=self._address, signed_in=self._session.account is not None)
        if self._choked or self._asked is not None:
            self.abort()
            return
        self.say(response.untagged(b"BYE", "Nothing was heard for too long"))
        self.hang_up()

    def stop(self) -> None:
        """Say BYE now, or when what is being carried out is done."""
        self._stopping = True
        if not self._busy and not self._later:
            self._end()

    def _end(self) -> None:
        if self.closing:
            return
        settled = self._appends.settled() if self._appends is not None else None
        if settled is not None:
            settled.addCallback(lambda _: self._end())
            return
        self.say(response.untagged(b"BYE", "The server is closing, come back soon", b"UNAVAILABLE"))
        self.hang_up(LAST_GRACE)
