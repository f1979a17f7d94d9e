"""An event log that records the size of each batch, for processes started by a test."""

import json
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from feedback_assets.runtime.event_log import HeldOpenEventLogStorage

BATCHES = "batches.jsonl"


class CountedEventLogStorage(HeldOpenEventLogStorage):
    """Appends the kinds of each batch to a file beside the databases."""

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        super().store_event_batch(events)
        kinds = [event.get_dagster_event().event_type_value for event in events]
        with Path(self.path_for_shard("index")).with_name(BATCHES).open("a") as file:
            file.write(json.dumps(kinds) + "\n")


def use_counted(home: Path) -> None:
    """Name it in the ``dagster.yaml`` of ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    named = {
        "module": __name__,
        "class": CountedEventLogStorage.__name__,
        "config": {"base_dir": str(home / "history" / "runs")},
    }
    (home / "dagster.yaml").write_text(
        json.dumps({"event_log_storage": named, "telemetry": {"enabled": False}})
    )


def batches(home: Path) -> list[list[str]]:
    """The kinds of the events of each batch."""
    path = home / "history" / "runs" / BATCHES
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
