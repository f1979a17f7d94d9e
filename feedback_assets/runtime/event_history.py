"""Removes superseded events and the logs of runs from Dagster's index of events.

For each partition, the last materialisation is kept, which records what it was built from, and any
later plan, by which Dagster recognises a failed partition. For each check, the last result is kept.
The tables are Dagster's own, the same on SQLite and Postgres.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import sqlalchemy
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)

_MATERIALISED = dg.DagsterEventType.ASSET_MATERIALIZATION.value
_PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
_CHECK_IS_PLANNED = "PLANNED"
_WITHOUT_RUN = ""
# Writers wait for 60 s at most; this many rows are removed in a tenth of a second.
_AT_ONCE = 500

_Events, _Checks = SqlEventLogStorageTable, AssetCheckExecutionsTable
_Ids = sqlalchemy.Select[tuple[int]]


def remove_superseded(instance: dg.DagsterInstance, before: datetime) -> int:
    """Remove superseded events that are older than ``before``; returns the number of rows.

    SQLite reuses the freed pages for later events: the file stops growing, but does not shrink.
    """
    return _remove(instance, _Events, _superseded_events(before)) + _remove(
        instance, _Checks, _superseded_checks(before)
    )


def remove_run_logs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Remove events older than ``before`` that are not about an asset; returns their number.

    They are copies of check events, which are also in ``asset_check_executions``; status changes of
    runs, which are in the list of runs; and, on Postgres, the rest of the runs' logs.
    """
    logs = sqlalchemy.select(_Events.c.id).where(_Events.c.asset_key.is_(None), *_old(before))
    storage: Any = instance.event_log_storage
    if storage.is_run_sharded:
        # Nothing else removes events that were reported without a run.
        with storage.run_connection(_WITHOUT_RUN) as connection:
            connection.execute(_Events.delete().where(_Events.c.timestamp < _stored(before)))
    return _remove(instance, _Events, logs)


def _superseded_events(before: datetime) -> _Ids:
    """Materialisations and plans that a materialisation of the same partition follows."""
    partition = sqlalchemy.func.coalesce(_Events.c.partition, "").label("partition")
    last = (
        sqlalchemy.select(_Events.c.asset_key, partition, _last_id(_Events))
        .where(_Events.c.dagster_event_type == _MATERIALISED)
        .group_by(_Events.c.asset_key, partition)
        .subquery()
    )
    same = sqlalchemy.and_(last.c.asset_key == _Events.c.asset_key, last.c.partition == partition)
    return (
        sqlalchemy.select(_Events.c.id)
        .join(last, same)
        .where(
            _Events.c.dagster_event_type.in_((_MATERIALISED, _PLANNED)),
            _Events.c.id < last.c.id,
            *_old(before),
        )
    )


def _old(before: datetime) -> Iterator[sqlalchemy.ColumnElement[bool]]:
    """Older than ``before``, and not the last event of all.

    SQLite would give the id of that one to the next event, which a reader that continues after the
    id would never see.
    """
    yield _Events.c.timestamp < _stored(before)
    yield _Events.c.id < sqlalchemy.select(_last_id(_Events)).scalar_subquery()


def _superseded_checks(before: datetime) -> _Ids:
    """Executions of a check before its last result."""
    last = (
        sqlalchemy.select(_Checks.c.asset_key, _Checks.c.check_name, _last_id(_Checks))
        .where(_Checks.c.execution_status != _CHECK_IS_PLANNED)
        .group_by(_Checks.c.asset_key, _Checks.c.check_name)
        .subquery()
    )
    same = sqlalchemy.and_(
        last.c.asset_key == _Checks.c.asset_key, last.c.check_name == _Checks.c.check_name
    )
    return (
        sqlalchemy.select(_Checks.c.id)
        .join(last, same)
        .where(_Checks.c.evaluation_event_timestamp < _stored(before), _Checks.c.id < last.c.id)
    )


def _last_id(table: sqlalchemy.Table) -> sqlalchemy.Label[int]:
    return sqlalchemy.func.max(table.c.id).label("id")


def _stored(moment: datetime) -> datetime:
    """As stored in the databases: UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _remove(instance: dg.DagsterInstance, table: sqlalchemy.Table, chosen: _Ids) -> int:
    """Remove rows in small transactions, between which runs can store their events."""
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        ids = connection.execute(chosen).scalars().all()
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        with storage.index_transaction() as connection:
            if table is _Events:
                tags = AssetEventTagsTable
                connection.execute(tags.delete().where(tags.c.event_id.in_(some)))
            connection.execute(table.delete().where(table.c.id.in_(some)))
    return len(ids)
