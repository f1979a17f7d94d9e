"""The data that the page embeds for its script: charts, the scorecard's views, downloads."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from feedback_assets.reports import charts, scorecard_words, words
from feedback_assets.reports import rows as rows_of
from feedback_assets.reports.csv_text import harmless
from feedback_assets.reports.downloads import downloads, whole
from feedback_assets.reports.names import bounded, short
from feedback_assets.reports.report import Report
from feedback_assets.reports.scorecard_report import LEVELS, MODELS, Line, View
from feedback_assets.reports.scorecard_view import COLUMNS, KINDS, MOVED, VERDICTS
from feedback_assets.scorecard import words as findings_words
from feedback_assets.scorecard.rows import ALL

_CHARTED_CURRENCIES = 4


def embedded(report: Report) -> dict[str, Any]:
    """Everything, by name, as values that JSON has."""
    specs, rows = _charts(report)
    return {
        "specs": {name: _compiled(json.dumps(spec)) for name, spec in specs.items()},
        "rows": rows,
        "scorecard": _scorecard(report),
        "figures": downloads(report),
    }


@cache
def _compiled(spec: str) -> Any:
    """Compile Vega-Lite to Vega: saves the browser the work and avoids its warnings."""
    import vl_convert

    return vl_convert.vegalite_to_vega(spec, vl_version="6.4")


def charted_currencies(report: Report) -> list[str | None]:
    """The currencies with enough customers for a chart, the one with most customers first."""
    found = dict.fromkeys(value.currency for value in report.values if value.spread)
    return list(found)[:_CHARTED_CURRENCIES]


def default_locations(report: Report) -> list[Any]:
    """The locations of the longest window up to 90 days; few answers last, then by NPS."""
    window = shown_window(report)
    few = report.bounds.few_answers
    found = [place for place in report.locations if place.window_days == window]
    return sorted(
        found,
        key=lambda place: (place.counts.responses < few, place.counts.nps or 0, place.name),
    )


def shown_window(report: Report) -> int:
    """The window that the page shows where only one is shown."""
    return 90 if 90 in report.windows else max(report.windows, default=90)


def _charts(report: Report) -> tuple[dict[str, charts.Spec], dict[str, list[rows_of.Row]]]:
    page = charts.ON_PAGE
    methods = [page.promoter, "var(--second)", "var(--third)", page.line]
    specs: dict[str, charts.Spec] = {
        "weeks": charts.trend(page, [week.first for week in report.weeks]),
        "classes": charts.shares(
            page,
            ["Promoters", "Passives", "Detractors"],
            [page.promoter, page.passive, page.detractor],
        ),
        "channels": charts.intervals(page, reference=True),
        "locations": charts.intervals(page),
        "funnel": charts.bars(page),
        "products": charts.intervals(page),
        "coverage": charts.shares(page, list(rows_of.METHODS), methods),
    }
    month, few = report.month, report.bounds.few_answers
    rows: dict[str, list[rows_of.Row]] = {
        "weeks": rows_of.week_rows(report.weeks, few),
        "classes": rows_of.class_rows(month.now) if month else [],
        "locations": rows_of.location_rows(default_locations(report), few),
        "funnel": rows_of.funnel_rows(report.funnel),
        "products": rows_of.product_rows(report.products),
        "coverage": rows_of.coverage_rows(report.coverage),
    }
    for place, currency in enumerate(charted_currencies(report)):
        specs[f"value-{place}"] = charts.intervals(page)
        rows[f"value-{place}"] = rows_of.value_rows(report.values, currency)
    return specs, rows


def _scorecard(report: Report) -> dict[str, Any] | None:
    """The views as arrays, a channel being its place in ``names``; None without a channel.

    Texts for CSV are made harmless here, because only Python knows how.
    """
    scorecard, shown = report.scorecard, report.scorecard.shown
    if shown is None:
        return None
    names: dict[tuple[str, ...], int] = {}
    views = {
        f"{view.window_days}|{view.model}|{view.level}": _view(view, names)
        for view in scorecard.views
        if view.window_days in scorecard.windows and view.model in scorecard.models
    }
    return {
        "columns": [
            {"key": c.key, "title": c.title, "part": c.part, "small": c.small} for c in COLUMNS
        ],
        "kinds": KINDS,
        "verdicts": VERDICTS,
        "moved": MOVED,
        "names": list(names),
        "views": views,
        "weeks": scorecard.weeks,
        "titles": {
            "model": {model: MODELS[model] for model in scorecard.models},
            "level": {level: f"by {level}" for level in LEVELS},
            "window": {
                str(days): words.window(days, report.span_days) for days in scorecard.windows
            },
            "currency": {c: findings_words.currency_name(c) for c in scorecard.money_in},
        },
        "chosen": {
            "model": shown.model,
            "level": shown.level,
            "window": str(shown.window_days),
            "currency": scorecard.money_in[0] if scorecard.money_in else ALL,
        },
    }


def _view(view: View, names: dict[tuple[str, ...], int]) -> dict[str, Any]:
    lines = view.lines
    currencies = dict.fromkeys(currency for line in lines for currency in line.money)
    places = []
    for line in lines:
        name = (short(label_of(line)), *(harmless(bounded(part)) for part in line.names))
        places.append(names.setdefault(name, len(names)))
    return {
        "names": places,
        "verdict": [line.verdict for line in lines],
        "moved": [line.moved for line in lines],
        "channels": [line.channels for line in lines],
        "trends": [
            trend and [None if nps is None else round(nps) for nps in trend]
            for trend in view.trends
        ],
        "answers": _arrays([line.answers for line in lines]),
        "money": {
            currency: _arrays([line.money.get(currency, {}) for line in lines])
            for currency in currencies
        },
        "order": scorecard_words.order(view),
        "finding": scorecard_words.channels(view),
    }


def label_of(line: Line) -> str:
    """The name of a channel, or how many make up the row."""
    if line.verdict != "smaller":
        return line.label
    return words.counted(line.channels, "smaller channel")


def _arrays(cells: Sequence[Any]) -> dict[str, list[Any]]:
    """Of each value that any channel has, the array over all channels."""
    keys = dict.fromkeys(key for found in cells for key in found if found[key] is not None)
    return {key: [whole(found.get(key)) for found in cells] for key in keys}
