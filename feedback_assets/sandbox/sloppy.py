"""Records as sloppy software writes them: every value in a different but equivalent form.

Only lossless variations belong here. They are drawn for each record from the world's seed and the
record's position, so that reading it again gives the same.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from feedback_assets.sandbox.draws import Array
from feedback_assets.schema.columns import Column, Personal
from feedback_assets.tables import find_table

Record = dict[str, Any]

_SHARE = 0.4
_INTEGER = re.compile(r"0|[1-9][0-9]{0,14}")
_ZERO_DATES = ("0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00.000Z")
_INVISIBLE = ("\u200b", "\ufeff", "\u00ad", "\u200e")
_BLANKS = (" ", "  ", "\u00a0", "\t")
# Columns whose values are compared after trimming and case folding.
_WORDS = frozenset({"currency", "payments.status"})


def loosen(seed: int, table: str, positions: Array, records: Sequence[Record]) -> None:
    """Rewrite, in place, values of the records at these positions."""
    columns = find_table(table).columns
    nulls = (None, "null") if table.startswith("wicked_reports.") else (None,)
    for position, record in zip(positions.tolist(), records, strict=True):
        chance = random.Random(f"{seed}:{table}:{position}")
        _Loosened(chance, nulls).fields(record, columns, "")
        if "product_reviews" in record:
            record["product_reviews"] = reviews(chance, record["product_reviews"])


class _Loosened:
    """The random draws of one record, and its form of null."""

    def __init__(self, chance: random.Random, nulls: tuple[str | None, ...]) -> None:
        self._chance = chance
        self._nulls = nulls

    def _happens(self) -> bool:
        return self._chance.random() < _SHARE

    def fields(self, record: Record, columns: Sequence[Column], prefix: str) -> None:
        for column in columns:
            name, path = column.json_name, f"{prefix}{column.name}"
            if record.get(name) in self._nulls:
                self._null(record, column)
            elif column.shape == "struct" and isinstance(record[name], dict):
                self.fields(record[name], column.fields, f"{path}.")
                if not record[name] and self._happens():
                    record[name] = []
            elif column.shape == "list" and isinstance(record[name], list):
                for item in record[name]:
                    self.fields(item, column.fields, f"{path}.")
                if self._happens():
                    record[name] = numbered(record[name], self._chance.randrange(2))
            elif column.shape == "value" and self._happens():
                record[name] = self._value(record[name], column, path)

    def _null(self, record: Record, column: Column) -> None:
        if not column.nullable or not self._happens():
            return
        if pa.types.is_timestamp(column.type) and self._happens():
            record[column.json_name] = self._chance.choice(_ZERO_DATES)
        else:
            record.pop(column.json_name, None)

    def _value(self, value: Any, column: Column, path: str) -> Any:
        if isinstance(value, bool):
            spelled = "true" if value else "false"
            return self._chance.choice((int(value), str(int(value)), spelled))
        if isinstance(value, int | float) and column.type != pa.string():
            return str(value)
        return self._text(value, column, path) if column.type == pa.string() else value

    def _text(self, value: Any, column: Column, path: str) -> Any:
        if not isinstance(value, str):
            return value
        ways: tuple[Callable[[str, random.Random], str], ...] = ()
        if column.personal in (Personal.EMAIL, Personal.ADDRESS) and "@" in value:
            ways = (_cased, _padded, _hidden, _named)
        elif column.channel:
            ways = (_cased, _padded, _hidden)
        elif path in _WORDS:
            ways = (_cased, _padded)
        if ways:
            return self._chance.choice(ways)(value, self._chance)
        return int(value) if _INTEGER.fullmatch(value) else unicodedata.normalize("NFD", value)


def numbered(items: list[Any], first: int) -> Record:
    """A list as PHP encodes it after an item was removed."""
    return {str(number): item for number, item in enumerate(items, start=first)}


def reviews(chance: random.Random, items: list[Any]) -> Any:
    """A list of reviews in one of the shapes in which it may be served."""
    shapes: list[Callable[[], Any]] = [lambda: items, lambda: numbered(items, 1)]
    if not items:
        shapes.append(lambda: None)
    if len(items) == 1:
        shapes.append(lambda: items[0])
    return chance.choice(shapes)()


def _cased(text: str, chance: random.Random) -> str:
    changed = chance.choice((str.upper, str.lower, str.title))(text)
    # Letters without a single capital, such as ß, are unchanged.
    return changed if changed.lower() == text.lower() and len(changed) == len(text) else text


def _padded(text: str, chance: random.Random) -> str:
    return f"{chance.choice(('', *_BLANKS))}{text}{chance.choice(_BLANKS)}"


def _hidden(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text) + 1)
    composed = f"{text[:place]}{chance.choice(_INVISIBLE)}{text[place:]}"
    return unicodedata.normalize("NFD", composed)


def _named(text: str, chance: random.Random) -> str:
    name = chance.choice(("Ana", "Jos\u00e9 Garc\u00eda", '"Doe, Jane"', ""))
    return f"{name} <{text.strip()}>"
