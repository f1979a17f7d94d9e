"""The text of the weekly summary: how NPS has changed, and what the page says to do."""

from collections.abc import Iterator
from pathlib import Path

from feedback_assets.alerts.delivery import Message, harmless
from feedback_assets.reports import scorecard_words, words
from feedback_assets.reports.report import Period, Report
from feedback_assets.schema.names import NO_PREFIX, Names
from feedback_assets.scorecard.words import sentence

_LONGEST = 1000
_WINDOWS = (7, 30)


def compose(report: Report, page: Path | None, where: str, names: Names = NO_PREFIX) -> Message:
    """The summary of a report; ``page`` is attached, and ``where`` says where it is."""
    parts = ["\n".join(_figures(report)), "\n".join(_to_do(report)), words.said(report)]
    if report.generated:
        parts.insert(0, "These figures come from generated data.")
    parts.append(f"Full page: {where}")
    week = report.period(_WINDOWS[0])
    return Message(names.titled(_title(week)), "\n\n".join(parts), attachment=page)


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
