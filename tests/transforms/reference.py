"""The tables in plain Python over lists of dicts, written from the contract's text.

Slow and obvious on purpose: every rule is a loop over all rows. Rows carry their partition's
``day``. Independent of the SQL."""

import hashlib
import hmac
import math
import re
import statistics
import unicodedata
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Row = dict[str, Any]
World = dict[str, list[Row]]

GIVEN = ("first_click", "first_optin", "re_optin", "last_click")
COMPUTED = ("linear", "position_based", "time_decay")
CENT = Decimal("0.0001")


def blank_is_null(text: str | None) -> str | None:
    return None if text is None or text.strip() == "" else text


def email(text: str | None) -> str | None:
    if text is None:
        return None
    address = _plain(text)
    if address.endswith(">") and "<" in address:
        address = address[address.rindex("<") + 1 : -1].strip()
    if re.fullmatch("erased:[0-9a-f]{32}", address):
        return address
    parts = address.split("@")
    return address if len(parts) == 2 and all(parts) else None


def channel_of(text: str | None) -> str | None:
    name = _plain(text or "")
    return None if name in ("", "(all)", "(unattributed)", "(unmatched)") else name


def _plain(text: str) -> str:
    """Without invisible characters (those of the worlds are formats), NFC, trimmed, lower case."""
    seen = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFC", seen).strip().lower()


def currency_code(text: str | None) -> str | None:
    return (text or "").strip().upper() or None


def fits(amount: Decimal) -> Decimal | None:
    """Whether a decimal(18, 4) column can store it."""
    return amount if abs(amount) < 10**14 else None


def nps_class(score: int | None) -> str | None:
    if score is None:
        return None
    if score in (9, 10):
        return "promoter"
    return "passive" if score in (7, 8) else "detractor"


def pseudonym(secret: bytes, text: str | None) -> str | None:
    return None if text is None else hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


# --- unified


def feedback(world: World, match_days: int) -> list[Row]:
    rows = []
    for record in world.get("thanx.feedbacks", []):
        if record["rating"] is None and blank_is_null(record["review"]) is None:
            continue
        stamps = (record[name] for name in ("rated_at", "reviewed_at", "responded_at"))
        answered = next((stamp for stamp in stamps if stamp), record["purchased_at"])
        day = answered.date()
        if not 0 <= (day - record["day"]).days <= match_days:
            continue
        # A record in a later partition, up to the answer's day, replaces this one.
        if any(
            other["id"] == record["id"] and record["day"] < other["day"] <= day
            for other in world["thanx.feedbacks"]
        ):
            continue
        purchase = record["purchase"] or {}
        rows.append(
            _answer(
                day,
                "thanx",
                record["id"],
                answered,
                score=record["rating"],
                comment=record["review"],
                reply=record["response"],
                replied_at=record["responded_at"],
                status=record["state"],
                order_ref=(purchase.get("order") or {}).get("id"),
                purchase_ref=purchase.get("id"),
                customer_ref=record["user_id"],
                location_ref=record["location_id"],
                purchased_at=record["purchased_at"],
                purchase_amount=purchase.get("amount"),
            )
        )
    rows += [
        _answer(
            record["day"],
            "feedbackpulse",
            str(record["id"]),
            record["created_at"],
            score=record["nps_score"],
            stars=record["star_rating"],
            comment=record["text_feedback"],
            reply=record["admin_reply"],
            status=record["status"],
            is_spam=(record["status"] or "").strip().lower() == "spam",
            sentiment_score=record["sentiment_score"],
            sentiment_label=record["sentiment_label"],
            customer_email=email(record["customer_email"]),
            product_ref=None if record["product_id"] is None else str(record["product_id"]),
            survey_ref=None if record["campaign_id"] is None else str(record["campaign_id"]),
        )
        for record in world.get("feedbackpulse.submissions", [])
    ]
    for record in world.get("retargeting.order_feedback", []):
        added = record["added_on"]
        stamp = f"{added:%Y-%m-%dT%H:%M:%S}" + (f".{added:%f}" if added.microsecond else "") + "Z"
        rows.append(
            _answer(
                record["day"],
                "retargeting",
                f"{record['order_no']}:{stamp}",
                added,
                score=record["score"],
                comment=record["comment"],
                order_ref=record["order_no"],
                purchased_at=(record["order"] or {}).get("date"),
            )
        )
    return rows


