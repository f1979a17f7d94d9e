"""The weekly summary: how NPS has changed, and what the page says to do.

Independent of Dagster: ``weekly_sensor`` decides when it is due and sends it.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from feedback_assets.alerts.delivery import Message, harmless
from feedback_assets.reports import scorecard_words, words
from feedback_assets.reports.report import Period, Report
from feedback_assets.scorecard.words import sentence
from feedback_assets.settings import Settings

_LONGEST = 1000
_WINDOWS = (7, 30)
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


def compose(report: Report, page: Path | None, where: str) -> Message:
    """The summary of a report; ``page`` is attached, and ``where`` says where it is."""
    parts = ["\n".join(_figures(report)), "\n".join(_to_do(report)), words.said(report)]
    if report.generated:
        parts.insert(0, "These figures come from generated data.")
    parts.append(f"The whole page: {where}")
    week = report.period(_WINDOWS[0])
    return Message(_title(week), "\n\n".join(parts), attachment=page)


def _title(week: Period | None) -> str:
    if week is None or week.now.nps is None:
        return "Your week: no scored answers"
    shown = f"Your week: NPS {words.number(week.now.nps)}"
    return f"{shown}, {words.points(week.difference)}" if week.difference else shown


def _figures(report: Report) -> Iterator[str]:
    if report.first_day:
        yield f"Figures up to {words.day(report.last_day)}."
    for days in _WINDOWS:
        period = report.period(days)
        if period is not None and period.now.nps is not None:
            shown = words.nps(period.now, period.interval)
            answers = words.counted(period.now.responses, "answer")
            yield (
                f"NPS {shown} in the last {days} days, from {answers}; "
                f"{words.against_before(period)}."
            )


def _to_do(report: Report) -> Iterator[str]:
    """The sentences of the page's section "What to do", in its order."""
    card = report.scorecard
    if not card.decisions:
        yield "What to do: nothing can be said about channels yet."
        return
    findings = card.decisions.findings
    yield f"What to do: {scorecard_words.lead(findings)}"
    for one in findings:
        yield f"- {harmless(sentence(one, card.compared), _LONGEST)}"
