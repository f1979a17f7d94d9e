"""Previews on a materialisation: a picture and a table.

Attached to the last day of a run only: the UI shows that day first, and a picture on each of 365
days would take 15 MB of events.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from feedback_assets.schema.table import Table
from feedback_assets.warehouse.addresses import may_contain_address
from feedback_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from feedback_assets.reports.report import Report
    from feedback_assets.summary.reading import Scorecard

PICTURE, TABLE, COVERAGE = "picture", "preview", "coverage"
SCORECARD, TO_DO, FRESH = "scorecard", "what_to_do", "freshness"
_SHOWN = 100
"""Characters of a channel's name; providers accept names of any length."""


def rows_a_day(rows: Sequence[tuple[date, int]]) -> dict[str, Any]:
    """Rows on each day of a run; empty for a run of one day."""
    from feedback_assets.reports import pictures

    picture = pictures.days_picture(rows)
    if picture is None:
        return {}
    return _markdown({PICTURE: picture, TABLE: pictures.days_table(rows)})


def mart_previews(table: Table, warehouse: Warehouse) -> dict[str, Any]:
    """The trend, the channels or the shares, for the mart that holds them; otherwise empty."""
    if table.full_name == "marts.channel_scorecard":
        from feedback_assets.summary.reading import read_scorecard

        return channels_preview(read_scorecard(warehouse))
    if table.full_name not in ("marts.nps_daily", "marts.match_coverage"):
        return {}
    from feedback_assets.reports import pictures
    from feedback_assets.reports.figures import read_coverage, read_weeks

    if table.name == "match_coverage":
        return _markdown({COVERAGE: pictures.coverage_table(read_coverage(warehouse))})
    return _trend(read_weeks(warehouse))


def report_previews(report: "Report") -> dict[str, Any]:
    """Trend and coverage from the page."""
    from feedback_assets.reports import pictures

    return _trend(report.weeks) | _markdown(
        {COVERAGE: pictures.coverage_table(report.coverage)} if report.coverage else {}
    )


def freshness_preview(report: "Report") -> dict[str, Any]:
    """The freshness of each provider of answers: last answer, last day read, last alert tick."""
    from feedback_assets.reports import words

    return _records(
        FRESH,
        ("provider", "last_answer_seen", "last_day_read", "last_alert_tick"),
        (
            (
                words.provider(each.provider),
                words.moment(each.answered_at),
                words.day(each.last_day),
                words.moment(each.looked_at),
            )
            for each in report.freshness
        ),
    )


def channels_preview(scorecard: "Scorecard") -> dict[str, Any]:
    """The channels of the last 90 days, best first; empty without any."""
    from feedback_assets.summary.channels import channels_of

    channels = channels_of(scorecard)
    if not channels.names:
        return {}
    columns = [*channels.money, *channels.answers]
    names = [_storable(name) for name in channels.names]
    return _records(
        SCORECARD,
        ("channel", *(column.name for column in columns)),
        zip(names, *(column.texts for column in columns), strict=True),
    )


def findings_preview(scorecard: "Scorecard") -> dict[str, Any]:
    """What to do, a finding on each row."""
    from feedback_assets.summary.findings import sentences_of

    said = sentences_of(scorecard)
    return _records(
        TO_DO, ("finding",), ((_storable(text, None),) for text in (*said.findings, *said.caveats))
    )


def _storable(text: str, most: int | None = _SHOWN) -> str:
    """A text with names from providers, for the event log, from which nobody can be erased."""
    if may_contain_address(text):
        return "(not shown: it contains an e-mail address)"
    return text if most is None or len(text) <= most else f"{text[: most - 1]}…"


def _records(
    name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> dict[str, dg.MetadataValue[Any]]:
    # Not Markdown, in which a channel's name could become a link or an image.
    records = [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows]
    schema = dg.TableSchema([dg.TableColumn(column, "string") for column in columns])
    return {name: dg.MetadataValue.table(records, schema)} if records else {}


def _trend(weeks: Any) -> dict[str, Any]:
    from feedback_assets.reports import pictures

    picture = pictures.trend_picture(weeks)
    return _markdown({PICTURE: picture, TABLE: pictures.trend_table(weeks)}) if picture else {}


def _markdown(texts: dict[str, str]) -> dict[str, Any]:
    return {name: dg.MetadataValue.md(text) for name, text in texts.items()}
