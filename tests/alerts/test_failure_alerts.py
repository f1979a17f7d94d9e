"""Failure alerts: one per cause, with a remedy, and again when the cause returns."""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets.alerts.failures import (
    Ended,
    Failure,
    State,
    after_delivery,
    compose,
    take,
)
from feedback_assets.alerts.sensors import FAILURES, alert_sensors
from feedback_assets.automation.cursors import decode, encode
from feedback_assets.runtime.tags import range_tags
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Operator:
    """A shop, its runs, a daemon that ticks the sensor, and the messages received."""

    def __init__(self, shop: Project, server: HTTPServer) -> None:
        self.shop = shop
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        self.status = 200
        self.messages: list[tuple[str, str]] = []
        self.defs = shop.defs
        self.job = self.defs.resolve_implicit_global_asset_job_def()
        server.expect_request("/hook").respond_with_handler(self._take)

    def _take(self, request: Request) -> Response:
        if self.status == 200:
            body = request.get_json()
            self.messages.append((body["title"], body["message"]))
        return Response("", self.status)

    def run(
        self, table: str, first: date = YESTERDAY, last: date = YESTERDAY, *, also: str = ""
    ) -> bool:
        found = find_table(table)
        tables = [found, *([find_table(also)] if also else [])]
        return self.job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(NO_PREFIX.key(each)) for each in tables],
            tags=range_tags(first, last) if found.partitioned else {},
            run_config=QUIET,
            raise_on_error=False,
        ).success

    def tick(self) -> str:
        (sensor,) = (s for s in alert_sensors(self.shop.settings) if s.name == FAILURES)
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            found = sensor.evaluate_tick(context)
        self.cursor = found.cursor
        return found.skip_message or ""


