"""``forget`` killed with ``kill -9``: every file is old or new, and the next run completes it."""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.privacy.person import find_person
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import running_sandbox
from feedback_assets.tables import STORED_TABLES
from feedback_assets.warehouse.erased import DIRECTORY
from tests.automation.robot import contents
from tests.conftest import YESTERDAY, Project, configure
from tests.reliability.processes import running_runner
from tests.servers.supervised import wait_until

KILLS = int(os.environ.get("FORGET_KILLS", "2"))
"""docs/reliability.md has the figures of 23."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 + 60 * KILLS)]
SOMEBODY = """
    select customer_email as email from unified.orders join marts.order_feedback using (order_id)
    where customer_email is not null group by 1 order by count(*) desc, 1 limit 1
"""


def mentions(project: Project, texts: set[str]) -> list[str]:
    """The tables that contain one of these as a value, or an e-mail within a text."""
    found = []
    for table in STORED_TABLES:
        held = repr(project.warehouse.read_arrow(table).to_pylist())
        if any(f"'{text}'" in held or ("@" in text and text in held) for text in texts):
            found.append(table.full_name)
    return found


def _rewritten(warehouse: Path) -> tuple[Path, float]:
    """The first rewritten partition, and the time from there to the last one."""
    (listed,) = (warehouse / DIRECTORY).glob("*.json")
    began = listed.stat().st_mtime
    times = {path.stat().st_mtime: path for path in warehouse.rglob("data.parquet")}
    first, *_, last = sorted(moment for moment in times if moment > began)
    return times[first], last - first


def test_forget_killed_at_any_moment_leaves_old_or_new_and_the_next_run_completes_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, Any], None]
) -> None:
    span = ("--from", str(YESTERDAY - timedelta(days=6)), "--to", str(YESTERDAY))
    chance = random.Random()
    root, log = project.home, project.home / "log"
    monkeypatch.setenv("FEEDBACK_ERASURE_SECRET", "the same in every attempt")
    with running_sandbox(seed=7, days=25, customers=60, faults=Faults(quotas=False)) as sandbox:
        configure(monkeypatch, sandbox)
        with running_runner({}, log) as runner:
            assert runner.run("backfill", *span)[0] == 0, log.read_text()
            (found,) = json.loads(project.run("query", SOMEBODY, "--json").stdout)
            person = find_person(project.warehouse, found["email"])
            texts = {*person.known["email"], *person.known["contact"]}
            before, held = contents(project), ("warehouse", "dagster_home")
            assert len(mentions(project, texts)) > 3
            for name in held:
                shutil.copytree(root / name, root / "before" / name)
            command = ("forget", found["email"])
            assert runner.run(*command)[0] == 0, log.read_text()
            path, seconds = _rewritten(root / "warehouse")
            after = contents(project)
            assert mentions(project, texts) == []
            killed, half = 0, 0
            for _ in range(KILLS):
                for name in held:
                    shutil.rmtree(root / name)
                    shutil.copytree(root / "before" / name, root / name)
                old = path.stat().st_ino
                child = runner.start(*command)
                wait_until(lambda old=old: path.stat().st_ino != old, 240, 0.002)
                time.sleep(chance.uniform(0, seconds))
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                status = runner.status()
                assert status in (0, -signal.SIGKILL), log.read_text()
                killed += status != 0
                now = contents(project)
                assert now.keys() == before.keys()
                assert all(now[each] in (before[each], after[each]) for each in now)
                half += now not in (before, after)
                assert runner.run(*command)[0] == 0, log.read_text()
                assert mentions(project, texts) == []
                assert contents(project) == after
                assert not [*(root / "warehouse").rglob("*.tmp")]
    record_property("killed", killed)
    record_property("killed between two files", half)
    assert killed
