"""What to do, in generated shops whose channels differ or do not.

``SHOPS=20`` measures what docs/methods.md says of shops without effects; fewer keep the promise.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from feedback_assets.sandbox.vocabulary import CHANNELS
from feedback_assets.scorecard.decisions import LEVEL, MODEL, WINDOW
from feedback_assets.scorecard.findings import BringsPromoters, Changed, LookAt, Reason
from feedback_assets.scorecard.rows import ALL, Channel, beyond_chance, view
from feedback_assets.scorecard.words import channel_label
from feedback_assets.summary.reading import Scorecard
from tests.scorecard.generated import scorecard

SHOPS = int(os.environ.get("SHOPS", "5"))


def named_for_their_nps(found: Scorecard) -> dict[str, type]:
    """The channels that "What to do" names for what their customers say."""
    return {
        channel_label(finding.row): type(finding)
        for finding in found.decisions.findings
        if isinstance(finding, LookAt | BringsPromoters | Changed)
    }


def true_sides() -> dict[Channel, int]:
    """Whether a channel of the sandbox is better or worse than the others together."""
    sides = {}
    for channel in CHANNELS:
        others = [other for other in CHANNELS if other is not channel]
        rest = sum(other.weight * other.nps for other in others)
        rest /= sum(other.weight for other in others)
        key = (channel.source, channel.medium, channel.campaign)
        sides[key] = 1 if channel.nps > rest else -1
    return sides


@pytest.mark.slow
def test_without_effects_at_most_one_shop_in_five_names_a_channel(tmp_path: Path) -> None:
    naming = {
        seed: named
        for seed in range(1, SHOPS + 1)
        if (named := named_for_their_nps(scorecard(tmp_path / str(seed), seed, effects=False)))
    }
    assert 5 * len(naming) <= SHOPS, naming


@pytest.mark.slow
def test_with_effects_at_most_one_in_twenty_channels_beyond_chance_is_on_the_wrong_side(
    tmp_path: Path,
) -> None:
    sides, right = true_sides(), Counter[bool]()
    for seed in range(1, 4):
        found = scorecard(tmp_path / str(seed), seed, effects=True)
        differs = beyond_chance(view(found.rows, WINDOW, MODEL, LEVEL, ALL))
        right.update(sides[channel] == side for channel, side in differs.items())
        assert named_for_their_nps(found), seed
    assert right[True] > 15
    assert 20 * right[False] <= right.total()


@pytest.mark.slow
def test_the_demo_names_the_channels_that_the_sandbox_makes_good_and_bad(tmp_path: Path) -> None:
    found = scorecard(tmp_path, 1, effects=True, spend=True)
    assert named_for_their_nps(found) == {
        "google/brand": BringsPromoters,
        "newsletter/welcome-series": BringsPromoters,
        "facebook/spring-sale": LookAt,
    }
    withheld = {
        channel_label(one.row): one.reason
        for one in found.decisions.withheld
        if one.row is not None and one.what in (LookAt, BringsPromoters)
    }
    assert withheld == {
        "tiktok/flash-deals": Reason.MORE_MONEY_ELSEWHERE,
        "newsletter/weekly-digest": Reason.FEW_MODELS,
        "referral/bring-a-friend": Reason.FEW_MODELS,
    }
