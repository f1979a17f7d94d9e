"""Time stamps that are numbers: every notation, the ends of the calendar, and one row at a time."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.ingest.again import read_again
from feedback_assets.ingest.definition import provider_definition
from feedback_assets.ingest.epochs import from_epoch, parse_epochs, to_epoch
from feedback_assets.ingest.parse import Parsed, parse_page
from feedback_assets.schema.columns import INT8, STAMP, TEXT, Column, list_of, struct
from feedback_assets.schema.table import Table, provider_table
from feedback_assets.schema.typing import Typing

TICKS = provider_table(
    "clock",
    "ticks",
    "One row is one tick.",
    Column("id", TEXT, "Id", nullable=False),
    Column("at", STAMP, "When, in seconds", epoch="s", nullable=False),
    Column("seen", STAMP, "When it was seen, in milliseconds", json="seenAt", epoch="ms"),
    Column("written", STAMP, "The same as ISO 8601"),
    struct("inner", "A struct", Column("at", STAMP, "Seconds", epoch="s")),
    list_of("each", "A list", Column("at", STAMP, "Milliseconds", epoch="ms")),
    Column("score", INT8, "A score", low=0, high=10),
    key=("id",),
    event_time="at",
)
START = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
AT = 1592460027  # 2020-06-18T06:00:27Z
DAY = date(2020, 6, 18)


def page(*records: Any) -> bytes:
    return (
        b"["
        + b",".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in records)
        + b"]"
    )


def parse(*records: Any) -> Parsed:
    return parse_page(page(*records), TICKS, Typing("Europe/Paris"))


def one(**fields: Any) -> dict[str, Any]:
    (row,) = parse({"id": "1", "at": AT, **fields}).rows.to_pylist()
    return dict(row)


def test_seconds_and_milliseconds_are_read_wherever_they_stand() -> None:
    moment = datetime(2020, 6, 18, 6, 0, 27, tzinfo=UTC)
    row = one(
        seenAt=AT * 1000 + 123,
        written="2020-06-18T08:00:27",
        inner={"at": AT},
        each=[{"at": AT * 1000}, {"at": None}, None],
    )
    assert row["at"] == row["written"] == row["inner"]["at"] == moment
    assert row["seen"] == moment + timedelta(milliseconds=123)
    assert row["each"] == [{"at": moment}, {"at": None}, None]
    assert row["extra"] is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1592460027", datetime(2020, 6, 18, 6, 0, 27, tzinfo=UTC)),
        ('"1592460027"', datetime(2020, 6, 18, 6, 0, 27, tzinfo=UTC)),
        ('" 1592460027 "', datetime(2020, 6, 18, 6, 0, 27, tzinfo=UTC)),
        ("1592460027.0", datetime(2020, 6, 18, 6, 0, 27, tzinfo=UTC)),
        ("1592460027.5", datetime(2020, 6, 18, 6, 0, 27, 500000, tzinfo=UTC)),
        ("1592460027.1234569", datetime(2020, 6, 18, 6, 0, 27, 123456, tzinfo=UTC)),
        ('"1592460027.123456"', datetime(2020, 6, 18, 6, 0, 27, 123456, tzinfo=UTC)),
        ("1.592460027e9", datetime(2020, 6, 18, 6, 0, 27, tzinfo=UTC)),
        ("0", START),
        ("-1", START - timedelta(seconds=1)),
        ("-62135596800", FIRST),
        ("253402300799.999999", LAST),
    ],
)
def test_a_number_of_seconds_is_read_however_it_is_written(
    written: str, expected: datetime
) -> None:
    # Alone, among good ones, beside a field that no document names, and beside a bad record.
    good = {"id": "0", "at": AT}
    this = f'{{"id": "1", "at": {written}}}'.encode()
    for others in ([], [good] * 40, [{**good, "new": 1}], [{"id": "2", "at": "soon"}]):
        found = [row for row in parse(*others, this).rows.to_pylist() if row["id"] == "1"]
        assert [row["at"] for row in found] == [expected]


@pytest.mark.parametrize(
    "written",
    [
        "253402300800", "-62135596801", "1e12", "1e400", "-1e400", "1e9999",
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "9" * 80, "9" * 500,
        "1592460027000000", "true", '""', '" "', '"soon"', '"2020-06-18T06:00:27Z"', "{}", "[]",
        '"1_592_460_027"', '"NaN"', '"Infinity"', "NaN", '"0x5eeb"', '"１５９２"',
    ],
)  # fmt: skip
def test_what_is_no_time_is_set_aside_and_nothing_else_with_it(written: str) -> None:
    this = f'{{"id": "1", "at": {written}}}'.encode()
    for others in ([], [{"id": "0", "at": AT}], [{"id": "0", "at": AT, "new": 1}]):
        parsed = parse(*others, this)
        assert [row["id"] for row in parsed.rows.to_pylist()] == ["0"] * len(others)
        (bad,) = parsed.bad
        assert bad.payload == this.decode()
        assert bad.day is None


def test_a_time_that_is_missing_is_null_where_it_may_be() -> None:
    assert one(seenAt=None)["seen"] is None
    assert one()["seen"] is None
    (bad,) = parse({"id": "1", "at": None}).bad
    assert "at" in bad.reason


def test_a_record_that_is_set_aside_for_another_reason_keeps_its_day() -> None:
    for at in (AT, str(AT), AT + 0.25):
        (bad,) = parse({"id": "1", "at": at, "score": 11}).bad
        assert bad.day == DAY
    (bad,) = parse({"id": "1", "at": AT, "seenAt": "soon"}).bad
    assert bad.day == DAY
    assert bad.reason.startswith("seenAt: ")


NUMBERS = st.one_of(
    st.integers(-62_135_596_900, 253_402_300_900),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**13), max_value=10**13),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal(10) ** n for n in range(8, 90)]),
    st.integers(10, 90).map(lambda n: 7 * 10**n + 1),
)


def _expected(number: Decimal, unit: str) -> datetime | None:
    """By whole microseconds, cut off towards zero, as integers alone."""
    scale = 1_000_000 if unit == "s" else 1_000
    if abs(number) > 10**16:
        return None
    top, bottom = number.as_integer_ratio()
    count = abs(top) * scale // bottom * (1 if top >= 0 else -1)
    try:
        return START + timedelta(microseconds=count)
    except OverflowError:
        return None


@given(st.lists(st.tuples(NUMBERS, st.booleans(), st.booleans()), min_size=1, max_size=6))
def test_a_page_and_each_of_its_records_alone_say_what_integers_say(
    drawn: list[tuple[int | Decimal, bool, bool]],
) -> None:
    records = []
    for number, (value, as_text, unknown) in enumerate(drawn):
        text = f'"{value}"' if as_text else str(value)
        new = ', "new": 1' if unknown else ""
        records.append(f'{{"id": "{number}", "at": {text}, "seenAt": {text}{new}}}'.encode())
    together = parse(*records)
    rows = {row["id"]: row for row in together.rows.to_pylist()}
    for number, (value, _, _) in enumerate(drawn):
        at, seen = (_expected(Decimal(value), unit) for unit in ("s", "ms"))
        if at is None or seen is None:
            assert str(number) not in rows
        else:
            assert (rows[str(number)]["at"], rows[str(number)]["seen"]) == (at, seen)
    alone = [parse(record) for record in records]
    assert [row for parsed in alone for row in parsed.rows.to_pylist()] == [*rows.values()]
    assert [bad for parsed in alone for bad in parsed.bad] == list(together.bad)


@given(
    st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)),
    st.sampled_from(["s", "ms"]),
)
def test_a_moment_written_as_a_number_is_the_moment_again(at: datetime, unit: Any) -> None:
    moment = at.replace(tzinfo=UTC)
    assert from_epoch(to_epoch(moment, unit), unit) == moment


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), st.sampled_from(["s", "ms"]))
def test_a_column_of_integers_is_read_like_each_of_them(
    numbers: list[int | None], unit: Any
) -> None:
    stamps, outside = parse_epochs(pa.array(numbers, pa.int64()), unit)
    expected = [None if one is None else _expected(Decimal(one), unit) for one in numbers]
    assert stamps.to_pylist() == expected
    wrong = [n for n, one in enumerate(numbers) if one is not None and expected[n] is None]
    found = [] if outside is None else outside.to_pylist()
    assert [n for n, one in enumerate(found) if one] == wrong


def test_stored_rows_are_read_again_as_they_are() -> None:
    rows = parse(
        {"id": "1", "at": AT, "seenAt": AT * 1000 + 1, "each": [{"at": 5}], "new": 1},
        {"id": "2", "at": AT + 0.5, "inner": {"at": -1.25}},
    ).rows
    assert rows.num_rows == 2
    assert not read_again(TICKS, rows, Typing("Europe/Paris")).differs


def test_another_unit_is_another_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    source = type("_Source", (), {"null_text": False})
    monkeypatch.setattr("feedback_assets.ingest.definition.source_of", lambda _table: source)

    def code(epoch: Any) -> str:
        table: Table = provider_table(
            "clock", "ticks", "", Column("at", STAMP, "", epoch=epoch), key=("at",), event_time="at"
        )
        return provider_definition(table, {}).code

    assert len({code(None), code("s"), code("ms")}) == 3


def test_seconds_of_a_page_are_read_at_once() -> None:
    records = msgspec.json.encode([{"id": str(n), "at": AT + n} for n in range(1000)])
    rows = parse_page(records, TICKS, Typing()).rows
    assert rows["at"].to_pylist() == [START + timedelta(seconds=AT + n) for n in range(1000)]
