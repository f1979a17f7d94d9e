"""Pool limits: one command sets them, and a second call changes nothing."""

import dagster as dg

from feedback_assets.automation.pools import right_limits, set_limits
from feedback_assets.runtime.instance import open_instance
from feedback_assets.schema.names import NO_PREFIX
from tests.conftest import Project


def pools(instance: dg.DagsterInstance) -> dict[str, int]:
    return {found.name: found.limit for found in instance.event_log_storage.get_pool_limits()}


def test_every_asset_pool_gets_a_limit_and_setting_it_again_changes_nothing(
    shop: Project,
) -> None:
    first = shop.run("limits")
    assert first.exit_code == 0, first.output
    assert "wicked_reports: 3 (one run per list; was not set)" in first.output
    graph = shop.defs.resolve_asset_graph()
    named = {pool for node in graph.asset_nodes for pool in node.pools or ()}
    with open_instance(shop.settings) as instance:
        set_first = pools(instance)
    assert set(set_first) == named
    assert set_first["retargeting"] == set_first["duckdb"] == 1
    again = shop.run("limits")
    assert again.output.count("unchanged") == len(named)
    with open_instance(shop.settings) as instance:
        assert pools(instance) == set_first


def test_a_manually_changed_limit_is_reset_and_reported(project: Project) -> None:
    with open_instance(project.settings) as instance:
        instance.event_log_storage.set_concurrency_slots("thanx", 7)
        (thanx,) = [
            limit
            for limit in set_limits(instance, right_limits(["thanx"], NO_PREFIX))
            if limit.pool == "thanx"
        ]
        assert (thanx.before, thanx.runs) == (7, 1)
        assert pools(instance)["thanx"] == 1
