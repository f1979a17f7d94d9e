"""Timestamps: every notation, mixed time zones, and hours that occur twice or never."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from feedback_assets.ingest.stamps import canonical_stamp, find_unreadable, parse_stamps, to_utc


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def one(text: str | None, zone: str = "UTC") -> Any:
    return parse_stamps(pa.array([text], pa.string()), zone)[0].as_py()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-06-18T06:00:27.000Z", utc(2020, 6, 18, 6, 0, 27)),
        ("2020-06-18T06:00:27+02:00", utc(2020, 6, 18, 4, 0, 27)),
        ("2020-06-18T06:00:27-0330", utc(2020, 6, 18, 9, 30, 27)),
        ("2020-06-18T06:00:27+02", utc(2020, 6, 18, 4, 0, 27)),
        ("2020-06-18T06:00:27.123456789Z", utc(2020, 6, 18, 6, 0, 27, 123456)),
        ("2020-06-18T06:00:27.123456789+02:00", utc(2020, 6, 18, 4, 0, 27, 123456)),
        ("2020-06-18T06Z", utc(2020, 6, 18, 6)),
        ("2020-06-18T02:00:27", utc(2020, 6, 18, 6, 0, 27)),
        ("2020-06-18 02:00:27", utc(2020, 6, 18, 6, 0, 27)),
        ("2020-06-18 02:00", utc(2020, 6, 18, 6)),
        ("2020-06-18", utc(2020, 6, 18, 4)),
    ],
)
def test_a_timestamp_is_read_in_its_own_zone_or_the_default_zone(
    text: str, expected: datetime
) -> None:
    assert one(text, "America/New_York") == expected
    assert to_utc(text, "America/New_York") == expected


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        # The clock shows 01:30 twice: the first one counts.
        ("America/New_York", "2024-11-03T01:30:00", utc(2024, 11, 3, 5, 30)),
        ("Europe/Paris", "2024-10-27 02:30:00", utc(2024, 10, 27, 0, 30)),
        # 02:30 never occurs: it means the instant of the clock change.
        ("America/New_York", "2024-03-10T02:30:00", utc(2024, 3, 10, 7)),
        ("Europe/Paris", "2024-03-31 02:30:00", utc(2024, 3, 31, 1)),
        ("America/New_York", "2024-03-10T01:59:59", utc(2024, 3, 10, 6, 59, 59)),
        ("America/New_York", "2024-03-10T03:00:00", utc(2024, 3, 10, 7)),
        ("Asia/Kathmandu", "2024-03-10T03:00:00", utc(2024, 3, 9, 21, 15)),
    ],
)
def test_a_repeated_or_skipped_hour_is_still_one_instant(
    zone: str, text: str, expected: datetime
) -> None:
    assert one(text, zone) == expected
    assert to_utc(text, zone) == expected


def test_one_column_may_mix_timestamps_with_and_without_zone() -> None:
    texts = pa.array(["2020-06-18T06:00:00Z", None, "2020-06-18T06:00:00", "", " "])
    expected = [utc(2020, 6, 18, 6), None, utc(2020, 6, 18, 4), None, None]
    assert parse_stamps(texts, "Europe/Paris").to_pylist() == expected


@pytest.mark.parametrize(
    "text",
    [
        "soon", "null", "0000-00-01", "0000-00-00T12:00:00", "0000-01-01",
        "2020-13-01", "2020-02-30", "20.05.2021",
        "15/03/2024 10:30", "2020-06-18T24:00:00Z", "2020-06-18T06:00:60Z", "1592460027",
        "2020-06-18Z", "12020-06-18", "2020-06-18T06:00:27+25:00", "2020-06-18T",
        "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "２０20-06-18", "Z",
    ],
)  # fmt: skip
def test_an_invalid_timestamp_is_rejected_and_located_among_valid_ones(text: str) -> None:
    with pytest.raises(pa.ArrowInvalid):
        one(text)
    assert to_utc(text, "UTC") is None
    good = ["2020-06-18T06:00:27.000Z", None, "2020-06-18"] * 5
    assert find_unreadable(pa.array([*good, text, *good, text]), "UTC") == [15, 31]


def test_timestamps_that_arrow_cannot_read_are_normalised() -> None:
    assert canonical_stamp(" 2020-06-18t06:00:27,5z ") == "2020-06-18T06:00:27.500000Z"
    assert canonical_stamp("  ") is None
