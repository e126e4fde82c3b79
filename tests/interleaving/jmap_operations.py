"""Changes by JMAP (RFC 8620, RFC 8621, RFC 9610)."""

from __future__ import annotations

from typing import Any, Final

from tests.interleaving.operations import Calls, Operation, by_jmap
from tests.interleaving.world import Known

_TARGET: Final = "target inbox"


def _email(name: str, words: str, subject: str, patch: Any) -> Operation:
    """One Email/set; `patch` may be made of what is known."""

    def build(known: Known) -> Calls:
        made = patch(known) if callable(patch) else patch
        return [("Email/set", {"update": {known.email[subject]: made}})]

    return by_jmap(name, words, build)


def _box(path: str, value: Any, more: dict[str, Any] | None = None) -> Any:
    return lambda known: {f"mailboxIds/{known.box[path]}": value, **(more or {})}


def _destroy(subject: str, words: str) -> Operation:
    return by_jmap(
        f"destroy {subject}", words, lambda known: [("Email/set", {"destroy": [known.email[subject]]})]
    )


def _tree(name: str, words: str, build: Any) -> Operation:
    return by_jmap(name, f"tree {words}", lambda known: [("Mailbox/set", build(known))])


def _object(kind: str, name: str, words: str, build: Any) -> Operation:
    return by_jmap(name, words, lambda known: [(f"{kind}/set", build(known))])


def _move(one: str, other: str) -> Any:
    return lambda known: {f"mailboxIds/{known.box[one]}": None, f"mailboxIds/{known.box[other]}": True}


EMAIL: Final = (
    _email("flag target", _TARGET, "target", {"keywords/$flagged": True}),
    _email("unsee target", _TARGET, "target", {"keywords/$seen": None}),
    _email("replace keywords of target", _TARGET, "target", {"keywords": {"blue": True}}),
    _email("label target Play", f"{_TARGET} play", "target", _box("Play", True)),
    _email("take label Work from target", "target work", "target", _box("Work", None)),
    _email("move target to Archive", _TARGET, "target", _move("INBOX", "Archive")),
    _email(
        "replace mailboxes of target",
        f"{_TARGET} work",
        "target",
        lambda known: {"mailboxIds": {known.box["Trash"]: True}},
    ),
    _email("snooze target", _TARGET, "target", {"snoozed": {"until": "2026-01-01T08:00:00Z"}}),
    _destroy("target", f"{_TARGET} work blob"),
    by_jmap(
        "import into INBOX",
        "inbox blob account",
        lambda known: [
            (
                "Email/import",
                {
                    "emails": {
                        "i": {"blobId": known.made["blob"], "mailboxIds": {known.box["INBOX"]: True}},
                    }
                },
            )
        ],
    ),
    by_jmap(
        "import into Play",
        "play tree",
        lambda known: [
            (
                "Email/import",
                {"emails": {"i": {"blobId": known.made["blob"], "mailboxIds": {known.box["Play"]: True}}}},
            )
        ],
    ),
    _email("unmute", "muted", "muted", {"keywords/$muted": None}),
    _email("flag the one that waits", "waiting", "waiting", {"keywords/$flagged": True}),
    _email("file the one that waits", "waiting", "waiting", _move("Snoozed", "Archive")),
    _email("end its waiting", "waiting", "waiting", {"snoozed": None}),
    _email("let it wait longer", "waiting", "waiting", {"snoozed/until": "2026-01-01T08:00:00Z"}),
    _destroy("waiting", "waiting"),
)

TREE: Final = (
    _tree(
        "create Work/New",
        "work",
        lambda known: {"create": {"n": {"name": "New", "parentId": known.box["Work"]}}},
    ),
    _tree("create New", "new", lambda _: {"create": {"n": {"name": "New"}}}),
    _tree("rename Work", "work", lambda known: {"update": {known.box["Work"]: {"name": "Arbeit"}}}),
    _tree("rename Play to New", "play new", lambda known: {"update": {known.box["Play"]: {"name": "New"}}}),
    _tree(
        "move Play below Work",
        "play work",
        lambda known: {"update": {known.box["Play"]: {"parentId": known.box["Work"]}}},
    ),
    _tree(
        "move Work below Play",
        "play work",
        lambda known: {"update": {known.box["Work"]: {"parentId": known.box["Play"]}}},
    ),
    _tree(
        "swap Work and Play",
        "play work",
        lambda known: {
            "update": {known.box["Work"]: {"name": "Play"}, known.box["Play"]: {"name": "Work"}},
        },
    ),
    _tree(
        "destroy Work and its emails",
        "work target",
        lambda known: {
            "destroy": [known.box["Work/Sub"], known.box["Work"]],
            "onDestroyRemoveEmails": True,
        },
    ),
    _tree("destroy Play if empty", "play", lambda known: {"destroy": [known.box["Play"]]}),
    _tree("subscribe Play", "play", lambda known: {"update": {known.box["Play"]: {"isSubscribed": True}}}),
    _tree("sort Play", "play", lambda known: {"update": {known.box["Play"]: {"sortOrder": 7}}}),
)


