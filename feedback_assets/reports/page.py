"""A self-contained HTML page: template, charts, data and scripts in one file.

It sends no requests: the content security policy forbids every source, and lists the page's
scripts and styles by hash. Comments and campaign names are untrusted; they reach the page through
Jinja's escaping, or as JSON in which no tag can end.
"""

import base64
import hashlib
import json
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from feedback_assets.providers.registry import REGISTRY
from feedback_assets.reports import scorecard_words, words
from feedback_assets.reports.embedded import (
    charted_currencies,
    default_locations,
    embedded,
    label_of,
    shown_window,
)
from feedback_assets.reports.names import bounded
from feedback_assets.reports.path import page_path
from feedback_assets.reports.report import Report
from feedback_assets.reports.scorecard_view import MOVED, VERDICTS, cell, columns_of
from feedback_assets.scorecard import words as findings_words
from feedback_assets.scorecard.rows import FEW_TESTED
from feedback_assets.warehouse.warehouse import Warehouse

_NO_SCRIPT_END = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def write_page(warehouse: Warehouse, report: Report) -> int:
    """Replace the page atomically; returns its size in bytes."""
    content = render(report).encode()
    warehouse.write_bytes(page_path(warehouse), content)
    return len(content)


def render(report: Report) -> str:
    """The page as HTML."""
    script, style = _text("nps.js"), _text("nps.css")
    library = _library()
    scripts = " ".join(_hash(text) for text in (library, script))
    data = embedded(report)
    scorecard, shown = report.scorecard, report.scorecard.shown
    chosen = data["scorecard"] and data["scorecard"]["chosen"]
    columns = columns_of(shown, chosen["currency"]) if shown and chosen else ()
    return (
        _environment()
        .get_template("nps.html")
        .render(
            r=report,
            w=words,
            bounded=bounded,
            sw=scorecard_words,
            fw=findings_words,
            card=scorecard,
            shown=shown,
            chosen=chosen,
            titles=data["scorecard"] and data["scorecard"]["titles"],
            columns=columns,
            cell=cell,
            label_of=label_of,
            verdicts=VERDICTS,
            moved=MOVED,
            days=shown_window(report),
            held=report.span_days,
            few=report.bounds.few_answers,
            few_reviews=report.bounds.few_reviews,
            month=report.month,
            currencies=charted_currencies(report),
            locations=default_locations(report),
            kinds=_kinds(report),
            askers=[
                scorecard_words.needs(provider.name)
                for provider in REGISTRY
                if provider.answers is not None
            ],
            located=[
                scorecard_words.needs(provider.name)
                for provider in REGISTRY
                if provider.answers is not None and "location_ref" in provider.answers.columns
            ],
            few_tested=FEW_TESTED,
            stale_days=_stale_days(report),
            unattributed=_unattributed(report),
            policy=f"default-src 'none'; script-src {scripts}; style-src {_hash(style)}; "
            "base-uri 'none'; form-action 'none'",
            style=Markup(style),  # noqa: S704 - our own files
            library=Markup(library),  # noqa: S704
            script=Markup(script),  # noqa: S704
            data=Markup(_json(data)),  # noqa: S704 - no tag can end in it
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
    """Vega, Vega-Lite and Vega-Embed as one script; 0.9 MB, 2.5 s to bundle."""
    import vl_convert

    # A text in the library may contain a closing script tag.
    return (
        str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
        .replace("</script", "<\\/script")
        .strip()
    )


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


def _stale_days(report: Report) -> int:
    """Whole days between the last stored day and the day before the page was built."""
    if report.last_day is None:
        return 0
    return (report.built_at.date() - report.last_day).days - 1


def _unattributed(report: Report) -> tuple[float, float] | None:
    """Shares of answers without a matching order, and of those whose order has no touch."""
    shown = report.scorecard.shown
    if shown is None:
        return None
    found = {line.label: line.answers.get("responses") or 0 for line in shown.lines}
    whole = sum(
        line.answers.get("responses") or 0 for line in shown.lines if line.verdict == "whole"
    )
    if not whole:
        return None
    return found.get("(unmatched)", 0) / whole, found.get("(unattributed)", 0) / whole


def _kinds(report: Report) -> list[str]:
    """The kinds of comments to choose from."""
    found = {comment.nps_class for comment in report.said.shown}
    found |= {"waits" for comment in report.said.shown if comment.waits}
    return [kind for kind in words.KINDS if kind in found]
