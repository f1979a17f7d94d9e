"""The wording of findings."""

from dataclasses import replace
from decimal import Decimal

import pytest

from feedback_assets.scorecard import words
from feedback_assets.scorecard.decisions import decide
from feedback_assets.scorecard.findings import (
    AnswerDetractors,
    BringsPromoters,
    Careful,
    Changed,
    Finding,
    Holds,
    LookAt,
    Money,
    NothingStandsOut,
    PromoterCosts,
    Reason,
)
from feedback_assets.scorecard.rows import ChannelRow
from tests.scorecard.shops import FINE, channel, shop

FACEBOOK = replace(
    channel("facebook/spring-sale")[0],
    medium="paid_social",
    nps=-17.2,
    nps_low=-32.4,
    nps_high=-0.3,
    rest_nps=26.1,
    nps_before=3.1,
    nps_change=-20.3,
    promoters_lost=11.6,
    promoters_won=1.0,
)
A = replace(FACEBOOK, source="a", cost_per_promoter=20.2)
A = replace(A, cost_per_promoter_low=15.9, cost_per_promoter_high=25.7)
B = replace(A, source="b", cost_per_promoter=55.0, cost_per_promoter_low=41.0)
B = replace(B, cost_per_promoter_high=80.4)
USD = Money(Decimal("3336.2"), "USD")


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (Careful(0.523, None, 90), "Careful: only 52\u00a0% of answers are matched with an order."),
        (
            Careful(0.523, 60, 90),
            (
                "Careful: only 52\u00a0% of answers are matched with an order, "
                "and only 60 of the 90 days have data."
            ),
        ),
        (
            LookAt(FACEBOOK, Holds(6, 7), USD, Money(Decimal(9817), "USD")),
            (
                "Look at facebook/spring-sale: NPS −17 (−32 to 0), rest 26; "
                "holds in 6 of 7 models; detractors spent USD\u00a03,336 of the 9,817 from "
                "customers who answered."
            ),
        ),
        (
            BringsPromoters(FACEBOOK, Holds(6, 6), USD, 3.71),
            (
                "Brings promoters: facebook/spring-sale, NPS −17 (−32 to 0), rest 26; "
                "holds in 6 of 6 models; the difference vanishes only if promoters here answer "
                "3.7 times as readily as detractors."
            ),
        ),
        (
            BringsPromoters(FACEBOOK, Holds(4, 4), USD, None),
            (
                "Brings promoters: facebook/spring-sale, NPS −17 (−32 to 0), rest 26; "
                "holds in 4 of 4 models."
            ),
        ),
        (
            PromoterCosts(B, A, USD),
            (
                "A promoter costs USD\u00a020 (16–26) through a/spring-sale, USD\u00a055 (41–80) "
                "through b/spring-sale."
            ),
        ),
        (
            PromoterCosts(replace(B, cost_per_promoter_high=None), A, USD),
            (
                "A promoter costs USD\u00a020 (16–26) through a/spring-sale, USD\u00a055 "
                "(41 or more) through b/spring-sale."
            ),
        ),
        (
            Changed(FACEBOOK, USD),
            "facebook/spring-sale fell 20 points, from 3 to −17; 12 promoters lost.",
        ),
        (
            Changed(replace(FACEBOOK, nps_change=20.3, nps_before=-37.5), USD),
            "facebook/spring-sale rose 20 points, from −38 to −17; 1 promoter won.",
        ),
        (AnswerDetractors(31, USD), "Answer 31 detractors; they spent USD\u00a03,336."),
        (AnswerDetractors(1, None), "Answer 1 detractor."),
        (
            NothingStandsOut(140, differ=False),
            "No channel differs beyond chance; 20 points need about 140 customers who answer.",
        ),
        (
            NothingStandsOut(None, differ=True),
            "No difference between channels is certain enough to act on.",
        ),
    ],
)
def test_a_finding_is_a_sentence(finding: Finding, text: str) -> None:
    assert words.sentence(finding) == text


def test_money_without_a_currency_is_labelled() -> None:
    text = words.sentence(AnswerDetractors(2, Money(Decimal(10), "(none)")))
    assert text == "Answer 2 detractors; they spent (no currency)\u00a010."


