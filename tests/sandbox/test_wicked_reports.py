from datetime import date, timedelta
from typing import Any

import pytest
import requests

from feedback_assets.sandbox import wicked_reports

FIRST, LAST = date(2026, 2, 1), date(2026, 2, 28)
PROBLEM = "There was some problem with your request."


def test_a_wrong_key_is_refused_as_documented(sandbox: Any) -> None:
    url = sandbox.environment()["WICKED_REPORTS_URL"]
    for headers in ({}, {"apikey": "wrong"}):
        response = requests.get(f"{url}/orders", headers=headers, timeout=5)
        assert response.status_code == 401
        assert response.json() == {
            "status": "error",
            "message": "Outbound API not enabled for client.",
        }


@pytest.mark.parametrize("path", ["/contacts", "/clicks", "/orders"])
def test_pages_bring_every_row_once_and_next_even_on_the_last(reader: Any, path: str) -> None:
    pages = list(reader.wicked_pages(path, from_=FIRST, to=FIRST + timedelta(days=9), limit=7))
    rows = [str(row) for page in pages for row in page["results"]]
    assert len(rows) == len(set(rows)) == pages[0]["total"] > 7
    assert [page["page"] for page in pages] == list(range(1, pages[0]["totalPages"] + 1))
    last = pages[-1]["next"]
    beyond = reader.wicked(path, from_=FIRST, to=FIRST + timedelta(days=9), limit=7, next=last)
    assert beyond.json()["results"] == []
    assert len({page["next"] for page in pages}) == len(pages)


@pytest.mark.parametrize("path", ["/contacts", "/clicks", "/orders"])
def test_a_page_has_100_rows_unless_told_otherwise_and_1000_at_most(reader: Any, path: str) -> None:
    query = {"from_": FIRST, "to": LAST}
    page = reader.wicked(path, **query).json()
    assert len(page["results"]) == min(100, page["total"])
    assert reader.wicked(path, **query, limit=1000).status_code == 200
    assert reader.wicked(path, **query, limit=1001).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"from_": "2026-02-01"},
        {"to": "2026-02-01"},
        {"from_": "01.02.2026", "to": "2026-02-02"},
        {"from_": "2026-02-30", "to": "2026-03-02"},
        {"from_": "2026-02-02", "to": "2026-02-01"},
        {"from_": "2026-02-01", "to": "2026-02-02", "limit": 0},
        {"from_": "2026-02-01", "to": "2026-02-02", "limit": "many"},
        # pragma: allowlist nextline secret
        {"from_": "2026-02-01", "to": "2026-02-02", "next": "9c783c753b7db667d9a5c96375514040"},
        {"from_": "2026-02-01", "to": "2026-02-02", "next": "no hash"},
    ],
)
@pytest.mark.parametrize("path", ["/contacts", "/clicks", "/orders"])
def test_parameters_that_do_not_hold_are_an_error_in_the_body(
    reader: Any, path: str, query: dict[str, Any]
) -> None:
    response = reader.wicked(path, **query)
    assert response.status_code == 400
    assert response.json()["status"] == "error"
    assert response.json()["message"].startswith(PROBLEM)


def test_clicks_span_at_most_30_days(reader: Any) -> None:
    assert reader.wicked("/clicks", from_="2026-01-01", to="2026-01-31").status_code == 200
    assert reader.wicked("/clicks", from_="2026-01-01", to="2026-02-01").status_code == 400
    assert reader.wicked("/orders", from_="2025-01-01", to="2026-02-01").status_code == 200


def test_a_key_for_one_query_does_not_open_another(reader: Any) -> None:
    key = reader.wicked("/orders", from_=FIRST, to=LAST).json()["next"]
    assert len(key) == 32
    assert reader.wicked("/orders", from_=FIRST, to=FIRST, next=key).status_code == 400
    assert reader.wicked("/contacts", from_=FIRST, to=LAST, next=key).status_code == 400


def test_both_days_of_a_filter_are_included(reader: Any) -> None:
    stamps = [row["date"][:10] for row in reader.wicked_all("/orders", FIRST, LAST)]
    assert min(stamps) == FIRST.isoformat()
    assert max(stamps) == LAST.isoformat()
    assert stamps == sorted(stamps)


def test_a_contact_is_found_by_id_source_id_and_email(reader: Any) -> None:
    listed = next(
        row for row in reader.wicked_all("/contacts", FIRST, LAST) if row["email"] != "null"
    )
    for key in (listed["id"], listed["sourceId"], listed["email"], listed["email"].upper()):
        response = reader.wicked(f"/contacts/{requests.utils.quote(key)}")
        assert response.json() == {"status": "success", "result": listed}


