"""The published partitions, stored in a property of the Iceberg table, committed with its rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from feedback_assets.publish.plan import Day, Published

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata

PUBLISHED, SNAPSHOT = "feedback.published", "feedback.snapshot"
_NONE = "none"


@dataclass(frozen=True)
class State:
    """The published partitions; ``touched``: somebody else has committed since then."""

    held: Mapping[Day, Published] = field(default_factory=dict)
    touched: bool = False


def is_ours(metadata: "TableMetadata") -> bool:
    """Whether this publisher created the table."""
    return PUBLISHED in metadata.properties


def read_state(metadata: "TableMetadata") -> State:
    """The state stored in the table's properties."""
    partitions = json.loads(metadata.properties[PUBLISHED])
    held = {
        date.fromisoformat(day) if day else None: Published(content, mark, rows)
        for day, (content, mark, rows) in partitions.items()
    }
    return State(held, metadata.properties.get(SNAPSHOT) != current(metadata))


def current(metadata: "TableMetadata") -> str:
    """The id of the current snapshot."""
    return _NONE if metadata.current_snapshot_id is None else str(metadata.current_snapshot_id)


def properties(held: Mapping[Day, Published], metadata: "TableMetadata") -> dict[str, str]:
    """The properties that record ``held`` for the snapshot that is current in ``metadata``."""
    partitions = {
        day.isoformat() if day else "": (one.content, one.mark, one.rows)
        for day, one in held.items()
    }
    text = json.dumps(partitions, separators=(",", ":"))
    return {PUBLISHED: text, SNAPSHOT: current(metadata)}