def _answer(day: date, provider: str, id_: str, responded_at: datetime, **given: Any) -> Row:
    row: Row = {
        "day": day,
        "feedback_id": f"{provider}:{id_}",
        "provider": provider,
        "provider_feedback_id": id_,
        "responded_at": responded_at,
        "nps_class": nps_class(given.get("score")),
        "is_spam": given.get("is_spam", False),
    }
    texts = (
        "comment",
        "reply",
        "status",
        "sentiment_label",
        "order_ref",
        "purchase_ref",
        "customer_email",
        "customer_ref",
        "product_ref",
        "location_ref",
        "survey_ref",
    )
    row |= {name: blank_is_null(given.get(name)) for name in texts}
    others = ("score", "stars", "replied_at", "sentiment_score", "purchased_at", "purchase_amount")
    return row | {name: given.get(name) for name in others}


def orders(world: World) -> list[Row]:
    rows = []
    for order in world.get("wicked_reports.orders", []):
        contact = order["contact"] or {}
        payments = [payment for payment in order["payments"] or [] if payment is not None]
        products = [product for product in order["products"] or [] if product is not None]
        paid = refunded = Decimal(0)
        for payment in payments:
            status = (payment["status"] or "").strip().lower()
            amount = payment["amount"] or Decimal(0)
            if status in ("approved", "manual", "partially refunded"):
                paid += amount
            elif status == "refunded":
                refunded += abs(amount)
        quantities = [Decimal(1) if item["qty"] is None else item["qty"] for item in products]
        rows.append(
            {
                "day": order["day"],
                "order_id": order["id"],
                "source_id": blank_is_null(order["source_id"]),
                "source_system": blank_is_null(order["source_system"]),
                "ordered_at": order["date"],
                "contact_id": blank_is_null(contact.get("id")),
                "contact_source_id": blank_is_null(contact.get("source_id")),
                "customer_email": email(contact.get("email")),
                "currency": currency_code(order["currency"]),
                "amount": order["amount"],
                "paid_amount": fits(paid),
                "refunded_amount": fits(refunded),
                "net_amount": fits(max(Decimal(0), paid - refunded))
                if payments
                else order["amount"],
                "item_count": fits(sum(quantities, Decimal(0))),
                "subscription_id": blank_is_null(order["subscription_id"]),
            }
        )
    return rows


def attribution(world: World, touch_days: int) -> list[Row]:
    rows = []
    for order in world.get("wicked_reports.orders", []):
        for model in GIVEN:
            touch = (order["attributions"] or {}).get(model) or {}
            tags = _tags(touch)
            if touch.get("date") is not None or any(tags.values()):
                rows.append(_touch(order, model, 1, 1, touch.get("date"), tags, 1.0))
        contact_id = blank_is_null((order["contact"] or {}).get("id"))
        clicks = [
            click
            for click in world.get("wicked_reports.clicks", [])
            if contact_id is not None
            and click["contact_id"] == contact_id
            and order["date"] - timedelta(days=touch_days) <= click["date"] <= order["date"]
        ]
        clicks.sort(key=_click_order)
        count = len(clicks)
        decays = [2 ** (-((order["date"] - click["date"]) / timedelta(days=7))) for click in clicks]
        for index, click in enumerate(clicks):
            weights = {
                "linear": 1 / count,
                "position_based": _position_weight(index, count),
                "time_decay": decays[index] / math.fsum(decays),
            }
            for model in COMPUTED:
                tags = _tags(click["utms"] or {})
                rows.append(
                    _touch(order, model, index + 1, count, click["date"], tags, weights[model])
                )
    return rows


def _click_order(click: Row) -> tuple[Any, ...]:
    utms = click["utms"] or {}
    texts = [utms.get(name) for name in ("source", "medium", "campaign", "content", "term")]
    texts.append(click["tracking_url"])
    return (click["date"], *((text is not None, text or "") for text in texts))


def _position_weight(index: int, count: int) -> float:
    if count == 1:
        return 1.0
    if count == 2:
        return 0.5
    return 0.4 if index in (0, count - 1) else 0.2 / (count - 2)


