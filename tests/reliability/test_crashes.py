"""Killed runs, full disks and read-only warehouses: complete old or new data, and no litter."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.tables import PROVIDER_TABLES
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY
from tests.reliability.processes import ROOT, Runner, reading, running_runner
from tests.reliability.reader import either, expected_of, wrong

KILLS = int(os.environ.get("RELIABILITY_KILLS", "4"))
"""Moments at which a backfill is killed; docs/reliability.md has the figures of 200."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 + 60 * KILLS)]

LAST = YESTERDAY - timedelta(days=2)
FIRST = LAST - timedelta(days=2)
EARLY = datetime.combine(FIRST, time(6), UTC)
LATE = datetime.combine(YESTERDAY, time(0), UTC)
NAMES = [
    *(table.full_name for table in PROVIDER_TABLES),
    "unified.feedback",
    "marts.product_scores",
]
SELECT = " or ".join(f'key:"{name.replace(".", "/")}"' for name in NAMES)
BACKFILL = ("backfill", "--from", str(FIRST), "--to", str(LAST), "--select", SELECT)
READ = ("read", str(FIRST), str(LAST))


@dataclass(frozen=True)
class Shop:
    """A project with an early and a late version of its days, currently the early one."""

    root: Path
    temporary: Path
    sandbox: Sandbox
    runner: Runner
    early: dict[str, Any]
    late: dict[str, Any]
    seconds: float

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root / "warehouse"))

    def set_aside(self) -> set[str]:
        """The payloads in quarantine, from all of its files."""
        return {
            payload
            for table in PROVIDER_TABLES
            for path in quarantine_files(self.warehouse, table)
            for payload in read_quarantine_file(self.warehouse, path)["payload"].to_pylist()
        }

    def litter(self) -> list[str]:
        """Files that a killed process left in the warehouse or in the temporary directory.

        Besides Parquet, the warehouse has its locks, the fingerprint of the customer secret, and
        the marker of generated data."""
        warehouse = self.root / "warehouse"
        beside = [
            path.relative_to(warehouse)
            for path in warehouse.rglob("*")
            if path.is_file() and path.suffix != ".parquet"
        ]
        ours = {".locks", "_generated", "customer_secret.json"}
        left = [path for path in beside if path.parts[0] not in ours]
        waiting = self.temporary.rglob("feedback-assets.*")
        return [*map(str, left), *map(str, waiting)]


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A small separate disk; the test is skipped if this user may not mount one."""
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, check=False).returncode:
        pytest.skip("needs permission to mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with (
        tempfile.TemporaryDirectory(prefix="fa-") as temporary,
        open_shop(tmp_path_factory.mktemp("shop"), Path(temporary)) as opened,
    ):
        yield opened


@pytest.fixture
def shop_on_a_small_disk(tmp_path: Path, short_tmp: Path) -> Iterator[Shop]:
    with mounted(tmp_path / "warehouse", "size=8m"), open_shop(tmp_path, short_tmp) as opened:
        yield opened


@contextmanager
def open_shop(tmp_path: Path, temporary: Path) -> Iterator[Shop]:
    faults = Faults(quotas=False, malformed_rate=0.05)
    with running_sandbox(seed=5, days=40, customers=1500, faults=faults) as sandbox:
        environment = {
            **sandbox.environment(),
            "WICKED_REPORTS_REQUESTS_PER_MINUTE": "100000",
            "FEEDBACKPULSE_REQUESTS_PER_MINUTE": "100000",
            "FEEDBACK_START_DATE": str(sandbox.world.first_day),
            "FEEDBACK_CUSTOMER_SECRET": "the same in every attempt",
            "FEEDBACK_WAREHOUSE": str(tmp_path / "warehouse"),
            "DAGSTER_HOME": str(tmp_path / "dagster_home"),
            "TMPDIR": str(temporary),
        }
        log = tmp_path / "log"
        with running_runner(environment, log) as runner:
            states = []
            for now, name in ((LATE, "late"), (EARLY, "warehouse")):
                sandbox.set_now(now)
                root = str(tmp_path / name)
                status, seconds = runner.run(*BACKFILL, FEEDBACK_WAREHOUSE=root)
                assert status == 0, log.read_text()
                states.append(expected_of(Warehouse(root), NAMES))
            yield Shop(tmp_path, temporary, sandbox, runner, states[1], states[0], seconds)


def kill_at_random(
    shop: Shop, command: tuple[str, ...], names: list[str], seconds: float, times: int
) -> tuple[int, int]:
    """Kill a command repeatedly while a process reads: the kills, and rounds of reading."""
    chance = random.Random()
    killed = 0
    log = shop.root / "log"
    late = only(shop.late, names)
    allowed = either(only(shop.early, names), late)
    with reading(shop.root / "warehouse", allowed, shop.root) as reader:
        for attempt in range(times):
            shop.sandbox.set_now(LATE if attempt % 2 else EARLY)
            status, took = shop.runner.run_killed(chance.uniform(0, seconds), *command)
            assert status in (0, -9), log.read_text()
            killed += status == -9
            if status == 0:
                # It ended before the kill: the machine has become faster.
                # A tenth more, so that a slower machine still reaches the last moments.
                seconds = 1.1 * took
            assert wrong(shop.warehouse, allowed) == []
            shop.set_aside()
            if attempt % 25 == 24 or attempt == times - 1:
                shop.sandbox.set_now(LATE)
                assert shop.runner.run(*command)[0] == 0, log.read_text()
                assert wrong(shop.warehouse, late) == []
                assert shop.litter() == []
    assert reader.trouble == []
    assert reader.rounds > reader.again
    return killed, reader.rounds


def only(expected: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {kind: {name: tables[name] for name in names} for kind, tables in expected.items()}


def test_a_killed_backfill_leaves_each_day_old_or_new_and_the_next_completes_it(
    shop: Shop, record_property: Callable[[str, Any], None]
) -> None:
    # An instance whose creation was killed must still be usable.
    shutil.rmtree(shop.root / "dagster_home")
    killed, rounds = kill_at_random(shop, BACKFILL, NAMES, shop.seconds, KILLS)
    assert killed >= KILLS // 2
    record_property("killed", killed)
    record_property("rounds of reading", rounds)


def test_a_killed_read_leaves_each_day_old_or_new_and_the_next_completes_it(
    shop: Shop, record_property: Callable[[str, Any], None]
) -> None:
    status, seconds = shop.runner.run(*READ)
    assert status == 0, (shop.root / "log").read_text()
    names = [table.full_name for table in PROVIDER_TABLES]
    killed, rounds = kill_at_random(shop, READ, names, seconds, KILLS)
    assert killed >= KILLS // 2
    record_property("killed", killed)
    record_property("rounds of reading", rounds)


def test_a_full_or_read_only_disk_is_reported_and_the_next_run_recovers(
    shop_on_a_small_disk: Shop,
) -> None:
    shop = shop_on_a_small_disk
    log = shop.root / "log"
    filler = shop.root / "warehouse" / "filler"
    allowed = either(shop.early, shop.late)
    shop.sandbox.set_now(LATE)
    for left in (0, 100_000):
        room = shutil.disk_usage(filler.parent).free - left
        filler.write_bytes(b"\0" * room)
        log.write_text("")
        with reading(shop.root / "warehouse", allowed, shop.root) as reader:
            assert shop.runner.run(*BACKFILL)[0] == 1, log.read_text()
        assert ".parquet was not written: No space left on device" in log.read_text()
        assert reader.trouble == []
        assert wrong(shop.warehouse, allowed) == []
        filler.unlink()
        assert shop.litter() == []

    before, place = expected_of(shop.warehouse, NAMES), str(shop.root / "warehouse")
    log.write_text("")
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    try:
        assert shop.runner.run(*BACKFILL)[0] == 1
        assert "Read-only file system" in log.read_text()
        assert "FEEDBACK_WAREHOUSE" in log.read_text()
        assert wrong(shop.warehouse, before) == []
    finally:
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
    assert shop.runner.run(*BACKFILL)[0] == 0, log.read_text()
    assert wrong(shop.warehouse, shop.late) == []


SPILLING = """
import resource, sys
from datetime import date
from feedback_assets.ingest.spool import Spool
from tests.ingest.documents import ORDERS, documented, parse
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
with Spool(ORDERS, rows_in_memory=1) as spool:
    try:
        spool.add(parse(ORDERS, *(documented(ORDERS, id=f"o{n}") for n in range(500))).rows)
    except OSError as error:
        print(error)
"""


def test_a_full_spill_directory_is_reported_and_leaves_no_files(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", SPILLING],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "rows could not be buffered in" in finished.stdout
    assert "set TMPDIR" in finished.stdout
    assert list(tmp_path.glob("*/*")) == []


def test_the_next_run_removes_the_spill_files_of_a_killed_run(tmp_path: Path) -> None:
    spill = "spool.add(parse(ORDERS, *(documented(ORDERS, id=f'o{n}') for n in range(9))).rows)"
    head, _, _ = SPILLING.partition("resource.setrlimit")
    script = f"{head}import os\nspool = Spool(ORDERS, rows_in_memory=1)\n{spill}\n"
    dying, staying = f"{script}os.kill(os.getpid(), 9)", f"{script}spool.clear()"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    for script, left in ((dying, 1), (dying, 1), (staying, 0)):
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=False)
        assert len(list(tmp_path.glob("*/*"))) == left
