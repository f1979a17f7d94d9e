"""Schedules: which days they request, in how many runs, under which keys."""

import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from feedback_assets.automation.refresh_sensor import NAME
from feedback_assets.automation.schedules import DAILY, MONTHLY
from feedback_assets.definitions import build_defs
from feedback_assets.runtime.instance import open_instance
from feedback_assets.settings import load_settings
from feedback_assets.tables import PROVIDER_TABLES
from tests.conftest import Project

ROOT = Path(__file__).parents[2]

SIX = datetime(2026, 3, 10, 6, tzinfo=UTC)
Asked = list[tuple[list[str], str, str]]


def evaluate(name: str, at: datetime, **environ: str) -> ScheduleExecutionData:
    defs = build_defs(load_settings(environ))
    with (
        dg.instance_for_test() as instance,
        dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context,
    ):
        return defs.resolve_schedule_def(name).evaluate_tick(context)


def asked(found: ScheduleExecutionData) -> Asked:
    return [
        (
            [".".join(key.path) for key in request.asset_selection or []],
            request.partition_key_range.start,
            request.partition_key_range.end,
        )
        for request in found.run_requests or []
        if request.partition_key_range is not None
    ]


def test_the_last_days_of_every_table_are_read_once_in_valid_windows() -> None:
    found = asked(evaluate(DAILY, SIX))
    orders = [(first, last) for names, first, last in found if names == ["wicked_reports.orders"]]
    assert orders == [("2026-02-08", "2026-03-07"), ("2026-03-08", "2026-03-09")]
    # An unfiltered list is read once and fills both of its tables.
    assert (
        ["retargeting.order_feedback", "retargeting.product_reviews"], "2026-02-08", "2026-03-09"
    ) in found  # fmt: skip
    days = {table.full_name: 0 for table in PROVIDER_TABLES}
    for names, first, last in found:
        for name in names:
            days[name] += (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    assert set(days.values()) == {30}


def test_spend_files_are_read_in_one_run_a_day_and_not_by_the_monthly_schedule() -> None:
    def asked_for(name: str) -> Asked:
        found = asked(evaluate(name, SIX, FEEDBACK_AD_SPEND="/srv/spend/*.csv"))
        return [one for one in found if "ad_spend.daily" in one[0]]

    assert asked_for(DAILY) == [(["ad_spend.daily"], "2026-02-08", "2026-03-09")]
    assert asked_for(MONTHLY) == []


def test_run_keys_are_unique_and_do_not_depend_on_when_a_tick_is_evaluated() -> None:
    keys = [
        [request.run_key for request in evaluate(DAILY, SIX).run_requests or []] for _ in range(2)
    ]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == len(keys[0])


def test_no_day_before_the_start_or_still_in_progress_is_requested() -> None:
    found = asked(evaluate(DAILY, SIX, FEEDBACK_START_DATE="2026-03-05"))
    assert {(first, last) for _, first, last in found} == {("2026-03-05", "2026-03-09")}
    nothing = evaluate(DAILY, SIX, FEEDBACK_START_DATE="2026-03-10")
    assert not nothing.run_requests
    assert "FEEDBACK_START_DATE" in (nothing.skip_message or "")
    # Six in the morning in Auckland is the evening before in UTC.
    early = SIX - timedelta(hours=13)
    found = asked(evaluate(DAILY, early, FEEDBACK_REFRESH_DAYS="2"))
    assert {(first, last) for _, first, last in found} == {("2026-03-07", "2026-03-08")}


def test_once_a_month_tables_restated_without_limit_are_read_from_the_start() -> None:
    found = asked(evaluate(MONTHLY, SIX, FEEDBACK_START_DATE="2026-01-01"))
    assert {name for names, _, _ in found for name in names} == {
        "wicked_reports.contacts",
        "retargeting.order_feedback",
        "retargeting.product_reviews",
    }
    contacts = [(first, last) for names, first, last in found if "contacts" in names[0]]
    assert contacts == [
        ("2026-01-01", "2026-01-28"), ("2026-01-29", "2026-02-25"), ("2026-02-26", "2026-03-09")
    ]  # fmt: skip
    (whole,) = [(first, last) for names, first, last in found if "retargeting" in names[0]]
    assert whole == ("2026-01-01", "2026-03-09")


@pytest.mark.parametrize(
    ("environ", "daily", "monthly", "zone"),
    [
        ({}, "0 6 * * *", "0 9 1 * *", "UTC"),
        (
            {"FEEDBACK_REFRESH_AT": "22:30", "FEEDBACK_REFRESH_TIMEZONE": "Europe/Paris"},
            "30 22 * * *",
            "30 1 1 * *",
            "Europe/Paris",
        ),
    ],
)
def test_time_and_zone_are_settings_and_schedules_start_stopped(
    environ: dict[str, str], daily: str, monthly: str, zone: str
) -> None:
    defs = build_defs(load_settings(environ))
    for name, cron in ((DAILY, daily), (MONTHLY, monthly)):
        schedule = defs.resolve_schedule_def(name)
        assert (schedule.cron_schedule, schedule.execution_timezone) == (cron, zone)
        assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    for sensor in defs.sensors or []:
        assert isinstance(sensor, dg.SensorDefinition)
        assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


def test_without_restating_providers_the_monthly_run_reads_only_days_named_by_a_check() -> None:
    found = evaluate(MONTHLY, SIX, FEEDBACK_PROVIDERS="thanx")
    assert not found.run_requests
    assert found.skip_message == "keys_on_one_day listed no days."


@pytest.mark.slow
def test_the_switches_of_the_page_work_as_written(project: Project) -> None:
    open_instance(project.settings).dispose()
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    commands = re.findall(
        r"^\.venv/bin/(feedback-assets automation on|dagster sensor start .*?)(?:  #.*)?$",
        page,
        re.MULTILINE,
    )
    assert len(commands) == 2
    said = ""
    for command in [*commands, "dagster schedule list", "dagster sensor list"]:
        program, *words = command.split()
        done = subprocess.run(
            [str(Path(sys.executable).with_name(program)), *words],
            cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said += done.stdout
    for name in (DAILY, MONTHLY, NAME, "read_new_feedbackpulse"):
        assert f"{name} [RUNNING]" in said
