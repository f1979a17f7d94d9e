"""One self-contained HTML page of the figures: template, charts, data and their script in a file.

No request leaves it: the content security policy forbids every source, and names the scripts and
styles of the page by their hash. Comments and names of campaigns are written by strangers; they
reach the page through Jinja's escaping, or as JSON in which no tag can end.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from feedback_assets.reports import charts, words
from feedback_assets.reports import rows as rows_of
from feedback_assets.reports.csv_text import csv_of
from feedback_assets.reports.names import short
from feedback_assets.reports.path import page_path
from feedback_assets.reports.report import LEVELS, MODELS, Channel, Report
from feedback_assets.warehouse.warehouse import Warehouse

DEFAULT_MODEL = "last_click"
DEFAULT_LEVEL = "campaign"
_VERDICTS = {
    "above": "above the others, beyond chance",
    "below": "below the others, beyond chance",
    "alike": "within chance of the others",
    "few": "too few answers to compare",
    "uncredited": "not credited",
    "smaller": "the smaller ones together",
}
_CHARTED_CURRENCIES = 4
_NO_SCRIPT_END = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


@dataclass(frozen=True)
class Figures:
    """Figures that can be taken along as CSV: a file name, columns, rows of plain values."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def write_page(warehouse: Warehouse, report: Report) -> int:
    """Put the page in the place of the one before, at once or not at all; its size in bytes."""
    content = render(report).encode()
    warehouse.write_bytes(page_path(warehouse), content)
    return len(content)


