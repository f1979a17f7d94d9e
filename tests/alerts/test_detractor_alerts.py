"""Detractor alerts: one per new unhappy customer, with the amount at stake, and never a flood."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets.alerts.book import Book, mark_of
from feedback_assets.alerts.delivery import targets
from feedback_assets.alerts.detractors import (
    RECENT_DAYS,
    SHOWN,
    State,
    pending_of,
    recent_detractors,
    update_books,
)
from feedback_assets.alerts.sensors import DETRACTORS, alert_sensors
from feedback_assets.automation.cursors import encode
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables.marts import DETRACTOR_QUEUE, ORDER_FEEDBACK
from feedback_assets.tables.unified import ANSWERS, FEEDBACK, ORDERS
from tests.conftest import YESTERDAY, Project

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
COMMENT = "Cold! <b>See</b> https://evil.example @channel"


def answer(number: int, *, days_ago: float = 1, **other: Any) -> dict[str, Any]:
    """A row of ``marts.order_feedback``, by default from a detractor."""
    row: dict[str, Any] = {
        "feedback_id": f"thanx:{number}",
        "provider": "thanx",
        "provider_feedback_id": str(number),
        "responded_at": NOW - timedelta(days=days_ago),
        "score": 2,
        "nps_class": "detractor",
        "comment": COMMENT,
        "is_spam": False,
        "customer_key": f"{number:064x}",
        "order_id": f"AB-{number}",
        "order_source_id": str(1000 + number),
        "ordered_at": NOW - timedelta(days=days_ago + 2),
        "currency": "EUR",
        "net_amount": Decimal("59.9"),
        "first_click_source": "google",
        "first_click_medium": "cpc",
        "first_click_campaign": "spring",
        "last_click_source": "newsletter",
    }
    return row | other


class Shop:
    """Marts as a run leaves them, a webhook, and a daemon that ticks the sensor."""

    def __init__(self, project: Project, server: HTTPServer) -> None:
        self.project, self.server = project, server
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        self.status = 200
        self.now = NOW
        server.expect_request("/hook").respond_with_handler(self._take)
        self.messages: list[tuple[str, str]] = []

    def _take(self, request: Request) -> Response:
        if self.status == 200:
            alerted = request.get_json()
            self.messages.append((alerted["title"], alerted["message"]))
        return Response("", self.status)

    def build(self, *answers: dict[str, Any], customer: str = "320") -> None:
        """Write the marts of these answers and record the materialisation in the instance."""
        columns = set(ORDER_FEEDBACK.schema.names)
        days: dict[Any, list[dict[str, Any]]] = {}
        for row in answers:
            days.setdefault(row["responded_at"].date(), []).append(row)
        for day, rows in days.items():
            assert all(set(row) <= columns for row in rows)
            table = pa.Table.from_pylist(rows, schema=ORDER_FEEDBACK.schema)
            self.project.warehouse.replace_day(ORDER_FEEDBACK, day, table)
        waiting = [
            {name: row.get(name) for name in DETRACTOR_QUEUE.schema.names}
            | {"days_waiting": 1, "customer_net_amount": Decimal(customer)}
            for row in answers
            if row["nps_class"] == "detractor" and not row.get("reply") and not row["is_spam"]
        ]
        queue = pa.Table.from_pylist(waiting, schema=DETRACTOR_QUEUE.schema)
        self.project.warehouse.replace_whole(DETRACTOR_QUEUE, queue)
        for table_ in (ORDER_FEEDBACK, DETRACTOR_QUEUE):
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(list(NO_PREFIX.key(table_)))
            )

    def tick(self) -> str:
        (sensor,) = (
            sensor
            for sensor in alert_sensors(self.project.settings, lambda: self.now)
            if sensor.name == DETRACTORS
        )
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            found = sensor.evaluate_tick(context)
        self.cursor = found.cursor
        return found.skip_message or ""


@pytest.fixture
def alerted(project: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose alerts go to a webhook."""
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", f"json://127.0.0.1:{httpserver.port}/hook")
    return Shop(project, httpserver)


