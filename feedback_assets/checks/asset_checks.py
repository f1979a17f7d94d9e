"""Asset checks that run after every build of a table, with their numbers.

A check covers the day or range of its run. It never blocks: anything that could damage a
partition is validated before the write, and the check results of a range run carry no partition.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any

import dagster as dg

from feedback_assets.assets.defined import definition_of, spans
from feedback_assets.assets.recorded import read_recorded
from feedback_assets.assets.resources import WAREHOUSE, warehouse_of
from feedback_assets.checks.rules import LEAST_MATCHED, RULES, rule_sql
from feedback_assets.days import days_between, last_complete_day, named_days, ranges
from feedback_assets.freshness import failed_days, moved, on_disk, spend_files
from feedback_assets.freshness import out_of_date as definitions
from feedback_assets.freshness.same_inputs import changed_since
from feedback_assets.runtime.tags import days_of
from feedback_assets.schema.columns import Column
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import FILE_TABLES, READ_TABLES, find_table
from feedback_assets.transforms.dialect import quoted, view_of
from feedback_assets.transforms.engine import days_asked, days_value, last_day_held
from feedback_assets.transforms.inputs import Day, days_read
from feedback_assets.transforms.sources import ask, connect
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.warehouse.warehouse import Warehouse

MOST_QUARANTINED = 0.01

# Providers are read in parallel. The keys of two million orders took 200 MB without this
# limit, and no less time.
_BESIDE_A_READING = {"memory_limit": "100MB", "threads": 1}

# Keys compared at a time: the keys of two million orders took 90 MB at once, 20 MB like this. Each
# part reopens all files of the run, about 28; for three years that would take seconds.
_KEYS_AT_ONCE = 300_000

Days = tuple[date, date] | None


def asset_checks(settings: Settings, tables: Collection[Table]) -> list[dg.AssetChecksDefinition]:
    """The checks of every loaded table, one step per table."""
    return [_checks_of(table, settings) for table in tables]


def _checks_of(table: Table, settings: Settings) -> dg.AssetChecksDefinition:
    names = settings.names
    key = names.key(table)
    rules = [rule for rule in RULES if rule.table == table.full_name]
    is_read = table in READ_TABLES
    specs = [_spec(key, "keys_unique", _unique_description(table))]
    if _ranged(table):
        specs.append(_spec(key, "values_in_range", _range_description(table)))
    specs += [_spec(key, rule.name, rule.description) for rule in rules]
    if is_read:
        specs += [
            _spec(
                key,
                "few_are_quarantined",
                f"At most {MOST_QUARANTINED:.0%} of the records are in quarantine.",
            ),
            _spec(key, "yesterday_is_there", "The partition of yesterday (UTC) exists."),
        ]

    if table in FILE_TABLES:
        specs.append(_spec(key, spend_files.CHECK, spend_files.DESCRIPTION))
    if moved.checked(table):
        specs.append(_spec(key, moved.CHECK, moved.description(table)))
    specs.append(_spec(key, definitions.CHECK, definitions.DESCRIPTION))
    specs.append(_spec(key, on_disk.CHECK, on_disk.DESCRIPTION))
    if table.partitioned:
        specs.append(_spec(key, failed_days.CHECK, failed_days.DESCRIPTION))

    @dg.multi_asset_check(
        name=names.called(f"{table.group}__{table.name}__checks"),
        specs=specs,
        required_resource_keys={names.called(WAREHOUSE)},
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        held = warehouse_of(context, names)
        days = days_of(context.run.tags) if table.partitioned else None
        found = list(results(table, held, settings, days))
        recorded = read_recorded(context.instance, table, names)
        built = definitions.numbers(table, recorded, settings)
        found.append((definitions.CHECK, built, True))
        found.append((on_disk.CHECK, on_disk.numbers(held, table, recorded), True))
        if table in FILE_TABLES:
            read = spend_files.numbers(context.instance, settings, held)
            found.append((spend_files.CHECK, read, True))
        if table.partitioned:
            start = settings.feedback_start_date
            still = failed_days.numbers(context.instance, table, names, start)
            found.append((failed_days.CHECK, still, True))
        for name, seen, warns in found:
            numbers = _settled(
                table, name, seen, days,
                warehouse=held, settings=settings, instance=context.instance,
            )  # fmt: skip
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=name,
                passed=not numbers["violations"],
                severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
                metadata={field: _number(value) for field, value in numbers.items()},
            )

    return check


def results(
    table: Table, warehouse: Warehouse, settings: Settings, days: Days
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every check of a table over ``days`` (None: all stored): name, numbers, whether it warns."""
    rules = [rule for rule in RULES if rule.table == table.full_name]
    names = dict.fromkeys([table.full_name, *(name for rule in rules for name in rule.reads)])
    limits = _limits(table, warehouse, settings, names, days)
    bounds: dict[str, Any] = _BESIDE_A_READING if table in READ_TABLES else {}
    tables = [find_table(name) for name in names]
    with connect(warehouse, tables, days=limits, **bounds) as connection:
        of_whole = {} if table.partitioned else _of_whole(table, warehouse)

        def row_of(sql: str, within: Days = days) -> dict[str, Any]:
            values = _values(settings, within) | of_whole
            used = {name: value for name, value in values.items() if f"${name}" in sql}
            (row,) = ask(connection, sql, used).to_pylist()
            return dict(row)

        parts = _parts(connection, table, days)
        found = [row_of(_unique(table, part), part) for part in parts]
        yield "keys_unique", {name: sum(one[name] for one in found) for name in found[0]}, False
        if _ranged(table):
            yield "values_in_range", row_of(_in_range(table)), False
        for rule in rules:
            yield rule.name, row_of(rule_sql(rule)), rule.warns
        if table in READ_TABLES:
            yield "few_are_quarantined", _quarantine_rate(table, warehouse, days, row_of), True
            yield "yesterday_is_there", _yesterday(table, warehouse), True
    if moved.checked(table):
        yield moved.CHECK, moved.numbers(warehouse, table, settings.names, **bounds), True