def render(report: Report) -> str:
    """The page as HTML."""
    script, style = _text("nps.js"), _text("nps.css")
    library = _library()
    scripts = " ".join(_hash(text) for text in (library, script))
    return (
        _environment()
        .get_template("nps.html")
        .render(
            r=report,
            w=words,
            verdicts=_VERDICTS,
            models=[(name, words.MODELS[name]) for name in MODELS if _has(report, name)],
            levels=LEVELS,
            default_window=_default_window(report),
            default_model=DEFAULT_MODEL,
            default_level=DEFAULT_LEVEL,
            chosen=_in_order(_default_channels(report)),
            few=report.bounds.few_answers,
            few_reviews=report.bounds.few_reviews,
            month=report.period(30),
            currencies=_currencies(report),
            stale_days=_stale_days(report),
            unattributed=_unattributed(report),
            policy=f"default-src 'none'; script-src {scripts}; style-src {_hash(style)}; "
            "base-uri 'none'; form-action 'none'",
            style=Markup(style),  # noqa: S704 - our own files
            library=Markup(library),  # noqa: S704
            script=Markup(script),  # noqa: S704
            data=Markup(_json(_data(report))),  # noqa: S704 - no tag can end in it
        )
    )


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("feedback_assets.reports", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _text(name: str) -> str:
    path = files("feedback_assets.reports") / "page" / name
    return path.read_text(encoding="utf-8").strip()


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; 0.9 MB, 2.5 s to put together."""
    import vl_convert

    # Within the script a closing tag of one may stand in a text of the library.
    return (
        str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
        .replace("</script", "<\\/script")
        .strip()
    )


@cache
def _compiled(spec: str) -> Any:
    """Vega-Lite's specification as Vega's: a phone need not do that, and no warning is left."""
    import vl_convert

    return vl_convert.vegalite_to_vega(spec, vl_version="6.4")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(value: Any) -> str:
    text = json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_NO_SCRIPT_END)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)


def _has(report: Report, model: str) -> bool:
    return any(channel.model == model for channel in report.channels)


def _default_window(report: Report) -> int:
    return 90 if 90 in report.windows else max(report.windows, default=90)


def _default_channels(report: Report) -> tuple[Channel, ...]:
    return report.chosen(_default_window(report), DEFAULT_MODEL, DEFAULT_LEVEL)


def _in_order(found: Iterable[Channel]) -> list[Channel]:
    """Those that are compared by NPS; then, in no rank, the small ones and those not credited."""
    ranked = {"above": 0, "below": 0, "alike": 0, "few": 1, "smaller": 2, "uncredited": 3}
    return sorted(
        found,
        key=lambda channel: (
            ranked[channel.verdict],
            -(channel.counts.nps or 0) if not ranked[channel.verdict] else 0,
            channel.name,
        ),
    )


def _currencies(report: Report) -> list[str | None]:
    return list(dict.fromkeys(value.currency for value in report.values))


def _stale_days(report: Report) -> int:
    """Whole days between the last day held and the day before the page was built."""
    if report.last_day is None:
        return 0
    return (report.built_at.date() - report.last_day).days - 1


def _unattributed(report: Report) -> tuple[float, float]:
    """Shares of the answers that meet no order, and whose order has no last click."""
    found = _default_channels(report)
    whole = sum(channel.counts.responses for channel in found)
    shares = {channel.name: channel.counts.responses / whole for channel in found if whole}
    return shares.get("(unmatched)", 0.0), shares.get("(unattributed)", 0.0)


def _data(report: Report) -> dict[str, Any]:
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
        "funnel": charts.bars(page),
        "products": charts.intervals(page),
        "coverage": charts.shares(page, list(rows_of.METHODS), methods),
    }
    month = report.period(30)
    rows: dict[str, list[rows_of.Row]] = {
        "weeks": rows_of.week_rows(report.weeks, report.bounds.few_answers),
        "classes": rows_of.class_rows(month.now) if month else [],
        "funnel": rows_of.funnel_rows(report.surveys),
        "products": rows_of.product_rows(report.products),
        "coverage": rows_of.coverage_rows(report.coverage),
    }
    for place, currency in enumerate(_currencies(report)[:_CHARTED_CURRENCIES]):
        specs[f"value-{place}"] = charts.bars(page)
        rows[f"value-{place}"] = rows_of.value_rows(report.values, currency)
    return {
        "specs": {name: _compiled(json.dumps(spec)) for name, spec in specs.items()},
        "rows": rows,
        "channels": _channel_data(report),
        "figures": {
            name: {"file": figures.file, "csv": csv_of(figures.columns, map(_whole, figures.rows))}
            for name, figures in _figures(report).items()
            if figures.rows
        },
    }


def _channel_data(report: Report) -> dict[str, Any]:
    """Every channel as a row, and of each choice the sentence and the NPS of all answers."""
    rows, sentences, wholes = [], {}, {}
    for window in report.windows:
        for model in MODELS:
            for level in LEVELS:
                found = _in_order(report.chosen(window, model, level))
                if not found:
                    continue
                key = f"{window}|{model}|{level}"
                sentences[key] = words.channels(found, report.bounds.few_answers)
                responses = sum(c.counts.responses for c in found)
                balance = sum(c.counts.promoters - c.counts.detractors for c in found)
                wholes[key] = 100 * balance / responses if responses else None
                rows += [_channel_row(key, channel) for channel in found]
    return {"rows": rows, "sentences": sentences, "wholes": wholes, "verdicts": _VERDICTS}


def _channel_row(key: str, channel: Channel) -> dict[str, Any]:
    counts = channel.counts
    low, high = counts.interval or (None, None)
    name = channel.name
    if channel.verdict == "smaller":
        name = f"{words.number(channel.channels)} smaller channels"
    return {
        "key": key,
        "name": name,
        "shown": short(name),
        "value": counts.nps,
        "low": low,
        "high": high,
        "verdict": channel.verdict,
        "answers": words.number(counts.responses),
        "note": f"{words.number(counts.nps or 0)} · {words.number(counts.responses)}",
        "nps": words.nps(counts),
        "tip": f"{name}: NPS {words.nps(counts)}, {words.counted(counts.responses, 'answer')}, "
        f"{_VERDICTS[channel.verdict]}",
    }


def _figures(report: Report) -> dict[str, Figures]:
    """What can be taken along, as numbers rather than as the page writes them."""
    return {
        "periods": _periods_figures(report),
        "weeks": Figures(
            "nps-by-week.csv",
            ("week_from", "days_with_answers", *_COUNT_COLUMNS),
            tuple((week.first, week.days, *_count_cells(week.counts)) for week in report.weeks),
        ),
        "channels": Figures(
            "nps-by-channel.csv",
            ("window_days", "model", "level", "channel", "verdict", *_COUNT_COLUMNS),
            tuple(
                (c.window_days, c.model, c.level, c.name, c.verdict, *_count_cells(c.counts))
                for c in report.channels
            ),
        ),
        "values": Figures(
            "customer-value.csv",
            (
                "nps_class", "currency", "customers", "orders", "net_amount",
                "net_amount_per_customer", "repeat_rate",
            ),
            tuple(
                (
                    value.nps_class, value.currency, value.customers, value.orders,
                    _amount(value.net_amount), _amount(value.per_customer), value.repeat_rate,
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
        "sources": Figures(
            "tables-held.csv",
            ("table", "first_day", "last_day", "days_missing", "quarantined", "read_at"),
            tuple(
                (s.table, s.first, s.last, len(s.missing), s.quarantined, s.read_at)
                for s in report.sources
            ),
        ),
    }  # fmt: skip


def _whole(row: tuple[Any, ...]) -> list[Any]:
    """The row with whole numbers as such: counts are sums of shares, and so floats."""
    return [int(v) if isinstance(v, float) and v.is_integer() else v for v in row]


_COUNT_COLUMNS = ("responses", "promoters", "passives", "detractors", "nps", "nps_low", "nps_high")


def _count_cells(counts: Any) -> tuple[float | None, ...]:
    low, high = counts.interval or (None, None)
    parts = (counts.responses, counts.promoters, counts.passives, counts.detractors)
    return (*parts, counts.nps, low, high)


def _periods_figures(report: Report) -> Figures:
    columns = (
        "window_days", *_COUNT_COLUMNS, *(f"{name}_before" for name in _COUNT_COLUMNS),
        "difference", "difference_low", "difference_high", "p",
        "surveys_sent", "surveys_answered", "surveys_sent_before", "surveys_answered_before",
    )  # fmt: skip
    rows = []
    for period in report.periods:
        before = (None,) * len(_COUNT_COLUMNS)
        if period.before is not None:
            before = _count_cells(period.before)  # type: ignore[assignment]
        difference = period.difference
        tested: tuple[float | None, ...] = (None,) * 4
        if difference is not None:
            tested = (difference.points, difference.low, difference.high, difference.p)
        rows.append(
            (
                period.window_days, *_count_cells(period.now), *before, *tested,
                period.sent, period.answered, period.sent_before, period.answered_before,
            )
        )  # fmt: skip
    return Figures("nps-by-period.csv", columns, tuple(rows))


def _amount(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
