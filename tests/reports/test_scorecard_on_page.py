"""What to do, and the scorecard of channels, as the page shows them."""

import pytest

from feedback_assets.reports import scorecard_words
from feedback_assets.reports.figures import read_report
from feedback_assets.reports.page import render
from feedback_assets.reports.report import Bounds, Report
from feedback_assets.reports.scorecard_report import LEVELS
from feedback_assets.scorecard import words as findings_words
from tests.reports.conftest import Marts
from tests.reports.reading import AT, Page, Table
from tests.reports.shop import CHANNELS, MODELS, Shown, scorecard
from tests.reports.warehouses import (
    put_channels,
    put_one_provider,
    put_thousand_campaigns,
    without_spend,
)


@pytest.fixture(scope="module")
def report(full: Marts) -> Report:
    return read_report(full.warehouse, built_at=AT)


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(render(report))


def test_the_first_section_says_what_to_do_with_evidence_money_and_caveat(
    page: Page, report: Report
) -> None:
    text = page.text[page.text.index("What to do") : page.text.index("What does each channel")]
    decisions = report.scorecard.decisions
    assert decisions
    said = [row for row in page.download("findings") if row["kind"] == "said"]
    assert [row["finding"] for row in said] == [
        findings_words.sentence(each, report.scorecard.compared) for each in decisions.findings
    ]
    for row in said:
        assert " ".join(row["finding"].split()) in text
        assert row["next_step"] in text
    below = next(row for row in said if row["finding"].startswith("Look at"))
    assert below["finding"] == (
        "Look at tiktok/flash: NPS −40 (−50 to −28), rest 46; holds in 4 of 4 models; "
        "detractors spent EUR\u00a012,000 of the 20,000 from customers who answered."
    )
    assert "Careful: only 62 of the 90 days have data." in text
    assert below["caveat"] == findings_words.CREDITED
    assert findings_words.CREDITED in text
    assert "At stake: EUR 12,000 from its detractors." in text
    assert "so answers match the orders" in text
    left_out = [row["finding"] for row in page.download("findings") if row["kind"] == "left out"]
    assert left_out == [
        findings_words.withheld(each, report.scorecard.compared) for each in decisions.withheld
    ]
    grouped = findings_words.left_out(decisions.withheld, report.scorecard.compared)
    assert grouped
    assert all(each in text for each in grouped), "with the reason"


def test_the_scorecard_shows_orders_money_cost_and_opinions_of_each_channel(page: Page) -> None:
    table = Table(page.source, "scorecard")
    assert table.caption == "First click · by campaign · last 90 days (62 stored) · money in EUR"
    assert table.head == [
        "Channel", "NPS", "Answers", "Promoters", "Detractors", "NPS, first orders", "Orders",
        "Revenue", "Revenue per customer", "New customers", "Spend", "Cost per order", "ROAS",
        "Cost per promoter",
    ]  # fmt: skip
    assert table.rows["google/brand above the rest, beyond chance"] == [
        "60 50 to 68", "200", "140 70 %", "20 10 %", "60 50 to 68", "400", "20,000",
        "100 90.00 to 115", "100 at most 150", "4,000", "10.00", "5.0×", "14.29 13.17 to 15.79",
    ]  # fmt: skip
    assert table.rows["mail/news no clear difference"][9:] == ["–"] * 4, "nothing, not 0"
    flyer = table.rows["print/flyer too few customers to compare"]
    assert flyer[8:11] == ["0", "700 1 day missing", "–"]


def test_what_the_script_needs_for_every_view_is_in_the_page(page: Page, report: Report) -> None:
    card = page.data["scorecard"]
    assert set(card["views"]) == {
        f"{days}|{model}|{level}"
        for days in report.windows for model in MODELS for level in LEVELS
    }  # fmt: skip
    view = card["views"]["30|linear|campaign"]
    places = [card["names"][place][0] for place in view["names"]]
    tiktok = places.index("tiktok/flash")
    row = next(
        row
        for row in scorecard(CHANNELS)
        if (row["window_days"], row["model"], row["source"], row["level"], row["currency"])
        == (30, "linear", "tiktok", "campaign", "EUR")
    )
    for key in ("orders", "net_amount", "spend", "cost_per_order", "roas", "cost_per_promoter"):
        assert view["money"]["EUR"][key][tiktok] == pytest.approx(float(row[key]), abs=0.001)
    for key in ("responses", "promoters", "detractors", "nps", "nps_low", "nps_high"):
        assert view["answers"][key][tiktok] == pytest.approx(row[key], abs=0.001)
    assert view["finding"] == words_of_channels(report, 30, "linear", "campaign")


