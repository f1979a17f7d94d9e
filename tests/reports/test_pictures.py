"""The plots in the UI: small, valid PNG, and numbers only."""

import base64
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from feedback_assets.reports import pictures, words
from feedback_assets.reports.figures import read_coverage, read_weeks
from tests.reports.conftest import HOSTILE, Marts


def png(markdown: str | None) -> bytes:
    assert markdown is not None
    start, end = "](data:image/png;base64,", ")"
    content = markdown[markdown.index(start) + len(start) : -len(end)]
    return base64.b64decode(content, validate=True)


def test_a_trend_of_two_years_is_a_png_of_a_few_kilobytes(full: Marts) -> None:
    weeks = read_weeks(full.warehouse) * 12
    picture = pictures.trend_picture(weeks)
    content = png(picture)
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(str(picture)) + len(pictures.trend_table(weeks)) < pictures.MOST_BYTES


def test_compression_leaves_the_pixels_unchanged(full: Marts) -> None:
    import zlib

    import vl_convert

    from feedback_assets.reports import charts

    spec = charts.trend(charts.IN_PICTURE, [date(2026, 11, 20)], height=50) | {"width": 80}
    spec["data"] = {"name": charts.ROWS, "values": []}
    whole = vl_convert.vegalite_to_png(spec, scale=1)
    packed = pictures._packed(whole)
    assert len(packed) <= len(whole)

    def pixels(content: bytes) -> bytes:
        found, place = b"", 8
        while place < len(content):
            length = int.from_bytes(content[place : place + 4], "big")
            kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
            crc = int.from_bytes(content[place + 8 + length : place + 12 + length], "big")
            assert crc == zlib.crc32(kind + data)
            found += data if kind == b"IDAT" else b""
            place += 12 + length
        return zlib.decompress(found)

    assert pixels(packed) == pixels(whole)


@pytest.mark.parametrize("days", [2, 28, 700])
def test_rows_per_day_are_drawn_for_any_run(days: int) -> None:
    rows = [(date(2024, 1, 1) + timedelta(days=n), n * 37 % 101) for n in range(days)]
    picture = str(pictures.days_picture(rows))
    drawn = ET.fromstring(base64.b64decode(picture.partition("base64,")[2][:-1]))
    columns = drawn.find("{http://www.w3.org/2000/svg}path").get("d").count("M")
    assert columns == sum(count > 0 for _, count in rows)
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [
        str(max(count for _, count in rows)),
        *map(words.day, (rows[0][0], rows[-1][0])),
    ]
    assert len(picture) + len(pictures.days_table(rows)) < pictures.MOST_BYTES
    assert pictures.days_table(rows).count("\n") <= 33


def test_a_single_day_or_no_answers_need_no_plot() -> None:
    assert pictures.days_picture([(date(2026, 11, 20), 5)]) is None
    assert pictures.trend_picture(()) is None


def test_the_plotted_tables_have_only_numbers_and_names_of_our_own(full: Marts) -> None:
    weeks = read_weeks(full.warehouse)
    table = pictures.trend_table(weeks)
    assert table.splitlines()[0] == "| week from | NPS (95 % interval) | answers |"
    assert f"{round(weeks[-1].counts.responses)} |" in table.splitlines()[2]
    coverage = pictures.coverage_table(read_coverage(full.warehouse))
    assert coverage.splitlines()[2:] == ["| Thanx | 80\u00a0% of 100 answers |"]
    assert not [text for text in HOSTILE if len(text) > 5 and text in table + coverage]
