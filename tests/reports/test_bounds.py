"""What the page says where it leaves out part of a long list."""

from feedback_assets.reports.figures import read_report
from feedback_assets.reports.page import render
from tests.reports.conftest import Marts, daily
from tests.reports.reading import AT, Page
from tests.reports.shop import LAST


def test_the_funnel_sums_surveys_that_the_table_leaves_out(marts: Marts) -> None:
    survey = {"day": LAST, "sending_type": "email", "resent": 0}
    steps = {"planned": 120, "sent": 100, "clicked": 50, "answered": 20}
    marts.put("marts.nps_daily", daily(days=3))
    marts.put(
        "marts.survey_funnel", (survey | steps | {"survey_name": f"s{n:02}"} for n in range(50))
    )
    page = Page(render(read_report(marts.warehouse, built_at=AT)))
    assert "Of 5,000 surveys sent in the last 90 days, 20 % were" in page.text
    drawn = {row["name"]: row["value"] for row in page.data["rows"]["funnel"]}
    assert drawn == {"Planned": 6000, "Sent": 5000, "Clicked": 2500, "Answered": 1000}
    assert len(page.download("surveys")) == 30
    assert "The 30 largest of 50; the sums above cover all of them." in page.text
