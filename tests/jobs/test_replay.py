"""Quarantined records that now parse land on their day, once, and the rest stays."""

import dataclasses
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from feedback_assets.assets.recorded import read_recorded
from feedback_assets.automation.refresh_sensor import due
from feedback_assets.http.paging import Page
from feedback_assets.ingest.window import DayCounts, read_window
from feedback_assets.providers.feedbackpulse.tables import SUBMISSIONS
from feedback_assets.providers.retargeting.tables import ORDER_FEEDBACK
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import Table
from feedback_assets.schema.typing import Typing
from feedback_assets.tables import DERIVED_TABLES
from feedback_assets.warehouse.quarantine import (
    SetAside,
    quarantine_files,
    read_quarantine_file,
    set_aside,
)
from tests.conftest import YESTERDAY, Project

DAY = YESTERDAY - timedelta(days=3)
# As declared by an earlier version: the score ended at 9.
STRICTER = dataclasses.replace(
    SUBMISSIONS,
    columns=tuple(
        dataclasses.replace(column, high=9, unit="0–9") if column.name == "nps_score" else column
        for column in SUBMISSIONS.columns
    ),
)


def submission(number: int, score: int, day: date = DAY, **more: Any) -> dict[str, Any]:
    at = datetime.combine(day, time(9), UTC)
    return {"id": number, "nps_score": score, "created_at": at.isoformat(), **more}


def read(project: Project, table: Table, *records: dict[str, Any]) -> list[DayCounts]:
    """Read these records of the day as one page."""

    def pages() -> Iterator[dict[str, Page]]:
        yield {table.full_name: Page(json.dumps(records).encode(), len(records))}

    return read_window(pages, {table: Typing()}, DAY, DAY, project.warehouse)[table]


def held(project: Project, table: Table = SUBMISSIONS) -> dict[int, int]:
    rows = project.warehouse.read_arrow(table).to_pylist()
    return {row["id"]: row["nps_score"] for row in rows}


def waiting(project: Project, table: Table = SUBMISSIONS) -> list[str]:
    return [
        payload
        for path in quarantine_files(project.warehouse, table)
        for payload in read_quarantine_file(project.warehouse, path)["payload"].to_pylist()
    ]


def test_records_that_now_parse_are_loaded_and_the_rest_stay_quarantined(
    project: Project,
) -> None:
    read(project, STRICTER, submission(2, 10), submission(3, 11), submission(1, 5))
    assert held(project) == {1: 5}
    result = project.run("replay")
    assert result.exit_code == 0
    assert "2 records, 1 landed on 1 day, 0 superseded" in result.stdout
    assert held(project) == {1: 5, 2: 10}
    assert [json.loads(payload)["id"] for payload in waiting(project)] == [3]
    again = project.run("replay")
    assert "1 record, 0 landed on 0 days, 0 superseded, 0 for days not loaded, 1 still invalid" in (
        again.stdout
    )
    assert held(project) == {1: 5, 2: 10}


def test_a_dry_run_reports_the_same_and_changes_nothing(project: Project) -> None:
    read(project, STRICTER, submission(2, 10), submission(1, 5))
    result = project.run("replay", "--dry-run", "--table", "feedbackpulse.submissions")
    assert "1 would land on 1 day" in result.stdout
    assert held(project) == {1: 5}
    assert len(waiting(project)) == 1


def test_a_row_read_later_stays_and_the_later_of_two_records_is_loaded(
    project: Project,
) -> None:
    read(project, STRICTER, submission(1, 10), submission(9, 5))
    read(project, STRICTER, submission(1, 4))
    aside = [SetAside(DAY, "nps_score", json.dumps(submission(2, score))) for score in (9, 10)]
    early = datetime(2024, 1, 1, tzinfo=UTC)
    set_aside(project.warehouse, SUBMISSIONS, aside[:1], early + timedelta(days=1))
    set_aside(project.warehouse, SUBMISSIONS, aside[1:], early)
    result = project.run("replay")
    assert "3 records, 1 landed on 1 day, 2 superseded" in result.stdout
    assert held(project) == {1: 4, 2: 9}
    assert not quarantine_files(project.warehouse, SUBMISSIONS)


