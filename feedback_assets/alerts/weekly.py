"""When the weekly summary is due, independently of Dagster.

``weekly_text`` writes it; ``weekly_sensor`` keeps the state between ticks and sends it.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from feedback_assets.settings import Settings

_PATIENCE = timedelta(hours=6)
"""A page whose figures did not change is not rebuilt; after this time, it is sent as it is."""


class State(msgspec.Struct, frozen=True):
    """The state between ticks: for each target, the Monday of the last summary sent to it."""

    sent: dict[str, date] = {}


def monday_of(settings: Settings, now: datetime) -> datetime:
    """When this week's summary is due: on Monday, at the time of the daily schedule."""
    zone = ZoneInfo(settings.feedback_refresh_timezone)
    today = now.astimezone(zone).date()
    at = time.fromisoformat(settings.feedback_refresh_at)
    return datetime.combine(today - timedelta(days=today.weekday()), at, zone)


def with_targets(
    state: State | None, targets: Iterable[str], monday: datetime, now: datetime
) -> State:
    """The state of these targets; a new one gets its first summary on the next Monday."""
    is_monday = now.astimezone(monday.tzinfo).date() == monday.date()
    start = monday.date() - timedelta(days=7 if state is None and is_monday else 0)
    sent = state.sent if state else {}
    return State({key: sent.get(key, start) for key in targets})


def due(state: State, monday: datetime, now: datetime) -> list[str]:
    """The targets that this week's summary has not been sent to yet."""
    if now < monday:
        return []
    return [key for key, last in state.sent.items() if last < monday.date()]


def next_due(monday: datetime, now: datetime) -> str:
    """When the next summary is due if none is due now, such as ``Monday, 2026-12-07, 06:00``."""
    coming = monday if now < monday else monday + timedelta(days=7)
    return f"Monday, {coming:%Y-%m-%d, %H:%M}"


def is_ready(built: datetime | None, *, busy: bool, monday: datetime, now: datetime) -> bool:
    """Whether the page, last built at ``built``, has this week's figures, or will not get them."""
    if built is None:
        return False
    return (built >= monday and not busy) or now >= monday + _PATIENCE


def after_delivery(state: State, keys: Iterable[str], monday: datetime) -> State:
    """The state after this week's summary was sent to these targets."""
    return State({**state.sent, **dict.fromkeys(keys, monday.date())})
