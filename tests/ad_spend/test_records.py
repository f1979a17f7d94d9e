"""Files as texts: CSV as spreadsheets and platforms write it, Parquet as pandas does."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.ad_spend.records import Record, read_records
from feedback_assets.ad_spend.rows import BadRow, SpendRow, read_row
from feedback_assets.ad_spend.trouble import SpendTrouble

HEADER = "day,source,medium,campaign,currency,spend,clicks,impressions"
LINE = "2024-05-01,google,cpc,spring,USD,12.50,10,400"
# Texts of a cell; a carriage return alone would be a line end to some readers.
CELLS = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\x00"), max_size=12
)


def records(text: str | bytes) -> list[Record]:
    content = text.encode() if isinstance(text, str) else text
    return list(read_records("spend.csv", content))


def trouble(text: str | bytes) -> str:
    with pytest.raises(SpendTrouble) as caught:
        records(text)
    return str(caught.value)


@given(
    st.lists(st.tuples(CELLS, CELLS), max_size=5),
    st.sampled_from(",;"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
)
def test_csv_is_read_with_either_separator_any_quoting_and_a_bom(
    cells: list[tuple[str, str]], separator: str, ending: str, quoting: Any, bom: bool
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=ending, quoting=quoting)
    writer.writerow(["day", "source", "currency", "spend", "campaign", 'ad, set; "x"'])
    for campaign, more in cells:
        writer.writerow(["2024-05-01", "google", "USD", "1.5", campaign, more])
    found = records(("\ufeff" if bom else "") + file.getvalue())
    assert [(each.fields["campaign"], each.fields['ad, set; "x"']) for each in found] == cells
    assert not any(each.problem for each in found)


def test_column_names_are_trimmed_and_case_insensitive_and_blank_lines_are_ignored() -> None:
    (found,) = records("\n Day ;SOURCE;Currency;Spend;\n;;;;\n\n2024-05-01;x;USD;1;\n")
    assert found.place == "line 5"
    assert found.fields == {"day": "2024-05-01", "source": "x", "currency": "USD", "spend": "1"}


def test_a_record_is_placed_at_its_first_line_even_after_a_text_of_several_lines() -> None:
    found = records(f'{HEADER}\n2024-05-01,x,"a\nb",c,USD,1,,\n{LINE}\n')
    assert [each.place for each in found] == ["line 2", "line 4"]


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_an_error_that_says_what_the_first_line_is(text: str) -> None:
    assert trouble(text) == (
        "spend.csv, line 1: the file is empty. The first line has to name the columns: "
        "day,source,currency,spend."
    )


def test_a_file_with_only_a_header_has_no_rows() -> None:
    assert records(HEADER) == []


def test_the_error_for_missing_columns_names_file_line_found_columns_and_remedy() -> None:
    assert trouble("Date;Source;Cost\n2024-05-01;x;1\n") == (
        "spend.csv, line 1: missing column day, currency, spend (found: date, source, cost). "
        "spend.csv must have the columns day, source, currency, spend; medium, campaign, clicks, "
        "impressions are optional."
    )


def test_two_columns_with_the_same_name_are_an_error() -> None:
    assert "two columns are named spend" in trouble(f"{HEADER},Spend\n")


def test_text_that_is_not_utf_8_is_an_error_with_its_line() -> None:
    text = f"{HEADER}\n{LINE}\n2024-05-01,Zürich,cpc,,USD,1,,\n"
    assert trouble(text.encode("latin-1")).startswith("spend.csv, line 3: not UTF-8. Save it as")
    assert "line 1: not UTF-8" in trouble(text.encode("utf-16"))


def test_unclosed_quotes_are_reported_at_the_line_where_they_begin() -> None:
    assert trouble(f'{HEADER}\n{LINE}\n2024-05-01,"x,cpc,,USD,1,,\n{LINE}\n').startswith(
        "spend.csv, line 3: "
    )


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_unclosed_quotes_in_the_header_of_a_large_file_are_reported_at_its_line(
    delimiter: str,
) -> None:
    text = 'day,"source,currency,spend\n' + "2024-05-01,x,USD,1\n" * 10_000
    text = text.replace(",", delimiter)
    assert len(text) > csv.field_size_limit()
    for blank in ("", "\n \n"):
        message = trouble(blank + text)
        assert message.startswith(f"spend.csv, line {1 + blank.count(chr(10))}: ")
        assert "starts here is not closed" in message


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"PK\x03\x04rest", "Excel workbook"), (b"\x1f\x8brest", "gzip"), (b"PAR1rest", "Parquet")],
)
def test_other_kinds_of_files_are_named(content: bytes, kind: str) -> None:
    assert kind in trouble(content)


def test_an_amount_with_an_unquoted_comma_is_a_record_of_the_wrong_shape_with_a_hint() -> None:
    (found,) = records(f"{HEADER}\n2024-05-01,google,cpc,spring,USD,12,50,10,400\n")
    assert found.problem.startswith("9 fields where the header has 8")
    assert "12.34" in found.problem
    assert found.surplus == ("400",)
    (blank,) = records(f"{HEADER}\n2024-05-01,google,cpc,spring,USD,12,50,,\n")
    assert blank.problem, "12 and 50 clicks would be a guess"
    (short,) = records(f"{HEADER}\n2024-05-01,google\n")
    assert short.problem == "2 fields where the header has 8"


def test_blank_trailing_columns_are_ignored_unless_they_have_values() -> None:
    blank, full = records(f"{HEADER},,\n{LINE},,\n{LINE},,x\n")
    assert not blank.problem
    assert full.problem == "a value in a column without a name"


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    "days",
    [
        pa.array([date(2024, 5, 1)]),
        pa.array(["2024-05-01"]),
        pa.array([datetime(2024, 5, 1, tzinfo=UTC)], pa.timestamp("ns", "UTC")),
        pa.array([datetime(2024, 5, 1)], pa.timestamp("ms")),  # noqa: DTZ001
        pa.array(["2024-05-01"]).dictionary_encode(),
    ],
)
@pytest.mark.parametrize(
    "spend",
    [
        pa.array([Decimal("12.5")], pa.decimal128(38, 9)),
        pa.array([12.5]),
        pa.array([12.5], pa.float32()),
        pa.array(["12.50"]),
    ],
)
def test_parquet_is_read_with_any_type_for_days_and_amounts(days: Any, spend: Any) -> None:
    (found,) = records(
        parquet(
            day=days, source=["google"], currency=["usd"], spend=spend,
            clicks=pa.array([10.0]), impressions=pa.array([None], pa.int32()), tag=[[1, 2]],
        )
    )  # fmt: skip
    row = read_row(found)
    assert isinstance(row, SpendRow)
    assert (row.day, row.spend, row.clicks, row.impressions) == (
        date(2024, 5, 1), Decimal("12.5"), 10, None
    )  # fmt: skip
    assert row.extra == {"tag": "[1, 2]"}
    assert found.place == "row 1"


def test_any_time_in_parquet_is_read_and_only_midnight_is_a_day() -> None:
    def texts(values: list[int], unit: str, zone: str | None = None) -> list[str | None]:
        days = pa.array(values, pa.timestamp(unit, zone))
        some = [1.0] * len(values)
        content = parquet(day=days, source=["x"] * len(some), currency=["usd"] * len(some),
                          spend=some, exported_at=days)  # fmt: skip
        found = records(content)
        assert [each.fields["exported_at"] for each in found] == [
            each.fields["day"] for each in found
        ]
        return [each.fields["day"] for each in found]

    midnight = 1_714_521_600
    nanoseconds = [midnight * 10**9 + more for more in (0, 1, 500_000_000, 1_000)]
    for zone in (None, "UTC", "Asia/Tokyo"):
        assert texts(nanoseconds, "ns", zone) == [
            "2024-05-01",
            "2024-05-01 00:00:00.000000001",
            "2024-05-01 00:00:00.500000",
            "2024-05-01 00:00:00.000001",
        ]
    assert texts([midnight * 1000, midnight * 1000 + 5], "ms") == [
        "2024-05-01",
        "2024-05-01 00:00:00.005000",
    ]
    (far,) = records(
        parquet(day=pa.array([2**62], pa.timestamp("us")), source=["x"], currency=["usd"],
                spend=[1.0])
    )  # fmt: skip
    assert isinstance(read_row(far), BadRow), "no year of a calendar"


@given(st.decimals(min_value=0, max_value=10**11, places=2, allow_nan=False))
def test_a_float_in_parquet_counts_as_the_shortest_decimal_that_it_stands_for(
    amount: Decimal,
) -> None:
    (found,) = records(
        parquet(day=["2024-05-01"], source=["x"], currency=["usd"], spend=[float(amount)])
    )
    row = read_row(found)
    assert isinstance(row, SpendRow)
    assert row.spend == amount


def test_a_missing_amount_in_parquet_is_missing_and_a_column_of_lists_is_an_error() -> None:
    (found,) = records(
        parquet(day=["2024-05-01"], source=["x"], currency=["usd"], spend=[float("nan")])
    )
    assert found.fields["spend"] is None
    assert "column spend has type list" in trouble(
        parquet(day=["2024-05-01"], source=["x"], currency=["usd"], spend=[[1]])
    )
