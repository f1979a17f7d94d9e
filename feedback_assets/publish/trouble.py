"""The error of a publication: one line with target, cause and remedy."""


class PublishTrouble(RuntimeError):
    """A publication failed; what was not yet committed is unchanged at the target.

    ``transient``: whether the same publication may succeed in a minute.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient
