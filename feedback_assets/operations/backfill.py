"""A backfill in this process: which runs it takes, and running them, the providers side by side."""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from feedback_assets.ingest.sources import SOURCES, WINDOW_DAYS
from feedback_assets.operations.event_log import hold_open
from feedback_assets.operations.refresh import ranges
from feedback_assets.operations.schedules import range_tags
from feedback_assets.settings import PROJECT_ROOT, Settings
from feedback_assets.store.layout import Warehouse, days_between
from feedback_assets.tables import ALL_TABLES, DERIVED_TABLES, Table

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_COUNTED = ("fetched", "dagster/partition_row_count", "outside_window", "duplicates", "quarantined")


@dataclass(frozen=True)
class Run:
    """One run: tables that are built together, for the days ``first`` to ``last`` or as a whole."""

    tables: tuple[Table, ...]
    first: date | None = None
    last: date | None = None

    @property
    def days(self) -> int:
        """Partitions it makes of each table."""
        if self.first is None or self.last is None:
            return 1
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Lane:
    """Runs that follow each other; lanes run side by side."""

    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Plan:
    """Lanes that read the providers at the same time, then tables in order of dependence."""

    reading: tuple[Lane, ...]
    building: tuple[Run, ...]

    def days_of(self, table: Table) -> int:
        """Partitions of a table that the plan makes."""
        runs = [run for lane in self.reading for run in lane.runs] + list(self.building)
        return sum(run.days for run in runs if table in run.tables)

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for table in ALL_TABLES if self.days_of(table))


@dataclass(frozen=True)
class CheckResult:
    """How a check of a table came out, its numbers, and whether it only warns."""

    table: str
    name: str
    passed: bool
    warns: bool
    numbers: str


@dataclass
class TableResult:
    """What a backfill did to one table."""

    counts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    bytes: int = 0
    days: int = 0
    error: str = ""
    checks: dict[str, CheckResult] = field(default_factory=dict)

    @property
    def failed_checks(self) -> list[CheckResult]:
        return [check for check in self.checks.values() if not check.passed]


