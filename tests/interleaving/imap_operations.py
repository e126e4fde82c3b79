"""Commands of IMAP sessions that were there before (RFC 9051, RFC 7162)."""

from __future__ import annotations

from typing import Final

from tests.interleaving.operations import Operation, by_imap
from tests.interleaving.world import Known, letter

_QRESYNC: Final = (b"ENABLE QRESYNC",)


def _on(name: str, words: str, command: bytes, subject: str = "target", box: str = "INBOX") -> Operation:
    """`%d` is the uid."""
    return by_imap(name, words, lambda known: [command % known.uid[box, subject]], box)


def _known(known: Known) -> bytes:
    return b"%d 1" % known.uid_validity


def _append(known: Known) -> list[bytes]:
    content = letter("appended")
    return [b"APPEND INBOX (\\Flagged) {%d+}\r\n%b" % (len(content), content)]


ROWS: Final = (
    _on("STORE +Answered", "target inbox account", b"UID STORE %d +FLAGS (\\Answered)"),
    _on("STORE -Seen", "target inbox", b"UID STORE %d -FLAGS (\\Seen)"),
    _on("STORE FLAGS", "target inbox", b"UID STORE %d FLAGS (\\Flagged red)"),
    _on("STORE +Deleted", "target inbox", b"UID STORE %d +FLAGS (\\Deleted)"),
    _on("STORE +Deleted in Work", "target work", b"UID STORE %d +FLAGS (\\Deleted)", box="Work"),
    by_imap(
        "STORE by number",
        "target inbox",
        lambda known: [b"STORE 1 +FLAGS (one)", b"STORE 2:* +FLAGS (more)"],
    ),
    by_imap(
        "STORE UNCHANGEDSINCE",
        "target",
        lambda known: [
            b"UID STORE %d (UNCHANGEDSINCE %d) +FLAGS (\\Answered)"
            % (known.uid["INBOX", "target"], int(known.shown.states["Email"])),
        ],
    ),
    _on("COPY to Play", "target play account", b"UID COPY %d Play"),
    _on("COPY to Work, where it is", "target work", b"UID COPY %d Work"),
    _on("MOVE to Archive", "target inbox", b"UID MOVE %d Archive"),
    _on("MOVE to Work, where it is", "target inbox work", b"UID MOVE %d Work"),
    _on("STORE -Deleted", "deleted inbox", b"UID STORE %d -FLAGS (\\Deleted)", "deleted"),
    _on("COPY the deleted", "deleted play", b"UID COPY %d Play", "deleted"),
    _on("UID EXPUNGE", "deleted inbox", b"UID EXPUNGE %d", "deleted"),
    by_imap("EXPUNGE", "deleted inbox", lambda _: [b"EXPUNGE"]),
    by_imap("EXPUNGE with QRESYNC", "deleted inbox", lambda _: [b"EXPUNGE"], before=_QRESYNC),
    by_imap("CLOSE", "deleted inbox", lambda _: [b"CLOSE", b"SELECT INBOX"]),
    by_imap("APPEND", "inbox account", _append),
    by_imap(
        "FETCH CHANGEDSINCE VANISHED",
        "inbox target deleted",
        lambda _: [b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)"],
        before=_QRESYNC,
    ),
    by_imap("FETCH all", "inbox target", lambda _: [b"FETCH 1:* (UID FLAGS ENVELOPE)"]),
    by_imap("FETCH BODY sets Seen", "inbox other", lambda _: [b"FETCH 2:* BODY[]"]),
    by_imap(
        "SELECT QRESYNC",
        "inbox target deleted",
        lambda known: [b"SELECT INBOX (QRESYNC (%b))" % _known(known)],
        before=_QRESYNC,
    ),
    by_imap(
        "SELECT QRESYNC anew",
        "inbox target deleted",
        lambda known: [b"UNSELECT", b"SELECT INBOX (QRESYNC (%b 1:100))" % _known(known), b"NOOP"],
        before=_QRESYNC,
    ),
    _on("STORE on draft", "draft", b"UID STORE %d +FLAGS (\\Answered)", "draft", "Drafts"),
    _on("MOVE draft to Trash", "draft", b"UID MOVE %d Trash", "draft", "Drafts"),
    _on("STORE Deleted on draft", "draft", b"UID STORE %d +FLAGS (\\Deleted)", "draft", "Drafts"),
    _on("STORE on the one that waits", "waiting", b"UID STORE %d +FLAGS (\\Flagged)", "waiting", "Snoozed"),
    _on("MOVE the one that waits", "waiting", b"UID MOVE %d Archive", "waiting", "Snoozed"),
)

NAMES: Final = (
    by_imap("CREATE Work/New", "tree work", lambda _: [b"CREATE Work/New"], ""),
    by_imap("CREATE New", "tree new", lambda _: [b"CREATE New"], ""),
    by_imap("RENAME Work", "tree work", lambda _: [b"RENAME Work Job"], ""),
    by_imap("RENAME Play below Work", "tree play work", lambda _: [b"RENAME Play Work/Play"], ""),
    by_imap("DELETE Play", "tree play", lambda _: [b"DELETE Play"], ""),
    by_imap("SUBSCRIBE Play", "tree play", lambda _: [b"SUBSCRIBE Play"], ""),
)
