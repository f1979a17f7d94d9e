"""Writes ``docs/tables.md`` from the declarations: ``python -m feedback_assets.tables.document``.

Every column has an anchor, and a computed column links to the columns it is computed from, so
that a figure can be traced from a mart back to the field of the provider's JSON.
"""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from feedback_assets.schema.columns import Column
from feedback_assets.schema.table import EXTRA, Depends, Table
from feedback_assets.tables import (
    FILE_TABLES,
    MART_TABLES,
    OPERATION_TABLES,
    PROVIDER_TABLES,
    STORED_TABLES,
    UNIFIED_TABLES,
)

DEFAULT_PATH = Path(__file__).resolve().parents[2] / "docs" / "tables.md"

_INTRODUCTION = """\
# Tables

This page is generated from the declarations in `feedback_assets/tables/`. To change it, change
them and run `make docs`.

A table `group.table` is stored in `<FEEDBACK_WAREHOUSE>/<group>/<table>/` and queried by that name:
`feedback-assets query 'select * from marts.nps_by_channel'`. A table partitioned by day has one
file per day, `day=YYYY-MM-DD/data.parquet`; other tables have `data.parquet`. **`day`** is a UTC
day and is only in the path, not in the files. `query` and every reader that supports hive
partitioning return it as a column.

How to read the columns:

- *time* is a timestamp in UTC with microseconds; *decimal (18, 4)* is an exact number with four
  decimals; *whole number (8)* is an integer of 8 bits; *object* and *list of objects* are Arrow
  structs, and their fields follow as dotted paths.
- *source* is, for a provider's table, the path of the field in one record of the provider's JSON
  (`products[].PPU`: the field `PPU` of each element of `products`), and for other tables the
  columns it is computed from. Follow the links to get from a mart to the provider's field.
- *Personal* says why a column is personal data.
"""

_PROVIDERS = """\
## Provider tables

Records as the providers served them, one row per record, with the documented names in snake_case.
Undocumented fields are kept in `extra`. [Details of each provider](providers.md).
"""

_FILES = """\
## Tables read from files

Data from your own files. Columns that the project does not know are kept in `extra`.
[The format of the files](operations.md#ad-spend).
"""

_UNIFIED = """\
## Unified tables

Answers, orders and attribution from all providers in one schema.
[How they are computed](methods.md).
"""

_MARTS = """\
## Marts

One table per question. They contain no e-mails, names, phone numbers or survey links; free text is
as written. [How the numbers are computed](methods.md).
"""

_OPERATIONS = """\
## Tables that jobs write

Results of jobs started by hand. No schedule and no backfill writes them.
[The jobs](operations.md).
"""

QUARANTINE_COLUMNS = (
    ("day", "date", "yes", "UTC day of the record; null if no event time can be read"),
    ("table", "text", "yes", "The intended table, `group.table`"),
    ("reason", "text", "yes", "Which field is invalid, and why"),
    (
        "payload",
        "text",
        "yes",
        "The record as the provider served it. Personal: may contain anything",
    ),
    ("fetched_at", "time", "yes", "When it was first quarantined"),
)
"""The columns that ``warehouse.quarantine`` writes; a test keeps the two in step."""

_QUARANTINE = """\
## Quarantine

A record that cannot be read (key or event time missing, a wrong type, a score out of range) is not
in its table. It is stored as served, with the reason, in `quarantine/<group>.<table>/`, in the file
of its day (`YYYY-MM-DD.parquet`) or in `undated.parquet`. It is stored once, however often it is
served. There is one quarantine table per provider table, and one for `ad_spend.daily` that mirrors
the current files.
"""

_QUARANTINE_EXAMPLE = 'select reason, count(*) from quarantine."thanx.feedbacks" group by 1'

_NAMES = {
    pa.string(): "text",
    pa.bool_(): "true or false",
    pa.float64(): "number",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "time",
}
_SPANS = {"match": "`FEEDBACK_MATCH_DAYS`", "touch": "`FEEDBACK_TOUCH_DAYS`"}

# A review is served inside the feedback on its order; its order is that of the feedback.
_SERVED_INSIDE = {"retargeting.product_reviews": ("product_reviews[].", ("order",))}


def document() -> str:
    """The whole page as Markdown."""
    parts = [_INTRODUCTION, _contents()]
    for introduction, tables in (
        (_PROVIDERS, PROVIDER_TABLES),
        (_FILES, FILE_TABLES),
        (_UNIFIED, UNIFIED_TABLES),
        (_MARTS, MART_TABLES),
        (_OPERATIONS, OPERATION_TABLES),
    ):
        parts.append(introduction)
        parts += [_section(table) for table in tables]
    parts.append(_quarantine())
    return "\n".join(parts)


