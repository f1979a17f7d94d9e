"""Runs that are killed, run out of disk or may not write: old or new, whole, and no litter."""

import os
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.store.layout import Warehouse
from feedback_assets.store.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.tables import PROVIDER_TABLES
from tests.conftest import YESTERDAY
from tests.reliability.processes import Runner, reading, running_runner
from tests.reliability.reader import either, expected_of, wrong

KILLS = int(os.environ.get("RELIABILITY_KILLS", "15"))
"""Moments at which a backfill is killed; docs/reliability.md has the figures of 200."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 60 * KILLS)]

LAST = YESTERDAY - timedelta(days=2)
FIRST = LAST - timedelta(days=2)
EARLY = datetime.combine(FIRST, time(6), UTC)
LATE = datetime.combine(YESTERDAY, time(0), UTC)
NAMES = [
    *(table.full_name for table in PROVIDER_TABLES),
    "unified.feedback",
    "unified.orders",
    "marts.order_feedback",
    "marts.nps_daily",
    "marts.detractor_queue",
]
SELECT = " or ".join(f'key:"{name.replace(".", "/")}"' for name in NAMES)
BACKFILL = ("backfill", "--from", str(FIRST), "--to", str(LAST), "--select", SELECT)


@dataclass(frozen=True)
class Shop:
    """A project whose days were read early and late, each kept apart, and now hold the early."""

    root: Path
    sandbox: Sandbox
    runner: Runner
    early: dict[str, Any]
    late: dict[str, Any]
    seconds: float

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root / "warehouse"))

    def set_aside(self) -> set[str]:
        """The payloads in quarantine, every file of it read."""
        return {
            payload
            for table in PROVIDER_TABLES
            for path in quarantine_files(self.warehouse, table)
            for payload in read_quarantine_file(self.warehouse, path)["payload"].to_pylist()
        }

    def litter(self) -> list[str]:
        """What is in the warehouse beside Parquet, and what waits in the temporary directory."""
        beside = [p for p in (self.root / "warehouse").rglob("*") if p.is_file()]
        waiting = (self.root / "tmp").glob("feedback-assets.*")
        return [str(p) for p in beside if p.suffix != ".parquet"] + [str(p) for p in waiting]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "tmp").mkdir()
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
            "TMPDIR": str(tmp_path / "tmp"),
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
            yield Shop(tmp_path, sandbox, runner, states[1], states[0], seconds)


def test_a_backfill_killed_at_any_moment_leaves_old_or_new_and_the_next_leaves_new(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(KILLS)
    killed = 0
    allowed = either(shop.early, shop.late)
    with reading(shop.root / "warehouse", allowed, shop.root) as reader:
        for attempt in range(KILLS):
            if attempt % 10 == 0:
                # An instance that is made while its maker is killed must be of use all the same.
                shutil.rmtree(shop.root / "dagster_home")
            shop.sandbox.set_now(LATE if attempt % 2 else EARLY)
            status = shop.runner.run_killed(chance.uniform(0, shop.seconds), *BACKFILL)
            assert status in (0, -9), (shop.root / "log").read_text()
            killed += status == -9
            assert wrong(shop.warehouse, allowed) == []
            shop.set_aside()
            if attempt % 10 == 9 or attempt == KILLS - 1:
                shop.sandbox.set_now(LATE)
                assert shop.runner.run(*BACKFILL)[0] == 0, (shop.root / "log").read_text()
                assert wrong(shop.warehouse, shop.late) == []
                assert shop.litter() == []
    assert reader.trouble == []
    assert reader.rounds > 0
    assert killed >= KILLS // 2
    with capsys.disabled():
        sys.stdout.write(f"\n{killed} of {KILLS} killed, {reader.rounds} rounds of reading\n")
