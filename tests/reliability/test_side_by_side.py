"""Two processes that read the same days at once, and a third that observes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.tables import PROVIDER_TABLES
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY
from tests.reliability.processes import reading, running_runner
from tests.reliability.reader import either, expected_of, wrong

pytestmark = pytest.mark.slow

LAST = YESTERDAY - timedelta(days=1)
FIRST = LAST - timedelta(days=4)
NAMES = [table.full_name for table in PROVIDER_TABLES]
SELECT = " or ".join(f'key:"{name.replace(".", "/")}"' for name in NAMES)
BACKFILL = ("backfill", "--from", str(FIRST), "--to", str(LAST), "--select", SELECT)
ROUNDS = 2


@pytest.fixture
def shops() -> Iterator[tuple[Sandbox, Sandbox]]:
    """Two shops with the same days and entirely different rows."""
    with (
        running_sandbox(seed=1, days=30, customers=400, faults=Faults(quotas=False)) as one,
        running_sandbox(seed=2, days=30, customers=400, faults=Faults(quotas=False)) as other,
    ):
        yield one, other


def environment(sandbox: Sandbox, root: Path, temporary: Path) -> dict[str, str]:
    return {
        **sandbox.environment(),
        "WICKED_REPORTS_REQUESTS_PER_MINUTE": "100000",
        "FEEDBACKPULSE_REQUESTS_PER_MINUTE": "100000",
        "FEEDBACK_START_DATE": str(FIRST),
        "FEEDBACK_WAREHOUSE": str(root / "warehouse"),
        "DAGSTER_HOME": str(root / "dagster_home"),
        "TMPDIR": str(temporary),
    }


def test_two_concurrent_runs_leave_each_day_as_one_complete_version(
    shops: tuple[Sandbox, Sandbox], tmp_path: Path, short_tmp: Path
) -> None:
    log = tmp_path / "log"
    one, other = (environment(sandbox, tmp_path, short_tmp) for sandbox in shops)
    with running_runner(one, log) as runner, running_runner(other, log) as rival:
        held = []
        for who, place in ((rival, "other"), (runner, "warehouse")):
            root = str(tmp_path / place)
            assert who.run(*BACKFILL, FEEDBACK_WAREHOUSE=root)[0] == 0, log.read_text()
            held.append(expected_of(Warehouse(root), NAMES))
        allowed = either(*held)
        warehouse = Warehouse(str(tmp_path / "warehouse"))
        with reading(tmp_path / "warehouse", allowed, tmp_path) as reader:
            for _ in range(ROUNDS):
                runner.start(*BACKFILL)
                rival.start(*BACKFILL)
                assert (runner.status(), rival.status()) == (0, 0), log.read_text()
                assert wrong(warehouse, allowed) == []
    assert reader.trouble == []
    assert reader.rounds > reader.again
    files = [path for path in (tmp_path / "warehouse").rglob("day=*/*") if path.is_file()]
    assert len(files) == 5 * len(NAMES)
    assert {path.name for path in files} == {"data.parquet"}
