"""Alerts on new answers: once, in the first tick that sees a detractor, and about nobody else."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets.alerts.book import Book, mark_of, read_book
from feedback_assets.alerts.new_answers import NewAnswerAlerts, notice
from feedback_assets.alerts.sensors import DETRACTORS, alert_sensors
from feedback_assets.alerts.served import Served
from feedback_assets.automation.new_answers_sensors import new_answers_sensors, sensor_name
from feedback_assets.diagnosis.providers import connect
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables.marts import DETRACTOR_QUEUE, ORDER_FEEDBACK
from feedback_assets.tables.unified import ATTRIBUTION, FEEDBACK, ORDERS
from feedback_assets.warehouse.erased import Addition
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project, configure

TODAY = YESTERDAY
NOON = datetime.combine(TODAY, time(12), UTC)
COMMENT = "Cold! Call me: +49 170 1234567 @channel"


@pytest.fixture(scope="module")
def _quiet_shop() -> Iterator[Sandbox]:
    with running_sandbox(seed=3, days=3, customers=1, faults=Faults(quotas=False)) as sandbox:
        yield sandbox


class Watched:
    """FeedbackPulse, to which customers answer, and a daemon that ticks its sensor."""

    provider = "feedbackpulse"

    def __init__(self, project: Project, sandbox: Sandbox, server: HTTPServer) -> None:
        self.project, self.sandbox = project, sandbox
        self.instance = dg.DagsterInstance.ephemeral()
        self.now = NOON
        self.cursors: dict[str, str | None] = {}
        self.status = 200
        self.messages: list[tuple[str, str]] = []
        server.expect_request("/hook").respond_with_handler(self._take)

    def _take(self, request: Request) -> Response:
        if self.status == 200:
            alerted = request.get_json()
            self.messages.append((alerted["title"], alerted["message"]))
        return Response("", self.status)

    def answer(self, score: int, **fields: Any) -> int:
        """A customer answers now; returns the submission's number."""
        self.sandbox.set_now(self.now)
        with connect(self.provider, self.project.settings) as client:
            made = client.create(campaign_id=1, nps_score=score, **fields)
        return int(made["id"])

    def tick(self, minutes: float = 5, *, keep_cursor: bool = True) -> str:
        """Evaluate ``read_new_feedbackpulse`` some minutes later; returns its message."""
        self.now += timedelta(minutes=minutes)
        self.sandbox.set_now(self.now)
        settings = self.project.settings
        found = new_answers_sensors(settings, lambda: self.now, NewAnswerAlerts(settings))
        (sensor,) = (one for one in found if one.name == sensor_name(self.provider))
        return self._evaluate(sensor, keep_cursor=keep_cursor)

    def morning(self) -> str:
        """Evaluate ``alert_on_detractors``."""
        found = alert_sensors(self.project.settings, lambda: self.now)
        (sensor,) = (one for one in found if one.name == DETRACTORS)
        return self._evaluate(sensor, keep_cursor=True)

    def _evaluate(self, sensor: dg.SensorDefinition, *, keep_cursor: bool) -> str:
        cursor = self.cursors.get(sensor.name)
        with dg.build_sensor_context(instance=self.instance, cursor=cursor) as context:
            found = sensor.evaluate_tick(context)
        if keep_cursor:
            self.cursors[sensor.name] = found.cursor
        return found.skip_message or ""

    def build_marts(self, *numbers: int, score: int = 2) -> None:
        """The marts as a morning's run leaves them, with these answers."""
        rows = [
            dict.fromkeys(ORDER_FEEDBACK.schema.names)
            | {
                "feedback_id": f"feedbackpulse:{number}",
                "provider": "feedbackpulse",
                "provider_feedback_id": str(number),
                "responded_at": NOON,
                "score": score,
                "nps_class": "detractor",
                "is_spam": False,
            }
            for number in numbers
        ]
        table = pa.Table.from_pylist(rows, schema=ORDER_FEEDBACK.schema)
        self.project.warehouse.replace_day(ORDER_FEEDBACK, NOON.date(), table)
        waiting = [
            {name: row.get(name) for name in DETRACTOR_QUEUE.schema.names} | {"days_waiting": 0}
            for row in rows
        ]
        queue = pa.Table.from_pylist(waiting, schema=DETRACTOR_QUEUE.schema)
        self.project.warehouse.replace_whole(DETRACTOR_QUEUE, queue)
        for built in (ORDER_FEEDBACK, DETRACTOR_QUEUE):
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(list(NO_PREFIX.key(built)))
            )


