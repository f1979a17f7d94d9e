"""New answers: each is read once after its day ends, and none is lost."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from feedback_assets.assets.recorded import record_days
from feedback_assets.automation.cursors import encode
from feedback_assets.automation.new_answers import (
    GIVEN_UP_AFTER,
    News,
    Reading,
    State,
    feeds,
    look,
    remembered,
    settle,
    windows,
)
from feedback_assets.automation.new_answers_sensors import new_answers_sensors, sensor_name
from feedback_assets.diagnosis.providers import connect
from feedback_assets.ingest.parse import parse_page
from feedback_assets.ingest.sources import source_of
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.settings import load_settings
from feedback_assets.tables import find_table
from feedback_assets.warehouse.erased import Addition
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project, configure

NOON = datetime.combine(YESTERDAY - timedelta(days=3), time(12), UTC)
DAY = NOON.date()
PROVIDERS = tuple(provider.name for provider in REGISTRY if provider.feed)
TABLES = {
    "thanx": "thanx.feedbacks",
    "feedbackpulse": "feedbackpulse.submissions",
    "retargeting": "retargeting.order_feedback",
}
each_provider = pytest.mark.parametrize("provider", PROVIDERS)


@pytest.fixture(scope="module")
def _busy() -> Iterator[Sandbox]:
    faults = Faults(quotas=False)
    with running_sandbox(seed=3, days=40, customers=2000, faults=faults) as sandbox:
        yield sandbox


class Watcher:
    """A daemon that ticks one sensor and launches its requests; the test moves its clock."""

    def __init__(self, project: Project, sandbox: Sandbox, provider: str) -> None:
        self.project, self.sandbox, self.provider = project, sandbox, provider
        self.instance = dg.DagsterInstance.ephemeral()
        self.now = NOON
        self.cursor: str | None = None
        self.keys: list[str] = []
        self.requests = 0
        self.defs = project.defs
        (self.sensor,) = (
            sensor
            for sensor in new_answers_sensors(project.settings, lambda: self.now)
            if sensor.name == sensor_name(provider)
        )

    def tick(self, now: datetime, *, run: bool = True) -> tuple[list[str], str]:
        """The days requested under a new run key, and the tick's message."""
        self.now = now
        self.sandbox.set_now(now)
        self.sandbox.forget_requests()
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, definitions=self.defs
        ) as context:
            found = self.sensor.evaluate_tick(context)
        self.requests = self.sandbox.requests.total()
        self.cursor = found.cursor
        requests = [r for r in found.run_requests or [] if r.run_key not in self.keys]
        self.keys += [str(request.run_key) for request in requests]
        days = []
        for request in requests:
            span = request.partition_key_range
            assert span is not None
            first, last = date.fromisoformat(span.start), date.fromisoformat(span.end)
            days += [str(first + timedelta(days=n)) for n in range((last - first).days + 1)]
            if run:
                self.run(request)
        return days, found.skip_message or ""

    def run(self, request: dg.RunRequest) -> None:
        result = self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=request.asset_selection,
            tags=dict(request.tags),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        assert result.success


@pytest.fixture
def watched(
    project: Project, _busy: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Project, Sandbox]]:
    configure(monkeypatch, _busy)
    _busy.set_faults(Faults(quotas=False))
    yield project, _busy
    _busy.set_faults(Faults(quotas=False))


def given_since(project: Project, provider: str, since: datetime) -> dict[str, tuple[date, Any]]:
    """All current answers of the provider given since then, with their day."""
    feed = next(feed for feed in feeds(project.settings) if feed.provider == provider)
    with connect(provider, project.settings) as client:
        pages = list(
            source_of(feed.table).read(client, DAY - timedelta(days=10), DAY + timedelta(days=3))
        )
    zone = source_of(feed.table).typing(project.settings.zone(provider))
    rows = [
        row
        for page in pages
        for row in parse_page(page[feed.table.full_name].records, feed.table, zone).rows.to_pylist()
    ]
    return {
        str([row[name] for name in feed.table.key]): (row[feed.table.event_time].date(), row)
        for row in rows
        if (row["rated_at"] if provider == "thanx" else row[feed.table.event_time]) is not None
        and (row["rated_at"] if provider == "thanx" else row[feed.table.event_time]) >= since
    }


