"""One server as ``deploy/server`` sets it up: what is killed there comes back, and all is built."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from feedback_assets.operations.backfill import open_instance
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.store.content import content_hash
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project
from tests.servers.postgres import USER, PostgresDatabase
from tests.servers.proxy import PASSWORD, ROOT, lay_out_proxy, nginx
from tests.servers.supervised import Supervised, supervised, wait_until
from tests.servers.webserver import Asked
from tests.test_proxy import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FIRST = YESTERDAY - timedelta(days=3)
TABLES = [find_table(name) for name in ("fullwhere.survey_trackers", "wicked_reports.orders")]
HELD_UP = Faults(quotas=False, latency=20)


@contextmanager
def server(
    postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Supervised, Asked]]:
    """All of deploy/server on a fresh machine, by the steps of its README."""
    with tempfile.TemporaryDirectory(prefix="server-") as directory:
        home = Path(directory)
        home.joinpath("dagster.yaml").symlink_to(ROOT / "deploy" / "server" / "dagster.yaml")
        door, other_door, port = free_ports(3)
        lay_out_proxy(home / "proxy", {"8443": door, "8444": other_door, "3000": port})
        environment = {
            "DAGSTER_HOME": str(home),
            "FEEDBACK_CODE_SOCKET": str(home / "code.sock"),
            "FEEDBACK_WEBSERVER_PORT": str(port),
            "FEEDBACK_NGINX": nginx(),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(postgres.server.port),
            "PGUSER": USER,
            "PGPASSWORD": postgres.server.password,
            "PGDATABASE": postgres.name,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield home, environment, door


def test_it(
    shop: Project, sandbox: Sandbox, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time
    t0 = time.monotonic()
    def say(*a): print(round(time.monotonic() - t0, 1), *a, flush=True)
    with server(postgres, monkeypatch) as (home, environment, door):
        assert shop.run("limits").exit_code == 0
        say("limits")
        with supervised(ROOT / "deploy" / "server" / "supervisord.conf", environment) as running:
            ui = Asked(
                f"https://localhost:{door}",
                {"auth": ("operators", PASSWORD), "verify": str(home / "proxy" / "certificate.pem")},
            )
            wait_until(ui.shows_tables, 60)
            say("ui")
            backfill = ui.backfill(TABLES, FIRST, YESTERDAY)
            status = wait_until(lambda: ui.backfill_status(backfill), 300)
            say(status)
            say(running.programs())
            say(running.stop())
