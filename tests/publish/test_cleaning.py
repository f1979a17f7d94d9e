"""Cleaning of Iceberg tables, in a catalog on local disk."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table as IcebergTable

from feedback_assets.publish.iceberg.cleaning import clean, remove_unreferenced
from feedback_assets.publish.trouble import PublishTrouble

ROWS = pa.table({"name": ["a", "b"]})


def in_catalog(place: Path, location: str) -> IcebergTable:
    """A table with two snapshots and a file that belongs to none; all files are two hours old."""
    catalog = SqlCatalog("local", uri=f"sqlite:///{place}/catalog.db", warehouse=f"file://{place}")
    catalog.create_namespace("feedback")
    table = catalog.create_table("feedback.names", ROWS.schema, location=location)
    table.append(ROWS)
    table.overwrite(ROWS)
    (place / "names/data/orphan.parquet").write_bytes(b"")
    old = datetime.now(UTC) - timedelta(hours=2)
    for path in files(place):
        os.utime(path, (old.timestamp(), old.timestamp()))
    return table


def files(place: Path) -> list[Path]:
    return [path for path in (place / "names").rglob("*") if path.is_file()]


@pytest.mark.parametrize("scheme", ["file:", "file://", ""])
def test_files_in_use_are_kept_however_their_locations_are_written(
    tmp_path: Path, scheme: str
) -> None:
    table = in_catalog(tmp_path, f"{scheme}{tmp_path}/names")
    assert remove_unreferenced(table, before=datetime.now(UTC)) == 1
    assert not (tmp_path / "names/data/orphan.parquet").exists()
    assert table.refresh().scan().to_arrow().equals(ROWS)
    assert clean(table, everything=True) > 0
    assert table.refresh().scan().to_arrow().equals(ROWS)


def test_nothing_is_removed_if_the_listing_lacks_the_tables_metadata(tmp_path: Path) -> None:
    table = in_catalog(tmp_path, f"file://{tmp_path}/names")
    before = files(tmp_path)
    # As with a store that lists other names for the same files.
    table.metadata_location = table.metadata_location.replace("/names/", "/alias/")
    with pytest.raises(PublishTrouble, match="which is not among the files listed"):
        remove_unreferenced(table, before=datetime.now(UTC))
    assert files(tmp_path) == before