@pytest.mark.parametrize("finding", [LookAt, BringsPromoters, PromoterCosts, Changed])
def test_findings_of_a_channel_say_credited_not_caused(finding: type[Finding]) -> None:
    made = {
        LookAt: LookAt(FACEBOOK, Holds(6, 7), USD, None),
        BringsPromoters: BringsPromoters(FACEBOOK, Holds(6, 7), USD, 2.0),
        PromoterCosts: PromoterCosts(B, A, USD),
        Changed: Changed(FACEBOOK, USD),
    }[finding]
    assert words.caveats(made) == (words.CREDITED,)


def test_findings_without_a_channel_have_no_caveat() -> None:
    for finding in (Careful(0.1, 3, 90), AnswerDetractors(1, None), NothingStandsOut(1, False)):
        assert words.caveats(finding) == ()


@pytest.mark.parametrize(
    "part",
    [
        {"campaign": "brand"},
        {"medium": "email"},
        {"source": "newsletter"},
        {"campaign": "welcome-series"},
        {"source": "crm"},
        {"campaign": "retargeting-30d"},
        {"source": "(direct)"},
    ],
)
def test_a_channel_that_reaches_existing_customers_says_so(part: dict[str, str]) -> None:
    row = replace(FACEBOOK, **part)
    known = (words.CREDITED, words.KNOWN_ALREADY)
    assert words.caveats(Changed(row, USD)) == known
    assert words.caveats(PromoterCosts(B, replace(A, **part), USD)) == known


def test_a_channel_is_named_by_source_and_campaign_and_by_medium_where_needed() -> None:
    cpc = replace(FACEBOOK, medium="cpc")
    assert words.channel_label(FACEBOOK) == "facebook/spring-sale"
    assert words.channel_label(FACEBOOK, [FACEBOOK, A]) == "facebook/spring-sale"
    assert words.channel_label(FACEBOOK, [FACEBOOK, cpc]) == "facebook/paid_social/spring-sale"
    assert words.channel_label(replace(FACEBOOK, campaign="(none)")) == "facebook/paid_social"


def test_withheld_findings_give_a_reason() -> None:
    rows = shop(
        channel("a/x", z=5, agree=1),
        channel("b/x", z=5, first_nps=-5.0),
        channel("c/x", z=-5, money={"net_amount_detractors": Decimal(0)}),
        channel("d/x"),
    )
    reasons = [words.withheld(each) for each in decide(rows, FINE).withheld]
    assert reasons == [
        "a/x, above the rest: few models agree (holds in 1 of 7 models).",
        "b/x, above the rest: answers about first orders are no better than the shop’s.",
        "c/x, below the rest: detractors bought nothing.",
    ]
    before = {"change_z": None, "nps_before": None, "responses_before": None}
    (whole,) = decide(shop(channel("a/x", **before)), FINE).withheld
    assert words.withheld(whole) == "Changed: some days of the previous window have no data."


def test_findings_withheld_for_one_reason_are_said_once() -> None:
    rows = shop(
        *(channel(f"{name}/x", z=5, agree=1) for name in "abcdefg"),
        channel("h/x", z=-5, money={"net_amount_detractors": Decimal(0)}),
        channel("i/x"),
    )
    found = decide(rows, FINE).withheld
    assert words.left_out(found) == (
        "7 channels, above the rest: few models agree (a/x, b/x, c/x, d/x, e/x and 2 more).",
        "h/x, below the rest: detractors bought nothing.",
    )
    displaced = replace(found[0], reason=Reason.MORE_MONEY_ELSEWHERE)
    assert words.left_out([*found, displaced])[0] == words.withheld(displaced)
    assert words.displaced(found) == ""
    assert words.displaced([*found, displaced]) == (
        "Also, with less money at stake: a/x (above the rest)."
    )


def test_the_order_of_a_table_is_explained() -> None:
    assert words.pulled(21.4) == (
        "Sorted by NPS, pulled towards the average (21) for channels with few customers."
    )


def test_mart_rows_are_read_by_column_name() -> None:
    row = FACEBOOK
    mart = {name: getattr(row, name) for name in row.__dataclass_fields__} | {"buyers": 12}
    assert ChannelRow.of(mart) == row
    del mart["versus_z"]
    with pytest.raises(KeyError, match="versus_z"):
        ChannelRow.of(mart)
