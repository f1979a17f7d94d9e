"""The charts as Vega-Lite specifications without data; colours are set by the caller.

Vega-Lite (BSD-3-Clause) comes with vl-convert, which also renders the charts as PNG without a
browser.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Spec = dict[str, Any]

ROWS = "rows"
"""The name of a chart's data set; the specifications contain no data."""

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
# Shown on hover and read aloud by screen readers.
_SAID: Spec = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif"


@dataclass(frozen=True)
class Palette:
    """The colours of a chart, or names of CSS variables that contain them."""

    ink: str
    muted: str
    line: str
    promoter: str
    passive: str
    detractor: str
    band: str
    paper: str
    font: str = FONT

    @property
    def classes(self) -> Spec:
        """One colour per class; blue, grey and orange are distinguishable with colour blindness."""
        return {
            "domain": ["Promoters", "Passives", "Detractors", "No answer"],
            "range": [self.promoter, self.passive, self.detractor, self.line],
        }


ON_PAGE = Palette(
    ink="var(--ink)",
    muted="var(--muted)",
    line="var(--line)",
    promoter="var(--promoter)",
    passive="var(--passive)",
    detractor="var(--detractor)",
    band="var(--promoter)",
    paper="var(--paper)",
)
IN_PICTURE = Palette(
    ink="#1c1e21",
    muted="#5c636b",
    line="#d5d8dc",
    promoter="#1f66a8",
    passive="#9aa1a9",
    detractor="#c2560c",
    band="#1f66a8",
    paper="#ffffff",
    font="Liberation Sans, Arial, sans-serif",
)


def _chart(palette: Palette, **parts: Any) -> Spec:
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "background": None,
        "padding": {"left": 2, "right": 6, "top": 6, "bottom": 2},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"name": ROWS},
        "config": {
            "font": palette.font,
            "view": {"stroke": None},
            "axis": {
                "labelColor": palette.muted,
                "titleColor": palette.muted,
                "labelFontSize": 12,
                "titleFontSize": 12,
                "titleFontWeight": "normal",
                "gridColor": palette.line,
                "gridOpacity": 0.6,
                "domain": False,
                "ticks": False,
                "labelPadding": 6,
            },
            "text": {"color": palette.ink, "fontSize": 13},
        },
        **parts,
    }


def trend(palette: Palette, weeks: Sequence[date], *, height: int = 240) -> Spec:
    """NPS by week with its band; rows of ``rows.week_rows``, in which a null breaks the line.

    Incomplete weeks are hollow.
    """
    # Vega's default ticks are Sundays, the first of the month, …; the weeks begin on Mondays.
    ticks = [{"year": w.year, "month": w.month, "date": w.day, "utc": True} for w in weeks]
    x = {
        "field": "week",
        "type": "temporal",
        "scale": {"type": "utc"},
        "axis": {
            "title": None,
            "grid": False,
            "format": "%-d %b",
            "labelOverlap": "parity",
            "labelSeparation": 8,
            "values": ticks,
        },
    }
    y = {
        "type": "quantitative",
        "scale": {"nice": True, "zero": True},
        "axis": {"title": None, "tickCount": 5},
    }
    few = {"test": "datum.few", "value": palette.passive}
    incomplete = {"test": "!datum.complete", "value": palette.paper}
    return _chart(
        palette,
        height=height,
        encoding={"x": x, **_SAID},
        layer=[
            {
                "mark": {"type": "area", "aria": False, "color": palette.band, "opacity": 0.16},
                "encoding": {
                    "y": {"field": "low", **y},
                    "y2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "line", "aria": False, "color": palette.band, "strokeWidth": 2},
                "encoding": {"y": {"field": "nps", **y}},
            },
            {
                "transform": [{"filter": "datum.nps !== null"}],
                "mark": {"type": "point", "size": 44, "opacity": 1},
                "encoding": {
                    "y": {"field": "nps", **y},
                    "stroke": {"condition": few, "value": palette.band},
                    "fill": {"condition": [incomplete, few], "value": palette.band},
                },
            },
        ],
    )


def intervals(palette: Palette, *, reference: bool = False) -> Spec:
    """A row for each name: interval and point, with the label above the line.

    Rows ``name``, ``shown``, ``value``, ``low``, ``high``, ``verdict``, ``note``, ``tip``, in
    display order. ``reference``: adds a vertical line at ``whole`` of the rows.
    """
    x = {"type": "quantitative", "scale": {"nice": True, "zero": reference}}
    y = {"field": "name", "type": "nominal", "sort": None, "axis": None}
    colour = {
        "condition": [
            {"test": "datum.verdict === 'above'", "value": palette.promoter},
            {"test": "datum.verdict === 'below'", "value": palette.detractor},
            {"test": "datum.verdict === 'few'", "value": palette.passive},
        ],
        "value": palette.ink,
    }
    words = {
        "condition": {"test": "datum.verdict === 'few'", "value": palette.muted},
        "value": palette.ink,
    }
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "yOffset": 8},
            "encoding": {
                "x": {"field": "low", **x, "axis": {"title": None, "tickCount": 5}},
                "x2": {"field": "high"},
                "color": colour,
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "yOffset": 8},
            "encoding": {"x": {"field": "value", **x}, "color": colour},
        },
        {
            "mark": {
                "type": "text",
                "aria": False,
                "align": "left",
                "dy": -7,
                "limit": {"expr": "width - 120"},
            },
            "encoding": {
                "x": {"value": 0},
                "text": {"field": "shown"},
                "color": words,
            },
        },
        {
            "mark": {"type": "text", "aria": False, "align": "right", "dy": -7},
            "encoding": {
                "x": {"value": "width"},
                "text": {"field": "note"},
                "color": {"value": palette.muted},
            },
        },
    ]
    if reference:
        layers.insert(
            0,
            {
                "mark": {
                    "type": "rule",
                    "color": palette.muted,
                    "strokeDash": [3, 3],
                    "clip": True,
                },
                "encoding": {
                    "x": {"aggregate": "min", "field": "whole", **x},
                    "y": None,
                    "tooltip": None,
                    "description": {"value": "NPS of all answers"},
                },
            },
        )
    return _chart(
        palette,
        height={"step": 42},
        encoding={"y": y, **_SAID},
        layer=layers,
    )


