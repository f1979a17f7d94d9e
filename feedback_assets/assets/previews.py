"""What a materialisation carries for the eye: a picture and a table, where people would look.

On the last day of a run only: the UI shows that one first, and a picture on each of 365 days
would be 15 MB of events.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from feedback_assets.schema.table import Table
from feedback_assets.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from feedback_assets.reports.report import Report

PICTURE, TABLE, COVERAGE = "picture", "preview", "coverage"


def rows_a_day(rows: Sequence[tuple[date, int]]) -> dict[str, Any]:
    """Rows of each day of a run; nothing for a run of one day."""
    from feedback_assets.reports import pictures

    picture = pictures.days_picture(rows)
    if picture is None:
        return {}
    return _markdown({PICTURE: picture, TABLE: pictures.days_table(rows)})


def mart_previews(table: Table, warehouse: Warehouse) -> dict[str, Any]:
    """The trend on ``nps_daily``, the shares on ``match_coverage``; nothing on other tables."""
    if table.full_name not in ("marts.nps_daily", "marts.match_coverage"):
        return {}
    from feedback_assets.reports import pictures
    from feedback_assets.reports.figures import read_coverage, read_weeks

    if table.name == "match_coverage":
        return _markdown({COVERAGE: pictures.coverage_table(read_coverage(warehouse))})
    return _trend(read_weeks(warehouse))


def report_previews(report: "Report") -> dict[str, Any]:
    """Trend and coverage of the page."""
    from feedback_assets.reports import pictures

    return _trend(report.weeks) | _markdown(
        {COVERAGE: pictures.coverage_table(report.coverage)} if report.coverage else {}
    )


def _trend(weeks: Any) -> dict[str, Any]:
    from feedback_assets.reports import pictures

    picture = pictures.trend_picture(weeks)
    return _markdown({PICTURE: picture, TABLE: pictures.trend_table(weeks)}) if picture else {}


def _markdown(texts: dict[str, str]) -> dict[str, Any]:
    return {name: dg.MetadataValue.md(text) for name, text in texts.items()}
