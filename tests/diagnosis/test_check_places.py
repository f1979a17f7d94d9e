"""What ``check`` reports about the warehouse and the shared database."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from feedback_assets.diagnosis.places import check_places
from feedback_assets.diagnosis.providers import Verdict
from feedback_assets.settings import load_settings
from feedback_assets.warehouse.customer_secret import accept_secret
from tests.conftest import Project
from tests.servers.object_store import ObjectStore


def of_warehouse(root: object) -> Verdict:
    (verdict,) = check_places(load_settings({"FEEDBACK_WAREHOUSE": str(root)}))
    assert "\n" not in verdict.text
    return verdict


def test_checking_a_writable_warehouse_leaves_it_unchanged(tmp_path: Path) -> None:
    verdict = of_warehouse(tmp_path)
    assert (verdict.provider, verdict.failed) == ("warehouse", False)
    assert verdict.text == f"{tmp_path} can be listed and written to"
    assert list(tmp_path.iterdir()) == []


def test_checking_a_missing_warehouse_does_not_create_it(tmp_path: Path) -> None:
    verdict = of_warehouse(tmp_path / "a" / "b")
    assert not verdict.failed
    assert verdict.text == f"{tmp_path}/a/b does not exist yet; the first backfill creates it"
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_warehouse_fails_and_names_the_variable_to_fix() -> None:
    verdict = of_warehouse("/proc")
    assert verdict.failed
    assert verdict.fix == ("FEEDBACK_WAREHOUSE",)
    assert "was not written" in verdict.text


def test_a_warehouse_of_another_customer_secret_fails_and_names_the_secret(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(project.warehouse.base).mkdir()
    accept_secret(project.warehouse, b"the secret that built it")
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "another secret altogether")
    (verdict,) = check_places(project.settings)
    assert verdict.failed
    assert verdict.fix == ("FEEDBACK_CUSTOMER_SECRET",)
    assert "FEEDBACK_CUSTOMER_SECRET has changed" in verdict.text


def test_check_prints_the_warehouse_after_the_providers(project: Project) -> None:
    output = project.run("check").output.splitlines()
    (place,) = [number for number, line in enumerate(output) if line.startswith("✓ warehouse: ")]
    assert place == 5


def test_check_fails_when_the_warehouse_fails(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_WAREHOUSE", "/proc")
    result = project.run("check")
    assert result.exit_code == 1
    assert "✗ warehouse: /proc/" in result.output
    assert "Next: fix FEEDBACK_WAREHOUSE in the environment, then check again:" in result.output


def test_an_unreachable_database_fails_with_the_variable_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback_assets.diagnosis.places._PATIENCE_SECONDS", 0.1)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        url = f"postgresql://ana:hunter2hunter2@127.0.0.1:{port}/shared"
        environ = {"FEEDBACK_WAREHOUSE": str(tmp_path), "FEEDBACK_COORDINATION_URL": url}
        _, verdict = check_places(load_settings(environ))
    assert (verdict.provider, verdict.failed) == ("coordination", True)
    assert verdict.fix == ("FEEDBACK_COORDINATION_URL",)
    assert f"127.0.0.1:{port}/shared" in verdict.text
    assert "hunter2" not in verdict.text


@pytest.mark.slow
def test_a_wrong_secret_and_a_missing_bucket_fail(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    root = os.environ["FEEDBACK_WAREHOUSE"]
    assert of_warehouse(root).text == f"{root} can be listed and written to"
    missing = of_warehouse("s3://nowhere-at-all/warehouse")
    assert missing.failed
    assert "there is no such bucket" in missing.text
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    s3fs.S3FileSystem.clear_instance_cache()
    wrong = of_warehouse(root)
    assert wrong.failed
    assert "refused the credentials" in wrong.text
    assert "AWS_SECRET_ACCESS_KEY" in wrong.fix


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="mounts a file system")
def test_a_full_or_read_only_home_fails_a_backfill_in_one_line(
    shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "small"
    home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "small", home], check=False)
    if mounted.returncode:
        pytest.skip("cannot mount a file system here")
    day = str(shop.settings.feedback_start_date)
    command = [
        *(str(Path(sys.executable).with_name("feedback-assets")), "backfill"),
        *("--from", day, "--to", day, "--select", 'key:"fullwhere/survey_trackers"'),
    ]
    environ = os.environ | {"DAGSTER_HOME": str(home)}
    try:
        for how in ("full before", "full meanwhile", "read-only"):
            if how == "full before":
                (home / "filler").write_bytes(b"\0" * (3 * 1024 * 1024 - 8192))
            elif how == "full meanwhile":
                (home / "filler").unlink()
                subprocess.run([command[0], "limits"], env=environ, check=True)
                free = os.statvfs(home).f_bavail * os.statvfs(home).f_bsize
                (home / "filler").write_bytes(b"\0" * max(free - 20_000, 0))
            else:
                (home / "filler").unlink()
                subprocess.run(["mount", "-o", "remount,ro", home], check=True)
            done = subprocess.run(
                command, env=environ, capture_output=True, text=True, check=False, timeout=300
            )
            assert done.returncode == 1, (how, done.stdout)
            assert "Traceback" not in done.stderr, (how, done.stderr)
            assert f"{home}" in done.stderr, (how, done.stderr)
            assert "DAGSTER_HOME" in done.stderr, (how, done.stderr)
            assert len(done.stderr.strip().splitlines()) <= 3, (how, done.stderr)
    finally:
        subprocess.run(["umount", "-l", home], check=True)
