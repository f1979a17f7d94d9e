"""What ``make dev`` runs: days to look at, an address to open, and nothing left after it."""

import os
import re
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project
from tests.servers.supervised import wait_until


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _of(warehouse: str) -> set[int]:
    """Processes with this warehouse in their environment: all that was started for the test."""
    wanted = f"FEEDBACK_WAREHOUSE={warehouse}".encode()
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = path.read_bytes().split(b"\0")
        except OSError:  # it ended, or is another's
            continue
        if wanted in variables:
            found.add(int(path.parent.name))
    return found


def test_a_port_that_is_taken_is_said_in_one_line(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        of_ui = project.run("dev", "--port", str(port), "--sandbox-port", "0")
        of_sandbox = project.run("sandbox", "--port", str(port), "--days", "5", "--customers", "5")
    for result in (of_ui, of_sandbox):
        assert result.exit_code != 0
        (line,) = result.stderr.splitlines()
        assert f"port {port}" in line


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_reads_the_days_says_what_to_open_and_leaves_no_process(
    project: Project, number: signal.Signals
) -> None:
    port = _free_port()
    command = [
        sys.executable, "-m", "feedback_assets.cli", "dev",
        "--port", str(port), "--sandbox-port", "0", "--days", "2",
    ]  # fmt: skip
    environment = os.environ | {"FEEDBACK_WAREHOUSE": str(project.home / f"of-{number.name}")}
    lines = []
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                lines.append(line)
                if line.startswith("Sandbox: "):
                    break
            said = "".join(lines)
            assert f"Open http://127.0.0.1:{port} for the UI" in said
            assert requests.get(f"http://127.0.0.1:{port}/server_info", timeout=30).ok
            page = re.search(r"file://(\S+\.html) for the report", said)
            assert page is not None
            assert Path(page[1]).is_file()
            # This one, the sandbox, dagster dev, its webserver, daemon and code server.
            wait_until(lambda: len(_of(environment["FEEDBACK_WAREHOUSE"])) >= 6, 60)
            process.send_signal(number)
            process.stderr.close()
            assert process.wait(120) == 0
            # Whose parent is gone already may take a moment to follow.
            wait_until(lambda: not _of(environment["FEEDBACK_WAREHOUSE"]), 10)
        finally:
            for left in _of(environment["FEEDBACK_WAREHOUSE"]):
                os.kill(left, signal.SIGKILL)
    warehouse = type(project.warehouse)(environment["FEEDBACK_WAREHOUSE"])
    held = warehouse.days_held(find_table("marts.nps_by_attribution"))
    assert sorted(held) == [YESTERDAY - timedelta(days=1), YESTERDAY]