def test_a_record_of_a_missing_day_stays_quarantined(project: Project) -> None:
    read(project, SUBMISSIONS)
    other = DAY + timedelta(days=1)
    record = SetAside(None, "created_at", json.dumps(submission(1, 9, other)))
    set_aside(project.warehouse, SUBMISSIONS, [record], datetime.now(UTC))
    assert "0 landed on 0 days, 0 superseded, 1 for days not loaded" in project.run("replay").stdout
    assert project.warehouse.days_held(SUBMISSIONS) == [DAY]
    assert len(waiting(project)) == 1


def test_order_feedback_quarantined_with_its_reviews_lands_without_them(
    project: Project,
) -> None:
    read(project, ORDER_FEEDBACK)
    payload = {
        "order": {"orderno": "77", "date": None},
        "score": 9,
        "comment": "gut",
        "added_on": f"{DAY} 10:00:00",
        "product_reviews": [{"realid": "p", "score": 3, "added_on": f"{DAY} 10:00:00"}],
    }
    record = SetAside(DAY, "score", json.dumps(payload))
    set_aside(project.warehouse, ORDER_FEEDBACK, [record], datetime.now(UTC))
    assert "1 landed" in project.run("replay").stdout
    (row,) = project.warehouse.read_arrow(ORDER_FEEDBACK).to_pylist()
    assert (row["order_no"], row["score"], row["comment"], row["extra"]) == ("77", 9, "gut", None)


def test_landed_records_are_recorded_so_that_dependants_are_rebuilt(project: Project) -> None:
    read(project, STRICTER, submission(2, 10), submission(1, 5))
    project.run("replay")
    with open_instance(project.settings) as instance:
        record = read_recorded(instance, SUBMISSIONS, NO_PREFIX)
        assert list(record.content) == [DAY]
        assert record.content[DAY]
        plan = due(instance, project.settings, DERIVED_TABLES, YESTERDAY + timedelta(days=1))
    assert {(build.table.full_name, build.first) for build in plan.builds} == {
        ("unified.feedback", DAY)
    }


def test_a_replay_does_not_restore_an_erased_person(project: Project) -> None:
    person = {"customer_email": "Ana@Example.com ", "customer_name": "Ana", "text_feedback": "!"}
    read(project, STRICTER, submission(2, 10, **person), submission(1, 5))
    assert project.run("forget", "ana@example.com").exit_code == 0
    assert not any("ana" in payload.lower() for payload in waiting(project))
    assert "1 landed" in project.run("replay").stdout
    (_, row) = project.warehouse.read_arrow(SUBMISSIONS).to_pylist()
    assert row["nps_score"] == 10
    assert row["customer_name"] is None
    assert row["customer_email"].startswith("erased:")
    assert row["text_feedback"] == "(erased)"


def test_a_table_without_a_provider_is_rejected(project: Project) -> None:
    result = project.run("replay", "--table", "marts.nps_daily")
    assert result.exit_code == 2
    assert "feedbackpulse.submissions" in result.stderr


BROKEN = ("{", "not JSON", "1", "null", "[]", '"text"', '{"id": 7}', "")


def test_every_record_of_a_large_quarantine_lands_as_its_own_row(project: Project) -> None:
    read(project, SUBMISSIONS)
    good = {number: json.dumps(submission(number, number % 11)) for number in range(2500)}
    payloads = [*good.values(), *BROKEN]
    # Valid and invalid records mixed, in batches and in several files.
    payloads.sort(key=lambda payload: zlib.crc32(payload.encode()))
    for undated in (False, True):
        records = [
            SetAside(None if undated else DAY, "", payload)
            for place, payload in enumerate(payloads)
            if place % 2 == undated
        ]
        set_aside(project.warehouse, SUBMISSIONS, records, datetime.now(UTC))
    result = project.run("replay")
    assert "2,508 records, 2,500 landed on 1 day" in result.stdout, result.output
    assert held(project) == {number: number % 11 for number in good}
    assert sorted(waiting(project)) == sorted(BROKEN)