@pytest.mark.slow
@each_provider
def test_new_answers_are_read_once_after_their_day_ends(
    watched: tuple[Project, Sandbox], provider: str
) -> None:
    watcher = Watcher(*watched, provider)
    table = find_table(TABLES[provider])
    watcher.tick(NOON)
    for hours in (6, 11, 12.1, 20):
        days, _ = watcher.tick(NOON + timedelta(hours=hours))
        assert all(day < str(watcher.now.date()) for day in days)
        assert watcher.requests == 1

    given = given_since(watcher.project, provider, NOON)
    over = {key: row for key, (day, row) in given.items() if day < watcher.now.date()}
    held = {
        str([row[name] for name in table.key]): row
        for row in watcher.project.warehouse.read_arrow(table).to_pylist()
    }
    assert over
    for key, row in over.items():
        assert {name: held[key][name] for name in row} == row
    # The daemon lost its cursor: all finished days that it sees are stored.
    fresh = Watcher(*watched, provider)
    assert fresh.tick(watcher.now)[0] == []


@pytest.mark.slow
@each_provider
def test_while_a_provider_is_down_the_tick_reports_it_and_loses_nothing(
    watched: tuple[Project, Sandbox], provider: str
) -> None:
    watcher = Watcher(*watched, provider)
    watcher.tick(NOON)
    before = watcher.cursor
    watcher.sandbox.set_faults(Faults(quotas=False, down=frozenset({provider})))
    days, said = watcher.tick(NOON + timedelta(hours=20))
    assert days == []
    assert said.startswith(provider)
    assert "503" in said
    assert "try again later" in said
    assert watcher.cursor == before
    watcher.sandbox.set_faults(Faults(quotas=False))
    days, _ = watcher.tick(NOON + timedelta(hours=20, minutes=5))
    given = given_since(watcher.project, provider, NOON)
    assert {str(day) for day, _ in given.values() if day <= DAY} <= set(days)
    assert days


