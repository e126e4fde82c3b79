"""From a parsed command to its answer: one table, one place where failures become responses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from mailsys.core.imap import response
from mailsys.core.imap.commands import Command
from mailsys.core.imap.lexer import BadCommand
from mailsys.core.imap.states import RULES, name_of
from mailsys.core.refusal import Refusal
from mailsys.imap import auth, expunge, fetch, general, listing, mailbox, search, select, store
from mailsys.imap.selected import NoSuchMessage
from mailsys.imap.session import Answer, ClientGone, Session
from mailsys.log import Log

log = Log("imap")

Handler = Callable[[Session, bytes, Any], Awaitable[Answer]]

# APPEND, IDLE, STARTTLS and LOGOUT change how the connection is read: they are the wire's.
HANDLERS: Final[dict[bytes, Handler]] = {
    b"CAPABILITY": auth.capability,
    b"NOOP": general.noop,
    b"CHECK": general.noop,
    b"ID": general.identify,
    b"ENABLE": general.enable,
    b"NAMESPACE": general.namespace,
    b"LOGIN": auth.login,
    b"AUTHENTICATE": auth.authenticate,
    b"SELECT": select.select,
    b"EXAMINE": select.select,
    b"CLOSE": expunge.close,
    b"UNSELECT": select.unselect,
    b"EXPUNGE": expunge.expunge,
    b"UID EXPUNGE": expunge.expunge,
    b"CREATE": mailbox.create,
    b"DELETE": mailbox.delete,
    b"RENAME": mailbox.rename,
    b"SUBSCRIBE": mailbox.subscribe,
    b"UNSUBSCRIBE": mailbox.subscribe,
    b"STATUS": listing.status,
    b"LIST": listing.list_,
    b"LSUB": listing.list_,
    b"FETCH": fetch.fetch,
    b"UID FETCH": fetch.fetch,
    b"STORE": store.store,
    b"UID STORE": store.store,
    b"SEARCH": search.search,
    b"UID SEARCH": search.search,
    b"COPY": expunge.copy,
    b"UID COPY": expunge.copy,
    b"MOVE": expunge.copy,
    b"UID MOVE": expunge.copy,
}


async def answer(session: Session, tag: bytes, command: Command) -> bool:
    """Carry out one command and say its answer. False: it was BAD."""
    name = name_of(command)
    rule = RULES[name]
    expunges = not rule.keeps_numbers
    if not rule.states & session.state:
        status, text, code = b"BAD", f"{name.decode()} is not possible now", b""
    elif rule.changes and session.selection.read_only:
        status, text, code = b"NO", "The mailbox is open read-only", b"READ-ONLY"
    else:
        status, text, code = await _carry_out(session, name, tag, command)
    if session.selected is not None:
        await session.all_news(expunge=expunges and status != b"BAD")
    session.say(response.tagged(tag, status, text, code))
    return status != b"BAD"


async def _carry_out(session: Session, name: bytes, tag: bytes, command: Command) -> Answer:
    try:
        return await HANDLERS[name](session, tag, command)
    except ClientGone:
        raise
    except NoSuchMessage:
        return b"BAD", "There is no message of that number", b""
    except BadCommand as problem:
        return problem.status, problem.text, problem.code
    except Refusal as refusal:
        return refused(session, name, refusal)
    except Exception as problem:
        return failed(session, name, problem)


def refused(session: Session, name: bytes, refusal: Refusal) -> Answer:
    if refusal.cause:
        log.info("refused", command=name, cause=refusal.cause, peer=session.address)
    return b"NO", refusal.text, refusal.imap


def failed(session: Session, name: bytes, problem: Exception) -> Answer:
    log.error("command failed", problem, command=name, peer=session.address)
    return b"NO", "Internal error", b"SERVERBUG"