def _limits(
    table: Table, warehouse: Warehouse, settings: Settings, names: Iterable[str], days: Days
) -> dict[str, tuple[date, date]]:
    """The days of each table that the checks read: those of the run, or of the table's windows."""
    if table.partitioned:
        dated = (name for name in names if find_table(name).partitioned)
        return {name: days for name in dated if days is not None}
    end = last_day_held(table, warehouse)
    return {
        name: days_read(table, name, end, end, spans(settings))
        for name in names
        if end is not None and name in table.depends and not table.depends[name].every
    }


def _settled(
    table: Table,
    name: str,
    numbers: dict[str, Any],
    days: Days,
    *,
    warehouse: Warehouse,
    settings: Settings,
    instance: dg.DagsterInstance,
) -> dict[str, Any]:
    """The numbers of a check, without partitions whose inputs changed since they were built."""
    read = next((rule.reads for rule in RULES if rule.name == name), ())
    if not numbers["violations"] or len(read) < 2:
        return numbers
    # Tables that are compared with the table without being its inputs are built beside it.
    for beside in (find_table(one) for one in read if one not in {table.full_name, *table.depends}):
        is_built = bool(warehouse.files(beside))
        if not is_built or _changed(beside, [None], warehouse, settings, instance):
            why = (
                f"{beside.full_name} is not built from the same data; checked after the next build"
            )
            return {**numbers, "violations": 0, "not_compared": why}
    held: list[Day] = [None]
    if table.partitioned:
        held = [*(days_between(*days) if days else warehouse.days_held(table))]
    changed = _changed(table, held, warehouse, settings, instance)
    if not changed:
        return numbers
    unchanged = ranges(day for day in held if day is not None and day not in changed)
    violations = sum(
        again["violations"]
        for span in unchanged
        for other, again, _ in results(table, warehouse, settings, span)
        if other == name
    )
    return {**numbers, "violations": violations, "not_compared": _not_compared(changed)}


def _changed(
    table: Table,
    held: Collection[Day],
    warehouse: Warehouse,
    settings: Settings,
    instance: dg.DagsterInstance,
) -> set[Day]:
    return changed_since(
        table,
        held,
        instance,
        warehouse,
        names=settings.names,
        spans=spans(settings),
        definition=definition_of(table, settings).text,
    )


def _not_compared(changed: set[Day]) -> str:
    days = named_days(day for day in changed if day is not None)
    return f"{days or 'the table'}: inputs changed since it was built; checked after the next build"


