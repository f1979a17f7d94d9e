"""Reads the scorecard of the page: rows of ``marts.channel_scorecard`` and what is tested on them.

Which channels are shown is decided in SQL; the tests and the order go over all of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from feedback_assets.reports.names import short
from feedback_assets.reports.queries import Ask, Row, counts
from feedback_assets.reports.report import Bounds
from feedback_assets.reports.scorecard_report import (
    SMALLER,
    UNCREDITED,
    WEEKS,
    Answering,
    Cells,
    Line,
    Names,
    Scorecard,
    Unsold,
    View,
)
from feedback_assets.reports.scorecard_view import answer_cells, money_cells
from feedback_assets.scorecard.decisions import LEVEL, MODEL, WINDOW
from feedback_assets.scorecard.ranking import pull
from feedback_assets.scorecard.rows import (
    ALL,
    FEW_SHOWN,
    FEW_TESTED,
    UNNAMED,
    ChannelRow,
    beyond_chance,
    changed,
    view,
)
from feedback_assets.scorecard.selection import (
    Stratum,
    is_moved,
    post_stratified,
    tipping_ratio,
)
from feedback_assets.scorecard.words import channel_label
from feedback_assets.summary.reading import Scorecard as Summary

Key = tuple[int, str, str]
_ORDER = ("above", "below", "alike"), ("few",), ("unnamed",), ("smaller",), ("uncredited",)


def read_scorecard(
    ask: Ask,
    bounds: Bounds,
    windows: Sequence[int],
    summary: Summary,
) -> Scorecard:
    """The scorecard over ``windows``; empty without rows in the mart.

    ``summary``: the rows and facts of the findings, as the terminal and the UI read them.
    """
    currencies = tuple(row["currency"] for row in ask("currencies"))
    shown = {"windows": list(windows), "currencies": list(currencies[: bounds.currencies])}
    rows = ask(
        "scorecard",
        **shown,
        currency=currencies[0] if currencies else ALL,
        most=bounds.channels,
        uncredited=sorted(UNCREDITED),
    )
    last = summary.last_day
    if not rows or last is None:
        return Scorecard()
    tested = _tested(ask("tested", windows=list(windows), few=FEW_TESTED))
    views = _views(rows, tested, _trends(ask, days=WEEKS), currencies[: bounds.currencies])
    compared = view(summary.rows, WINDOW, MODEL, LEVEL, ALL)
    unsold = ask(
        "unsold",
        length=WINDOW,
        level=LEVEL,
        model=MODEL,
        most=bounds.unsold,
        currencies=list(currencies),
        unnamed=sorted(UNNAMED),
    )
    return Scorecard(
        currencies=currencies[: bounds.currencies],
        views=views,
        decisions=summary.decisions if any(row.is_named for row in compared) else None,
        compared=compared,
        answering=_answering(ask, bounds, compared),
        unsold=_unsold(unsold, "spend without orders"),
        unspent=_unsold(unsold, "orders without spend"),
        weeks=tuple(last - timedelta(days=7 * ago + 6) for ago in reversed(range(WEEKS))),
        has_spend=any(row["spend"] is not None for row in rows),
    )


@dataclass
class _Tests:
    """What the tests of one view say; ``places`` is the default order of the ranked channels."""

    differs: Mapping[Names, int] = field(default_factory=dict)
    changed: Mapping[Names, int] = field(default_factory=dict)
    places: Mapping[Names, int] = field(default_factory=dict)
    average: float | None = None


def _tested(rows: Iterable[Row]) -> dict[Key, _Tests]:
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        if row["source"] not in UNNAMED:
            groups.setdefault(_key(row), []).append(row)
    return {key: _test(found) for key, found in groups.items()}


def _test(found: Sequence[Row]) -> _Tests:
    rows = [ChannelRow(currency=ALL, **row) for row in found]
    pulled = pull([row["nps_adjusted"] for row in found], [row["nps_se"] for row in found])
    order = pulled.order() if pulled.is_ranked else ()
    return _Tests(
        beyond_chance(rows),
        changed(rows),
        {rows[place].channel: rank for rank, place in enumerate(order)},
        pulled.average if pulled.is_ranked else None,
    )


def _key(row: Row) -> Key:
    return row["window_days"], row["model"], row["level"]


def _names(row: Row) -> Names:
    if row["source"] is None:
        return SMALLER, SMALLER, SMALLER
    return row["source"], row["medium"], row["campaign"]


Trends = Mapping[tuple[str, str, Names], tuple[float | None, ...]]


def _trends(ask: Ask, days: int) -> Trends:
    found: dict[tuple[str, str, Names], list[float | None]] = {}
    for row in ask("trends", weeks=days, few=FEW_SHOWN):
        weeks = found.setdefault((row["model"], row["level"], _names(row)), [None] * days)
        weeks[days - 1 - row["weeks_ago"]] = counts(row).nps
    return {key: tuple(weeks) for key, weeks in found.items()}


def _views(
    rows: Iterable[Row],
    tested: Mapping[Key, _Tests],
    trends: Trends,
    currencies: Sequence[str],
) -> tuple[View, ...]:
    # Of each view and channel the row of each currency.
    groups: dict[Key, dict[Names, dict[str, Row]]] = {}
    wholes: dict[tuple[int, str], dict[str, Row]] = {}
    for row in rows:
        if row["level"] == "all":
            wholes.setdefault((row["window_days"], row["model"]), {})[row["currency"]] = row
        else:
            of_view = groups.setdefault(_key(row), {})
            of_view.setdefault(_names(row), {})[row["currency"]] = row
    views = []
    for (window, model, level), found in groups.items():
        tests = tested.get((window, model, level), _Tests())
        labels = _labels(level, found)
        lines = [
            _line(names, labels[names], of, tests, currencies, verdict=_verdict(names, of, tests))
            for names, of in found.items()
        ]
        lines.sort(key=lambda line: _place(line, tests.places))
        whole = wholes.get((window, model), {})
        if whole:
            names = (ALL, ALL, ALL)
            lines.append(_line(names, "All", whole, _Tests(), currencies, verdict="whole"))
        views.append(
            View(
                window,
                model,
                level,
                tuple(lines),
                tests.average,
                tuple(trends.get((model, level, line.names)) for line in lines),
            )
        )
    return tuple(views)


def _labels(level: str, found: Collection[Names]) -> dict[Names, str]:
    rows = [ChannelRow(0, "", level, *names, currency=ALL) for names in found]
    labels = {}
    for row in rows:
        if row.source in UNCREDITED | {SMALLER} or level == "source":
            labels[row.channel] = short(row.source)
        elif level == "medium":
            labels[row.channel] = short(f"{row.source}/{row.medium}")
        else:
            labels[row.channel] = channel_label(row, rows)
    return labels


def _line(
    names: Names,
    label: str,
    rows: Mapping[str, Row],
    tests: _Tests,
    currencies: Sequence[str],
    *,
    verdict: str,
) -> Line:
    answers = rows.get(ALL, {})
    money: dict[str, Cells] = {
        currency: money_cells(rows[currency], answers)
        for currency in (*currencies, ALL)
        if currency in rows
    }
    return Line(
        names,
        label,
        verdict,
        answers.get("channels", 1),
        tests.changed.get(names, 0),
        answer_cells(answers),
        money,
    )


def _verdict(names: Names, rows: Mapping[str, Row], tests: _Tests) -> str:
    """The verdict on a channel; ``whole`` is for the level of all, whatever a channel is called."""
    source, answers = names[0], rows.get(ALL, {})
    if source in UNCREDITED:
        return "uncredited"
    if source == SMALLER:
        return "smaller"
    if source in UNNAMED:
        return "unnamed"
    if answers.get("effective_responses", 0) < FEW_TESTED:
        return "few"
    return {1: "above", -1: "below"}.get(tests.differs.get(names, 0), "alike")


def _place(line: Line, places: Mapping[Names, int]) -> tuple[int, int, float, str]:
    """The ranked channels in their order, those that cannot be ranked by answers, then sums."""
    group = next(place for place, verdicts in enumerate(_ORDER) if line.verdict in verdicts)
    return (
        group,
        places.get(line.names, len(places)),
        -(line.answers.get("responses") or 0),
        line.label,
    )


def _answering(ask: Ask, bounds: Bounds, compared: Sequence[ChannelRow]) -> tuple[Answering, ...]:
    rows = ask(
        "answering",
        length=WINDOW,
        model=MODEL,
        level=LEVEL,
        few=FEW_SHOWN,
        most=bounds.channels,
        unnamed=sorted(UNNAMED),
    )
    of = {row.channel: row for row in compared}
    differs = beyond_chance(compared)
    found = []
    for row in rows:
        names = (row["source"], row["medium"], row["campaign"])
        label = "All" if row["level"] == "all" else channel_label(of[names], compared)
        found.append(_answers_of(row, names, label, names in differs))
    return tuple(found)


def _answers_of(row: Row, names: Names, label: str, differs: bool) -> Answering:
    first = row["first_responses"] or 0.0
    later = row["responses"] - first
    later_nps = None
    if later > 0:
        later_nps = (row["nps"] * row["responses"] - (row["first_nps"] or 0) * first) / later
    standardised = post_stratified(
        [
            Stratum(row["first_orders"], first, row["first_nps"]),
            Stratum(row["later_orders"], later, later_nps),
        ]
    )
    interval = row["nps_low"], row["nps_high"]
    tipping = None
    if differs and row["rest_nps"] is not None:
        tipping = tipping_ratio(
            row["promoters"], row["passives"], row["detractors"], row["rest_nps"]
        )
    return Answering(
        names,
        label,
        row["responses"],
        row["response_rate"],
        row["nps"],
        interval,
        row["first_nps"] if first >= FEW_SHOWN else None,
        standardised,
        standardised is not None and is_moved(row["nps"], standardised, interval),
        tipping,
    )


def _unsold(rows: Iterable[Row], kind: str) -> tuple[Unsold, ...]:
    return tuple(
        Unsold(_names(row), row["currency"], row["orders"], row["net_amount"], row["spend"])
        for row in rows
        if row["kind"] == kind
    )
