"""SASL mechanisms, server side, as pure machines: no clock, no store, no wire."""
