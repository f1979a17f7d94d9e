"""When the weekly summary is due, independently of Dagster.

``weekly_text`` writes it; ``weekly_sensor`` keeps the state between ticks and sends it.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from feedback_assets.settings import Settings

_PATIENCE = timedelta(hours=6)
"""A page whose figures did not change is not built again; after this it is sent as it is."""


class State(msgspec.Struct, frozen=True):
    """The state between ticks: for each target, the Monday of the last week that it was told of."""

    told: dict[str, date] = {}


def monday_of(settings: Settings, now: datetime) -> datetime:
    """When this week's figures are first due: on Monday, when the daily schedule reads."""
    zone = ZoneInfo(settings.feedback_refresh_timezone)
    today = now.astimezone(zone).date()
    at = time.fromisoformat(settings.feedback_refresh_at)
    return datetime.combine(today - timedelta(days=today.weekday()), at, zone)


def look(state: State | None, targets: Iterable[str], monday: datetime, now: datetime) -> State:
    """The state with every target: one that is new is told from the next Monday on."""
    is_monday = now.astimezone(monday.tzinfo).date() == monday.date()
    start = monday.date() - timedelta(days=7 if state is None and is_monday else 0)
    told = state.told if state else {}
    return State({key: told.get(key, start) for key in targets})


def due(state: State, monday: datetime, now: datetime) -> list[str]:
    """The targets that have not been told of this week yet."""
    if now < monday:
        return []
    return [key for key, told in state.told.items() if told < monday.date()]


def is_ready(built: datetime | None, *, busy: bool, monday: datetime, now: datetime) -> bool:
    """Whether the page, last built at ``built``, has this week's figures or will not get any."""
    if built is None:
        return False
    return (built >= monday and not busy) or now >= monday + _PATIENCE


def told(state: State, keys: Iterable[str], monday: datetime) -> State:
    """The state once these targets have been told of the week."""
    return State({**state.told, **dict.fromkeys(keys, monday.date())})
