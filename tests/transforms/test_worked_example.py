"""The worked example of docs/methods.md, computed from the page itself."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from feedback_assets.days import days_between
from feedback_assets.tables import DERIVED_TABLES, find_table
from feedback_assets.transforms import ArrowTables, Parameters, build_days, build_whole
from tests.transforms.worlds import Row, arrow

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
PARAMETERS = Parameters(customer_secret=b"example")
FIRST, LAST = date(2024, 5, 1), date(2024, 5, 20)
ANSWER_IDS = {
    "retargeting": "retargeting:1001:2024-05-18T10:00:00Z",
    "thanx": "thanx:t1",
    "feedbackpulse 1": "feedbackpulse:1",
    "feedbackpulse 2": "feedbackpulse:2",
    "feedbackpulse 3": "feedbackpulse:3",
}


def _tables(text: str) -> dict[str, list[dict[str, str]]]:
    """The first table under each heading, as rows of text."""
    found = {}
    for section in re.split(r"^#+ ", text, flags=re.MULTILINE):
        heading = section.split("\n", 1)[0]
        first = re.search(r"(?:^\|.*\n)+", section, flags=re.MULTILINE)
        lines = first[0].splitlines() if first else []
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        if cells:
            found[heading] = [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]
    return found


def _when(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def _payments(text: str) -> list[Row]:
    payments = [payment.rsplit(" ", 1) for payment in text.split(", ") if payment]
    return [{"status": status, "amount": Decimal(amount)} for status, amount in payments]


def _touch(text: str) -> Row | None:
    source, _, campaign = text.partition(" / ")
    return {"source": source, "campaign": campaign} if text else None


def _given(page: dict[str, list[dict[str, str]]]) -> dict[str, list[Row]]:
    """The example's input as provider rows."""
    given: dict[str, list[Row]] = {}
    given["wicked_reports.clicks"] = [
        {
            "contact_id": row["contact"],
            "date": _when(row["clicked"]),
            "utms": {"source": row["source"], "campaign": row["campaign"]},
        }
        for row in page["Clicks"]
    ]
    given["wicked_reports.orders"] = [
        {
            "id": row["order"],
            "source_id": row["number"],
            "date": _when(row["ordered"]),
            "contact": {"id": row["contact"], "email": row["e-mail"]},
            "payments": _payments(row["payments"]),
            "amount": Decimal(20),
            "currency": "EUR",
            "attributions": {"first_click": _touch(row["first click"])},
        }
        for row in page["Orders"]
    ]
    given["wicked_reports.contacts"] = [
        {"id": row["contact"], "create_date": _when(row["created"])} for row in page["Contacts"]
    ]
    given["ad_spend.daily"] = [
        {name: row[name] for name in ("source", "campaign")}
        | {"medium": "(none)", "currency": "EUR", "spend": Decimal(row["spend"])}
        | {"covered_from": FIRST, "covered_to": LAST}
        | {"day": date.fromisoformat(row["day"])}
        for row in page["Spend"]
    ]
    for row in page["Answers"]:
        provider, _, number = row["answer"].partition(" ")
        answered, score = _when(row["answered"]), int(row["score"])
        if provider == "retargeting":
            given["retargeting.order_feedback"] = [
                {"order_no": row["order named"], "score": score, "added_on": answered}
            ]
        elif provider == "thanx":
            purchase = {"order": {"id": row["order named"]}}
            given["thanx.feedbacks"] = [
                {"id": "t1", "user_id": row["customer"], "rating": score, "purchase": purchase}
                | {"purchased_at": answered}
            ]
        else:
            given.setdefault("feedbackpulse.submissions", []).append(
                {"id": int(number), "nps_score": score, "created_at": answered}
                | {"customer_email": row["e-mail"], "status": row["status"]}
            )
    for name, rows in given.items():
        for record in rows if find_table(name).event_time else ():
            record["day"] = record[str(find_table(name).event_time)].date()
    return given


