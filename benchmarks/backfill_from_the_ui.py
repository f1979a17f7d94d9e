"""A backfill of all tables started in the UI, compared with the command.

Measured from the click, here the request that the UI sends, until every table exists. Webserver,
daemon and code server are already running, with the pool limits of ``feedback-assets limits``.
"""

import os
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from benchmarks.support.measuring import (
    ROOT,
    clean_environment,
    module,
    options,
    run,
    say,
    scratch,
)
from benchmarks.support.sandboxes import sandbox_without_limits
from feedback_assets.days import days_between

CUSTOMERS = 300
_WAIT_SECONDS = 900
_TABLES = "{ assetNodes { assetKey { path } isMaterializable } }"
_LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
_RUNS = """
query ($filter: RunsFilter!) {
  runsOrError(filter: $filter) {
    ... on Runs { results { status endTime assetSelection { path } } }
  }
}
"""
_BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status endTimestamp } }
}
"""


class Ui:
    """The UI of one home at an address."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer to a GraphQL query."""
        body = {"query": query, "variables": variables}
        answer = requests.post(f"{self._url}/graphql", json=body, timeout=60).json()
        if "errors" in answer:
            raise SystemExit(str(answer["errors"])[:2000])
        return answer["data"]

    def tables(self, only: str) -> list[tuple[str, ...]]:
        """The keys of all tables, or of one named ``group/table``."""
        nodes = self.ask(_TABLES)["assetNodes"]
        keys = [tuple(node["assetKey"]["path"]) for node in nodes if node["isMaterializable"]]
        return [key for key in keys if only in ("", "/".join(key))]

    def backfill(self, tables: list[tuple[str, ...]], first: date, last: date) -> str:
        """Start a backfill; returns its id."""
        params = {
            "assetSelection": [{"path": list(key)} for key in tables],
            "partitionNames": [str(day) for day in days_between(first, last)],
        }
        launched = self.ask(_LAUNCH, params=params)["launchPartitionBackfill"]
        if "backfillId" not in launched:
            raise SystemExit(launched.get("message", str(launched)))
        return str(launched["backfillId"])

    def built(self, backfill: str, tables: list[tuple[str, ...]]) -> float:
        """The moment at which the last of the tables was there; 0 if one is missing."""
        tags = [{"key": "dagster/backfill", "value": backfill}]
        runs = self.ask(_RUNS, filter={"tags": tags})["runsOrError"]["results"]
        if any(one["status"] == "FAILURE" for one in runs):
            raise SystemExit("a run of the backfill failed")
        done = [one for one in runs if one["status"] == "SUCCESS"]
        there = {tuple(key["path"]) for one in done for key in one["assetSelection"]}
        return max(one["endTime"] for one in done) if there.issuperset(tables) else 0.0

    def completed(self, backfill: str) -> float:
        """The moment at which the UI called the backfill completed; 0 until then."""
        found = self.ask(_BACKFILL, id=backfill)["partitionBackfillOrError"]
        return float(found["endTimestamp"] or 0)


@contextmanager
def running(env: dict[str, str]) -> Iterator[Ui]:
    """``feedback-assets ui`` with everything loaded; stopped at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        module("feedback_assets.cli", "ui", "--port", port),
        env=os.environ | env,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            ui = Ui(f"http://127.0.0.1:{port}")
            _wait(lambda: _shows_tables(ui))
            yield ui
        finally:
            process.send_signal(signal.SIGINT)


def _shows_tables(ui: Ui) -> bool:
    try:
        return bool(ui.ask(_TABLES)["assetNodes"])
    except requests.RequestException:
        return False


def _wait(found: Any) -> Any:
    """Ask until there is an answer, and return it."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.5)
    raise SystemExit(f"no answer within {_WAIT_SECONDS} s")


def environment(directory: Path, settings: dict[str, str], first: date) -> dict[str, str]:
    """A new home and warehouse below a directory."""
    env = clean_environment(directory / "home", directory / "warehouse") | settings
    return env | {"FEEDBACK_START_DATE": str(first)}


def by_ui(first: date, last: date, settings: dict[str, str], only: str) -> tuple[float, float]:
    """Seconds until all tables are there, and until the UI says so (not awaited for ``only``)."""
    with scratch() as directory:
        env = environment(directory, settings, first)
        run(module("feedback_assets.cli", "limits"), env)
        with running(env) as ui:
            tables = ui.tables(only)
            # Dagster's daemon looks for backfills every 30 s: not always right after its start.
            began = time.time()
            backfill = ui.backfill(tables, first, last)
            built = _wait(lambda: ui.built(backfill, tables))
            told = built if only else _wait(lambda: ui.completed(backfill))
            return built - began, told - began


def by_command(first: date, last: date, settings: dict[str, str], only: str) -> float:
    """Seconds of ``feedback-assets backfill``."""
    with scratch() as directory:
        env = environment(directory, settings, first)
        select = ("--select", f'key:"{only}"') if only else ()
        command = ("backfill", "--from", first, "--to", last, *select)
        return run(module("feedback_assets.cli", *command), env).wall


def main() -> None:
    chosen = options(__doc__, size=60, small=2)
    last = datetime.now(UTC).date() - timedelta(days=1)
    first = last - timedelta(days=chosen.size - 1)
    only = "thanx/feedbacks" if chosen.small else ""
    ratios, seconds = [], []
    with sandbox_without_limits(CUSTOMERS, chosen.size + 30) as settings:
        for _ in range(chosen.times):
            built, told = by_ui(first, last, settings, only)
            command = by_command(first, last, settings, only)
            ratios.append(built / command)
            seconds.append((built, told, command))
    built, told, command = (statistics.median(column) for column in zip(*seconds, strict=True))
    say(
        "a backfill from the UI, wall against the command",
        statistics.median(ratios),
        "≤ 2",
        f"{chosen.size} days, {CUSTOMERS} customers, {built:.0f} s against {command:.0f} s; the "
        f"UI says so after {told:.0f} s",
    )


if __name__ == "__main__":
    main()
