"""A daemon without a clock, and what it left in the warehouse."""

from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from feedback_assets.automation.refresh_sensor import NAME
from feedback_assets.automation.schedules import DAILY
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, REPORT_PAGES
from feedback_assets.transforms.inputs import Day
from feedback_assets.warehouse.content import content_hash
from tests.conftest import YESTERDAY, Project

MIDNIGHT = datetime.combine(YESTERDAY + timedelta(days=1), time.min, UTC)
ALL = PROVIDER_TABLES + DERIVED_TABLES
ASSETS = {table.full_name: table for table in ALL + REPORT_PAGES}
Partitions = dict[Table, set[Day]]


class Robot:
    """A daemon without a clock: evaluates schedule and sensor and launches the requested runs."""

    def __init__(self, project: Project, instance: dg.DagsterInstance) -> None:
        self.defs = project.defs
        self.instance = instance
        self.job = self.defs.resolve_implicit_global_asset_job_def()
        self.cursor: str | None = None
        self.keys: set[str] = set()

    def tick(self) -> tuple[list[dg.RunRequest], str]:
        """The sensor's requests that are new, and its message."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, definitions=self.defs
        ) as context:
            found = self.defs.resolve_sensor_def(NAME).evaluate_tick(context)
        self.cursor = found.cursor
        fresh = [r for r in found.run_requests or [] if r.run_key not in self.keys]
        self.keys |= {str(request.run_key) for request in fresh}
        return fresh, found.skip_message or ""

    def read_again(self) -> list[dg.RunRequest]:
        with dg.build_schedule_context(
            instance=self.instance, scheduled_execution_time=MIDNIGHT + timedelta(hours=6)
        ) as context:
            found = self.defs.resolve_schedule_def(DAILY).evaluate_tick(context)
        for request in found.run_requests or []:
            self.execute(request)
        return list(found.run_requests or [])

    def execute(self, request: dg.RunRequest) -> None:
        result = self.job.execute_in_process(
            instance=self.instance,
            asset_selection=request.asset_selection,
            tags=dict(request.tags),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        assert result.success

    def settle(self) -> Partitions:
        """Tick until nothing is due; return every built partition, each built once."""
        built: Partitions = {}
        for _ in range(10):
            requests, _ = self.tick()
            if not requests:
                return built
            for request in requests:
                self.execute(request)
                (key,) = request.asset_selection or []
                table = ASSETS[".".join(key.path)]
                span = request.partition_key_range
                days: list[Day] = [None]
                if span is not None:
                    start, end = date.fromisoformat(span.start), date.fromisoformat(span.end)
                    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
                assert built.setdefault(table, set()).isdisjoint(days)
                built[table] |= set(days)
        raise AssertionError(f"still not idle: {built}")


def contents(project: Project) -> dict[tuple[str, Day], str]:
    """The content of every partition in the files; "" if it is empty."""
    found: dict[tuple[str, Day], str] = {}
    for table in ALL:
        rows = project.warehouse.read_arrow(table)
        if not table.partitioned:
            found[table.full_name, None] = content_hash(rows)
            continue
        for day in project.warehouse.days_held(table):
            of_day = rows.filter(pc.equal(rows["day"], pa.scalar(day))).drop_columns("day")
            found[table.full_name, day] = content_hash(of_day) if of_day.num_rows else ""
    return found


def reads(table: Table, day: Day, changed: set[tuple[str, Day]], settings: Settings) -> bool:
    """Whether a partition depends on a changed one, by the table's declaration."""
    for other, moved in changed:
        depends = table.depends.get(other)
        if depends is None:
            continue
        if moved is None:
            return True
        back = depends.days_back(settings.feedback_match_days, settings.feedback_touch_days)
        if day is None or -back <= (moved - day).days <= depends.ahead:
            return True
    return False
