"""Reads the SQL files of the package's rooms."""

from functools import cache
from importlib.resources import files


@cache
def sql_file(package: str, name: str) -> str:
    """The text of ``sql/<name>.sql`` in a package; ``FileNotFoundError`` if there is none."""
    return (files(package) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
