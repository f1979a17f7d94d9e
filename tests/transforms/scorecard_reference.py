"""What the marts about money and channels hold, written from the specification's words.

Plain Python, slow and obvious on purpose: for each row the orders and answers are gone through
again, customer by customer. Sums are exact fractions. Nothing here knows the SQL.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from tests.transforms.reference import (
    CENT,
    COMPUTED,
    GIVEN,
    Row,
    channel_of,
    counts,
    currency_code,
    interval,
    nps,
    pseudonym,
)

WINDOWS = (7, 30, 90, 365)
LEVELS = ("campaign", "medium", "source", "all")
ALL = "(all)"
Channel = tuple[str, str, str]


def channel_scorecard(
    rows: list[Row],
    all_orders: list[Row],
    touches: list[Row],
    contacts: list[Row],
    spend: list[Row],
    *,
    last: date | None,
    held: Iterable[date],
    secret: bytes,
) -> list[Row]:
    """The mart's rows, given the tables that it is computed from and the days held of orders."""
    if last is None:
        return []
    days = sorted(held)
    orders = _placed(all_orders, rows, contacts, days, secret)
    answers = [_answer(row, orders, last) for row in filter(counts, rows) if row["day"] <= last]
    bought = [(model, *credit) for model in GIVEN + COMPUTED for order in orders
              for credit in _credits(order, model, touches)]  # fmt: skip
    said = [(model, *credit) for model in GIVEN + COMPUTED for answer in answers
            for credit in _credits(answer, model, touches)]  # fmt: skip
    spent = [
        row
        | {part: channel_of(row[part]) or "(none)" for part in ("source", "medium", "campaign")}
        | {"currency": currency_code(row["currency"]) or "(none)"}
        for row in spend
    ]
    out: list[Row] = []
    for window in WINDOWS:
        before_held = all(last - timedelta(days=age) in days for age in range(window, 2 * window))
        for model in GIVEN + COMPUTED:
            mine = [(channel, weight, order) for m, channel, weight, order in bought if m == model]
            heard = [(channel, weight, answer) for m, channel, weight, answer in said if m == model]
            for level in LEVELS:
                out += _level(
                    window, model, level, mine, heard, answers, orders, spent,
                    last=last, days=days, before_held=before_held,
                )  # fmt: skip
    return out


def _placed(
    all_orders: list[Row], rows: list[Row], contacts: list[Row], days: list[date], secret: bytes
) -> list[Row]:
    """Each order once, as its later day has it, with its customer and what that makes of it."""
    latest = {row["order_id"]: row for row in sorted(all_orders, key=lambda row: row["day"])}
    orders = [dict(row) for row in latest.values()]
    created = {row["id"]: row["create_date"] for row in sorted(contacts, key=lambda r: r["day"])}
    first_held = datetime.combine(days[0], time(0), UTC) if days else None
    for order in orders:
        order["person"] = order["customer_email"] or order["contact_id"]
        order["customer"] = order["person"] or ("the order", order["order_id"])
        order["currency"] = order["currency"] or "(none)"
        order["net"] = Fraction(order["net_amount"] or 0)
    classes = _latest_classes(orders, rows, secret)
    orders.sort(key=lambda order: (order["ordered_at"], order["order_id"]))
    seen: dict[Any, Row] = {}
    for order in orders:
        before = seen.get(order["customer"])
        order["is_first"] = before is None
        if before is not None:
            gap = order["ordered_at"] - before["ordered_at"]
            before["is_followed"] = gap <= timedelta(days=30)
        order["is_followed"] = False
        seen[order["customer"]] = order
        contact = created.get(order["contact_id"])
        began = contact is not None and first_held is not None and contact >= first_held
        long_held = sum(day < order["day"] for day in days) >= 365
        order["is_new"] = order["is_first"] and (began or long_held)
        order["is_answered"] = any(
            row["order_id"] == order["order_id"]
            and row["responded_at"] - order["ordered_at"] <= timedelta(days=14)
            for row in filter(counts, rows)
        )
        order["class"] = classes.get(order["customer"])
    return orders