def _send(name: str, more: Any) -> Operation:
    def build(known: Known) -> Calls:
        create = {"s": {"identityId": "I0", "emailId": known.email["draft"]}}
        return [("EmailSubmission/set", {"create": create, **more(known)})]

    return by_jmap(name, "draft account", build)


SENDING: Final = (
    _send(
        "send draft and file it",
        lambda known: {
            "onSuccessUpdateEmail": {
                "#s": {
                    f"mailboxIds/{known.box['Drafts']}": None,
                    f"mailboxIds/{known.box['Sent']}": True,
                    "keywords/$draft": None,
                }
            }
        },
    ),
    _send("send draft and destroy it", lambda _: {"onSuccessDestroyEmail": ["#s"]}),
    _email("flag draft", "draft", "draft", {"keywords/$flagged": True}),
    _email("move draft to Trash", "draft", "draft", _move("Drafts", "Trash")),
    _destroy("draft", "draft"),
    by_jmap(
        "cancel held",
        "held",
        lambda known: [
            ("EmailSubmission/set", {"update": {known.made["held"]: {"undoStatus": "canceled"}}}),
        ],
    ),
    by_jmap(
        "forget held", "held", lambda known: [("EmailSubmission/set", {"destroy": [known.made["held"]]})]
    ),
    by_jmap(
        "cancel due",
        "due",
        lambda known: [("EmailSubmission/set", {"update": {known.made["due"]: {"undoStatus": "canceled"}}})],
    ),
)

OBJECTS: Final = (
    _object(
        "Identity",
        "name the identity",
        "identity",
        lambda known: {"update": {known.made["identity"]: {"name": "Third"}}},
    ),
    _object(
        "Identity",
        "sign the identity",
        "identity",
        lambda known: {"update": {known.made["identity"]: {"textSignature": "Regards"}}},
    ),
    _object(
        "Identity", "destroy the identity", "identity", lambda known: {"destroy": [known.made["identity"]]}
    ),
    _object(
        "Identity",
        "create an identity",
        "identity",
        lambda known: {"create": {"i": {"name": "More", "email": known.alice.address}}},
    ),
    _object(
        "AddressBook",
        "name the book",
        "book",
        lambda known: {"update": {known.made["book"]: {"name": "Good friends"}}},
    ),
    _object(
        "AddressBook",
        "describe the book",
        "book",
        lambda known: {"update": {known.made["book"]: {"description": "Those of old"}}},
    ),
    _object(
        "AddressBook",
        "destroy the book if empty",
        "book card",
        lambda known: {"destroy": [known.made["book"]]},
    ),
    _object(
        "AddressBook",
        "destroy the book and its cards",
        "book card",
        lambda known: {"destroy": [known.made["book"]], "onDestroyRemoveContents": True},
    ),
    _object(
        "AddressBook",
        "destroy the spare book if empty",
        "spare",
        lambda known: {"destroy": [known.made["spare"]]},
    ),
    _object(
        "AddressBook",
        "make the spare book the default",
        "spare",
        lambda known: {"onSuccessSetIsDefault": known.made["spare"]},
    ),
    _object(
        "ContactCard",
        "name the card",
        "card account",
        lambda known: {"update": {known.made["card"]: {"name/full": "Carla"}}},
    ),
    _object(
        "ContactCard",
        "note on the card",
        "card",
        lambda known: {"update": {known.made["card"]: {"notes": {"n": {"note": "Tea"}}}}},
    ),
    _object(
        "ContactCard",
        "put the card into the spare book",
        "card spare",
        lambda known: {"update": {known.made["card"]: {f"addressBookIds/{known.made['spare']}": True}}},
    ),
    _object(
        "ContactCard",
        "move the card to the spare book",
        "card spare book",
        lambda known: {"update": {known.made["card"]: {"addressBookIds": {known.made["spare"]: True}}}},
    ),
    _object("ContactCard", "destroy the card", "card", lambda known: {"destroy": [known.made["card"]]}),
    _object(
        "ContactCard",
        "create a card in the book",
        "book",
        lambda known: {
            "create": {
                "c": {
                    "@type": "Card",
                    "version": "1.0",
                    "name": {"full": "Dora"},
                    "addressBookIds": {known.made["book"]: True},
                }
            }
        },
    ),
    _object(
        "VacationResponse",
        "word the vacation",
        "vacation",
        lambda _: {"update": {"singleton": {"textBody": "Back soon."}}},
    ),
    _object(
        "VacationResponse",
        "title the vacation",
        "vacation",
        lambda _: {"update": {"singleton": {"subject": "Gone"}}},
    ),
    _object(
        "VacationResponse",
        "end the vacation",
        "vacation",
        lambda _: {"update": {"singleton": {"isEnabled": False}}},
    ),
)
