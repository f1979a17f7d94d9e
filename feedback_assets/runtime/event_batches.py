"""How many events Dagster stores at once; if it is not set, each event is stored separately.

Dagster reads the number from the environment of the process that creates or executes a run. It is
set in every deployment: the commands set it when they start, ``event_log_storage`` of
``dagster.yaml`` when Dagster opens it, and the files in ``deploy/`` where events are in Postgres.
"""

import os

VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
SIZE = 1000
"""A run over a range of days has one event per day and table. If a process is killed, the events
that it has not stored yet are lost; a larger number would save nothing."""


def store_in_batches() -> None:
    """Set the number for this process and those that it starts, unless it is already set."""
    os.environ.setdefault(VARIABLE, str(SIZE))
