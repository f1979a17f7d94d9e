"""The weekly summary: once a week and target, once the page is built, with the page attached."""

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import pytest
import time_machine
from pytest_httpserver import HTTPServer

from feedback_assets.alerts.weekly_sensor import weekly_sensor
from feedback_assets.alerts.weekly_text import compose
from feedback_assets.reports.figures import read_report
from feedback_assets.reports.path import page_path
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.scorecard.words import sentence
from feedback_assets.tables.reports import NPS_PAGE
from tests.alerts.mailbox import Mailbox
from tests.conftest import Project
from tests.reports.conftest import Marts, daily
from tests.reports.shop import CHANNELS, by_day, scorecard

MONDAY = datetime(2026, 3, 9, tzinfo=UTC)
PAGE = "<!doctype html><title>NPS</title>"


class Marketing:
    """A shop with a page, a webhook, and a daemon that ticks the sensor."""

    def __init__(self, project: Project, server: HTTPServer, clock: time_machine.Traveller) -> None:
        self.project, self.server, self.clock = project, server, clock
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        server.expect_request("/hook").respond_with_data("")

    @property
    def sent(self) -> list[dict[str, str]]:
        return [request.json for request, _ in self.server.log]

    def build_page(self) -> None:
        warehouse = self.project.warehouse
        warehouse.write_bytes(page_path(warehouse), PAGE.encode())
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(list(NO_PREFIX.key(NPS_PAGE)))
        )

    def tick(self, day: date, hour: float) -> str:
        at = datetime.combine(day, time(), UTC) + timedelta(hours=hour)
        self.clock.move_to(at)
        sensor = weekly_sensor(self.project.settings, lambda: at)
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            found = sensor.evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        return found.skip_message or ""


@pytest.fixture
def marketing(
    project: Project, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Marketing]:
    hook = f"127.0.0.1:{httpserver.port}"
    monkeypatch.setenv(
        "FEEDBACK_ALERT_URLS", f"marketing=json://{hook}/hook support=json://{hook}/support"
    )
    with time_machine.travel(MONDAY - timedelta(days=4), tick=False) as clock:
        yield Marketing(project, httpserver, clock)


def test_it_is_sent_once_a_week_after_mondays_page_and_to_marketing_only(
    marketing: Marketing,
) -> None:
    Marts(marketing.project.warehouse).put("marts.nps_daily", daily(last=MONDAY.date()))
    thursday, monday = MONDAY.date() - timedelta(days=4), MONDAY.date()
    marketing.build_page()
    next_due = f"The next summary is due on Monday, {monday}, 06:00."
    assert marketing.tick(thursday, 9) == next_due
    assert marketing.tick(monday, 5.9) == next_due
    assert "has not been built yet" in marketing.tick(monday, 6.1)
    marketing.build_page()
    assert marketing.tick(monday, 6.2) == "Sent: URL 1 (JSON)."
    next_due = next_due.replace(str(monday), str(monday + timedelta(days=7)))
    for hour in (6.3, 12.5, 23):
        assert marketing.tick(monday, hour) == next_due
    assert marketing.tick(monday + timedelta(days=6), 23) == next_due
    (summary,) = marketing.sent
    assert summary["title"].startswith("Your week: NPS ")
    (attached,) = summary["attachments"]
    assert base64.b64decode(attached["base64"]) == PAGE.encode()  # type: ignore[index]
    # Nothing changed, so the page was not rebuilt: it is sent as it is.
    assert "has not been built yet" in marketing.tick(monday + timedelta(days=7), 11)
    assert marketing.tick(monday + timedelta(days=7), 12) == "Sent: URL 1 (JSON)."


def test_the_summary_waits_while_runs_are_in_progress(marketing: Marketing) -> None:
    marketing.tick(MONDAY.date() - timedelta(days=1), 9)
    marketing.clock.move_to(MONDAY + timedelta(hours=7))
    marketing.build_page()
    run = marketing.instance.create_run_for_job(dg.job(name="busy")(lambda: None))
    assert "has not been built yet" in marketing.tick(MONDAY.date(), 7)
    marketing.instance.report_run_canceled(run)
    assert "Sent" in marketing.tick(MONDAY.date(), 7.1)


def test_a_target_that_refuses_it_gets_it_later_and_the_others_do_not_get_it_twice(
    marketing: Marketing, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = f"json://127.0.0.1:{marketing.server.port}"
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", f"{hook}/hook, {hook}/later")
    marketing.server.expect_oneshot_request("/later").respond_with_data("", 503)
    marketing.tick(MONDAY.date() - timedelta(days=1), 9)
    marketing.clock.move_to(MONDAY + timedelta(hours=7))
    marketing.build_page()
    assert "Retrying at the next tick: URL 2 (JSON)" in marketing.tick(MONDAY.date(), 7)
    marketing.server.expect_request("/later").respond_with_data("")
    assert marketing.tick(MONDAY.date(), 8) == "Sent: URL 2 (JSON)."


def test_quiet_hours_delay_it(marketing: Marketing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDBACK_QUIET_HOURS", "20:00-09:00")
    marketing.tick(MONDAY.date() - timedelta(days=1), 9)
    marketing.clock.move_to(MONDAY + timedelta(hours=7))
    marketing.build_page()
    assert "quiet hours" in marketing.tick(MONDAY.date(), 8.9)
    assert "Sent" in marketing.tick(MONDAY.date(), 9)


def test_it_says_what_the_page_says_to_do_and_how_nps_changed(marketing: Marketing) -> None:
    marts = Marts(marketing.project.warehouse)
    marts.put("marts.nps_daily", daily())
    marts.put("marts.channel_scorecard", scorecard(CHANNELS))
    marts.put("marts.nps_by_attribution", by_day(CHANNELS))
    report = read_report(marketing.project.warehouse)
    message = compose(report, None, "https://ui.example/assets/reports/nps")
    decisions = report.scorecard.decisions
    assert decisions is not None
    assert decisions.findings
    for finding in decisions.findings:
        says = sentence(finding, report.scorecard.compared).replace("\u00a0", " ")
        assert f"- {says}" in message.body
    week = report.period(7)
    assert week is not None
    assert "in the last 7 days" in message.body
    assert "than in the previous 7 days" in message.body
    assert message.body.endswith("Full page: https://ui.example/assets/reports/nps")


def test_a_mail_has_the_page_as_an_attachment(
    marketing: Marketing, mailbox: tuple[Mailbox, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, url = mailbox
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", f"marketing={url}")
    marketing.tick(MONDAY.date() - timedelta(days=1), 9)
    marketing.clock.move_to(MONDAY + timedelta(hours=7))
    marketing.build_page()
    assert marketing.tick(MONDAY.date(), 7) == "Sent: URL 1 (E-Mail)."
    (mail,) = box.mails
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "nps.html"
    assert attached.get_payload(decode=True) == PAGE.encode()
