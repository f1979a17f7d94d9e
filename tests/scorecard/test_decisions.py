"""The table of decisions, row by row, with withheld findings and their reasons."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.scorecard.decisions import customers_needed, decide, main_currency
from feedback_assets.scorecard.findings import (
    AnswerDetractors,
    BringsPromoters,
    Careful,
    Changed,
    Decisions,
    Facts,
    Finding,
    Holds,
    LookAt,
    Money,
    NothingStandsOut,
    PromoterCosts,
    Reason,
)
from feedback_assets.scorecard.rows import ChannelRow, beyond_chance
from tests.scorecard.shops import FINE, channel, shop


def kinds(decided: Decisions) -> list[type[Finding]]:
    return [type(finding) for finding in decided.findings]


def reasons(decided: Decisions) -> list[tuple[type[Finding], str, Reason]]:
    return [
        (each.what, each.row.source if each.row else "", each.reason) for each in decided.withheld
    ]


def priced(spend: int, low: float, point: float, high: float | None, **more: Any) -> dict[str, Any]:
    return {
        "spend": Decimal(spend),
        "spend_days_missing": 0,
        "roas_covers": 0.95,
        "cost_per_promoter": point,
        "cost_per_promoter_low": low,
        "cost_per_promoter_high": high,
    } | more


CHEAP = priced(400, 16, 20, 26)
DEAR = priced(700, 41, 55, 80)


def test_without_differences_the_message_gives_the_number_of_customers_needed() -> None:
    decided = decide(shop(channel("a/x"), channel("b/x")), FINE)
    assert decided.findings == (NothingStandsOut(140, differ=False),)
    assert decided.withheld == ()


def test_without_rows_nothing_stands_out() -> None:
    decided = decide([], Facts(None, 90))
    assert decided == Decisions((NothingStandsOut(None, differ=False),), (), None)


@pytest.mark.parametrize(
    ("share", "days", "said"),
    [
        (0.6, 90, None),
        (0.59, 90, Careful(0.59, None, 90)),
        (0.6, 89, Careful(None, 89, 90)),
        (0.2, 10, Careful(0.2, 10, 90)),
        (None, 90, None),
    ],
)
def test_low_match_coverage_or_missing_days_produce_a_warning(
    share: float | None, days: int, said: Careful | None
) -> None:
    decided = decide(shop(channel("a/x", z=-5), channel("b/x")), Facts(share, days))
    assert [each for each in decided.findings if isinstance(each, Careful)] == (
        [said] if said else []
    )
    assert kinds(decided)[-1] is LookAt


def test_a_channel_below_the_rest_is_flagged_with_its_detractors_revenue() -> None:
    decided = decide(shop(channel("a/x", z=-4, agree=6), channel("b/x"), channel("c/x")), FINE)
    (finding,) = decided.findings
    assert isinstance(finding, LookAt)
    assert finding.row.source == "a"
    assert finding.holds == Holds(6, 7)
    assert finding.at_stake == Money(Decimal(300), "USD")
    assert finding.answered == Money(Decimal(900), "USD")


def test_the_flag_is_withheld_if_detractors_bought_nothing() -> None:
    for money in (Decimal(0), None):
        rows = shop(channel("a/x", z=-4, money={"net_amount_detractors": money}), channel("b/x"))
        decided = decide(rows, FINE)
        assert decided.findings == (NothingStandsOut(140, differ=True),)
        assert reasons(decided) == [(LookAt, "a", Reason.NO_MONEY_OF_DETRACTORS)]


@pytest.mark.parametrize("z", [4, -4])
@pytest.mark.parametrize(
    ("agree", "tested", "is_said"),
    [(7, 7, True), (4, 7, True), (3, 7, False), (2, 4, True), (3, 3, False), (1, 4, False)],
)
def test_half_of_at_least_four_models_must_agree(
    z: float, agree: int, tested: int, is_said: bool
) -> None:
    decided = decide(shop(channel("a/x", z=z, agree=agree, tested=tested), channel("b/x")), FINE)
    kind = BringsPromoters if z > 0 else LookAt
    if is_said:
        assert kinds(decided) == [kind]
    else:
        assert kinds(decided) == [NothingStandsOut]
        assert reasons(decided) == [(kind, "a", Reason.FEW_MODELS)]
        assert decided.withheld[0].holds == Holds(agree, tested)


def test_models_with_the_opposite_sign_do_not_agree() -> None:
    rows = [
        replace(row, versus_z=5.0) if row.source == "a" and row.model != "first_click" else row
        for row in shop(channel("a/x", z=-5), channel("b/x"))
    ]
    decided = decide(rows, FINE)
    assert reasons(decided) == [(LookAt, "a", Reason.FEW_MODELS)]
    assert decided.withheld[0].holds == Holds(1, 7)


@pytest.mark.parametrize(
    ("agree", "reason"), [(1, Reason.FEW_MODELS), (6, Reason.NOT_BY_FIRST_CLICK)]
)
def test_findings_of_other_models_are_withheld_unless_first_click_agrees(
    agree: int, reason: Reason
) -> None:
    rows = [
        replace(row, versus_z=1.5 if row.model == "first_click" else row.versus_z)
        if row.source == "a"
        else row
        for row in shop(channel("a/x", z=5, agree=agree + 1), channel("b/x"))
    ]
    decided = decide(rows, FINE)
    assert decided.findings == (NothingStandsOut(140, differ=True),)
    assert reasons(decided) == [(BringsPromoters, "a", reason)]
    assert decided.withheld[0].holds == Holds(agree, 7)


def test_a_channel_above_the_rest_brings_promoters_and_has_a_tipping_ratio() -> None:
    decided = decide(shop(channel("a/x", z=4), channel("b/x")), FINE)
    (finding,) = decided.findings
    assert isinstance(finding, BringsPromoters)
    assert finding.holds == Holds(7, 7)
    assert finding.at_stake == Money(Decimal(1000), "USD")
    assert finding.tipping is not None
    assert finding.tipping > 1


@pytest.mark.parametrize(
    ("own", "whole", "reason"),
    [
        (10.1, 10.0, None),
        (10.0, 10.0, Reason.FIRST_ORDERS_NOT_BETTER),
        (-5.0, 10.0, Reason.FIRST_ORDERS_NOT_BETTER),
        (None, 10.0, Reason.FIRST_ORDERS_UNKNOWN),
        (10.0, None, Reason.FIRST_ORDERS_UNKNOWN),
    ],
)
def test_the_finding_is_withheld_unless_first_orders_beat_the_shop_average(
    own: float | None, whole: float | None, reason: Reason | None
) -> None:
    rows = shop(channel("a/x", z=4, first_nps=own), channel("b/x"), first_nps=whole)
    decided = decide(rows, FINE)
    expected = [] if reason is None else [(BringsPromoters, "a", reason)]
    assert reasons(decided) == expected
    assert kinds(decided) == [NothingStandsOut if reason else BringsPromoters]


def test_two_channels_with_separate_promoter_costs_are_compared() -> None:
    decided = decide(shop(channel("a/x", money=CHEAP), channel("b/x", money=DEAR)), FINE)
    (finding,) = decided.findings
    assert isinstance(finding, PromoterCosts)
    assert (finding.cheaper.source, finding.row.source) == ("a", "b")
    assert finding.at_stake == Money(Decimal(700), "USD")


def test_the_biggest_spender_is_compared_with_the_cheapest_channel() -> None:
    rows = shop(
        channel("a/x", money=CHEAP),
        channel("b/x", money=DEAR),
        channel("c/x", money=priced(900, 30, 35, 40)),
        channel("d/x", money=priced(5, 8, 10, 15)),
    )
    decided = decide(rows, FINE)
    (finding,) = decided.findings
    assert isinstance(finding, PromoterCosts)
    assert (finding.cheaper.source, finding.row.source) == ("d", "c")
    assert reasons(decided) == [
        (PromoterCosts, source, Reason.MORE_MONEY_ELSEWHERE) for source in ("b", "a")
    ]


@pytest.mark.parametrize(
    "other",
    [
        priced(700, 26, 55, 80),
        priced(700, 41, 55, 80, spend_days_missing=1),
        priced(700, 41, 55, 80, spend_days_missing=None),
        priced(700, 41, 55, 80) | {"cost_per_promoter": None},
        priced(700, 41, 55, 80) | {"spend": None},
    ],
    ids=["intervals overlap", "a day missing", "not covered", "no cost", "no spend"],
)
def test_costs_are_not_compared_if_intervals_overlap_or_spend_is_unknown(
    other: dict[str, Any],
) -> None:
    decided = decide(shop(channel("a/x", money=CHEAP), channel("b/x", money=other)), FINE)
    assert kinds(decided) == [NothingStandsOut]
    assert decided.withheld == ()


def test_costs_are_not_compared_with_few_answers() -> None:
    few = channel("b/x", effective=19.9, money=DEAR)
    assert kinds(decide(shop(channel("a/x", money=CHEAP), few), FINE)) == [NothingStandsOut]


def test_costs_are_withheld_if_orders_use_other_currencies() -> None:
    other = priced(700, 41, 55, 80, roas_covers=0.89)
    decided = decide(shop(channel("a/x", money=CHEAP), channel("b/x", money=other)), FINE)
    assert decided.findings == (NothingStandsOut(140, differ=True),)
    assert reasons(decided) == [(PromoterCosts, "b", Reason.ORDERS_IN_OTHER_CURRENCIES)]


@pytest.mark.parametrize("z", [-4.0, 4.0])
def test_a_significant_change_of_a_channel_is_reported(z: float) -> None:
    decided = decide(shop(channel("a/x", change_z=z, nps_change=5 * z), channel("b/x")), FINE)
    (finding,) = decided.findings
    assert isinstance(finding, Changed)
    assert finding.row.source == "a"
    assert finding.at_stake == Money(Decimal(1000), "USD")


def test_a_change_against_few_answers_is_not_tested() -> None:
    rows = shop(channel("a/x", change_z=4.0, responses_before=19.0), channel("b/x"))
    assert kinds(decide(rows, FINE)) == [NothingStandsOut]


def test_changes_are_withheld_if_earlier_days_are_missing() -> None:
    before = {"change_z": None, "nps_before": None, "responses_before": None}
    decided = decide(shop(channel("a/x", **before), channel("b/x", **before)), FINE)
    assert kinds(decided) == [NothingStandsOut]
    assert reasons(decided) == [(Changed, "", Reason.DAYS_BEFORE_NOT_HELD)]


def test_no_day_is_called_missing_if_nobody_answered_before() -> None:
    silent = {"change_z": None, "nps_before": None, "responses_before": 0.0}
    assert decide(shop(channel("a/x", **silent), channel("b/x", **silent)), FINE).withheld == ()


def test_waiting_detractors_need_an_answer() -> None:
    bought = {"USD": Decimal(777), "EUR": Decimal(5)}
    decided = decide(shop(channel("a/x")), replace(FINE, waiting=12, waiting_bought=bought))
    assert decided.findings == (
        NothingStandsOut(140, differ=False),
        AnswerDetractors(12, Money(Decimal(777), "USD")),
    )
    unknown = decide(shop(channel("a/x")), replace(FINE, waiting=12))
    assert unknown.findings[-1] == AnswerDetractors(12, None)


def test_a_channel_gets_one_finding_and_the_others_are_withheld() -> None:
    rows = shop(
        channel("a/x", money=CHEAP), channel("b/x", z=-5, change_z=-5, nps_change=-30, money=DEAR)
    )
    decided = decide(rows, FINE)
    assert kinds(decided) == [LookAt]
    assert reasons(decided) == [
        (Changed, "b", Reason.SAID_ALREADY),
        (PromoterCosts, "b", Reason.SAID_ALREADY),
    ]


def test_findings_are_sorted_by_money_and_limited_to_five_with_the_warning() -> None:
    rows = shop(
        *(
            channel(f"s{place}/x", z=-6, money={"net_amount_detractors": Decimal(100 * place)})
            for place in range(1, 7)
        ),
        channel("plain/x"),
    )
    facts = replace(FINE, days_held=60, waiting=3, waiting_bought={"USD": Decimal(450)})
    decided = decide(rows, facts)
    assert kinds(decided) == [Careful, LookAt, LookAt, AnswerDetractors, LookAt]
    said = [each.row.source for each in decided.findings if isinstance(each, LookAt)]
    assert said == ["s6", "s5", "s4"]
    assert reasons(decided) == [
        (LookAt, f"s{place}", Reason.MORE_MONEY_ELSEWHERE) for place in (3, 2, 1)
    ]


@pytest.mark.parametrize("name", ["(none)", "(unmatched)", "(unattributed)"])
def test_answers_without_a_channel_are_neither_named_nor_tested(name: str) -> None:
    rows = shop(channel(f"{name}/x", z=-9), channel("a/x"))
    assert kinds(decide(rows, FINE)) == [NothingStandsOut]
    # Alone, 0.04 passes; among ten others it does not, and unattributed answers are not among them.
    family = [row for row in channel("a/x", z=2.05) if row.currency == "(all)"][:1]
    nobody = [row for row in channel(f"{name}/x") if row.currency == "(all)"][:1]
    others = [
        row for place in range(10) for row in channel(f"o{place}/x") if row.currency == "(all)"
    ]
    assert beyond_chance([*family, *(nobody * 10)]) == {("a", "cpc", "x"): 1}
    assert beyond_chance([*family, *(row for row in others if row.model == "first_click")]) == {}


def test_channels_with_few_answers_are_not_tested() -> None:
    tested = [row for row in channel("a/x", z=2.05) if row.model == "first_click"][:1]
    few = [
        row
        for place in range(10)
        for row in channel(f"o{place}/x", z=9, effective=19.9)
        if row.model == "first_click"
    ]
    assert beyond_chance([*tested, *few]) == {("a", "cpc", "x"): 1}


def test_only_the_last_90_days_by_campaign_are_used() -> None:
    found = channel("a/x", z=-5)
    for other in ({"window_days": 30}, {"level": "source"}):
        rows = shop([replace(row, **other) for row in found], channel("b/x"))
        assert kinds(decide(rows, FINE)) == [NothingStandsOut]


def test_the_main_currency_has_the_largest_net_amount() -> None:
    rows = shop()
    assert main_currency(rows) == "USD"
    less = [replace(row, net_amount=Decimal(1)) if row.currency == "USD" else row for row in rows]
    assert main_currency(less) == "EUR"
    assert main_currency(rows[:1]) is None


def test_the_number_of_customers_needed_follows_from_the_variance_of_scores() -> None:
    (whole, *_) = shop()
    assert customers_needed(whole) == 140
    assert customers_needed(replace(whole, promoters=790.0, detractors=0.0)) == 20
    assert customers_needed(replace(whole, responses=0.0)) is None
    assert customers_needed(None) is None


names = st.sampled_from([f"{s}/{c}" for s in ("a", "b", "c", "(none)") for c in ("x", "y", "z")])
z = st.floats(-7, 7)
cents = st.integers(0, 100_000).map(Decimal)
prices = st.tuples(st.floats(1, 50), st.floats(1, 20)).map(
    lambda price: priced(100, price[0], price[0] + price[1] / 2, price[0] + price[1])
)


@st.composite
def shops(draw: st.DrawFn) -> list[ChannelRow]:
    found = []
    for name in draw(st.lists(names, unique=True, max_size=9)):
        money = {"net_amount_detractors": draw(cents), "net_amount": draw(cents)} | draw(prices)
        found.append(
            channel(
                name,
                z=draw(z),
                agree=draw(st.integers(1, 7)),
                tested=draw(st.integers(1, 7)),
                change_z=draw(z),
                money=money,
            )
        )
    return shop(*found)


facts = st.builds(
    Facts,
    matched_share=st.one_of(st.none(), st.floats(0, 1)),
    days_held=st.integers(1, 90),
    waiting=st.integers(0, 9),
    waiting_bought=st.just({"USD": Decimal(500)}),
)


@given(shops(), facts, st.randoms())
def test_at_most_five_findings_one_per_channel_in_an_order_independent_of_row_order(
    rows: list[ChannelRow], known: Facts, shuffle: Any
) -> None:
    decided = decide(rows, known)
    assert 1 <= len(decided.findings) <= 5
    of_channels = [each for each in decided.findings if hasattr(each, "row")]
    channels = [each.row.channel for each in of_channels]
    assert len(channels) == len(set(channels))
    assert all(each.row.is_named for each in of_channels)
    stakes = [each.at_stake.amount for each in of_channels]
    assert stakes == sorted(stakes, reverse=True)
    assert any(isinstance(each, NothingStandsOut) for each in decided.findings) == (
        not of_channels
        and all(each.reason != Reason.MORE_MONEY_ELSEWHERE for each in decided.withheld)
    )
    shuffled = list(rows)
    shuffle.shuffle(shuffled)
    assert decide(shuffled, known).findings == decided.findings


@given(shops())
def test_costs_are_compared_with_the_cheapest_channel_whose_interval_is_below(
    rows: list[ChannelRow],
) -> None:
    decided = decide(rows, FINE)
    money = {row.channel: row for row in rows if row.level == "campaign" and row.currency == "USD"}
    for finding in decided.findings:
        if not isinstance(finding, PromoterCosts):
            continue
        low = finding.row.cost_per_promoter_low or 0
        below = [
            row
            for channel_, row in money.items()
            if (row.cost_per_promoter_high or 0) < low
            and channel_[0] != "(none)"
            and row.effective_responses >= 20
        ]
        assert finding.cheaper in below
        assert finding.cheaper.cost_per_promoter == min(row.cost_per_promoter or 0 for row in below)


def test_a_cost_with_an_open_upper_end_can_be_higher_but_never_cheaper() -> None:
    rows = shop(channel("a/x", money=CHEAP), channel("b/x", money=priced(700, 41, 55, None)))
    (finding,) = decide(rows, FINE).findings
    assert isinstance(finding, PromoterCosts)
    assert (finding.cheaper.source, finding.row.source) == ("a", "b")
