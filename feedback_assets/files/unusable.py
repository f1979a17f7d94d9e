"""The error for an unusable file or directory, as one line."""


class Unusable(OSError):
    """An unusable path: the message gives the path, the reason and what to do."""