def _latest_classes(orders: list[Row], rows: list[Row], secret: bytes) -> dict[Any, str]:
    """The class of each customer's latest counted answer."""
    by_id = {order["order_id"]: order for order in orders}
    people = {pseudonym(secret, order["person"]): order["person"] for order in orders}
    people.pop(None, None)
    found: dict[Any, str] = {}
    answers = sorted(filter(counts, rows), key=lambda row: str(row["feedback_id"]), reverse=True)
    for row in sorted(answers, key=lambda row: row["responded_at"]):
        order = by_id.get(row["order_id"], {})
        customer = order.get("person") or people.get(row["customer_key"]) or order.get("customer")
        if customer is not None:
            found[customer] = row["nps_class"]
    return found


def _answer(row: Row, orders: list[Row], last: date) -> Row:
    first = any(o["is_first"] for o in orders if o["order_id"] == row["order_id"])
    return {
        "order_id": row["order_id"],
        "ordered_at": row["ordered_at"],
        "day": row["day"],
        "when": row["responded_at"],
        "feedback_id": row["feedback_id"],
        "class": row["nps_class"],
        "x": {"promoter": 1, "passive": 0, "detractor": -1}[row["nps_class"]],
        "customer": row["customer_key"] or row["feedback_id"],
        "currency": "(unmatched)" if row["order_id"] is None else row["currency"] or "(none)",
        "is_first": row["order_id"] is not None and first,
    }


def _credits(row: Row, model: str, touches: list[Row]) -> list[tuple[Channel, Fraction, Row]]:
    """The channels that an order, or an answer about one, is credited to."""
    if row["order_id"] is None:
        return [(("(unmatched)",) * 3, Fraction(1), row)]
    mine = [
        touch
        for touch in touches
        if (touch["model"], touch["order_id"], touch["ordered_at"])
        == (model, row["order_id"], row["ordered_at"])
    ]
    if not mine:
        return [(("(unattributed)",) * 3, Fraction(1), row)]
    names = [
        tuple(channel_of(touch[part]) or "(none)" for part in ("source", "medium", "campaign"))
        for touch in mine
    ]
    return [
        ((name[0], name[1], name[2]), _counted(touch["weight"]), row)
        for name, touch in zip(names, mine, strict=True)
    ]


def _counted(weight: float) -> Fraction:
    """A weight as it counts: in whole 10^-15."""
    return Fraction(math.floor(weight * 10**15 + 0.5), 10**15)


def _at(level: str, channel: Channel) -> Channel:
    kept = {"campaign": 3, "medium": 2, "source": 1, "all": 0}[level]
    return (*channel[:kept], *[ALL] * (3 - kept))  # type: ignore[return-value]


Credit = tuple[Channel, Fraction, Row]


