"""Retargeting's records are trees: a feedback with its reviews; here they become two lists."""

from dataclasses import dataclass
from typing import Any

import msgspec

from feedback_assets.ingest.cutting import cut_records
from feedback_assets.providers.bodies import mend_surrogates

_REVIEWS = "product_reviews"
_ORDER = "order"
_NO_REVIEWS = msgspec.Raw(b"[]")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_Fields = dict[str, msgspec.Raw]


@dataclass(frozen=True)
class Records:
    """A JSON array of records, and how many it holds."""

    records: bytes
    count: int


def split_reviews(records: bytes) -> tuple[Records, Records]:
    """The feedback records without their reviews, and the reviews, each with its order.

    What is no object stays with the feedback, to be set aside there; a list of reviews that is
    no list stays in its record. Raises ``msgspec.DecodeError`` for what is no array.
    """
    feedback: list[msgspec.Raw | _Fields] = []
    reviews: list[msgspec.Raw | _Fields] = []
    for raw in cut_records(records):
        record = _read(raw, _Fields)
        inner = None if record is None else _reviews(record)
        if record is None or inner is None:
            feedback.append(raw)
            continue
        record.pop(_REVIEWS, None)
        feedback.append(record)
        reviews.extend(_with_order(review, record.get(_ORDER)) for review in inner)
    return (
        Records(msgspec.json.encode(feedback), len(feedback)),
        Records(msgspec.json.encode(reviews), len(reviews)),
    )


def _reviews(record: _Fields) -> list[msgspec.Raw] | None:
    """The reviews, none where the field is null or missing; ``None`` where it is no list."""
    raw = record.get(_REVIEWS, _NO_REVIEWS)
    if bytes(raw).strip() == b"null":
        return []
    found: list[msgspec.Raw] | None = _read(raw, list[msgspec.Raw])
    return found


def _with_order(review: msgspec.Raw, order: msgspec.Raw | None) -> msgspec.Raw | _Fields:
    fields = _read(review, _Fields)
    if fields is None:
        return review
    return {_ORDER: order, **fields} if order is not None else fields


def _read(raw: msgspec.Raw, kind: Any) -> Any:
    """``raw`` as ``kind``; ``None`` where it is something else or cannot be read."""
    for text in (bytes(raw), None):
        try:
            return msgspec.json.decode(
                mend_surrogates(bytes(raw)) if text is None else text, type=kind
            )
        except msgspec.ValidationError:
            return None
        except _UNREADABLE:
            continue
    return None
