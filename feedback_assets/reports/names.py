"""How long a name may be on the page: providers take campaign names of any length."""

_BOUND = 300
"""Characters of a name that the page holds, in titles and downloads."""
_SHOWN = 100


def bounded(name: str) -> str:
    """The name as far as the page holds it."""
    return _cut(name, _BOUND)


def short(name: str) -> str:
    """The name as the page shows it."""
    return _cut(name, _SHOWN)


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
