"""Sloppy and tidy responses are equivalent: equal rows except for the spelling of words."""

import unicodedata
from typing import Any

import msgspec
import numpy as np
import pytest

from feedback_assets.providers.retargeting.reviews import split_reviews
from feedback_assets.sandbox import (
    feedbackpulse,
    fullwhere,
    retargeting,
    thanx,
    wicked_records,
)
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.world import World
from feedback_assets.schema.text import without_invisible
from tests.ingest.documents import NAMES, parse_bytes
from tests.ingest.documents import find_table as table_named

WORDS = {"email", "customer_email", "sent_to", "source", "medium", "campaign", "currency", "status"}


@pytest.fixture(scope="module")
def world() -> World:
    return World(7, 40, 400)


def served(world: World, faults: Faults) -> dict[str, list[bytes]]:
    """The first records of each provider, by table."""
    view = View(world, world.since_origin(world.start_of_today.timestamp()), faults)
    some = np.arange(150)
    feedback = msgspec.json.encode(retargeting.feedback(view, 0, len(retargeting.seen(view))))
    orders, reviews = split_reviews(feedback)
    found = {
        "wicked_reports.contacts": wicked_records.contacts(view, some),
        "wicked_reports.clicks": wicked_records.clicks(view, some),
        "wicked_reports.orders": wicked_records.orders(view, some, with_contact=True),
        "thanx.feedbacks": thanx.feedbacks(view, thanx.seen(view)[:150]),
        "fullwhere.survey_trackers": fullwhere.trackers(view, fullwhere.seen(view)[:150]),
        "feedbackpulse.submissions": feedbackpulse.submissions(view, feedbackpulse.seen(view)),
    }
    pages = {name: msgspec.json.decode(msgspec.json.encode(rows)) for name, rows in found.items()}
    pages["retargeting.order_feedback"] = msgspec.json.decode(orders.records)
    pages["retargeting.product_reviews"] = msgspec.json.decode(reviews.records)
    return {name: [msgspec.json.encode(row) for row in rows] for name, rows in pages.items()}


def normal(value: Any, name: str = "") -> Any:
    """A row with words trimmed, in lower case and without a personal name."""
    if isinstance(value, dict):
        return {key: normal(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, str) and name in WORDS:
        word = without_invisible(value).strip().lower()
        return word.rpartition("<")[2].removesuffix(">")
    return value


@pytest.mark.parametrize("name", NAMES)
def test_sloppy_records_parse_like_tidy_ones_without_quarantine(world: World, name: str) -> None:
    tidy, sloppy = (served(world, Faults(sloppy=sloppy))[name] for sloppy in (False, True))
    assert len(tidy) == len(sloppy) > 20
    assert sum(a != b for a, b in zip(tidy, sloppy, strict=True)) > len(tidy) / 3
    rows = []
    for records in (tidy, sloppy):
        page = b"[" + b",".join(records) + b"]"
        parsed = parse_bytes(table_named(name), page, len(records))
        assert [bad.reason for bad in parsed.bad] == []
        rows.append([normal(row) for row in parsed.rows.to_pylist()])
    assert rows[0] == rows[1]


def test_every_variation_occurs_and_is_served_the_same_again(
    world: World,
) -> None:
    pages = served(world, Faults(sloppy=True))
    assert pages == served(world, Faults(sloppy=True))
    text = b"\n".join(record for records in pages.values() for record in records).decode()
    for sign in ('"amount":"', '"sourceId":1', '"is_public":1', '"resent":"0"', '"0000-00-00',
                 '"products":{"0":', '"products":{"1":', '":true', " <", "\u200b", '"usd"',
                 '"REFUNDED', '"links":[]', "\u0301"):  # fmt: skip
        assert sign in text, sign
    assert not unicodedata.is_normalized("NFC", text)