def bars(palette: Palette) -> Spec:
    """A bar for each name, its label above; rows ``name``, ``shown``, ``value``, ``note``."""
    return _chart(
        palette,
        height={"step": 44},
        encoding={
            "y": {"field": "name", "type": "nominal", "sort": None, "axis": None},
            **_SAID,
        },
        layer=[
            {
                "mark": {"type": "bar", "height": 12, "yOffset": 9, "cornerRadiusEnd": 2},
                "encoding": {
                    "x": {
                        "field": "value",
                        "type": "quantitative",
                        "axis": None,
                        "scale": {"zero": True, "nice": False},
                    },
                    "color": {
                        "field": "colour",
                        "type": "nominal",
                        "legend": None,
                        "scale": palette.classes,
                    },
                },
            },
            {
                "mark": {"type": "text", "aria": False, "align": "left", "dy": -8},
                "encoding": {"x": {"value": 0}, "text": {"field": "shown"}},
            },
            {
                "mark": {"type": "text", "aria": False, "align": "right", "dy": -8},
                "encoding": {
                    "x": {"value": "width"},
                    "text": {"field": "note"},
                    "color": {"value": palette.muted},
                },
            },
        ],
    )


def shares(palette: Palette, domain: list[str], colours: list[str], *, step: int = 44) -> Spec:
    """A bar per name, split by ``part`` in ``domain`` order; rows ``name``, ``part``, ``value``.

    ``shown`` is the label, ``order`` the position of the part.
    """
    return _chart(
        palette,
        height={"step": step},
        encoding={
            "y": {"field": "name", "type": "nominal", "sort": None, "axis": None},
            **_SAID,
        },
        layer=[
            {
                "mark": {"type": "bar", "height": 14, "yOffset": 9},
                "encoding": {
                    "x": {
                        "field": "value",
                        "type": "quantitative",
                        "stack": "normalize",
                        "axis": None,
                    },
                    "order": {"field": "order"},
                    "color": {
                        "field": "part",
                        "type": "nominal",
                        "legend": None,
                        "scale": {"domain": domain, "range": colours},
                    },
                },
            },
            {
                "transform": [{"filter": "datum.order === 0"}],
                "mark": {"type": "text", "aria": False, "align": "left", "dy": -8},
                "encoding": {"x": {"value": 0}, "text": {"field": "shown"}},
            },
            {
                "transform": [{"filter": "datum.order === 0"}],
                "mark": {"type": "text", "aria": False, "align": "right", "dy": -8},
                "encoding": {
                    "x": {"value": "width"},
                    "text": {"field": "note"},
                    "color": {"value": palette.muted},
                },
            },
        ],
    )