def _level(  # noqa: C901 - a line a column
    window: int,
    model: str,
    level: str,
    bought: list[Credit],
    said: list[Credit],
    answers: list[Row],
    orders: list[Row],
    spent: list[Row],
    *,
    last: date,
    days: list[date],
    before_held: bool,
) -> list[Row]:
    def age(row: Row) -> int:
        return (last - row["day"]).days

    inside: Callable[[Row], bool] = lambda row: 0 <= age(row) < window  # noqa: E731
    before: Callable[[Row], bool] = (  # noqa: E731
        lambda row: before_held and window <= age(row) < 2 * window
    )
    back: Callable[[Row], bool] = lambda row: 30 <= age(row) < 30 + window  # noqa: E731
    reach: Callable[[Row], bool] = lambda row: 14 <= age(row) < 14 + window  # noqa: E731
    turned = _turned(answers, window, last)
    counted_days = [day for day in days if 0 <= (last - day).days < window]
    paid = [row for row in spent if row["day"] in counted_days]
    keys: set[tuple[Channel, str]] = set()
    for channel, _, order in bought:
        if inside(order) or before(order) or back(order) or reach(order):
            keys |= {(_at(level, channel), order["currency"]), (_at(level, channel), ALL)}
    for channel, _, answer in said:
        if inside(answer) or before(answer):
            keys |= {(_at(level, channel), answer["currency"]), (_at(level, channel), ALL)}
    for row in paid:
        channel = _at(level, (row["source"], row["medium"], row["campaign"]))
        keys |= {(channel, row["currency"]), (channel, ALL)}
    found: dict[tuple[Channel, str], Row] = {}
    for channel, currency in sorted(keys):
        if currency == "(unmatched)":
            continue

        def here(credit: Credit, channel: Channel = channel, currency: str = currency) -> bool:
            at, _, row = credit
            return _at(level, at) == channel and currency in (ALL, row["currency"])

        mine, heard = [c for c in bought if here(c)], [c for c in said if here(c)]

        def weigh(
            some: list[Credit], *tests: Callable[[Row], bool], by: str | None = None
        ) -> Fraction:
            return sum(
                (w * (row[by] if by else 1) for _, w, row in some if all(t(row) for t in tests)),
                Fraction(0),
            )

        money: Callable[[Fraction], Decimal | None] = (  # noqa: E731
            lambda value, currency=currency: None if currency == ALL else _rounded(value)
        )
        in_currency: Callable[[Row], bool] = (  # noqa: E731
            lambda row, currency=currency: currency in (ALL, row["currency"])
        )
        row: Row = {
            "window_days": window, "model": model, "level": level, "source": channel[0],
            "medium": channel[1], "campaign": channel[2], "currency": currency,
            "orders": weigh(mine, inside),
            "net_amount": money(weigh(mine, inside, by="net")),
            "net_amount_detractors": money(
                weigh(mine, inside, lambda o: o["class"] == "detractor", by="net")
            ),
            "net_amount_answered": money(
                weigh(mine, inside, lambda o: o["class"] is not None, by="net")
            ),
            "return_base": weigh(mine, back),
            "return_rate": _share(weigh(mine, back, lambda o: o["is_followed"]), weigh(mine, back)),
            "response_base": weigh(mine, reach),
            "response_rate": _share(
                weigh(mine, reach, lambda o: o["is_answered"]), weigh(mine, reach)
            ),
            "new_customers": weigh(mine, inside, lambda o: o["is_new"]),
            "unknown_customers": weigh(
                mine, inside, lambda o: o["is_first"] and not o["is_new"]
            ),
            "repeat_orders": weigh(mine, inside, lambda o: not o["is_first"]),
            "orders_before": weigh(mine, before) if before_held else None,
            "net_amount_before": money(weigh(mine, before, by="net")) if before_held else None,
            "responses_before": weigh(heard, before) if before_held else None,
            "promoters_before": (
                weigh(heard, before, lambda a: a["x"] == 1) if before_held else None
            ),
            "responses": weigh(heard, inside),
            "promoters": weigh(heard, inside, lambda a: a["x"] == 1),
            "passives": weigh(heard, inside, lambda a: a["x"] == 0),
            "detractors": weigh(heard, inside, lambda a: a["x"] == -1),
            "promoters_won": weigh(heard, lambda a: turned.get(id(a)) == "won"),
            "promoters_lost": weigh(heard, lambda a: turned.get(id(a)) == "lost"),
        }  # fmt: skip
        row |= _customers([c for c in mine if inside(c[2])], list(filter(inside, orders)), currency)
        row |= _nps(heard, answers, inside, before, in_currency)
        row |= _spend(paid, spent, counted_days, channel, currency, level)
        found[channel, currency] = row
    for (channel, _), row in found.items():
        _prices(row, found[channel, ALL])
    return [
        {name: float(v) if isinstance(v, Fraction) else v for name, v in row.items()
         if not name.startswith("_")}
        for row in found.values()
    ]  # fmt: skip


