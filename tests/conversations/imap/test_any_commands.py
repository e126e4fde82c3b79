"""Commands put together at random, some of them damaged: every one is answered, none is an error of ours
(the rig fails a test that leaves one in the log)."""

from __future__ import annotations

import random
from typing import Any, ClassVar

from tests.conversations.imap.messages import BINARY, MULTIPART, large
from tests.conversations.imap.rig import SIMPLE, ImapTestCase

SETS = (b"1", b"1:*", b"*", b"2:3", b"$", b"4294967295", b"1,3:5,2", b"9999:*", b"0", b"7:1")
BOXES = (
    b"INBOX",
    b"Archive",
    b"inbox",
    b"new",
    b"new/deep",
    b'""',
    b'"a b"',
    b"x&AOk-",
    b"no/where",
    b"&bad",
    b"INBOX/k",
)
ITEMS = (
    b"FLAGS",
    b"ALL",
    b"FULL",
    b"(FLAGS ENVELOPE BODY)",
    b"BODY[]",
    b"BODY.PEEK[1]",
    b"BODY[1.MIME]<0.3>",
    b"BODY.PEEK[3.HEADER.FIELDS (Subject)]",
    b"BINARY[2]",
    b"BINARY.SIZE[1]",
    b"BINARY[]<2.9>",
    b"RFC822",
    b"(BODY.PEEK[HEADER] BODY.PEEK[TEXT]<9.9999999999>)",
    b"MODSEQ",
    b"(EMAILID THREADID)",
    b"BODY[9.9]",
    b"BODY.PEEK[HEADER.FIELDS.NOT (To)]<1.5>",
    b"FLAGS (CHANGEDSINCE 3)",
    b"FLAGS (CHANGEDSINCE 1 VANISHED)",
)
KEYS = (
    b"ALL",
    b"UNSEEN",
    b"SUBJECT Hello",
    b"BODY x",
    b'HEADER Subject ""',
    b"SINCE 1-Jan-2020",
    b"LARGER 5",
    b"SENTBEFORE 1-Jan-2030",
    b"MODSEQ 1",
    b"$",
    b"1:*",
    b"UID 1:*",
    b"OR SEEN FLAGGED",
    b"NOT DELETED",
    b"NEW",
    b"EMAILID M1",
    b"THREADID T1",
    b"RETURN (MIN MAX) ALL",
    b"RETURN (SAVE COUNT) UNSEEN",
    b"RETURN () 1:*",
    b'CHARSET UTF-8 FROM "\xc3\xa9"',
    b"OLD",
    b"KEYWORD foo",
)
CHANGES = (
    b"+FLAGS (\\Seen)",
    b"-FLAGS.SILENT (\\Deleted foo)",
    b"FLAGS ()",
    b"+FLAGS (\\Deleted)",
    b"+FLAGS \\Answered",
    b"(UNCHANGEDSINCE 5) +FLAGS (x)",
    b"(UNCHANGEDSINCE 99999) FLAGS.SILENT (\\Flagged \\Seen $Junk)",
)
SHAPES: tuple[tuple[bytes, ...] | tuple[bytes, Any, Any] | tuple[bytes, Any], ...] = (
    (b"FETCH", SETS, ITEMS),
    (b"UID FETCH", SETS, ITEMS),
    (b"STORE", SETS, CHANGES),
    (b"UID STORE", SETS, CHANGES),
    (b"SEARCH", KEYS),
    (b"UID SEARCH", KEYS, KEYS),
    (b"COPY", SETS, BOXES),
    (b"UID MOVE", SETS, BOXES),
    (b"EXPUNGE",),
    (b"UID EXPUNGE", SETS),
    (b"SELECT", BOXES),
    (b"SELECT INBOX (QRESYNC (1 1))",),
    (b"EXAMINE", BOXES),
    (b"STATUS", BOXES, (b"(MESSAGES RECENT HIGHESTMODSEQ SIZE)",)),
    (b'LIST "" (* %)',),
    (b'LIST (SUBSCRIBED RECURSIVEMATCH) "" * RETURN (STATUS (UNSEEN))',),
    (b'LSUB "" %',),
    (b"CREATE", BOXES),
    (b"DELETE", BOXES),
    (b"RENAME", BOXES, BOXES),
    (b"SUBSCRIBE", BOXES),
    (b"UNSUBSCRIBE", BOXES),
    (b"CLOSE",),
    (b"UNSELECT",),
    (b"NOOP",),
    (b"CHECK",),
    (b"ENABLE", (b"QRESYNC", b"IMAP4rev2", b"UTF8=ACCEPT")),
    (b"ID NIL",),
)


class AnyCommands(ImapTestCase):
    limits: ClassVar[dict[str, Any]] = {"errors_per_session": 10**9, "connections_per_address": 1000}
    timeout = 60

    async def test_all_are_answered(self):
        for seed in range(15):
            chance = random.Random(seed)
            for message in (SIMPLE, MULTIPART, BINARY, large(100_000), large(400_000)):
                await self.deliver(message)
            clients = [await self.connect(select=b"INBOX") for _ in range(2)]
            for _ in range(100):
                verb, *arguments = chance.choice(SHAPES)
                command = bytearray(b" ".join([verb, *(chance.choice(one) for one in arguments)]))
                if chance.random() < 0.05:
                    command[chance.randrange(len(command))] = chance.randrange(33, 123)
                client = chance.choice(clients)
                if not client.closed:  # whose mailbox another deleted is sent away
                    await client.ask(bytes(command))
            for client in clients:
                client.transport.abortConnection()
