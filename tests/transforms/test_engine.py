"""What the engine promises whatever the SQL says: days, order, schema, old files, time zone."""

import hashlib
import hmac
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES, DERIVED_TABLES, PROVIDER_TABLES, find_table
from feedback_assets.transforms import (
    ArrowTables,
    Parameters,
    build_days,
    build_whole,
    connect,
    engine,
)
from feedback_assets.transforms.dialect import duckdb_type
from feedback_assets.transforms.engine import query_of, sql_of
from feedback_assets.transforms.pseudonym import hmac_pads
from feedback_assets.warehouse.warehouse import Warehouse
from tests.transforms.pipeline import assert_same_rows, by_reference
from tests.transforms.worlds import DAYS, FIRST, LAST, Row, World, arrow, worlds

PARAMETERS = Parameters(match_days=2, touch_days=2, customer_secret=b"secret", threads=2)
ORDERS = find_table("unified.orders")
WICKED_ORDERS = find_table("wicked_reports.orders")


def _fill(warehouse: Warehouse, world: World) -> None:
    for table in PROVIDER_TABLES:
        for day in DAYS if table.full_name in world else ():
            rows = [row for row in world[table.full_name] if row["day"] == day]
            warehouse.replace_day(table, day, _without_day(arrow(table, rows)))


def _without_day(rows: pa.Table) -> pa.Table:
    return rows.drop_columns("day")


def _build(warehouse: Warehouse, first: date = FIRST, last: date = LAST) -> None:
    for table in DERIVED_TABLES:
        if table.partitioned:
            for day, rows in build_days(table, first, last, warehouse, PARAMETERS):
                warehouse.replace_day(table, day, rows)
        else:
            warehouse.replace_whole(table, build_whole(table, warehouse, PARAMETERS))


def _rows(warehouse: Warehouse) -> dict[str, list[Row]]:
    return {table.full_name: warehouse.read_arrow(table).to_pylist() for table in DERIVED_TABLES}


def _order(identity: str, at: datetime, **given: object) -> Row:
    row: Row = dict.fromkeys(WICKED_ORDERS.schema.names)
    return row | {"id": identity, "date": at, "day": at.date()} | given


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path / "it's a warehouse"))


@settings(max_examples=5)
@given(worlds())
@pytest.mark.slow
def test_a_warehouse_of_parquet_gives_the_rows_of_the_reference(
    tmp_path_factory: pytest.TempPathFactory, world: World
) -> None:
    held = Warehouse(str(tmp_path_factory.mktemp("world")))
    _fill(held, world)
    _build(held)
    wanted = by_reference(world, PARAMETERS)
    for name, rows in _rows(held).items():
        assert_same_rows(name, rows, wanted[name])


@settings(max_examples=2)
@given(worlds(), worlds())
@pytest.mark.slow
def test_building_again_after_a_restatement_is_building_from_nothing(
    tmp_path_factory: pytest.TempPathFactory, before: World, after: World
) -> None:
    # What a provider lacked at first it may have later, and the other way round with no rows.
    after = {table.full_name: after.get(table.full_name, []) for table in PROVIDER_TABLES}
    restated = Warehouse(str(tmp_path_factory.mktemp("restated")))
    _fill(restated, before)
    _build(restated)
    _fill(restated, after)
    _build(restated)
    fresh = Warehouse(str(tmp_path_factory.mktemp("fresh")))
    _fill(fresh, after)
    _build(fresh)
    assert _rows(restated) == _rows(fresh)