@pytest.fixture(scope="module")
def page() -> dict[str, list[dict[str, str]]]:
    return _tables(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def built(page: dict[str, list[dict[str, str]]]) -> dict[str, list[Row]]:
    rows = {name: arrow(find_table(name), given) for name, given in _given(page).items()}
    days = {table.full_name: days_between(FIRST, LAST) for table in DERIVED_TABLES}
    source = ArrowTables(rows, days)
    result = {}
    for table in DERIVED_TABLES:
        if table.partitioned:
            found = [
                row | {"day": day}
                for day, part in build_days(table, FIRST, LAST, source, PARAMETERS)
                for row in part.to_pylist()
            ]
        else:
            found = build_whole(table, source, PARAMETERS).to_pylist()
        result[table.full_name] = found
        rows[table.full_name] = arrow(table, found)
    return result


def _shown(value: Any, as_in: str) -> bool:
    """Whether a value equals the page's figure, to the page's decimals."""
    if as_in == "" or value is None:
        return value is None and as_in == ""
    if isinstance(value, str):
        return value == as_in
    return abs(float(value) - float(as_in)) <= 0.5 * 10 ** -len(as_in.partition(".")[2]) + 1e-9


def test_answers_match_the_orders_of_the_page(
    page: dict[str, list[dict[str, str]]], built: dict[str, list[Row]]
) -> None:
    found = {row["feedback_id"]: row for row in built["marts.order_feedback"]}
    assert len(found) == len(page["Matches"])
    for row in page["Matches"]:
        match = found[ANSWER_IDS[row["answer"]]]
        assert _shown(match["match_method"], row["rule"])
        assert _shown(match["order_id"], row["order"])
        assert _shown(match["days_to_response"], row["days"])
        assert _shown(match["net_amount"], row["net amount"])


def test_touch_weights_match_the_page(
    page: dict[str, list[dict[str, str]]], built: dict[str, list[Row]]
) -> None:
    computed = [row for row in built["unified.attribution"] if row["model"] != "first_click"]
    assert len(computed) == 3 * len(page["Weights"])
    found = {(row["order_id"], row["model"], row["touch_index"]): row for row in computed}
    for row in page["Weights"]:
        for model in ("linear", "position_based", "time_decay"):
            touch = found[row["order"], model, int(row["touch"])]
            assert (touch["source"], touch["campaign"]) == (row["source"], row["campaign"])
            assert _shown(touch["weight"], row[model])


def test_nps_and_intervals_of_channels_match_the_page(
    page: dict[str, list[dict[str, str]]], built: dict[str, list[Row]]
) -> None:
    shown = page["NPS by channel"]
    models = {row["model"] for row in shown}
    found = {
        (row["model"], row["source"], row["campaign"]): row
        for row in built["marts.nps_by_channel"]
        if row["window_days"] == 30 and row["model"] in models
    }
    assert len(found) == len(shown)
    for row in shown:
        channel = found[row["model"], row["source"], row["campaign"]]
        for column in ("responses", "promoters", "passives", "detractors", "nps"):
            assert _shown(channel[column], row[column]), (row, column, channel)
        assert _shown(channel["nps_low"], row["from"]), (row, channel)
        assert _shown(channel["nps_high"], row["to"]), (row, channel)


def test_every_model_adds_up_to_the_answers_that_count(built: dict[str, list[Row]]) -> None:
    sums: dict[str, float] = {}
    for row in built["marts.nps_by_attribution"]:
        sums[row["model"]] = sums.get(row["model"], 0) + row["responses"]
    assert len(sums) == 7
    assert all(total == pytest.approx(4, abs=1e-9) for total in sums.values())


_SHOWN = {
    "orders": "orders", "net amount": "net_amount", "customers": "customers",
    "new": "new_customers", "unknown": "unknown_customers", "repeat orders": "repeat_orders",
    "repeat rate": "repeat_rate", "spend": "spend", "per order": "cost_per_order",
    "roas": "roas", "per customer": "net_amount_per_customer", "responses": "responses",
    "effective": "effective_responses", "nps": "nps", "from": "nps_low", "to": "nps_high",
    "rest": "rest_nps", "z": "versus_z",
}  # fmt: skip


def _scored(built: dict[str, list[Row]], **given: Any) -> list[Row]:
    wanted = given | {"window_days": 30}
    rows = built["marts.channel_scorecard"]
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def test_channels_have_the_orders_customers_and_costs_that_the_page_says(
    page: dict[str, list[dict[str, str]]], built: dict[str, list[Row]]
) -> None:
    shown = page["Channel scorecard"]
    found = {
        (row["model"], row["source"], row["campaign"]): row
        for row in _scored(built, level="campaign", currency="EUR")
    }
    assert sum(model == "first_click" for model, *_ in found) == 3
    for row in shown:
        channel = found[row["model"], row["source"], row["campaign"]]
        for name in row.keys() & _SHOWN.keys():
            assert _shown(channel[_SHOWN[name]], row[name]), (name, row, channel)
    [ben] = [row for key, row in found.items() if key[:2] == ("first_click", "(unattributed)")]
    assert ben["net_amount_detractors"] == Decimal(30)


def test_channels_have_the_intervals_by_customers_that_the_page_says(
    page: dict[str, list[dict[str, str]]], built: dict[str, list[Row]]
) -> None:
    for row in page["Intervals by customers"]:
        [channel] = _scored(
            built,
            model="first_click",
            currency="(all)",
            **{name: row[name] for name in ("level", "source", "campaign")},
        )
        for name in row.keys() & _SHOWN.keys():
            assert _shown(channel[_SHOWN[name]], row[name]), (name, row, channel)