def words_of_channels(report: Report, window: int, model: str, level: str) -> str:
    view = report.scorecard.view(window, model, level)
    assert view
    return scorecard_words.channels(view)


def test_a_change_beyond_chance_is_marked_where_it_is_shown(marts: Marts) -> None:
    found = [
        Shown("google", "cpc", "brand", 200, 0.7, 0.1, before=58),
        Shown("mail", "email", "news", 150, 0.5, 0.25, before=70),
        Shown("tiktok", "paid_social", "flash", 200, 0.2, 0.6, before=-45),
    ]
    put_channels(marts, found, days=200)
    text = render(read_report(marts.warehouse, built_at=AT))
    cells = Table(text, "scorecard").rows
    fell = next(cell for cells_ in cells.values() for cell in cells_ if "fallen" in cell)
    assert fell.startswith("−45 −")
    assert sum("beyond chance" in cell for row in cells.values() for cell in row) == 1
    assert "mail/news fell 45 points, from 70 to 25; 5 promoters lost." in Page(text).text


def test_without_spend_the_page_says_how_to_get_it_and_shows_no_empty_columns(
    marts: Marts,
) -> None:
    put_channels(marts, without_spend(CHANNELS))
    text = render(read_report(marts.warehouse, built_at=AT))
    assert not {"Spend", "Cost per order", "ROAS"} & set(Table(text, "scorecard").head)
    page = Page(text)
    assert "Costs are missing: set FEEDBACK_AD_SPEND to CSV or Parquet files" in page.text
    assert "Spend without orders" not in page.text


@pytest.mark.parametrize("scored", [True, False], ids=["answers without orders", "nothing at all"])
def test_without_orders_there_are_no_dead_controls_and_the_settings_are_named(
    marts: Marts, scored: bool
) -> None:
    if scored:
        put_one_provider(marts)
    page = Page(render(read_report(marts.warehouse, built_at=AT)))
    controls = [a["name"] for tag, a in page.tags if tag in ("select", "input")]
    assert controls == (["words", "class"] if scored else []), "a search, where there are comments"
    assert page.text.count("Wicked Reports (WICKED_REPORTS_API_KEY)") == 3
    for variable in ("FULLWHERE_API_KEY", "RETARGETING_REST_KEY"):
        assert variable in page.text
    if scored:
        assert "Station has the lowest NPS" in page.text, "restaurants see their locations"
    else:
        assert "Locations come with answers from restaurants and shops: Thanx" in page.text
    assert "No channel differs" not in page.text, "there is none"


def test_only_choices_that_differ_are_offered(marts: Marts) -> None:
    put_channels(marts, CHANNELS, days=6, models=("first_click",))
    page = Page(render(read_report(marts.warehouse, built_at=AT)))
    names = [a["name"] for tag, a in page.tags if tag == "select"]
    assert names == ["level"], "one model, one window, one currency"


@pytest.mark.parametrize(("most", "label"), [(6, "1 smaller channel"), (5, "2 smaller channels")])
def test_one_smaller_channel_is_in_the_singular(marts: Marts, most: int, label: str) -> None:
    alike = [Shown("s", "m", f"c{n}", 40 + n, 0.5, 0.25) for n in range(7)]
    put_channels(marts, alike)
    page = Page(render(read_report(marts.warehouse, built_at=AT, bounds=Bounds(channels=most))))
    assert label in [names[0] for names in page.data["scorecard"]["names"]]


@pytest.mark.slow
def test_a_page_of_a_thousand_campaigns_stays_under_three_megabytes(marts: Marts) -> None:
    put_thousand_campaigns(marts)
    text = render(read_report(marts.warehouse, built_at=AT))
    assert len(text.encode()) < 3_000_000
    data = Page(text).data["scorecard"]
    assert len(data["views"]) == 4 * 7 * 3
    assert max(len(view["names"]) for view in data["views"].values()) == 32
    assert "970 smaller channels" in text


def test_a_campaign_that_looks_like_a_formula_is_harmless_in_the_embedded_data(
    marts: Marts,
) -> None:
    put_channels(marts, [Shown("=1+1", "cpc", "@sum", 50, 0.5, 0.2), CHANNELS[0]])
    names = Page(render(read_report(marts.warehouse, built_at=AT))).data["scorecard"]["names"]
    assert ["=1+1/@sum", "'=1+1", "cpc", "'@sum"] in names