@pytest.fixture
def watched(
    project: Project,
    _quiet_shop: Sandbox,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Watched]:
    """A shop without answers, whose alerts go to a webhook; its sensor has ticked once."""
    configure(monkeypatch, _quiet_shop)
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", f"json://127.0.0.1:{httpserver.port}/hook")
    _quiet_shop.forget_written()
    watched = Watched(project, _quiet_shop, httpserver)
    yield watched
    _quiet_shop.forget_written()


def test_the_first_tick_treats_existing_detractors_as_known(watched: Watched) -> None:
    number = watched.answer(1)
    assert "Ignoring 1 existing detractors" in watched.tick()
    assert watched.tick() != ""
    watched.build_marts(number)
    watched.morning()
    watched.build_marts(number)
    watched.morning()
    assert watched.messages == []


def test_a_new_detractor_alerts_in_the_next_tick_and_never_again(watched: Watched) -> None:
    watched.tick()
    watched.morning()
    watched.answer(9)
    number = watched.answer(2, text_feedback=COMMENT)
    assert "Sent: URL 1 (JSON)." in watched.tick()
    ((title, body),) = watched.messages
    assert title == "Unhappy customer: 2 of 10 via feedbackpulse"
    assert "Cold! Call me: [phone number]" in body
    assert "@channel" not in body
    assert "No matching order was found." in body
    assert f"feedback feedbackpulse:{number}" in body
    watched.tick()
    watched.build_marts()
    watched.morning()
    watched.build_marts(number)
    assert watched.morning() == "No new detractors."
    watched.build_marts(number, score=1)
    watched.morning()
    assert len(watched.messages) == 1


def test_a_tick_whose_cursor_was_lost_repeats_no_alert(watched: Watched) -> None:
    watched.tick()
    watched.answer(3)
    watched.tick(keep_cursor=False)
    watched.tick(0)
    watched.cursors.clear()
    watched.tick()
    assert len(watched.messages) == 1


def test_each_change_to_a_detractor_score_sends_an_alert(
    watched: Watched,
) -> None:
    watched.tick()
    number = watched.answer(9)
    for score, messages in ((9, 0), (4, 1), (1, 1), (8, 1), (8, 1), (5, 2), (5, 2)):
        watched.sandbox.edit_submission(number, nps_score=score)
        watched.tick()
        assert len(watched.messages) == messages, score


def test_spam_never_alerts_and_neither_does_an_answer_without_a_score(watched: Watched) -> None:
    watched.tick()
    number = watched.answer(0, text_feedback="buy pills")
    watched.sandbox.edit_submission(number, status="spam")
    silent = watched.answer(0)
    watched.sandbox.edit_submission(silent, nps_score=None)
    watched.tick()
    watched.tick()
    assert watched.messages == []


def store_order(warehouse: Warehouse, email: str) -> None:
    """An order of the day before, with its last click, as in the unified tables."""
    at = NOON - timedelta(days=1)
    order = dict.fromkeys(ORDERS.schema.names) | {
        "order_id": "WR-7",
        "source_id": "1007",
        "ordered_at": at,
        "customer_email": email,
        "contact_id": "c-7",
        "currency": "EUR",
        "net_amount": Decimal("59.9"),
        "amount": Decimal("59.9"),
        "paid_amount": Decimal("59.9"),
        "refunded_amount": Decimal(0),
        "item_count": Decimal(1),
    }
    touch = dict.fromkeys(ATTRIBUTION.schema.names) | {
        "order_id": "WR-7",
        "ordered_at": at,
        "model": "last_click",
        "touch_index": 1,
        "touch_count": 1,
        "source": " Google",
        "medium": "cpc",
        "weight": 1.0,
    }
    for table, row in ((ORDERS, order), (ATTRIBUTION, touch)):
        rows = pa.Table.from_pylist([row], schema=table.schema)
        warehouse.replace_day(table, at.date(), rows)


