"""Asset metadata beyond columns: owners, freshness, code references, partitions, runs."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.asset_backfill import AssetBackfillData

from feedback_assets.assets.specs import column_schema
from feedback_assets.definitions import build_defs
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.schema.names import NO_PREFIX
from feedback_assets.settings import load_settings
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, find_table
from tests.conftest import YESTERDAY, Project

ROOT = Path(__file__).parents[2]


def test_every_table_has_an_owner_a_freshness_policy_and_existing_code_references(
    project: Project,
) -> None:
    specs = {".".join(spec.key.path): spec for spec in project.defs.resolve_all_asset_specs()}
    for table in PROVIDER_TABLES + DERIVED_TABLES:
        spec = specs[table.full_name]
        assert spec.owners
        assert spec.freshness_policy is not None
        references = spec.metadata["dagster/code_references"].code_references
        assert len(references) == 2
        for reference in references:
            assert Path(reference.file_path).is_file(), reference.file_path


def test_owners_come_from_the_setting(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDBACK_OWNERS", "team:insights, ana@shop.example")
    defs = build_defs(load_settings())
    assert {tuple(spec.owners) for spec in defs.resolve_all_asset_specs() if spec.group_name} == {
        ("team:insights", "ana@shop.example")
    }


def test_code_references_point_into_the_configured_repository(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_REPOSITORY_URL", "https://github.com/shop/feedback.git")
    monkeypatch.setenv("FEEDBACK_REPOSITORY_BRANCH", "live")
    specs = build_defs(load_settings()).resolve_all_asset_specs()
    found = {
        reference.url
        for spec in specs
        if "dagster/code_references" in spec.metadata
        for reference in spec.metadata["dagster/code_references"].code_references
    }
    tree = "https://github.com/shop/feedback/tree/live/"
    assert f"{tree}feedback_assets/tables/marts/nps_daily.py" in found
    assert f"{tree}feedback_assets/providers/thanx/tables.py" in found
    assert f"{tree}feedback_assets/reports/page/nps.html" in found
    assert all((ROOT / url.removeprefix(tree)).is_file() for url in found)


def test_provider_and_personal_data_are_tags(project: Project) -> None:
    tags = {
        ".".join(spec.key.path): dict(spec.tags) for spec in project.defs.resolve_all_asset_specs()
    }
    assert tags["thanx.feedbacks"]["provider"] == "thanx"
    assert tags["wicked_reports.orders"]["personal_data"] == "yes"
    assert tags["marts.nps_daily"].keys().isdisjoint({"provider", "personal_data"})


def test_key_example_and_the_day_column_of_the_key_are_metadata(
    project: Project,
) -> None:
    specs = {".".join(spec.key.path): spec for spec in project.defs.resolve_all_asset_specs()}
    keys = {name: specs[name].metadata["primary_key"] for name in ("marts.nps_daily",
        "marts.match_coverage", "marts.customer_value", "unified.orders")}  # fmt: skip
    assert keys == {
        "marts.nps_daily": "day, provider",
        "marts.match_coverage": "day, provider, match_method",
        "marts.customer_value": "nps_class, currency",
        "unified.orders": "order_id",
    }
    for table in PROVIDER_TABLES + DERIVED_TABLES:
        example = specs[table.full_name].metadata["example_query"].value
        assert "".join(example.split()) == "".join(f"```sql{table.example}```".split())


def test_a_backfill_from_the_ui_builds_only_the_selected_days(
    project: Project,
) -> None:
    graph = project.defs.resolve_asset_graph()
    days = {str(YESTERDAY - timedelta(days=n)) for n in range(200, 230)}
    with dg.DagsterInstance.ephemeral() as instance:
        target = AssetBackfillData.from_asset_partitions(
            asset_graph=graph,
            partition_names=sorted(days),
            asset_selection=[
                dg.AssetKey(NO_PREFIX.key(t)) for t in PROVIDER_TABLES + DERIVED_TABLES
            ],
            dynamic_partitions_store=instance,
            backfill_start_timestamp=project.settings.feedback_start_date.toordinal() * 86400.0,
            all_partitions=False,
        ).target_subset
    for table in PROVIDER_TABLES + DERIVED_TABLES:
        key = dg.AssetKey(NO_PREFIX.key(table))
        if table.partitioned:
            subset = target.partitions_subsets_by_asset_key[key]
            assert set(subset.get_partition_keys()) == days, table.full_name
        else:
            assert key in target.non_partitioned_asset_keys


def test_each_list_has_its_own_run_and_derived_tables_build_one_at_a_time(
    project: Project,
) -> None:
    graph = project.defs.resolve_asset_graph()
    policies = []
    for source in SOURCES:
        nodes = [graph.get(dg.AssetKey(NO_PREFIX.key(table))) for table in source.tables]
        assert {pool for node in nodes for pool in node.pools or ()} == {source.provider}
        (policy,) = {node.backfill_policy for node in nodes}
        policies.append(policy)
    # Dagster puts assets with equal policies into one run and reads them there one by one.
    assert len(set(policies)) == len(SOURCES)
    # The backfill dialog shows this number; ten years of history are one run.
    most = [policy.max_partitions_per_run for policy in policies if policy is not None]
    assert min(most) >= 3650
    assert max(most) < 3700
    for table in DERIVED_TABLES:
        node = graph.get(dg.AssetKey(NO_PREFIX.key(table)))
        assert node.pools == {"duckdb"}
        assert node.backfill_policy not in policies


def test_the_table_page_lists_the_fields_of_an_object_as_columns() -> None:
    shown = {
        column.name: column for column in column_schema(find_table("wicked_reports.orders")).columns
    }
    assert shown["attributions"].type == "struct"
    assert shown["payments"].type == "list of structs"
    touch = shown["attributions.first_click.source"]
    assert (touch.type, touch.description) == ("string", "utm_source of the touch")
    assert shown["contact.email"].tags == {"personal": "e-mail"}