def _tags(touch: Row) -> Row:
    names = ("source", "medium", "campaign", "content", "term")
    return {name: blank_is_null(touch.get(name)) for name in names}


def _touch(
    order: Row, model: str, index: int, count: int, at: datetime | None, tags: Row, weight: float
) -> Row:
    return {
        "day": order["day"],
        "order_id": order["id"],
        "ordered_at": order["date"],
        "model": model,
        "touch_index": index,
        "touch_count": count,
        "touched_at": at,
        **tags,
        "weight": weight,
    }


# --- marts


def match(answer: Row, all_orders: list[Row], match_days: int) -> tuple[str | None, Row | None]:
    # For an order that moved to another day, the last of the days in question counts.
    looked_at = _later(
        [order for order in all_orders if 0 <= (answer["day"] - order["day"]).days <= match_days],
        "order_id",
    )
    for reference in (answer["order_ref"], answer["purchase_ref"]):
        if reference is None:
            continue
        named = [
            order
            for order in looked_at
            if reference.strip() in (order["order_id"].strip(), (order["source_id"] or "").strip())
        ]
        before = [order for order in named if order["ordered_at"] <= answer["responded_at"]]
        if before:
            return "order_id", _latest(before)
        if named:
            return "order_id", min(named, key=lambda o: (o["ordered_at"], o["order_id"]))
    for method, reference, columns in (
        ("customer_id", answer["customer_ref"], ("contact_source_id", "contact_id")),
        ("email", answer["customer_email"], ("customer_email",)),
    ):
        if reference is None:
            continue
        earliest = answer["responded_at"] - timedelta(days=match_days)
        theirs = [
            order
            for order in looked_at
            if reference in [order[column] for column in columns]
            and earliest <= order["ordered_at"] <= answer["responded_at"]
        ]
        if theirs:
            return method, _latest(theirs)
    return None, None


def _latest(candidates: list[Row]) -> Row:
    last = max(order["ordered_at"] for order in candidates)
    tied = [order for order in candidates if order["ordered_at"] == last]
    return min(tied, key=lambda order: str(order["order_id"]))


KEPT = (
    "day",
    "feedback_id",
    "provider",
    "provider_feedback_id",
    "responded_at",
    "score",
    "nps_class",
    "stars",
    "comment",
    "reply",
    "replied_at",
    "status",
    "is_spam",
    "sentiment_score",
    "sentiment_label",
    "purchased_at",
    "purchase_amount",
)


def order_feedback(
    answers: list[Row],
    all_orders: list[Row],
    touches: list[Row],
    trackers: list[Row],
    match_days: int,
    secret: bytes,
) -> list[Row]:
    rows = []
    for answer in answers:
        method, order = match(answer, all_orders, match_days)
        row = {name: answer[name] for name in KEPT}
        row["match_method"] = method
        for name, source in (
            ("order_id", "order_id"),
            ("order_source_id", "source_id"),
            ("ordered_at", "ordered_at"),
            ("currency", "currency"),
            ("net_amount", "net_amount"),
        ):
            row[name] = order[source] if order else None
        row["days_to_response"] = (
            (answer["responded_at"] - order["ordered_at"]) / timedelta(days=1) if order else None
        )
        identity = answer["customer_email"]
        if order:
            identity = identity or order["customer_email"] or order["contact_id"]
        row["customer_key"] = pseudonym(secret, identity)
        for model in GIVEN:
            touch = next(
                (
                    touch
                    for touch in touches
                    if order and touch["model"] == model and _same_order(touch, order)
                ),
                {},
            )
            for part in ("source", "medium", "campaign"):
                row[f"{model}_{part}"] = channel_of(touch.get(part))
        tracker = _tracker(answer, order, trackers, match_days) or {}
        row["survey_sent_at"] = tracker.get("sent_at")
        row["survey_name"] = tracker.get("survey_name")
        row["survey_clicks"] = tracker.get("clicks")
        rows.append(row)
    return rows


def _same_order(touch: Row, order: Row) -> bool:
    return bool(
        touch["order_id"] == order["order_id"] and touch["ordered_at"] == order["ordered_at"]
    )


