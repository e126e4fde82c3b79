"""The zones that we answer for, and the look-ups that we do for others."""
