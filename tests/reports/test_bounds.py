"""What the page says where it leaves out part of a long list."""

from feedback_assets.reports.figures import read_report
from feedback_assets.reports.page import render
from tests.reports.conftest import Marts, daily, location
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


def test_the_lowest_and_highest_locations_are_shown_whatever_their_number_of_answers(
    marts: Marts,
) -> None:
    large = [location(f"l{n:02}", 1000 - n, 0.5, 0.2, 90) for n in range(40)]
    ends = [location("worst", 40, 0.1, 0.8, 90), location("best", 40, 0.9, 0, 90)]
    marts.put("marts.nps_daily", daily(days=60))
    marts.put("marts.nps_by_location", [*large, *ends, location("few", 29, 0, 1, 90)])
    page = Page(render(read_report(marts.warehouse, built_at=AT)))
    assert "worst has the lowest NPS, −70 (" in page.text
    assert "best the highest, 90 (" in page.text
    shown = [row["shown"] for row in page.data["rows"]["locations"]]
    assert len(shown) == 30
    assert "few" not in shown
    assert (
        "Only 30 of 43 locations: those with the lowest and the highest NPS, and grey ones only "
        "if there is room." in page.text
    )


def test_locations_with_few_answers_fill_the_room_that_is_left(marts: Marts) -> None:
    few = [location(f"few{n:02}", n, 0.5, 0.5, 90) for n in range(1, 30)]
    enough = [location(f"enough{n}", 30, 0.5, 0.2, 90) for n in range(6)]
    marts.put("marts.nps_daily", daily(days=60))
    marts.put("marts.nps_by_location", [*few, *enough])
    shown = {place.name for place in read_report(marts.warehouse).locations}
    assert shown == {f"enough{n}" for n in range(6)} | {f"few{n:02}" for n in range(6, 30)}