def _tracker(answer: Row, order: Row | None, trackers: list[Row], match_days: int) -> Row | None:
    sent = [
        tracker
        for tracker in trackers
        if order
        and tracker["purchase_id"] is not None
        and tracker["purchase_id"] in (order["order_id"], order["source_id"])
        and tracker["sent_at"] is not None
        and tracker["sent_at"] < answer["responded_at"]
        # The days read: the match window, plus one day ahead, because send_at is an estimate.
        and -1 <= (answer["day"] - tracker["day"]).days <= match_days
    ]
    sent.sort(key=lambda tracker: tracker["day"], reverse=True)
    sent.sort(key=lambda tracker: str(tracker["id"]))
    sent.sort(key=lambda tracker: tracker["sent_at"], reverse=True)
    return sent[0] if sent else None


def counts(row: Row) -> bool:
    return row["score"] is not None and not row["is_spam"]


def nps(promoters: float, detractors: float, responses: float) -> float | None:
    return 100 * (promoters - detractors) / responses if responses else None


def interval(promoters: float, detractors: float, n: float) -> tuple[float, float] | None:
    if not n:
        return None
    p, d = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
    half = 1.96 * math.sqrt((p + d - (p - d) ** 2) / (n + 3))
    return max(-100.0, 100 * (p - d - half)), min(100.0, 100 * (p - d + half))


def nps_daily(rows: list[Row]) -> list[Row]:
    out = []
    for day, provider in sorted({(row["day"], row["provider"]) for row in rows}):
        counted = [
            row for row in rows if row["day"] == day and row["provider"] == provider and counts(row)
        ]
        tally = {
            f"{name}s": sum(row["nps_class"] == name for row in counted)
            for name in ("promoter", "passive", "detractor")
        }
        out.append(
            {
                "day": day,
                "provider": provider,
                "responses": len(counted),
                **tally,
                "score_sum": sum(row["score"] for row in counted),
                "nps": nps(tally["promoters"], tally["detractors"], len(counted)),
            }
        )
    return out


def nps_by_attribution(rows: list[Row], touches: list[Row]) -> list[Row]:
    sums: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for row in filter(counts, rows):
        for model in GIVEN + COMPUTED:
            credited = [
                touch
                for touch in touches
                if row["order_id"] and touch["model"] == model and _same_order(touch, row)
            ]
            if row["order_id"] is None:
                shares = [(("(unmatched)",) * 3, 1.0)]
            elif not credited:
                shares = [(("(unattributed)",) * 3, 1.0)]
            else:
                shares = [
                    (
                        tuple(
                            channel_of(touch[part]) or "(none)"
                            for part in ("source", "medium", "campaign")
                        ),
                        touch["weight"],
                    )
                    for touch in credited
                ]
            place = ("promoter", "passive", "detractor").index(row["nps_class"]) + 1
            for channel, weight in shares:
                total = sums[(row["day"], model, *channel)]
                total[0] += weight
                total[place] += weight
    names = ("day", "model", "source", "medium", "campaign")
    return [
        dict(zip(names, key, strict=True))
        | dict(zip(("responses", "promoters", "passives", "detractors"), total, strict=True))
        for key, total in sums.items()
    ]


def nps_by_channel(daily: list[Row], last: date | None) -> list[Row]:
    if last is None:
        return []
    out = []
    names = ("model", "source", "medium", "campaign")
    for window in (7, 30, 90, 365):
        held = [row for row in daily if last - timedelta(days=window) < row["day"] <= last]
        for key in {tuple(row[name] for name in names) for row in held}:
            mine = [row for row in held if tuple(row[name] for name in names) == key]
            sums = {
                name: math.fsum(row[name] for row in mine)
                for name in ("responses", "promoters", "passives", "detractors")
            }
            bounds = interval(sums["promoters"], sums["detractors"], sums["responses"])
            out.append(
                {"window_days": window}
                | dict(zip(names, key, strict=True))
                | sums
                | {
                    "nps": nps(sums["promoters"], sums["detractors"], sums["responses"]),
                    "nps_low": bounds[0] if bounds else None,
                    "nps_high": bounds[1] if bounds else None,
                }
            )
    return out


