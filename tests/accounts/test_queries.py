"""SQL over several accounts side by side."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from feedback_assets.query.run import QueryError, run_query
from feedback_assets.tables import READ_TABLES, STORED_TABLES, find_table
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from feedback_assets.warehouse.warehouse import Warehouse

SUBMISSIONS = find_table("feedbackpulse.submissions")
DAY = date(2026, 11, 1)


@pytest.fixture
def accounts(tmp_path: Path) -> dict[str, Warehouse]:
    """Two accounts; the second has twice as many answers."""
    found = {}
    for number, prefix in enumerate(("brand_a", "brand_b"), start=1):
        warehouse = found[prefix] = Warehouse(str(tmp_path / prefix))
        rows = [
            {
                "id": one,
                "text_feedback": prefix,
                "created_at": datetime(2026, 11, 1, 9, tzinfo=UTC),
            }
            for one in range(number)
        ]
        warehouse.replace_day(
            SUBMISSIONS, DAY, pa.Table.from_pylist(rows, schema=SUBMISSIONS.schema)
        )
    return found


def test_every_account_is_a_database_with_the_same_tables(accounts: dict[str, Warehouse]) -> None:
    sql = """
        select 'a' as brand, count(*) as n, min(text_feedback) as text
        from brand_a.feedbackpulse.submissions
        union all
        select 'b', count(*), min(text_feedback) from brand_b.feedbackpulse.submissions
        order by brand
    """
    assert run_query(sql, accounts).to_pylist() == [
        {"brand": "a", "n": 1, "text": "brand_a"},
        {"brand": "b", "n": 2, "text": "brand_b"},
    ]


def test_all_tables_of_all_accounts_are_listed(accounts: dict[str, Warehouse]) -> None:
    listed = run_query("show tables", accounts)["name"].to_pylist()
    assert len(listed) == len(set(listed)) == 2 * (len(STORED_TABLES) + len(READ_TABLES))
    assert "brand_b.marts.nps_by_channel" in listed
    for name in listed[:3] + listed[-1:]:
        assert run_query(f"describe {name}", accounts).num_rows > 0


def test_the_quarantine_of_each_account_is_its_own(accounts: dict[str, Warehouse]) -> None:
    bad = SetAside(DAY, "score out of range", '{"id": 9}')
    set_aside(accounts["brand_b"], SUBMISSIONS, [bad], datetime(2026, 11, 2, tzinfo=UTC))
    counts = {
        prefix: run_query(
            f'select count(*) as n from {prefix}.quarantine."feedbackpulse.submissions"', accounts
        )["n"][0].as_py()
        for prefix in accounts
    }
    assert counts == {"brand_a": 0, "brand_b": 1}


def test_the_prefix_of_a_single_account_may_be_left_out(accounts: dict[str, Warehouse]) -> None:
    only = {"": accounts["brand_b"], "brand_b": accounts["brand_b"]}
    for name in ("feedbackpulse.submissions", "brand_b.feedbackpulse.submissions"):
        assert run_query(f"select count(*) as n from {name}", only)["n"].to_pylist() == [2]
    assert "marts.nps_by_channel" in run_query("show tables", only)["name"].to_pylist()


def test_a_table_of_no_account_is_refused(accounts: dict[str, Warehouse]) -> None:
    with pytest.raises(QueryError, match="does not exist"):
        run_query("select * from feedbackpulse.submissions", accounts)


def test_no_other_file_can_be_read(accounts: dict[str, Warehouse], tmp_path: Path) -> None:
    (tmp_path / "brand_a" / "list.csv").write_text("a\nTREASURE\n")
    with pytest.raises(QueryError, match=r"disabled by configuration|Cannot access"):
        run_query(f"from read_csv('{tmp_path}/brand_a/list.csv')", accounts)