def _share(part: Fraction, whole: Fraction) -> float | None:
    return float(part / whole) if whole else None


def _rounded(value: Fraction) -> Decimal:
    sign = -1 if value < 0 else 1
    whole = int(abs(value) * 10_000 + Fraction(1, 2))
    return (sign * Decimal(whole) / 10_000).quantize(CENT, ROUND_HALF_UP)


def _turned(answers: list[Row], window: int, last: date) -> dict[int, str]:
    """By an answer's identity, whether its customer became a promoter by it, or ceased to be."""
    found = {}
    by_customer: dict[Any, list[Row]] = defaultdict(list)
    for answer in answers:
        by_customer[answer["customer"]].append(answer)
    for theirs in by_customer.values():
        theirs.sort(key=lambda a: a["feedback_id"], reverse=True)
        theirs.sort(key=lambda a: a["when"])
        now = [a for a in theirs if (last - a["day"]).days < window]
        earlier = [a for a in theirs if (last - a["day"]).days >= window]
        if now and earlier:
            is_, was = now[-1]["x"] == 1, earlier[-1]["x"] == 1
            if is_ != was:
                found[id(now[-1])] = "won" if is_ else "lost"
    return found


def _customers(mine: list[Credit], orders: list[Row], currency: str) -> Row:
    """Shares of customers, and how their money is spread (section 5)."""
    theirs: dict[Any, list[Row]] = defaultdict(list)
    for order in orders:
        if currency in (ALL, order["currency"]):
            theirs[order["customer"]].append(order)
    weights: dict[Any, Fraction] = defaultdict(Fraction)
    money: dict[Any, Fraction] = defaultdict(Fraction)
    for _, weight, order in mine:
        weights[order["customer"]] += weight
        money[order["customer"]] += weight * order["net"]
    buyers = [customer for customer in weights if weights[customer] > 0]
    shares = [weights[customer] / len(theirs[customer]) for customer in buyers]
    total = sum(shares, Fraction(0))
    repeaters = sum(
        (s for c, s in zip(buyers, shares, strict=True) if len(theirs[c]) >= 2), Fraction(0)
    )
    row: Row = {
        "buyers": len(buyers),
        "customers": total,
        "effective_customers": float(total**2 / sum(s * s for s in shares)) if buyers else 0.0,
        "repeat_rate": _share(repeaters, total),
    }
    totals = sorted(sum(float(o["net"]) for o in theirs[c]) for c in buyers)
    shown = currency != ALL
    spent = [money[customer] for customer in buyers]
    mean = sum(money.values(), Fraction(0)) / total if total else Fraction(0)
    return row | spread(mean, *((shares, spent, totals) if shown else ([], [], [])))


def spread(
    mean: Fraction, shares: list[Fraction], money: list[Fraction], totals: list[float]
) -> Row:
    """Mean with Hall's interval, median with that of its ranks, quartiles."""
    names = ("net_amount_per_customer", "net_amount_per_customer_low",
             "net_amount_per_customer_high", "median", "q1", "q3", "median_low",
             "median_high")  # fmt: skip
    row: Row = dict.fromkeys(names)
    n = len(totals)
    if not n:
        return row
    row["net_amount_per_customer"] = float(mean)
    row["median"], row["q1"], row["q3"] = (_quantile(totals, p) for p in (0.5, 0.25, 0.75))
    rank = math.floor((n + 1) / 2 - 0.98 * math.sqrt(n))
    if rank >= 1:
        row["median_low"], row["median_high"] = totals[rank - 1], totals[n - rank]
    if n > 1:
        mean_share = sum(shares, Fraction(0)) / n
        off = [(r - mean * s) / mean_share for r, s in zip(money, shares, strict=True)]
        variance = sum(e * e for e in off) / (n - 1)
        deviation = math.sqrt(variance)
        skew = sum(float(e) ** 3 for e in off) / n / deviation**3 if deviation > 0 else 0.0
        q = 1.96 + 2.37 / (n - 1) + 2.82 / (n - 1) ** 2
        for name, z in (("low", q), ("high", -q)):
            ends = float(mean) - _hall(z, skew, n) * deviation / math.sqrt(n)
            row[f"net_amount_per_customer_{name}"] = ends
    return row


