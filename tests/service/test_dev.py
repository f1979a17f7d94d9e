"""What ``make dev`` runs: data to explore, an address to open, and a clean shutdown."""

import re
import signal
import socket
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from feedback_assets.tables import find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.clone import Clone, clone, free_port
from tests.conftest import YESTERDAY, Project
from tests.servers.supervised import wait_until


def test_a_port_in_use_is_reported_in_one_line(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        of_dev = project.run("dev", "--port", str(port), "--sandbox-port", "0")
        of_ui = project.run("ui", "--port", str(port))
        of_sandbox = project.run("sandbox", "--port", str(port), "--days", "5", "--customers", "5")
    for result in (of_dev, of_ui, of_sandbox):
        assert result.exit_code != 0
        (line,) = result.stderr.splitlines()
        assert f"port {port}" in line


@pytest.mark.slow
def test_dev_reads_the_demo_and_ends_on_ctrl_c_even_if_the_shell_ignores_it(
    tmp_path: Path,
) -> None:
    port = free_port()
    # None of this may affect the demo.
    copy = clone(tmp_path).with_environment(
        FEEDBACK_WAREHOUSE=str(tmp_path / "own"),
        DAGSTER_HOME=str(tmp_path / "own_home"),
        FEEDBACK_PROVIDERS="thanx",
        THANX_URL="http://127.0.0.1:9",
    )
    copy.write_dotenv(
        {
            "FEEDBACK_COORDINATION_URL": "postgresql://u:p@127.0.0.1:9/none",
            "WICKED_REPORTS_API_KEY": "of-my-own",
            "FEEDBACK_CUSTOMER_SECRET": "of-my-own",
        }
    )
    command = ("feedback-assets", "dev", "--port", str(port), "--sandbox-port", "0", "--days", "2")
    with copy.started(*command, ignoring_interrupt=True) as process:
        wait_until(
            lambda: "Sandbox: " in copy.log.read_text() or process.poll() is not None, 300, every=1
        )
        said = copy.log.read_text()
        assert f"UI: http://127.0.0.1:{port}\n" in said, said
        assert requests.get(f"http://127.0.0.1:{port}/server_info", timeout=30).ok
        page = re.search(r"Page: (\S+\.html)", said)
        assert page is not None
        assert 'id="generated"' in Path(page[1]).read_text()
        # This process, the sandbox, dagster dev, its webserver, daemon and code server.
        wait_until(lambda: len(copy.processes()) >= 6, 240)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
        # A process whose parent has already ended may take a moment to follow.
        wait_until(lambda: not copy.processes(), 120)
    demo = copy.root / "data" / "demo"
    assert held(demo / "warehouse") == [YESTERDAY - timedelta(days=1), YESTERDAY]
    assert (demo / "dagster_home" / "history" / "runs.db").is_file()
    assert (demo / "dagster_home" / "customer_secret").read_text() != "of-my-own"
    assert not (tmp_path / "own").exists()
    assert not (tmp_path / "own_home").exists()


def held(warehouse: Path) -> list[object]:
    return list(Warehouse(str(warehouse)).days_held(find_table("marts.nps_by_attribution")))


@pytest.mark.slow
def test_ui_without_a_demo_names_the_command_to_run(tmp_path: Path) -> None:
    copy: Clone = clone(tmp_path)
    result = copy.run("feedback-assets", "ui", "--demo", check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines() == ["there is no demo data yet; run: make demo"]
