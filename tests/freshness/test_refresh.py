"""The planner against a warehouse simulated day by day, with changes in any order."""

import random
import time
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_assets.days import ranges
from feedback_assets.freshness.refresh import Build, plan_refresh, stale_partitions
from feedback_assets.schema.table import Table
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, READ_TABLES, find_table
from feedback_assets.transforms.inputs import Day, Recorded, Spans, inputs_hashes

SPANS = Spans(match_days=3, touch_days=2)
START = date(2024, 3, 1)
DAYS = [START + timedelta(days=n) for n in range(9)]
Inputs = frozenset[tuple[str, object, str]]
DEFINITIONS = {table.full_name: "as first written" for table in DERIVED_TABLES}

# Which derived tables have a changed definition, and which of three definitions.
redefined = st.lists(
    st.tuples(st.sampled_from(DERIVED_TABLES), st.sampled_from(["as first written", "b", "c"])),
    max_size=2,
)

# Content of a provider's day: missing, empty, or one of two versions.
changes = st.lists(
    st.tuples(
        st.sampled_from(PROVIDER_TABLES), st.sampled_from(DAYS), st.sampled_from(["", "a", "b"])
    ),
    max_size=12,
)


class Simulated:
    """Tables whose content is a function of their inputs, computed by brute force."""

    def __init__(self) -> None:
        self.content: dict[str, dict[Day, str]] = {}
        self.built_of: dict[tuple[str, Day], Inputs] = {}
        self.recorded: dict[str, dict[Day, str]] = {}
        self.events: dict[str, dict[Day, int]] = {}
        self.builds = 0
        self.definitions = dict(DEFINITIONS)

    def inputs(self, table: Table, day: Day) -> Inputs:
        """Everything a partition is computed from: rows, the end of the window, the definition."""
        found: set[tuple[str, object, str]] = set()
        if any(self.content.get(name) for name in table.depends):
            found.add((table.full_name, "defined", self.definitions[table.full_name]))
        end = day
        if not table.partitioned:
            # Windows end with the last day of the first input that has days.
            first = [name for name in table.depends if find_table(name).partitioned][:1]
            days = [d for name in first for d in self.content.get(name, {}) if d is not None]
            end = max(days, default=None)
            found.update((name, "last", str(end)) for name in first)
        for name, depends in table.depends.items():
            for other, rows in self.content.get(name, {}).items():
                if other is None:
                    found.add((name, "whole", rows))
                    continue
                # A day without rows counts only where the query asks which days are stored.
                if name == table.asks_days_of:
                    found.add((name, other, "is stored"))
                back = depends.days_back(SPANS.match_days, SPANS.touch_days)
                every = depends.every or end is None
                if rows and (every or -back <= (other - end).days <= depends.ahead):
                    found.add((name, other, rows))
        return frozenset(found)

    def build(self, table: Table, day: Day) -> None:
        inputs = self.inputs(table, day)
        # Few possible contents, so that different inputs often give equal rows, and often none.
        rows = "", "x", "y"
        chosen = random.Random(repr(sorted(map(repr, inputs)))).choice(rows) if inputs else ""
        self.recorded.setdefault(table.full_name, {})[day] = inputs_hashes(
            table, [day], self.content, SPANS, self.definitions[table.full_name]
        )[day]
        self.content.setdefault(table.full_name, {})[day] = chosen
        self.built_of[table.full_name, day] = inputs
        self.builds += 1
        self.events.setdefault(table.full_name, {})[day] = self.builds

    def plan(self) -> tuple[Build, ...]:
        recorded = {
            table.full_name: Recorded(
                self.content.get(table.full_name, {}),
                self.recorded.get(table.full_name, {}),
                events=self.events.get(table.full_name, {}),
            )
            for table in PROVIDER_TABLES + DERIVED_TABLES
        }
        return plan_refresh(
            DERIVED_TABLES, recorded, SPANS, DAYS[0], DAYS[-1], definitions=self.definitions
        ).builds

    def settle(self) -> None:
        """Build until nothing is due; every build must be necessary, and none is repeated."""
        built = set()
        for _ in range(20):
            builds = self.plan()
            if not builds:
                return
            for build in builds:
                for day in days_of(build):
                    partition = (build.table.full_name, day)
                    assert self.built_of.get(partition) != self.inputs(build.table, day)
                    assert partition not in built
                    built.add(partition)
                    self.build(build.table, day)
        raise AssertionError("never settles")


