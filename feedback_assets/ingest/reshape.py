"""Retargeting's records are trees: a feedback with its reviews; here they become two lists."""

from dataclasses import dataclass

import msgspec

_REVIEWS = "product_reviews"
_ORDER = "order"


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
    feedback: list[msgspec.Raw | dict[str, msgspec.Raw]] = []
    reviews: list[msgspec.Raw | dict[str, msgspec.Raw]] = []
    for raw in msgspec.json.decode(records, type=list[msgspec.Raw]):
        try:
            record = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            feedback.append(raw)
            continue
        try:
            inner = msgspec.json.decode(record.get(_REVIEWS, b"[]"), type=list[msgspec.Raw] | None)
        except msgspec.DecodeError:
            feedback.append(raw)
            continue
        record.pop(_REVIEWS, None)
        feedback.append(record)
        reviews.extend(_with_order(review, record.get(_ORDER)) for review in inner or ())
    return (
        Records(msgspec.json.encode(feedback), len(feedback)),
        Records(msgspec.json.encode(reviews), len(reviews)),
    )


def _with_order(
    review: msgspec.Raw, order: msgspec.Raw | None
) -> msgspec.Raw | dict[str, msgspec.Raw]:
    try:
        fields = msgspec.json.decode(review, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return review
    return {_ORDER: order, **fields} if order is not None else fields
