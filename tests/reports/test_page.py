"""The page as HTML: the marts' numbers, no external resources, no active customer text."""

import base64
import hashlib
import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from feedback_assets.reports import scorecard_words, words
from feedback_assets.reports.csv_text import harmless
from feedback_assets.reports.figures import read_report
from feedback_assets.reports.page import render, write_page
from feedback_assets.reports.path import page_path
from feedback_assets.reports.report import Bounds, Report
from feedback_assets.warehouse.generated import mark_generated
from feedback_assets.warehouse.warehouse import Warehouse
from tests.reports.conftest import HOSTILE, Marts, answer, daily, waiting
from tests.reports.reading import AT, Page
from tests.reports.shop import CHANNELS, LAST, Shown
from tests.reports.warehouses import put_channels


@pytest.fixture(scope="module")
def report(full: Marts) -> Report:
    return read_report(full.warehouse, built_at=AT)


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(render(report))


def test_the_page_shows_the_numbers_of_the_marts(page: Page, full: Marts) -> None:
    (month,) = [row for row in page.download("periods") if row["window_days"] == "30"]
    responses, promoters, passives, detractors = full.sums(
        "marts.nps_daily", datetime(2026, 10, 22, tzinfo=UTC).date(), LAST
    )
    assert int(month["responses"]) == responses
    assert float(month["nps"]) == pytest.approx(100 * (promoters - detractors) / responses)
    assert f"NPS {round(float(month['nps']))} (" in page.text
    assert passives == int(month["passives"])

    values = {(row["nps_class"], row["currency"]): row for row in page.download("values")}
    for row in full.rows["marts.customer_value"]:
        found = values[row["nps_class"], row["currency"] or ""]
        shown = [found[name] for name in ("customers", "orders", "net_amount", "repeat_rate")]
        assert [float(value) for value in shown] == [
            row["customers"], row["orders"], float(row["net_amount"]), row["repeat_rate"]
        ]  # fmt: skip
    assert "EUR\u00a0300.10" in html.unescape(" ".join(page.words))


def test_the_page_has_every_section_in_order(page: Page) -> None:
    ids = [attributes.get("id") for tag, attributes in page.tags if tag == "section"]
    assert ids == [
        "do", "channels", "now", "value", "locations", "funnel", "products", "said", "trust"
    ]  # fmt: skip
    targets = {str(a["href"]) for tag, a in page.tags if tag == "a"}
    assert {f"#{name}" for name in ids} <= targets


def test_every_table_can_be_downloaded(page: Page) -> None:
    offered = {str(a["data-csv"]) for tag, a in page.tags if "data-csv" in a}
    assert offered == set(page.data["figures"])
    assert [a["id"] for _, a in page.tags if a.get("id") == "channels-take"]
    tables = sum(tag == "table" for tag, _ in page.tags)
    assert len(offered) + 1 >= tables


def test_waiting_times_count_to_the_day_the_page_was_built(full: Marts) -> None:
    late = datetime(2026, 11, 30, 9, tzinfo=UTC)
    page = Page(render(read_report(full.warehouse, built_at=late)))
    newest = page.download("comments")[0]
    assert (newest["responded_at"], newest["days_waiting"]) == ("2026-11-20T08:00:00+00:00", "10")
    assert "waiting 10 days" in page.text


def test_a_period_longer_than_the_stored_days_says_so(page: Page) -> None:
    assert "90 days (62 stored)" in page.text
    assert "365 days" not in page.text.replace("from the last 365 days", "")


def test_money_is_shown_with_its_interval_only_where_enough_customers_support_it(
    page: Page,
) -> None:
    text = html.unescape(" ".join(page.words))
    assert "EUR\u00a0300.10 (280 to 330)" in text
    assert "median EUR\u00a0140.05 (half from 90 to 210)" in text
    assert "USD\u00a099.99" not in text, "four customers"


def test_locations_have_a_section_lowest_first_the_small_ones_unranked(page: Page) -> None:
    assert (
        "Station has the lowest NPS, −25 (−44 to −3); Harbour the highest, 60 (43 to 72)."
        in page.text
    )
    drawn = [(row["shown"], row["verdict"]) for row in page.data["rows"]["locations"]]
    assert drawn == [("Station", "alike"), ("Harbour", "alike"), ("Airport", "few")]
    windows = {row["window_days"] for row in page.download("locations")}
    assert windows == {"7", "30", "90"}