def _quantile(values: list[float], p: float) -> float:
    at = (len(values) - 1) * p
    low = math.floor(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


def _hall(z: float, skew: float, n: int) -> float:
    if abs(skew) < 1e-6:
        return z
    a, root = skew / 3, math.sqrt(n)
    return root / a * (math.cbrt(1 + 3 * a / root * (z - skew / (6 * root))) - 1)


def estimate(points: Iterable[tuple[Fraction, Fraction]]) -> tuple[float, float] | None:
    """t and v of section 3, of each customer's W and X."""
    pairs = list(points)
    w = sum((W for W, _ in pairs), Fraction(0))
    if w <= Fraction(1, 10**9):
        return None
    x = sum((X for _, X in pairs), Fraction(0))
    ww, wx, xx = (sum((a * b for a, b in some), Fraction(0)) for some in (
        [(W, W) for W, _ in pairs], pairs, [(X, X) for _, X in pairs]))  # fmt: skip
    c = ww / w
    t = x / (w + 3 * c)
    v = (xx - 2 * t * wx + t * t * ww + c * c * (Fraction(3, 2) + 3 * t * t)) / (w + 3 * c) ** 2
    return float(t), float(v)


def _points(some: Iterable[Credit]) -> dict[Any, tuple[Fraction, Fraction]]:
    found: dict[Any, tuple[Fraction, Fraction]] = {}
    for _, weight, answer in some:
        w, x = found.get(answer["customer"], (Fraction(0), Fraction(0)))
        found[answer["customer"]] = (w + weight, x + weight * answer["x"])
    return found


def _plain(pairs: Iterable[tuple[Fraction, Fraction]]) -> float | None:
    some = list(pairs)
    w = sum((W for W, _ in some), Fraction(0))
    return float(100 * sum((X for _, X in some), Fraction(0)) / w) if w else None


def _nps(
    heard: list[Credit],
    answers: list[Row],
    inside: Callable[[Row], bool],
    before: Callable[[Row], bool],
    in_currency: Callable[[Row], bool],
) -> Row:
    points = _points(c for c in heard if inside(c[2]))
    earlier = _points(c for c in heard if before(c[2]))
    first = _points(c for c in heard if inside(c[2]) and c[2]["is_first"])
    everybody = _points(
        (("", "", ""), Fraction(1), a) for a in answers if inside(a) and in_currency(a)
    )
    nothing = (Fraction(0), Fraction(0))
    rest = [
        (T - points.get(customer, nothing)[0], U - points.get(customer, nothing)[1])
        for customer, (T, U) in everybody.items()
    ]
    now, was, new = (estimate(p.values()) for p in (points, earlier, first))
    others = estimate(rest) if now else None
    w = sum((W for W, _ in points.values()), Fraction(0))
    ww = sum((W * W for W, _ in points.values()), Fraction(0))
    row: Row = {
        "effective_responses": float(w * w / ww) if w else 0.0,
        "nps": _plain(points.values()),
        "nps_adjusted": now and 100 * now[0],
        "nps_se": now and 100 * math.sqrt(now[1]),
        "first_responses": sum((W for W, _ in first.values()), Fraction(0)),
        "first_nps": _plain(first.values()),
        "rest_nps": _plain(rest) if others else None,
        "nps_before": _plain(earlier.values()),
        "_sums": (w, ww),
    }
    row["nps_low"], row["nps_high"] = _ends(now, 100)
    row["first_nps_low"], row["first_nps_high"] = _ends(new, 100)
    row["versus_rest"] = None if row["rest_nps"] is None else row["nps"] - row["rest_nps"]
    row["versus_z"] = _z(now, others)
    row["change_z"] = _z(now, was)
    changed = now is not None and was is not None
    row["nps_change"] = row["nps"] - row["nps_before"] if changed else None
    moved = (now[0] - was[0], now[1] + was[1]) if now and was else None
    row["nps_change_low"], row["nps_change_high"] = _ends(moved, 200)
    return row


def _ends(found: tuple[float, float] | None, most: int) -> tuple[float | None, float | None]:
    if found is None:
        return None, None
    t, v = found
    half = 1.96 * math.sqrt(v)
    return max(-float(most), 100 * (t - half)), min(float(most), 100 * (t + half))


def _z(one: tuple[float, float] | None, other: tuple[float, float] | None) -> float | None:
    if one is None or other is None:
        return None
    return (one[0] - other[0]) / math.sqrt(one[1] + other[1])


def _spend(
    paid: list[Row],
    spent: list[Row],
    counted_days: list[date],
    channel: Channel,
    currency: str,
    level: str,
) -> Row:
    mine = [
        row
        for row in paid
        if _at(level, (row["source"], row["medium"], row["campaign"])) == channel
    ]
    same = [row for row in mine if currency in (ALL, row["currency"])]

    def added(name: str) -> Any:
        known = [row[name] for row in same if row[name] is not None]
        return sum(known) if known else None

    def covered(source: str, day: date) -> bool:
        return any(
            row["source"] == source and row["covered_from"] <= day <= row["covered_to"]
            for row in spent
        )

    sources = {row["source"] for row in spent} if level == "all" else {channel[0]}
    missing = sum(not all(covered(source, day) for source in sources) for day in counted_days)
    return {
        "spend": None if currency == ALL else added("spend"),
        "clicks": added("clicks"),
        "impressions": added("impressions"),
        "spend_days_missing": missing if spent and counted_days else None,
        "_currencies": len({row["currency"] for row in mine}),
    }


def _over(part: float | Fraction | None, whole: float | Fraction | None) -> float | None:
    return None if part is None or not whole else float(part) / float(whole)


def _prices(row: Row, whole: Row) -> None:
    spend = None if row["spend"] is None or row["spend_days_missing"] else float(row["spend"])
    once = spend if row["_currencies"] == 1 else None
    row["cost_per_order"] = _over(once, whole["orders"])
    row["roas"] = None if spend is None else _over(float(row["net_amount"]), spend)
    row["roas_covers"] = None if row["spend"] is None else _over(row["orders"], whole["orders"])
    first = whole["new_customers"] + whole["unknown_customers"]
    row["cost_per_new_low"] = _over(once, first)
    row["cost_per_new_high"] = _over(once, whole["new_customers"])
    cost = row["cost_per_order"]
    names = ("cost_per_promoter", "cost_per_promoter_low", "cost_per_promoter_high")
    row |= dict.fromkeys(names)
    n = whole["effective_responses"]
    if cost is None or not n:
        return
    share = float(whole["promoters"] / whole["responses"])
    middle = (n * share + 1.96**2 / 2) / (n + 1.96**2)
    half = 1.96 * math.sqrt(middle * (1 - middle) / (n + 1.96**2))
    row["cost_per_promoter"] = _over(cost, share)
    row["cost_per_promoter_low"] = cost / min(1.0, middle + half)
    row["cost_per_promoter_high"] = cost / (middle - half) if middle > half else None


def customer_value_spread(
    rows: list[Row], all_orders: list[Row], last: date | None, secret: bytes
) -> list[Row]:
    """``marts.customer_value_spread``: money by the latest answer, returns by the first."""
    latest = {row["order_id"]: row for row in sorted(all_orders, key=lambda row: row["day"])}
    orders = [row for row in latest.values() if row["customer_email"] or row["contact_id"]]
    whose = {row["order_id"]: row["customer_email"] or row["contact_id"] for row in orders}
    people = {pseudonym(secret, person): person for person in whose.values()}
    answers: dict[Any, list[Row]] = defaultdict(list)
    for row in sorted(filter(counts, rows), key=lambda row: str(row["feedback_id"])):
        answers[whose.get(row["order_id"]) or people.get(row["customer_key"])].append(row)
    answers.pop(None, None)
    bought: dict[Any, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for order in orders:
        bought[order["currency"]][whose[order["order_id"]]].append(order)
    out = []
    for currency, customers in bought.items():
        by_class: dict[str, list[str]] = defaultdict(list)
        followed: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
        for customer in customers:
            theirs = answers.get(customer, [])
            newest = max((row["responded_at"] for row in theirs), default=None)
            first = min(theirs, key=lambda row: row["responded_at"], default=None)
            name = next((r["nps_class"] for r in theirs if r["responded_at"] == newest), None)
            by_class[name or "(no answer)"].append(customer)
            if first is not None and last is not None and (last - first["day"]).days >= 30:
                followed[first["nps_class"]].append((customer, first["responded_at"]))
        out += [
            {"nps_class": name, "currency": currency}
            | _values([customers[customer] for customer in by_class[name]])
            | _returns(followed[name], customers)
            for name in by_class.keys() | followed.keys()
        ]
    return out


def _values(customers: list[list[Row]]) -> Row:
    amounts = [order["net_amount"] for orders in customers for order in orders]
    known = [amount for amount in amounts if amount is not None]
    totals = [sum((Fraction(o["net_amount"] or 0) for o in orders), Fraction(0))
              for orders in customers]  # fmt: skip
    mean = sum(totals, Fraction(0)) / len(totals) if totals else Fraction(0)
    return {
        "customers": len(customers),
        "net_amount": sum(known, Decimal(0)) if known else None,
    } | spread(mean, [Fraction(1)] * len(totals), totals, sorted(map(float, totals)))


def _returns(followed: list[tuple[str, datetime]], customers: dict[str, list[Row]]) -> Row:
    within = [
        [
            Fraction(order["net_amount"] or 0)
            for order in customers[customer]
            if timedelta(0) < order["ordered_at"] - answered <= timedelta(days=30)
        ]
        for customer, answered in followed
    ]
    n = len(followed)
    return {
        "followed": n,
        "returned_30": sum(bool(amounts) for amounts in within) / n if n else None,
        "net_amount_30": float(sum(map(sum, within), Fraction(0)) / n) if n else None,
    }


def nps_by_location(answers: list[Row], last: date | None) -> list[Row]:
    """``marts.nps_by_location``, of ``unified.feedback``."""
    out = []
    for window in WINDOWS if last else ():
        held = [
            row
            for row in answers
            if 0 <= (last - row["day"]).days < window
            and row["location_ref"] is not None
            and counts(row)
        ]
        for key in {(row["provider"], row["location_ref"]) for row in held}:
            mine = [row for row in held if (row["provider"], row["location_ref"]) == key]
            tally = [
                sum(row["nps_class"] == name for row in mine)
                for name in ("promoter", "passive", "detractor")
            ]
            bounds = interval(tally[0], tally[2], len(mine))
            out.append(
                {
                    "window_days": window,
                    "provider": key[0],
                    "location_ref": key[1],
                    "responses": len(mine),
                    "promoters": tally[0],
                    "passives": tally[1],
                    "detractors": tally[2],
                    "nps": nps(tally[0], tally[2], len(mine)),
                    "nps_low": bounds and bounds[0],
                    "nps_high": bounds and bounds[1],
                }
            )
    return out
