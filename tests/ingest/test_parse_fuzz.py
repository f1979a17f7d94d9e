"""Randomly damaged records in every table: no crash, no loss, the same result on both paths."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_assets.http.cutting import null_for_null_text
from feedback_assets.ingest.parse import (
    Page,
    Parsed,
    _Page,
    parse_page,
    type_clean_pages,
    type_pages,
    with_nulls,
)
from feedback_assets.schema.table import Table
from feedback_assets.tables import PROVIDER_TABLES
from tests.ingest.documents import NAMES, as_json, documented, parse, parse_bytes, typing_of

ODD_TEXTS = ["null", "", " ", "\ud800", "a\udc00b", "\x00", "2020-02-30", "2020-06-18", "9", "9.5",
             "1e400", "NaN", "2024-03-10T02:30:00", "2024-11-03T01:30:00", '"', "\\", "é\U0001f600",
             "0001-01-01T00:00:00+10:00", "0000-00-00", "0000-00-00 00:00:00", " 9 ", "+9", "09",
             "0", "1", "true", "9007199254740993", "1e2", "0.1", "\uff11", "e\u0301",
             "a\u200b\u0301", "1000000000000", "999999999999.99995"]  # fmt: skip
ODD_NUMBERS = [0, -0.0, 9.0, 10, 11, -1, 127, 128, 2**53 + 1, 2**63, -(2**63), 2**64,
               10**25, 10**40, 1e-7, 16.299999999999997, 1e14, 99999999999999.99, 1e300,
               5e-324, 1, 27047, 10**12, 999999999999.99995, -0.5]  # fmt: skip

leaves = (
    st.none()
    | st.booleans()
    | st.sampled_from(ODD_TEXTS)
    | st.sampled_from(ODD_NUMBERS)
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.datetimes().map(str)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, step) of a JSON tree."""
    steps = list(value) if isinstance(value, dict) else list(range(len(value)))
    found = [(value, step) for step in steps]
    for step in steps:
        if isinstance(value[step], dict | list):
            found += places(value[step])
    return found


@st.composite
def records(draw: st.DrawFn, table: Table) -> Any:  # noqa: C901 - every way of spoiling
    """The documented record, damaged in up to three places, or no record at all."""
    if draw(st.integers(0, 15)) == 0:
        return draw(values)
    record = json.loads(json.dumps(documented(table)))
    for _ in range(draw(st.integers(0, 3))):
        found = places(record)
        if not found:
            break
        holder, step = draw(st.sampled_from(found))
        match draw(st.sampled_from(["replace", "remove", "add", "wrap", "number", "spell"])):
            case "replace":
                holder[step] = draw(values)
            case "remove":
                del holder[step]
            case "add" if isinstance(holder, dict):
                holder[draw(st.text(max_size=3))] = draw(values)
            case "add":
                holder.insert(0, draw(values))
            case "number" if isinstance(holder[step], list):
                first = draw(st.integers(0, 2))
                holder[step] = {str(first + n): item for n, item in enumerate(holder[step])}
            case "spell":
                holder[step] = draw(st.sampled_from([str(holder[step]), 0, 1, 27047, "9", []]))
            case "wrap" | "number":
                holder[step] = draw(st.sampled_from([[holder[step]], {"a": holder[step]}]))
    return record


@st.composite
def loose(draw: st.DrawFn, table: Table) -> Any:
    """The documented record, with any number of its values in another form."""
    record = json.loads(json.dumps(documented(table)))
    for holder, step in places(record):
        value = holder[step]
        if not draw(st.booleans()):
            continue
        if isinstance(value, bool):
            holder[step] = draw(st.sampled_from([int(value), str(int(value)), str(value).lower()]))
        elif isinstance(value, int | float):
            holder[step] = draw(st.sampled_from([str(value), f" {value}", value]))
        elif isinstance(value, list):
            first = draw(st.integers(0, 2))
            holder[step] = {str(first + n): item for n, item in enumerate(value)}
        elif value is None:
            del holder[step]
    return record


def everything(parsed: Parsed) -> tuple[Any, list[str], list[Any]]:
    return (
        parsed.rows.to_pylist(),
        [bad.payload for bad in parsed.bad],
        [bad.day for bad in parsed.bad],
    )


fuzzed = pytest.mark.parametrize("table", PROVIDER_TABLES, ids=NAMES)
ZONE = "America/New_York"


