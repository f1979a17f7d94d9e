"""``.env`` and the values in it, read and checked before they become settings."""