def days_of(build: Build) -> Iterator[Day]:
    if build.first is None or build.last is None:
        yield None
        return
    for offset in range((build.last - build.first).days + 1):
        yield build.first + timedelta(days=offset)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(changes, redefined), min_size=1, max_size=4))
def test_after_any_changes_tables_equal_a_full_rebuild_and_no_build_is_wasted(
    rounds: list[tuple[list[tuple[Table, date, str]], list[tuple[Table, str]]]],
) -> None:
    world, provider = Simulated(), {}
    for changed, defined in rounds:
        world.definitions |= {table.full_name: text for table, text in defined}
        for table, day, rows in changed:
            provider[table.full_name, day] = rows
            world.content.setdefault(table.full_name, {})[day] = rows
        world.settle()
    rebuilt = Simulated()
    rebuilt.definitions = world.definitions
    for (name, day), rows in provider.items():
        rebuilt.content.setdefault(name, {})[day] = rows
    rebuilt.settle()
    assert world.content == rebuilt.content
    for table in DERIVED_TABLES:
        for day in world.content.get(table.full_name, {}):
            assert world.built_of[table.full_name, day] == world.inputs(table, day)


def test_tables_are_listed_in_dependency_order() -> None:
    seen = {table.full_name for table in READ_TABLES}
    for table in DERIVED_TABLES:
        assert set(table.depends) <= seen, table.full_name
        seen.add(table.full_name)


def test_a_day_reached_only_by_a_window_is_rebuilt_but_not_created() -> None:
    world = Simulated()
    world.content["wicked_reports.clicks"] = {DAYS[0]: "a"}
    world.content["wicked_reports.orders"] = {DAYS[0]: "a", DAYS[2]: "a"}
    world.settle()
    held = world.content["unified.attribution"]
    assert set(held) == {DAYS[0], DAYS[2]}
    world.content["wicked_reports.clicks"][DAYS[0]] = "b"
    (attribution,) = {build.table for build in world.plan()}
    assert attribution is find_table("unified.attribution")
    due = [day for build in world.plan() for day in days_of(build)]
    assert due == [DAYS[0], DAYS[2]]


def test_a_new_empty_day_changes_no_window_but_extends_whole_tables() -> None:
    world = Simulated()
    for name in ("wicked_reports.orders", "feedbackpulse.submissions"):
        world.content[name] = dict.fromkeys(DAYS[:4], "a")
    world.settle()
    world.content["fullwhere.survey_trackers"] = {DAYS[2]: ""}
    assert {build.table.full_name for build in world.plan()} == {"marts.survey_funnel"}
    world.content["wicked_reports.orders"][DAYS[4]] = ""
    world.settle()
    assert world.built_of["marts.nps_by_channel", None] >= {
        ("marts.nps_by_attribution", "last", str(DAYS[4]))
    }


def test_a_table_that_a_new_version_adds_is_built_before_the_tables_that_read_it() -> None:
    world, customers = Simulated(), find_table("marts.customers")
    for name in ("wicked_reports.orders", "feedbackpulse.submissions"):
        world.content[name] = dict.fromkeys(DAYS[:4], "a")
    world.settle()
    del world.content[customers.full_name], world.recorded[customers.full_name]
    # The tables that read it have new queries.
    readers = {table.full_name for table in DERIVED_TABLES if customers.full_name in table.depends}
    world.definitions |= dict.fromkeys(readers, "as in the new version")
    assert {build.table for build in world.plan()} == {customers}
    world.built_of.pop((customers.full_name, None))
    world.settle()
    assert world.content[customers.full_name].keys() == {None}


