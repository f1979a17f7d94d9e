"""Every declared table is consistent in itself and with the others."""

import re
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pyarrow as pa
import pytest

from feedback_assets.schema.columns import MONEY, MONEY_SUM, STAMP, Column, Personal, personal_paths
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import EXTRA, Table
from feedback_assets.tables import (
    ALL_TABLES,
    DERIVED_TABLES,
    MART_TABLES,
    PROVIDER_TABLES,
    READ_TABLES,
    UNIFIED_TABLES,
    find_table,
)


def each(tables: tuple[Table, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("table", tables, ids=lambda table: table.full_name)


def with_fields(columns: tuple[Column, ...], prefix: str = "") -> Iterator[tuple[str, Column]]:
    for column in columns:
        yield f"{prefix}{column.name}", column
        yield from with_fields(column.fields, f"{prefix}{column.name}.")


def paths(table: Table) -> dict[str, Column]:
    return dict(with_fields(table.columns))


def test_the_tables_match_this_list() -> None:
    assert [table.full_name for table in ALL_TABLES] == [
        "wicked_reports.contacts", "wicked_reports.clicks", "wicked_reports.orders",
        "thanx.feedbacks", "fullwhere.survey_trackers", "feedbackpulse.submissions",
        "retargeting.order_feedback", "retargeting.product_reviews", "ad_spend.daily",
        "unified.feedback", "unified.orders", "unified.attribution",
        "marts.order_feedback", "marts.nps_daily", "marts.nps_by_attribution",
        "marts.nps_by_channel", "marts.customers", "marts.customer_value",
        "marts.survey_funnel", "marts.product_scores", "marts.match_coverage",
        "marts.detractor_queue",
        "marts.channel_scorecard", "marts.customer_value_spread", "marts.nps_by_location",
    ]  # fmt: skip
    assert {table.full_name for table in ALL_TABLES if not table.partitioned} == {
        "marts.nps_by_channel", "marts.customers", "marts.customer_value",
        "marts.survey_funnel", "marts.product_scores", "marts.detractor_queue",
        "marts.channel_scorecard", "marts.customer_value_spread", "marts.nps_by_location",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "event_time", "key"),
    [
        ("wicked_reports.contacts", "create_date", ("id",)),
        ("wicked_reports.orders", "date", ("id",)),
        ("thanx.feedbacks", "purchased_at", ("id",)),
        ("fullwhere.survey_trackers", "send_at", ("id",)),
        ("feedbackpulse.submissions", "created_at", ("id",)),
        ("retargeting.order_feedback", "added_on", ("order_no", "added_on")),
        ("retargeting.product_reviews", "added_on", ("order_no", "real_id", "added_on")),
    ],
)
def test_each_provider_table_has_its_published_key_and_event_time(
    name: str, event_time: str, key: tuple[str, ...]
) -> None:
    table = find_table(name)
    assert (table.event_time, table.key) == (event_time, key)


def test_the_key_of_a_click_is_contact_time_url_and_campaign_parameters() -> None:
    clicks = find_table("wicked_reports.clicks")
    utms = clicks.column("utms").fields
    assert clicks.key == (
        "contact_id", "date", "tracking_url", *(f"utms.{field.name}" for field in utms)
    )  # fmt: skip


@each(ALL_TABLES)
def test_key_order_and_event_time_are_columns(table: Table) -> None:
    found = paths(table)
    assert table.key
    assert set(table.key) | set(table.order_by) <= set(found)
    assert len(set(table.key)) == len(table.key)
    if table.order_by:
        assert set(table.key) <= set(table.order_by), "equal rows in another order hash otherwise"
    if table.event_time is not None:
        assert found[table.event_time].type == STAMP
        assert not found[table.event_time].nullable


@each(ALL_TABLES)
def test_names_are_snake_case_and_unique(table: Table) -> None:
    for columns in (table.columns, *(column.fields for column in paths(table).values())):
        names = [column.name for column in columns]
        assert len(set(names)) == len(names)
    for name in (table.group, table.name, *(c.name for c in paths(table).values())):
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    # It is in the path, where pandas and pyarrow read it, and therefore in no file.
    assert not table.partitioned or "day" not in table.schema.names


@each(ALL_TABLES)
def test_times_are_in_utc_money_is_decimal_and_types_agree_with_their_fields(table: Table) -> None:
    for column in paths(table).values():
        kind = column.type
        assert not pa.types.is_timestamp(kind) or kind == STAMP
        assert not pa.types.is_decimal(kind) or kind in (MONEY, MONEY_SUM)
        assert pa.types.is_struct(kind) == (column.shape == "struct")
        assert pa.types.is_list(kind) == (column.shape == "list")
        inner = kind.value_type if column.shape == "list" else kind
        if column.fields:
            assert [(field.name, field.type) for field in inner] == [
                (field.name, field.type) for field in column.fields
            ]
    for field in table.schema:
        assert field.metadata[b"comment"].decode() == table.column(field.name).description


@each(ALL_TABLES)
def test_tables_and_columns_have_descriptions(table: Table) -> None:
    assert table.description.startswith("One row is ")
    assert f'"{table.group}"."{table.name}"' in table.example
    for path, column in paths(table).items():
        assert column.description, path
        assert (column.low is None) == (column.high is None)


@each(PROVIDER_TABLES)
def test_only_top_level_columns_of_a_provider_table_have_rules_to_check(table: Table) -> None:
    for path, column in paths(table).items():
        if "." in path:
            assert column.nullable, "the parser would not notice"
            assert column.low is None, "the parser would not notice"
            assert not column.fallback, "the parser would not fill it"
        if column.fallback:
            assert paths(table)[column.fallback].type == column.type


@each(PROVIDER_TABLES)
def test_only_provider_tables_have_extra_as_their_last_column(table: Table) -> None:
    assert table.columns[-1] is EXTRA
    names = [column.json_name for column in table.columns[:-1]]
    assert len(set(names)) == len(names)
    for derived in DERIVED_TABLES:
        assert "extra" not in derived.schema.names


def test_tables_depend_on_declared_tables_without_cycles() -> None:
    upstream = {table.full_name: set(table.depends) for table in ALL_TABLES}
    for names in upstream.values():
        assert names <= set(upstream)
    order = list(TopologicalSorter(upstream).static_order())
    assert len(order) == len(ALL_TABLES)
    for table in READ_TABLES:
        assert not table.depends
    for table in DERIVED_TABLES:
        assert table.depends
    for table in UNIFIED_TABLES:
        assert not any(name.startswith("marts.") for name in table.depends)


@each(DERIVED_TABLES)
def test_the_sources_of_a_column_are_columns_of_upstream_tables(table: Table) -> None:
    upstream: set[str] = set()
    pending = list(table.depends)
    while pending:
        name = pending.pop()
        upstream.add(name)
        pending += find_table(name).depends
    for column in table.columns:
        for source in column.source:
            name, _, path = source.rpartition(".")
            assert path in paths(find_table(name)), source
            assert name in upstream, source


@each(DERIVED_TABLES)
def test_every_derived_column_except_labels_declares_its_sources(table: Table) -> None:
    labels = {"provider", "model", "window_days"}
    without = {column.name for column in table.columns if not column.source}
    assert without <= labels


@each(MART_TABLES)
def test_marts_have_no_email_name_phone_number_contact_id_or_link(table: Table) -> None:
    assert set(personal_paths(table.columns).values()) <= {Personal.FREE_TEXT}
    assert set(personal_paths(table.columns)) <= {"comment", "reply"}
    for path in paths(table):
        assert not re.search(r"e_?mail|phone|contact|link|first_name|last_name|url", path)


@each(PROVIDER_TABLES + UNIFIED_TABLES)
def test_a_column_with_a_personal_name_is_marked_as_personal(table: Table) -> None:
    suspicious = re.compile(
        r"(^|\.)(email|customer_email|first_name|last_name|customer_name|sent_to|href|link|"
        r"new_review_link|url_wicked|tracking_url|contact_id|contact_source_id|customer_ref|"
        r"user_id|comment|reply|review|response|text_feedback|admin_reply)$"
    )
    marked = personal_paths(table.columns)
    for path, column in paths(table).items():
        if suspicious.search(path) and not column.fields:
            assert path in marked, path


def test_a_table_is_found_by_name_and_the_error_for_a_wrong_name_lists_the_valid_names() -> None:
    for table in ALL_TABLES:
        assert find_table(table.full_name) is table
        assert NO_PREFIX.key(table) == tuple(table.full_name.split("."))
    with pytest.raises(KeyError, match=r"no table 'orders'; choose from .*unified\.orders"):
        find_table("orders")
