"""A change in how records are read must raise the version of the reading rules."""

import hashlib
import json
from typing import Any

from feedback_assets.ingest import READING_RULES
from feedback_assets.providers.retargeting.reviews import split_reviews
from tests.ingest.documents import (
    CLICKS,
    CONTACTS,
    FEEDBACKS,
    ORDER_FEEDBACK,
    ORDERS,
    REVIEWS,
    SUBMISSIONS,
    TRACKERS,
    as_json,
    documented,
    parse,
    parse_bytes,
)

# The rows parsed from the corpus, by version of the rules.
# pragma: allowlist nextline secret
KNOWN = {2: "861bc3660d66230e0efa1c780c8becac8383c6186079d1277c1bf8f3e89accb6"}

_ACCENT, _HIDDEN = "e\u0301", "a\u200b@example.com"
_PAYMENT = {"date": "0000-00-00 00:00:00", "status": " Refunded ", "amount": "-40.5"}
AWKWARD = {
    CONTACTS: [
        documented(CONTACTS, id=27047, LTV="16.299999999999997", email=_HIDDEN, links=[]),
        documented(CONTACTS, createDate="0000-00-00", email="null"),
        documented(CONTACTS, firstClick={"date": "0000-00-00", "source": "a\u200b"}),
        documented(CONTACTS, id=27047.0),
    ],
    CLICKS: [
        documented(CLICKS, isFirstClick=1, isLastClick="false", wickedid=5, utms=[]),
        documented(CLICKS, isFirstClick=2),
        documented(CLICKS, date="2024-03-10T02:30:00", isReOptin="yes"),
        documented(CLICKS, date="2024-11-03T01:30:00"),
    ],
    ORDERS: [
        documented(ORDERS, products={"1": {"id": 5, "qty": "2", "PPU": ""}}),
        documented(ORDERS, products={"1": {"id": 5, "qty": "2"}, "2": {"name": _ACCENT}}),
        documented(ORDERS, products={"1": {}, "3": {}}),
        documented(ORDERS, payments={"0": _PAYMENT}, amount="1e2", currency=" usd"),
        documented(ORDERS, payments=[{"status": "MANUAL", "amount": 999_999_999_999}] * 101),
        documented(ORDERS, amount=10**12),
        documented(ORDERS, amount="999999999999.99995"),
        documented(ORDERS, amount=-999_999_999_999.9999),
        documented(ORDERS, amount="\uff11"),
        documented(ORDERS, new={_ACCENT: [_ACCENT, 1.10]}, contact={"id": 7, "vip": True}),
        documented(ORDERS, id=" "),
        5,
    ],
    FEEDBACKS: [
        documented(FEEDBACKS, rating="9", purchased_at="2020-02-02T00:00:00Z", purchase=[]),
        documented(FEEDBACKS, rating="9.0", viewed_at="0000-00-00T00:00:00Z"),
        documented(FEEDBACKS, rating="9.5"),
        documented(FEEDBACKS, rating=11),
        documented(FEEDBACKS, rating="", review=_ACCENT),
    ],
    TRACKERS: [
        documented(TRACKERS, clicks="3", resent="0", sentTo=_HIDDEN, customerId=10**20),
        documented(TRACKERS, clicks="0x3"),
        documented(TRACKERS, sendAt="20.05.2021"),
    ],
    SUBMISSIONS: [
        documented(SUBMISSIONS, id="42", is_public=0, sentiment_score="-0.25", campaign_id=" 7 "),
        documented(SUBMISSIONS, id=str(2**63)),
        documented(SUBMISSIONS, created_at="10/11/2026 10:00"),
        documented(SUBMISSIONS, sentiment_score="1e400"),
        documented(SUBMISSIONS, customer_name=["x"], nps_score=None),
    ],
}
_REVIEW = {"realid": 2183, "added_on": "2022-03-20 11:45:32", "score": "9.5"}
TREES = [
    documented(ORDER_FEEDBACK, order={"orderno": 27047}, score="9", product_reviews=served)
    for served in ([_REVIEW], {"7": _REVIEW}, _REVIEW, {}, None, "many", {"a": _REVIEW}, [None, 5])
]


def without_nulls(value: Any) -> Any:
    """A row without nulls, so that a new column alone does not change the result."""
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def test_a_change_in_parsing_requires_a_new_version_of_the_reading_rules() -> None:
    read = [parse(table, *records, zone="America/New_York") for table, records in AWKWARD.items()]
    feedback, reviews = split_reviews(as_json(*TREES))
    read.append(parse_bytes(ORDER_FEEDBACK, feedback.records, feedback.count))
    read.append(parse_bytes(REVIEWS, reviews.records, reviews.count))
    found = [
        {
            "rows": [without_nulls(row) for row in parsed.rows.to_pylist()],
            "bad": [[bad.reason, bad.payload, bad.day] for bad in parsed.bad],
        }
        for parsed in read
    ]
    digest = hashlib.sha256(json.dumps(found, default=str, sort_keys=True).encode()).hexdigest()
    assert KNOWN.get(READING_RULES) == digest, (
        "A record of the corpus reads differently. If that is what you meant, raise READING_RULES "
        "in feedback_assets/ingest/__init__.py, so that days read by older rules count as out of "
        f"date, and add the new version here with {digest}."
    )
