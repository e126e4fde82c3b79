"""Who a message says that it is from, as DMARC takes it (RFC 9989 §4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from mailsys.core.message.address import canonical_domain, mailboxes
from mailsys.core.message.header import MAX_VALUE
from mailsys.core.trust.signed_fields import SignedFields


@dataclass(frozen=True, slots=True)
class Author:
    """`domain` is set when there is exactly one, whoever many the authors are; `address` and `name` when
    there is exactly one author. `problem`: why there is no domain."""

    address: str = ""
    name: str = ""
    domain: str = ""
    problem: str = ""


def author(fields: SignedFields) -> Author:
    """A message with several From fields, or authors of several domains, has none that could be checked:
    each reader would show another of them."""
    found = fields.every(b"from")
    if len(found) != 1:
        return Author(problem="several From fields" if found else "no From field")
    value = fields.value(found[0])
    if len(value) > MAX_VALUE:
        return Author(problem="the From field is too long")
    people = mailboxes(value)  # of groups, too (RFC 6854)
    if not people:
        return Author(problem="no address in From")
    try:
        domains = {canonical_domain(one.domain) for one in people}
    except ValueError:
        domains = {""}
    domain = domains.pop() if len(domains) == 1 else ""
    problem = ""
    if domains:
        problem = "authors of several domains in From"
    elif not domain or domain.startswith("["):
        domain, problem = "", "no domain in From"
    if len(people) > 1:
        return Author(domain=domain, problem=problem)
    return Author(people[0].address if domain else "", people[0].name, domain, problem)
