"""A warehouse of the first version under this one: what is due, what changes, and what stays.

Follows docs/upgrading.md. Expectations about people, channels and quarantine come from the reader
and the comparison rules, so that this tests the upgrade and not their details."""

import json
import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from feedback_assets import read_table
from feedback_assets.assets.recorded import read_recorded
from feedback_assets.automation.refresh_sensor import due
from feedback_assets.backfill.definitions import loaded_tables
from feedback_assets.freshness.out_of_date import lines, out_of_date
from feedback_assets.freshness.scan import scan
from feedback_assets.jobs.replay import replay
from feedback_assets.query.run import run_query
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema import text
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.schema.table import Table
from feedback_assets.schema.text import normal_email
from feedback_assets.tables import (
    ALL_TABLES,
    DERIVED_TABLES,
    PROVIDER_TABLES,
    REPORT_PAGES,
    find_table,
)
from feedback_assets.transforms.inputs import Day
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from tests.automation.robot import Robot
from tests.conftest import YESTERDAY, Project
from tests.upgrade.shop import FIRST, LAST, ODD, days

ORDER_FEEDBACK = find_table("retargeting.order_feedback")
REVIEWS = find_table("retargeting.product_reviews")


@pytest.fixture
def instance(upgraded: Project) -> Iterator[dg.DagsterInstance]:
    with open_instance(upgraded.settings) as opened:
        yield opened


