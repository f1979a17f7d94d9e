"""Backfills in the UI that are canceled or whose daemon is killed."""

import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from feedback_assets.runtime.event_batches import VARIABLE
from feedback_assets.runtime.event_log import HeldOpenEventLogStorage
from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import Table
from feedback_assets.tables import find_table
from feedback_assets.warehouse.content import content_hash
from tests.conftest import YESTERDAY, Project
from tests.runtime import counted_batches
from tests.servers.webserver import BACKFILL
from tests.service.test_ui import ROOT, Webserver

pytestmark = pytest.mark.slow

CANCEL = """
mutation ($id: String!) {
  cancelPartitionBackfill(backfillId: $id) { __typename ... on PythonError { message } }
}
"""
REEXECUTE = """
mutation ($id: String!) {
  reexecutePartitionBackfill(reexecutionParams: {parentRunId: $id, strategy: FROM_FAILURE}) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
DAYS = 30
FIRST = YESTERDAY - timedelta(days=DAYS - 1)
UNHURRIED = Faults(quotas=False, latency=5)
# Requests stay unanswered for minutes: clients wait up to a minute, five times.
HELD_UP = Faults(quotas=False, latency=600)
TRACKERS = find_table("fullwhere.survey_trackers")
ORDERS = find_table("wicked_reports.orders")
READ = [TRACKERS, ORDERS]
TABLES = [*READ, find_table("unified.orders")]


@pytest.fixture
def instance(shop: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of ``dagster.yaml``, but with one run at a time and fast run monitoring.

    Its event log notes the batches that are stored.
    """
    home = shop.settings.dagster_home
    home.mkdir(parents=True)
    text = (ROOT / "dagster_home" / "dagster.yaml").read_text()
    for setting, here in (("poll_interval_seconds: 30", 4), ("max_concurrent_runs: 6", 1)):
        assert setting in text
        text = text.replace(setting, f"{setting.split()[0]} {here}")
    ours = f"{HeldOpenEventLogStorage.__module__}\n  class: {HeldOpenEventLogStorage.__name__}"
    assert ours in text
    counted = f"{counted_batches.__name__}\n  class: CountedEventLogStorage"
    (home / "dagster.yaml").write_text(text.replace(ours, counted))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # Dagster's own programs are started without it.
    monkeypatch.delenv(VARIABLE)
    with open_instance(shop.settings) as opened:
        yield opened


@contextmanager
def running(directory: Path, command: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Dagster command in its own process group, all of which ends with it."""
    executable = Path(sys.executable).with_name(command)
    with (directory / f"{command}.log").open("a") as log:
        process = subprocess.Popen(
            [str(executable), *arguments, "-m", "feedback_assets.definitions"],
            cwd=ROOT, stdout=log, stderr=log, env=dict(os.environ), start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            # Including all children: a code server would wait for its runs.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def webserver(directory: Path) -> Iterator[Webserver]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running(directory, "dagster-webserver", "-h", "127.0.0.1", "-p", str(port)):
        served = Webserver(port)
        served.wait_until(served.shows_tables, 300)
        yield served


def status(served: Webserver, backfill: str) -> str:
    return str(served.ask(BACKFILL, id=backfill)["partitionBackfillOrError"]["status"])


def contents(shop: Project, tables: list[Table]) -> dict[str, str]:
    return {table.full_name: content_hash(shop.warehouse.read_arrow(table)) for table in tables}


def providers(sandbox: Sandbox) -> set[str]:
    """The providers that were asked since the requests were last forgotten."""
    return {provider for provider, _ in sandbox.requests}


def versions(instance: dg.DagsterInstance, table: Table) -> dict[str, set[Any]]:
    """The content hashes of all materialisations, by day."""
    found = defaultdict(set)
    records = instance.fetch_materializations(dg.AssetKey(NO_PREFIX.key(table)), limit=1000).records
    for record in records:
        materialization = record.asset_materialization
        assert materialization is not None
        assert materialization.partition is not None
        found[materialization.partition].add(materialization.metadata["content_hash"].value)
    return found


def no_day_is_missing_or_twice(shop: Project, instance: dg.DagsterInstance) -> None:
    for table in TABLES:
        known = versions(instance, table)
        assert len(known) == len(shop.warehouse.days_held(table)) == DAYS
        assert {len(hashes) for hashes in known.values()} == {1}


def test_a_canceled_backfill_ends_and_resumes_without_rereading(
    shop: Project, sandbox: Sandbox, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    with webserver(tmp_path) as served, running(tmp_path, "dagster-daemon", "run"):
        sandbox.set_faults(UNHURRIED)
        backfill = served.backfill(TABLES, FIRST, YESTERDAY)
        served.wait_until(lambda: sandbox.requests, 300)
        # One run at a time: the second provider is asked when the first table is complete.
        (asked,) = providers(sandbox)
        (first,) = [table for table in READ if table.group == asked]
        sandbox.set_faults(replace(HELD_UP, slow=HELD_UP.slow - {asked}))
        served.wait_until(lambda: len(providers(sandbox)) == len(READ), 300)
        assert served.ask(CANCEL, id=backfill)["cancelPartitionBackfill"]["__typename"] == (
            "CancelBackfillSuccess"
        )
        served.wait_until(lambda: status(served, backfill) == "CANCELED", 300)
        runs = instance.get_runs()
        assert all(run.is_finished for run in runs)
        assert dg.DagsterRunStatus.CANCELED in {run.status for run in runs}
        assert [table for table in READ if versions(instance, table)] == [first]
        assert len(shop.warehouse.days_held(first)) == DAYS

        sandbox.set_faults(Faults(quotas=False))
        sandbox.forget_requests()
        launched = served.ask(REEXECUTE, id=backfill)["reexecutePartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        served.wait_for_backfill(launched["backfillId"], 500)
    assert providers(sandbox) == {table.group for table in READ if table is not first}
    no_day_is_missing_or_twice(shop, instance)
    stored = counted_batches.batches(shop.settings.dagster_home)
    built = [batch for batch in stored if "ASSET_MATERIALIZATION" in batch]
    assert {len(batch) for batch in built} == {DAYS}
    assert len(built) == len(TABLES)
    # What the daemon planned, whether or not it was built.
    planned = [batch.count("ASSET_MATERIALIZATION_PLANNED") for batch in stored]
    assert sum(count >= DAYS for count in planned) > len(TABLES)


def test_a_backfill_whose_daemon_was_killed_with_its_runs_ends_with_the_next_daemon(
    shop: Project,
    sandbox: Sandbox,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox.set_faults(HELD_UP)
    with webserver(tmp_path) as served, running(tmp_path, "dagster-daemon", "run") as daemon:
        backfill = served.backfill(TABLES, FIRST, YESTERDAY)
        served.wait_until(lambda: sandbox.requests, 300)
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
        sandbox.set_faults(Faults(quotas=False))
        assert instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        with running(tmp_path, "dagster-daemon", "run"):
            served.wait_for_backfill(backfill, 500)
    runs = instance.get_runs()
    assert all(run.is_finished for run in runs)
    assert dg.DagsterRunStatus.FAILURE in {run.status for run in runs}
    no_day_is_missing_or_twice(shop, instance)
    by_daemon = contents(shop, TABLES)

    monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(tmp_path / "other_warehouse"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "other_home"))
    select = " or ".join(f'key:"{table.group}/{table.name}"' for table in TABLES)
    assert shop.backfill(FIRST, YESTERDAY, "--select", select).exit_code == 0
    assert by_daemon == contents(shop, TABLES)
