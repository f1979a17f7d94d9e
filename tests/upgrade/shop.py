"""A small shop whose five providers serve the same records every time, over HTTP on loopback.

Ten days of October 2026. Some of the records are read differently by versions of this project: see
``ODD``. Standard library only, because the first version's environment runs it too."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FIRST = date(2026, 10, 1)
LAST = date(2026, 10, 10)
PEOPLE = 24
Record = dict[str, Any]

ODD = {
    "zero_width": "bob\u200b@example.com",
    "named": "Ana <ana@example.com>",
    "decomposed": "jose\u0301@example.com",
    "placeholder": "n/a",
    "erased": "eva@example.com",
    "erased_again": "eva\u2060@example.com",
    "erased_by_name": "Zoe <zoe@example.com>",
}
"""E-mails as the providers serve them."""

SECRETS = {"customer_secret": "c" * 64, "erasure_secret": "e" * 64}
"""The two secrets of ``DAGSTER_HOME``, by file."""

CHANNELS = ("facebook", "Facebook", "facebook ", "Google", "google", "newsletter")


def at(day: int, hour: int = 12, minute: int = 0) -> str:
    """A time on that day of October, counted from 1."""
    moment = datetime(2026, 10, day, hour, minute, tzinfo=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def touch(source: str, day: int) -> Record:
    return {
        "date": at(day, 8),
        "source": source,
        "medium": "CPC" if source.istitle() else "cpc",
        "campaign": f"Autumn {source.strip()}",
        "content": "null",
        "term": "null",
    }


def order(number: str, day: int, email: str, source: str = "facebook", **changes: Any) -> Record:
    credited = touch(source, max(1, day - 1))
    return {
        "id": f"WR-{number}",
        "sourceId": f"shop-{number}",
        "sourceSystem": "shopify",
        "date": at(day, 9),
        "attributions": {
            "firstClick": credited,
            "firstOptin": credited,
            "reOptin": "null",
            "lastClick": credited,
        },
        "contact": {
            "id": f"contact-{number}",
            "sourceId": f"customer-{number}",
            "sourceSystem": "shopify",
            "email": email,
        },
        "products": [{"id": "p1", "name": "Coffee", "qty": 2, "PPU": 25.5}],
        "payments": [{"date": at(day, 9, 5), "status": "APPROVED", "amount": 51}],
        "amount": 51,
        "currency": "USD",
        "subscriptionId": "null",
        "links": {},
    } | changes


def click(number: str, day: int, email: str, source: str) -> Record:
    return {
        "contactId": f"contact-{number}",
        "contactSourceId": f"customer-{number}",
        "date": at(day, 8),
        "email": email,
        "isFirstClick": True,
        "isFirstOptin": False,
        "isLastClick": True,
        "isReOptin": False,
        "source": "tracking",
        "utms": {name: touch(source, day)[name] for name in ("source", "medium", "campaign")},
        "trackingUrl": f"https://shop.example.com/?n={number}",
        "links": {},
    }


def contact(number: str, day: int, email: str) -> Record:
    return {
        "id": f"contact-{number}",
        "sourceId": f"customer-{number}",
        "sourceSystem": "shopify",
        "email": email,
        "firstName": "First",
        "lastName": f"Last {number}",
        "LTV": 51,
        "createDate": at(day, 7),
        "links": {},
    }


def submission(number: int, day: int, email: str | None, score: Any, **changes: Any) -> Record:
    return {
        "id": number,
        "campaign_id": 1,
        "product_id": 1,
        "star_rating": 4,
        "nps_score": score,
        "text_feedback": f"Answer {number}",
        "customer_name": "Somebody",
        "customer_email": email,
        "sentiment_score": 0.5,
        "sentiment_label": "positive",
        "status": "approved",
        "is_public": True,
        "admin_reply": None,
        "created_at": at(day, 18),
    } | changes


def feedback(order_no: Any, day: int, score: int, reviews: Any = None) -> Record:
    return {
        "order": {"orderno": order_no, "date": f"2026-10-{day:02} 09:00:00"},
        "score": score,
        "comment": f"About {order_no}",
        "added_on": f"2026-10-{day:02} 17:00:00",
        "product_reviews": [] if reviews is None else reviews,
    }


def review(product: str, day: int, score: int) -> Record:
    return {
        "realid": product,
        "added_on": f"2026-10-{day:02} 19:00:00",
        "score": score,
        "comment": "About the product",
    }


def chance(number: str, day: int, score: int | None) -> Record:
    return {
        "id": f"thanx-{number}",
        "user_id": f"customer-{number}",
        "merchant_id": "m1",
        "location_id": "l1",
        "state": "unviewed" if score is None else "rated",
        "purchased_at": at(day, 9),
        "rated_at": None if score is None else at(day, 20),
        "rating": score,
        "review": None,
        "purchase": {"id": f"shop-{number}", "purchased_at": at(day, 9), "amount": 51.0},
    }


def tracker(number: str, day: int, email: str) -> Record:
    return {
        "id": f"tracker-{number}",
        "createdAt": at(day, 9),
        "updatedAt": at(day, 16),
        "surveyId": "s1",
        "surveyName": "After the purchase",
        "sendAt": at(day, 16),
        "sentAt": at(day, 16),
        "customerId": f"customer-{number}",
        "purchaseId": f"shop-{number}",
        "sendingType": "EMAIL",
        "status": "SENT",
        "link": f"https://survey.example.com/{number}",
        "sentTo": email,
        "resent": False,
        "clicks": 1,
        "uniqueClicks": 1,
    }


def records() -> dict[str, list[Record]]:
    """What each list serves: ordinary people first, then the special cases."""
    found: dict[str, list[Record]] = {
        name: []
        for name in ("contacts", "clicks", "orders", "thanx", "trackers", "submissions", "feedback")
    }
    days = (LAST - FIRST).days + 1
    for person in range(PEOPLE):
        number, day = f"{person:02}", 1 + person % days
        email, source = f"person{number}@example.com", CHANNELS[person % len(CHANNELS)]
        found["contacts"].append(contact(number, day, email))
        found["clicks"].append(click(number, max(1, day - 1), email, source))
        found["orders"].append(order(number, day, email, source))
        found["trackers"].append(tracker(number, day, email))
        score = (10, 9, 8, 3)[person % 4]
        match person % 3:
            case 0:
                found["submissions"].append(submission(100 + person, day, email, score))
            case 1:
                found["thanx"].append(chance(number, day, score))
            case _:
                shown = [review("p1", day, 5)]
                found["feedback"].append(feedback(f"shop-{number}", day, score, shown))
    _add_odd_people(found)
    _add_odd_money(found)
    _add_odd_types(found)
    return found


def _add_odd_people(found: dict[str, list[Record]]) -> None:
    orders, answers = found["orders"], found["submissions"]
    # One person in both lists, with two spellings of the e-mail.
    orders.append(order("bob", 2, "bob@example.com", "Facebook"))
    answers.append(submission(1, 3, ODD["zero_width"], 10))
    orders.append(order("ana", 2, "ana@example.com", "facebook "))
    answers.append(submission(2, 4, ODD["named"], 9))
    orders.append(order("jose", 3, "jos\u00e9@example.com"))
    answers.append(submission(3, 5, ODD["decomposed"], 8, text_feedback="tre\u0300s bien"))
    # Two strangers without an e-mail.
    orders.append(order("stranger-1", 2, ODD["placeholder"]))
    orders.append(order("stranger-2", 4, ODD["placeholder"]))
    answers.append(submission(4, 6, ODD["placeholder"], 2))
    # Erased with the first version, the second by the content of her name field.
    orders.append(order("eva", 3, ODD["erased"]))
    answers.append(submission(5, 4, "Eva@Example.com", 1, text_feedback="Eva was here"))
    answers.append(submission(6, 7, ODD["erased_again"], 1, text_feedback="Eva was here again"))
    orders.append(order("zoe", 3, ODD["erased_by_name"]))
    answers.append(submission(7, 5, ODD["erased_by_name"], 0, text_feedback="Zoe was here"))


def _add_odd_money(found: dict[str, list[Record]]) -> None:
    orders = found["orders"]
    for number, currency in (("c1", "usd"), ("c2", "EUR "), ("c3", "eur")):
        orders.append(order(number, 5, "spender@example.com", "Google", currency=currency))
    refunded = [
        {"date": at(6), "status": "Approved", "amount": 100},
        {"date": at(7), "status": "Refunded ", "amount": -40},
    ]
    orders.append(order("r1", 6, "refunded@example.com", payments=refunded, amount=100))
    # More than the limit of 10^12.
    orders.append(order("huge", 8, "huge@example.com", amount=10_000_000_000_000, payments=[]))


def _add_odd_types(found: dict[str, list[Record]]) -> None:
    answers, orders, given = found["submissions"], found["orders"], found["feedback"]
    # Quarantined by the first version, though reading them would lose nothing.
    answers.append(submission(11, 6, "person00@example.com", "9"))
    answers.append(submission(12, 6, "person03@example.com", 7, is_public=1))
    given.append(feedback(27047, 7, 10))
    zero = [{"date": "0000-00-00 00:00:00", "status": "APPROVED", "amount": 20}]
    orders.append(order("zero", 7, "zero@example.com", payments=zero, amount=20))
    # Invalid under any rules.
    answers.append(submission(13, 6, "person06@example.com", 11))
    answers.append(submission(14, 6, "person09@example.com", 5, created_at="10/11/2026 10:00"))
    # A list as PHP serves it: the first version kept it in its feedback's extra, and in no table.
    given.append(feedback("shop-01", 9, 9, {"1": review("p2", 9, 2)}))


ANSWERS: dict[str, Any] = {
    "/wicked/contacts": lambda all_: _wicked(all_["contacts"]),
    "/wicked/clicks": lambda all_: _wicked(all_["clicks"]),
    "/wicked/orders": lambda all_: _wicked(all_["orders"]),
    "/thanx/feedbacks": lambda all_: {"feedbacks": all_["thanx"]},
    "/fullwhere/partners/survey-tracker/list": lambda all_: {
        "data": all_["trackers"],
        "total": len(all_["trackers"]),
    },
    "/pulse/api/v2/submissions": lambda all_: {
        "data": all_["submissions"],
        "meta": {"current_page": 1, "per_page": 100, "total": len(all_["submissions"])},
    },
    "/retargeting/email-campaigns/json-feedback": lambda all_: {
        "status": "success",
        "data": all_["feedback"],
    },
}


def _wicked(found: list[Record]) -> Record:
    return {"results": found, "page": 1, "totalPages": 1, "total": len(found)}


@contextmanager
def serving(served: dict[str, list[Record]] | None = None) -> Iterator[dict[str, str]]:
    """Serve these records, by default ``records()``; yield the settings that point at them.

    Every list is served unfiltered for any requested days. ``served`` may be changed meanwhile."""
    served = records() if served is None else served

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = ANSWERS.get(self.path.partition("?")[0])
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps(answer(served) if answer else {"error": "no such path"}).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_arguments: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield environment(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(url: str) -> dict[str, str]:
    """The settings of a project whose providers are at ``url``."""
    return {
        "FEEDBACK_START_DATE": FIRST.isoformat(),
        "WICKED_REPORTS_URL": f"{url}/wicked",
        "WICKED_REPORTS_API_KEY": "first-version-wicked-key",
        "WICKED_REPORTS_REQUESTS_PER_MINUTE": "100000",
        "THANX_URL": f"{url}/thanx",
        "THANX_ACCESS_TOKEN": "first-version-thanx-token",
        "FULLWHERE_URL": f"{url}/fullwhere",
        "FULLWHERE_API_KEY": "first-version-fullwhere-key",
        "FULLWHERE_API_SECRET": "first-version-fullwhere-secret",
        "FEEDBACKPULSE_URL": f"{url}/pulse",
        "FEEDBACKPULSE_API_KEY": "first-version-pulse-key",
        "FEEDBACKPULSE_REQUESTS_PER_MINUTE": "100000",
        "RETARGETING_URL": f"{url}/retargeting",
        "RETARGETING_REST_KEY": "first-version-rest-key",
        "RETARGETING_CUSTOMER_ID": "first-version-customer",
    }


def days() -> list[date]:
    return [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
