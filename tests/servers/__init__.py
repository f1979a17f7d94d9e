"""Servers that tests start: each module has one, its start and its stop."""
