"""docs/tables.md is up to date, and every link in it resolves."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from feedback_assets.schema.table import Table
from feedback_assets.tables import ALL_TABLES, DERIVED_TABLES, READ_TABLES
from feedback_assets.tables.document import DEFAULT_PATH, QUARANTINE_COLUMNS, document
from feedback_assets.transforms.sources import ArrowTables, connect
from feedback_assets.warehouse.quarantine import SCHEMA

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    page = ROOT / "docs" / "tables.md"
    assert page == DEFAULT_PATH
    assert page.read_text(encoding="utf-8") == document(), "docs/tables.md is stale: run make docs"


def test_every_link_within_the_page_has_an_anchor() -> None:
    text = document()
    anchors = set(re.findall(r'<a id="([^"]+)"', text)) | {"quarantine"}
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert links
    assert sorted(set(links) - anchors) == []


def test_anchors_are_unique() -> None:
    anchors = re.findall(r'<a id="([^"]+)"', document())
    assert len(anchors) == len(set(anchors))


def test_every_computed_column_except_constants_leads_to_a_provider_field() -> None:
    sources = {
        f"{table.full_name}.{column.name}": column.source
        for table in DERIVED_TABLES
        for column in table.columns
    }
    provider_columns = {
        f"{table.full_name}.{column.name}" for table in READ_TABLES for column in table.columns
    }
    # Provider names, model names and window lengths are constants in the SQL.
    constants = {
        "unified.feedback.provider",
        "unified.attribution.model",
        "marts.nps_by_channel.window_days",
        "marts.channel_scorecard.window_days",
        "marts.nps_by_location.window_days",
    }

    def reaches(name: str) -> bool:
        if name in provider_columns | constants:
            return True
        return any(reaches(source) for source in sources[name])

    assert [name for name in sources if not reaches(name)] == []


def test_the_paths_match_the_provider_json() -> None:
    text = document()
    for path in (
        "`products[].PPU`",
        "`attributions.firstClick.date`",
        "`purchased_at`, otherwise `purchase.purchased_at`",
        "`product_reviews[].realid`",
        "`order.orderno`",
        "`sendAt`",
    ):
        assert f"| {path} |" in text, path


def test_the_documented_quarantine_columns_match_the_written_columns() -> None:
    assert [name for name, *_ in QUARANTINE_COLUMNS] == SCHEMA.names


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.full_name)
def test_the_example_of_every_table_runs(table: Table) -> None:
    assert table.example
    with connect(ArrowTables({})) as connection:
        connection.execute(table.example)


def test_the_module_writes_the_page_to_the_given_path(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "tables.md"
    subprocess.run(
        [sys.executable, "-m", "feedback_assets.tables.document", str(page)],
        check=True,
        timeout=60,
        cwd=ROOT,
    )
    assert page.read_text(encoding="utf-8") == document()
