"""The report page as an asset: built last, rebuilt when a mart changes, with a plot in the UI."""

import csv
import html
import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from feedback_assets.automation.refresh_sensor import due
from feedback_assets.backfill.definitions import loaded_tables
from feedback_assets.backfill.plan import make_plan
from feedback_assets.backfill.request import held_partitions
from feedback_assets.reports.path import page_path, page_url
from feedback_assets.reports.pictures import MOST_BYTES
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.tables import ALL_TABLES, DERIVED_TABLES, MART_TABLES, REPORT_PAGES, find_table
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project

FIRST = YESTERDAY - timedelta(days=8)
(PAGE,) = REPORT_PAGES
KEY = dg.AssetKey(["reports", "nps"])


def metadata(instance: dg.DagsterInstance, key: str, day: date | None = None) -> dict[str, Any]:
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(
            dg.AssetKey(key.split(".")), asset_partitions=None if day is None else [str(day)]
        ),
        limit=1,
    ).records
    assert found[0].asset_materialization is not None
    return {name: value.value for name, value in found[0].asset_materialization.metadata.items()}


def materialise(project: Project, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = project.defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, asset_selection=[KEY])


def test_an_empty_warehouse_produces_a_page_that_says_so(project: Project) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialise(project, instance).success
        shown = metadata(instance, "reports.nps")
    with project.warehouse.filesystem.open(page_path(project.warehouse), "rb") as file:
        content = file.read()
    assert shown["bytes"] == len(content)
    assert shown["last_day"] == "none"
    assert b"There are no answers yet" in content


@pytest.mark.parametrize(
    ("warehouse", "url"),
    [
        ("/srv/a warehouse", "file:///srv/a%20warehouse/reports/nps.html"),
        (
            "s3://shop/tables",
            "https://s3.console.aws.amazon.com/s3/object/shop?prefix=tables%2Freports%2Fnps.html",
        ),
    ],
)
def test_the_page_has_an_address_that_a_browser_opens(
    warehouse: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page_url(Warehouse(warehouse)) == url
    if warehouse.startswith("s3:"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio.shop.example")
        assert page_url(Warehouse(warehouse)) is None


def test_the_page_is_built_after_every_mart_at_the_end_of_a_backfill(project: Project) -> None:
    spec = project.defs.resolve_asset_graph().get(KEY)
    through_others = {"marts.nps_by_channel", "marts.customers"}
    read = {table for table in MART_TABLES if table.full_name not in through_others}
    assert spec.parent_keys == {dg.AssetKey(NO_PREFIX.key(table)) for table in read}
    assert spec.group_name == "reports"
    plan = make_plan([*loaded_tables(project.settings), PAGE], FIRST, YESTERDAY)
    assert plan.building[-1].tables == (PAGE,)
    assert plan.days_of(PAGE) == 1


def test_missing_keeps_an_existing_page_unless_a_mart_is_built(project: Project) -> None:
    project.warehouse.write_bytes(page_path(project.warehouse), b"there")
    plan = make_plan([PAGE], FIRST, YESTERDAY, held=held_partitions(project.warehouse, [PAGE]))
    assert not plan.building
    daily = find_table("marts.nps_daily")
    plan = make_plan(
        [daily, PAGE], FIRST, YESTERDAY, held=held_partitions(project.warehouse, [daily, PAGE])
    )
    assert [run.tables for run in plan.building] == [(daily,), (PAGE,)]


def test_every_asset_describes_its_rows(project: Project) -> None:
    for spec in project.defs.resolve_all_asset_specs():
        description = str(spec.description)
        assert description.startswith(("One row is ", "One page")), spec.key
        assert len(description) <= 120, spec.key
        assert "\n" not in description, spec.key
    for table in ALL_TABLES:
        assert table.description.endswith("."), table.full_name


@pytest.mark.slow
def test_a_backfill_leaves_a_report_page_and_plots_in_the_ui(
    shop: Project,
) -> None:
    result = shop.backfill(FIRST, YESTERDAY)
    assert result.exit_code == 0, result.output
    with shop.warehouse.filesystem.open(page_path(shop.warehouse), "rb") as file:
        page = file.read().decode()
    daily = shop.warehouse.read_arrow(find_table("marts.nps_daily")).to_pydict()
    block = page[page.index('<script type="application/json"') :]
    data = json.loads(block[block.index(">") + 1 : block.index("</script>")])
    weeks = list(csv.DictReader(io.StringIO(data["figures"]["weeks"]["csv"])))
    assert sum(int(week["responses"]) for week in weeks) == sum(daily["responses"]) > 0
    assert sum(int(week["promoters"]) for week in weeks) == sum(daily["promoters"])

    emails = set(
        shop.warehouse.read_arrow(find_table("unified.orders"))["customer_email"].to_pylist()
    )
    text = html.unescape(page).lower()
    assert not [email for email in emails if email and email in text]

    with open_instance(shop.settings) as instance:
        report = metadata(instance, "reports.nps")
        trend = metadata(instance, "marts.nps_daily", YESTERDAY)
        coverage = metadata(instance, "marts.match_coverage", YESTERDAY)
        scorecard = metadata(instance, "marts.channel_scorecard")
        read = metadata(instance, "thanx.feedbacks", YESTERDAY)
        earlier = metadata(instance, "thanx.feedbacks", FIRST)
        before = metadata(instance, "marts.nps_daily", FIRST)
        plan = due(instance, shop.settings, [*DERIVED_TABLES, PAGE], datetime.now(UTC).date())
    assert plan.builds == ()
    for shown in (report, trend, read):
        assert shown["picture"].startswith("![")
        assert len(shown["picture"]) + len(shown["preview"]) < MOST_BYTES
    for shown in (report, scorecard):
        channels = [record.data for record in shown["scorecard"].records]
        assert {"channel", "orders", "NPS", "answers"} <= channels[0].keys()
    assert report["what_to_do"].records
    assert report["page"] == page_path(shop.warehouse)
    assert trend["responses"] == sum(
        shop.warehouse.read_arrow(find_table("marts.nps_daily"), YESTERDAY, YESTERDAY)[
            "responses"
        ].to_pylist()
    )
    lineage = "dagster/column_lineage"
    assert all(lineage in shown for shown in (trend, coverage, scorecard))
    assert lineage not in before
    assert "matched_percent" in coverage or coverage["answers"] == 0
    assert "| Thanx |" in coverage["coverage"]
    assert f"| {YESTERDAY} | {read['dagster/partition_row_count']:,} |" in read["preview"]
    assert "picture" not in earlier, "one picture a run"
    _after_a_changed_mart_only_the_page_is_due(shop)


def _after_a_changed_mart_only_the_page_is_due(shop: Project) -> None:
    table = find_table("marts.product_scores")
    with open_instance(shop.settings) as instance:
        today = datetime.now(UTC).date()
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                dg.AssetKey(NO_PREFIX.key(table)),
                metadata={
                    "content_hash": "another",
                    "inputs_hash": metadata(instance, table.full_name)["inputs_hash"],
                },
            )
        )
        plan = due(instance, shop.settings, [*DERIVED_TABLES, PAGE], today)
        assert [build.table for build in plan.builds] == [PAGE]
        assert materialise(shop, instance).success
        assert due(instance, shop.settings, [*DERIVED_TABLES, PAGE], today).builds == ()
