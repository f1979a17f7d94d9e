"""Reads and checks ``.env`` and its values before they become settings."""
