"""The results of a backfill: what each run built, and the resulting state of each table."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from feedback_assets.backfill.plan import Run
from feedback_assets.schema.names import Names
from feedback_assets.schema.table import Table

_COUNTED = ("fetched", "outside_window", "duplicates", "quarantined")
_ROWS = ("dagster/partition_row_count", "dagster/row_count")


@dataclass(frozen=True)
class CheckResult:
    """The result of a table check: its numbers, and whether it only warns."""

    table: str
    name: str
    passed: bool
    warns: bool
    numbers: str


@dataclass(frozen=True)
class Made:
    """A partition built by a run: its table, and the counts on its materialisation."""

    table: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Outcome:
    """How a run ended; ``hopeless``: a retry would fail with the same error."""

    made: tuple[Made, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    error: str = ""
    hopeless: bool = False


@dataclass
class TableResult:
    """The effect of a backfill on one table; ``skipped``: not built, as another one failed."""

    counts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    bytes: int = 0
    days: int = 0
    error: str = ""
    skipped: bool = False
    checks: dict[str, CheckResult] = field(default_factory=dict)

    @property
    def failed_checks(self) -> list[CheckResult]:
        return [check for check in self.checks.values() if not check.passed]


class Results(dict[Table, TableResult]):
    """Results by table, as far as the backfill has got."""

    def __missing__(self, table: Table) -> TableResult:
        return self.setdefault(table, TableResult())

    def record(self, run: Run, outcome: Outcome) -> None:
        """Add the outcome of a run to its tables."""
        for table in run.tables:
            result = self[table]
            result.error = outcome.error or result.error
            # A later window's result replaces the earlier one: after the first window of a year,
            # yesterday does not exist yet.
            result.checks |= {
                check.name: check for check in outcome.checks if check.table == table.full_name
            }
            for made in outcome.made:
                if made.table == table.full_name:
                    _add(result, made.counts)

    def skip(self, table: Table) -> str:
        """Mark a table as skipped; returns the names of the failed tables it depends on."""
        broken = ", ".join(
            sorted(
                other.full_name
                for other, result in self.items()
                if result.error and other.full_name in table.depends
            )
        )
        if broken:
            self[table].error = f"not built, because {broken} failed"
            self[table].skipped = True
        return broken


def _add(result: TableResult, counts: Mapping[str, int]) -> None:
    result.days += 1
    for name in _COUNTED:
        result.counts[name] += counts.get(name, 0)
    # Recorded on one day of each run.
    result.requests += counts.get("requests", 0)
    result.bytes += counts.get("bytes", 0)
    result.counts["rows"] += next((counts[name] for name in _ROWS if name in counts), 0)


def outcome_of(result: dg.ExecuteInProcessResult, names: Names) -> Outcome:
    """The outcome of a run as plain values."""
    failures = [event for event in result.all_events if event.is_step_failure]
    if failures or not result.success:
        return _failed(failures)
    # If a step attempt and its retry recorded the same partition, the retry counts.
    made = {
        (one.asset_key, one.partition): one
        for event in result.all_events
        if event.is_step_materialization
        for one in [event.step_materialization_data.materialization]
    }
    return Outcome(
        tuple(
            Made(
                names.table_name(materialization.asset_key.path),
                {
                    name: value.value
                    for name, value in materialization.metadata.items()
                    if isinstance(value.value, int)
                },
            )
            for materialization in made.values()
        ),
        tuple(
            CheckResult(
                names.table_name(evaluation.asset_key.path),
                evaluation.check_name,
                evaluation.passed,
                evaluation.severity is dg.AssetCheckSeverity.WARN,
                ", ".join(f"{name} {value.value}" for name, value in evaluation.metadata.items()),
            )
            for evaluation in result.get_asset_check_evaluations()
        ),
    )


def _failed(failures: list[Any]) -> Outcome:
    if not failures:
        return Outcome(error="the run failed before its first step; see the run in the UI")
    data = failures[-1].step_failure_data
    user = data.user_failure_data
    if user is not None and user.description:
        transient = user.metadata.get("transient")
        return Outcome(
            error=user.description, hopeless=transient is not None and not transient.value
        )
    error = data.error
    while error.cause is not None:
        error = error.cause
    return Outcome(error=" ".join(error.message.split()))
