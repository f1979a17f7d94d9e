"""The length of names on the page: providers accept campaign names of any length."""

_BOUND = 300
"""Characters of a name stored in the page, for titles and downloads."""
_SHOWN = 100


def bounded(name: str) -> str:
    """The name as stored in the page."""
    return _cut(name, _BOUND)


def short(name: str) -> str:
    """The name as displayed on the page."""
    return _cut(name, _SHOWN)


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