def _contents() -> str:
    lines = ["| group | tables |", "|---|---|"]
    for group, tables in groupby(STORED_TABLES, key=lambda table: table.group):
        links = ", ".join(f"[{table.name}](#{table.full_name})" for table in tables)
        lines.append(f"| {group} | {links} |")
    lines.append("| quarantine | [one for each provider table and `ad_spend.daily`](#quarantine) |")
    return "\n".join(lines) + "\n"


def _section(table: Table) -> str:
    lines = [
        f"### {_anchor(table.full_name)}{table.full_name}",
        "",
        table.description,
        "",
        f"- Key: {_key(table)}",
        f"- {_days(table)}",
    ]
    if table.depends:
        reads = "; ".join(
            f"[{name}](#{name}) {_days_read(depends, partitioned=table.partitioned)}"
            for name, depends in table.depends.items()
        )
        lines.append(f"- Computed from: {reads}")
    lines += [
        "",
        "| column | type | unit | may be null | description | source |",
        "|---|---|---|---|---|---|",
        *_rows(table),
    ]
    if table.example:
        lines += ["", "```sql", table.example, "```"]
    return "\n".join(lines) + "\n"


def _key(table: Table) -> str:
    return ", ".join(f"`{name}`" for name in table.primary_key)


def _days(table: Table) -> str:
    if not table.partitioned:
        return "Not partitioned: one file, rebuilt each time"
    if table.event_time is not None:
        return f"Partitioned by `day`, the UTC day of `{table.event_time}`"
    if table in FILE_TABLES:
        return "Partitioned by `day`, as given in the file"
    same = next(name for name, depends in table.depends.items() if depends == Depends())
    return f"Partitioned by `day`, the day of [{same}](#{same})"


def _days_read(depends: Depends, *, partitioned: bool) -> str:
    if depends.every:
        return "(all stored days)"
    day = "the same day" if partitioned else "the last stored day"
    before = [_SPANS[depends.span]] if depends.span else []
    before += [str(depends.back)] if depends.back else []
    text = f"{day} and the {' + '.join(before)} days before" if before else day
    if depends.ahead:
        text += f" and {depends.ahead} after"
    return f"({text})"


def _rows(table: Table) -> Iterator[str]:
    prefix, around = _SERVED_INSIDE.get(table.full_name, ("", ()))
    for column in table.columns:
        inside = "" if column.name in around else prefix
        yield from _column_rows(table, column, column.name, inside)


def _column_rows(table: Table, column: Column, path: str, json_prefix: str) -> Iterator[str]:
    json = f"{json_prefix}{column.json_name}"
    indent = "&nbsp;" * 4 * path.count(".")
    personal = f" Personal: {column.personal}." if column.personal else ""
    cells = (
        f"{indent}{_anchor(f'{table.full_name}.{path}')}`{path}`",
        _type(column),
        column.unit,
        "yes" if column.nullable else "no",
        f"{column.description}{'.' if personal else ''}{personal}",
        _source(table, column, json),
    )
    yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"
    inner = f"{json}[]." if column.shape == "list" else f"{json}."
    for field in column.fields:
        yield from _column_rows(table, field, f"{path}.{field.name}", inner)


def _source(table: Table, column: Column, json: str) -> str:
    if table in FILE_TABLES:
        named = "day" if column.type == pa.date32() else json
        return "all other columns" if column is EXTRA else f"`{named}`"
    if table not in PROVIDER_TABLES:
        return ", ".join(f"[{name}](#{name})" for name in dict.fromkeys(column.source))
    if column is EXTRA:
        return "all other fields"
    other = f", otherwise `{_json_path(table, column.fallback)}`" if column.fallback else ""
    return f"`{json}`{other}"


def _json_path(table: Table, path: str) -> str:
    """The path in the provider's JSON of a column's dotted path."""
    names: list[str] = []
    columns = table.columns
    for part in path.split("."):
        column = next(column for column in columns if column.name == part)
        names.append(column.json_name)
        columns = column.fields
    return ".".join(names)


def _type(column: Column) -> str:
    if column.shape != "value":
        return "object" if column.shape == "struct" else "list of objects"
    kind = column.type
    if pa.types.is_decimal(kind):
        return f"decimal ({kind.precision}, {kind.scale})"
    if pa.types.is_integer(kind):
        return f"whole number ({kind.bit_width})"
    return _NAMES[kind]


def _quarantine() -> str:
    lines = [_QUARANTINE]
    lines += ["| column | type | may be null | description |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {' | '.join(rest)} |" for name, *rest in QUARANTINE_COLUMNS]
    lines += ["", "```sql", _QUARANTINE_EXAMPLE, "```"]
    return "\n".join(lines) + "\n"


def _anchor(name: str) -> str:
    return f'<a id="{name}"></a>'


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(path: Path = DEFAULT_PATH) -> None:
    """Write the page to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
