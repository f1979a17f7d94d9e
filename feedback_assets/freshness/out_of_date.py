"""Partitions built with an outdated definition: a check, and the remedy.

The sensor rebuilds derived tables. Provider days have to be re-read by the user, so ``backfill``
ends with the command for that.
"""

import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import dagster as dg

from feedback_assets.assets.defined import definition_of
from feedback_assets.assets.recorded import read_recorded
from feedback_assets.days import named_days, ranges
from feedback_assets.ingest.sources import WINDOW_DAYS
from feedback_assets.schema.definition import why
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import PROVIDER_TABLES, READ_TABLES
from feedback_assets.transforms.inputs import Day, Recorded

CHECK = "built_by_current_definitions"
DESCRIPTION = (
    "Every partition was built with the current SQL, declarations, reading rules and settings."
)
_REBUILT = (
    "the sensor build_what_changed rebuilds them; without it, run feedback-assets backfill for "
    "these days"
)
_READ_AGAIN = "read these days again: feedback-assets backfill --from DAY --to DAY"


@dataclass(frozen=True)
class OutOfDate:
    """The partitions of a table that were built with another definition.

    ``reasons`` gives the reason for each partition that is out of date. ``unknown`` are days of a
    provider table that the first version read and that were never scanned.
    """

    table: Table
    partitions: int = 0
    reasons: Mapping[Day, str] = field(default_factory=dict)
    unknown: tuple[date, ...] = ()

    @property
    def days(self) -> list[date]:
        return sorted(day for day in self.reasons if day is not None)


def out_of_date(table: Table, recorded: Recorded, settings: Settings) -> OutOfDate:
    """The partitions of the table since ``FEEDBACK_START_DATE`` that are out of date."""
    now = definition_of(table, settings)
    start = settings.feedback_start_date
    held = [day for day in recorded.content if day is None or day >= start]
    # The first version recorded no definition; its provider days count as unknown.
    unknown = (
        [day for day in held if day is not None and day not in recorded.built_by]
        if table in PROVIDER_TABLES
        else []
    )
    reasons = {day: why(recorded.built_by.get(day), now) for day in set(held).difference(unknown)}
    found = {day: reason for day, reason in reasons.items() if reason}
    return OutOfDate(table, len(held), found, tuple(sorted(unknown)))


def numbers(table: Table, recorded: Recorded, settings: Settings) -> dict[str, Any]:
    """The numbers of ``built_by_current_definitions``."""
    found = out_of_date(table, recorded, settings)
    shown: dict[str, Any] = {
        "partitions": found.partitions,
        "out_of_date": len(found.reasons),
        "violations": len(found.reasons),
    }
    if table in PROVIDER_TABLES:
        shown["read_by_the_first_version"] = len(found.unknown)
    if found.reasons:
        if table.partitioned:
            shown["days"] = named_days(found.days)
        shown["reasons"] = "; ".join(sorted(set(found.reasons.values())))
        shown["what_to_do"] = _READ_AGAIN if table in READ_TABLES else _REBUILT
    return shown


def command_line(*arguments: str) -> str:
    """``feedback-assets`` with these arguments, for a shell with it on the ``PATH``."""
    return shlex.join(["feedback-assets", *arguments])


def lines(
    instance: dg.DagsterInstance,
    settings: Settings,
    tables: Iterable[Table],
    command: Callable[..., str] = command_line,
) -> list[str]:
    """The closing lines of a backfill on provider tables among ``tables``; often empty.

    ``command`` formats the command line so that it can be pasted.
    """
    found = [
        out_of_date(table, read_recorded(instance, table, settings.names), settings)
        for table in tables
        if table in READ_TABLES
    ]
    return [*_out_of_date_lines(found, settings.names, command), *_unknown_lines(found, command)]


def _out_of_date_lines(
    found: Iterable[OutOfDate], names: Names, command: Callable[..., str]
) -> list[str]:
    output: list[str] = []
    commands: dict[tuple[date, date], list[Table]] = defaultdict(list)
    for one in found:
        if not one.reasons:
            continue
        reasons = "; ".join(sorted(set(one.reasons.values())))
        output.append(f"Out of date: {one.table.full_name}, {named_days(one.days)}: {reasons}")
        for span in spans_to_ask(one.days):
            commands[span].append(one.table)
    if commands:
        output.append("To read these days again:")
        for (first, last), tables in sorted(commands.items()):
            selected = " or ".join(f'key:"{"/".join(names.key(table))}"' for table in tables)
            days = ("--from", f"{first}", "--to", f"{last}")
            output.append(f"  {command('backfill', *days, '--select', selected)}")
    return output


def _unknown_lines(found: Iterable[OutOfDate], command: Callable[..., str]) -> list[str]:
    days = sorted({day for one in found for day in one.unknown})
    if not days:
        return []
    scan = command("backfill", "--from", f"{days[0]}", "--to", f"{days[-1]}", "--scan")
    return [
        f"Read by the first version: days from {days[0]} to {days[-1]}.",
        "To find the ones that would be read differently now, without requests to a provider:",
        f"  {scan}",
    ]


def spans_to_ask(days: Iterable[date]) -> list[tuple[date, date]]:
    """First and last days to request: days within one window become one command."""
    spans: list[tuple[date, date]] = []
    for first, last in ranges(days):
        if spans and first - spans[-1][1] <= timedelta(days=WINDOW_DAYS):
            spans[-1] = spans[-1][0], last
        else:
            spans.append((first, last))
    return spans
