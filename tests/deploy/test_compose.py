"""compose.yaml: valid, consistent with the files next to it, and exposed only where intended."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from sqlalchemy import make_url

from tests.deploy.image import ROOT, environment
from tests.test_proxy import free_ports, running

COMPOSE = ROOT / "deploy" / "compose"
HOME = environment()["DAGSTER_HOME"]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


FILE: dict[str, Any] = read(COMPOSE / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = [name for name, service in SERVICES.items() if "feedback-assets" in service["image"]]


def after(name: str, option: str) -> str:
    """The value of an option in a service's command."""
    command = SERVICES[name]["command"]
    return str(command[command.index(option) + 1])


def test_the_file_matches_the_compose_schema() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    said = subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", COMPOSE / "compose.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_clients_use_the_port_the_service_listens_on() -> None:
    (server,) = read(COMPOSE / "workspace.yaml")["load_from"]
    code = server["grpc_server"]
    assert code["host"] == "code"
    assert str(code["port"]) == after("code", "--port")
    assert SERVICES["code"]["healthcheck"]["test"][-1] == after("code", "--port")
    nginx = (ROOT / "deploy" / "proxy" / "nginx.conf").read_text()
    passed = set(re.findall(r"proxy_pass http://127\.0\.0\.1:(\d+);", nginx))
    assert passed == {after("webserver", "--port"), after("viewers", "--port")}
    published = {port.split(":")[-1] for port in SERVICES["webserver"]["ports"]}
    assert published == set(re.findall(r"listen 127\.0\.0\.1:(\d+)", nginx))
    for port in published:
        assert port in SERVICES["proxy"]["healthcheck"]["test"][1]
    for name in ("webserver", "viewers"):
        assert f":{after(name, '--port')}/" in SERVICES[name]["healthcheck"]["test"][-1]
    postgres = read(COMPOSE / "dagster.yaml")["storage"]["postgres"]["postgres_db"]
    assert postgres["hostname"] in SERVICES
    assert SERVICES["webserver"]["networks"] == ["storage", "outside"]


def test_webservers_are_reachable_only_through_the_local_proxy() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["webserver"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["webserver"]["ports"])
    for name in ("webserver", "viewers"):
        assert after(name, "--host") == "127.0.0.1"
    for name in ("viewers", "proxy"):
        assert SERVICES[name]["network_mode"] == "service:webserver"
    assert "--read-only" in SERVICES["viewers"]["command"]
    assert FILE["networks"]["storage"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["storage"]


def test_only_services_that_run_the_project_receive_provider_keys() -> None:
    assert [name for name in SERVICES if "settings.env" in SERVICES[name].get("env_file", [])] == [
        "prepare",
        "code",
    ]
    ignored = subprocess.run(
        ["git", "check-ignore", "deploy/compose/settings.env", "deploy/compose/postgres.env"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(ignored.stdout.split()) == 2


def test_each_service_is_pinned_unprivileged_and_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        assert re.search(r":\d+\.\d+", service["image"]), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "healthcheck" in service or name == "prepare", name
        assert service["restart"] == ("no" if name == "prepare" else "unless-stopped")
    for name in (*OURS, "proxy"):
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
    for service in SERVICES.values():
        for other in service.get("depends_on", {}):
            assert other in SERVICES


def test_every_mounted_file_exists_or_the_page_explains_how_to_create_it() -> None:
    page = (COMPOSE / "README.md").read_text()
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if not source.startswith("."):
                assert source in FILE["volumes"], source
            elif source.startswith("./doors/"):
                assert Path(source).name in page, source
            else:
                assert (COMPOSE / source).is_file(), source
        for name in service.get("env_file", []):
            assert name in page, name


def test_the_image_uses_the_mounted_directories() -> None:
    for name in OURS:
        targets = {mount.split(":")[1] for mount in SERVICES[name]["volumes"]}
        assert {HOME, f"{HOME}/dagster.yaml", environment()["TMPDIR"]} <= targets, name
        assert SERVICES[name]["environment"] == {
            key: environment()[key]
            for key in (
                "DAGSTER_HOME",
                "TMPDIR",
                "DAGSTER_DISABLE_TELEMETRY",
                "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR",
                "DAGSTER_EVENT_BATCH_SIZE",
            )
        }
    for name in ("code", "prepare"):
        assert f"warehouse:{environment()['FEEDBACK_WAREHOUSE']}" in SERVICES[name]["volumes"]


def test_the_instance_differs_from_one_machine_only_in_storage_and_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = read(COMPOSE / "dagster.yaml")
    storage, queue = ours.pop("storage"), ours.pop("run_queue")
    assert queue == read(ROOT / "deploy" / "server" / "dagster.yaml")["run_queue"]
    machine = read(ROOT / "dagster_home" / "dagster.yaml")
    assert machine.pop("run_queue").items() <= queue.items()
    del machine["event_log_storage"]  # of SQLite
    assert ours == machine
    given = dict(
        line.split("=", 1)
        for line in (COMPOSE / "postgres.env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert given.pop("POSTGRES_PASSWORD") == ""
    for name in (*given, "POSTGRES_PASSWORD"):
        monkeypatch.setenv(name, "configured")
    asked = [
        value["env"]
        for value in storage["postgres"]["postgres_db"].values()
        if isinstance(value, dict)
    ]
    assert sorted(asked) == sorted([*given, "POSTGRES_PASSWORD"])
    # SQLAlchemy would choose another driver by default.
    make_url(f"{storage['postgres']['postgres_db']['scheme']}://").get_dialect().import_dbapi()
    shutil.copy(COMPOSE / "dagster.yaml", tmp_path)
    ref = InstanceRef.from_dir(str(tmp_path))
    assert ref.storage_data is not None
    assert ref.storage_data.class_name == "DagsterPostgresStorage"


def test_nginx_accepts_the_proxy_configuration_of_the_container(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    doors, run = tmp_path / "doors", tmp_path / "run"
    shutil.copytree(ROOT / "deploy" / "proxy", doors)
    run.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", str(doors / "key.pem"),
         "-out", str(doors / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    for user in ("operators", "viewers"):
        (doors / f"{user}.htpasswd").write_text("")
    shell, option, script = SERVICES["proxy"]["command"]
    script = script.replace("/run/doors", str(run)).replace("/doors/*", f"{doors}/*")
    script = script.replace("exec nginx", f"exec {nginx} -t")
    said = subprocess.run(
        [shell, option, script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "test is successful" in said.stderr, said.stderr
    listens = re.findall(r"listen (\S+) ssl", (run / "nginx.conf").read_text())
    assert set(listens) == {"8443", "8444"}


@pytest.mark.slow
def test_the_code_server_starts_and_reports_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    binaries = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{binaries}:{os.environ['PATH']}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    usual = after("code", "--port")
    here = {usual: str(port), "0.0.0.0": "127.0.0.1"}
    command = [here.get(word, word) for word in SERVICES["code"]["command"]]
    look = [here.get(word, word) for word in SERVICES["code"]["healthcheck"]["test"][1:]]
    with running(command, tmp_path / "log"):
        deadline = time.monotonic() + 120
        while subprocess.run(look, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
