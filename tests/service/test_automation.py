"""Automation switched off and shown, on a real instance; ``test_starting.py`` switches it on."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._daemon.types import DaemonHeartbeat
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.runtime.instance import open_instance
from feedback_assets.service.location import LOCATION, MODULE
from feedback_assets.service.switches import next_tick
from tests.conftest import Project
from tests.service.test_location import SCHEDULE, state

ON = InstigatorStatus.RUNNING


def shown(text: str) -> dict[str, list[str]]:
    rows = [line.strip("│").split("│") for line in text.splitlines() if line.startswith("│")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


def test_off_stops_everything_and_status_includes_earlier_location_names(
    project: Project,
) -> None:
    with open_instance(project.settings) as instance:
        instance.add_instigator_state(state(MODULE, "read_last_days", ON, SCHEDULE))
    before = project.run("automation", "status")
    assert before.exit_code == 0, before.output
    rows = shown(before.stdout)
    assert rows["read_last_days"][0] == "on"
    assert rows["read_last_days"][2].endswith("06:00 UTC")
    assert rows["build_what_changed"][:2] == ["off", "every 30 s"]
    assert "read_new_feedbackpulse *" in rows
    assert "Start it with: feedback-assets ui" in before.stdout

    after = project.run("automation", "off")
    assert shown(after.stdout)["read_last_days"][0] == "off"
    assert "Start it with" not in after.stdout
    with open_instance(project.settings) as instance:
        assert not any(each.is_running for each in instance.all_instigator_state())
        assert {
            each.repository_selector.location_name for each in instance.all_instigator_state()
        } == {
            LOCATION,
            MODULE,
        }


def test_status_names_the_variable_without_which_thanx_has_no_list_of_new_answers(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Without THANX_MERCHANT_ID, thanx has no list of new answers"
    monkeypatch.delenv("THANX_MERCHANT_ID", raising=False)
    assert said in " ".join(project.run("automation", "status").stdout.split())
    monkeypatch.setenv("THANX_MERCHANT_ID", "m1")
    assert said not in " ".join(project.run("automation", "status").stdout.split())


def test_status_reports_whether_a_daemon_runs_on_this_home(project: Project) -> None:
    now = datetime.now(UTC)
    said = []
    for ago in (timedelta(hours=1), timedelta(seconds=20)):
        with open_instance(project.settings) as instance:
            beat = DaemonHeartbeat((now - ago).timestamp(), "SCHEDULER", "id", [])
            instance.add_daemon_heartbeat(beat)
        said.append(project.run("automation", "status").stdout)
    assert f"No daemon is running for {project.home}/dagster_home; last seen " in said[0]
    assert "A daemon is running for this DAGSTER_HOME." in said[1]


@given(
    now=st.integers(1_704_067_200, 1_893_456_000).map(lambda at: datetime.fromtimestamp(at, UTC)),
    hour=st.integers(0, 23),
    days=st.sampled_from(["* * *", "1 * *", "* * 1", "* * 0"]),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"]),
)
def test_the_next_tick_is_at_the_configured_hour_within_a_day_a_week_or_a_month(
    now: datetime, hour: int, days: str, zone: str
) -> None:
    found = next_tick(f"30 {hour} {days}", zone, now)
    assert found is not None
    longest = {"* * *": timedelta(hours=26), "1 * *": timedelta(days=32)}
    assert now < found <= now + longest.get(days, timedelta(days=7, hours=2))
    local = found.astimezone(ZoneInfo(zone))
    # An hour skipped by the clock is replaced by the next one.
    assert (local.hour, local.minute) in {(hour, 30), (hour + 1, 30)}
    assert days != "1 * *" or local.day == 1
    weekday = days.rsplit(maxsplit=1)[-1]
    assert weekday in ("*", str(local.isoweekday() % 7))
