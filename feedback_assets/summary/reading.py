"""Reads the scorecard's rows, and the facts that its findings need, from the warehouse."""

from dataclasses import dataclass
from datetime import date, timedelta

from feedback_assets.scorecard.decisions import LEVEL, MODEL, WINDOW, decide
from feedback_assets.scorecard.findings import Decisions, Facts
from feedback_assets.scorecard.rows import ALL, ChannelRow, view
from feedback_assets.tables import find_table
from feedback_assets.transforms.sources import Source, ask, connect
from feedback_assets.transforms.sql_files import sql_file

_PACKAGE = "feedback_assets.summary"
_SCORECARD = find_table("marts.channel_scorecard")
_QUEUE = find_table("marts.detractor_queue")
_ENDS = find_table("marts.nps_by_attribution")
"""Its last stored day is the last day of every window."""
_UNMATCHED = "(unmatched)"


@dataclass(frozen=True)
class Scorecard:
    """The last 90 days: rows of all models and currencies by campaign and for the whole shop."""

    rows: tuple[ChannelRow, ...]
    facts: Facts
    last_day: date | None

    @property
    def decisions(self) -> Decisions:
        """What to do."""
        return decide(self.rows, self.facts)


def read_scorecard(warehouse: Source, memory_limit: str | None = None) -> Scorecard:
    """The rows and facts of the last 90 days; empty where marts are missing.

    Raises ``duckdb.Error`` if a file cannot be read.
    """
    held = warehouse.days_held(_ENDS)
    with connect(warehouse, (_SCORECARD, _QUEUE), memory_limit=memory_limit) as connection:
        found = ask(
            connection, sql_file(_PACKAGE, "scorecard"), {"window_days": WINDOW}
        ).to_pylist()
        waiting = ask(connection, sql_file(_PACKAGE, "waiting")).to_pylist()
    rows = tuple(map(ChannelRow.of, found))
    first = held[-1] - timedelta(days=WINDOW - 1) if held else None
    facts = Facts(
        matched_share=_matched_share(rows),
        days_held=sum(day >= first for day in held) if first else 0,
        waiting=sum(row["answers"] for row in waiting),
        waiting_bought={
            row["currency"]: row["net_amount"] for row in waiting if row["net_amount"] is not None
        },
    )
    return Scorecard(rows, facts, held[-1] if held else None)


def _matched_share(rows: tuple[ChannelRow, ...]) -> float | None:
    """The share of answers matched with an order, which is the same in every model."""
    whole = sum(row.responses for row in view(rows, WINDOW, MODEL, "all", ALL))
    unmatched = sum(
        row.responses for row in view(rows, WINDOW, MODEL, LEVEL, ALL) if row.source == _UNMATCHED
    )
    return 1 - unmatched / whole if whole else None