def test_content_that_returns_gets_a_new_version_each_time() -> None:
    world, versions = Simulated(), []
    orders = find_table("unified.orders")
    for rows in ("a", "b", "a", "b"):
        world.content["wicked_reports.orders"] = {START: rows}
        (build,) = [build for build in world.plan() if build.table is orders]
        (same,) = [build for build in world.plan() if build.table is orders]
        assert build == same
        versions.append(build.version)
        world.settle()
    assert len(set(versions)) == 4


def test_a_longer_window_is_a_different_input() -> None:
    attribution = find_table("unified.attribution")
    contents = {"wicked_reports.orders": {START: "a"}}
    hashes = {
        touch: inputs_hashes(attribution, [START], contents, Spans(90, touch), "one")[START]
        for touch in (30, 31)
    }
    assert hashes[30] != hashes[31]


def test_a_changed_definition_makes_only_its_own_table_due() -> None:
    world = Simulated()
    world.content["wicked_reports.orders"] = dict.fromkeys(DAYS[:3], "a")
    world.settle()
    world.definitions["unified.orders"] = "another"
    (build,) = world.plan()
    assert build.table is find_table("unified.orders")
    assert list(days_of(build)) == DAYS[:3]


@pytest.mark.parametrize("longest", [None, 1, 3])
@given(days=st.sets(st.integers(0, 30)))
def test_ranges_cover_every_day_once_with_as_few_ranges_as_possible(
    longest: int | None, days: set[int]
) -> None:
    found = list(ranges({START + timedelta(days=n) for n in days}, longest))
    held = [
        (start + timedelta(days=n)) for start, end in found for n in range((end - start).days + 1)
    ]
    assert held == sorted(START + timedelta(days=n) for n in days)
    for (_, end), (start, _) in pairwise(found):
        assert start > end
        assert start - end > timedelta(days=1) or longest is not None
    if longest is not None:
        assert all((end - start).days < longest for start, end in found)


def test_planning_three_years_takes_less_than_two_seconds() -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(1096)]
    held = {day: f"{n:064d}" for n, day in enumerate(days)}
    recorded = {table.full_name: Recorded(held) for table in PROVIDER_TABLES + DERIVED_TABLES}
    started = time.process_time()
    plan = plan_refresh(
        DERIVED_TABLES, recorded, Spans(90, 30), days[0], days[-1], definitions=DEFINITIONS
    )
    assert time.process_time() - started < 2
    assert {build.table.full_name for build in plan.builds} >= {"unified.feedback"}


def test_newly_read_days_make_the_tables_that_read_them_stale() -> None:
    def stale(new: dict[str, set[Day]]) -> dict[str, set[Day]]:
        return stale_partitions(
            DERIVED_TABLES, recorded, SPANS, DAYS[0], DAYS[-1], definitions=definitions, new=new
        )

    definitions = {table.full_name: "" for table in DERIVED_TABLES}
    held = dict.fromkeys(DAYS[5:], "x")
    contents = {table.full_name: held for table in PROVIDER_TABLES + DERIVED_TABLES}
    contents |= {table.full_name: {None: "x"} for table in DERIVED_TABLES if not table.partitioned}
    recorded = {
        table.full_name: Recorded(
            contents[table.full_name],
            inputs_hashes(table, contents[table.full_name], contents, SPANS, "")
            if table in DERIVED_TABLES
            else {},
        )
        for table in PROVIDER_TABLES + DERIVED_TABLES
    }
    assert stale({}) == {}
    found = stale({"wicked_reports.orders": {DAYS[4]}, "unified.orders": {DAYS[4]}})
    # The match window of these answers reaches back to the new orders.
    assert found["marts.order_feedback"] == {day for day in held if day <= DAYS[4 + 3]}
    assert found["marts.customer_value"] == {None}
    assert "unified.feedback" not in found
