"""A worker process of a backfill: executes the runs that it receives, one after the other.

Each lane has one. Dagster expects a process per run: for each run it configures logging and
handles signals in the main thread.
"""

import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dagster as dg

from feedback_assets.backfill.definitions import table_definitions
from feedback_assets.backfill.results import Outcome, outcome_of
from feedback_assets.http.masking import mask
from feedback_assets.runtime.home_errors import trouble_line
from feedback_assets.runtime.quiet import quiet_dagster
from feedback_assets.runtime.run_launcher import process_tag
from feedback_assets.runtime.tags import MAX_RETRIES, range_tags
from feedback_assets.schema.names import Names
from feedback_assets.settings import Settings, register_secrets

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Order:
    """A run to execute: its id, the names of its tables, and its days if it has any."""

    run_id: str
    tables: tuple[str, ...]
    first: date | None
    last: date | None


def work(
    orders: "Connection[Outcome, Order]",
    ref: Any,
    settings: Settings,
    environment: Mapping[str, str],
) -> None:
    """Receive each ``Order`` and reply with its ``Outcome``, until the connection closes.

    SIGTERM interrupts the current run. ``ref`` is the reference of the Dagster instance.
    """
    # In a terminal Ctrl-C reaches every process at once; the parent passes it on as SIGTERM after
    # the run is marked as canceling. Without that mark Dagster treats an interrupt as a failure.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # The forkserver keeps the environment that it was started with.
    os.environ.clear()
    os.environ.update(environment)
    register_secrets(settings)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with (
        suppress(EOFError, ConnectionError, KeyboardInterrupt),
        quiet_dagster(),
        dg.DagsterInstance.from_ref(ref) as instance,
    ):
        job = table_definitions(settings).resolve_implicit_global_asset_job_def()
        while True:
            order = orders.recv()
            try:
                outcome = _outcome(order, job, instance, settings.names)
            except KeyboardInterrupt:
                _settle(order.run_id, instance)
                raise
            orders.send(outcome)


def _settle(run_id: str, instance: dg.DagsterInstance) -> None:
    """End a run that was interrupted before Dagster started it, and so would never end it."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run)
    else:
        instance.report_run_failed(run, "the backfill was stopped; load these days again")


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _outcome(
    order: Order, job: dg.JobDefinition, instance: dg.DagsterInstance, names: Names
) -> Outcome:
    try:
        return _carry_out(order, job, instance, names)
    except Exception as error:  # noqa: BLE001 - of Dagster's, whose own storage may fail
        line = trouble_line(error, Path(instance.root_directory))
        return Outcome(error=mask(line or f"{type(error).__name__}: {error}"), hopeless=True)


def _carry_out(
    order: Order, job: dg.JobDefinition, instance: dg.DagsterInstance, names: Names
) -> Outcome:
    result = job.execute_in_process(
        instance=instance,
        run_id=order.run_id,
        asset_selection=[dg.AssetKey(names.path(name)) for name in order.tables],
        # No other process can retry such a run.
        tags={**range_tags(order.first, order.last), **process_tag(), MAX_RETRIES: "0"},
        run_config=_QUIET,
        raise_on_error=False,
    )
    return outcome_of(result, names)
