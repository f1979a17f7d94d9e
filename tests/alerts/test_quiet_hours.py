"""Quiet hours are in the refresh's time zone, and may pass midnight."""

from datetime import UTC, datetime

import pytest

from feedback_assets.alerts.quiet import is_quiet
from feedback_assets.settings import load_settings


@pytest.mark.parametrize(
    ("hours", "zone", "clock", "quiet"),
    [
        ("21:00-07:00", "UTC", "20:59", False),
        ("21:00-07:00", "UTC", "21:00", True),
        ("21:00-07:00", "UTC", "00:00", True),
        ("21:00-07:00", "UTC", "06:59", True),
        ("21:00-07:00", "UTC", "07:00", False),
        ("12:00-13:30", "UTC", "13:29", True),
        ("12:00-13:30", "UTC", "13:30", False),
        ("21:00 – 07:00", "Europe/Paris", "19:00", True),
        ("21:00-07:00", "Europe/Paris", "05:00", False),
        ("", "UTC", "03:00", False),
    ],
)
def test_quiet_hours_may_pass_midnight_and_exclude_their_end(
    hours: str, zone: str, clock: str, *, quiet: bool
) -> None:
    settings = load_settings({"FEEDBACK_QUIET_HOURS": hours, "FEEDBACK_REFRESH_TIMEZONE": zone})
    # In summer, when Paris is two hours ahead.
    moment = datetime.fromisoformat(f"2026-07-01T{clock}").replace(tzinfo=UTC)
    assert is_quiet(settings, moment) is quiet
