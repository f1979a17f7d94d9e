"""Reasons in counts and messages quote nothing that a customer wrote."""

import pytest

from feedback_assets.ingest.reasons import general_reason, most_common_reason
from tests.ingest.documents import ORDERS, SUBMISSIONS, documented, only_bad, parse


@pytest.mark.parametrize(
    ("field", "value", "reported"),
    [
        ("created_at", "10/11/2026 10:00", "created_at: the text is not an ISO 8601 time stamp"),
        ("created_at", "2026-02-30", "created_at: the text is not a time stamp"),
        ("nps_score", 'x "quoted" \\ ' * 9, "nps_score: expected a number, got the text"),
        ("nps_score", 9.5, "nps_score: expected a whole number, got a number"),
        ("nps_score", 1e300, "nps_score: a number is out of range"),
        ("nps_score", 11, "nps_score: not in 0–10"),
        ("customer_email", ["x"], "customer_email: expected text, got an array"),
        ("id", ..., "id: missing"),
    ],
)
def test_a_reason_is_reported_without_the_quoted_value(
    field: str, value: object, reported: str
) -> None:
    reason = only_bad(parse(SUBMISSIONS, documented(SUBMISSIONS, **{field: value})))
    assert general_reason(reason) == reported


def test_list_positions_and_sums_are_left_out() -> None:
    wrong = [{"amount": 1}, {"amount": "x"}]
    reason = only_bad(parse(ORDERS, documented(ORDERS, payments=wrong)))
    assert general_reason(reason) == "payments[].amount: expected an amount, got the text"
    large = [{"qty": 999_999_999_999}] * 101
    reason = only_bad(parse(ORDERS, documented(ORDERS, products=large)))
    assert general_reason(reason) == "products: item_count adds up to too much, out of range"


def test_the_most_common_reason_is_counted_without_values() -> None:
    reasons = ['a: the text "1" is no', "b: missing", 'a: the text "2" is no']
    assert most_common_reason(reasons) == "a: the text is no"
