"""The wheel in a new project of ``create-dagster``: two brands under one UI with its daemon."""

import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.sandbox import credentials
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.schema.names import Names
from feedback_assets.tables import PROVIDER_TABLES, find_table
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.warehouse import Warehouse
from tests.accounts.installed import Installed, install_wheel
from tests.accounts.projects import TYPE, dotenv
from tests.clone import free_port
from tests.conftest import YESTERDAY
from tests.servers.supervised import wait_until
from tests.servers.webserver import Asked

pytestmark = pytest.mark.slow
BRANDS = ("brand_a", "brand_b")
FIRST = YESTERDAY - timedelta(days=4)
MORNING = datetime.combine(YESTERDAY + timedelta(days=1), time(6), UTC).timestamp()
_SWITCHES = """
{ repositoryOrError(repositorySelector: {
    repositoryName: "__repository__", repositoryLocationName: "brands"
  }) { ... on Repository { schedules { name scheduleState { status } } } } }
"""
_REQUESTS = """
mutation ($selector: ScheduleSelector!, $at: Float!) {
  scheduleDryRun(selectorData: $selector, timestamp: $at) {
    ... on DryRunInstigationTick { evaluationResult {
      error { message } runRequests { assetSelection { path } }
    } }
    ... on PythonError { message }
  }
}
"""


