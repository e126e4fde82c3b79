"""Attacks on a running server: each is answered or dropped within its bound, in flat memory, while
others are served."""
