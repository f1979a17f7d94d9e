"""A backfill in this process: which runs it takes, and running them, the providers side by side."""

import re
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from types import FrameType, MappingProxyType
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_selection import KeyWildCardAssetSelection
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._core.utils import make_new_run_id
from dagster_shared.check import CheckError

from feedback_assets.assets.defined import definitions_of, spans
from feedback_assets.assets.resources import close_clients
from feedback_assets.automation.schedules import range_tags
from feedback_assets.days import days_between
from feedback_assets.freshness import failed_days, on_disk
from feedback_assets.freshness.refresh import ranges, stale_partitions
from feedback_assets.ingest.sources import SOURCES, WINDOW_DAYS
from feedback_assets.reports.path import page_path
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.run_launcher import process_tag
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import ALL_TABLES, DERIVED_TABLES, REPORT_PAGES
from feedback_assets.transforms.inputs import Day
from feedback_assets.warehouse.customer_secret import confirm_secret
from feedback_assets.warehouse.warehouse import Warehouse

_BUILT = DERIVED_TABLES + REPORT_PAGES
_ALL = ALL_TABLES + REPORT_PAGES
_KEY = re.compile(r'key:"([a-z_]+/[a-z_]+)"')
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
        return tuple(table for table in _ALL if self.days_of(table))


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
    """What a backfill did to one table; ``skipped``: not built, as another one failed."""

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


_FAILURES_IN_A_ROW = 2
_GRACE_SECONDS = 8.0
"""Less than the ten seconds that a supervisor waits between SIGTERM and SIGKILL."""
Progress = Callable[[Run, bool], None]
"""Called after every run with whether it succeeded."""


def make_plan(
    settings: Settings,
    tables: Iterable[Table],
    first: date,
    last: date,
    *,
    missing: bool = False,
    stale: Mapping[str, Collection[Day]] = MappingProxyType({}),
) -> Plan:
    """The runs that make ``tables`` for the days ``first`` to ``last``.

    ``missing``: only partitions, and tables without days, that the warehouse does not hold, and
    those that are ``stale``.
    """
    wanted = set(tables)
    warehouse = Warehouse(settings.warehouse)
    days = days_between(first, last)

    def to_make(table: Table) -> list[date]:
        held = set(warehouse.days_held(table)) if missing else set()
        held.difference_update(day for day in stale.get(table.full_name, ()) if day is not None)
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
    for table in _BUILT:
        if table not in wanted:
            continue
        if table.partitioned:
            building += [Run((table,), *span) for span in ranges(to_make(table), len(days))]
        elif not missing or table.full_name in stale or not _is_there(table, warehouse) or building:
            building.append(Run((table,)))
    return Plan(tuple(reading), tuple(building))


def _is_there(table: Table, warehouse: Warehouse) -> bool:
    if table in REPORT_PAGES:
        return warehouse.exists(page_path(warehouse))
    return bool(warehouse.files(table))


@dataclass(frozen=True)
class Request:
    """A plan with what it takes to carry it out."""

    plan: Plan
    defs: dg.Definitions
    instance: dg.DagsterInstance
    start: date


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

    Raises ``OtherSecret`` where tables are to be built with another customer secret than before.

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
        chosen = _selection(select).resolve(defs.resolve_asset_graph())
    except (NotImplementedError, CheckError):  # status: and code_location:
        raise ValueError(f"--select {select!r}: can be selected by in the UI only") from None
    except (dg.DagsterError, KeyError, ValueError) as error:
        raise ValueError(f"--select {select!r}: {error}") from None
    if not chosen:
        raise ValueError(f"--select {select!r} selects no table")
    names = {".".join(key.path) for key in chosen}
    tables = [table for table in _ALL if table.full_name in names]
    instance = open_instance(settings)
    stale = _stale(instance, settings, tables, days_between(first, last)) if missing else {}
    plan = make_plan(settings, tables, first, last, missing=missing, stale=stale)
    if plan.building:
        # Before an hour of reading; recorded once something is built.
        confirm_secret(Warehouse(settings.warehouse), settings.customer_secret_if_any())
    return Request(plan, defs, instance, settings.feedback_start_date)


def _stale(
    instance: dg.DagsterInstance, settings: Settings, tables: Iterable[Table], days: list[date]
) -> dict[str, set[Day]]:
    """Derived partitions that were built from other content or definitions than there are now.

    Or than there will be, once the days that are missing were read.
    """
    warehouse = Warehouse(settings.warehouse)
    new = {
        table.full_name: set(days).difference(warehouse.days_held(table))
        for table in tables
        if table.partitioned
    }
    on_disk.record_found(instance, warehouse, ALL_TABLES)
    recorded = {table.full_name: on_disk.read_present(instance, warehouse, table) for table in _ALL}
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return stale_partitions(
        _BUILT,
        recorded,
        spans(settings),
        settings.feedback_start_date,
        yesterday,
        definitions=definitions_of(_BUILT, settings),
        new=new,
    )


def _selection(text: str) -> dg.AssetSelection:
    """``dg.AssetSelection.from_string``, whose grammar takes 0.13 s to load, and without it."""
    found = [_KEY.fullmatch(part) for part in text.split(" or ")]
    keys = [KeyWildCardAssetSelection(selected_key_wildcard=part[1]) for part in found if part]
    if len(keys) == len(found):
        return reduce(or_, keys)
    return dg.AssetSelection.all() if text == "*" else dg.AssetSelection.from_string(text)


