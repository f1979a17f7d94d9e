"""Splits Retargeting's nested records, a feedback with its reviews, into two lists."""

from typing import Any

import msgspec

from feedback_assets.http.bodies import repair_surrogates
from feedback_assets.http.cutting import cut_records, numbered
from feedback_assets.http.paging import Page

_REVIEWS = "product_reviews"
_ORDER = "order"
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_Fields = dict[str, msgspec.Raw]


def split_reviews(records: bytes) -> tuple[Page, Page]:
    """The feedback records without their reviews, and the reviews, each with its order.

    A record that is not an object stays with the feedback, to be quarantined there; an invalid
    value in place of reviews becomes a record among them, to be quarantined too. Raises
    ``msgspec.DecodeError`` if the input is not an array.
    """
    feedback: list[msgspec.Raw | _Fields] = []
    reviews: list[msgspec.Raw | _Fields] = []
    for raw in cut_records(records):
        record = _read(raw, _Fields)
        if record is None:
            feedback.append(raw)
            continue
        served = record.pop(_REVIEWS, None)
        feedback.append(record)
        if served is not None:
            order = record.get(_ORDER)
            reviews.extend(_with_order(review, order) for review in _reviews(served))
    return (
        Page(msgspec.json.encode(feedback), len(feedback)),
        Page(msgspec.json.encode(reviews), len(reviews)),
    )


def _reviews(served: msgspec.Raw) -> list[msgspec.Raw | _Fields]:
    """The value in place of the reviews, of any shape, as records.

    PHP writes a list that has lost an item as an object with numeric keys; some writers write a
    one-item list as that item.
    """
    if bytes(served).strip() == b"null":
        return []
    reviews: list[msgspec.Raw | _Fields] | None = _read(served, list[msgspec.Raw])
    if reviews is not None:
        return reviews
    fields = _read(served, _Fields)
    if fields is None:
        return [served]
    listed = numbered(fields, gaps=True)
    return [served] if listed is None else listed


def _with_order(review: msgspec.Raw | _Fields, order: msgspec.Raw | None) -> msgspec.Raw | _Fields:
    fields = review if isinstance(review, dict) else _read(review, _Fields)
    if fields is None:
        # With its order, so that a person's data can be found, and under its original field.
        fields = {_REVIEWS: review}
    return {_ORDER: order, **fields} if order is not None else fields


def _read(raw: msgspec.Raw, kind: Any) -> Any:
    """``raw`` decoded as ``kind``; ``None`` if it is something else or cannot be read."""
    for text in (bytes(raw), None):
        try:
            return msgspec.json.decode(
                repair_surrogates(bytes(raw)) if text is None else text, type=kind
            )
        except msgspec.ValidationError:
            return None
        except _UNREADABLE:
            continue
    return None
