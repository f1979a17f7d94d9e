"""Runs of several accounts in one instance: which account owns them, what an erasure searches."""

from pathlib import Path

import dagster as dg
import pytest

from feedback_assets.alerts.ended_runs import ended_since
from feedback_assets.environment.account import Account
from feedback_assets.privacy.run_history import Scope, Wanted, erase_runs, find_runs
from feedback_assets.runtime.instance import open_instance
from feedback_assets.runtime.runs import belongs
from feedback_assets.runtime.tags import account_tags
from feedback_assets.schema.names import NO_PREFIX, Names
from feedback_assets.settings import Settings, load_settings
from feedback_assets.warehouse.erased import Erased

EMAIL = "ana@example.com"
A, B = Names("brand_a", "brand_a"), Names("brand_b", "brand_b")


def account(names: Names, root: Path) -> Settings:
    given = {"FEEDBACK_WAREHOUSE": names.prefix}
    return load_settings({"DAGSTER_HOME": str(root / "home")}, Account(names, given, "", {}, root))


def run_job(instance: dg.DagsterInstance, names: Names) -> str:
    """Run a job of the account whose config names the person; returns the run's id."""

    @dg.op(name=names.called("read"), config_schema={"key": str})
    def read() -> None: ...

    @dg.job(name=names.called("refresh"), tags=account_tags(names))
    def job() -> None:
        read()

    config = {"ops": {names.called("read"): {"config": {"key": EMAIL}}}}
    return job.execute_in_process(instance=instance, run_config=config).run_id


def materialise(instance: dg.DagsterInstance, *keys: dg.AssetKey) -> str:
    """Build these assets in one run that fails and names the person; returns the run's id."""

    def asset(key: dg.AssetKey) -> dg.AssetsDefinition:
        @dg.asset(key=key)
        def build() -> None:
            raise dg.Failure(f"refused for {EMAIL}")

        return build

    defs = dg.Definitions(assets=[asset(key) for key in keys])
    job = defs.resolve_implicit_global_asset_job_def()
    chosen = list(keys)
    return job.execute_in_process(
        instance=instance, asset_selection=chosen, raise_on_error=False
    ).run_id


def wanted(settings: Settings) -> Wanted:
    erased = Erased(settings.erasure_secret())
    hashed = erased.hash_of("email", EMAIL)
    return Wanted(Erased(settings.erasure_secret(), {hashed: hashed}), frozenset({EMAIL}))


def test_runs_are_attributed_by_asset_keys_and_the_tag_of_jobs(tmp_path: Path) -> None:
    with open_instance(account(A, tmp_path)) as instance:
        runs = {
            "job of a": run_job(instance, A),
            "job of b": run_job(instance, B),
            "assets of a": materialise(instance, dg.AssetKey(["brand_a", "x"])),
            "own assets": materialise(instance, dg.AssetKey(["brand_ab", "x"])),
            "of both": materialise(
                instance, dg.AssetKey(["brand_a", "y"]), dg.AssetKey(["brand_b", "y"])
            ),
        }
        found = {name: instance.get_run_by_id(run_id) for name, run_id in runs.items()}
        of_a = {name for name, run in found.items() if run and belongs(run, A)}
        of_b = {name for name, run in found.items() if run and belongs(run, B)}
        assert of_a == {"job of a", "assets of a", "of both"}
        assert of_b == {"job of b", "of both"}
        assert all(run and belongs(run, NO_PREFIX) for run in found.values())

        ended, _, _ = ended_since(instance, A, 0.0, {})
        failed = {subject for run in ended for one in run.failures for subject in one.subjects}
        assert failed == {"x", "y"}


@pytest.mark.parametrize("names", [A, B])
def test_an_erasure_deletes_the_runs_of_its_account_only(names: Names, tmp_path: Path) -> None:
    settings = account(names, tmp_path)
    with open_instance(settings) as instance:
        own = run_job(instance, names)
        foreign = run_job(instance, A if names is B else B)
        of_the_project = materialise(instance, dg.AssetKey(["own", "table"]))
        scope = Scope.of(instance, settings)
        assert [run.run_id for run in find_runs(instance, scope, wanted(settings))] == [own]
        done = erase_runs(instance, scope, wanted(settings))
        assert (done.deleted, done.left) == (1, ())
        assert instance.get_run_by_id(own) is None
        assert instance.get_run_by_id(foreign) is not None
        assert instance.get_run_by_id(of_the_project) is not None


def test_a_run_that_also_builds_other_assets_is_left_to_a_person(tmp_path: Path) -> None:
    settings = account(A, tmp_path)
    with open_instance(settings) as instance:
        both = materialise(instance, dg.AssetKey(["brand_a", "x"]), dg.AssetKey(["brand_b", "x"]))
        done = erase_runs(instance, Scope.of(instance, settings), wanted(settings))
        assert instance.get_run_by_id(both) is not None
        assert done.deleted == 0
        assert any(both in line and "delete it in the UI" in line for line in done.left)
