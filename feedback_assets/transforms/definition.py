"""The definition of a derived table: its query, its columns, and the settings it depends on."""

import re
from functools import cache

from feedback_assets.schema.definition import Definition, code_of
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.transforms.dialect import FUNCTIONS
from feedback_assets.transforms.engine import sql_of
from feedback_assets.transforms.function import Function
from feedback_assets.transforms.inputs import Spans
from feedback_assets.transforms.restated import restated

MATCH_DAYS = "FEEDBACK_MATCH_DAYS"
TOUCH_DAYS = "FEEDBACK_TOUCH_DAYS"
CUSTOMER_SECRET = "FEEDBACK_CUSTOMER_SECRET"  # noqa: S105 - a setting's name
_PADS = ("$inner_pad", "$outer_pad")

# Quoted text unchanged; a comment, which is dropped; a word or number; any other character.
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?P<comment>--[^\n]*|/\*.*?\*/)|[\w$]+|\S""",
    re.DOTALL,
)
_FUNCTIONS = {function.name: function for function in FUNCTIONS}


def derived_definition(table: Table, spans: Spans, fingerprint: str | None) -> Definition:
    """The definition that ``table`` is computed by.

    ``fingerprint`` identifies the customer secret, None if there is none yet.
    """
    tokens = frozenset(sql_tokens(sql_of(table)))
    depended = {depends.span for depends in table.depends.values()}
    settings: dict[str, str] = {}
    if "$match_days" in tokens or "match" in depended:
        settings[MATCH_DAYS] = str(spans.match_days)
    if "$touch_days" in tokens or "touch" in depended:
        settings[TOUCH_DAYS] = str(spans.touch_days)
    if fingerprint is not None and not tokens.isdisjoint(_PADS):
        settings[CUSTOMER_SECRET] = fingerprint
    return Definition(_code(table, f"{sql_of(table)}\n{restated(sql_of(table))}"), settings)


@cache
def _code(table: Table, sql: str) -> str:
    return code_of(
        [[column.name, str(column.type), column.nullable] for column in table.columns],
        [table.partitioned, table.key, table.order_by],
        {
            name: [depends.span, depends.back, depends.ahead, depends.every]
            for name, depends in table.depends.items()
        },
        # A query sees its inputs with their declared types, whatever types an old file has.
        {path: _type(path) for column in table.columns for path in column.source},
        sql_tokens(sql),
        [
            [one.name, one.parameters, sql_tokens(one.duckdb), sql_tokens(one.spark or "")]
            for one in functions_used(sql)
        ],
        # Only where there are any: other tables keep the definitions that they were built by.
        *([[table.parts, table.asks_days_of]] if table.parts or table.asks_days_of else []),
    )


def sql_tokens(sql: str) -> list[str]:
    """The tokens of a query, without comments and white space."""
    return [found[0] for found in _TOKEN.finditer(sql) if not found["comment"]]


def functions_used(sql: str) -> list[Function]:
    """The ``dialect`` functions that a query calls, directly or indirectly, by name."""
    found: dict[str, Function] = {}
    texts = [sql]
    while texts:
        words = {word.lower() for word in sql_tokens(texts.pop())}
        for name in words & _FUNCTIONS.keys() - found.keys():
            found[name] = function = _FUNCTIONS[name]
            texts += [function.duckdb, function.spark or ""]
    return [found[name] for name in sorted(found)]


def _type(path: str) -> str | None:
    group, name, field = path.split(".")
    types = {column.name: str(column.type) for column in find_table(f"{group}.{name}").columns}
    return types.get(field)
