"""The warehouse in an object store: written, listed and read over S3, by a real server."""

import pytest

from feedback_assets.store.layout import Warehouse
from tests.conftest import Project
from tests.servers.object_store import ObjectStore
from tests.store.rows import DAY, SALES, sales

pytestmark = pytest.mark.slow


def test_a_day_that_was_put_is_listed_and_read(s3: ObjectStore, project: Project) -> None:
    warehouse = project.warehouse
    written = warehouse.replace_day(SALES, DAY, sales(3))
    assert written.rows == 3
    assert warehouse.files(SALES) == [
        f"{project.settings.warehouse}/shop/sales/day={DAY}/data.parquet"
    ]
    assert warehouse.days_held(SALES) == [DAY]
    assert warehouse.read_arrow(SALES).drop_columns("day") == sales(3)


def test_a_server_keeps_what_it_confirmed_when_it_is_killed_and_started_again(
    own_s3: ObjectStore, project: Project
) -> None:
    Warehouse(project.settings.warehouse).replace_day(SALES, DAY, sales(3))
    own_s3.stop()
    own_s3.start()
    assert Warehouse(project.settings.warehouse).read_arrow(SALES).num_rows == 3
