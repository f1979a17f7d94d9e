from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import requests

from feedback_assets.sandbox.faults import Faults

# Thanx


def test_thanx_rejects_a_wrong_token_client_or_merchant(reader: Any, sandbox: Any) -> None:
    url = sandbox.environment()["THANX_URL"]
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        response = requests.get(f"{url}/feedbacks", headers=headers, timeout=5)
        assert response.status_code == 401
        assert response.json()["error"]["message"]
        assert response.json()["error"]["code"] == 401
    token = sandbox.environment()["THANX_ACCESS_TOKEN"]
    headers = {"Authorization": f"Bearer {token}", "X-ClientId": "wrong"}
    assert requests.get(f"{url}/feedbacks", headers=headers, timeout=5).status_code == 401
    assert reader.thanx(merchant_id="").status_code == 400
    assert reader.thanx(merchant_id="somebody").status_code == 404


def test_the_consumers_list_equals_the_paged_merchants_list(reader: Any) -> None:
    everything = reader.thanx("/feedbacks").json()["feedbacks"]
    assert reader.thanx_all() == everything
    assert len({record["id"] for record in everything}) == len(everything) > 200


def test_thanx_pages_have_at_most_100_rows_and_a_total(reader: Any) -> None:
    body = reader.thanx(per_page=10, page=2).json()
    assert len(body["feedbacks"]) == 10
    assert body["pagination"]["current_page"] == 2
    assert body["pagination"]["per_page"] == 10
    last = body["pagination"]["total_pages"]
    assert reader.thanx(per_page=10, page=last).json()["feedbacks"]
    assert reader.thanx(per_page=10, page=last + 1).json()["feedbacks"] == []
    for wrong in ({"per_page": 101}, {"per_page": 0}, {"page": 0}, {"page": "x"}):
        assert reader.thanx(**wrong).status_code == 400


def test_thanx_filters_by_states(reader: Any) -> None:
    everything = reader.thanx_all()
    for states in (["rated"], ["reviewed", "responded"], ["expired"]):
        wanted = [record for record in everything if record["state"] in states]
        assert reader.thanx_all(**{"states[]": states}) == wanted != []
    assert reader.thanx(**{"states[]": "happy"}).status_code == 400


def test_thanx_filters_by_the_last_change(reader: Any) -> None:
    since = "2026-03-01T00:00:00Z"
    found = {record["id"] for record in reader.thanx_all(updated_after=since)}
    for record in reader.thanx_all():
        stamps = [record.get(f"{name}_at") for name in ("viewed", "rated", "reviewed", "responded")]
        if max((stamp for stamp in stamps if stamp), default="") > since:
            assert record["id"] in found
    assert 0 < len(found) < len(reader.thanx_all())
    assert reader.thanx(updated_after="lately").status_code == 400


def test_thanx_answers_arrive_within_seven_days_and_match_their_state(reader: Any) -> None:
    places = set()
    for record in reader.thanx_all():
        purchase = record["purchase"]
        bought = purchase.get("purchased_at") or record["purchased_at"]
        places.add(("purchased_at" in record, "purchased_at" in purchase))
        for stamp in ("rated_at", "reviewed_at"):
            if record.get(stamp):
                assert bought < record[stamp] <= record["expires_at"]
        assert (record["rating"] is not None) == bool(record.get("rated_at"))
        assert (record["review"] is not None) == bool(record.get("reviewed_at"))
        if record["state"] in ("unviewed", "viewed", "expired"):
            assert record["rating"] is record["review"] is None
    assert places == {(True, True), (True, False), (False, True)}


# Fullwhere


def test_fullwhere_rejects_wrong_credentials(sandbox: Any) -> None:
    url = sandbox.environment()["FULLWHERE_URL"] + "/partners/survey-tracker"
    for method, path in (("GET", "?id=x"), ("POST", "/list"), ("POST", "/generate")):
        response = requests.request(
            method, url + path, headers={"X-API-KEY": "sandbox-fullwhere-key"}, json={}, timeout=5
        )
        assert response.status_code == 401


def test_fullwhere_lists_ten_rows_by_default_and_all_rows_page_by_page(reader: Any) -> None:
    body = reader.fullwhere(json={}).json()
    assert len(body["data"]) == 10
    everything = reader.fullwhere_all()
    assert len({record["id"] for record in everything}) == len(everything) == body["total"]


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 101},
        {"limit": 0},
        {"limit": "10"},
        {"page": 0},
        {"fromSendAt": "soon"},
        {"fromSendAt": 5},
        {"purchases": []},
        {"purchases": ["1"] * 101},
        {"customers": "C1"},
        {"customers": [1]},
        {"since": "2026-01-01"},
        [],
    ],
)
def test_fullwhere_rejects_invalid_bodies(reader: Any, body: Any) -> None:
    response = reader.fullwhere(json=body)
    assert response.status_code == 400
    assert response.json()["message"]


