"""The contacts capability and its methods (RFC 9610)."""

from __future__ import annotations

from typing import Any, Final

from mailsys.ports.accounts import Account
from mailsys.services.jmap.contacts.address_book import AddressBooks
from mailsys.services.jmap.contacts.contact_card import ContactCards
from mailsys.services.jmap.contacts.contact_query import ContactQuery
from mailsys.services.jmap.protocol.api import WRITE, CallContext, JmapApi
from mailsys.services.jmap.protocol.standard import copy_from_nobody
from mailsys.services.people.contacts import BOOK, CARD, Contacts

CONTACTS: Final = "urn:ietf:params:jmap:contacts"


def _account_capability(account: Account) -> dict[str, Any]:
    return {"maxAddressBooksPerCard": None, "mayCreateAddressBook": True}


async def _copy(context: CallContext, values: dict[str, Any]) -> dict[str, Any]:
    return copy_from_nobody(context, values)


def register_contacts(api: JmapApi, contacts: Contacts) -> None:
    """Add AddressBook and ContactCard to `api`."""
    books, cards, query = AddressBooks(contacts), ContactCards(contacts), ContactQuery(contacts)
    api.announce(CONTACTS, account=_account_capability)
    api.announce_types(BOOK, CARD)
    api.register("AddressBook/get", CONTACTS, books.get)
    api.register("AddressBook/changes", CONTACTS, books.changes)
    api.register("AddressBook/set", CONTACTS, books.set, WRITE)
    api.register("ContactCard/get", CONTACTS, cards.get)
    api.register("ContactCard/changes", CONTACTS, cards.changes)
    api.register("ContactCard/query", CONTACTS, query.query)
    api.register("ContactCard/queryChanges", CONTACTS, query.query_changes)
    api.register("ContactCard/set", CONTACTS, cards.set, WRITE)
    api.register("ContactCard/copy", CONTACTS, _copy, WRITE)