def _spec(key: tuple[str, ...], name: str, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name=name, asset=key, description=description)


def _unique_description(table: Table) -> str:
    # Unique within the day, see ``_unique``.
    key = dict.fromkeys([*(["day"] if table.partitioned else []), *table.key])
    return (
        f"Each ({', '.join(key)}) occurs once."
        if len(key) > 1
        else f"Each {table.key[0]} occurs once."
    )


def _range_description(table: Table) -> str:
    ranges = (f"{column.name} {column.low}–{column.high}" for column in _ranged(table))
    return f"Values are within range: {', '.join(ranges)}."


def _values(settings: Settings, days: Days) -> dict[str, Any]:
    first, last = days or (date.min, date.max)
    return {
        "first_day": first,
        "last_day": last,
        "match_days": settings.feedback_match_days,
        "least_matched": LEAST_MATCHED,
    }


def _of_whole(table: Table, warehouse: Warehouse) -> dict[str, Any]:
    """The values that the query of a table without days was given for the stored days."""
    return {
        "last_day": last_day_held(table, warehouse) or date.min,
        "days_held": days_value(days_asked(table, warehouse)),
    }


def _parts(connection: Any, table: Table, days: Days) -> list[Days]:
    """The days in ranges of about ``_KEYS_AT_ONCE`` rows; None for everything that is visible."""
    if table not in READ_TABLES or (days is not None and days[0] == days[1]):
        return [None]
    query = f"""
        with days as (
            select day, sum(count(*)) over (order by day) // {_KEYS_AT_ONCE} as part
            from {view_of(table)} group by day
        )
        select min(day) as first, max(day) as last from days group by part order by part
    """  # noqa: S608 - names of our own declarations
    return [(part["first"], part["last"]) for part in ask(connection, query).to_pylist()] or [None]


def _unique(table: Table, days: Days) -> str:
    keys = ", ".join(".".join(quoted(part) for part in path.split(".")) for path in table.key)
    # Days are re-read when they are restated, so a moved row may be on two days in the meantime.
    day = "day, " if table.partitioned else ""
    within = "" if days is None else "where day between $first_day and $last_day"
    return f"""
        with keys as (select count(*) as n from {view_of(table)} {within} group by {day}{keys})
        select
            coalesce(sum(n), 0) as row_count,
            count(*) as keys,
            coalesce(sum(n), 0) - count(*) as violations
        from keys
    """  # noqa: S608 - names of our own declarations


def _ranged(table: Table) -> list[Column]:
    return [column for column in table.columns if column.low is not None]


def _in_range(table: Table) -> str:
    broken = " or ".join(
        f"{quoted(column.name)} not between {column.low} and {column.high}"
        for column in _ranged(table)
    )
    return f"""
        select
            count(*) as row_count,
            coalesce(sum(case when {broken} then 1 else 0 end), 0) as violations
        from {view_of(table)}
    """  # noqa: S608 - names of our own declarations


def _quarantine_rate(table: Table, warehouse: Warehouse, days: Days, ask: Any) -> dict[str, Any]:
    rows = int(ask(f"select count(*) as n from {view_of(table)}")["n"])  # noqa: S608
    quarantined = undated = 0
    for path in quarantine_files(warehouse, table):
        for day in read_quarantine_file(warehouse, path).column("day").to_pylist():
            undated += day is None
            # An undated row may be of any day; if the provider changes its dates, most are undated.
            quarantined += day is None or days is None or days[0] <= day <= days[1]
    read = rows + quarantined
    share = quarantined / read if read else 0.0
    return {
        "row_count": rows,
        "quarantined": quarantined,
        "quarantined_without_day": undated,
        "share": share,
        "violations": int(share > MOST_QUARANTINED),
    }


def _yesterday(table: Table, warehouse: Warehouse) -> dict[str, Any]:
    yesterday = last_complete_day()
    held = warehouse.days_held(table)
    return {
        "days_stored": len(held),
        "last_stored_day": held[-1].isoformat() if held else "none",
        "violations": int(yesterday not in held),
    }


def _number(value: Any) -> Any:
    if value is None:
        return "none"
    if isinstance(value, str | bool | int | float):
        return value
    return float(value)
