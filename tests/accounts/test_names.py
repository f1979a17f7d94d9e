"""The names of an account's assets, jobs, sensors, pools, resources and files."""

from pathlib import Path

import dagster as dg
import pytest

from feedback_assets.automation.pools import right_limits
from feedback_assets.definitions import build_defs
from feedback_assets.environment.account import Account
from feedback_assets.schema.names import NO_PREFIX, Names
from feedback_assets.settings import Settings, load_settings
from feedback_assets.tables import ALL_TABLES, REPORT_PAGES, find_table

EVERYTHING = {
    "FEEDBACK_AD_SPEND": "spend/*.csv",
    "FEEDBACK_PERSONAL_DATA_DAYS": "365",
    "FEEDBACK_PROVIDERS": "wicked_reports,thanx,fullwhere,feedbackpulse,retargeting",
    "THANX_MERCHANT_ID": "merchant",
}


def account(prefix: str, root: Path, **given: str) -> Settings:
    names = Names(prefix, prefix)
    return load_settings(
        {"DAGSTER_HOME": str(root / "home")},
        Account(names, EVERYTHING | given, "in the defs.yaml", {}, root),
    )


def alone(root: Path) -> Settings:
    return load_settings({"DAGSTER_HOME": str(root / "home"), **EVERYTHING})


def called(defs: dg.Definitions) -> dict[str, set[str]]:
    """Everything with a name, by kind."""
    graph = defs.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    jobs = [job for job in defs.jobs or () if isinstance(job, dg.JobDefinition)]
    everything = defs.resolve_implicit_global_asset_job_def()
    return {
        "keys": {node.key.to_user_string() for node in nodes},
        "groups": {str(node.group_name) for node in nodes},
        "pools": {pool for node in nodes for pool in node.pools},
        "checks": {key.asset_key.to_user_string() for key in graph.asset_check_keys},
        "ops": {node.name for job in [everything, *jobs] for node in job.nodes},
        "jobs": {job.name for job in jobs},
        "resources": set(defs.resources or ()),
        "schedules": {schedule.name for schedule in defs.schedules or ()},
        "sensors": {sensor.name for sensor in defs.sensors or ()},
    }


def test_without_a_prefix_everything_has_the_name_of_its_declaration(tmp_path: Path) -> None:
    names = called(build_defs(alone(tmp_path)))
    tables = {table.full_name.replace(".", "/") for table in (*ALL_TABLES, *REPORT_PAGES)}
    assert names["keys"] == tables
    assert names["groups"] == {key.split("/")[0] for key in tables}
    assert names["resources"] == {*EVERYTHING["FEEDBACK_PROVIDERS"].split(","), "warehouse"}
    assert names["pools"] == {*EVERYTHING["FEEDBACK_PROVIDERS"].split(","), "duckdb"}
    assert names["schedules"] == {
        "read_last_days",
        "read_all_that_is_restated",
        "erase_old_personal_data_monthly",
        "remove_old_run_logs_weekly",
    }
    assert {"build_what_changed", "read_changed_ad_spend", "read_new_thanx"} < names["sensors"]
    assert {"check_providers", "refresh_contact", "erase_old_personal_data"} < names["jobs"]
    assert {"marts__nps_daily", "retargeting__order_feedback__product_reviews"} < names["ops"]


def test_with_a_prefix_every_name_has_it_and_nothing_else_differs(tmp_path: Path) -> None:
    plain = called(build_defs(alone(tmp_path)))
    # A project decides how long it keeps the logs of its runs.
    plain["jobs"] -= {"remove_old_run_logs"}
    plain["ops"] -= {"remove_logs_of_old_runs"}
    plain["schedules"] -= {"remove_old_run_logs_weekly"}
    prefixed = called(build_defs(account("brand_a", tmp_path)))
    for kind, names in plain.items():
        separator = "/" if kind in {"keys", "checks"} else "_"
        assert prefixed[kind] == {f"brand_a{separator}{name}" for name in names}, kind


