"""One record of each table as its provider's document shows it, and how the tests vary it."""

import copy
import json
from datetime import date
from typing import Any

import pytest

from feedback_assets.ingest.parse import Parsed, parse_page
from feedback_assets.ingest.sources import SOURCES
from feedback_assets.schema.table import Table
from feedback_assets.schema.typing import Typing
from feedback_assets.tables import PROVIDER_TABLES, find_table

Record = dict[str, Any]

_DIRECT = {
    "date": "2020-06-18T02:00:27",
    "source": "direct",
    "medium": "direct",
    "campaign": "direct",
    "content": "direct",
    "term": "direct",
}
_SOME = {
    "date": "2020-07-28T20:48:21.000Z",
    "source": "some-source",
    "medium": "some-medium",
    "campaign": "some-campaign",
    "content": "some-content",
    "term": "some-term",
}

DOCUMENTED: dict[str, Record] = {
    "wicked_reports.contacts": {
        "id": "AB-1234567",
        "sourceId": "someIdInSourceSystem",
        "sourceSystem": "test",
        "email": "test@example.com",
        "firstName": "Test",
        "lastName": "Contact",
        "LTV": 0,
        "createDate": "2020-07-15T00:10:17.000Z",
        "firstClick": _SOME,
        "firstOptin": _SOME,
        "reOptin": {
            "date": "2020-07-30T00:01:43.000Z",
            "source": "Email",
            "medium": "email",
            "campaign": "test-campaign",
            "content": "test-content",
            "term": "test-term",
        },
        "urlWicked": "https://my.wickedreports.com/extras/customerltv?report=newlead&id=AB-1234567",
        "links": {
            "clicks": {"href": "/contacts/AB-1234567/clicks"},
            "orders": {"href": "/contacts/AB-1234567/orders"},
        },
    },
    "wicked_reports.clicks": {
        "contactId": "test-contact-id",
        "contactSourceId": "test-contact-source-id",
        "date": "2020-07-01T00:01:43.000Z",
        "email": "test@example.com",
        "isFirstClick": False,
        "isFirstOptin": False,
        "isLastClick": False,
        "isReOptin": True,
        "source": "hubspot",
        "utms": {
            "source": "Email",
            "medium": "email",
            "campaign": "test-campaign",
            "content": "test-content",
            "term": "test-term",
        },
        "wickedid": "1234567",
        "wickedsource": "test",
        "trackingUrl": "https://example.com/tracking/url",
        "links": {"contact": {"href": "/contacts/AB-1234567"}},
    },
    "wicked_reports.orders": {
        "id": "WR-order-id",
        "sourceId": "test-source-order-id",
        "sourceSystem": "stripe",
        "date": "2020-06-18T06:00:27.000Z",
        "attributions": {
            "firstClick": _DIRECT,
            "firstOptin": _DIRECT,
            "reOptin": _DIRECT,
            "lastClick": _DIRECT,
        },
        "contact": {
            "id": "AB-1234567",
            "sourceId": "test-source-contact-id",
            "sourceSystem": "unknown",
            "email": "test@example.com",
        },
        "products": [
            {"id": "test-product-id", "name": "Awesome Subscription Plan", "qty": 1, "PPU": 79}
        ],
        "payments": [{"date": "2020-06-18T02:00:27", "status": "APPROVED", "amount": 79}],
        "amount": 79,
        "currency": "USD",
        "subscriptionId": "test-subscription-1234567",
        "links": {
            "contact": {"href": "/contacts/AB-1234567"},
            "clicks": {"href": "/contacts/AB-1234567/clicks"},
        },
    },
    "thanx.feedbacks": {
        "id": "590485d6f0",
        "user_id": "fsjlk",
        "merchant_id": "woeri34",
        "location_id": "fgr2349gh",
        "state": "unviewed",
        "expires_at": "2020-01-07T20:00:00Z",
        "rating": None,
        "review": None,
        "response": None,
        "purchase": {
            "id": "916895d48a",
            "purchased_at": "2020-01-01T20:00:00Z",
            "amount": 16.0,
            "order": {"id": "aepo3cme2p", "provider": "Toast"},
        },
    },
    # Documented field by field, without an example.
    "fullwhere.survey_trackers": {
        "id": "7b0e6f0e-54ab-4a80-8d3f-2f1f4b1a6c11",
        "createdAt": "2024-03-01T08:00:00.000Z",
        "updatedAt": "2024-03-03T09:00:01.000Z",
        "surveyId": "survey-1",
        "surveyName": "After the purchase",
        "sendAt": "2024-03-03T09:00:00.000Z",
        "sentAt": "2024-03-03T09:00:01.000Z",
        "resendAt": None,
        "resent": False,
        "sendingIndex": 0,
        "customerId": "customer-1",
        "purchaseId": "purchase-1",
        "sendingType": "EMAIL",
        "status": "SENT",
        "link": "https://survey.example.com/x",
        "newReviewLink": None,
        "sentTo": "jane@example.com",
        "switchedToSms": False,
        "clicks": 2,
        "uniqueClicks": 1,
    },
    "feedbackpulse.submissions": {
        "id": 42,
        "campaign_id": 1,
        "product_id": 1,
        "star_rating": 5,
        "nps_score": 9,
        "text_feedback": "Absolutely love this product!",
        "customer_name": "Jane Doe",
        "customer_email": "jane@example.com",
        "sentiment_score": 0.92,
        "sentiment_label": "positive",
        "status": "approved",
        "is_public": True,
        "admin_reply": "Thank you, Jane! We're glad you love it.",
        "created_at": "2024-03-15T10:30:00Z",
    },
    "retargeting.order_feedback": {
        "order": {"orderno": "27047", "date": "2021-05-04 19:57:50"},
        "score": 10,
        "comment": "Great products",
        "added_on": "2021-05-20 14:25:27",
    },
    "retargeting.product_reviews": {
        "order": {"orderno": "27047", "date": "2021-05-04 19:57:50"},
        "realid": "2183",
        "added_on": "2022-03-20 11:45:32",
        "score": 9,
        "comment": "Perfect match for my summer outfits",
    },
}

