"""Stored rows typed again: the same where the rules are, and different where they are not."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.ingest.again import read_again
from feedback_assets.schema.columns import TEXT, Column
from feedback_assets.schema.table import Table
from feedback_assets.tables import PROVIDER_TABLES
from tests.ingest.documents import (
    CLICKS,
    ORDER_FEEDBACK,
    ORDERS,
    REVIEWS,
    SUBMISSIONS,
    documented,
    parse,
    typing_of,
)

UNNAMED = {"more": {"a": [1, 2.5, None]}, "more_text": "é", "more_flag": True, "more_amount": 1e20}


def variants(table: Table) -> list[dict[str, Any]]:
    """The documented record, and what the wire may add to it or leave out."""
    record = documented(table)
    bare = [
        documented(table, **{name: None})
        for name, value in record.items()
        if isinstance(value, dict | list)
    ]
    empty = [
        documented(table, **{name: type(value)()})
        for name, value in record.items()
        if isinstance(value, dict | list)
    ]
    nested = [
        documented(table, **{name: {**value, **UNNAMED}})
        for name, value in record.items()
        if isinstance(value, dict)
    ]
    lists = [
        documented(table, **{name: [*value, None, {**value[0], **UNNAMED}]})
        for name, value in record.items()
        if isinstance(value, list)
    ]
    return [record, documented(table, **UNNAMED), *bare, *empty, *nested, *lists]


@pytest.mark.parametrize("table", PROVIDER_TABLES, ids=lambda table: table.full_name)
def test_a_row_that_was_just_read_is_read_the_same_again(table: Table) -> None:
    read = parse(table, *variants(table)).rows
    assert read.num_rows > 1
    again = read_again(table, read, typing_of(table, "Europe/Paris"))
    assert not again.differs
    assert not any(again.inside.values())


@given(
    text=st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=8)),
    score=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    number=st.integers(-(2**63), 2**63 - 1),
)
def test_whatever_values_it_holds(text: str | None, score: float | None, number: int) -> None:
    record = documented(SUBMISSIONS, text_feedback=text, sentiment_score=score, campaign_id=number)
    read = parse(SUBMISSIONS, record).rows
    assert not read_again(SUBMISSIONS, read, typing_of(SUBMISSIONS)).differs


def test_a_day_without_rows_is_read_the_same_again() -> None:
    assert not read_again(CLICKS, CLICKS.schema.empty_table(), typing_of(CLICKS)).differs


def test_a_value_that_the_declaration_no_longer_takes_differs() -> None:
    read = parse(SUBMISSIONS, documented(SUBMISSIONS)).rows
    place = read.schema.get_field_index("nps_score")
    stored = read.set_column(place, read.schema.field(place), pa.array([11], pa.int8()))
    assert read_again(SUBMISSIONS, stored, typing_of(SUBMISSIONS)).differs


def test_a_field_that_was_nobody_s_and_is_a_column_now_differs() -> None:
    before = documented(ORDERS, channel="web")
    read = parse(ORDERS, before).rows
    assert json.loads(read["extra"][0].as_py()) == {"channel": "web"}
    now = replace(ORDERS, columns=(Column("channel", TEXT, ""), *ORDERS.columns))
    stored = read.add_column(0, pa.field("channel", TEXT), pa.nulls(1, TEXT)).cast(now.schema)
    assert read_again(now, stored, typing_of(ORDERS)).differs
    without = parse(ORDERS, documented(ORDERS)).rows
    stored = without.add_column(0, pa.field("channel", TEXT), pa.nulls(1, TEXT)).cast(now.schema)
    assert not read_again(now, stored, typing_of(ORDERS)).differs


def test_reviews_that_were_left_inside_their_feedback_name_the_day_they_belong_to() -> None:
    read = parse(ORDER_FEEDBACK, documented(ORDER_FEEDBACK)).rows
    place = read.schema.get_field_index("extra")
    review = {"realid": "2183", "added_on": "2022-03-20 11:45:32", "score": 9, "comment": "x"}
    left = json.dumps({"product_reviews": [review]})
    stored = read.set_column(place, read.schema.field(place), pa.array([left]))
    again = read_again(ORDER_FEEDBACK, stored, typing_of(ORDER_FEEDBACK))
    assert again.differs
    assert again.inside == {REVIEWS: {date(2022, 3, 20)}}