@pytest.mark.parametrize(
    "key", ["AB-1", "C1", "AB-9999999", "nobody@example.com", "x3@example.com"]
)
def test_an_unknown_contact_is_named_in_the_refusal(reader: Any, key: str) -> None:
    for path in ("", "/clicks", "/orders"):
        response = reader.wicked(f"/contacts/{key}{path}", from_=FIRST, to=LAST)
        assert response.status_code == 404
        assert response.json() == {
            "status": "error",
            "message": f"Contact with id {key} not found.",
        }


def test_one_contacts_orders_are_those_of_the_list_without_the_contact(reader: Any) -> None:
    orders = reader.wicked_all("/orders", FIRST, LAST)
    person = orders[0]["contact"]["sourceId"]
    theirs = [dict(row) for row in orders if row["contact"]["sourceId"] == person]
    for row in theirs:
        del row["contact"]
    body = reader.wicked(f"/contacts/{person}/orders", from_=FIRST, to=LAST).json()
    assert body["results"] == theirs
    assert body["total"] == len(theirs)
    assert reader.wicked(f"/contacts/{person}/orders").status_code == 400


def test_one_contacts_clicks_need_no_days_and_span_at_most_180(reader: Any) -> None:
    listed = reader.wicked_all("/clicks", FIRST, LAST)
    person = listed[0]["contactId"]
    path = f"/contacts/{person}/clicks"
    theirs = [row for row in listed if row["contactId"] == person]
    everything = reader.wicked(path, limit=1000).json()["results"]
    assert [row for row in everything if row in theirs] == theirs
    assert reader.wicked(path, from_=FIRST, to=LAST).json()["results"] == theirs
    assert reader.wicked(path, from_="2025-08-01", to="2026-01-28").status_code == 200
    assert reader.wicked(path, from_="2025-08-01", to="2026-01-29").status_code == 400
    assert reader.wicked(path, from_="2025-08-01").status_code == 400


def test_only_the_first_10_000_clicks_of_a_contact_are_returned(
    reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wicked_reports.MOST_CLICKS_OF_CONTACT == 10_000
    person = reader.wicked_all("/clicks", FIRST, LAST)[0]["contactId"]
    everything = reader.wicked(f"/contacts/{person}/clicks").json()["results"]
    monkeypatch.setattr(wicked_reports, "MOST_CLICKS_OF_CONTACT", 2)
    body = reader.wicked(f"/contacts/{person}/clicks").json()
    assert (body["results"], body["total"]) == (everything[:2], 2)


def test_orders_show_what_the_documents_allow(reader: Any) -> None:
    orders = reader.wicked_all("/orders", date(2025, 12, 20), date(2026, 3, 9))
    statuses = {payment["status"] for order in orders for payment in order["payments"]}
    assert {"APPROVED", "approved", "MANUAL", "FAILED", "REFUNDED"} <= statuses
    assert any(status.lower() == "partially refunded" for status in statuses)
    assert len({order["currency"] for order in orders}) == 3
    assert any(order["payments"] == [] for order in orders)
    assert any(order["products"] == [] for order in orders)
    assert any("qty" not in line for order in orders for line in order["products"])
    assert any(order.get("subscriptionId") == "null" for order in orders)
    models = [order["attributions"].get("lastClick") for order in orders]
    assert None in models
    assert {} in models
    assert any(model and model["source"] == "null" for model in models)
    assert any(model and model["source"] == "direct" for model in models)
    for order in orders:
        assert order["date"].endswith(".000Z")
        for payment in order["payments"]:
            assert "Z" not in payment["date"]


def test_a_contact_without_clicks_has_no_links(reader: Any) -> None:
    contacts = reader.wicked_all("/contacts", FIRST, LAST)
    bare = [contact for contact in contacts if not contact["links"]]
    assert 0 < len(bare) < len(contacts)
    for contact in bare:
        assert reader.wicked(f"/contacts/{contact['id']}/clicks").json()["total"] == 0


def test_attributions_agree_with_the_persons_clicks(reader: Any) -> None:
    checked = 0
    for order in reader.wicked_all("/orders", FIRST, FIRST + timedelta(days=5)):
        found = order["attributions"]
        if "date" not in found.get("lastClick", {}) or found["lastClick"]["date"] == "null":
            continue
        clicks = reader.wicked(f"/contacts/{order['contact']['id']}/clicks", limit=1000).json()
        before = [c for c in clicks["results"] if c["date"] <= order["date"]]
        if not before:
            continue
        assert found["lastClick"]["date"] == before[-1]["date"][:19]
        assert found["firstClick"]["date"] == before[0]["date"][:19]
        assert before[0]["isFirstClick"]
        checked += 1
        if "utms" in before[-1] and before[-1]["utms"].get("source", "null") != "null":
            assert found["lastClick"]["campaign"] == before[-1]["utms"]["campaign"]
    assert checked > 10