def test_a_new_detractor_triggers_one_alert_with_the_amount_at_stake(
    alerted: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_UI_URL", "https://dagster.shop.example/")
    old = answer(1)
    alerted.build(old)
    assert "Ignoring 1 existing detractors" in alerted.tick()
    alerted.build(old, answer(2))
    assert alerted.tick() == "Sent: URL 1 (JSON)."
    ((title, body),) = alerted.messages
    assert title == "Unhappy customer: 2 of 10 via thanx"
    for part in (
        "AB-2 / 1002",
        "59.90 EUR",
        "320.00 EUR",
        "google / cpc / spring",
        "newsletter / (none) / (none)",
        "No reply yet",
        "https://dagster.shop.example/assets/marts/detractor_queue",
        "thanx:2",
        "order_id = 'AB-2'",
        "Cold! <b>See</b>",
    ):
        assert part in body, part
    assert "thanx:1" not in body
    assert "https://evil" not in body
    assert "@channel" not in body


def test_rebuilding_marts_or_repeating_a_tick_repeats_no_alert(alerted: Shop) -> None:
    alerted.build(answer(1))
    alerted.tick()
    alerted.build(answer(1), answer(2))
    alerted.tick()
    assert alerted.tick() == "marts.detractor_queue has not been rebuilt since the last tick."
    alerted.build(answer(1), answer(2, score=0, comment="again"), customer="400")
    assert alerted.tick() == "No new detractors."
    assert len(alerted.messages) == 1


def test_only_recent_detractors_trigger_alerts(alerted: Shop) -> None:
    alerted.build(answer(1))
    alerted.tick()
    alerted.build(
        answer(1),
        answer(2, days_ago=RECENT_DAYS + 1),
        answer(3, is_spam=True),
        answer(4, score=9, nps_class="promoter"),
    )
    assert alerted.tick() == "No new detractors."
    assert alerted.messages == []


def test_a_detractor_already_answered_is_reported_as_answered(alerted: Shop) -> None:
    alerted.build(answer(1))
    alerted.tick()
    alerted.build(answer(1), answer(2, reply="We are sorry", replied_at=NOW))
    alerted.tick()
    ((_, body),) = alerted.messages
    assert "Replied, 2026-03-10 09:00 UTC" in body
    assert "We are sorry" not in body


def test_no_alert_is_sent_about_an_erased_person_even_if_only_the_order_is_theirs(
    alerted: Shop,
) -> None:
    alerted.build(answer(1))
    alerted.tick()
    gone = f"erased:{'0' * 32}"
    order = dict.fromkeys(ORDERS.schema.names) | {
        "order_id": "AB-2",
        "ordered_at": answer(2)["ordered_at"],
        "customer_email": gone,
    }
    given = {name: answer(3).get(name) for name in FEEDBACK.schema.names}
    for table, row, at in (
        (ORDERS, order, answer(2)["ordered_at"]),
        (FEEDBACK, given | {"customer_ref": gone}, answer(3)["responded_at"]),
    ):
        rows = pa.Table.from_pylist([row], schema=table.schema)
        alerted.project.warehouse.replace_day(table, at.date(), rows)
    alerted.build(answer(1), answer(2), answer(3), answer(4))
    alerted.tick()
    ((title, body),) = alerted.messages
    assert title == "Unhappy customer: 2 of 10 via thanx"
    assert "feedback thanx:4" in body


def test_many_detractors_make_one_message_with_the_newest_in_full(alerted: Shop) -> None:
    alerted.build(answer(0))
    alerted.tick()
    many = [answer(n, days_ago=n / 50) for n in range(1, 41)]
    alerted.build(answer(0), *many)
    alerted.tick()
    ((title, body),) = alerted.messages
    assert title == "40 unhappy customers"
    assert "And 35 more." in body
    shown = [n for n in range(1, 41) if f"feedback thanx:{n}\n" in f"{body}\n"]
    assert shown == list(range(1, SHOWN + 1))


def test_undelivered_alerts_are_sent_later_with_newer_ones(alerted: Shop) -> None:
    alerted.build(answer(0))
    alerted.tick()
    alerted.status = 500
    alerted.build(answer(0), answer(1))
    assert "Retrying at the next tick: URL 1 (JSON)" in alerted.tick()
    alerted.build(answer(0), answer(1), answer(2))
    alerted.tick()
    alerted.status = 200
    # No mart was built since, but an alert is pending.
    assert alerted.tick() == "Sent: URL 1 (JSON)."
    ((title, _),) = alerted.messages
    assert title == "2 unhappy customers"
    assert COMMENT[:5] not in (alerted.cursor or "")


def test_an_answer_without_order_or_comment_or_with_an_odd_order_number_triggers_an_alert(
    alerted: Shop,
) -> None:
    alerted.build(answer(0))
    alerted.tick()
    nothing = dict.fromkeys(("order_id", "order_source_id", "comment", "customer_key"))
    alerted.build(answer(0), answer(1, **nothing), answer(2, order_id="'; drop table x"))
    alerted.tick()
    ((_, body),) = alerted.messages
    assert "No matching order" in body
    assert "No comment." in body
    assert "feedback-assets query" not in body


def test_without_a_url_or_a_mart_the_tick_reports_why_it_skips(
    alerted: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not been built yet" in alerted.tick()
    monkeypatch.delenv("FEEDBACK_ALERT_URLS")
    assert "FEEDBACK_ALERT_URLS is not set" in alerted.tick()
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", "marketing=json://localhost/hook")
    assert "No URL in FEEDBACK_ALERT_URLS has the tag support" in alerted.tick()
    assert alerted.cursor is None


@pytest.mark.slow
def test_marts_built_by_a_backfill_trigger_alerts(
    shop: Project,
) -> None:
    """With the project's own marts: recent customers in the queue trigger alerts."""
    select = "+key:marts/detractor_queue"
    first = YESTERDAY - timedelta(days=3)
    assert shop.backfill(first, YESTERDAY, "--select", select).exit_code == 0
    now = datetime.now(UTC)
    found = recent_detractors(shop.warehouse, now.date(), shop.settings.feedback_match_days)
    queue = shop.warehouse.read_arrow(DETRACTOR_QUEUE).to_pylist()
    waiting = {one.feedback_id: one for one in found if not one.answered}
    assert waiting.keys() == {row["feedback_id"] for row in queue}
    for row in queue:
        one = waiting[row["feedback_id"]]
        for name in ("score", "comment", "order_id", "net_amount", "customer_net_amount"):
            assert getattr(one, name) == row[name]
    books = update_books(State(), {name: Book() for name in ANSWERS}, found, ["t"], now)
    owed = {name: one for book in books.values() for name, one in book.owed().items()}
    recent = {one.feedback_id for one in found if one.responded_at >= now - timedelta(days=7)}
    assert set(pending_of(owed, found, ["t"])["t"]) == recent
    assert recent


def test_the_cursor_of_an_earlier_version_is_carried_over(alerted: Shop) -> None:
    alerted.build(answer(1), answer(2), answer(3))
    (key,) = (target.key for target in targets(alerted.project.settings))
    known = {NOW.date(): [mark_of("thanx:1"), mark_of("thanx:2")]}
    # It had sent the first and not yet the second; the third is new.
    alerted.cursor = encode(State("another", known, {key: ["thanx:2"]}))
    alerted.tick()
    ((title, body),) = alerted.messages
    assert title == "2 unhappy customers"
    assert "feedback thanx:1" not in body
    alerted.build(answer(1), answer(2), answer(3))
    alerted.tick()
    assert len(alerted.messages) == 1
