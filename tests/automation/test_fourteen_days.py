"""Fourteen days of schedules, sensors and changing providers: the final state and daily cost."""

import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import RunRecord

from feedback_assets.automation.refresh_sensor import NAME
from feedback_assets.automation.schedules import DAILY, MONTHLY, RESTATED_FOR_EVER
from feedback_assets.ingest.sources import SOURCES, WINDOW_DAYS, Source
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.schema.table import Table
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, REPORT_PAGES, find_table
from feedback_assets.transforms.inputs import Day
from tests.automation.moving_clock import Clock, Daemon, daemon, make_home, moving_clock
from tests.automation.robot import contents, reads
from tests.conftest import Project, configure

pytestmark = pytest.mark.slow

# The last day is the first of a month, so the monthly schedule runs too. All days since the first
# are within the 30 days that are reread by default, so the end state must match exactly.
LAST_TICK = date(2025, 11, 1)
DAYS = 14
FIRST_TICK = LAST_TICK - timedelta(days=DAYS - 1)
START = FIRST_TICK - timedelta(days=3)
ASLEEP = date(2025, 10, 22)
"""Nothing happens at any provider on the day before: the clock moves, and theirs does not."""
DOWN = date(2025, 10, 26)
"""Wicked Reports answers 503 all morning, and is well again the next day."""
BROKEN = "wicked_reports"
(PAGE,) = REPORT_PAGES

Contents = dict[tuple[str, Day], str]
Partitions = dict[str, Counter[Day]]


@dataclass(frozen=True)
class Morning:
    """What the daemon did between six o'clock and idle, with the state before and after."""

    runs: list[RunRecord]
    before: Contents
    after: Contents
    requests: Counter[tuple[str, str]]

    @property
    def reading(self) -> list[RunRecord]:
        return [run for run in self.runs if not _is_derived(run)]

    @property
    def building(self) -> list[RunRecord]:
        return [run for run in self.runs if _is_derived(run)]

    @property
    def built(self) -> Partitions:
        """How often each partition of a derived table was built."""
        found: Partitions = {}
        for run in self.building:
            (name,) = _tables(run)
            found.setdefault(name, Counter()).update(_days(run))
        return found

    @property
    def changed(self) -> set[tuple[str, Day]]:
        """Partitions whose content changed; an empty and a missing partition count as equal."""
        return {
            partition
            for partition, content in self.after.items()
            if content != self.before.get(partition, "")
        }

    def due(self, table: Table, project: Project) -> set[Day]:
        """The partitions to rebuild after the changes, by the table's declaration alone."""
        settings = project.settings
        if not table.partitioned:
            news = any(self._held(name)[0] < self._held(name)[1] for name in table.depends)
            return {None} if news or reads(table, None, self.changed, settings) else set()
        held = {day for name in table.depends for day in self._held(name)[1]}
        own = self._held(table.full_name)[0]
        return {day for day in held if day not in own or reads(table, day, self.changed, settings)}

    def _held(self, name: str) -> tuple[set[Day], set[Day]]:
        before, after = (
            {day for table, day in held if table == name} for held in (self.before, self.after)
        )
        return before, after


def _tables(run: RunRecord) -> list[str]:
    return sorted(".".join(key.path) for key in run.dagster_run.asset_selection or [])


_READ = {table.full_name for table in PROVIDER_TABLES}


def _is_derived(run: RunRecord) -> bool:
    return not any(name in _READ for name in _tables(run))


def _days(run: RunRecord) -> list[Day]:
    tags = run.dagster_run.tags
    if "dagster/asset_partition_range_start" not in tags:
        return [None]
    first, last = (
        date.fromisoformat(tags[f"dagster/asset_partition_range_{end}"]) for end in ("start", "end")
    )
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _failed(runs: list[RunRecord]) -> list[RunRecord]:
    return [run for run in runs if run.dagster_run.status is not dg.DagsterRunStatus.SUCCESS]


def _windows(source: Source, today: date, settings_days: int | None) -> int:
    """The number of runs that read a list for the trailing days, or since the start."""
    days = (today - START).days
    if settings_days is not None:
        days = min(days, settings_days)
    return 1 if source.whole_list else math.ceil(days / WINDOW_DAYS)


def _stretches(days: set[Day]) -> int:
    """The number of runs of consecutive days."""
    return sum(day is None or day - timedelta(days=1) not in days for day in days)


def _requests_recorded(instance: dg.DagsterInstance, runs: list[RunRecord]) -> int:
    """The request counts in the runs' materialisations, on the last day of each run.

    A list that fills two tables reports it on both."""
    total = 0
    for run in runs:
        logs = instance.all_logs(
            run.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        said = {
            entry.dagster_event.step_materialization_data.materialization.metadata["requests"].value
            for entry in logs
            if entry.dagster_event is not None
            and "requests" in entry.dagster_event.step_materialization_data.materialization.metadata
        }
        assert len(said) == 1, said
        total += int(str(said.pop()))
    return total


def _morning(machine: Daemon, project: Project, sandbox: Sandbox, at: datetime) -> Morning:
    machine.clock.move_to(at)
    sandbox.forget_requests()
    before, known = contents(project), len(machine.runs())
    machine.settle()
    return Morning(machine.runs()[known:], before, contents(project), sandbox.requests)


@pytest.fixture
def providers() -> Iterator[Sandbox]:
    with running_sandbox(
        seed=7, days=60, customers=400, today=LAST_TICK, faults=Faults(quotas=False)
    ) as sandbox:
        yield sandbox


def _line(day: date, morning: Morning) -> str:
    built = sum(sum(days.values()) for days in morning.built.values())
    read = {p for p in morning.changed if find_table(p[0]) not in DERIVED_TABLES}
    return (
        f"{day}  reading: {len(morning.reading):2d} runs, {sum(morning.requests.values()):3d}"
        f" requests, {len(read):3d} days with news"
        f"  building: {len(morning.building):2d} runs, {built:3d} partitions"
    )


def test_a_fortnight_of_refreshes_equals_a_full_rebuild_and_builds_only_what_changed(
    project: Project,
    providers: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(monkeypatch, providers)
    monkeypatch.setenv("FEEDBACK_START_DATE", str(START))
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "the same in both homes")
    the_day_before = datetime.combine(FIRST_TICK - timedelta(days=1), time(12), UTC)
    with moving_clock(the_day_before, monkeypatch) as clock:
        providers.set_now(clock.now)
        make_home(project)
        assert project.backfill(START, clock.now.date() - timedelta(days=1)).exit_code == 0
        # Other sensors have their own tests: here each run has one cause.
        with daemon(project, clock) as machine:
            machine.switch_on(DAILY, MONTHLY, NAME)
            diary = _live_through(machine, project, providers, clock)
        _a_late_answer_met_its_order(project)

        after = contents(project)
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "other_home"))
        monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(tmp_path / "other_warehouse"))
        assert project.backfill(START, LAST_TICK - timedelta(days=1)).exit_code == 0
        from_nothing = contents(project)
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *diary, ""]))
    assert {p: after.get(p) for p in from_nothing} == from_nothing
    assert set(after) == set(from_nothing)


def _live_through(machine: Daemon, project: Project, providers: Sandbox, clock: Clock) -> list[str]:
    """One line per morning: what was read, requested and built."""
    diary: list[str] = []
    # What the command built is not rebuilt, and at noon nothing is due.
    machine.settle()
    restated: set[tuple[str, Day]] = set()
    known = len(machine.runs())
    for number in range(DAYS):
        day = FIRST_TICK + timedelta(days=number)
        six = datetime.combine(day, time(6), UTC)
        if day != ASLEEP:
            providers.set_now(six)
        providers.set_faults(
            Faults(quotas=False, down=frozenset({BROKEN}) if day == DOWN else frozenset())
        )
        assert len(machine.runs()) == known
        morning = _morning(machine, project, providers, six)
        diary.append(_line(day, morning))
        _reads_equal_the_schedule(machine, project, day, morning)
        _builds_equal_the_changes(project, morning)
        restated |= {
            (name, of)
            for name, of in morning.changed
            if of is not None and of < day - timedelta(days=4)
        }
        # By noon the system is idle: another evaluation starts no run.
        known = len(machine.runs())
        clock.move_to(six + timedelta(hours=2))
        machine.settle()
        assert len(machine.runs()) == known
    assert "wicked_reports.orders" in {name for name, _ in restated}

    at_nine = datetime.combine(LAST_TICK, time(9), UTC)
    monthly = _morning(machine, project, providers, at_nine)
    diary.append(_line(LAST_TICK, monthly))
    assert Counter(name for run in monthly.runs for name in _tables(run)) == {
        table.full_name: _windows(source, LAST_TICK, None)
        for source in SOURCES
        for table in source.tables
        if table in RESTATED_FOR_EVER
    }
    # All restated days were reread without changes, so nothing is built.
    assert monthly.building == []
    assert monthly.after == monthly.before
    return diary


def _reads_equal_the_schedule(
    machine: Daemon, project: Project, day: date, morning: Morning
) -> None:
    days = project.settings.feedback_refresh_days
    wanted = Counter(
        {
            "+".join(sorted(table.full_name for table in source.tables)): _windows(
                source, day, days
            )
            for source in SOURCES
        }
    )
    assert Counter("+".join(_tables(run)) for run in morning.reading) == wanted
    first = max(START, day - timedelta(days=days))
    for run in morning.reading:
        assert first <= min(_days(run)) <= max(_days(run)) < day

    failed = _failed(morning.runs)
    if day == DOWN:
        assert failed == [r for r in morning.reading if _tables(r)[0].startswith(BROKEN)]
        for (name, of), content in morning.before.items():
            if name.startswith(BROKEN):
                assert morning.after[name, of] == content
    else:
        assert failed == []
        # The request counts on the tables' pages match the providers' counts, and building
        # sends no requests.
        assert _requests_recorded(machine.instance, morning.reading) == sum(
            morning.requests.values()
        )


def _builds_equal_the_changes(project: Project, morning: Morning) -> None:
    for table in DERIVED_TABLES:
        built = morning.built.get(table.full_name, Counter())
        due = morning.due(table, project)
        assert set(built.values()) <= {1}, table.full_name
        if table.partitioned:
            assert set(built) == due, table.full_name
        else:
            # Tables that look back at most a year need not consider older days.
            assert set(built) <= due, table.full_name
        runs = [run for run in morning.building if _tables(run) == [table.full_name]]
        assert len(runs) == _stretches(set(built)), table.full_name
    built_page = PAGE.full_name in morning.built
    assert built_page or not any(name in PAGE.depends for name, _ in morning.changed)
    assert not built_page or PAGE.depends.keys() & morning.built.keys()


def _a_late_answer_met_its_order(project: Project) -> None:
    """At least one answer arrived a week or more after its order."""
    rows = project.warehouse.read_arrow(find_table("marts.order_feedback"), FIRST_TICK).to_pylist()
    waits = [row["days_to_response"] for row in rows if row["match_method"] == "order_id"]
    assert max(waits) >= 7