def test_a_wrong_key_is_named_with_its_variable(
    watched: tuple[Project, Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACKPULSE_API_KEY", "wrong-and-secret")
    watcher = Watcher(*watched, "feedbackpulse")
    _, said = watcher.tick(NOON)
    # A failed first evaluation also sets the start for the next one.
    assert remembered(watcher.cursor, NOON + timedelta(days=1)).asked == NOON
    assert "FEEDBACKPULSE_API_KEY" in said
    assert "wrong-and-secret" not in said


def test_a_failed_run_is_requested_again_only_on_the_next_day(
    watched: tuple[Project, Sandbox],
) -> None:
    watcher = Watcher(*watched, "retargeting")
    for hour in range(12):
        watcher.tick(NOON + timedelta(hours=hour), run=False)
    midnight = datetime.combine(DAY + timedelta(days=1), time(0, 5), UTC)
    first, _ = watcher.tick(midnight, run=False)
    assert str(DAY) in first
    assert str(DAY) not in watcher.tick(midnight + timedelta(minutes=5), run=False)[0]
    assert str(DAY) in watcher.tick(midnight + timedelta(days=1), run=False)[0]


def test_an_answer_still_owed_after_a_read_is_requested_under_a_new_run_key(
    watched: tuple[Project, Sandbox],
) -> None:
    watcher = Watcher(*watched, "retargeting")
    table = find_table(TABLES["retargeting"])
    after = NOON + timedelta(days=1)
    since = encode(State(NOON))
    watcher.cursor = since
    assert str(DAY) in watcher.tick(after, run=False)[0]
    # The daemon lost its cursor, and no run has read the day.
    watcher.cursor = since
    assert watcher.tick(after, run=False)[0] == []
    # It was read, and the answer has been changed back since.
    record_days(watcher.instance, table, NO_PREFIX, {DAY: {"content_hash": "another"}})
    watcher.cursor = since
    assert str(DAY) in watcher.tick(after, run=False)[0]


def test_the_answer_of_an_erased_person_is_not_new_once_its_day_is_read(
    watched: tuple[Project, Sandbox],
) -> None:
    project, _ = watched
    answers = given_since(project, "feedbackpulse", NOON).values()
    email = next(
        row["customer_email"] for day, row in answers if day == DAY and row["text_feedback"]
    )
    warehouse = Warehouse(project.settings.warehouse, project.settings.erasure_secret)
    hashes = warehouse.add_erased(Addition("x", frozenset())).hashes_of("email", email)
    warehouse.add_erased(Addition(min(hashes), frozenset(hashes)))
    watcher = Watcher(*watched, "feedbackpulse")
    watcher.cursor = encode(State(NOON))
    assert str(DAY) in watcher.tick(NOON + timedelta(days=1))[0]
    assert email not in str(project.warehouse.read_arrow(find_table(TABLES["feedbackpulse"])))
    watcher.cursor = encode(State(NOON))
    assert watcher.tick(NOON + timedelta(days=1))[0] == []
    assert not set(remembered(watcher.cursor, NOON).owed) & {DAY}


def test_answers_beyond_the_first_page_are_detected(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_sandbox(seed=3, days=30, customers=2000, faults=Faults(quotas=False)) as sandbox:
        configure(monkeypatch, sandbox)
        sandbox.set_now(NOON)
        (feed,) = (f for f in feeds(project.settings) if f.provider == "feedbackpulse")
        with connect("feedbackpulse", project.settings) as client:
            news = look(client, feed, NOON - timedelta(days=20), "UTC", sandbox.world.first_day)
        truth = sandbox.truth(DAY - timedelta(days=21), DAY)["feedbackpulse.submissions"]["rows"]
    assert sum(len(rows) for rows in news.rows.values()) == truth > 100
    assert not news.flood
    assert sandbox.requests.total() == -(-truth // 100)


def test_only_loaded_providers_have_sensors_and_these_start_stopped() -> None:
    def names(environ: dict[str, str]) -> set[str]:
        return {sensor.name for sensor in new_answers_sensors(load_settings(environ))}

    # Thanx's consumer list cannot be filtered by new answers.
    assert names({}) == {"read_new_feedbackpulse", "read_new_retargeting"}
    assert names({"FEEDBACK_PROVIDERS": "thanx,wicked_reports", "THANX_MERCHANT_ID": "m"}) == {
        "read_new_thanx"
    }
    for sensor in new_answers_sensors(load_settings({})):
        assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


# The bookkeeping of pending days, without any provider.

TODAY = date(2026, 3, 10)
MORNING = datetime(2026, 3, 10, 9, tzinfo=UTC)
MONDAY, TUESDAY = date(2026, 3, 9), TODAY


def empty_warehouse(_day: date, _keys: set[str]) -> dict[str, str]:
    return {}


def test_an_answer_of_today_waits_until_its_day_is_a_partition() -> None:
    state, due = settle(State(MORNING), News({TUESDAY: {"a": "1"}}), empty_warehouse, MORNING, 30)
    assert due == []
    state = remembered(encode(state), MORNING)
    _, due = settle(state, News({}), empty_warehouse, MORNING + timedelta(days=1), 30)
    assert [(reading.first, reading.last) for reading in due] == [(TUESDAY, TUESDAY)]


def test_a_changed_answer_requests_its_day_again_with_a_new_run_key() -> None:
    state, first = settle(State(MORNING), News({MONDAY: {"a": "1"}}), empty_warehouse, MORNING, 30)
    state, same = settle(state, News({MONDAY: {"a": "1"}}), empty_warehouse, MORNING, 30)
    state, other = settle(state, News({MONDAY: {"a": "2"}}), empty_warehouse, MORNING, 30)
    assert (len(first), same, len(other)) == (1, [], 1)
    assert first[0].version != other[0].version
    state, _ = settle(state, News({}), lambda _day, _keys: {"a": "2"}, MORNING, 30)
    assert (state.owed, state.requested) == ({}, {})


def test_a_row_that_does_not_land_with_its_day_requests_no_extra_run() -> None:
    news = News({MONDAY: {"a": "1", "b": "2"}})
    state, first = settle(State(MORNING), news, empty_warehouse, MORNING, 30)
    state, rest = settle(state, news, lambda _day, _keys: {"a": "1"}, MORNING, 30)
    assert (len(first), rest) == (1, [])
    assert state.owed == {MONDAY: {"b": "2"}}


def test_a_tick_with_a_lost_cursor_requests_the_same_run_key() -> None:
    news = News({MONDAY: {"b": "2", "a": "1"}})
    other = News({MONDAY: {"a": "1", "b": "2"}})
    assert (
        settle(State(MORNING), news, empty_warehouse, MORNING, 30)[1]
        == settle(State(MORNING), other, empty_warehouse, MORNING, 30)[1]
    )


def test_rows_that_no_run_lands_are_not_requested_for_ever() -> None:
    state, due = settle(State(MORNING), News({MONDAY: {"a": "1"}}), empty_warehouse, MORNING, 30)
    asked = len(due)
    for day in range(1, 10):
        later = MORNING + timedelta(days=day)
        state, due = settle(state, News({}), empty_warehouse, later, 30)
        asked += len(due)
    assert asked == GIVEN_UP_AFTER.days
    assert state.owed == {}


def test_a_flood_reads_the_recent_days_once_a_day() -> None:
    flood = News({TUESDAY: {"a": "1"}}, flood=True)
    state, due = settle(State(MORNING), flood, empty_warehouse, MORNING, 30)
    assert [(r.first, r.last) for r in due] == [(date(2026, 2, 8), MONDAY)]
    state, due = settle(state, flood, empty_warehouse, MORNING + timedelta(hours=1), 30)
    assert due == []
    (feed,) = feeds(load_settings({"FEEDBACK_PROVIDERS": "feedbackpulse"}))
    whole = Reading(date(2026, 2, 8), MONDAY, "flood")
    assert [(r.first, r.last) for r in windows(feed, [whole], date(2026, 2, 10))] == [
        (date(2026, 2, 10), MONDAY)
    ]
    assert [(r.first, r.last) for r in windows(feed, [whole], date(2024, 1, 1))] == [
        (date(2026, 2, 8), date(2026, 3, 7)), (date(2026, 3, 8), MONDAY)
    ]  # fmt: skip
    (feed,) = feeds(load_settings({"FEEDBACK_PROVIDERS": "retargeting"}))
    parts = [Reading(day, day, "1") for day in (date(2026, 1, 5), MONDAY)]
    assert [(r.first, r.last) for r in windows(feed, parts, date(2024, 1, 1))] == [
        (date(2026, 1, 5), MONDAY)
    ]


def test_a_shifted_list_is_requested_again_for_the_same_period() -> None:
    later = MORNING + timedelta(minutes=5)
    shifted = News({MONDAY: {"a": "1"}}, shifted=True)
    state, due = settle(State(MORNING), shifted, empty_warehouse, later, 30)
    assert (state.asked, len(due)) == (MORNING, 1)
    assert settle(state, News({}), empty_warehouse, later, 30)[0].asked == later
    # A flood may shift each time, and its days are read in any case.
    flood = News({}, flood=True, shifted=True)
    assert settle(state, flood, empty_warehouse, later, 30)[0].asked == later


@pytest.mark.parametrize("cursor", [None, "", "not json", '{"other": 1}'])
def test_an_unreadable_cursor_is_reset_to_now(cursor: str | None) -> None:
    here = MORNING.astimezone(ZoneInfo("Europe/Paris"))
    assert remembered(cursor, here) == State(asked=here)
