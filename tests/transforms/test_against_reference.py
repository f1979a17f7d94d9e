"""SQL and reference give the same rows in generated worlds.

Each table is built from the reference's tables before it, so that a failure shows its origin."""

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_assets.schema.table import Table
from feedback_assets.tables import DERIVED_TABLES, MART_TABLES, find_table
from feedback_assets.transforms import Parameters
from tests.transforms.pipeline import Session, assert_same_rows, by_reference, days_read_of
from tests.transforms.worlds import DAYS, FIRST, LAST, World, worlds

parameters = st.builds(
    Parameters,
    match_days=st.sampled_from([0, 1, 2, 3, 90]),
    touch_days=st.sampled_from([0, 1, 2, 30]),
    customer_secret=st.sampled_from([b"", b"secret", "schlüssel".encode(), b"x" * 65]),
)

DAILY_MARTS = tuple(table for table in MART_TABLES if table.partitioned)
OTHERS = tuple(table for table in DERIVED_TABLES if table not in DAILY_MARTS)


# In CI each test builds its tables in 200 worlds, which takes minutes.
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def _check(
    session: Session,
    tables: tuple[Table, ...],
    world: World,
    given: Parameters,
    alone: tuple[str, date],
) -> None:
    wanted = by_reference(world, given)
    session.hold(wanted, {name for table in tables for name in table.depends})
    found = {}
    for table in tables:
        first = FIRST if table.partitioned else None
        found[table.full_name] = session.query(table.full_name, given, first, LAST)
        assert_same_rows(table.full_name, found[table.full_name], wanted[table.full_name])
    # A day built alone, from its declared input partitions, equals the same day of the range.
    name, day = alone
    session.hold(days_read_of(find_table(name), wanted, given, day), find_table(name).depends)
    rows = session.query(name, given, day, day)
    assert rows == [row for row in found[name] if row["day"] == day]


@given(
    worlds(),
    parameters,
    st.tuples(st.sampled_from(["unified.feedback", "unified.attribution"]), st.sampled_from(DAYS)),
)
def test_unified_tables_and_marts_without_days_have_the_rows_of_the_reference(
    session: Session, world: World, given_parameters: Parameters, alone: tuple[str, date]
) -> None:
    _check(session, OTHERS, world, given_parameters, alone)


@given(worlds(), parameters, st.tuples(st.just("marts.order_feedback"), st.sampled_from(DAYS)))
def test_daily_marts_have_the_rows_of_the_reference(
    session: Session, world: World, given_parameters: Parameters, alone: tuple[str, date]
) -> None:
    _check(session, DAILY_MARTS, world, given_parameters, alone)
