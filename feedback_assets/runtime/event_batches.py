"""How many events Dagster stores at once; without it, each event is stored by itself.

Dagster reads the number from the environment of the process that creates or executes a run. Every
way of running has it: the commands set it when they start, ``event_log_storage`` of
``dagster.yaml`` when Dagster opens it, and the files in ``deploy/`` where events are in Postgres.
"""

import os

VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
SIZE = 1000
"""A range run of a table has one event per day. If a process is killed, the events that it has
not stored yet are lost; a larger number would save nothing."""


def store_in_batches() -> None:
    """Set the number in this process and those that it starts, unless it is set already."""
    os.environ.setdefault(VARIABLE, str(SIZE))