def test_an_alert_has_the_order_its_value_and_its_channel_where_they_are_stored(
    watched: Watched,
) -> None:
    store_order(watched.project.warehouse, "ana@shop.example")
    watched.tick()
    watched.answer(2, customer_email="Ana@Shop.example ")
    watched.tick()
    ((_, body),) = watched.messages
    assert f"Order WR-7 / 1007 of {TODAY - timedelta(days=1)}: 59.90 EUR net" in body
    assert "last click: google / cpc / (none)" in body
    assert "ana@" not in body.lower()


def test_no_alert_is_sent_about_an_erased_person(watched: Watched) -> None:
    settings = watched.project.settings
    warehouse = Warehouse(settings.warehouse, settings.erasure_secret)
    erased = warehouse.add_erased(Addition("x", frozenset()))
    hashes = frozenset(erased.hashes_of("email", "gone@shop.example"))
    warehouse.add_erased(Addition(next(iter(hashes)), hashes))
    watched.tick()
    watched.answer(0, customer_email="gone@shop.example")
    watched.answer(3, text_feedback="ask gone@shop.example")
    watched.tick()
    watched.tick()
    ((title, body),) = watched.messages
    assert title == "Unhappy customer: 3 of 10 via feedbackpulse"
    assert "gone" not in body


def test_an_answer_on_an_erased_persons_order_is_left_out(project: Project) -> None:
    store_order(project.warehouse, f"erased:{'0' * 32}")
    answers = [
        dict.fromkeys(FEEDBACK.schema.names)
        | row(number, 2, NOON)
        | {"provider": "thanx", "provider_feedback_id": str(number), "order_ref": reference}
        for number, reference in ((1, "1007"), (2, "1008"))
    ]
    with Served(project.settings, project.warehouse, NOON) as current:
        found = current.with_orders(answers)
    assert [one.feedback_id for one in found] == ["thanx:2"]


def test_above_ten_a_message_is_a_summary(watched: Watched) -> None:
    watched.tick()
    numbers = []
    for score in (0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4):
        watched.now += timedelta(seconds=1)
        numbers.append(watched.answer(score))
    watched.tick()
    ((title, body),) = watched.messages
    assert title == "12 unhappy customers"
    assert "feedbackpulse: 12 (scores 0 to 6)" in body
    assert "And 7 more." in body
    assert [n for n in numbers if f"feedback feedbackpulse:{n}\n" in f"{body}\n"] == numbers[-5:]


