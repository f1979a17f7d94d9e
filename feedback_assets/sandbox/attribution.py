"""The clicks that an order or a contact is attributed to, as visible at the current time."""

from typing import Any, NamedTuple

import numpy as np

from feedback_assets.sandbox.journeys import CLICK_FIRST, CLICK_OPTIN, CLICK_REOPTIN
from feedback_assets.sandbox.view import View
from feedback_assets.sandbox.vocabulary import CHANNELS

UTM_FIELDS = ("source", "medium", "campaign", "content", "term")
DIRECT = dict.fromkeys(UTM_FIELDS, "direct")


class Touches(NamedTuple):
    """Positions of clicks; −1 means none."""

    first_click: int
    first_optin: int
    re_optin: int
    last_click: int


NONE = Touches(-1, -1, -1, -1)


def untagged(position: int) -> bool:
    """Whether a click has no campaign tags: one in thirteen."""
    return position * 2_654_435_761 % 13 == 0


def touches(view: View, contact: int, until: int) -> Touches:
    """The contact's touches among its visible clicks up to `until`."""
    clicks = view.world.clicks
    start, stop = clicks.contact_start[contact : contact + 2].tolist()
    stop = start + int(np.searchsorted(clicks.time[start:stop], until, "right"))
    found = [-1, -1, -1, -1]
    shows = clicks.shows[start:stop].tolist()
    kinds = clicks.kind[start:stop].tolist()
    for position, (shown, kind) in enumerate(zip(shows, kinds, strict=True), start):
        if shown >= view.clock:
            continue
        if kind == CLICK_FIRST:
            found[0] = position
        elif kind == CLICK_OPTIN:
            found[1] = position
        elif kind == CLICK_REOPTIN:
            found[2] = position
        found[3] = position
    return Touches(*found)


def utms(view: View, position: int) -> dict[str, str]:
    """A click's campaign tags; the term is sometimes the string "null", as in real data."""
    tags = CHANNELS[int(view.world.clicks.channel[position])].utms
    if position % 17 == 0:
        tags["term"] = "null"
    return tags


def credited(view: View, position: int, *, zoned: bool) -> dict[str, Any]:
    """A model's record of the click it credits; contacts have a time zone, orders do not."""
    seconds = int(view.world.clicks.time[position])
    stamp = view.millis(seconds) if zoned else view.local(seconds)
    tags = DIRECT if untagged(position) else utms(view, position)
    return {"date": stamp, **tags}
