"""Contacts: JSContact (RFC 9553), vCard (RFC 6350) and the way between them (RFC 9555)."""