def test_fullwhere_filters_by_sending_time_purchase_and_customer(reader: Any) -> None:
    everything = reader.fullwhere_all()
    since, until = "2026-02-01T00:00:00Z", "2026-02-10T12:00:00Z"
    wanted = [r for r in everything if since[:19] <= r["sendAt"][:19] <= until[:19]]
    assert reader.fullwhere_all(fromSendAt=since, toSendAt=until) == wanted != []
    some = wanted[:3]
    purchases = [record["purchaseId"] for record in some]
    assert reader.fullwhere_all(purchases=[*purchases, "unknown"]) == some
    customers = {record["customerId"] for record in some}
    theirs = [record for record in everything if record["customerId"] in customers]
    assert reader.fullwhere_all(customers=sorted(customers)) == theirs
    assert reader.fullwhere_all(customers=["nobody"]) == []


def test_fullwhere_returns_one_tracker_by_id(reader: Any) -> None:
    listed = reader.fullwhere(json={"limit": 3}).json()["data"][2]
    assert reader.fullwhere("GET", "", params={"id": listed["id"]}).json() == listed
    assert reader.fullwhere("GET", "", params={"id": str(uuid4())}).status_code == 404
    assert reader.fullwhere("GET", "", params={"id": "7"}).status_code == 400


def test_fullwhere_generates_a_tracker_once_and_then_returns_it(reader: Any) -> None:
    everything = reader.fullwhere_all()
    held = next(r for r in everything if r["purchaseId"].isdigit())
    again = reader.fullwhere(path="/generate", json={"purchaseId": held["purchaseId"]})
    assert again.status_code == 201
    assert again.json() == [held]
    numbers = {r["purchaseId"] for r in everything}
    orders = reader.wicked_all("/orders", datetime(2026, 2, 1).date(), datetime(2026, 2, 9).date())  # noqa: DTZ001
    bare = next(o for o in orders if not {o["sourceId"], o["id"]} & numbers)
    first, second = (
        reader.fullwhere(path="/generate", json={"purchaseId": bare["sourceId"]}).json()
        for _ in range(2)
    )
    assert first == second
    assert first[0]["link"]
    assert first[0] in reader.fullwhere_all()
    assert len(reader.fullwhere_all()) == len(everything) + 1
    assert reader.fullwhere("GET", "", params={"id": first[0]["id"]}).json() == first[0]
    assert reader.fullwhere(path="/generate", json={"purchaseId": "none"}).status_code == 404
    assert reader.fullwhere(path="/generate", json={}).status_code == 400


def test_some_surveys_are_in_the_future(reader: Any) -> None:
    planned = [r for r in reader.fullwhere_all() if r["sendAt"] > "2026-03-10"]
    assert planned
    assert all(r["sentAt"] is r["link"] is r["sentTo"] is None for r in planned)


# FeedbackPulse


def test_feedbackpulse_rejects_a_wrong_key(sandbox: Any) -> None:
    url = sandbox.environment()["FEEDBACKPULSE_URL"] + "/api/v2/submissions"
    for method, path in (("GET", ""), ("GET", "/42"), ("POST", "")):
        response = requests.request(method, url + path, json={}, timeout=5)
        assert response.status_code == 401
        assert response.json() == {"error": "Unauthenticated.", "status": 401}


def test_feedbackpulse_lists_15_rows_by_default_and_all_rows_page_by_page(reader: Any) -> None:
    body = reader.pulse().json()
    assert len(body["data"]) == body["meta"]["per_page"] == 15
    everything = reader.pulse_all()
    assert len({record["id"] for record in everything}) == body["meta"]["total"]


def test_feedbackpulse_filters_by_day_status_campaign_and_product(reader: Any) -> None:
    everything = reader.pulse_all()
    within = [r for r in everything if "2026-02-01" <= r["created_at"][:10] <= "2026-02-10"]
    assert reader.pulse_all(from_="2026-02-01", to="2026-02-10") == within != []
    for name, values in (
        ("status", ("pending", "approved", "resolved", "spam")),
        ("campaign_id", (1, 2, 3)),
        ("product_id", (3,)),
    ):
        for value in values:
            wanted = [r for r in everything if r[name] == value]
            assert reader.pulse_all(**{name: value}) == wanted != []


