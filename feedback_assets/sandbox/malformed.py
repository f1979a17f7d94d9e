"""How records are malformed if the switch is on: each in one way that makes it untypable.

Every way makes the record unusable according to its documentation (missing key or time, wrong
type, score out of range); only those ways and their selection belong here.
"""

from collections.abc import Sequence
from typing import Any

from feedback_assets.sandbox.draws import Array, pick
from feedback_assets.sandbox.sloppy import loosen
from feedback_assets.sandbox.view import View

Record = dict[str, Any]
_GONE = object()

# Each way: the path of the field and its replacement value.
_WAYS: dict[str, tuple[tuple[str, Any], ...]] = {
    "wicked_reports.contacts": (
        ("id", _GONE),
        ("createDate", None),
        ("createDate", "0000-00-00"),
        ("LTV", {}),
    ),
    "wicked_reports.clicks": (
        ("contactId", _GONE),
        ("date", "yesterday"),
        ("date", _GONE),
        ("isFirstClick", "perhaps"),
    ),
    "wicked_reports.orders": (
        ("id", _GONE),
        ("date", "not a date"),
        ("date", _GONE),
        ("amount", "seventy-nine"),
        ("products", "many"),
    ),
    "thanx.feedbacks": (
        ("id", _GONE),
        ("rating", 11),
        ("rating", "ten"),
        ("purchased_at", "2020-13-41T00:00:00Z"),
    ),
    "fullwhere.survey_trackers": (
        ("id", _GONE),
        ("sendAt", "soon"),
        ("sendAt", _GONE),
        ("clicks", "many"),
    ),
    "feedbackpulse.submissions": (
        ("id", _GONE),
        ("nps_score", 11),
        ("nps_score", "nine"),
        ("star_rating", 6),
        ("created_at", "15/03/2024 10:30"),
    ),
    "retargeting.order_feedback": (
        ("score", 11),
        ("score", "ten"),
        ("added_on", _GONE),
        ("added_on", "20.05.2021"),
    ),
    "retargeting.product_reviews": (
        ("realid", _GONE),
        ("added_on", None),
        ("score", "nine"),
    ),
}


def _put(record: Record, field: str, value: Any) -> None:
    if value is _GONE:
        record.pop(field, None)
    else:
        record[field] = value


def spoil(view: View, table: str, positions: Array, records: Sequence[Record]) -> None:
    """Modify, in place, the records at these positions according to the switches."""
    if view.faults.extra_fields:
        for record in records:
            record["internalNote"] = {"checked": True, "by": "sandbox"}
    if view.faults.malformed_rate and len(positions):
        _condemn(view, table, positions, records)
    if view.faults.sloppy:
        loosen(view.world.seed, table, positions, records)


def _condemn(view: View, table: str, positions: Array, records: Sequence[Record]) -> None:
    ways = _WAYS[table]
    chosen = pick(view.world.seed, f"way:{table}", positions, len(ways)).tolist()
    for record, way, bad in zip(
        records, chosen, view.malformed(table, positions).tolist(), strict=True
    ):
        if not bad:
            continue
        field, value = ways[way]
        if field == "purchased_at":  # it occurs twice, and either one suffices
            record["purchase"].pop("purchased_at", None)
        _put(record, field, value)
