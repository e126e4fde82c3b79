"""What the services need from the world: zope interfaces and the values that cross them.

A port states promises, never a back-end. Every method that may touch disk or network returns a
Deferred; values are frozen. Each port has one contract suite in `tests/contracts`, run against
every store. How MongoDB and Redis keep each promise: `docs/decisions/0002-ports-over-mongodb.md`.
"""