EVENT_DAY = {
    "wicked_reports.contacts": date(2020, 7, 15),
    "wicked_reports.clicks": date(2020, 7, 1),
    "wicked_reports.orders": date(2020, 6, 18),
    "thanx.feedbacks": date(2020, 1, 1),
    "fullwhere.survey_trackers": date(2024, 3, 3),
    "feedbackpulse.submissions": date(2024, 3, 15),
    "retargeting.order_feedback": date(2021, 5, 20),
    "retargeting.product_reviews": date(2022, 3, 20),
}

NAMES = tuple(table.full_name for table in PROVIDER_TABLES)
CONTACTS, CLICKS, ORDERS, FEEDBACKS, TRACKERS, SUBMISSIONS, ORDER_FEEDBACK, REVIEWS = (
    find_table(name) for name in NAMES
)


def typing_of(table: Table, zone: str = "UTC") -> Typing:
    """How the table's source says that its JSON is typed."""
    return next(source.typing(zone) for source in SOURCES if table in source.tables)


def documented(table: Table, **changes: Any) -> Record:
    """The document's record with some top-level fields changed; ``...`` takes a field away."""
    record = copy.deepcopy(DOCUMENTED[table.full_name]) | changes
    return {name: value for name, value in record.items() if value is not ...}


def as_json(*records: Any) -> bytes:
    return json.dumps(list(records)).encode()


def parse(table: Table, *records: Any, zone: str = "UTC") -> Parsed:
    """What becomes of a page of these records; counted, so that no test forgets to."""
    return parse_bytes(table, as_json(*records), len(records), zone=zone)


def parse_bytes(table: Table, page: bytes, count: int, zone: str = "UTC") -> Parsed:
    parsed = parse_page(page, table, typing_of(table, zone))
    assert parsed.rows.num_rows + len(parsed.bad) == count
    assert parsed.rows.schema.equals(table.schema)
    parsed.rows.validate(full=True)
    return parsed


def only_row(parsed: Parsed) -> Record:
    assert [bad.reason for bad in parsed.bad] == []
    (row,) = parsed.rows.to_pylist()
    return dict(row)


def only_bad(parsed: Parsed) -> str:
    assert parsed.rows.num_rows == 0
    (bad,) = parsed.bad
    return bad.reason


def _columns() -> list[Any]:
    return [
        pytest.param(table, column, id=f"{table.full_name}.{column.name}")
        for table in PROVIDER_TABLES
        for column in table.columns
        if column.name != "extra" and not (column.fallback and column.name == "order_no")
    ]


every_column = pytest.mark.parametrize(("table", "column"), _columns())
