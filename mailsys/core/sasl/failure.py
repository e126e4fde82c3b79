"""Why a SASL exchange ends without a name."""

from __future__ import annotations


class SaslMalformed(Exception):
    """The client's message breaks the mechanism's grammar or bounds. The text is for the log only."""


class SaslRefused(Exception):
    """Well formed, but it proves nothing: wrong proof, wrong binding, a downgrade. For the log only."""
