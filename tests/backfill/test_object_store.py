"""Commands on a warehouse in an object store: the same rows and hashes as on a disk."""

from datetime import timedelta
from pathlib import Path

import pytest
import s3fs

from feedback_assets import read_table
from feedback_assets.reports.path import page_path
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import PROVIDER_TABLES, STORED_TABLES
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.quarantine import quarantine_files, read_quarantine_file
from feedback_assets.warehouse.reading import read_file
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project
from tests.servers.door import running_door
from tests.servers.object_store import ObjectStore

pytestmark = pytest.mark.slow
FIRST = YESTERDAY - timedelta(days=3)
NPS = "select provider, sum(responses) as n, sum(score_sum) as s from marts.nps_daily group by 1"
WHOM = """
    select customer_email as email from unified.feedback where comment is not null
    and customer_email is not null group by 1 order by count(*) desc, 1 limit 1
"""


def hashes(warehouse: Warehouse) -> dict[str, str]:
    """The content hash of every partition and of the quarantine, by path."""
    found = {
        path.removeprefix(warehouse.base): content_hash(
            read_file(warehouse, table, path, table.schema)
        )
        for table in STORED_TABLES
        for path in warehouse.files(table)
    }
    for table in PROVIDER_TABLES:
        for path in quarantine_files(warehouse, table):
            aside = read_quarantine_file(warehouse, path).drop_columns("fetched_at")
            found[path.removeprefix(warehouse.base)] = content_hash(aside.sort_by("payload"))
    return found


def objects(warehouse: Warehouse) -> set[str]:
    # The locks of a remote warehouse are in DAGSTER_HOME.
    return {
        path.removeprefix(warehouse.base)
        for path in warehouse.list_files(warehouse.base)
        if "/.locks/" not in path
    }


def test_an_object_store_gives_the_same_builds_queries_erasures_and_replays_as_a_disk(
    s3: ObjectStore,
    shop: Project,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "the same for both")
    monkeypatch.setenv("FEEDBACK_ERASURE_SECRET", "the same for both too")
    sandbox.set_faults(Faults(quotas=False, malformed_rate=0.05))
    remote, local = shop.settings.warehouse, str(tmp_path / "on-a-disk")
    said: dict[str, list[object]] = {remote: [], local: []}
    for root in (local, remote):
        monkeypatch.setenv("FEEDBACK_WAREHOUSE", root)
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / f"home-{len(root)}"))
        built = shop.backfill(FIRST, YESTERDAY)
        assert built.exit_code == 0, built.output
        email = shop.run("query", WHOM, "--csv").stdout.split()[1]
        replayed = shop.run("replay")
        assert replayed.exit_code == 0, replayed.output
        said[root] += [
            hashes(shop.warehouse),
            shop.run("query", NPS + " order by 1", "--csv").stdout,
            len(read_table("unified.orders", (FIRST, FIRST))),
            replayed.output,
        ]
        forgotten = shop.run("forget", email)
        assert forgotten.exit_code == 0, forgotten.output
        assert shop.run("query", WHOM, "--csv").stdout.split()[1] != email
        assert shop.warehouse.exists(page_path(shop.warehouse))
        assert shop.run("check").exit_code == 0
        said[root] += [hashes(shop.warehouse), objects(shop.warehouse)]
        assert not any(
            email.encode() in shop.warehouse.read_bytes(path)
            for path in shop.warehouse.list_files(shop.warehouse.base)
            if path.endswith(".html")
        )
    for one, other in zip(said[remote], said[local], strict=True):
        assert one == other
    assert said[remote][0] != said[remote][4]
    left = {path for path in objects(Warehouse(remote)) if path.startswith("/quarantine/")}
    assert left


def test_a_key_revoked_during_a_backfill_leaves_each_day_old_or_new(
    s3: ObjectStore, shop: Project, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    select = ("--select", 'key:"wicked_reports/orders"')
    # Some records are missing, so that the old and the new day differ.
    sandbox.set_faults(Faults(quotas=False, malformed_rate=0.5))
    assert shop.backfill(FIRST, YESTERDAY, *select).exit_code == 0
    old = hashes(shop.warehouse)
    sandbox.set_faults(Faults(quotas=False))
    with running_door(s3.endpoint) as door, monkeypatch.context() as patch:
        door.spoil = lambda _: 403 if sum(one.kind == "put" for one in door.seen) > 2 else None
        patch.setenv("AWS_ENDPOINT_URL", door.url)
        s3fs.S3FileSystem.clear_instance_cache()
        failed = shop.backfill(FIRST, YESTERDAY, *select)
    s3fs.S3FileSystem.clear_instance_cache()
    assert failed.exit_code == 1
    assert "wicked_reports.orders" in failed.output
    assert "AWS_SECRET_ACCESS_KEY" in failed.output
    assert "Traceback" not in failed.output
    between = hashes(shop.warehouse)
    assert shop.backfill(FIRST, YESTERDAY, *select).exit_code == 0
    new = hashes(shop.warehouse)
    assert {path for path in old if old[path] != new[path]}
    assert all(between[path] in {old[path], new[path]} for path in old)
    assert between not in (old, new)