class Canceled(BaseException):
    """The backfill was stopped by a signal; its runs are marked as canceled.

    ``status`` is what a process ends with that a signal ended. ``abandoned``: runs whose thread
    did not end in time, so that the process can only end without waiting for it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number
        self.abandoned = 0


def run_plan(request: Request, progress: Progress) -> dict[Table, TableResult]:
    """Carry out the plan; what depends on a table that failed is not built, all else is.

    Raises ``Canceled`` on SIGINT and SIGTERM.
    """
    plan, defs, instance = request.plan, request.defs, request.instance
    results: dict[Table, TableResult] = defaultdict(TableResult)
    carrying_out = _CarryingOut(defs.resolve_implicit_global_asset_job_def(), instance, progress)
    # Queries run in a thread as well: in the main thread Dagster takes the signals for itself.
    pool = ThreadPoolExecutor(max(1, len(plan.reading)), thread_name_prefix="backfill")
    try:
        with _signals_raised():
            for done in as_completed(
                [pool.submit(carrying_out.lane, lane) for lane in plan.reading]
            ):
                for run, outcome in done.result():
                    _record(results, run, outcome)
            for run in plan.building:
                broken = _broken_upstream(run.tables[0], results)
                if broken:
                    results[run.tables[0]].error = f"not built, because {broken} failed"
                    results[run.tables[0]].skipped = True
                    progress(run, False)
                    continue
                outcome = pool.submit(carrying_out.one, run).result()
                _record(results, run, outcome)
                progress(run, not outcome.error)
    except Canceled as canceled:
        pool.shutdown(wait=False, cancel_futures=True)
        canceled.abandoned = carrying_out.cancel()
        raise
    finally:
        pool.shutdown(wait=False)
    # A run that fails does not come to its checks.
    failed_days.report(instance, [t for t, r in results.items() if r.error], request.start)
    return {table: results[table] for table in _ALL if table in results}


@contextmanager
def _signals_raised() -> Iterator[None]:
    def stop(number: int, _frame: FrameType | None) -> None:
        raise Canceled(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class _Outcome:
    materialized: tuple[tuple[str, dict[str, Any]], ...] = ()
    checks: tuple[CheckResult, ...] = ()
    error: str = ""
    hopeless: bool = False


class _CarryingOut:
    """The runs of a plan: which are under way, and whether there are to be more."""

    def __init__(self, job: Any, instance: dg.DagsterInstance, progress: Progress) -> None:
        self.job = job
        self.instance = instance
        self.progress = progress
        self.stopping = threading.Event()
        self.under_way: set[str] = set()

    def lane(self, lane: Lane) -> list[tuple[Run, _Outcome]]:
        """The runs of a lane, one after the other."""
        outcomes: list[tuple[Run, _Outcome]] = []
        hopeless, in_a_row = "", 0
        for run in lane.runs:
            if self.stopping.is_set():
                break
            outcome = _Outcome(error=hopeless) if hopeless else self.one(run)
            in_a_row = in_a_row + 1 if outcome.error else 0
            # A wrong key stays wrong, and a provider that is down costs a minute a window: the
            # other windows would only say so again.
            if outcome.hopeless or in_a_row == _FAILURES_IN_A_ROW:
                hopeless = outcome.error
            outcomes.append((run, outcome))
            self.progress(run, not outcome.error)
        return outcomes

    def one(self, run: Run) -> _Outcome:
        """One run, to its end."""
        run_id = make_new_run_id()
        self.under_way.add(run_id)
        try:
            return _execute(run, run_id, self.job, self.instance)
        finally:
            self.under_way.discard(run_id)

    def cancel(self) -> int:
        """End the runs under way, at their next request or after ``_GRACE_SECONDS``.

        Each is marked as canceled: no run stays under way for ever. Returns how many did not end.
        """
        self.stopping.set()
        deadline = time.monotonic() + _GRACE_SECONDS
        try:
            with _signals_raised():
                while self.under_way and time.monotonic() < deadline:
                    # Again and again: a run may have been just about to open its client.
                    for run in self._runs():
                        if run.status is not dg.DagsterRunStatus.CANCELING:
                            self.instance.report_run_canceling(run)
                    close_clients()
                    time.sleep(0.1)
        except Canceled:
            pass  # Asked twice: no longer wait.
        left = self._runs()
        for run in left:
            self.instance.report_run_canceled(run)
        return len(left)

    def _runs(self) -> list[dg.DagsterRun]:
        runs = [self.instance.get_run_by_id(run_id) for run_id in list(self.under_way)]
        return [run for run in runs if run is not None and not run.is_finished]


def _execute(run: Run, run_id: str, job: Any, instance: dg.DagsterInstance) -> _Outcome:
    result = job.execute_in_process(
        instance=instance,
        run_id=run_id,
        asset_selection=[dg.AssetKey(table.asset_key) for table in run.tables],
        # Nobody but this process can try such a run again.
        tags={**range_tags(run.first, run.last), **process_tag(), MAX_RETRIES_TAG: "0"},
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
        for name, metadata in outcome.materialized:
            if name != table.full_name:
                continue
            result.days += 1
            for count in _COUNTED:
                result.counts[count] += int(metadata.get(count, 0))
            # On one day of each run.
            result.requests += int(metadata.get("requests", 0))
            result.bytes += int(metadata.get("bytes", 0))
            result.counts["rows"] += int(
                metadata.get("dagster/partition_row_count", metadata.get("dagster/row_count", 0))
            )


def _broken_upstream(table: Table, results: dict[Table, TableResult]) -> str:
    broken = sorted(
        other.full_name
        for other, result in results.items()
        if result.error and other.full_name in table.depends
    )
    return ", ".join(broken)