def test_in_quiet_hours_nothing_is_sent_and_the_first_tick_after_them_sends_one_message(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_QUIET_HOURS", "13:00-07:00")
    monkeypatch.setenv("FEEDBACK_REFRESH_TIMEZONE", "UTC")
    watched.tick()
    watched.now = NOON + timedelta(hours=2)
    first, second = watched.answer(1), watched.answer(2)
    assert "quiet hours, 13:00-07:00 UTC" in watched.tick()
    watched.sandbox.edit_submission(second, nps_score=9)
    watched.now += timedelta(hours=4)
    third = watched.answer(3)
    watched.tick()
    assert watched.messages == []
    watched.now = datetime.combine(TODAY + timedelta(days=1), time(6, 56), UTC)
    watched.tick()
    ((title, body),) = watched.messages
    assert title == "2 unhappy customers"
    assert body.startswith("2 of them arrived during the quiet hours.")
    assert [n for n in (first, second, third) if f"feedbackpulse:{n}\n" in f"{body}\n"] == [
        first,
        third,
    ]


def test_what_a_target_refused_is_sent_with_what_is_new_when_it_works_again(
    watched: Watched,
) -> None:
    watched.tick()
    watched.answer(1)
    watched.status = 503
    assert "Retrying at the next tick: URL 1 (JSON)" in watched.tick()
    watched.now += timedelta(days=2)
    watched.answer(2)
    watched.tick()
    watched.status = 200
    watched.tick()
    ((title, _),) = watched.messages
    assert title == "2 unhappy customers"
    assert "No new" in watched.morning() or watched.morning()
    assert len(watched.messages) == 1
    assert read_book(watched.instance, NO_PREFIX, "feedbackpulse").owed() == {}


WATCHED_FOR_LONG = Book(since=NOON - timedelta(days=40), asked=NOON - timedelta(minutes=5))


def row(number: int, score: int | None, given: datetime, **other: Any) -> dict[str, Any]:
    """An answer as a row of ``unified.feedback``, as far as alerts read it."""
    kind = None if score is None else "detractor" if score <= 6 else "promoter"
    found = {
        "feedback_id": f"thanx:{number}",
        "responded_at": given,
        "score": score,
        "nps_class": kind,
        "is_spam": False,
    }
    return found | other


def owed(book: Book) -> set[str]:
    return set(book.owed())


def test_an_old_answer_alerts_only_if_answers_of_its_time_were_read_before() -> None:
    long_ago = NOON - timedelta(days=20)
    since = NOON - timedelta(minutes=5)
    after = notice(WATCHED_FOR_LONG, [row(1, 3, long_ago)], ["url"], since, NOON)
    assert owed(after) == {mark_of("thanx:1")}
    # The sensor was off for a month: answers of that time are not new.
    gap = Book(since=NOON - timedelta(days=40), asked=NOON - timedelta(days=30))
    after = notice(gap, [row(1, 3, long_ago)], ["url"], since, NOON)
    assert owed(after) == set()
    # It was given before the first request.
    new = Book(since=NOON - timedelta(days=2), asked=since)
    assert owed(notice(new, [row(1, 3, long_ago)], ["url"], since, NOON)) == set()


def test_an_answer_that_became_spam_before_its_alert_is_not_sent() -> None:
    first = notice(WATCHED_FOR_LONG, [row(1, 3, NOON)], ["url"], NOON, NOON)
    assert owed(notice(first, [row(1, 3, NOON, is_spam=True)], ["url"], NOON, NOON)) == set()


def test_nothing_is_owed_to_a_url_that_was_removed_or_for_longer_than_a_week() -> None:
    first = notice(WATCHED_FOR_LONG, [row(1, 3, NOON)], ["url"], NOON, NOON)
    assert owed(notice(first, [], ["another"], NOON, NOON)) == set()
    later = NOON + timedelta(days=7, minutes=5)
    assert owed(notice(first, [], ["url"], later, NOON + timedelta(days=6))) != set()
    assert owed(notice(first, [], ["url"], later, later)) == set()


def test_only_support_gets_detractors(
    watched: Watched, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = f"json://127.0.0.1:{httpserver.port}"
    monkeypatch.setenv(
        "FEEDBACK_ALERT_URLS", f"support={hook}/hook, marketing+operators={hook}/other"
    )
    watched.tick()
    watched.answer(1)
    assert "Sent: URL 1 (JSON)." in watched.tick()
    assert {request.path for request, _ in httpserver.log if "json" not in request.path} == {
        "/hook"
    }


def test_a_provider_that_is_not_watched_has_no_sensor(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_WATCH_PROVIDERS", "retargeting")
    monkeypatch.setenv("FEEDBACK_WATCH_SECONDS", "120")
    (sensor,) = new_answers_sensors(watched.project.settings)
    assert (sensor.name, sensor.minimum_interval_seconds) == ("read_new_retargeting", 120)