def test_personal_data_in_free_text_is_masked(marts: Marts) -> None:
    marts.put("marts.nps_daily", daily(days=3))
    text = "I am ana@example.com, +44 20 7946 0958, card 4111 1111 1111 1111, order 10023"
    marts.put("marts.order_feedback", [answer(1, text, reply=text)])
    page = render(read_report(marts.warehouse, built_at=AT))
    assert page.count("I am [e-mail], [phone number], card [card number], order 10023") == 4
    assert "ana@example.com" not in page


def test_the_page_loads_nothing_from_elsewhere(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "img"), tag
        assert "src" not in attributes
        assert "srcset" not in attributes
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert "style" not in attributes
        if tag == "a":
            assert str(attributes["href"]).startswith("#")


def test_the_policy_allows_only_scripts_and_styles_by_hash(page: Page) -> None:
    (policy,) = [
        str(attributes["content"])
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    (style,) = [text for tag, text in page.inside if tag == "style"]
    _, library, own = page.scripts
    assert rules["script-src"] == f"{_hash(library)} {_hash(own)}"
    assert rules["style-src"] == _hash(style)
    assert "unsafe" not in policy


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_customer_text_is_shown_unchanged_and_creates_no_tag(page: Page) -> None:
    assert len(page.scripts) == 3
    for text in HOSTILE:
        assert " ".join(text.split()) in page.text
    assert {row["comment"] for row in page.download("comments")} >= set(map(harmless, HOSTILE))


def test_the_embedded_data_has_no_character_that_could_end_it(report: Report) -> None:
    text = render(report)
    start = text.index('<script type="application/json"')
    block = text[text.index(">", start) + 1 : text.index("</script>", start)]
    assert json.loads(block)["figures"]
    assert not re.search("[<>&\u2028\u2029]", block)


def test_campaign_names_are_escaped_too(marts: Marts) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    put_channels(marts, [Shown(name, name, name, 50, 0.6, 0.2), CHANNELS[1]])
    page = Page(render(read_report(marts.warehouse)))
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert f"{name}/{name}" in {label for label, *_ in page.data["scorecard"]["names"]}


def test_long_names_do_not_inflate_the_page(marts: Marts) -> None:
    name = "spring sale " * 2500
    put_channels(marts, [Shown(name, name, name, 50, 0.6, 0.2), CHANNELS[1]], days=400)
    survey = {"survey_name": name, "sending_type": name, "planned": 1, "sent": 1, "clicked": 0}
    marts.put("marts.survey_funnel", [survey | {"day": LAST, "resent": 0, "answered": 0}])
    product = {
        "real_id": name,
        "product_name": name,
        "reviews": 9,
        "score_mean": 4.0,
        "comments": 0,
    }
    marts.put("marts.product_scores", [product | {"score_low": 3.0, "score_high": 5.0}])
    text = render(read_report(marts.warehouse, built_at=AT))
    assert len(text) < 1.4e6, "most of it is the library for the charts"
    assert name[:99] + "…" in text
    titles = [attributes["title"] for _, attributes in Page(text).tags if "title" in attributes]
    assert titles
    assert all(len(title or "") <= 300 for title in titles)
    assert name[:301] not in text


def test_the_page_shows_only_key_and_order_of_a_person(page: Page) -> None:
    columns = page.download("comments")[0]
    assert not {name for name in columns if "mail" in name or "phone" in name or "name" in name}


@pytest.mark.parametrize(
    "built",
    [
        (),
        ("marts.nps_daily",),
        ("marts.customer_value", "marts.product_scores"),
        ("marts.nps_daily", "marts.order_feedback"),
        ("marts.nps_daily", "marts.channel_scorecard", "marts.match_coverage"),
    ],
    ids=lambda built: " ".join(built) or "nothing",
)
def test_a_page_without_some_marts_names_what_is_missing(
    marts: Marts, full: Marts, built: tuple[str, ...]
) -> None:
    for name in built:
        marts.put(name, full.rows[name])
    page = Page(render(read_report(marts.warehouse, built_at=AT)))
    if "marts.nps_daily" not in built:
        assert "There are no answers yet" in page.text
        assert "No scored answers yet" in page.text
    if "marts.customer_value" not in built:
        assert "This needs orders from Wicked Reports (WICKED_REPORTS_API_KEY)" in page.text
    if built and "marts.nps_daily" in built:
        assert "Not in the warehouse yet:" in page.text
        assert "survey funnel" in page.text


def test_answers_without_a_score_do_not_count_towards_nps(marts: Marts) -> None:
    no_responses = dict.fromkeys(("responses", "promoters", "passives", "detractors"), 0)
    marts.put("marts.nps_daily", (row | no_responses for row in daily(days=40)))
    page = Page(render(read_report(marts.warehouse, built_at=AT)))
    assert "No scored answers yet" in page.text
    assert "nan" not in page.text.lower().split()


def test_the_classes_are_charted_from_the_first_week_on(marts: Marts) -> None:
    marts.put("marts.nps_daily", daily(days=3))
    page = Page(render(read_report(marts.warehouse, built_at=AT)))
    parts = {row["part"]: row["value"] for row in page.data["rows"]["classes"]}
    assert (
        tuple(parts.values()) == marts.sums("marts.nps_daily", LAST - timedelta(days=6), LAST)[1:]
    )


def test_stale_data_is_reported_at_the_top(full: Marts) -> None:
    late = datetime(2026, 12, 1, tzinfo=UTC)
    page = Page(render(read_report(full.warehouse, built_at=late)))
    assert "The newest answers are from 20 Nov 2026, 10 days before yesterday" in page.text


def test_many_long_comments_do_not_inflate_the_page(
    marts: Marts,
) -> None:
    bounds = Bounds()
    many = 4 * (bounds.comments + bounds.waiting)
    long = "word & <word> " * 1000
    marts.put("marts.nps_daily", daily(days=3))
    marts.put("marts.order_feedback", (answer(n, long, reply=long) for n in range(many)))
    marts.put(
        "marts.detractor_queue", (waiting(n % 30, long, feedback_id=f"x:{n}") for n in range(many))
    )
    page = render(read_report(marts.warehouse))
    assert page.count("<blockquote") == bounds.comments + bounds.waiting
    assert len(page) < 8_000_000
    assert f"the newest 200 of {many:,} comments by detractors" in " ".join(page.split())


@pytest.mark.parametrize("root", ["local", "memory://report-page/warehouse"])
def test_the_page_is_stored_next_to_the_tables_and_replaced_atomically(
    tmp_path: Any, report: Report, root: str
) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse") if root == "local" else root)
    path = page_path(warehouse)
    assert path == f"{warehouse.base}/reports/nps.html"
    warehouse.write_bytes(path, b"the one before")
    size = write_page(warehouse, report)
    with warehouse.filesystem.open(path, "rb") as file:
        content = file.read()
    assert len(content) == size
    assert content.decode() == render(report)
    assert len(warehouse.list_files(f"{warehouse.base}/reports")) == 1


def test_the_sentences_match_the_numbers(report: Report) -> None:
    assert re.fullmatch(
        r"NPS −?\d+ \(−?\d+ to −?\d+\) in the last 30 days; "
        r"(\d+ points? (higher|lower) than in the previous 30 days, "
        r"(which may be chance|more than chance explains)|"
        r"about the same as in the previous 30 days)\.",
        words.headline(report),
    )
    view = report.scorecard.view(90, "last_click", "campaign")
    assert view
    assert scorecard_words.channels(view) == (
        "Above the rest, beyond chance: podcast/read (75) and google/brand (60). "
        "Below: tiktok/flash (−40)."
    )
    assert words.values(report.values) == (
        "In the 30 days after their first answer 75\u00a0% of promoters ordered again and "
        "25\u00a0% of detractors, a difference beyond chance (customers who pay in EUR)."
    )
    assert words.trust(report) == (
        "80\u00a0% of the 100 answers from the last 90 days are matched with an order."
    )


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(1234.5, 0, "1,234"), (-0.2, 0, "0"), (-3.6, 0, "−4"), (0.05, 1, "0.1"), (-12.34, 1, "−12.3")],
)
def test_numbers_have_commas_a_true_minus_and_no_negative_zero(
    value: float, places: int, text: str
) -> None:
    assert words.number(value, places) == text


def test_a_page_with_sandbox_data_says_so_and_names_the_providers(
    marts: Marts,
) -> None:
    warehouse = marts.warehouse
    assert "Generated data" not in Page(render(read_report(warehouse))).text
    for provider in ("wicked_reports", "thanx"):
        mark_generated(warehouse, provider)
    assert (
        "Generated data: thanx, wicked reports in this warehouse were read from the sandbox."
        in Page(render(read_report(warehouse))).text
    )


def test_the_page_says_which_comments_it_has() -> None:
    assert words.newest(91, 91) == "all 91 comments"
    assert words.newest(200, 1200, "other") == "the newest 200 of 1,200 other comments"
    assert words.newest(0, 0, "other") == "no other comments"


def test_tables_are_named_as_readers_know_them() -> None:
    assert words.table("thanx.feedbacks") == "Thanx feedbacks"
    assert words.table("ad_spend.daily") == "Ad spend daily"