def rows(project: Project, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run_query(sql, project.warehouse).to_pylist()
    return found


def keys(project: Project) -> dict[str, str | None]:
    """The customer key of every answer."""
    sql = "select feedback_id, customer_key from marts.order_feedback"
    return {row["feedback_id"]: row["customer_key"] for row in rows(project, sql)}


def contents(project: Project, tables: tuple[Table, ...]) -> dict[tuple[str, Day], str]:
    """The content of the rows in which no one was erased, by table and day."""
    found: dict[tuple[str, Day], str] = {}
    for table in tables:
        for day in project.warehouse.days_held(table):
            held = project.warehouse.read_arrow(table, day, day).drop_columns(["day"])
            kept = [row for row in held.to_pylist() if "erased" not in repr(row)]
            found[table.full_name, day] = content_hash(pa.Table.from_pylist(kept, held.schema))
    return found


def everything(project: Project) -> str:
    """All contents of tables and quarantine, as text."""
    held = [repr(project.warehouse.read_arrow(table).to_pylist()) for table in ALL_TABLES]
    for table in PROVIDER_TABLES:
        for path in quarantine_files(project.warehouse, table):
            payloads = read_quarantine_file(project.warehouse, path)["payload"].to_pylist()
            held += [repr(json.loads(payload)) for payload in payloads]
    return "\n".join(held)


def quarantined(project: Project, table: Table) -> list[str]:
    return [
        payload
        for path in quarantine_files(project.warehouse, table)
        for payload in read_quarantine_file(project.warehouse, path)["payload"].to_pylist()
    ]


@pytest.mark.slow
def test_after_a_replay_the_sensor_rebuilds_every_derived_partition_once(
    upgraded: Project, instance: dg.DagsterInstance
) -> None:
    derived = [*DERIVED_TABLES, *REPORT_PAGES]
    first = due(instance, upgraded.settings, derived, YESTERDAY).builds
    assert {build.table.full_name for build in first} >= {"unified.orders", "unified.feedback"}
    assert all(
        (build.first, build.last) == ((FIRST, LAST) if build.table.partitioned else (None, None))
        for build in first
    )
    before = keys(upgraded)
    replay(upgraded.settings)

    robot = Robot(upgraded, instance)
    built = robot.settle()

    assert built == {table: set(days()) if table.partitioned else {None} for table in derived}
    assert robot.tick() == ([], "Nothing has changed since the last build.")
    for table in DERIVED_TABLES:
        found = out_of_date(table, read_recorded(instance, table, NO_PREFIX), upgraded.settings)
        assert found.partitions == (len(days()) if table.partitioned else 1)
        assert found.reasons == {}

    _keys_are_those_of_the_same_secret(before, keys(upgraded))
    _people_who_gave_an_email_are_matched_by_its_normal_form(upgraded)
    _channels_count_once(upgraded)


def _keys_are_those_of_the_same_secret(
    before: dict[str, str | None], now: dict[str, str | None]
) -> None:
    assert before.keys() <= now.keys()
    odd = {f"feedbackpulse:{number}" for number in range(1, 8)}
    ordinary = before.keys() - odd
    assert len(ordinary) > 15
    assert {name: now[name] for name in ordinary} == {name: before[name] for name in ordinary}


def _people_who_gave_an_email_are_matched_by_its_normal_form(project: Project) -> None:
    matched = {
        row["feedback_id"]: row["order_id"]
        for row in rows(project, "select feedback_id, order_id from marts.order_feedback")
    }
    for number, kind, order, plain in (
        (1, "zero_width", "WR-bob", "bob@example.com"),
        (2, "named", "WR-ana", "ana@example.com"),
        (3, "decomposed", "WR-jose", "jos\u00e9@example.com"),
    ):
        same = normal_email(ODD[kind]) == plain
        assert matched[f"feedbackpulse:{number}"] == (order if same else None), kind
    ignored = normal_email(ODD["placeholder"]) is None
    assert matched["feedbackpulse:4"] == (None if ignored else "WR-stranger-2")


def _channels_count_once(project: Project) -> None:
    found = rows(project, "select source from marts.nps_by_attribution where responses > 0")
    names = {row["source"] for row in found}
    assert {name.strip().lower() for name in names} >= {"facebook", "google", "newsletter"}
    if hasattr(text, "channel_name"):
        assert names == {name.strip().lower() for name in names}
    served = {row["source"] for row in rows(project, "select source from unified.attribution")}
    assert served >= {"Facebook", "facebook", "Google"}


@pytest.mark.slow
def test_every_reader_reads_old_files_before_and_during_the_rebuild(
    upgraded: Project, instance: dg.DagsterInstance
) -> None:
    # The first version did not have these; they are read as empty tables.
    new = {
        "marts.channel_scorecard",
        "marts.customers",
        "marts.customer_value_spread",
        "marts.nps_by_location",
    }

    def all_are_read() -> None:
        for table in loaded_tables(upgraded.settings):
            count = len(rows(upgraded, f'select * from "{table.group}"."{table.name}"'))
            assert count == len(read_table(table.full_name)), table.full_name
            assert (count == 0) == (table.full_name in new), table.full_name

    all_are_read()
    half = FIRST, days()[4]
    chosen = "marts/order_feedback,unified/orders,marts/nps_by_attribution,marts/match_coverage"
    select = " or ".join(f'key:"{name}"' for name in chosen.split(","))
    assert not re.search(
        r"^failed", upgraded.backfill(*half, "--select", select).stderr, re.MULTILINE
    )
    all_are_read()
    page = upgraded.backfill(*half, "--select", "reports/nps")
    assert page.exit_code == 0, page.output


def test_replay_lands_what_the_current_rules_accept_and_keeps_the_age_of_the_day(
    upgraded: Project, instance: dg.DagsterInstance
) -> None:
    tables = [find_table(name) for name in ("feedbackpulse.submissions", "wicked_reports.orders")]
    before = {table: quarantined(upgraded, table) for table in PROVIDER_TABLES}
    done = replay(upgraded.settings)
    for table, result in done.items():
        left = quarantined(upgraded, table)
        assert len(left) == result.bad
        assert result.landed == len(before[table]) - len(left)
        recorded = read_recorded(instance, table, NO_PREFIX)
        assert recorded.built_by == {}, "a day stays as old as the rest of it"
    bad = [json.loads(text) for text in quarantined(upgraded, tables[0])]
    assert {13, 14} <= {record["id"] for record in bad}
    again = replay(upgraded.settings)
    assert {result.landed for result in again.values()} == {0}


@pytest.mark.slow
def test_a_scan_finds_exactly_the_days_that_a_reread_would_change(
    upgraded: Project, instance: dg.DagsterInstance
) -> None:
    settings = upgraded.settings
    replay(settings)
    messages = "\n".join(lines(instance, settings, PROVIDER_TABLES))
    assert f"backfill --from {FIRST} --to {LAST} --scan" in messages
    before = contents(upgraded, PROVIDER_TABLES)

    found = scan(instance, settings, PROVIDER_TABLES, FIRST, LAST)
    assert all(set(found[table]) == set(days()) for table in PROVIDER_TABLES)
    differ = {
        (table.full_name, day)
        for table, of_table in found.items()
        for day, differs in of_table.items()
        if differs
    }
    messages = lines(instance, settings, PROVIDER_TABLES)
    assert {line.split(",")[0] for line in messages if line.startswith("Out of date: ")} == {
        f"Out of date: {name}" for name, _ in differ
    }
    assert not any(scan(instance, settings, PROVIDER_TABLES, FIRST, LAST).values())

    result = upgraded.backfill(
        FIRST, LAST, "--select", " or ".join(f"group:{table.group}" for table in PROVIDER_TABLES)
    )
    assert result.exit_code == 0, result.output
    after = contents(upgraded, PROVIDER_TABLES)
    changed = {partition for partition in after if after[partition] != before[partition]}
    assert changed <= differ
    assert lines(instance, settings, PROVIDER_TABLES) == []


@pytest.mark.slow
def test_erased_people_stay_erased_after_every_reread_and_rebuild(
    upgraded: Project, instance: dg.DagsterInstance
) -> None:
    erased = [ODD["erased"], "Eva@Example.com", ODD["erased_by_name"]]
    if normal_email(ODD["erased_again"]) == normal_email(ODD["erased"]):
        erased.append(ODD["erased_again"])
    result = upgraded.backfill(FIRST, LAST)
    assert not re.search(r"^failed", result.stderr, re.MULTILINE), result.stderr
    held = everything(upgraded)
    for email in erased:
        assert email.lower() not in held.lower(), email
    assert "zoe@" not in held
    assert "Eva was here'" not in held
    assert "Zoe was here" not in held
    answers = upgraded.warehouse.read_arrow(find_table("unified.feedback"))
    theirs = answers.filter(pc.starts_with(answers["customer_email"], "erased:"))
    assert theirs.num_rows >= 2
