"""The webserver and the daemon as users start them: the graph, a run of a day, a backfill."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from feedback_assets.operations.backfill import open_instance
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.store.content import content_hash
from feedback_assets.tables import ALL_TABLES, Table, find_table
from tests.conftest import YESTERDAY, Project

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LAUNCH_BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}
"""
LAUNCH_RUN = """
mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
LOCATIONS = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }
"""
ASSETS = "{ assetNodes { assetKey { path } groupName description isPartitioned } }"


class Webserver:
    """A running webserver, asked by GraphQL."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, query: str, **variables: Any) -> Any:
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def wait_until(self, what: Any, seconds: int) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = what()
            if found:
                return found
            time.sleep(1)
        raise AssertionError(f"nothing after {seconds} s")


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
            served.wait_until(lambda: _answers(served), 300)
            yield served
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _answers(served: Webserver) -> bool:
    try:
        return bool(served.ask(ASSETS)["assetNodes"])
    except requests.RequestException:
        return False


@pytest.mark.parametrize("command", ["dagster", "dg"])
def test_with_nothing_set_the_graph_shows_every_table_in_its_group_with_a_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.delenv("FEEDBACK_WAREHOUSE")
    with webserver(command, tmp_path) as served:
        nodes = served.ask(ASSETS)["assetNodes"]
    shown = {".".join(node["assetKey"]["path"]): node for node in nodes}
    for table in ALL_TABLES:
        node = shown[table.full_name]
        assert node["groupName"] == table.group
        assert node["description"].startswith(table.description)
        assert node["isPartitioned"] == table.partitioned


def test_a_day_and_a_backfill_of_60_days_leave_the_same_tables_as_the_command(
    shop: Project, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = YESTERDAY - timedelta(days=59)
    partitioned = [table for table in ALL_TABLES if table.partitioned]
    whole = [table for table in ALL_TABLES if not table.partitioned]
    open_instance(shop.settings).dispose()
    with webserver("dagster", tmp_path) as served:
        location = served.ask(LOCATIONS)["repositoriesOrError"]["nodes"][0]["location"]["name"]
        launched = served.ask(
            LAUNCH_RUN, params=_one_day(location, find_table("thanx.feedbacks"), first)
        )
        run = launched["launchPipelineExecution"]["run"]["runId"]
        served.wait_until(lambda: served.ask(RUN, id=run)["runOrError"]["status"] == "SUCCESS", 120)
        assert shop.warehouse.days_held(find_table("thanx.feedbacks")) == [first]

        _backfill(served, partitioned, first)
        _backfill(served, whole, None)
    by_ui = {table: _content(shop, table, first) for table in ALL_TABLES}

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "other_home"))
    monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(tmp_path / "other_warehouse"))
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", _secret(tmp_path / "dagster_home"))
    result = shop.backfill(first, YESTERDAY)
    assert result.exit_code == 0, result.output
    by_command = {table: _content(shop, table, first) for table in ALL_TABLES}
    assert by_ui == by_command


def _one_day(location: str, table: Table, day: date) -> dict[str, Any]:
    return {
        "mode": "default",
        "selector": {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": list(table.asset_key)}],
        },
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": str(day)}]},
        "runConfigData": "{}",
    }


def _backfill(served: Webserver, tables: list[Table], first: date | None) -> None:
    params: dict[str, Any] = {
        "assetSelection": [{"path": list(table.asset_key)} for table in tables]
    }
    if first is None:
        params |= {"allPartitions": True}
    else:
        days = [str(first + timedelta(days=n)) for n in range((YESTERDAY - first).days + 1)]
        params |= {"partitionNames": days}
    launched = served.ask(LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill = launched["backfillId"]

    def ended() -> str:
        status = str(served.ask(BACKFILL, id=backfill)["partitionBackfillOrError"]["status"])
        return "" if status in ("REQUESTED", "COMPLETED") else status

    assert served.wait_until(ended, 400) == "COMPLETED_SUCCESS"


def _content(project: Project, table: Table, first: date) -> str:
    days = (first, YESTERDAY) if table.partitioned else (None, None)
    return content_hash(project.warehouse.read_arrow(table, *days))


def _secret(home: Path) -> str:
    return (home / "customer_secret").read_text()
