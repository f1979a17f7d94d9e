"""The reason that a sentence gives where figures cannot be compared is the true one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from feedback_assets.reports import words
from feedback_assets.reports.figures import read_report
from feedback_assets.reports.page import render
from feedback_assets.reports.report import Period
from feedback_assets.reports.statistics import Counts
from tests.reports.conftest import Marts, daily, spread
from tests.reports.reading import AT, Page
from tests.reports.shop import LAST

SOME, NONE = Counts(20, 10, 6, 4), Counts()
PERIOD = Period(7, 7, SOME, SOME, 7, sent=50, answered=20, sent_before=40, answered_before=10)


def test_a_period_without_answers_still_shows_those_of_the_period_before(marts: Marts) -> None:
    none = dict.fromkeys(("responses", "promoters", "passives", "detractors"), 0)
    week = LAST - timedelta(days=6)
    rows = (row | (none if row["day"] >= week else {}) for row in daily(days=14))
    marts.put("marts.nps_daily", rows)
    report = read_report(marts.warehouse, built_at=AT)
    before = report.periods[0].before
    assert before is not None
    page = Page(render(report))
    assert f"7 days – 0 {words.nps(before)} – no answers now" in page.text
    assert "no answers before" not in page.text
    assert words.against_before(report.periods[0]) == "no answers to compare"


@pytest.mark.parametrize(
    ("period", "answers", "rate"),
    [
        (replace(PERIOD, before=None), "no full previous period", "no full previous period"),
        (replace(PERIOD, before=NONE), "none before", "+15.0 points"),
        (replace(PERIOD, sent_before=0), "as many as in the previous 7 days", "none before"),
    ],
    ids=["days are missing", "no answers before", "no surveys sent before"],
)
def test_a_full_period_before_is_not_called_incomplete(
    period: Period, answers: str, rate: str
) -> None:
    assert words.answers_against_before(period) == answers
    assert words.rate_against_before(period).startswith(rate)


@pytest.mark.parametrize(
    ("promoters", "detractors", "said"),
    [
        (400, 0, "No detractor who pays in EUR has a first answer that is 30 days old yet"),
        (0, 400, "No promoter who pays in EUR has a first answer that is 30 days old yet"),
        (0, 0, "No answer is 30 days old yet"),
    ],
)
def test_only_a_class_whose_answers_are_all_recent_is_called_recent(
    marts: Marts, promoters: int, detractors: int, said: str
) -> None:
    marts.put(
        "marts.customer_value_spread",
        [
            spread("promoter", "EUR", 500, 300.0, 0.75) | {"followed": promoters},
            spread("detractor", "EUR", 20, 150.0, 0.25) | {"followed": detractors},
        ],
    )
    assert words.values(read_report(marts.warehouse).values).startswith(said)
