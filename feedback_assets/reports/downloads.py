"""The figures of the page for download as CSV, as numbers rather than as displayed."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from feedback_assets.reports import scorecard_words
from feedback_assets.reports.csv_text import csv_of
from feedback_assets.reports.names import bounded
from feedback_assets.reports.report import Report, Value
from feedback_assets.reports.scorecard_report import Unsold
from feedback_assets.scorecard import words as findings_words


@dataclass(frozen=True)
class Figures:
    """Figures for download as CSV: a file name, columns, rows of plain values."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def downloads(report: Report) -> dict[str, dict[str, str]]:
    """The files that are not empty: name and content."""
    return {
        name: {"file": figures.file, "csv": csv_of(figures.columns, map(_whole, figures.rows))}
        for name, figures in _figures(report).items()
        if figures.rows
    }


def _figures(report: Report) -> dict[str, Figures]:
    return {
        "findings": _findings_figures(report),
        "periods": _periods_figures(report),
        "weeks": Figures(
            "nps-by-week.csv",
            ("week_from", "days_stored", *_COUNT_COLUMNS),
            tuple((week.first, week.days, *_count_cells(week.counts)) for week in report.weeks),
        ),
        "answering": Figures(
            "who-answered.csv",
            (
                "channel", "responses", "response_rate", "nps", "nps_low", "nps_high", "first_nps",
                "nps_by_orders", "tipping_ratio",
            ),
            tuple(
                (
                    a.label, a.responses, a.response_rate, a.nps, *a.interval, a.first_nps,
                    a.standardised, a.tipping,
                )
                for a in report.scorecard.answering
            ),
        ),
        "unsold": _unsold_figures("spend-without-orders.csv", report.scorecard.unsold),
        "unspent": _unsold_figures("channels-without-spend.csv", report.scorecard.unspent),
        "locations": Figures(
            "nps-by-location.csv",
            ("window_days", "provider", "location", *_COUNT_COLUMNS),
            tuple(
                (place.window_days, place.provider, place.name, *_count_cells(place.counts))
                for place in report.locations
            ),
        ),
        "values": Figures(
            "customer-value.csv",
            (
                "nps_class", "currency", "customers", "orders", "net_amount", "repeat_rate",
                *_SPREAD, "followed", "returned_30", "net_amount_30",
            ),
            tuple(
                (
                    value.nps_class, value.currency, value.customers, value.orders,
                    _amount(value.net_amount), value.repeat_rate, *_spread_cells(value),
                    value.followed, value.returned, value.spent,
                )
                for value in report.values
            ),
        ),
        "surveys": Figures(
            "survey-funnel.csv",
            (
                "survey_name", "sending_type", "planned", "sent", "resent", "clicked", "answered",
            ),
            tuple(
                (
                    survey.survey_name, survey.sending_type, survey.planned, survey.sent,
                    survey.resent, survey.clicked, survey.answered,
                )
                for survey in report.surveys
            ),
        ),
        "products": Figures(
            "product-scores.csv",
            (
                "real_id", "product_name", "reviews", "score_mean", "score_low", "score_high",
                "comments",
            ),
            tuple(
                (p.real_id, p.name, p.reviews, p.mean, p.low, p.high, p.comments)
                for p in report.products
            ),
        ),
        "comments": Figures(
            "comments.csv",
            (
                "feedback_id", "provider", "responded_at", "score", "nps_class", "comment",
                "reply", "days_waiting", "customer_key", "order_source_id",
            ),
            tuple(
                (
                    c.feedback_id, c.provider, c.responded_at, c.score, c.nps_class, c.text,
                    c.reply, c.days_waiting, c.customer_key, c.order_source_id,
                )
                for c in report.said.shown
            ),
        ),
        "coverage": Figures(
            "match-coverage.csv", ("provider", "match_method", "responses"), report.coverage
        ),
        "freshness": Figures(
            "data-by-provider.csv",
            ("provider", "last_answer_seen", "last_day_read", "last_alert_tick"),
            tuple(
                (f.provider, f.answered_at, f.last_day, f.looked_at) for f in report.freshness
            ),
        ),
        "sources": Figures(
            "tables-held.csv",
            ("table", "first_day", "last_day", "days_missing", "quarantined", "read_at"),
            tuple(
                (s.table, s.first, s.last, len(s.missing), s.quarantined, s.read_at)
                for s in report.sources
            ),
        ),
    }  # fmt: skip


