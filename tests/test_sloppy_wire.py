"""The whole path against a sloppy wire gives the marts of a tidy one; nothing is set aside."""

from datetime import timedelta
from pathlib import Path

import pytest

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import running_sandbox
from feedback_assets.schema.table import Table
from feedback_assets.tables import MART_TABLES, PROVIDER_TABLES, UNIFIED_TABLES
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.quarantine import quarantine_files
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project, configure

FIRST = YESTERDAY - timedelta(days=13)
# Holds the channels' names as they were served.
AS_SERVED = "unified.attribution"


@pytest.mark.slow
def test_a_sloppy_wire_gives_the_marts_of_a_tidy_one_and_nothing_is_set_aside(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "one secret for both")
    hashes: dict[bool, dict[str, str]] = {}
    for sloppy in (False, True):
        home = tmp_path / f"sloppy-{sloppy}"
        monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster_home"))
        monkeypatch.setenv("FEEDBACK_WAREHOUSE", str(home / "warehouse"))
        faults = Faults(quotas=False, sloppy=sloppy)
        with running_sandbox(seed=11, days=45, customers=250, faults=faults) as sandbox:
            configure(monkeypatch, sandbox)
            result = project.backfill(FIRST, YESTERDAY)
            assert result.exit_code == 0, result.output
            truth = sandbox.truth(FIRST, YESTERDAY)
        warehouse = project.warehouse
        for table in PROVIDER_TABLES:
            assert quarantine_files(warehouse, table) == []
            rows = warehouse.read_arrow(table).num_rows
            assert rows == truth[table.full_name]["rows"] > 0, table.full_name
        hashes[sloppy] = contents(warehouse)
    differing = [name for name, found in hashes[True].items() if found != hashes[False][name]]
    assert differing == []


def contents(warehouse: Warehouse) -> dict[str, str]:
    tables: tuple[Table, ...] = (*UNIFIED_TABLES, *MART_TABLES)
    return {
        table.full_name: content_hash(warehouse.read_arrow(table))
        for table in tables
        if table.full_name != AS_SERVED
    }