def test_building_only_the_days_that_read_a_restated_day_is_enough(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    noon = datetime(2024, 3, 8, 12, tzinfo=UTC)
    paid = [{"status": "APPROVED", "amount": 10}, {"status": "REFUNDED", "amount": 4}]
    feedback = {
        **dict.fromkeys(find_table("retargeting.order_feedback").schema.names),
        "order_no": "s1",
        "score": 3,
        "added_on": noon + timedelta(days=1),
        "day": date(2024, 3, 9),
    }
    before: World = {
        "wicked_reports.orders": [_order("o1", noon, source_id="s1", payments=paid[:1])],
        "retargeting.order_feedback": [feedback],
    }
    after = before | {"wicked_reports.orders": [_order("o1", noon, source_id="s1", payments=paid)]}
    restated = Warehouse(str(tmp_path_factory.mktemp("restated")))
    _fill(restated, before)
    _build(restated)
    _fill(restated, after)
    _build(restated, noon.date(), noon.date() + timedelta(days=PARAMETERS.match_days))
    fresh = Warehouse(str(tmp_path_factory.mktemp("fresh")))
    _fill(fresh, after)
    _build(fresh)
    assert _rows(restated) == _rows(fresh)
    assert _rows(fresh)["marts.order_feedback"][0]["net_amount"] == 6


@pytest.mark.parametrize("table", DERIVED_TABLES, ids=lambda table: table.full_name)
def test_with_nothing_held_every_table_is_empty_with_its_schema(
    warehouse: Warehouse, table: object
) -> None:
    declared = next(one for one in DERIVED_TABLES if one is table)
    if declared.partitioned:
        built = list(build_days(declared, FIRST, LAST, warehouse, PARAMETERS))
        assert [day for day, _ in built] == DAYS
        tables = [rows for _, rows in built]
    else:
        tables = [build_whole(declared, warehouse, PARAMETERS)]
    assert all(rows.schema.equals(declared.schema, check_metadata=True) for rows in tables)
    assert all(rows.num_rows == 0 for rows in tables)


def test_days_come_in_order_with_empty_ones_between_and_rows_in_the_declared_order() -> None:
    noon = datetime(2024, 3, 7, 12, tzinfo=UTC)
    orders = [
        _order("b", noon),
        _order("a", noon),
        _order("c", noon - timedelta(hours=1)),
        _order("d", noon + timedelta(days=3)),
    ]
    source = ArrowTables({"wicked_reports.orders": arrow(WICKED_ORDERS, orders)})
    built = list(build_days(ORDERS, FIRST, LAST, source, PARAMETERS))
    assert [day for day, _ in built] == DAYS
    found = {day: rows.column("order_id").to_pylist() for day, rows in built if rows.num_rows}
    assert found == {date(2024, 3, 7): ["c", "a", "b"], date(2024, 3, 10): ["d"]}


def test_days_that_are_more_than_a_batch_of_rows_stay_whole() -> None:
    start = datetime(2024, 3, 7, tzinfo=UTC)
    count = 130_000
    source = ArrowTables(
        {
            "wicked_reports.orders": pa.table(
                {
                    "id": [f"o{number:06}" for number in range(count)],
                    "date": pa.array(
                        [start + timedelta(days=number % 2) for number in range(count)],
                        pa.timestamp("us", tz="UTC"),
                    ),
                    "day": [start.date() + timedelta(days=number % 2) for number in range(count)],
                }
            )
        }
    )
    days = list(
        build_days(ORDERS, start.date(), start.date() + timedelta(days=1), source, PARAMETERS)
    )
    assert [rows.num_rows for _, rows in days] == [count // 2, count // 2]
    ids = [identity for _, rows in days for identity in rows.column("order_id").to_pylist()]
    assert len(set(ids)) == count


def test_a_range_that_memory_does_not_hold_is_built_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = engine._build_range
    tried = []

    def build(table: Table, first: date, last: date, *rest: object) -> object:
        tried.append((last - first).days + 1)
        if tried[-1] > 3:
            raise duckdb.OutOfMemoryException("too much")
        return whole(table, first, last, *rest)

    monkeypatch.setattr(engine, "_build_range", build)
    orders = [_order(f"o{day}", datetime(2024, 3, 5 + day, tzinfo=UTC)) for day in range(11)]
    source = ArrowTables({"wicked_reports.orders": arrow(WICKED_ORDERS, orders)})
    built = list(build_days(ORDERS, FIRST, LAST, source, PARAMETERS))
    assert [day for day, _ in built] == DAYS
    assert [rows.column("order_id").to_pylist() for _, rows in built] == [
        [f"o{day}"] for day in range(11)
    ]
    assert tried == [11, 6, 3, 3, 3, 2]


def test_a_query_computes_the_days_that_fit_the_memory_going_by_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = engine._build_range
    tried = []

    def build(table: Table, first: date, last: date, *rest: object) -> object:
        tried.append((last - first).days + 1)
        return whole(table, first, last, *rest)

    monkeypatch.setattr(engine, "_build_range", build)
    first, start = date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)
    orders = [_order(f"o{day}", start + timedelta(days=day)) for day in range(100)]
    source = ArrowTables({"wicked_reports.orders": arrow(WICKED_ORDERS, orders)})
    values_a_day = len(ORDERS.columns)
    # A row a day, and memory for so many days.
    for days, queries in ((1000, [28, 72]), (30, [28, 30, 30, 12]), (14, [28, *[14] * 5, 2])):
        tried.clear()
        monkeypatch.setattr(engine, "_values_at_once", lambda _, days=days: values_a_day * days)
        built = list(build_days(ORDERS, first, first + timedelta(days=99), source, PARAMETERS))
        assert tried == queries
        assert [rows.column("order_id").to_pylist() for _, rows in built] == [
            [f"o{day}"] for day in range(100)
        ]


def test_a_file_from_before_a_column_was_added_is_read_with_nulls(warehouse: Warehouse) -> None:
    order = _order("o1", datetime(2024, 3, 7, 12, tzinfo=UTC), contact={"id": "k1"}, amount=5)
    whole = _without_day(arrow(WICKED_ORDERS, [order]))
    contact = pa.array([{"id": "k1"}], pa.struct([("id", pa.string())]))
    old = whole.select(["id", "date", "amount"]).append_column("contact", contact)
    path = Path(warehouse.path(WICKED_ORDERS, date(2024, 3, 7)))
    path.parent.mkdir(parents=True)
    pq.write_table(old, path)
    [(_, rows)] = build_days(ORDERS, date(2024, 3, 7), date(2024, 3, 7), warehouse, PARAMETERS)
    [row] = rows.to_pylist()
    assert (row["contact_id"], row["customer_email"], row["net_amount"]) == ("k1", None, 5)


def test_only_the_declared_days_are_read(warehouse: Warehouse) -> None:
    _fill(warehouse, {"wicked_reports.orders": []})
    Path(warehouse.path(WICKED_ORDERS, FIRST)).write_bytes(b"not Parquet")
    later = FIRST + timedelta(days=1)
    assert len(list(build_days(ORDERS, later, LAST, warehouse, PARAMETERS))) == len(DAYS) - 1
    with pytest.raises(duckdb.Error):
        list(build_days(ORDERS, FIRST, LAST, warehouse, PARAMETERS))


def test_every_table_is_a_view_whether_held_or_not(warehouse: Warehouse) -> None:
    _fill(warehouse, {"wicked_reports.orders": [_order("o1", datetime(2024, 3, 7, tzinfo=UTC))]})
    with connect(warehouse) as connection:
        for table in ALL_TABLES:
            view = connection.sql(f'select * from "{table.group}"."{table.name}"')
            columns = [*table.schema.names, *(["day"] if table.partitioned else [])]
            assert view.columns == columns
            wanted = [*(duckdb_type(column.type) for column in table.columns)]
            assert len(view.types) == len(columns) >= len(wanted)
        found = connection.sql('select id, day from "wicked_reports"."orders"').fetchall()
    assert found == [("o1", date(2024, 3, 7))]


def test_the_days_held_last_end_the_windows_though_they_have_no_rows() -> None:
    daily = find_table("marts.nps_by_attribution")
    row = {"model": "linear", "source": "a", "medium": "b", "campaign": "c", "responses": 1.0}
    row |= {"promoters": 1.0, "passives": 0.0, "detractors": 0.0, "day": FIRST}
    rows = {daily.full_name: arrow(daily, [row])}
    table = find_table("marts.nps_by_channel")
    for last, windows in ((FIRST, [7, 30, 90, 365]), (FIRST + timedelta(days=7), [30, 90, 365])):
        source = ArrowTables(rows, {daily.full_name: [last, FIRST]})
        built = build_whole(table, source, PARAMETERS)
        assert built.column("window_days").to_pylist() == windows


def test_the_machines_time_zone_changes_nothing() -> None:
    program = """
from datetime import UTC, date, datetime
import duckdb
from feedback_assets.transforms import ArrowTables, connect
with connect(ArrowTables({})) as connection:
    print(connection.sql("select cast(timestamptz '2024-03-07 23:30:00Z' as date)").fetchall())
"""
    for zone in ("UTC", "Pacific/Kiritimati", "America/Los_Angeles"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == "[(datetime.date(2024, 3, 7),)]"


def test_one_thread_and_many_give_the_same_bits() -> None:
    start = datetime(2024, 3, 7, tzinfo=UTC)
    clicks = find_table("wicked_reports.clicks")
    rows = {
        "wicked_reports.orders": arrow(
            WICKED_ORDERS,
            [
                _order(
                    f"o{n}",
                    start + timedelta(seconds=977 * n % 86_000),
                    contact={"id": f"k{n % 9}"},
                )
                for n in range(300)
            ],
        ),
        "wicked_reports.clicks": arrow(
            clicks,
            [
                dict.fromkeys(clicks.schema.names)
                | {"contact_id": f"k{n % 9}", "date": start + timedelta(seconds=n * 613 % 80_000)}
                | {"tracking_url": str(n), "day": start.date()}
                for n in range(400)
            ],
        ),
    }
    table = find_table("unified.attribution")
    days = [
        list(
            build_days(
                table,
                start.date(),
                start.date(),
                ArrowTables(rows),
                Parameters(customer_secret=b"", threads=threads),
            )
        )
        for threads in (1, 4)
    ]
    assert days[0] == days[1]
    weights: dict[tuple[str, str], float] = {}
    for row in days[0][0][1].to_pylist():
        key = (row["order_id"], row["model"])
        weights[key] = weights.get(key, 0.0) + row["weight"]
    assert weights
    assert all(abs(total - 1) <= 1e-9 for total in weights.values())


def test_twenty_thousand_rows_of_one_customer_are_not_compared_each_with_each() -> None:
    start = datetime(2024, 3, 7, tzinfo=UTC)
    count = 20_000
    moments = pa.array(
        [start + timedelta(seconds=4 * number) for number in range(count)],
        pa.timestamp("us", tz="UTC"),
    )
    same = pa.repeat("a@x.y", count)
    day = pa.repeat(pa.scalar(start.date()), count)
    ids = [f"{number:05}" for number in range(count)]
    feedback = pa.table(
        {
            "feedback_id": ids,
            "responded_at": moments,
            "customer_email": same,
            "is_spam": pa.repeat(False, count),
            "day": day,
        }
    )
    orders = pa.table({"order_id": ids, "ordered_at": moments, "customer_email": same, "day": day})
    trackers = pa.table(
        {"id": ids, "send_at": moments, "sent_at": moments, "purchase_id": ids, "day": day}
    )
    source = ArrowTables(
        {
            "unified.feedback": feedback,
            "unified.orders": orders,
            "fullwhere.survey_trackers": trackers,
        }
    )
    table = find_table("marts.order_feedback")
    began = datetime.now(UTC)
    with connect(source, [find_table(name) for name in table.depends]) as connection:
        query, values = query_of(table, PARAMETERS, start.date(), start.date())
        found = connection.sql(query, params=values).to_arrow_table()
    assert found.column("order_id").to_pylist() == ids
    # Four hundred million comparisons would take longer.
    assert datetime.now(UTC) - began < timedelta(seconds=10)


@settings(max_examples=60)
@given(st.binary(max_size=130), st.text())
def test_the_pseudonym_is_the_hmac_of_python(secret: bytes, text: str) -> None:
    inner, outer = hmac_pads(secret)
    wanted = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    assert hashlib.sha256(outer + hashlib.sha256(inner + text.encode()).digest()).hexdigest() == (
        wanted
    )


@pytest.mark.parametrize("secret", [b"", b"secret", b"x" * 64, b"x" * 65, "schlüssel".encode()])
def test_the_pseudonym_in_sql_is_the_hmac_of_python(secret: bytes) -> None:
    inner, outer = hmac_pads(secret)
    with connect(ArrowTables({}), []) as connection:
        for text in ("", "ana@example.com", "é\u2003\U0001f600", "x" * 1000):
            found = connection.execute(
                "select customer_key($text, $inner, $outer)",
                {"text": text, "inner": inner, "outer": outer},
            ).fetchall()
            assert found == [(hmac.new(secret, text.encode(), hashlib.sha256).hexdigest(),)]


def test_the_answers_own_email_is_the_customer_before_the_orders() -> None:
    noon = datetime(2024, 3, 7, 12, tzinfo=UTC)
    answer = {"provider": "new", "provider_feedback_id": "1", "is_spam": False, "day": noon.date()}
    answer |= {"responded_at": noon, "order_ref": "s1"}
    order = {"order_id": "o1", "source_id": "s1", "ordered_at": noon, "day": noon.date()}
    order |= {"customer_email": "order@x.y", "contact_id": "k1"}
    cases = [
        ("own@x.y", order, "own@x.y"),
        (None, order, "order@x.y"),
        (None, order | {"customer_email": None}, "k1"),
        (None, order | {"source_id": "s2"}, None),
    ]
    for email, one, identity in cases:
        feedback = answer | {"feedback_id": "new:1", "customer_email": email}
        source = ArrowTables(
            {
                "unified.feedback": arrow(find_table("unified.feedback"), [feedback]),
                "unified.orders": arrow(ORDERS, [one]),
            }
        )
        mart = find_table("marts.order_feedback")
        [(_, rows)] = build_days(mart, noon.date(), noon.date(), source, PARAMETERS)
        wanted = identity and hmac.new(b"secret", identity.encode(), hashlib.sha256).hexdigest()
        assert rows.column("customer_key").to_pylist() == [wanted]


@pytest.mark.parametrize(
    ("after", "answered"),
    [
        (timedelta(0), 1),
        (timedelta(days=2), 1),
        (timedelta(days=2, microseconds=1), 0),
        (-timedelta(microseconds=1), 0),
    ],
)
def test_a_survey_is_answered_from_its_sending_to_the_limit_both_included(
    after: timedelta, answered: int
) -> None:
    sent = datetime(2024, 3, 7, 12, tzinfo=UTC)
    mart, trackers = find_table("marts.order_feedback"), find_table("fullwhere.survey_trackers")
    row = {"feedback_id": "a:1", "provider": "a", "is_spam": False, "order_id": "o1"}
    row |= {"provider_feedback_id": "1", "responded_at": sent + after, "day": sent.date()}
    tracker = {"id": "f1", "send_at": sent, "sent_at": sent, "purchase_id": "o1"}
    tracker |= {"day": sent.date()}
    source = ArrowTables(
        {
            mart.full_name: arrow(mart, [row]),
            trackers.full_name: arrow(trackers, [tracker]),
        }
    )
    [funnel] = build_whole(find_table("marts.survey_funnel"), source, PARAMETERS).to_pylist()
    assert (funnel["sent"], funnel["answered"]) == (1, answered)


def test_the_secret_is_in_no_text() -> None:
    parameters = Parameters(customer_secret=b"hush hush")
    assert "hush" not in repr(parameters)
    for table in DERIVED_TABLES:
        query, _ = query_of(table, parameters, FIRST, LAST)
        assert "hush" not in query
        assert hmac_pads(b"hush hush")[0].hex() not in query


def test_every_derived_table_has_a_file_that_says_what_a_row_is() -> None:
    for table in DERIVED_TABLES:
        assert sql_of(table).startswith("-- One row a")


def test_what_cannot_be_built_is_refused() -> None:
    nothing = ArrowTables({})
    with pytest.raises(ValueError, match="has no days"):
        list(build_days(find_table("marts.customer_value"), FIRST, LAST, nothing, PARAMETERS))
    with pytest.raises(ValueError, match="has days"):
        build_whole(ORDERS, nothing, PARAMETERS)
    with pytest.raises(ValueError, match="comes before"):
        list(build_days(ORDERS, LAST, FIRST, nothing, PARAMETERS))
    with pytest.raises(ValueError, match="0 or more"):
        Parameters(match_days=-1, customer_secret=b"")
