"""The hours of ``FEEDBACK_QUIET_HOURS``, during which nothing is sent."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from feedback_assets.settings import Settings


def is_quiet(settings: Settings, moment: datetime) -> bool:
    """Whether the moment lies in the quiet hours, whose end is not included."""
    if settings.feedback_quiet_hours is None:
        return False
    start, end = map(time.fromisoformat, settings.feedback_quiet_hours.split("-"))
    clock = moment.astimezone(ZoneInfo(settings.feedback_refresh_timezone)).time()
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end


def reason(settings: Settings) -> str:
    """The reason that a tick gives for messages that wait for the end of the quiet hours."""
    zone = settings.feedback_refresh_timezone
    return f"Nothing is sent during the quiet hours, {settings.feedback_quiet_hours} {zone}."
