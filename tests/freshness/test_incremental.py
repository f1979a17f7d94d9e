"""After any changes, building what is due leaves the rows of a build from nothing."""

import os
import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback_assets.assets.defined import definitions_of, spans
from feedback_assets.days import days_between
from feedback_assets.freshness.refresh import plan_refresh
from feedback_assets.privacy.forget import forget
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings, load_settings
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, STORED_TABLES
from feedback_assets.transforms.engine import Parameters, build_days, build_whole
from feedback_assets.transforms.inputs import Day, Recorded, inputs_hashes
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse
from tests.transforms.worlds import DAYS, FIRST, LAST, Row, World, arrow, worlds

# A restated day: the table and the number of the day. Its rows are those of another world.
RESTATED = st.tuples(
    st.just("restated"),
    st.sampled_from([table.full_name for table in PROVIDER_TABLES]),
    st.sampled_from(DAYS[:-1]),
)
# The last day of every table is kept: windows end there, and an empty partition is a day as well.
DROPPED = st.tuples(st.just("dropped"), st.just(""), st.sampled_from(DAYS[:-1]))
FORGOTTEN = st.tuples(
    st.just("forgotten"), st.sampled_from(["a@x.y", "b@x.y", "é@x.y"]), st.just(FIRST)
)
Change = tuple[str, str, date]


class Refreshed:
    """A warehouse in which only what is due is built, as the sensor does it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "warehouse"
        self.settings = _settings(directory, self.directory)
        self.warehouse = Warehouse(self.settings.warehouse, self.settings.erasure_secret)
        self.parameters = Parameters(
            match_days=self.settings.feedback_match_days,
            touch_days=self.settings.feedback_touch_days,
            customer_secret=self.settings.customer_secret(),
            threads=1,
        )
        self.built_from: dict[str, dict[Day, str]] = {
            table.full_name: {} for table in STORED_TABLES
        }

    def put(self, name: str, day: date, rows: list[Row]) -> None:
        (table,) = (table for table in PROVIDER_TABLES if table.full_name == name)
        of_day = [row for row in rows if row["day"] == day]
        self.warehouse.replace_day(table, day, arrow(table, of_day).drop_columns("day"))

    def drop(self, day: date) -> None:
        """Remove the day from every table, as someone does who no longer wants to keep it."""
        for path in self.directory.glob(f"*/*/day={day}"):
            shutil.rmtree(path)
        for built in self.built_from.values():
            built.pop(day, None)

    def content(self) -> dict[str, dict[Day, str]]:
        """The content of every stored partition, ``""`` for one without rows."""
        found: dict[str, dict[Day, str]] = {}
        for table in STORED_TABLES:
            days: list[Day] = [None]
            if table.partitioned:
                days = list(self.warehouse.days_held(table))
            elif not self.warehouse.files(table):
                continue
            found[table.full_name] = {day: self._content(table, day) for day in days}
        return found

    def _content(self, table: Table, day: Day) -> str:
        rows = self.warehouse.read_arrow(table, day, day)
        if table.partitioned:
            rows = rows.drop_columns("day")
        return content_hash(rows) if rows.num_rows else ""

    def settle(self) -> None:
        """Build until nothing is due."""
        definitions = definitions_of(DERIVED_TABLES, self.settings)
        for _ in range(10):
            contents = self.content()
            recorded = {
                name: Recorded(held, self.built_from[name]) for name, held in contents.items()
            }
            plan = plan_refresh(
                DERIVED_TABLES, recorded, spans(self.settings), FIRST, LAST, definitions=definitions
            )
            if not plan.builds:
                return
            for build in plan.builds:
                self._build(build.table, build.first, build.last)
                days: list[Day] = [None]
                if build.first is not None and build.last is not None:
                    days = list(days_between(build.first, build.last))
                self.built_from[build.table.full_name] |= inputs_hashes(
                    build.table,
                    days,
                    contents,
                    spans(self.settings),
                    definitions[build.table.full_name],
                )
        raise AssertionError("never settles")

    def _build(self, table: Table, first: Day, last: Day) -> None:
        if first is None or last is None:
            rows = build_whole(table, self.warehouse, self.parameters)
            self.warehouse.replace_whole(table, rows)
            return
        for day, rows in build_days(table, first, last, self.warehouse, self.parameters):
            self.warehouse.replace_day(table, day, rows)


def _settings(directory: Path, warehouse: Path) -> Settings:
    return load_settings(
        {
            "DAGSTER_HOME": str(directory / "home"),
            "FEEDBACK_WAREHOUSE": str(warehouse),
            "FEEDBACK_CUSTOMER_SECRET": "a secret for tests only",
            "FEEDBACK_START_DATE": FIRST.isoformat(),
            "FEEDBACK_MATCH_DAYS": "2",
            "FEEDBACK_TOUCH_DAYS": "2",
        }
    )


def _apply(refreshed: Refreshed, change: Change, other: World) -> None:
    kind, name, day = change
    if kind == "restated":
        refreshed.put(name, day, other.get(name, []))
    elif kind == "dropped":
        refreshed.drop(day)
    else:
        forget(refreshed.settings, dg.Definitions(), name)


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("INCREMENTAL_EXAMPLES", "4")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    worlds(),
    st.lists(
        st.tuples(worlds(), st.lists(RESTATED | DROPPED | FORGOTTEN, min_size=1, max_size=4)),
        min_size=1,
        max_size=2,
    ),
)
def test_restated_days_dropped_days_and_forgotten_people_leave_the_rows_of_a_build_from_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    first: World,
    rounds: list[tuple[World, list[Change]]],
) -> None:
    refreshed = Refreshed(tmp_path_factory.mktemp("refreshed"))
    for table in PROVIDER_TABLES:
        for day in DAYS:
            refreshed.put(table.full_name, day, first.get(table.full_name, []))
    refreshed.settle()
    for other, changes in rounds:
        for change in changes:
            _apply(refreshed, change, other)
        refreshed.settle()

    fresh = Refreshed(tmp_path_factory.mktemp("fresh"))
    for table in PROVIDER_TABLES:
        source = refreshed.directory / table.group / table.name
        if source.exists():
            shutil.copytree(source, fresh.directory / table.group / table.name)
    fresh.settle()
    assert refreshed.content() == fresh.content()
