"""Previews for materialisations in the UI: a small picture and a small table.

The Markdown contains only numbers and the project's own names: no comments and no campaigns, so
it cannot contain injected Markdown or personal data. A picture takes 3 to 25 kB.
"""

import base64
import zlib
from collections.abc import Sequence
from datetime import date
from typing import Any

from feedback_assets.reports import charts, words
from feedback_assets.reports.report import Bounds, Week
from feedback_assets.reports.rows import coverage_rows, week_rows

MOST_BYTES = 60_000
_WIDTH, _HEIGHT, _LABEL = 560, 130, 18
_FILLED = 0.85
_WEEKS_DRAWN, _WEEKS_LISTED, _DAYS_LISTED = 53, 8, 31


def trend_picture(weeks: Sequence[Week]) -> str | None:
    """NPS by week with its band; None if no week has an answer."""
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
    """Answers matched to an order per provider, over the last 90 days."""
    wholes = {row["name"]: (row["shown"], row["note"]) for row in coverage_rows(coverage)}
    return _table(("provider", "matched with an order, last 90 days"), wholes.values())


def days_picture(rows: Sequence[tuple[date, int]]) -> str | None:
    """Rows per day as columns; None for a single day, which adds nothing to its number.

    Columns and three labels, written as SVG: Vega takes 0.45 s and 70 MB, as much as reading
    30,000 records, and every provider run has such a picture.
    """
    if len(rows) < 2:
        return None
    palette, most = charts.IN_PICTURE, max(count for _, count in rows)
    floor, step = _HEIGHT - _LABEL, _WIDTH / len(rows)
    heights = [(floor - _LABEL) * count / max(most, 1) for _, count in rows]
    columns = "".join(
        f"M{n * step:.1f} {floor}v-{height:.1f}h{step * _FILLED:.1f}v{height:.1f}"
        for n, height in enumerate(heights)
        if height
    )
    labels = (
        (0, _LABEL - 4, "start", words.number(most)),
        (0, _HEIGHT - 4, "start", words.day(rows[0][0])),
        (_WIDTH, _HEIGHT - 4, "end", words.day(rows[-1][0])),
    )
    texts = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
        for x, y, anchor, text in labels
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="{palette.font}" font-size="11" fill="{palette.muted}">'
        f'<rect width="100%" height="100%" fill="white"/><path d="{columns}" '
        f'fill="{palette.promoter}"/><path d="M0 {floor}h{_WIDTH}" stroke="{palette.line}"/>'
        f"{texts}</svg>"
    )
    return f"![Rows per day](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def days_table(rows: Sequence[tuple[date, int]]) -> str:
    """Rows of the last days of a run, newest first."""
    newest = list(reversed(rows[-_DAYS_LISTED:]))
    return _table(
        ("day (UTC)", "rows"), ((day.isoformat(), words.number(count)) for day, count in newest)
    )


def _picture(spec: charts.Spec, rows: list[dict[str, Any]], title: str) -> str:
    # Imported here because it takes 0.3 s.
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
    """The same picture with maximum compression: vl-convert's output is twice the size."""
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
