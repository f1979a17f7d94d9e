"""Webserver and daemon as users start them: the asset graph, a run of one day, a backfill."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import Table
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, find_table
from feedback_assets.warehouse.content import content_hash
from tests.clone import clone
from tests.conftest import YESTERDAY, Project
from tests.servers.supervised import wait_until
from tests.servers.webserver import LAUNCH_RUN, Asked

ROOT = Path(__file__).parents[2]
TABLES = PROVIDER_TABLES + DERIVED_TABLES
# Read in windows, read as a whole list, with days, and without. Each run is a process of seconds;
# test_several_machines.py builds every table from the UI.
OF_EACH_KIND = [
    find_table(name)
    for name in (
        "thanx.feedbacks",
        "wicked_reports.orders",
        "retargeting.product_reviews",
        "unified.orders",
        "marts.product_scores",
    )
]
pytestmark = pytest.mark.slow

LOCATIONS = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }
"""
ASSETS = """
{
  assetNodes {
    assetKey { path } groupName description isPartitioned
    owners { ... on TeamAssetOwner { team } }
    internalFreshnessPolicy {
      ... on TimeWindowFreshnessPolicy { failWindowSeconds warnWindowSeconds }
    }
    metadataEntries { label }
  }
}
"""


class Webserver(Asked):
    """A running webserver, queried over GraphQL."""

    def __init__(self, port: int) -> None:
        super().__init__(f"http://127.0.0.1:{port}")

    def wait_until(self, what: Any, seconds: int) -> Any:
        return wait_until(what, seconds, every=1)


@contextmanager
def webserver(command: str, directory: Path) -> Iterator[Webserver]:
    """``dagster dev`` or ``dg dev`` from the project root, with its log in ``directory``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    executable = Path(sys.executable).with_name(command)
    with (directory / "ui.log").open("w") as log:
        process = subprocess.Popen(
            [str(executable), "dev", "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT, stdout=log, stderr=log, env=dict(os.environ), start_new_session=True,
        )  # fmt: skip
        served = Webserver(port)
        try:
            served.wait_until(served.shows_tables, 240)
            yield served
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def test_without_settings_the_graph_shows_every_table_with_group_and_description(
    tmp_path: Path,
) -> None:
    with clone(tmp_path).serving("dagster", "dev") as served:
        nodes = served.ask(ASSETS)["assetNodes"]
    shown = {".".join(node["assetKey"]["path"]): node for node in nodes}
    for table in TABLES:
        node = shown[table.full_name]
        assert node["groupName"] == table.group
        assert node["description"].startswith(table.description)
        assert node["isPartitioned"] == table.partitioned
        assert node["owners"] == [{"team": "data"}]
        assert node["internalFreshnessPolicy"] == {
            "failWindowSeconds": 54 * 3600,
            "warnWindowSeconds": 30 * 3600,
        }
        assert "dagster/code_references" in {entry["label"] for entry in node["metadataEntries"]}


def test_a_day_and_a_60_day_backfill_in_the_ui_write_the_same_rows_as_the_command(
    shop: Project, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = YESTERDAY - timedelta(days=59)
    partitioned = [table for table in OF_EACH_KIND if table.partitioned]
    whole = [table for table in OF_EACH_KIND if not table.partitioned]
    open_instance(shop.settings).dispose()
    with webserver("dagster", tmp_path) as served:
        location = served.ask(LOCATIONS)["repositoriesOrError"]["nodes"][0]["location"]["name"]
        launched = served.ask(
            LAUNCH_RUN, params=_one_day(location, find_table("thanx.feedbacks"), first)
        )
        run = launched["launchPipelineExecution"]["run"]["runId"]
        served.wait_for_run(run, 300)
        assert shop.warehouse.days_held(find_table("thanx.feedbacks")) == [first]

        _backfill(served, partitioned, first)
        _backfill(served, whole, None)
    by_ui = {table: _content(shop, table, first) for table in OF_EACH_KIND}

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "other_home"))
    monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(tmp_path / "other_warehouse"))
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", _secret(tmp_path / "dagster_home"))
    select = " or ".join(f"key:{table.group}/{table.name}" for table in OF_EACH_KIND)
    result = shop.backfill(first, YESTERDAY, "--select", select)
    assert result.exit_code == 0, result.output
    by_command = {table: _content(shop, table, first) for table in OF_EACH_KIND}
    assert by_ui == by_command


def _one_day(location: str, table: Table, day: date) -> dict[str, Any]:
    return {
        "mode": "default",
        "selector": {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": list(NO_PREFIX.key(table))}],
        },
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": str(day)}]},
        "runConfigData": "{}",
    }


def _backfill(served: Webserver, tables: list[Table], first: date | None) -> None:
    served.wait_for_backfill(served.backfill(tables, first, YESTERDAY), 600)


def _content(project: Project, table: Table, first: date) -> str:
    days = (first, YESTERDAY) if table.partitioned else (None, None)
    return content_hash(project.warehouse.read_arrow(table, *days))


def _secret(home: Path) -> str:
    return (home / "customer_secret").read_text()