@dataclass(frozen=True)
class Host:
    """The project, its ``DAGSTER_HOME``, and the environment of its programs."""

    root: Path
    home: Path
    installed: Installed

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.installed.python.parent}:/usr/bin:/bin",
            "HOME": str(self.root.parent),
            "PYTHONPATH": str(self.root / "src"),
            "DAGSTER_HOME": str(self.home),
        }

    def run(self, program: str, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [self.installed.program(program), *arguments], cwd=self.root, env=self.environment,
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout + done.stderr

    def query(self, sql: str, *arguments: str) -> Any:
        return json.loads(self.run("feedback-assets", "query", "--json", sql, *arguments))

    def warehouse(self, brand: str) -> Warehouse:
        return Warehouse(str(self.root / "data" / brand))

    def files(self, brand: str) -> dict[str, str]:
        """The hash of every file of a brand's warehouse and state, without lock files."""
        found = {}
        for root in (self.root / "data" / brand, self.home / "feedback" / brand):
            for path in root.rglob("*"):
                if path.is_file() and path.suffix != ".lock" and "quota" not in path.parts:
                    found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    """Two shops with the same people and orders, each with its own keys and enforced quotas."""
    with ExitStack() as running:
        yield {
            brand: running.enter_context(
                running_sandbox(seed=7, days=40, customers=150, account=brand)
            )
            for brand in BRANDS
        }


@pytest.fixture(scope="module")
def host(
    installed: Installed,
    sandboxes: dict[str, Sandbox],
    tmp_path_factory: pytest.TempPathFactory,
) -> Host:
    """A project made by ``create-dagster`` and ``dg scaffold``, with two lines filled in each."""
    directory = tmp_path_factory.mktemp("host")
    host = Host(directory / "brands", directory / "home", installed)
    host.home.mkdir()
    # Dagster's settings of a project of its own: no pools, no retries of runs.
    (host.home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    subprocess.run(
        [installed.program("create-dagster"), "project", "brands", "--no-uv-sync"], cwd=directory,
        env=host.environment, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    for brand in BRANDS:
        host.run("dg", "scaffold", "defs", TYPE, brand)
        file = host.root / "src" / "brands" / "defs" / brand / "defs.yaml"
        text = file.read_text()
        text = re.sub(r"^  warehouse:$", f"  warehouse: data/{brand}", text, flags=re.MULTILINE)
        text = re.sub(r"^  start_date:$", f"  start_date: {FIRST}", text, flags=re.MULTILINE)
        file.write_text(text)
    settings = {brand: sandbox.environment() for brand, sandbox in sandboxes.items()}
    (host.root / ".env").write_text(dotenv(settings))
    return host


def test_the_wheel_holds_everything_that_the_package_needs(installed: Installed) -> None:
    where = installed.run_python("import feedback_assets; print(feedback_assets.__file__)")
    assert Path(where).is_relative_to(installed.directory)
    packed = Path(where).parent
    source = Path(__file__).parents[2] / "feedback_assets"
    needed = {
        path.relative_to(source)
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path for path in needed if not (packed / path).is_file()} == set()
    version = subprocess.run(
        [installed.program("feedback-assets"), "--version"], capture_output=True, text=True,
        check=True, env={"PATH": "/usr/bin:/bin"},
    ).stdout  # fmt: skip
    assert re.fullmatch(r"feedback-assets \d+\.\d+\.\d+\n", version)


def test_two_brands_live_side_by_side(host: Host, sandboxes: dict[str, Sandbox]) -> None:
    host.run("dg", "check", "yaml")
    port = free_port()
    with ExitStack() as running:
        log = running.enter_context((host.root.parent / "ui.log").open("w"))
        ui = subprocess.Popen(
            [host.installed.program("feedback-assets"), "ui", "--no-open", "--port", str(port)],
            cwd=host.root, env=host.environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        running.callback(_stop, ui)
        _load_both(host)
        asked = Asked(f"http://127.0.0.1:{port}", names=Names("brand_a"), location="brands")
        wait_until(lambda: asked.shows_tables() or ui.poll() is not None, 240, every=1)
        assert ui.poll() is None, Path(log.name).read_text()
        _switch_on(host, asked)
        _build_in_the_ui(asked)
    _compare(host, sandboxes)
    _forget_in_one(host)
    _find_no_secret_of_the_other(host)


def _load_both(host: Host) -> None:
    """Backfill both brands at the same time, while the UI and its daemon start."""

    def load(brand: str) -> str:
        days = ("--from", str(FIRST), "--to", str(YESTERDAY))
        return host.run("feedback-assets", "backfill", *days, "--account", brand)

    with ThreadPoolExecutor(2) as pool:
        for output, brand in zip(pool.map(load, BRANDS), BRANDS, strict=True):
            assert f"data/{brand}/reports/nps.html" in output
    for brand in BRANDS:
        checked = host.run("feedback-assets", "check", "--account", brand)
        assert checked.count("configured, reachable, authorised") == 5
        page = host.root / "data" / brand / "reports" / "nps.html"
        assert page.stat().st_size > 500_000


def _switch_on(host: Host, asked: Asked) -> None:
    for brand in BRANDS:
        host.run("feedback-assets", "automation", "on", "--account", brand)
    schedules = asked.ask(_SWITCHES)["repositoryOrError"]["schedules"]
    on = {one["name"] for one in schedules if one["scheduleState"]["status"] == "RUNNING"}
    names = ("read_last_days", "read_all_that_is_restated")
    assert on == {f"{brand}_{name}" for brand in BRANDS for name in names}
    for brand in BRANDS:
        selector = {
            "repositoryLocationName": "brands",
            "repositoryName": "__repository__",
            "scheduleName": f"{brand}_read_last_days",
        }
        tick = asked.ask(_REQUESTS, selector=selector, at=MORNING)["scheduleDryRun"]
        requests = tick["evaluationResult"]["runRequests"]
        read = {tuple(key["path"]) for one in requests for key in one["assetSelection"]}
        assert read == {(brand, table.group, table.name) for table in PROVIDER_TABLES}


def _build_in_the_ui(asked: Asked) -> None:
    """A run of the project's own executor, in processes, launched by the daemon."""
    asked.wait_for_run(asked.run([find_table("unified.orders")], YESTERDAY, YESTERDAY), 240)


def _compare(host: Host, sandboxes: dict[str, Sandbox]) -> None:
    """Both read the same shop, so the provider tables are equal; no quota was exceeded."""
    for table in PROVIDER_TABLES:
        hashes = {
            content_hash(host.warehouse(brand).read_arrow(table).drop_columns("day"))
            for brand in BRANDS
        }
        assert len(hashes) == 1, table.full_name
    for brand, sandbox in sandboxes.items():
        assert {request.status for request in sandbox.log} == {200}
        kept = {path.stem for path in (host.home / "feedback" / brand / "quota").glob("*.sqlite")}
        assert kept == {table.group for table in PROVIDER_TABLES}
    assert not (host.home / "quota").exists()
    listed = host.query("show tables")
    assert {row["name"].split(".")[0] for row in listed} == set(BRANDS)
    rows = host.query(
        " union all ".join(
            f"select '{brand}' as brand, sum(responses) as n from {brand}.marts.nps_daily"
            for brand in BRANDS
        )
    )
    assert rows[0]["n"] == rows[1]["n"] > 0


def _forget_in_one(host: Host) -> None:
    counted = "select customer_email as email, count(*) as n from {}unified.orders group by 1"
    (person, *_) = host.query(
        counted.format("") + " having email is not null order by n desc limit 1",
        "--account", "brand_a",
    )  # fmt: skip
    email = person["email"]
    shown = host.run("feedback-assets", "contact", email, "--account", "brand_b")
    assert email in shown
    # A run of the other brand that names the same person.
    config = json.dumps({"ops": {"brand_b_read_contact": {"config": {"key": email}}}})
    host.run("dg", "launch", "--job", "brand_b_refresh_contact", "--config-json", config)
    before = host.files("brand_b")
    erased = host.run("feedback-assets", "forget", email, "--account", "brand_a")
    assert "none of their data is left" in erased, erased
    assert host.files("brand_b") == before
    left = host.query(
        " union all ".join(
            f"select '{brand}' as brand, count(*) as n from {brand}.unified.orders "
            f"where customer_email = '{email}'"
            for brand in BRANDS
        )
    )
    assert left == [{"brand": "brand_a", "n": 0}, {"brand": "brand_b", "n": person["n"]}]
    folder = host.root.parent / "export"
    host.run("feedback-assets", "export", email, "--to", str(folder), "--account", "brand_b")
    exported = "".join(path.read_text() for path in folder.iterdir())
    assert email in exported
    assert "brand_b_refresh_contact" in exported, "its run is still there"


def _find_no_secret_of_the_other(host: Host) -> None:
    """Keys are in no file but ``.env``; generated secrets in that of their brand alone."""
    kinds = [
        value
        for name, value in vars(credentials).items()
        if re.match("[A-Z]", name) and name.isupper()
    ]
    kinds.remove(credentials.THANX_MERCHANT_ID)
    secrets = [f"{value}-{brand}".encode() for value in kinds for brand in BRANDS]
    own = {path.read_bytes(): path.parent for path in host.home.glob("feedback/*/*_secret")}
    assert {directory.name for directory in own.values()} == set(BRANDS)
    for path in [*host.root.rglob("*"), *host.home.rglob("*"), host.root.parent / "ui.log"]:
        if not path.is_file() or path.name == ".env":
            continue
        content = path.read_bytes()
        assert [secret for secret in secrets if secret in content] == [], path
        for secret, directory in own.items():
            assert secret not in content or path.parent == directory, path


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(90)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
