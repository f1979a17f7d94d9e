"""The page as HTML: the marts' numbers, nothing from outside, nothing of a stranger's that acts."""

import base64
import csv
import hashlib
import html
import io
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from feedback_assets.reports import words
from feedback_assets.reports.csv_text import harmless
from feedback_assets.reports.figures import read_report
from feedback_assets.reports.page import render, write_page
from feedback_assets.reports.path import page_path
from feedback_assets.reports.report import Bounds, Report
from feedback_assets.warehouse.generated import mark_generated
from feedback_assets.warehouse.warehouse import Warehouse
from tests.reports.conftest import HOSTILE, LAST, Marts, answer, daily, waiting

AT = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)


class Page(HTMLParser):
    """Tags with their attributes, and the content of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style"):
            self.inside.append((self._open, data))
        else:
            self.words.append(data)

    @property
    def scripts(self) -> list[str]:
        return [text for tag, text in self.inside if tag == "script" and text.strip()]

    @property
    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.scripts[0]))

    def download(self, name: str) -> list[dict[str, str]]:
        """The rows of a file that the page offers."""
        text = self.data["figures"][name]["csv"]
        return list(csv.DictReader(io.StringIO(text, newline="")))

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def report(full: Marts) -> Report:
    return read_report(full.warehouse, built_at=AT)


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(render(report))


def test_the_numbers_of_the_page_are_those_of_the_marts(page: Page, full: Marts) -> None:
    (month,) = [row for row in page.download("periods") if row["window_days"] == "30"]
    responses, promoters, passives, detractors = full.sums(
        "marts.nps_daily", datetime(2026, 10, 22, tzinfo=UTC).date(), LAST
    )
    assert int(month["responses"]) == responses
    assert float(month["nps"]) == pytest.approx(100 * (promoters - detractors) / responses)
    assert f"NPS {round(float(month['nps']))} (" in page.text
    assert passives == int(month["passives"])

    in_mart = {
        (row["window_days"], row["model"], row["source"], row["medium"], row["campaign"]): row
        for row in full.rows["marts.nps_by_channel"]
    }
    shown = [row for row in page.download("channels") if row["level"] == "campaign"]
    assert len(shown) == len(in_mart)
    for found in shown:
        name = found["channel"]
        counted, nps, low, high = (
            float(found[column]) for column in ("responses", "nps", "nps_low", "nps_high")
        )
        names = name.split(" / ") if " / " in name else [name] * 3
        row = in_mart[int(found["window_days"]), found["model"], *names]
        assert counted == pytest.approx(row["responses"])
        assert nps == pytest.approx(row["nps"])
        assert low < nps < high or abs(nps) == 100

    values = {(row["nps_class"], row["currency"]): row for row in page.download("values")}
    for row in full.rows["marts.customer_value"]:
        found = values[row["nps_class"], row["currency"] or ""]
        assert [float(value) if value else None for value in list(found.values())[2:]] == [
            row["customers"],
            row["orders"],
            float(row["net_amount"]),
            float(row["net_amount_per_customer"]),
            row["repeat_rate"],
        ]
    assert "EUR\u00a0300.10" in html.unescape(" ".join(page.words))


def test_every_answer_to_every_question_is_there_in_order(page: Page) -> None:
    ids = [attributes.get("id") for tag, attributes in page.tags if tag == "section"]
    assert ids == ["now", "channels", "value", "funnel", "products", "said", "trust"]


def test_nothing_on_the_page_is_asked_from_anywhere(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "img"), tag
        assert "src" not in attributes
        assert "srcset" not in attributes
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert "style" not in attributes
        if tag == "a":
            assert str(attributes["href"]).startswith("#")


def test_the_policy_names_each_script_and_style_by_its_hash_and_nothing_else(page: Page) -> None:
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


def test_what_strangers_wrote_is_shown_as_written_and_makes_no_tag(page: Page) -> None:
    assert len(page.scripts) == 3
    for text in HOSTILE:
        assert " ".join(text.split()) in page.text
    assert {row["comment"] for row in page.download("comments")} >= set(map(harmless, HOSTILE))


def test_the_data_holds_no_character_that_could_end_it(report: Report) -> None:
    text = render(report)
    start = text.index('<script type="application/json"')
    block = text[text.index(">", start) + 1 : text.index("</script>", start)]
    assert json.loads(block)["figures"]
    assert not re.search("[<>&\u2028\u2029]", block)


def test_names_of_campaigns_are_no_less_strange(marts: Marts) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    marts.put("marts.nps_daily", daily(days=3))
    row = {"window_days": 90, "model": "last_click", "responses": 50.0, "promoters": 30.0}
    row |= {"passives": 10.0, "detractors": 10.0, "nps": 40.0}
    marts.put("marts.nps_by_channel", [row | dict.fromkeys(("source", "medium", "campaign"), name)])
    page = Page(render(read_report(marts.warehouse)))
    assert not [tag for tag, _ in page.tags if tag == "img"]
    names = {row["name"] for row in page.data["channels"]["rows"]}
    assert names == {name, f"{name} / {name} / {name}"}


def test_names_of_any_length_make_no_page_of_any_size(marts: Marts) -> None:
    name = "spring sale " * 2500
    marts.put("marts.nps_daily", daily(days=3))
    row = {"responses": 50.0, "promoters": 30.0, "passives": 10.0, "detractors": 10.0}
    row |= {"nps": 40.0}
    marts.put(
        "marts.nps_by_channel",
        [
            row | {"window_days": days, "model": model} | dict.fromkeys(parts, name)
            for days in (7, 30, 90, 365)
            for model in words.MODELS
            for parts in [("source", "medium", "campaign")]
        ],
    )
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


def test_no_more_of_a_person_is_on_the_page_than_the_key_and_the_order(page: Page) -> None:
    columns = page.download("comments")[0]
    assert not {name for name in columns if "mail" in name or "phone" in name or "name" in name}


@pytest.mark.parametrize(
    "built",
    [
        (),
        ("marts.nps_daily",),
        ("marts.customer_value", "marts.product_scores"),
        ("marts.nps_daily", "marts.order_feedback"),
        ("marts.nps_daily", "marts.nps_by_channel", "marts.match_coverage"),
    ],
    ids=lambda built: " ".join(built) or "nothing",
)
def test_a_page_of_few_marts_or_none_says_what_is_not_there(
    marts: Marts, full: Marts, built: tuple[str, ...]
) -> None:
    for name in built:
        marts.put(name, full.rows[name])
    page = Page(render(read_report(marts.warehouse, built_at=AT)))
    if "marts.nps_daily" not in built:
        assert "No answers are held yet" in page.text
        assert "There is no answer with a score yet" in page.text
    if "marts.customer_value" not in built:
        assert "This takes orders of Wicked Reports." in page.text
    if built and "marts.nps_daily" in built:
        assert "Not held yet:" in page.text
        assert "survey funnel" in page.text


def test_answers_without_a_score_are_no_nps(marts: Marts) -> None:
    nobody = dict.fromkeys(("responses", "promoters", "passives", "detractors"), 0)
    marts.put("marts.nps_daily", (row | nobody for row in daily(days=40)))
    page = Page(render(read_report(marts.warehouse, built_at=AT)))
    assert "There is no answer with a score yet" in page.text
    assert "nan" not in page.text.lower().split()


def test_old_data_is_told_at_the_top(full: Marts) -> None:
    late = datetime(2026, 12, 1, tzinfo=UTC)
    page = Page(render(read_report(full.warehouse, built_at=late)))
    assert "The newest answers are of 20 Nov 2026, 10 days before yesterday" in page.text


def test_very_many_long_comments_make_no_larger_page_than_a_few_hundred(
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
def test_the_page_lies_beside_the_tables_and_is_replaced_whole(
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


def test_the_sentences_say_what_the_numbers_do(report: Report) -> None:
    assert re.fullmatch(
        r"NPS −?\d+ \(−?\d+ to −?\d+\) in the last 30 days; "
        r"(\d+ points? (more|fewer) than|about the same as) the 30 days before, "
        r"which is (within chance|more than chance would make)\.",
        words.headline(report),
    )
    found = report.chosen(90, "last_click", "campaign")
    assert words.channels(found, 30) == (
        "More promoters than elsewhere, beyond chance: google / cpc / brand (60). "
        "More detractors: tiktok / paid_social / flash (−40)."
    )
    assert words.values(report.values) == (
        "A promoter who pays in EUR bought for EUR\u00a0300.10 on average, 2.0 times a detractor’s "
        "EUR\u00a0150.05; 90\u00a0% of promoters ordered again, 50\u00a0% of detractors."
    )
    assert words.trust(report) == (
        "80\u00a0% of the 100 answers of the last 90 days met the order they are about."
    )


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(1234.5, 0, "1,234"), (-0.2, 0, "0"), (-3.6, 0, "−4"), (0.05, 1, "0.1"), (-12.34, 1, "−12.3")],
)
def test_numbers_have_commas_a_true_minus_and_no_negative_nought(
    value: float, places: int, text: str
) -> None:
    assert words.number(value, places) == text


def test_a_page_with_data_of_the_sandbox_says_so_and_names_the_providers(
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