def match_coverage(rows: list[Row]) -> list[Row]:
    found: dict[tuple[Any, ...], int] = defaultdict(int)
    for row in rows:
        found[row["day"], row["provider"], row["match_method"]] += 1
    names = ("day", "provider", "match_method", "responses")
    return [dict(zip(names, (*key, count), strict=True)) for key, count in found.items()]


def _later(rows: list[Row], key: str) -> list[Row]:
    """One row per key: the one of the later partition."""
    return list({row[key]: row for row in sorted(rows, key=lambda row: row["day"])}.values())


def customers(rows: list[Row], all_orders: list[Row], secret: bytes) -> list[Row]:
    held = [
        order | {"customer_key": pseudonym(secret, order["customer_email"] or order["contact_id"])}
        for order in _later(all_orders, "order_id")
    ]
    key_of = {order["order_id"]: order["customer_key"] for order in held}
    theirs: dict[str, list[Row]] = defaultdict(list)
    for row in filter(counts, rows):
        theirs[key_of.get(row["order_id"]) or row["customer_key"]].append(row)
    out = []
    known = [order for order in held if order["customer_key"] is not None]
    for key, currency in {(order["customer_key"], order["currency"]) for order in known}:
        bought = [order for order in known if order["customer_key"] == key]
        first = min(order["ordered_at"] for order in bought)
        bought = [order for order in bought if order["currency"] == currency]
        # Of two answers of one instant the smaller feedback_id counts, as the first and the latest.
        by_id = sorted(theirs[key], key=lambda row: str(row["feedback_id"]))
        earliest = min(by_id, key=lambda row: row["responded_at"], default=None)
        latest = max(by_id, key=lambda row: row["responded_at"], default=None)
        within = [
            order
            for order in bought
            if earliest is not None
            and timedelta(0) < order["ordered_at"] - earliest["responded_at"] <= timedelta(days=30)
        ]
        out.append(
            {
                "customer_key": key,
                "currency": currency,
                "orders": len(bought),
                "net_amount": _sum_of_known(bought),
                "first_ordered_at": first,
                "nps_class": latest and latest["nps_class"],
                "first_nps_class": earliest and earliest["nps_class"],
                "first_responded_at": earliest and earliest["responded_at"],
                "orders_30": len(within),
                "net_amount_30": _sum_of_known(within),
            }
        )
    return out


def _sum_of_known(orders: list[Row]) -> Decimal | None:
    amounts = [order["net_amount"] for order in orders if order["net_amount"] is not None]
    return sum(amounts, Decimal(0)) if amounts else None


def customer_value(rows: list[Row], all_orders: list[Row], secret: bytes) -> list[Row]:
    held = _later(all_orders, "order_id")
    key_of = {
        order["order_id"]: pseudonym(secret, order["customer_email"] or order["contact_id"])
        for order in held
    }
    classes: dict[str, str] = {}
    answers = sorted(filter(counts, rows), key=lambda row: str(row["feedback_id"]), reverse=True)
    for row in sorted(answers, key=lambda row: row["responded_at"]):
        # Without a customer on the order, the row's own key is that of the answer's e-mail.
        customer = key_of.get(row["order_id"]) or row["customer_key"]
        if customer is not None:
            classes[customer] = row["nps_class"]
    bought: dict[tuple[str, Any], list[Any]] = defaultdict(list)
    for order in held:
        if key_of[order["order_id"]] is not None:
            bought[key_of[order["order_id"]], order["currency"]].append(order["net_amount"])
    groups: dict[tuple[str, Any], list[list[Any]]] = defaultdict(list)
    for (customer, currency), amounts in bought.items():
        groups[classes.get(customer, "(no answer)"), currency].append(amounts)
    out = []
    for (class_, currency), customers in groups.items():
        known = [amount for amounts in customers for amount in amounts if amount is not None]
        net = sum(known, Decimal(0)) if known else None
        out.append(
            {
                "nps_class": class_,
                "currency": currency,
                "customers": len(customers),
                "orders": sum(len(amounts) for amounts in customers),
                "net_amount": net,
                "net_amount_per_customer": None
                if net is None
                else (net / len(customers)).quantize(CENT, ROUND_HALF_UP),
                "repeat_rate": sum(len(amounts) >= 2 for amounts in customers) / len(customers),
            }
        )
    return out