@pytest.fixture
def operator(shop: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """An operator whose alerts go to a webhook."""
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", f"json://127.0.0.1:{httpserver.port}/hook")
    return Operator(shop, httpserver)


def test_a_wrong_key_alerts_once_for_all_failed_runs_and_again_after_a_recovery(
    operator: Operator, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_UI_URL", "https://dagster.shop.example")
    right = sandbox.environment()["FEEDBACKPULSE_API_KEY"]
    monkeypatch.setenv("FEEDBACKPULSE_API_KEY", "wrong-and-secret")
    assert not operator.run("feedbackpulse.submissions")
    assert operator.tick() == "Ignoring existing failures; alerting on new ones."
    assert operator.tick() == "No failures."
    assert not operator.run("feedbackpulse.submissions", YESTERDAY - timedelta(days=2))
    assert not operator.run("feedbackpulse.submissions", YESTERDAY - timedelta(days=9))
    assert operator.tick() == "Sent: URL 1 (JSON)."
    ((title, body),) = operator.messages
    assert title == "feedbackpulse: refused with 401"
    for part in (
        "feedbackpulse.submissions; 2 runs, 10 days",
        "FEEDBACKPULSE_API_KEY",
        f"feedback-assets backfill --from {YESTERDAY - timedelta(days=9)} --to {YESTERDAY} --sel",
        "--select 'key:\"feedbackpulse/submissions\"'",
        "https://dagster.shop.example/runs/",
    ):
        assert part in body, part
    assert "wrong-and-secret" not in body
    assert not operator.run("feedbackpulse.submissions")
    assert "Already sent, still failing: feedbackpulse: refused with 401" in operator.tick()

    monkeypatch.setenv("FEEDBACKPULSE_API_KEY", right)
    assert operator.run("feedbackpulse.submissions")
    assert operator.tick() == "No failures."
    monkeypatch.setenv("FEEDBACKPULSE_API_KEY", "wrong-and-secret")
    assert not operator.run("feedbackpulse.submissions")
    operator.tick()
    assert len(operator.messages) == 2


def test_a_failed_table_is_named_without_any_of_its_content(
    operator: Operator,
) -> None:
    operator.tick()
    warehouse = operator.shop.warehouse
    table = find_table(next(iter(find_table("marts.nps_daily").depends)))
    warehouse.replace_day(table, YESTERDAY, table.schema.empty_table())
    (path,) = warehouse.files(table)
    Path(path).write_bytes(b"ana@example.com")
    assert not operator.run("marts.nps_daily")
    operator.tick()
    ((title, body),) = operator.messages
    assert title.startswith("marts.nps_daily failed: ")
    assert "marts.nps_daily; 1 run, 1 day" in body
    assert "run's page" in body
    assert "ana@example.com" not in body


def test_a_failed_table_is_not_mistaken_for_one_whose_name_is_a_prefix(
    operator: Operator,
) -> None:
    operator.tick()
    value, spread = "marts.customer_value", "marts.customer_value_spread"
    (alone,) = {*find_table(spread).depends} - {*find_table(value).depends, "unified.orders"}
    warehouse = operator.shop.warehouse
    table = find_table(alone)
    warehouse.replace_day(table, YESTERDAY, table.schema.empty_table())
    (path,) = warehouse.files(table)
    Path(path).write_bytes(b"not Parquet")
    assert not operator.run(spread, also=value)
    operator.tick()
    ((title, body),) = operator.messages
    assert title.startswith(f"{spread} failed: ")
    assert f"{spread}; 1 run" in body
    assert f"{value}," not in body


def test_a_run_whose_process_died_triggers_an_alert_unless_it_is_retried(
    operator: Operator,
) -> None:
    operator.tick()
    keys = frozenset([dg.AssetKey(["wicked_reports", "orders"])])
    for tags in ({"dagster/will_retry": "true"}, {}):
        run = create_run_for_test(
            operator.instance, asset_selection=keys, tags=tags, status=dg.DagsterRunStatus.STARTED
        )
        operator.instance.report_run_failed(run)
    operator.tick()
    ((title, body),) = operator.messages
    assert title == "wicked_reports.orders: the run ended without a failed step"
    assert "1 run." in body


@pytest.mark.slow
def test_an_undelivered_alert_is_sent_later_even_if_the_cause_is_gone(
    operator: Operator, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.tick()
    operator.status = 500
    right = sandbox.environment()["FEEDBACKPULSE_API_KEY"]
    monkeypatch.setenv("FEEDBACKPULSE_API_KEY", "wrong-and-secret")
    operator.run("feedbackpulse.submissions")
    assert "Retrying at the next tick" in operator.tick()
    monkeypatch.setenv("FEEDBACKPULSE_API_KEY", right)
    operator.run("feedbackpulse.submissions")
    operator.tick()
    operator.status = 200
    operator.tick()
    ((_, body),) = operator.messages
    assert "It has succeeded since." in body
    assert operator.tick() == "No failures."


def test_without_a_url_the_tick_reports_that_it_skips(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FEEDBACK_ALERT_URLS")
    assert "FEEDBACK_ALERT_URLS is not set" in operator.tick()


# The bookkeeping of causes, without any run.

DAY = date(2026, 3, 1)
ORDERS, CLICKS = "wicked_reports.orders", "wicked_reports.clicks"


def failed(
    at: float, table: str = ORDERS, cause: str = "wicked_reports: refused with 401"
) -> Ended:
    day = DAY + timedelta(days=int(at))
    failure = Failure(cause, (table,), cause, "what happened", "what to do")
    return Ended(f"run {at}", at, (table,), (day, day), (failure,))


def fine(at: float, table: str = ORDERS) -> Ended:
    return Ended(f"run {at}", at, (table,))


def news(state: State, *runs: Ended, busy: set[str] | None = None) -> tuple[State, list[str]]:
    """The state after an evaluation with everything delivered, and the delivered alerts."""
    after = take(state, runs, busy or set(), ["t"])
    after = decode(encode(after), State) or after
    return after_delivery(after, {}), after.pending["t"]


def test_forty_failed_runs_with_one_cause_make_one_alert_with_all_their_days() -> None:
    after = take(State(0), [failed(n) for n in range(1, 41)], set(), ["t"])
    message = compose(after.causes, after.pending["t"], "")
    assert message is not None
    assert "40 runs, 40 days: 2026-03-02 to 2026-04-10" in message.body


def test_one_message_has_one_alert_for_each_cause_however_many_tables_it_affects() -> None:
    other = "thanx: unreachable or failing"
    runs = [failed(1), failed(2, CLICKS), failed(3, "thanx.feedbacks", other)]
    after = take(State(0), runs, set(), ["t"])
    assert after.pending["t"] == ["wicked_reports: refused with 401", other]
    message = compose(after.causes, after.pending["t"], "")
    assert message is not None
    assert message.title == "Runs failed for 2 reasons"
    assert f"{CLICKS}, {ORDERS}; 2 runs" in message.body


def test_a_cause_is_resolved_once_everything_it_affected_has_succeeded() -> None:
    state, first = news(State(0), failed(1), failed(2, CLICKS))
    state, _ = news(state, fine(3))
    state, again = news(state, failed(4))
    assert (len(first), again) == (1, [])
    state, _ = news(state, fine(5), fine(6, CLICKS))
    assert state.causes == {}
    _, again = news(state, failed(7))
    assert len(again) == 1


def test_successful_windows_between_failed_windows_are_not_a_recovery() -> None:
    state, first = news(State(0), failed(1), busy={ORDERS})
    for n in range(2, 40, 2):
        state, again = news(state, fine(n), busy={ORDERS})
        assert again == []
        state, again = news(state, failed(n + 1), busy={ORDERS})
        assert again == []
    state, _ = news(state, fine(50), busy={ORDERS})
    assert state.causes
    # The last run succeeded, and no run is in progress.
    state, _ = news(state)
    assert state.causes == {}
    assert len(first) == 1


def test_runs_are_processed_in_the_order_in_which_they_ended() -> None:
    state, told_of = news(State(0), fine(2), failed(1))
    assert len(told_of) == 1
    assert state.causes == {}


def test_an_unreadable_cursor_is_reset() -> None:
    assert decode(None, State) is None
    assert decode("{}", State) is None
    assert decode("nonsense", State) is None
