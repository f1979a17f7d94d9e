"""Backfills from the command line: what is reread, what fails alone, and what it costs."""

import math
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from feedback_assets.backfill.plan import make_plan
from feedback_assets.backfill.request import held_partitions
from feedback_assets.reports.path import page_path
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.sandbox.world import World
from feedback_assets.tables import ALL_TABLES, find_table
from tests.conftest import YESTERDAY, Project, configure

FIRST = YESTERDAY - timedelta(days=5)
ORDERS = find_table("wicked_reports.orders")
REVIEWS = find_table("retargeting.product_reviews")


def test_a_year_of_a_table_is_fourteen_windows_of_at_most_28_days() -> None:
    plan = make_plan([ORDERS], YESTERDAY - timedelta(days=364), YESTERDAY)
    (lane,) = plan.reading
    assert len(lane.runs) == 14
    assert max(run.days for run in lane.runs) == 28
    assert sum(run.days for run in lane.runs) == 365


def test_an_unfiltered_list_is_read_once_for_any_range() -> None:
    plan = make_plan([REVIEWS], YESTERDAY - timedelta(days=364), YESTERDAY)
    assert [run.days for lane in plan.reading for run in lane.runs] == [365]


@pytest.mark.slow
def test_missing_reads_only_the_gaps(shop: Project, sandbox: Sandbox) -> None:
    select = ("--select", 'key:"wicked_reports/orders" or key:"unified/orders"')
    assert shop.backfill(FIRST, FIRST + timedelta(days=1), *select).exit_code == 0
    late = FIRST + timedelta(days=4)
    assert shop.backfill(late, late, *select).exit_code == 0
    plan = make_plan([ORDERS], FIRST, YESTERDAY, held=held_partitions(shop.warehouse, [ORDERS]))
    (lane,) = plan.reading
    assert [(run.first, run.last) for run in lane.runs] == [
        (FIRST + timedelta(days=2), FIRST + timedelta(days=3)),
        (FIRST + timedelta(days=5), YESTERDAY),
    ]
    assert shop.backfill(FIRST, YESTERDAY, *select, "--missing").exit_code == 0
    sandbox.forget_requests()
    assert shop.backfill(FIRST, YESTERDAY, *select, "--missing").exit_code == 0
    assert sum(sandbox.requests.values()) == 0
    rows = shop.warehouse.read_arrow(find_table("unified.orders"))
    assert rows.num_rows == sandbox.truth(FIRST, YESTERDAY)[ORDERS.full_name]["rows"]


@pytest.mark.slow
def test_a_provider_with_a_wrong_key_fails_alone_and_its_dependants_are_not_built(
    shop: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WICKED_REPORTS_API_KEY", "wrong-and-secret")
    result = shop.backfill(YESTERDAY - timedelta(days=30), YESTERDAY)
    assert result.exit_code == 1
    # One cause gives one line, regardless of the number of tables.
    said = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
    (line,) = said
    names = "wicked_reports.contacts, wicked_reports.clicks, wicked_reports.orders"
    assert line.startswith(f"failed: {names}: ")
    assert "WICKED_REPORTS_API_KEY" in line
    assert "wrong-and-secret" not in result.output
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("not built")]
    assert "unified.orders" in line
    assert "marts.order_feedback" in line
    assert shlex.split(result.output.splitlines()[-1])[1:] == [
        "backfill", "--from", str(YESTERDAY - timedelta(days=30)), "--to", str(YESTERDAY),
    ]  # fmt: skip
    assert shop.warehouse.files(find_table("thanx.feedbacks"))
    assert shop.warehouse.files(find_table("unified.feedback"))
    assert not shop.warehouse.files(find_table("unified.orders"))
    asked = {key: n for key, n in sandbox.requests.items() if key[0] == "wicked_reports"}
    # Once per list and not per window: a wrong key stays wrong.
    assert sum(asked.values()) == 3


def test_derived_tables_build_from_stored_data_without_a_provider(project: Project) -> None:
    # Nothing is read, so missing configuration does not matter.
    result = project.backfill(FIRST, YESTERDAY, "--select", 'key:"unified/orders"')
    assert result.exit_code == 0, result.output


@pytest.mark.slow
def test_any_subset_of_providers_builds_every_mart(
    project: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, sandbox)
    monkeypatch.setenv("FEEDBACK_PROVIDERS", "thanx")
    result = project.backfill(FIRST, YESTERDAY)
    assert result.exit_code == 0, result.output
    for table in ALL_TABLES:
        if table.group in ("unified", "marts"):
            assert project.warehouse.files(table), table.full_name
    *_, page, _, command = result.stdout.splitlines()
    assert page == f"Page: {Path(page_path(project.warehouse)).as_uri()}"
    assert project.run(*shlex.split(command)[1:]).exit_code == 0
    answers = project.warehouse.read_arrow(find_table("marts.order_feedback"))
    assert answers.num_rows > 0
    assert set(answers["match_method"].to_pylist()) == {None}


@pytest.mark.slow
def test_a_year_takes_at_most_a_fifth_more_requests_than_necessary(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = YESTERDAY - timedelta(days=364)
    world = World(1, 400, 3000)
    with running_sandbox(world=world, faults=Faults(quotas=False)) as sandbox:
        configure(monkeypatch, sandbox)
        result = project.backfill(
            first, YESTERDAY, "--select", "not (group:marts or group:unified)"
        )
        assert result.exit_code == 0, result.output
        truth = sandbox.truth(first, YESTERDAY)
        asked = sandbox.requests
    windows = math.ceil(365 / 28)
    for table, provider, endpoint, page in (
        ("wicked_reports.contacts", "wicked_reports", "contacts", 1000),
        ("wicked_reports.clicks", "wicked_reports", "clicks", 1000),
        ("wicked_reports.orders", "wicked_reports", "orders", 1000),
        ("fullwhere.survey_trackers", "fullwhere", "list", 100),
        ("feedbackpulse.submissions", "feedbackpulse", "submissions", 100),
    ):
        sent = sum(n for key, n in asked.items() if key[0] == provider and endpoint in key[1])
        # Pages do not span windows: each window needs its rows' pages, rounded up.
        needed = truth[table]["rows"] / page + windows

        assert sent <= 1.2 * needed, (table, sent, needed)