def test_two_accounts_load_in_one_project(tmp_path: Path) -> None:
    both = [build_defs(account(prefix, tmp_path)) for prefix in ("brand_a", "brand_b")]
    names = [called(defs) for defs in both]
    for kind in names[0]:
        assert not names[0][kind] & names[1][kind], kind
    merged = dg.Definitions.merge(*both, dg.Definitions(executor=dg.multiprocess_executor))
    merged.resolve_all_job_defs()
    keys = {key.to_user_string() for key in merged.resolve_asset_graph().get_all_asset_keys()}
    assert keys == names[0]["keys"] | names[1]["keys"]


def test_the_lists_of_two_accounts_are_read_in_separate_runs(tmp_path: Path) -> None:
    merged = dg.Definitions.merge(
        *(build_defs(account(prefix, tmp_path)) for prefix in ("brand_a", "brand_b"))
    )
    graph = merged.resolve_asset_graph()
    policies: dict[object, set[str]] = {}
    for key in graph.get_all_asset_keys():
        if graph.get(key).backfill_policy != dg.BackfillPolicy.single_run():
            policies.setdefault(graph.get(key).backfill_policy, set()).add(key.path[0])
    policies.pop(None, None)
    assert len(policies) == 16
    assert all(len(accounts) == 1 for accounts in policies.values())


def test_definitions_of_tables_do_not_depend_on_the_prefix(tmp_path: Path) -> None:
    plain = build_defs(alone(tmp_path)).resolve_asset_graph()
    prefixed = build_defs(account("brand_a", tmp_path)).resolve_asset_graph()
    for table in ALL_TABLES:
        key, own = (
            dg.AssetKey(NO_PREFIX.key(table)),
            dg.AssetKey(["brand_a", *NO_PREFIX.key(table)]),
        )
        assert prefixed.get(own).code_version == plain.get(key).code_version
        assert prefixed.get(own).parent_keys == {
            dg.AssetKey(["brand_a", *parent.path]) for parent in plain.get(key).parent_keys
        }


def test_a_key_of_the_account_leads_back_to_its_table() -> None:
    table = find_table("marts.nps_daily")
    for names in (NO_PREFIX, Names("brand_a", "brand_a")):
        assert names.owns(names.key(table))
        assert names.table_name(names.key(table)) == table.full_name
    brand, longer = Names("brand", "brand"), Names("brand_a", "brand_a")
    assert not brand.owns(longer.key(table))
    assert not longer.owns(brand.key(table))


def test_the_group_prefix_may_differ_from_the_prefix_of_keys() -> None:
    table = find_table("marts.nps_daily")
    assert Names("brand_a", "").group(table) == "marts"
    assert Names("brand_a", "shop").group(table) == "shop_marts"


def test_pools_are_limited_for_each_account() -> None:
    plain = right_limits(["thanx", "retargeting"], NO_PREFIX)
    prefixed = right_limits(["thanx", "retargeting"], Names("brand_a", "brand_a"))
    assert [limit.pool for limit in plain] == ["thanx", "retargeting", "duckdb"]
    assert [(f"brand_a_{limit.pool}", limit.runs) for limit in plain] == [
        (limit.pool, limit.runs) for limit in prefixed
    ]


@pytest.mark.parametrize("prefix", ["", "brand_a"])
def test_the_state_of_an_account_is_below_dagster_home(prefix: str, tmp_path: Path) -> None:
    settings = account(prefix, tmp_path) if prefix else alone(tmp_path)
    state = tmp_path / "home" / "feedback" / prefix if prefix else tmp_path / "home"
    assert settings.quota_dir == state / "quota"
    assert settings.customer_secret_file == state / "customer_secret"
    assert settings.erasure_secret_file == state / "erasure_secret"


def test_generated_secrets_differ_between_accounts(tmp_path: Path) -> None:
    one, other = account("brand_a", tmp_path), account("brand_b", tmp_path)
    assert one.customer_secret() != other.customer_secret()
    assert one.erasure_secret() != other.erasure_secret()
    assert one.customer_secret() == account("brand_a", tmp_path).customer_secret()
