"""The error of a file or directory that cannot be used, as one line."""


class Unusable(OSError):
    """A path that cannot be used: the message names the path, the reason and what to do."""