def whole(value: Any) -> Any:
    """A whole number as an integer: counts are sums of shares and therefore floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole(row: tuple[Any, ...]) -> list[Any]:
    return [whole(value) for value in row]


_SPREAD = (
    "net_amount_per_customer", "net_amount_per_customer_low", "net_amount_per_customer_high",
    "median", "q1", "q3",
)  # fmt: skip
_COUNT_COLUMNS = ("responses", "promoters", "passives", "detractors", "nps", "nps_low", "nps_high")


def _count_cells(counts: Any) -> tuple[float | None, ...]:
    low, high = counts.interval or (None, None)
    parts = (counts.responses, counts.promoters, counts.passives, counts.detractors)
    return (*parts, counts.nps, low, high)


def _periods_figures(report: Report) -> Figures:
    columns = (
        "window_days", "days_stored", *_COUNT_COLUMNS,
        *(f"{name}_before" for name in _COUNT_COLUMNS),
        "difference", "difference_low", "difference_high", "p",
        "surveys_sent", "surveys_answered", "surveys_sent_before", "surveys_answered_before",
    )  # fmt: skip
    rows = []
    for period in report.periods:
        before: tuple[float | None, ...] = (None,) * len(_COUNT_COLUMNS)
        if period.before is not None:
            before = _count_cells(period.before)
        difference = period.difference
        tested: tuple[float | None, ...] = (None,) * 4
        if difference is not None:
            tested = (difference.points, difference.low, difference.high, difference.p)
        rows.append(
            (
                period.window_days, period.days, *_count_cells(period.now)[:-2],
                *(period.interval or (None, None)), *before, *tested,
                period.sent, period.answered, period.sent_before, period.answered_before,
            )
        )  # fmt: skip
    return Figures("nps-by-period.csv", columns, tuple(rows))


def _amount(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _spread_cells(value: Value) -> tuple[float | None, ...]:
    """A mean with its interval or a median with its quartiles, whichever the page shows."""
    spread = value.spread
    middle = spread.get("per_customer")
    if "q1" in spread:
        return None, None, None, middle, spread["q1"], spread["q3"]
    return middle, spread.get("per_low"), spread.get("per_high"), None, None, None


def _findings_figures(report: Report) -> Figures:
    decisions, compared = report.scorecard.decisions, report.scorecard.compared
    rows: list[tuple[Any, ...]] = []
    if decisions is not None:
        for found in decisions.findings:
            at_stake = getattr(found, "at_stake", None)
            rows.append(
                (
                    "said", findings_words.sentence(found, compared), scorecard_words.step(found),
                    " ".join(findings_words.caveats(found)),
                    *((_amount(at_stake.amount), at_stake.currency) if at_stake else (None, None)),
                )
            )  # fmt: skip
        rows += [
            ("left out", findings_words.withheld(each, compared), None, None, None, None)
            for each in decisions.withheld
        ]
    columns = ("kind", "finding", "next_step", "caveat", "money_at_stake", "currency")
    return Figures("what-to-do.csv", columns, tuple(rows))


def _unsold_figures(file: str, found: tuple[Unsold, ...]) -> Figures:
    columns = ("source", "medium", "campaign", "currency", "orders", "net_amount", "spend")
    return Figures(
        file,
        columns,
        tuple(
            (*map(bounded, u.names), u.currency, u.orders, _amount(u.net_amount), _amount(u.spend))
            for u in found
        ),
    )
