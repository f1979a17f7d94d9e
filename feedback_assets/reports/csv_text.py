"""CSV that a spreadsheet opens as data: protection from formulas, for ``--csv`` and the page.

Comments are untrusted, and a spreadsheet evaluates a cell that starts like a formula. An
apostrophe is inserted before a formula sign wherever a spreadsheet may start a cell: at the start
of the text, after a line break, and after a tab or semicolon, the cell separator in many locales.
White space, invisible characters and quotes before the sign make no difference. Numeric columns
remain numbers.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from typing import Any

from feedback_assets.reports.json_text import json_text

# = + - @ and every character whose compatibility form (NFKC) is one of them.
SIGNS = "=+-@⁺⁼₊₌﬩﹢﹣﹦﹫＋－＝＠"
_BREAKS = ";\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
# Allowed between the start of a cell and the sign: other white space, invisible characters, and
# quotes.
_PADDING = (
    "[\x00-\x08\x0e-\x1b\x1f \x7f-\x84\x86-\xa0\xad\u1680\u180e\u2000-\u200f\u202a-\u202f"
    "\u205f-\u206f\u3000\ufeff\"'`\u2018-\u201f\u00ab\u00bb]*"
)
_FORMULA = re.compile(rf"\A(?=[\t\r\n]|{_PADDING}[{re.escape(SIGNS)}])"
                      rf"|(?<=[{_BREAKS}])(?={_PADDING}[{re.escape(SIGNS)}])")  # fmt: skip


class _Lines(list[str]):
    """Collects the written lines, each ending in a line feed."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def harmless(text: str) -> str:
    """The text, with an apostrophe before anything that a spreadsheet would evaluate."""
    return _FORMULA.sub("'", text)


def csv_of(names: Sequence[str], rows: Iterable[Sequence[Any]], *, header: bool = True) -> str:
    """The rows as CSV; nested values as JSON, times as ISO 8601, null as an empty cell."""
    lines = _Lines()
    # With this line terminator, a carriage return is quoted as well as a line feed.
    writer = csv.writer(lines, lineterminator="\r\n")
    if header:
        writer.writerow([harmless(name) for name in names])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return "".join(lines)


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, dict | list):
        value = json_text(value)
    if isinstance(value, str):
        return harmless(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