def survey_funnel(trackers: list[Row], rows: list[Row], match_days: int) -> list[Row]:
    latest: dict[str, Row] = {}
    never = datetime.min.replace(tzinfo=UTC)
    for tracker in sorted(trackers, key=lambda t: (t["updated_at"] or never, t["day"])):
        latest[tracker["id"]] = tracker
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for tracker in latest.values():
        groups[tracker["day"], tracker["survey_name"], tracker["sending_type"]].append(tracker)
    out = []
    for (day, name, kind), planned in groups.items():
        sent = [tracker for tracker in planned if tracker["sent_at"] is not None]
        answered = [tracker for tracker in sent if _answered(tracker, rows, match_days)]
        out.append(
            {
                "day": day,
                "survey_name": name,
                "sending_type": kind,
                "planned": len(planned),
                "sent": len(sent),
                "resent": sum(bool(tracker["resent"]) for tracker in planned),
                "clicked": sum(
                    bool(tracker["clicks"] or tracker["unique_clicks"]) for tracker in planned
                ),
                "answered": len(answered),
                "response_rate": len(answered) / len(sent) if sent else None,
            }
        )
    return out


def _answered(tracker: Row, rows: list[Row], match_days: int) -> bool:
    return any(
        not row["is_spam"]
        and tracker["purchase_id"] is not None
        and tracker["purchase_id"] in (row["order_id"], row["order_source_id"])
        and timedelta(0) <= row["responded_at"] - tracker["sent_at"] <= timedelta(days=match_days)
        for row in rows
    )


def product_scores(reviews: list[Row], wicked_orders: list[Row]) -> list[Row]:
    out = []
    for real_id in {review["real_id"] for review in reviews}:
        mine = [review for review in reviews if review["real_id"] == real_id]
        scores = [review["score"] for review in mine if review["score"] is not None]
        named = [
            (-order["date"].timestamp(), order["id"], item["name"])
            for order in _later(wicked_orders, "id")
            for item in order["products"] or []
            if item is not None and item["id"] == real_id and blank_is_null(item["name"])
        ]
        mean = statistics.fmean(scores) if scores else None
        half = (
            1.96 * statistics.stdev(scores) / math.sqrt(len(scores)) if len(scores) >= 2 else None
        )
        out.append(
            {
                "real_id": real_id,
                "product_name": min(named)[2] if named else None,
                "reviews": len(mine),
                "score_mean": mean,
                "score_low": None if half is None or mean is None else mean - half,
                "score_high": None if half is None or mean is None else mean + half,
                "comments": sum(blank_is_null(review["comment"]) is not None for review in mine),
            }
        )
    return out


def detractor_queue(
    rows: list[Row], all_orders: list[Row], last: date | None, secret: bytes
) -> list[Row]:
    if last is None:
        return []
    end = datetime.combine(last + timedelta(days=1), time(0), UTC)
    recent = [row for row in rows if last - timedelta(days=30) < row["day"] <= last]
    out = []
    for row in _later(recent, "feedback_id"):
        if row["nps_class"] != "detractor" or row["is_spam"] or row["reply"] is not None:
            continue
        theirs = [
            order["net_amount"]
            for order in _later(all_orders, "order_id")
            if row["customer_key"] is not None
            and pseudonym(secret, order["customer_email"] or order["contact_id"])
            == row["customer_key"]
            and order["currency"] == row["currency"]
            and order["net_amount"] is not None
        ]
        names = [
            "feedback_id",
            "provider",
            "responded_at",
            "score",
            "comment",
            "customer_key",
            "order_id",
            "order_source_id",
            "ordered_at",
            "currency",
            "net_amount",
        ]
        names += [
            f"{model}_{part}"
            for model in ("first_click", "last_click")
            for part in ("source", "medium", "campaign")
        ]
        out.append(
            {name: row[name] for name in names}
            | {
                "days_waiting": (end - row["responded_at"]) // timedelta(days=1),
                "customer_net_amount": sum(theirs, Decimal(0)) if theirs else None,
            }
        )
    out.sort(key=lambda row: str(row["feedback_id"]))
    out.sort(key=lambda row: row["responded_at"], reverse=True)
    return out
