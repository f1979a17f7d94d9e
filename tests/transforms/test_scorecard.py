"""``marts.channel_scorecard`` has the rows of the reference in generated worlds."""

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given

from feedback_assets.tables import find_table
from feedback_assets.transforms import Parameters
from tests.transforms.pipeline import Session, assert_same_rows, days_read_of
from tests.transforms.scorecard_reference import channel_scorecard
from tests.transforms.scorecard_worlds import LAST, MATCH_DAYS, SECRET, scorecard_worlds
from tests.transforms.worlds import World

SCORECARD = find_table("marts.channel_scorecard")
PARAMETERS = Parameters(customer_secret=SECRET, match_days=MATCH_DAYS)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


@given(scorecard_worlds())
def test_the_scorecard_has_the_rows_of_the_reference(
    session: Session, given_world: tuple[World, list[date]]
) -> None:
    world, held = given_world
    wanted = channel_scorecard(
        world["marts.order_feedback"],
        world["unified.orders"],
        world["unified.attribution"],
        world["wicked_reports.contacts"],
        world["ad_spend.daily"],
        last=LAST,
        held=held,
        secret=SECRET,
    )
    session.hold(days_read_of(SCORECARD, world, PARAMETERS, LAST), SCORECARD.depends)
    found = session.query(SCORECARD.full_name, PARAMETERS, None, LAST, held)
    # Squared deviations are summed in units of 10⁻¹⁵ of the largest amount, where ends of intervals
    # of nearly equal amounts lose digits.
    assert_same_rows(SCORECARD.full_name, found, wanted, within=1e-6)
