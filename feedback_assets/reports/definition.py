"""The definition of the page: a hash of every file in this package."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from feedback_assets.schema.definition import Definition, code_of

_HERE = Path(__file__).parent
_SUFFIXES = {".py", ".sql", ".html", ".css", ".js"}


@cache
def page_definition() -> Definition:
    """The current definition of the page."""
    files = sorted(path for path in _HERE.rglob("*") if path.suffix in _SUFFIXES)
    return Definition(
        code_of(
            [
                [path.relative_to(_HERE).as_posix(), sha256(path.read_bytes()).hexdigest()]
                for path in files
            ]
        )
    )
