"""One server as in ``deploy/server``: killed programs are restarted, and everything is built."""

from datetime import timedelta

import pytest

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project
from tests.servers.contents import contents
from tests.servers.machines import head, postgres_environment
from tests.servers.postgres import PostgresDatabase
from tests.servers.supervised import wait_until

pytestmark = pytest.mark.slow

FIRST = YESTERDAY - timedelta(days=6)
TABLES = [find_table("fullwhere.survey_trackers"), find_table("wicked_reports.orders")]
HELD_UP = Faults(quotas=False, latency=12)


def test_a_backfill_survives_the_loss_of_its_code_server_and_a_postgres_restart(
    shop: Project, sandbox: Sandbox, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    select = " or ".join(f'key:"{table.group}/{table.name}"' for table in TABLES)
    monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(shop.home / "by_command"))
    assert shop.backfill(FIRST, YESTERDAY, "--select", select).exit_code == 0
    by_command = contents(shop.warehouse)

    monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(shop.home / "by_server"))
    sandbox.set_faults(HELD_UP)
    sandbox.forget_requests()
    with head("server", postgres_environment(postgres)) as server:
        backfill = server.ui.backfill(TABLES, FIRST, YESTERDAY)
        wait_until(lambda: sandbox.requests, 300)
        killed = server.machine.kill("code")
        sandbox.forget_requests()
        # By the next run, which the daemon starts once it has noticed the loss of the first.
        wait_until(lambda: sandbox.requests, 400)
        postgres.server.restart()
        sandbox.set_faults(Faults(quotas=False))
        server.ui.wait_for_backfill(backfill, 400)
        assert server.machine.pid("code") not in (0, killed)
        # As on shutdown: each ends on its stop signal, in time.
        assert server.machine.stop() == 0
    assert contents(shop.warehouse) == by_command