@fuzzed
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_record_lands_or_is_quarantined_as_if_parsed_alone(
    table: Table, data: st.DataObject
) -> None:
    page = data.draw(st.lists(records(table), max_size=6))
    together = everything(parse(table, *page, zone=ZONE))
    alone = [everything(parse(table, record, zone=ZONE)) for record in page]
    assert together == (
        [row for rows, _, _ in alone for row in rows],
        [payload for _, payloads, _ in alone for payload in payloads],
        [day for _, _, days in alone for day in days],
    )


@fuzzed
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_pages_read_at_once_have_the_rows_of_each_page(table: Table, data: st.DataObject) -> None:
    typing = typing_of(table, ZONE)
    good = st.just(documented(table))
    texts = [
        as_json(*data.draw(st.lists(good | good | records(table), max_size=2)))
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    pages = [Page(with_nulls(text, typing), text) for text in texts]
    one_by_one = [parse_page(text, table, typing) for text in texts]
    rows = pa.concat_tables([parsed.rows for parsed in one_by_one])
    bad = tuple(bad for parsed in one_by_one for bad in parsed.bad)
    assert type_pages(pages, table, typing) == Parsed(rows, bad)
    at_once = type_clean_pages(pages, table, typing)
    assert at_once in (None, Parsed(rows, bad))


@fuzzed
def test_pages_without_errors_are_read_at_once_even_if_one_is_empty(table: Table) -> None:
    typing, text = typing_of(table), as_json(documented(table))
    pages = [Page(with_nulls(part, typing), part) for part in (text, b"[ ]", text)]
    at_once = type_clean_pages(pages, table, typing)
    assert at_once == parse(table, documented(table), documented(table))
    assert type_clean_pages([*pages, Page(b'[{"id":', b"")], table, typing) is None


@fuzzed
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_both_parsers_give_the_same_rows(table: Table, data: st.DataObject) -> None:
    page = data.draw(st.lists(records(table), min_size=1, max_size=4))
    text = as_json(*page)
    walked = _Page(text, text, table, typing_of(table, ZONE))
    if walked.typing.null_text:
        walked.text = null_for_null_text(text)
    walked.walk(range(len(page)))
    assert everything(walked.parsed()) == everything(parse(table, *page, zone=ZONE))


@fuzzed
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_loosely_formatted_page_gives_the_rows_of_a_tidy_one(
    table: Table, data: st.DataObject
) -> None:
    page = data.draw(st.lists(loose(table), min_size=1, max_size=4))
    tidy = parse(table, *[documented(table)] * len(page), zone=ZONE)
    assert parse(table, *page, zone=ZONE).rows.equals(tidy.rows)
    text = as_json(*page)
    walked = _Page(text, text, table, typing_of(table, ZONE))
    walked.walk(range(len(page)))
    assert walked.parsed().rows.equals(tidy.rows)


@fuzzed
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_flipped_bytes_cost_at_most_their_record(table: Table, data: st.DataObject) -> None:
    good = as_json(documented(table))[1:-1]
    spoilt = bytearray(good)
    # No quotes, brackets or commas: the array must stay valid.
    soft = [index for index, byte in enumerate(good) if chr(byte).isalnum()]
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.sampled_from(soft))] = data.draw(
            st.sampled_from([*b"0eEntf.-+ :u", 0, 9, 31, 0x80, 0xC3, 0xFF])
        )
    parsed = parse_bytes(table, b"[" + b",".join([good, bytes(spoilt), good]) + b"]", 3)
    assert parsed.rows.num_rows >= 2


@fuzzed
def test_a_large_page_with_every_kind_of_bad_record_keeps_the_good_records_in_order(
    table: Table,
) -> None:
    numbers = np.random.default_rng(3)
    good = [documented(table, new=n) if n % 7 == 0 else documented(table) for n in range(300)]
    bad: list[Any] = [None, 5, "x", [], documented(table, **{table.columns[0].json_name: {}})]
    bad.append(documented(table, **{table.column(table.event_time or "").json_name: "soon"}))
    page: list[Any] = list(good)
    for record in bad:
        page.insert(int(numbers.integers(0, len(page))), record)
    parsed = parse(table, *page)
    # Thanx reads the purchase time from elsewhere; an invalid one is invalid all the same.
    assert len(parsed.bad) == len(bad)
    assert parsed.rows.equals(parse(table, *good).rows)
