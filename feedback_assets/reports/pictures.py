"""What the UI shows of a table on its materialisation: a small picture and a small table.

Markdown of numbers and names of our own alone: no comment, no campaign, nothing that a stranger
wrote, and so nothing that could act as Markdown or be personal. A picture has 5 to 25 kB.
"""

import base64
import zlib
from collections.abc import Sequence
from datetime import date
from typing import Any

from feedback_assets.reports import charts, words
from feedback_assets.reports.figures import Bounds, Week
from feedback_assets.reports.rows import coverage_rows, week_rows

MOST_BYTES = 60_000
_WIDTH, _HEIGHT = 560, 130
_WEEKS_DRAWN, _WEEKS_LISTED, _DAYS_LISTED = 53, 8, 31


def trend_picture(weeks: Sequence[Week]) -> str | None:
    """NPS by week with its band; None where no week has an answer."""
    weeks = weeks[-_WEEKS_DRAWN:]
    rows = week_rows(weeks, Bounds().few_answers)
    if not rows:
        return None
    spec = charts.trend(charts.IN_PICTURE, [week.first for week in weeks], height=_HEIGHT)
    return _picture(spec, rows, "NPS by week with its 95 % interval")


def trend_table(weeks: Sequence[Week]) -> str:
    """The last weeks, newest first."""
    return _table(
        ("week from", "NPS (95 % interval)", "answers"),
        (
            (words.day(week.first), words.nps(week.counts), words.number(week.counts.responses))
            for week in reversed(weeks[-_WEEKS_LISTED:])
        ),
    )


def coverage_table(coverage: Sequence[tuple[str, str, int]]) -> str:
    """How many answers of each provider met an order, over the last 90 days."""
    wholes = {row["name"]: (row["shown"], row["note"]) for row in coverage_rows(coverage)}
    return _table(("provider", "met an order, last 90 days"), wholes.values())


def days_picture(rows: Sequence[tuple[date, int]]) -> str | None:
    """Rows a day as columns; None for a single day, which says nothing beside its number."""
    if len(rows) < 2:
        return None
    spec = charts.days(charts.IN_PICTURE, height=_HEIGHT)
    values = [{"day": day.isoformat(), "rows": count} for day, count in rows]
    return _picture(spec, values, "Rows a day")


def days_table(rows: Sequence[tuple[date, int]]) -> str:
    """Rows of the last days of a run, newest first."""
    newest = list(reversed(rows[-_DAYS_LISTED:]))
    return _table(
        ("day (UTC)", "rows"), ((day.isoformat(), words.number(count)) for day, count in newest)
    )


def _picture(spec: charts.Spec, rows: list[dict[str, Any]], title: str) -> str:
    # 0.3 s, and only where a picture is made.
    import vl_convert

    whole = {
        **spec,
        "width": _WIDTH,
        "autosize": {"type": "pad", "contains": "padding"},
        "background": "white",
        "data": {"name": charts.ROWS, "values": rows},
    }
    image = base64.b64encode(_packed(vl_convert.vegalite_to_png(whole, scale=1))).decode()
    return f"![{title}](data:image/png;base64,{image})"


def _packed(png: bytes) -> bytes:
    """The same picture, its pixels deflated as far as they go: vl-convert's have twice the size."""
    head, place, pixels = png[:8], 8, b""
    chunks = []
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += 12 + length
        if kind == b"IDAT":
            pixels += content
        else:
            chunks.append((kind, content))
    chunks.insert(len(chunks) - 1, (b"IDAT", zlib.compress(zlib.decompress(pixels), 9)))
    return head + b"".join(
        len(content).to_bytes(4, "big")
        + kind
        + content
        + zlib.crc32(kind + content).to_bytes(4, "big")
        for kind, content in chunks
    )


def _table(columns: Sequence[str], rows: Any) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