@pytest.mark.parametrize(
    "query",
    [{"per_page": 101}, {"page": 0}, {"status": "new"}, {"campaign_id": "x"}, {"from": "1.2.26"}],
)
def test_feedbackpulse_rejects_invalid_parameters(reader: Any, query: dict[str, Any]) -> None:
    response = reader.pulse(params=query)
    assert response.status_code == 422
    assert response.json()["status"] == 422


def test_feedbackpulse_returns_one_submission(reader: Any) -> None:
    listed = reader.pulse().json()["data"][4]
    assert reader.pulse(f"/{listed['id']}").json() == {"data": listed}
    for unknown in ("1", "999999", "x"):
        assert reader.pulse(f"/{unknown}").status_code == 404


def test_a_created_submission_appears_in_list_detail_and_truth(reader: Any, sandbox: Any) -> None:
    sandbox.set_now(datetime(2026, 3, 9, 12, tzinfo=UTC))
    day = datetime(2026, 3, 9, tzinfo=UTC).date()
    before = sandbox.truth(day, day)["feedbackpulse.submissions"]
    body = {"campaign_id": 1, "star_rating": 5, "nps_score": 0, "customer_email": "a@b.example"}
    response = reader.pulse(method="POST", json=body)
    assert response.status_code == 201
    made = response.json()["data"]
    assert made["status"] == "pending"
    assert made["created_at"] == "2026-03-09T12:00:00Z"
    single = reader.pulse(f"/{made['id']}").json()["data"]
    assert single["nps_score"] == 0
    assert single == reader.pulse().json()["data"][0]
    listed = reader.pulse_all(from_="2026-03-09", to="2026-03-09")
    assert (
        len(listed)
        == before["rows"] + 1
        == sandbox.truth(day, day)["feedbackpulse.submissions"]["rows"]
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"campaign_id": "1"},
        {"campaign_id": 99},
        {"campaign_id": 1, "star_rating": 6},
        {"campaign_id": 1, "star_rating": 0},
        {"campaign_id": 1, "nps_score": 11},
        {"campaign_id": 1, "nps_score": -1},
        {"campaign_id": 1, "customer_email": "nobody"},
        [1],
    ],
)
def test_an_invalid_submission_is_not_created(reader: Any, body: Any) -> None:
    total = reader.pulse().json()["meta"]["total"]
    response = reader.pulse(method="POST", json=body)
    assert response.status_code == 422
    assert response.json()["error"]
    assert reader.pulse().json()["meta"]["total"] == total


def test_some_emails_are_awkward_some_unknown_and_some_days_empty(reader: Any) -> None:
    everything = reader.pulse_all()
    emails = [record["customer_email"] for record in everything]
    assert any(mail and mail != mail.strip() for mail in emails)
    assert any(mail and mail.isupper() for mail in emails)
    assert any(mail and mail.endswith("@elsewhere.example") for mail in emails)
    assert None in emails
    days = {record["created_at"][:10] for record in everything}
    assert len(days) < 90 - 3
    assert {0, None} <= {record["nps_score"] for record in everything}


# Retargeting


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"u": ""}, "No customer id provided!"),
        ({"k": ""}, "No rest key provided!"),
        ({"k": "wrong"}, "Incorrect rest key!"),
        ({"u": "wrong"}, "No customer found with the provided id!"),
    ],
)
def test_retargeting_returns_errors_with_status_200(
    reader: Any, query: dict[str, str], message: str
) -> None:
    assert reader.retargeting(**query) == {"status": "error", "message": message}


def test_retargeting_reports_an_inactive_account(reader: Any, sandbox: Any) -> None:
    sandbox.set_faults(Faults(retargeting_inactive=True))
    assert reader.retargeting() == {"status": "error", "message": "Your account is not active!"}


def test_retargeting_lists_from_a_unix_time_and_so_misses_late_reviews(reader: Any) -> None:
    since = datetime(2026, 2, 20, tzinfo=UTC)
    everything = reader.retargeting()["data"]
    later = [record for record in everything if record["added_on"] >= "2026-02-20 00:00:00"]
    assert reader.retargeting(t=int(since.timestamp()))["data"] == later != []
    assert len(later) < len(everything)
    young = [
        review
        for record in everything
        if record not in later
        for review in record["product_reviews"]
        if review["added_on"] > "2026-02-20"
    ]
    assert young
    assert reader.retargeting(t="yesterday")["status"] == "fail"


def test_a_review_has_a_score_or_a_comment(reader: Any) -> None:
    seen = set()
    for record in reader.retargeting()["data"]:
        for part in (record, *record["product_reviews"]):
            seen.add((part["score"] is None, part["comment"] is None))
    assert seen == {(False, False), (True, False), (False, True)}
