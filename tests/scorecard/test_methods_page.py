"""The tables of docs/methods.md on intervals, tests and order, computed from the page itself."""

import re
from pathlib import Path

import pytest

from feedback_assets.scorecard.decisions import customers_needed
from feedback_assets.scorecard.intervals import (
    centre_and_variance,
    cost_per_promoter,
    estimate,
    median_ranks,
    money_per_customer,
    sums,
    z_between,
)
from feedback_assets.scorecard.ranking import benjamini_hochberg, pull
from feedback_assets.scorecard.rows import ChannelRow
from feedback_assets.scorecard.selection import Stratum, post_stratified, tipping_ratio

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
SECTION = "Intervals, tests and order of channels"

Rows = list[dict[str, str]]


def tables() -> dict[str, Rows]:
    """Every table of the section as rows of text, by its first two columns' heads."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (mine,) = (part for part in section if part.startswith(SECTION))
    found = {}
    for block in re.findall(r"(?:^\|.*\n)+", mine, flags=re.MULTILINE):
        cells = [[c.strip() for c in row.strip("|").split("|")] for row in block.splitlines()]
        found[", ".join(cells[0][:2])] = [
            dict(zip(cells[0], row, strict=True)) for row in cells[2:]
        ]
    return found


TABLES = tables()


def shown(value: float, as_in: str) -> bool:
    """Whether a value is what the page shows, to the decimals that the page gives."""
    return abs(value - float(as_in)) <= 0.5 * 10 ** -len(as_in.partition(".")[2]) + 1e-9


def pairs(text: str) -> list[tuple[float, float]]:
    return [(float(w), float(x)) for w, x in (pair.split() for pair in text.split(", "))]


def test_intervals_by_customer_are_what_the_page_says() -> None:
    rows = TABLES["answers of, customers' W and X"]
    assert [row["answers of"] for row in rows] == ["google/spring", "the rest", "all"]
    for row in rows:
        found = sums(pairs(row["customers' W and X"]))
        channel = estimate(found)
        assert channel
        _, variance = centre_and_variance(found.w, found.x, found.ww, found.wx, found.xx)
        assert shown(channel.nps_adjusted / 100, row["t"])
        assert shown(variance, row["v"])
        assert shown(100 * found.x / found.w, row["NPS"])
        assert shown(channel.effective_responses, row["effective"])
        assert shown(channel.interval[0], row["from"])
        assert shown(channel.interval[1], row["to"])


def test_the_channel_and_the_rest_are_all_answers_and_z_is_what_the_page_says() -> None:
    channel, rest, whole = (
        sums(pairs(row["customers' W and X"])) for row in TABLES["answers of, customers' W and X"]
    )
    assert (channel.w + rest.w, channel.x + rest.x) == (whole.w, whole.x)
    one, other = estimate(channel), estimate(rest)
    assert one
    assert other
    said = re.search(r"√([0-9.]+) = ([0-9.]+), within chance", PAGE.read_text(encoding="utf-8"))
    assert said
    assert shown((one.nps_se**2 + other.nps_se**2) / 100**2, said[1])
    assert shown(z_between(one, other), said[2])


def test_benjamini_hochberg_names_what_the_page_says() -> None:
    rows = TABLES["p, limit, %"]
    p = [float(row["p"]) for row in rows]
    assert p == sorted(p)
    assert [float(row["limit, %"]) for row in rows] == [
        pytest.approx(5 * k / len(p)) for k in range(1, len(p) + 1)
    ]
    named = benjamini_hochberg(p)
    assert [row["named"] for row in rows] == ["yes" if each else "no" for each in named]
    alone = [value <= 0.05 / len(p) for value in p]
    assert [row["by Bonferroni"] for row in rows] == ["yes" if each else "no" for each in alone]


def test_channels_are_pulled_to_where_the_page_says() -> None:
    rows = TABLES["y, √V"]
    pulled = pull([float(row["y"]) for row in rows], [float(row["√V"]) for row in rows])
    for value, row in zip(pulled.values, rows, strict=True):
        assert shown(value, row["pulled"])
    said = re.search(r"τ is ([0-9.]+) and μ is ([0-9]+\.[0-9]+)", PAGE.read_text(encoding="utf-8"))
    assert said
    assert shown(pulled.tau2**0.5, said[1])
    assert shown(pulled.average, said[2])
    assert pulled.order()[0] == 1


def test_the_post_stratified_nps_is_what_the_page_says() -> None:
    *strata, whole = TABLES["orders, of these answered"]
    given = [
        Stratum(float(row["orders"].split()[0]), float(row["of these answered"]), float(row["NPS"]))
        for row in strata
    ]
    assert sum(each.orders for each in given) == float(whole["orders"])
    assert sum(each.answered for each in given) == float(whole["of these answered"])
    assert post_stratified(given) == float(whole["NPS"])
    assert sum(each.answered * (each.nps or 0) for each in given) / 40 == 27.5


def test_the_tipping_ratio_is_what_the_page_says() -> None:
    for row in TABLES["promoters, passives"]:
        p, a, d = (float(row[name]) for name in ("promoters", "passives", "detractors"))
        assert shown(100 * (p - d) / (p + a + d), row["NPS"])
        k = tipping_ratio(p, a, d, float(row["rest"]))
        assert k
        assert shown(k, row["k"])


def test_the_ranks_of_the_median_are_what_the_page_says() -> None:
    for row in TABLES["customers, k-th smallest"]:
        ranks = (int(row["k-th smallest"]), int(row["k-th largest"]))
        assert median_ranks(int(row["customers"])) == ranks


def test_the_interval_of_money_is_what_the_page_says() -> None:
    said = re.search(r"bought for ([0-9, \n]+) and\s+(\d+)", PAGE.read_text(encoding="utf-8"))
    assert said
    amounts = [float(amount) for amount in (*said[1].split(","), said[2])]
    found = money_per_customer([(1, amount) for amount in amounts])
    ranks = median_ranks(len(amounts))
    assert found
    assert ranks
    (row,) = TABLES["mean, mean from"]
    assert shown(found.mean, row["mean"])
    assert shown(found.low, row["mean from"])
    assert shown(found.high, row["mean to"])
    ordered = sorted(amounts)
    assert shown(ordered[ranks[0] - 1], row["median from"])
    assert shown(ordered[ranks[1] - 1], row["median to"])


def test_the_cost_of_a_promoter_is_what_the_page_says() -> None:
    (row,) = TABLES["cost per order, promoters"]
    found = cost_per_promoter(
        *(float(row[name]) for name in ("cost per order", "promoters", "responses", "effective"))
    )
    assert found
    assert shown(found.mean, row["per promoter"])
    assert shown(found.low, row["from"])
    assert shown(found.high, row["to"])


def test_the_customers_that_a_difference_takes_are_what_the_page_says() -> None:
    (row,) = TABLES["p, d"]
    blank = dict.fromkeys(("model", "level", "source", "medium", "campaign", "currency"), "")
    shop = ChannelRow(
        90, **blank, responses=1, promoters=float(row["p"]), detractors=float(row["d"])
    )
    assert customers_needed(shop) == int(row["customers"])


def simulated(text: str) -> tuple[float, float]:
    mean, worst = re.fullmatch(r"([0-9.]+) \(([0-9.]+)\)", text).groups()  # type: ignore[union-attr]
    return float(mean), float(worst)


def test_simulated_intervals_by_customer_hold_from_30_answers_on() -> None:
    rows = TABLES["credit, answers a customer, ICC, method"]
    mine = [row for row in rows if "by customer" in row["method"]]
    assert len(mine) == len(rows) / 2 == 6
    for row in mine:
        for size in ("30 answers", "100 answers", "500 answers"):
            mean, worst = simulated(row[size])
            assert 93 <= mean <= 96
            assert worst >= 91.5


def test_simulated_false_alarms_and_discoveries_are_few() -> None:
    alarms = [row for row in TABLES["model, method"] if "by customer" in row["method"]]
    assert [row["model"] for row in alarms] == ["first_click", "linear"]
    assert all(float(row["a channel, alone"]) <= 6 for row in alarms)
    found = TABLES["channels' differences, method"]
    mine = [row for row in found if "Hochberg" in row["method"]]
    assert len(mine) == 3
    assert all(float(row["false of those named"]) <= 5 for row in mine)


def test_simulated_money_is_held_nine_times_in_ten() -> None:
    rows = TABLES["customers' totals, customers"]
    assert len(rows) == 16
    for row in rows:
        assert float(row["median, **ranks**"]) >= 94
        if int(row["customers"]) >= 30:
            assert float(row["mean, **Hall**"]) >= 89
            assert float(row["Hall, shared credit"]) >= 86
