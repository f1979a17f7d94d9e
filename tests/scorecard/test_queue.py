"""The finding on detractors who wait for a reply, and what it claims about their purchases."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from feedback_assets.scorecard.decisions import decide
from feedback_assets.scorecard.findings import AnswerDetractors, LookAt
from feedback_assets.scorecard.words import sentence
from tests.scorecard.shops import FINE, channel, shop


@pytest.mark.parametrize(
    ("bought", "text"),
    [
        ({"USD": 7, "EUR": 90}, "Answer 5 detractors; they spent USD\u00a07."),
        ({"GBP": 60, "EUR": 90}, "Answer 5 detractors; they spent EUR\u00a090."),
        ({"USD": 0, "EUR": 90}, "Answer 5 detractors; they spent EUR\u00a090."),
        ({"USD": 0}, "Answer 5 detractors."),
        ({}, "Answer 5 detractors."),
    ],
    ids=["main currency", "largest other", "nothing in the main one", "nothing", "no order known"],
)
def test_waiting_detractors_spent_what_is_known_in_any_currency(
    bought: Mapping[str, int], text: str
) -> None:
    amounts = {currency: Decimal(amount) for currency, amount in bought.items()}
    decided = decide(shop(channel("a/x")), replace(FINE, waiting=5, waiting_bought=amounts))
    assert sentence(decided.findings[-1]) == text


def test_an_amount_in_another_currency_does_not_outrank_one_in_the_main_currency() -> None:
    facts = replace(FINE, waiting=5, waiting_bought={"JPY": Decimal(90_000)})
    decided = decide(shop(channel("a/x", z=-5), channel("b/x")), facts)
    assert [type(each) for each in decided.findings] == [LookAt, AnswerDetractors]
