"""Whom an account has mail passed on by: mailing lists, and mailboxes elsewhere that forward to this one.

An object of the account (kind `Trust`, id `singleton`), `{"forwarders": ["lists.example.org"]}`. What it
allows is judged when a message is here, so it is only read when something would be refused without it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from mailsys.core.message.address import canonical_domain
from mailsys.ports.ids import AccountId
from mailsys.ports.objects import IObjectStore, ObjectChange

KIND: Final = "Trust"
ID: Final = "singleton"
AT_MOST: Final = 100  # of one account
_ACCOUNTS: Final = 10_000  # whose lists are looked through before DATA


class NotADomain(ValueError):
    """What was given is no domain name; the text is the name."""


class Forwarders:
    def __init__(self, objects: IObjectStore) -> None:
        self._objects = objects

    async def of(self, account: AccountId) -> frozenset[str]:
        """Domains, lower case A-labels."""
        found = await self._objects.objects(account, KIND, [ID])
        return _domains(found[0].value) if found else frozenset()

    async def all(self) -> frozenset[str]:
        """Those of any account."""
        found = await self._objects.of_kind(KIND, _ACCOUNTS)
        return frozenset().union(*(_domains(one.value) for _, one in found))

    async def put(self, account: AccountId, domains: Sequence[str]) -> frozenset[str]:
        """Replace the list. Raises NotADomain."""
        if len(domains) > AT_MOST:
            raise NotADomain(f"more than {AT_MOST} domains")
        names = []
        for one in domains:
            try:
                name = canonical_domain(one.strip().rstrip("."))
            except ValueError:
                raise NotADomain(one) from None
            if "." not in name:
                raise NotADomain(one)
            names.append(name)
        value = json.dumps({"forwarders": sorted(set(names))}).encode()
        await self._objects.write([ObjectChange(account, KIND, ID, value)])
        return frozenset(names)


def _domains(value: bytes) -> frozenset[str]:
    return frozenset(json.loads(value).get("forwarders", ()))
