"""``FeedbackAssets`` in another Dagster project."""

import json
import re
import subprocess
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path

import dagster as dg
import pytest

from feedback_assets.component import FeedbackAssets
from feedback_assets.definitions import SCHEDULES, SENSORS
from feedback_assets.providers.registry import REGISTRY
from feedback_assets.settings import load_settings
from tests.accounts.projects import TYPE, add_account, loaded, make_project

COUNTER = iter(range(1000))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of an empty project; the package's name is new, since modules are cached."""
    root = tmp_path / "host"
    make_project(root, f"host_{next(COUNTER)}")
    return root


def defs_of(root: Path) -> Path:
    (package,) = (root / "src").iterdir()
    return package / "defs"


def dg_run(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).with_name("dg"), *arguments], cwd=root, text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root / "src"), "HOME": str(root)},
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip


def refusal(root: Path) -> str:
    """Everything that Dagster prints if the project cannot be loaded."""
    with pytest.raises(Exception, match=r"defs\.yaml") as caught:
        loaded(root)
    return "".join(traceback.format_exception(caught.value))


def names(defs: dg.Definitions) -> set[str]:
    return {one.name for one in (*(defs.schedules or ()), *(defs.sensors or ()))}


def test_dg_finds_the_component_by_the_entry_point() -> None:
    (entry,) = [
        one
        for one in entry_points(group="dagster_dg_cli.registry_modules")
        if one.value.startswith("feedback_assets")
    ]
    assert entry.load().FeedbackAssets is FeedbackAssets
    assert f"{entry.value}.FeedbackAssets" == TYPE


def test_every_attribute_is_described_with_an_example() -> None:
    attributes = FeedbackAssets.model().model_json_schema()["properties"]
    assert attributes.keys() == FeedbackAssets.model_fields.keys()
    for name, attribute in attributes.items():
        assert attribute["description"].endswith("."), name
        assert attribute["examples"], name
    page = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text()
    assert {name for name in attributes if f"`{name}`" not in page} == set()


def test_two_accounts_load_beside_the_projects_own_assets(root: Path) -> None:
    defs = defs_of(root)
    for prefix in ("brand_a", "brand_b"):
        add_account(defs, prefix)
    (defs / "own.py").write_text(
        "import dagster as dg\n\n\n"
        '@dg.asset(deps=[["brand_a", "marts", "channel_scorecard"]])\n'
        "def budget(): ...\n"
    )
    graph = loaded(root).resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"budget", "brand_a/marts/nps_daily", "brand_b/marts/nps_daily"} < keys
    assert graph.get(dg.AssetKey("budget")).parent_keys < graph.materializable_asset_keys


def test_an_account_sets_no_executor(root: Path) -> None:
    add_account(defs_of(root), "brand_a")
    assert loaded(root).executor is None


