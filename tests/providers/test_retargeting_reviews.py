"""Retargeting's nested records become feedback and reviews without loss."""

import json
from typing import Any

import msgspec
import pytest

from feedback_assets.providers.retargeting.reviews import split_reviews
from tests.ingest.documents import (
    ORDER_FEEDBACK,
    REVIEWS,
    as_json,
    documented,
    only_bad,
    only_row,
    parse_bytes,
)

ORDER = {"orderno": "27047", "date": "2021-05-04 19:57:50"}
REVIEW = {
    "realid": "2183",
    "added_on": "2022-03-20 11:45:32",
    "score": 9,
    "comment": "Perfect match for my summer outfits",
}
OTHER = {"realid": "2182", "added_on": "2022-03-20 11:47:32", "score": 7, "comment": None}


def split(*records: Any) -> tuple[list[Any], list[Any]]:
    feedback, reviews = split_reviews(as_json(*records))
    found = json.loads(feedback.records), json.loads(reviews.records)
    assert (feedback.count, reviews.count) == (len(found[0]), len(found[1]))
    return found


def test_each_review_carries_its_order() -> None:
    feedback, reviews = split(documented(ORDER_FEEDBACK, product_reviews=[REVIEW, OTHER]))
    assert feedback == [documented(ORDER_FEEDBACK)]
    assert reviews == [{"order": ORDER, **REVIEW}, {"order": ORDER, **OTHER}]


@pytest.mark.parametrize("none", [[], {}, None, ...])
def test_feedback_without_reviews_is_valid(none: Any) -> None:
    record = documented(ORDER_FEEDBACK, product_reviews=none)
    assert split(record) == ([documented(ORDER_FEEDBACK)], [])


@pytest.mark.parametrize(
    "served", [{"1": REVIEW}, {"0": REVIEW}, {"2183": REVIEW}, REVIEW, [REVIEW], {"7": REVIEW}]
)
def test_reviews_are_read_in_every_shape_php_serves(served: Any) -> None:
    record = documented(ORDER_FEEDBACK, product_reviews=served)
    assert split(record) == ([documented(ORDER_FEEDBACK)], [{"order": ORDER, **REVIEW}])


def test_reviews_keyed_by_number_are_sorted_by_number() -> None:
    served = {"10": OTHER, "9": REVIEW, "2": "x"}
    _, reviews = split(documented(ORDER_FEEDBACK, product_reviews=served))
    assert reviews == [
        {"order": ORDER, "product_reviews": "x"},
        {"order": ORDER, **REVIEW},
        {"order": ORDER, **OTHER},
    ]


@pytest.mark.parametrize(
    "wrong", ["many", "", 5, 0, True, False, {"a": REVIEW}, {"1": REVIEW, "x": 5}, {"reviews": []}]
)
def test_an_invalid_review_is_quarantined_with_its_order_and_its_parent_is_kept(wrong: Any) -> None:
    parent = documented(ORDER_FEEDBACK, product_reviews=wrong)
    feedback, reviews = split_reviews(as_json(parent, documented(ORDER_FEEDBACK)))
    assert parse_bytes(ORDER_FEEDBACK, feedback.records, 2).rows.num_rows == 2
    assert reviews.count == 1
    (bad,) = parse_bytes(REVIEWS, reviews.records, 1).bad
    payload = json.loads(bad.payload)
    assert payload.pop("order") == ORDER
    assert payload == (wrong if isinstance(wrong, dict) else {"product_reviews": wrong})
    assert bad.reason == "realid: missing"


def test_a_good_review_of_a_bad_parent_is_kept() -> None:
    parent = documented(ORDER_FEEDBACK, score=11, added_on="soon", product_reviews=[REVIEW])
    feedback, reviews = split_reviews(as_json(parent))
    assert "added_on" in only_bad(parse_bytes(ORDER_FEEDBACK, feedback.records, 1))
    row = only_row(parse_bytes(REVIEWS, reviews.records, 1))
    assert (row["order_no"], row["real_id"]) == ("27047", "2183")


def test_a_bad_review_takes_neither_its_parent_nor_the_other_reviews_with_it() -> None:
    bad = {**REVIEW, "realid": None}
    parent = documented(ORDER_FEEDBACK, product_reviews=[REVIEW, bad, "x", None, OTHER])
    feedback, reviews = split_reviews(as_json(parent))
    assert only_row(parse_bytes(ORDER_FEEDBACK, feedback.records, 1))["score"] == 10
    parsed = parse_bytes(REVIEWS, reviews.records, 5)
    assert parsed.rows.column("real_id").to_pylist() == ["2183", "2182"]
    assert [json.loads(found.payload) for found in parsed.bad] == [
        {"order": ORDER, **bad},
        {"order": ORDER, "product_reviews": "x"},
        {"order": ORDER, "product_reviews": None},
    ]


@pytest.mark.parametrize("order", [..., None, "27047", []])
def test_reviews_of_a_parent_without_a_readable_order_are_quarantined_not_lost(order: Any) -> None:
    parent = documented(ORDER_FEEDBACK, order=order, product_reviews=[REVIEW])
    feedback, reviews = split_reviews(as_json(parent))
    assert len(parse_bytes(ORDER_FEEDBACK, feedback.records, 1).bad) == 1
    (bad,) = parse_bytes(REVIEWS, reviews.records, 1).bad
    assert str(bad.day) == "2022-03-20"


@pytest.mark.parametrize("record", [None, 5, "x", [REVIEW], True])
def test_a_non_object_is_passed_on_for_quarantine(record: Any) -> None:
    whole = documented(ORDER_FEEDBACK, product_reviews=[REVIEW])
    feedback, reviews = split(record, whole)
    assert feedback == [record, documented(ORDER_FEEDBACK)]
    assert len(reviews) == 1


def test_a_comment_cut_within_an_emoji_does_not_hide_the_reviews() -> None:
    page = as_json(documented(ORDER_FEEDBACK, comment="here", product_reviews=[REVIEW, OTHER]))
    for broken in (page.replace(b'"here"', rb'"\ud83d"'), page.replace(b"Perfect", rb"\ud83d")):
        feedback, reviews = split_reviews(broken)
        assert parse_bytes(ORDER_FEEDBACK, feedback.records, 1).rows.num_rows == 1
        assert parse_bytes(REVIEWS, reviews.records, 2).rows.num_rows == 2


def test_an_unreadable_record_is_quarantined_whole_with_its_reviews() -> None:
    good = as_json(documented(ORDER_FEEDBACK, product_reviews=[REVIEW]))[1:-1]
    deep = good[:-1] + b', "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    feedback, reviews = split_reviews(b"[" + b",".join([good, deep, good]) + b"]")
    assert reviews.count == 2
    (bad,) = parse_bytes(ORDER_FEEDBACK, feedback.records, 3).bad
    assert '"realid": "2183"' in bad.payload


def test_a_non_array_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        split_reviews(b'{"data": []}')
