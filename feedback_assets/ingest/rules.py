"""Rules for a typed row: key and event time present, values in range, sums that fit."""

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.schema.columns import AMOUNT_LIMIT, MONEY, TEXT
from feedback_assets.schema.table import Table, Total
from feedback_assets.schema.text import WHITE_SPACE

_CAPACITY = Decimal(10) ** (MONEY.precision - MONEY.scale)
_ITEMS_THAT_FIT = int(_CAPACITY) // AMOUNT_LIMIT


def broken_rules(rows: pa.Table, table: Table) -> dict[int, str]:
    """The rows that break a rule, by position, and the rule."""
    reasons: dict[int, str] = {}

    def note(broken: pa.ChunkedArray, reason: str) -> None:
        if pc.any(broken, min_count=0).as_py():
            for index in pc.indices_nonzero(pc.fill_null(broken, fill_value=False)).to_pylist():
                reasons.setdefault(index, reason)

    for column in table.columns:
        values = rows.column(column.name)
        if not column.nullable:
            missing = pc.is_null(values)
            if column.type == TEXT:
                blank = pc.equal(pc.utf8_trim_whitespace(values), "")
                missing = pc.or_kleene(missing, blank)
            note(missing, f"{column.json_name}: missing")
        if column.low is not None and column.high is not None:
            note(
                pc.or_(pc.less(values, int(column.low)), pc.greater(values, int(column.high))),
                f"{column.json_name}: not in {column.unit}",
            )
    for total in table.totals:
        for index, amount in _too_large(rows.column(total.items), total).items():
            name = table.column(total.items).json_name
            reasons.setdefault(index, f"{name}: {total.name} adds up to {amount}, out of range")
    return reasons


def _too_large(lists: pa.ChunkedArray, total: Total) -> dict[int, Decimal]:
    """The rows whose list sums to more than its type holds, and the sum."""
    lengths = pc.list_value_length(lists)
    long = pc.indices_nonzero(pc.fill_null(pc.greater(lengths, _ITEMS_THAT_FIT), fill_value=False))
    sums = {index: _sum(lists[index].as_py(), total) for index in long.to_pylist()}
    return {index: amount for index, amount in sums.items() if amount >= _CAPACITY}


def _sum(items: list[dict[str, Decimal | str | None] | None], total: Total) -> Decimal:
    """The absolute amounts of the items that count."""
    amounts = (
        item[total.amount]
        for item in items
        if item is not None and (not total.having or _word(item[total.by]) in total.having)
    )
    return sum((abs(amount) for amount in amounts if isinstance(amount, Decimal)), Decimal(0))


def _word(value: Decimal | str | None) -> str:
    return value.strip(WHITE_SPACE).lower() if isinstance(value, str) else ""