def test_relative_paths_start_at_the_root_of_the_project(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    component = FeedbackAssets(
        key_prefix="brand_a",
        warehouse="data/a",
        settings={"FEEDBACK_AD_SPEND": "spend/*.csv"},
    )
    settings = component.account_settings(root)
    assert settings.warehouse == str(root / "data" / "a")
    assert settings.ad_spend == str(root / "spend" / "*.csv")
    assert settings.state_dir == root / "dagster_home" / "feedback" / "brand_a"


def test_credentials_come_from_variables_with_the_prefix(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THANX_ACCESS_TOKEN", "token-of-nobody")
    monkeypatch.setenv("BRAND_A_THANX_ACCESS_TOKEN", "token-of-a")
    monkeypatch.setenv("OTHER_NAME", "token-of-b")
    one = FeedbackAssets(key_prefix="brand_a", warehouse="a").account_settings(root)
    other = FeedbackAssets(
        key_prefix="brand_b", warehouse="b", variables={"THANX_ACCESS_TOKEN": "OTHER_NAME"}
    ).account_settings(root)
    neither = FeedbackAssets(key_prefix="brand_c", warehouse="c").account_settings(root)
    assert one.of("thanx", "access_token").get_secret_value() == "token-of-a"
    assert other.of("thanx", "access_token").get_secret_value() == "token-of-b"
    assert neither.missing("thanx") == ("BRAND_C_THANX_ACCESS_TOKEN",)


def test_credentials_are_environment_variables_in_the_resources(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAND_A_THANX_ACCESS_TOKEN", "token-of-a")
    add_account(defs_of(root), "brand_a")
    resource = (loaded(root).resources or {})["brand_a_thanx"]
    assert resource.access_token == "BRAND_A_THANX_ACCESS_TOKEN"
    assert isinstance(resource.access_token, dg.EnvVar)


@pytest.mark.parametrize(
    ("attributes", "line", "message"),
    [
        ("start_date: 2026-13-01", 6, "FEEDBACK_START_DATE='2026-13-01': Input should be a valid"),
        ("providers: [thanks]", 6, "there is no provider thanks; choose from wicked_reports"),
        ("settings:\n  FEEDBACK_MATCH_DAYS: x", 6, "FEEDBACK_MATCH_DAYS='x': Input should be a"),
        ("settings:\n  FEEDBACK_MATCHDAYS: 5", 6, "there is no setting FEEDBACK_MATCHDAYS"),
        ("settings:\n  FEEDBACK_WAREHOUSE: x", 6, "FEEDBACK_WAREHOUSE is the attribute warehouse"),
        ("settings:\n  THANX_ACCESS_TOKEN: x", 6, "THANX_ACCESS_TOKEN is a secret"),
        ("variables:\n  THANX_ACCESS_TOKEN: a b", 6, "'a b' is not the name of an environment"),
        ("sensors: [build]", 6, "there is no sensor build; choose from build_what_changed"),
        ("warehouses: data", 6, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_attribute_is_named_with_its_line(
    root: Path, attributes: str, line: int, message: str
) -> None:
    file = add_account(defs_of(root), "brand_a", attributes)
    text = refusal(root)
    assert message in text
    assert f"{file}:{line}" in text


@pytest.mark.parametrize("prefix", ["marts", "quarantine", "Brand", "brand-a", ""])
def test_a_prefix_that_cannot_name_an_account_is_refused(root: Path, prefix: str) -> None:
    file = add_account(defs_of(root), "brand_a")
    file.write_text(file.read_text().replace("key_prefix: brand_a", f'key_prefix: "{prefix}"'))
    assert f"{file}:4" in refusal(root)


@pytest.mark.parametrize(
    "warehouse", ["data/brand_a", "data/./brand_a/", "data/brand_a/inside", "data"]
)
def test_accounts_that_would_share_a_warehouse_are_refused(root: Path, warehouse: str) -> None:
    add_account(defs_of(root), "brand_a")
    add_account(defs_of(root), "brand_b", warehouse=warehouse)
    assert "brand_a and brand_b have overlapping warehouses" in refusal(root)


def test_warehouses_in_one_bucket_must_not_overlap_either(root: Path) -> None:
    add_account(defs_of(root), "brand_a", warehouse="s3://bucket/brand_a")
    add_account(defs_of(root), "brand_b", warehouse="s3://bucket/brand_a/b")
    add_account(defs_of(root), "brand_c", warehouse="s3://bucket/brand_ab")
    assert "brand_a and brand_b have overlapping" in refusal(root)


@pytest.mark.parametrize(("one", "other"), [("s3", "s3a"), ("gs", "gcs")])
def test_two_spellings_of_a_bucket_are_one_warehouse(root: Path, one: str, other: str) -> None:
    add_account(defs_of(root), "brand_a", warehouse=f"{one}://bucket/brands")
    add_account(defs_of(root), "brand_b", warehouse=f"{other}://bucket/brands")
    assert "brand_a and brand_b have overlapping" in refusal(root)


def test_two_accounts_with_one_prefix_are_refused(root: Path) -> None:
    add_account(defs_of(root), "brand_a")
    other = add_account(defs_of(root), "brand_b")
    other.write_text(other.read_text().replace("key_prefix: brand_b", "key_prefix: brand_a"))
    assert "two components have the key_prefix brand_a" in refusal(root)


def test_only_the_chosen_schedules_and_sensors_are_defined(root: Path) -> None:
    add_account(
        defs_of(root), "brand_a", "schedules: [read_last_days]\nsensors: [build_what_changed]"
    )
    add_account(defs_of(root), "brand_b", "schedules: []\nsensors: []")
    assert names(loaded(root)) == {"brand_a_read_last_days", "brand_a_build_what_changed"}


def test_every_schedule_and_sensor_can_be_chosen(project: object) -> None:
    from feedback_assets.definitions import build_defs

    settings = load_settings(
        {
            "THANX_MERCHANT_ID": "m",
            "FEEDBACK_AD_SPEND": "x.csv",
            "FEEDBACK_PERSONAL_DATA_DAYS": "90",
        }
    )
    of_the_instance = {"remove_old_run_logs_weekly"}
    assert names(build_defs(settings)) == {*SCHEDULES, *SENSORS} | of_the_instance


def test_what_the_instance_lacks_is_logged_once_when_the_project_loads(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for prefix in ("brand_a", "brand_b"):
        add_account(defs_of(root), prefix)
    loaded(root)
    said = [record.getMessage() for record in caplog.records if "run_retries" in record.message]
    assert len(said) == 1
    pools = [record.message for record in caplog.records if "sets no pool limits" in record.message]
    assert len(pools) == 1


@pytest.mark.slow
def test_dg_lists_explains_scaffolds_and_checks_the_component(root: Path) -> None:
    listed = json.loads(dg_run(root, "list", "components", "--json").stdout)
    (found,) = [one for one in listed["items"] if one["key"] == TYPE]
    assert found["summary"].startswith("Orders, attribution and NPS answers of one account")
    explained = dg_run(root, "utils", "inspect-component", TYPE).stdout
    for attribute in FeedbackAssets.model().model_json_schema()["properties"].values():
        assert json.dumps(attribute["description"]) in explained

    done = dg_run(root, "scaffold", "defs", TYPE, "brand_a")
    assert done.returncode == 0, done.stderr
    file = defs_of(root) / "brand_a" / "defs.yaml"
    written = file.read_text()
    for provider in REGISTRY:
        for variable in provider.needed_variables:
            assert f"BRAND_A_{variable}" in written
    # Both lines to fill in are named, and nothing else.
    checked = dg_run(root, "check", "yaml").stdout
    assert re.findall(r"attributes\.(\w+)", checked) == ["warehouse", "start_date"]
    filled = written.replace("warehouse:\n", "warehouse: data/brand_a\n")
    filled = filled.replace("start_date:\n", "start_date: 2026-01-01\n")
    file.write_text(filled)
    checked = dg_run(root, "check", "defs")
    assert checked.returncode == 0, checked.stdout
    file.write_text(filled.replace("start_date: 2026-01-01", "start: 2026-01-01"))
    assert re.search(
        r"defs\.yaml:9 .*'start' was unexpected", dg_run(root, "check", "yaml").stdout, re.DOTALL
    )
