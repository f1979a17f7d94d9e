"""Two concurrent backfills in two processes: one quota, and neither damages the other's days."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.tables import find_table
from feedback_assets.warehouse.content import content_hash
from tests.conftest import YESTERDAY, Project, configure

pytestmark = pytest.mark.slow
FIRST = YESTERDAY - timedelta(days=39)
PER_MINUTE = 30
TABLES = [
    find_table(name)
    for name in (
        "wicked_reports.orders", "wicked_reports.contacts", "feedbackpulse.submissions",
        "thanx.feedbacks", "unified.orders",
    )
]  # fmt: skip
SELECT = " or ".join(f'key:"{table.group}/{table.name}"' for table in TABLES)


@pytest.fixture
def strict() -> Iterator[Sandbox]:
    """Providers with a low limit that return 429 for the first request over it."""
    faults = Faults(wicked_reports_per_minute=PER_MINUTE, feedbackpulse_per_minute=PER_MINUTE)
    with running_sandbox(seed=9, days=60, customers=200, faults=faults) as sandbox:
        yield sandbox


def contents(project: Project) -> dict[str, str]:
    return {table.full_name: content_hash(project.warehouse.read_arrow(table)) for table in TABLES}


def test_two_concurrent_backfills_share_one_quota_and_write_the_same_tables_as_one(
    project: Project, strict: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, strict)
    monkeypatch.setenv("WICKED_REPORTS_REQUESTS_PER_MINUTE", str(PER_MINUTE))
    monkeypatch.setenv("FEEDBACKPULSE_REQUESTS_PER_MINUTE", str(PER_MINUTE))
    open_instance(project.settings).dispose()
    command = Path(sys.executable).with_name("feedback-assets")
    spans = (
        (FIRST, YESTERDAY - timedelta(days=5)),
        (FIRST + timedelta(days=10), YESTERDAY),
    )
    processes = [
        subprocess.Popen(
            [
                str(command), "backfill", "--from", str(first), "--to", str(last),
                "--select", SELECT,
            ],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for first, last in spans
    ]  # fmt: skip
    for process in processes:
        said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    assert {logged.status for logged in strict.log} == {200}
    with open_instance(project.settings) as instance:
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
    together = contents(project)

    strict.set_faults(Faults(quotas=False))
    monkeypatch.setenv("WICKED_REPORTS_REQUESTS_PER_MINUTE", "100000")
    monkeypatch.setenv("FEEDBACKPULSE_REQUESTS_PER_MINUTE", "100000")
    monkeypatch.setenv("DAGSTER_HOME", str(project.home / "other_home"))
    monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(project.home / "other_warehouse"))
    assert project.backfill(FIRST, YESTERDAY, "--select", SELECT).exit_code == 0
    assert together == contents(project)
