"""Runs with a shared database: quota and locks are in Postgres, its password nowhere."""

import threading
import time
from collections.abc import Iterator

import pytest

from feedback_assets.coordination.database import Coordination
from feedback_assets.coordination.shared_locks import SharedLocks
from tests.conftest import YESTERDAY, Project
from tests.leaks import files_of, leaks
from tests.servers.postgres import PostgresDatabase

pytestmark = pytest.mark.slow
CONTACTS = ("--select", 'key:"wicked_reports/contacts"')
WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


@pytest.fixture
def sharing(
    shop: Project, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project that shares a database with other machines."""
    monkeypatch.setenv("FEEDBACK_COORDINATION_URL", postgres.url)
    # Machines that share generate no secrets of their own.
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "a secret that all machines have")
    monkeypatch.setenv("FEEDBACK_ERASURE_SECRET", "another secret that all machines have")
    yield shop
    secrets = [postgres.server.password, postgres.url]
    home, warehouse = shop.settings.dagster_home, shop.home / "warehouse"
    assert leaks(secrets, files_of(home, warehouse)) == []


def test_a_backfill_uses_quota_and_lock_in_postgres(
    sharing: Project, postgres: PostgresDatabase
) -> None:
    done = []
    run = threading.Thread(
        target=lambda: done.append(sharing.backfill(YESTERDAY, YESTERDAY, *CONTACTS))
    )
    with SharedLocks(Coordination(postgres.url)).changing(alone=True):
        run.start()
        ends = time.monotonic() + 240
        while postgres.run_sql(WAITING) == "0":
            assert time.monotonic() < ends, "nothing waits for the lock"
            time.sleep(0.1)
        assert not list((sharing.home / "warehouse").rglob("*.parquet"))
    run.join(240)
    assert [result.exit_code for result in done] == [0], done
    assert list((sharing.home / "warehouse").rglob("*.parquet"))
    assert postgres.run_sql("select distinct name from feedback_quota") == "wicked_reports"
    assert not sharing.settings.quota_dir.exists()


def test_a_refused_password_fails_the_run_and_names_the_variable_to_fix(
    sharing: Project, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = postgres.url.replace(postgres.server.password, "another-secret")
    monkeypatch.setenv("FEEDBACK_COORDINATION_URL", wrong)
    for result in (
        sharing.backfill(YESTERDAY, YESTERDAY, *CONTACTS),
        sharing.run("check"),
        sharing.run("forget", "ana@example.com"),
    ):
        assert result.exit_code == 1
        assert "FEEDBACK_COORDINATION_URL" in result.output + result.stderr
        assert "another-secret" not in result.output + result.stderr
    assert leaks(["another-secret"], files_of(sharing.settings.dagster_home)) == []
