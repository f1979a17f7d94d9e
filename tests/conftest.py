"""Shared fixtures: a sandbox over HTTP, and a separate project for each test."""

import logging
import os
import secrets
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import hypothesis
import pytest
from typer.testing import CliRunner, Result

from feedback_assets import settings as settings_module
from feedback_assets.cli import app
from feedback_assets.definitions import build_defs
from feedback_assets.http import masking
from feedback_assets.runtime import event_batches
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.settings import Settings, load_settings
from feedback_assets.warehouse.warehouse import Warehouse

# Fixtures: a catalog that tables are published to.
from tests.servers.iceberg import iceberg_server  # noqa: F401
from tests.servers.object_store import ObjectStore, running_object_store

# Fixtures: a Postgres for what several machines share.
from tests.servers.postgres import postgres, postgres_server  # noqa: F401

# If a shell starts the tests in the background, they and their children ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The duration of an example depends on the machine, not on the code.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
SLOW_SECONDS = 1800
"""The time limit of a slow test; only a test that hangs reaches it, even on a busy machine."""
# Slow files come first, so that no worker starts one when the others are done.
LONGEST = (
    "test_walk.py",
    "test_fourteen_days.py",
    "test_benchmarks.py",
    "test_chaos.py",
    "test_several_machines.py",
    "test_killed.py",
    "test_ui_backfill.py",
    "test_refresh_sensor.py",
    "test_a_week_of_alerts.py",
    "test_crashes.py",
    "test_two_brands.py",
    "test_spark.py",
    "test_incremental.py",
    "test_ui.py",
    "test_one_server.py",
    "test_browser.py",
    "test_provider_faults.py",
    "test_backfill.py",
    "test_adding_a_provider.py",
    "test_end_to_end.py",
    "test_checks.py",
)


# A test that uses one of these is slow: it needs a program that may not be installed.
SERVICES = {"iceberg_server", "postgres_server", "s3"}
# A test that uses one of these is no unit test: servers, Dagster instances, tables of many rows.
BIG_FIXTURES = {
    "_session_sandbox",
    "full",
    "httpserver",
    "marts",
    "package",
    "project",
    "session",
    "upgraded",
}


# Nor is one of these files: many processes or many examples.
BIG_FILES = {
    "test_engine.py",
    "test_home.py",
    "test_location.py",
    "test_locks.py",
    "test_page.py",
    "test_parse_fuzz.py",
    "test_quota.py",
    "test_reading_beside_a_writer.py",
    "test_replacing.py",
    "test_schedules.py",
    "test_scorecard_on_page.py",
    "test_text_and_money.py",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark unit and slow tests; run the longest first and keep the order of the others."""
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        big = item.path.name in BIG_FILES or BIG_FIXTURES & used
        if SERVICES & used:
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") is not None:
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SLOW_SECONDS))
        elif not big:
            item.add_marker("unit")
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the machine's settings or writes into the project."""
    for name in settings_module.variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings_module, "PROJECT_ROOT", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
    monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(tmp_path / "warehouse"))
    # Set here so that pytest restores them after a test that runs the command's ``main``.
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    monkeypatch.setenv("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "yes")
    monkeypatch.setenv(event_batches.VARIABLE, str(event_batches.SIZE))
    # A made-up secret such as "key" would be masked in the output of later tests.
    monkeypatch.setattr(masking, "_secrets", set())
    monkeypatch.setattr(masking, "_pattern", None)
    # Kubernetes' client, once used by a test, leaves the level at WARNING, which would hide
    # secrets that urllib3 logs below it.
    logging.getLogger("urllib3").setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _umask_restored() -> Iterator[None]:
    """The command's ``main`` makes new files private, which must not reach later tests."""
    mask = os.umask(0)
    os.umask(mask)
    yield
    os.umask(mask)


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A ``TMPDIR`` for commands; that of a test is too long for the socket that forks workers."""
    with tempfile.TemporaryDirectory(prefix="fa-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def _session_sandbox() -> Iterator[Sandbox]:
    with running_sandbox(seed=7, days=150, customers=400, faults=Faults(quotas=False)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_session_sandbox: Sandbox) -> Iterator[Sandbox]:
    """Five providers with 150 days of data, without faults by default."""
    _session_sandbox.set_faults(Faults(quotas=False))
    _session_sandbox.forget_requests()
    yield _session_sandbox
    _session_sandbox.set_faults(Faults(quotas=False))


@dataclass(frozen=True)
class Project:
    """One project: its settings from the current environment, its instance and its warehouse."""

    home: Path

    @property
    def settings(self) -> Settings:
        return load_settings()

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.settings.warehouse)

    @property
    def defs(self) -> dg.Definitions:
        return build_defs(self.settings)

    def run(self, *arguments: str) -> Result:
        """``feedback-assets`` with these arguments, in this process."""
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)

    def backfill(self, first: date, last: date, *arguments: str) -> Result:
        return self.run("backfill", "--from", str(first), "--to", str(last), *arguments)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with nothing configured."""
    return Project(tmp_path)


@pytest.fixture
def shop(project: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose five providers are served by the sandbox."""
    configure(monkeypatch, sandbox)
    return project


def configure(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """Point the environment at a sandbox, with quotas that never delay a test."""
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WICKED_REPORTS_REQUESTS_PER_MINUTE", "100000")
    monkeypatch.setenv("FEEDBACKPULSE_REQUESTS_PER_MINUTE", "100000")
    monkeypatch.setenv("FEEDBACK_START_DATE", str(sandbox.world.first_day))


@pytest.fixture(scope="session")
def _session_object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with running_object_store(tmp_path_factory.mktemp("object-store")) as store:
        yield store


@pytest.fixture
def s3(
    _session_object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[ObjectStore]:
    """An S3 server, its credentials in the environment, and an empty prefix as the warehouse."""
    yield from _pointed_at(_session_object_store, monkeypatch, tmp_path)


@pytest.fixture
def own_s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ObjectStore]:
    """As ``s3``, but a separate server, which the test may stop and start again."""
    with running_object_store(tmp_path / "object-store") as store:
        yield from _pointed_at(store, monkeypatch, tmp_path)


def _pointed_at(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[ObjectStore]:
    import s3fs

    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FEEDBACK_WAREHOUSE", store.url(f"{tmp_path.name}-{secrets.token_hex(4)}"))
    # fsspec caches file systems, including the credentials of the previous test.
    s3fs.S3FileSystem.clear_instance_cache()
    yield store
    s3fs.S3FileSystem.clear_instance_cache()