_FAILURES_IN_A_ROW = 2
_NOTHING_CAPTURED = {
    "module": "dagster.core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}

Progress = Callable[[Run, bool], None]
"""Called after every run with whether it succeeded."""


def make_plan(
    settings: Settings, tables: Iterable[Table], first: date, last: date, *, missing: bool = False
) -> Plan:
    """The runs that make ``tables`` for the days ``first`` to ``last``.

    ``missing``: only partitions, and tables without days, that the warehouse does not hold.
    """
    wanted = set(tables)
    warehouse = Warehouse(settings.warehouse)
    days = days_between(first, last)

    def to_make(table: Table) -> list[date]:
        held = set(warehouse.days_held(table)) if missing else set()
        return [day for day in days if day not in held]

    reading = []
    for source in SOURCES:
        chosen = tuple(table for table in source.tables if table in wanted)
        if not chosen:
            continue
        due = sorted({day for table in chosen for day in to_make(table)})
        longest = len(days) if source.whole_list else WINDOW_DAYS
        runs = [Run(chosen, start, end) for start, end in ranges(due, longest)]
        if runs:
            reading.append(Lane(tuple(runs)))
    building: list[Run] = []
    for table in DERIVED_TABLES:
        if table not in wanted:
            continue
        if table.partitioned:
            building += [Run((table,), *span) for span in ranges(to_make(table), len(days))]
        elif not (missing and warehouse.files(table)) or building:
            building.append(Run((table,)))
    return Plan(tuple(reading), tuple(building))


@dataclass(frozen=True)
class Request:
    """A plan with what it takes to carry it out."""

    plan: Plan
    defs: dg.Definitions
    instance: dg.DagsterInstance


def prepare(
    settings: Settings,
    defs: dg.Definitions,
    first: date,
    last: date,
    select: str = "*",
    *,
    missing: bool = False,
) -> Request:
    """Plan a backfill of the tables that ``select`` names; ``ValueError`` where that cannot be.

    ``select`` is Dagster's asset selection syntax (``marts/nps_daily``, ``group:thanx``,
    ``+key:"marts/nps_by_channel"``).
    """
    if first > last:
        raise ValueError(f"--from {first} lies after --to {last}")
    if first < settings.feedback_start_date:
        raise ValueError(
            f"--from {first} lies before FEEDBACK_START_DATE={settings.feedback_start_date}"
        )
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if last > yesterday:
        raise ValueError(f"--to {last}: the last whole day is {yesterday} (UTC)")
    try:
        selection = dg.AssetSelection.from_string(select)
        chosen = selection.resolve(defs.resolve_asset_graph())
    except (dg.DagsterError, KeyError, ValueError) as error:
        raise ValueError(f"--select {select!r}: {error}") from None
    if not chosen:
        raise ValueError(f"--select {select!r} selects no table")
    names = {".".join(key.path) for key in chosen}
    tables = [table for table in ALL_TABLES if table.full_name in names]
    plan = make_plan(settings, tables, first, last, missing=missing)
    return Request(plan, defs, open_instance(settings))


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance in ``DAGSTER_HOME``, made if it is not there yet."""
    home = settings.dagster_home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    template = PROJECT_ROOT / "dagster_home" / "dagster.yaml"
    if template.is_file() and not (home / template.name).exists():
        shutil.copyfile(template, home / template.name)
    os.environ["DAGSTER_HOME"] = str(home)
    # Capturing what a step prints means changing this process's own standard output, and two
    # threads that change it and back leave it changed: seen as a backfill that prints nothing.
    instance = dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(str(home), overrides={"compute_logs": _NOTHING_CAPTURED})
    )
    # Dagster configures logging anew at the start of every run, which takes the lock of each
    # handler while it holds logging's own; a run in another thread holds its handler's while it
    # stores an event and asks for a logger. Seen: the two wait for each other for ever. The
    # handlers are those of dagster.yaml and the same for every run, so once is enough.
    handlers = instance.get_yaml_python_handlers()
    instance.get_yaml_python_handlers = lambda: handlers  # type: ignore[method-assign]
    hold_open(instance)
    return instance


def run_plan(
    plan: Plan, defs: dg.Definitions, instance: dg.DagsterInstance, progress: Progress
) -> dict[Table, TableResult]:
    """Carry out the plan; what depends on a table that failed is not built, all else is."""
    results: dict[Table, TableResult] = defaultdict(TableResult)
    job = defs.resolve_implicit_global_asset_job_def()
    lanes = max(1, len(plan.reading))
    with ThreadPoolExecutor(lanes, thread_name_prefix="backfill") as pool:
        running = [pool.submit(_run_lane, lane, job, instance, progress) for lane in plan.reading]
        try:
            for done in as_completed(running):
                for run, outcome in done.result():
                    _record(results, run, outcome)
        except BaseException:
            for lane in running:
                lane.cancel()
            raise
    for run in plan.building:
        broken = _broken_upstream(run.tables[0], results)
        if broken:
            results[run.tables[0]].error = f"not built, since {broken} failed"
            progress(run, False)
            continue
        outcome = _execute(run, job, instance)
        _record(results, run, outcome)
        progress(run, not outcome.error)
    return {table: results[table] for table in ALL_TABLES if table in results}


@dataclass(frozen=True)
class _Outcome:
    materialized: tuple[tuple[str, dict[str, Any]], ...] = ()
    checks: tuple[CheckResult, ...] = ()
    error: str = ""
    hopeless: bool = False


def _run_lane(
    lane: Lane, job: Any, instance: dg.DagsterInstance, progress: Progress
) -> list[tuple[Run, _Outcome]]:
    outcomes: list[tuple[Run, _Outcome]] = []
    hopeless, in_a_row = "", 0
    for run in lane.runs:
        outcome = _Outcome(error=hopeless) if hopeless else _execute(run, job, instance)
        in_a_row = in_a_row + 1 if outcome.error else 0
        # A wrong key stays wrong, and a provider that is down costs a minute a window: the other
        # windows would only say so again.
        if outcome.hopeless or in_a_row == _FAILURES_IN_A_ROW:
            hopeless = outcome.error
        outcomes.append((run, outcome))
        progress(run, not outcome.error)
    return outcomes


def _execute(run: Run, job: Any, instance: dg.DagsterInstance) -> _Outcome:
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(table.asset_key) for table in run.tables],
        tags=range_tags(run.first, run.last),
        run_config=_QUIET,
        raise_on_error=False,
    )
    failures = [event for event in result.all_events if event.is_step_failure]
    if failures or not result.success:
        return _failed(failures)
    return _Outcome(
        tuple(
            (
                materialization.asset_key.to_user_string().replace("/", "."),
                {name: value.value for name, value in materialization.metadata.items()},
            )
            for event in result.all_events
            if event.is_step_materialization
            for materialization in [event.step_materialization_data.materialization]
        ),
        tuple(
            CheckResult(
                evaluation.asset_key.to_user_string().replace("/", "."),
                evaluation.check_name,
                evaluation.passed,
                evaluation.severity is dg.AssetCheckSeverity.WARN,
                ", ".join(f"{name} {value.value}" for name, value in evaluation.metadata.items()),
            )
            for evaluation in result.get_asset_check_evaluations()
        ),
    )


def _failed(failures: list[Any]) -> _Outcome:
    if not failures:
        return _Outcome(error="the run failed before its first step; see it in the UI")
    data = failures[-1].step_failure_data
    user = data.user_failure_data
    if user is not None and user.description:
        transient = user.metadata.get("transient")
        return _Outcome(
            error=user.description, hopeless=transient is not None and not transient.value
        )
    error = data.error
    while error.cause is not None:
        error = error.cause
    return _Outcome(error=" ".join(error.message.split()))


def _record(results: dict[Table, TableResult], run: Run, outcome: _Outcome) -> None:
    for table in run.tables:
        result = results[table]
        if outcome.error:
            result.error = outcome.error
        # A later window's result stands for the table: after the first of a year, yesterday is
        # not there yet.
        result.checks |= {
            check.name: check for check in outcome.checks if check.table == table.full_name
        }
        mine = [metadata for name, metadata in outcome.materialized if name == table.full_name]
        for metadata in mine:
            result.days += 1
            for name in _COUNTED:
                result.counts[name] += int(metadata.get(name, 0))
            result.counts["rows"] += int(
                metadata.get("dagster/partition_row_count", metadata.get("dagster/row_count", 0))
            )
        if mine:
            # Every day of a range carries the cost of the whole run.
            result.requests += int(mine[0].get("requests", 0))
            result.bytes += int(mine[0].get("bytes", 0))


def _broken_upstream(table: Table, results: dict[Table, TableResult]) -> str:
    broken = sorted(
        other.full_name
        for other, result in results.items()
        if result.error and other.full_name in table.depends
    )
    return ", ".join(broken)
