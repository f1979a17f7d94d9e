"""Dagster's webserver over GraphQL, with or without the proxy: backfills, runs, statuses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import requests

from feedback_assets.days import days_between
from feedback_assets.schema.names import NO_PREFIX, Names
from feedback_assets.schema.table import Table
from tests.servers.supervised import wait_until

_LAUNCH_BACKFILL = """
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
_RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_RUNS = """
{
  runsOrError {
    ... on Runs { results { runId parentRunId status assetSelection { path } tags { key value } } }
  }
}
"""
_ERRORS = """
query ($id: ID!) {
  logsForRun(runId: $id) {
    ... on EventConnection {
      events {
        __typename
        ... on MessageEvent { message }
        ... on ExecutionStepFailureEvent { error { message causes { message } } }
        ... on RunFailureEvent { error { message causes { message } } }
      }
    }
  }
}
"""
_TABLES = "{ assetNodes { assetKey { path } } }"


@dataclass(frozen=True)
class Run:
    """A run; ``parent`` is the run that it retries, or empty."""

    id: str
    parent: str
    status: str
    groups: frozenset[str]
    tags: dict[str, str]

    def reads(self, provider: str) -> bool:
        return provider in self.groups


@dataclass(frozen=True)
class Asked:
    """A webserver at an address; ``options`` are passed to every request.

    ``names`` and ``location``: of the account whose tables are built, and its code location.
    """

    url: str
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    names: Names = NO_PREFIX
    location: str = "feedback_assets"

    def ask(self, query: str, **variables: Any) -> Any:
        answer = requests.post(
            f"{self.url}/graphql",
            json={"query": query, "variables": variables},
            timeout=60,
            **self.options,
        )
        answer.raise_for_status()
        body = answer.json()
        assert "errors" not in body, body
        return body["data"]

    def shows_tables(self) -> bool:
        """Whether it responds and lists the project's tables."""
        try:
            return bool(self.ask(_TABLES)["assetNodes"])
        except requests.RequestException:
            return False

    def backfill(self, tables: Sequence[Table], first: date | None, last: date) -> str:
        """Start a backfill of these tables, for these days if partitioned; return its id."""
        params: dict[str, Any] = {"assetSelection": _keys(tables, self.names)}
        if first is None:
            params |= {"allPartitions": True}
        else:
            params |= {"partitionNames": [str(day) for day in days_between(first, last)]}
        launched = self.ask(_LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])

    def backfill_status(self, backfill: str) -> str:
        """Its final status; empty while it runs or the webserver is unreachable."""
        try:
            found = str(self.ask(BACKFILL, id=backfill)["partitionBackfillOrError"]["status"])
        except requests.RequestException:
            return ""
        return "" if found in ("REQUESTED", "COMPLETED") else found

    def failures(self) -> str:
        """What the failed runs say of their failures, to analyse a failed test."""
        return "\n".join(
            f"run {run.id} of {sorted(run.groups)}: {event}"
            for run in self.runs()
            if run.status == "FAILURE"
            for event in self.ask(_ERRORS, id=run.id)["logsForRun"]["events"]
            if event["__typename"].endswith("FailureEvent")
        )

    def wait_for_backfill(self, backfill: str, seconds: float) -> None:
        """Wait until it has succeeded."""
        ended = wait_until(lambda: self.backfill_status(backfill), seconds, every=1)
        assert ended == "COMPLETED_SUCCESS", f"{ended}\n{self.failures()}"

    def wait_for_run(self, run: str, seconds: float) -> None:
        """Wait until it has succeeded."""
        ended = wait_until(lambda: self.run_status(run), seconds, every=1)
        assert ended == "SUCCESS", f"{ended}\n{self.failures()}"

    def run(self, tables: Sequence[Table], first: date | None, last: date | None) -> str:
        """Start one run that builds these tables, for these days if partitioned; return its id."""
        tags = [
            {"key": f"dagster/asset_partition_range_{end}", "value": str(day)}
            for end, day in (("start", first), ("end", last))
            if day is not None
        ]
        launched = self.ask(
            LAUNCH_RUN,
            params={
                "mode": "default",
                "selector": {
                    "repositoryLocationName": self.location,
                    "repositoryName": "__repository__",
                    "pipelineName": "__ASSET_JOB",
                    "assetSelection": _keys(tables, self.names),
                },
                "executionMetadata": {"tags": tags},
                "runConfigData": "{}",
            },
        )["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        return [
            Run(
                found["runId"],
                found["parentRunId"] or "",
                found["status"],
                frozenset(key["path"][0] for key in found["assetSelection"] or []),
                {tag["key"]: tag["value"] for tag in found["tags"]},
            )
            for found in self.ask(_RUNS)["runsOrError"]["results"]
        ]

    def run_status(self, run: str) -> str:
        """Its final status; empty while it runs."""
        found = str(self.ask(_RUN, id=run)["runOrError"]["status"])
        return found if found in ("SUCCESS", "FAILURE", "CANCELED") else ""


def _keys(tables: Sequence[Table], names: Names) -> list[dict[str, list[str]]]:
    return [{"path": list(names.key(table))} for table in tables]
