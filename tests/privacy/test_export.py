"""A person's data in one private folder: the export covers exactly what erasure covers."""

import json
import os
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.privacy.export import README
from feedback_assets.privacy.traces import rows_of
from feedback_assets.providers.retargeting.tables import ORDER_FEEDBACK
from feedback_assets.providers.wicked_reports.tables import CONTACTS
from feedback_assets.runtime.instance import open_instance
from feedback_assets.tables import STORED_TABLES
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from tests.conftest import Project
from tests.privacy.test_forget import (  # noqa: F401 - a fixture
    AT,
    DAY,
    EMAIL,
    answer,
    put,
    small,
    start,
)


@pytest.fixture
def held(small: Project) -> Project:  # noqa: F811
    """Ana's data, another person's answer that mentions her, and her record in the quarantine."""
    put(small, ORDER_FEEDBACK, answer(101, "from Ana"), answer(200, f"Ask {EMAIL}"))
    bad = json.dumps({"id": "AB-9", "email": EMAIL.upper(), "firstName": "Ana", "createDate": "?"})
    set_aside(small.warehouse, CONTACTS, [SetAside(None, "createDate: ?", bad)], AT)
    return small


def exported(directory: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        path.name.removesuffix(".jsonl"): [json.loads(line) for line in path.open(encoding="utf-8")]
        for path in directory.glob("*.jsonl")
    }


def rows(project: Project) -> dict[str, list[dict[str, Any]]]:
    return {
        table.full_name: json.loads(json.dumps(found, default=as_text))
        for table in STORED_TABLES
        if (found := project.warehouse.read_arrow(table).to_pylist())
    }


def as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def key_of(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    table = next(table for table in STORED_TABLES if table.full_name == name)
    return tuple(str(row.get(part)) for part in table.key if part in row)


def test_export_covers_exactly_what_erasure_covers(held: Project) -> None:
    before = rows(held)
    result = held.run("export", EMAIL, "--to", str(held.home / "out"))
    assert result.exit_code == 0, result.output
    written = exported(held.home / "out")
    assert held.run("forget", EMAIL).exit_code == 0
    after = rows(held)
    for name, records in before.items():
        changed = [row for row in records if row not in after[name]]
        owned = [row for row in written.get(name, []) if len(row) > 3]
        mentions = [row for row in written.get(name, []) if row not in owned]
        assert len(changed) == len(owned) + len(mentions), name
        for row in owned:
            assert key_of(name, row) in {key_of(name, one) for one in changed}, name
    assert written["retargeting.order_feedback"][-1] == {"day": str(DAY), "comment": f"Ask {EMAIL}"}
    (record,) = written["quarantine.wicked_reports.contacts"]
    assert json.loads(record["payload"])["firstName"] == "Ana"
    again = held.run("export", EMAIL, "--to", str(held.home / "again"))
    assert again.exit_code == 0
    assert again.output.strip() == "No data is stored about this person."
    assert not (held.home / "again").exists()


def test_every_file_is_described_and_private(held: Project) -> None:
    mask = os.umask(0)
    try:
        held.run("export", EMAIL, "--to", str(held.home / "out"))
    finally:
        os.umask(mask)
    directory = held.home / "out"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    text = (directory / README).read_text(encoding="utf-8")
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.name == README or f"`{path.name}`" in text
    assert str(DAY) in text


def test_an_existing_folder_is_not_overwritten(held: Project) -> None:
    there = held.home / "out"
    there.mkdir()
    result = held.run("export", EMAIL, "--to", str(there))
    assert result.exit_code == 1
    assert "already exists" in result.stderr
    assert list(there.iterdir()) == []


def test_a_shared_email_is_not_exported_without_confirmation(held: Project) -> None:
    result = held.run("export", EMAIL, "--to", str(held.home / "out"), "--at-most", "1")
    assert result.exit_code == 1
    # Two in the tables, one in the quarantine.
    assert "--at-most 3" in result.stderr
    assert not (held.home / "out").exists()


def test_an_export_changes_nothing_and_adds_no_one_to_the_erasure_list(held: Project) -> None:
    before = rows(held)
    held.run("export", EMAIL, "--to", str(held.home / "out"))
    assert rows(held) == before
    assert held.warehouse.erased() is None


@pytest.mark.slow
def test_runs_that_name_the_person_are_exported(
    held: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACKPULSE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FEEDBACKPULSE_API_KEY", "a-key-of-nobody")
    config = {"campaign_id": 1, "text_feedback": "!", "customer_email": EMAIL.upper()}
    with open_instance(held.settings) as instance, pytest.raises(Exception, match="no connection"):
        start(held, instance, "create_submission", config)
    held.run("export", EMAIL, "--to", str(held.home / "out"))
    (run,) = exported(held.home / "out")["runs"]
    assert run["job"] == "create_submission"
    assert EMAIL.upper() in json.dumps(run["config"])


def test_every_exported_row_is_a_row_of_its_partition(held: Project) -> None:
    held.run("export", EMAIL, "--to", str(held.home / "out"))
    contacts = exported(held.home / "out")["wicked_reports.contacts"]
    assert contacts
    for row in contacts:
        ids = rows_of(held.warehouse, CONTACTS, DAY).column("id").to_pylist()
        assert (row["id"] in ids) == (row["day"] == str(DAY))
