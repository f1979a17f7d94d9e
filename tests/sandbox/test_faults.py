import time
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from feedback_assets.sandbox import quotas
from feedback_assets.sandbox.faults import PROVIDERS, Faults
from feedback_assets.sandbox.server import running_sandbox

from .conftest import FREE, Reader

DAYS = {"from_": "2026-02-01", "to": "2026-02-10"}


def test_wicked_reports_returns_429_beyond_its_quota_with_a_reset_time(world: Any) -> None:
    with running_sandbox(world=world, faults=Faults(wicked_reports_per_minute=3)) as sandbox:
        reader = Reader(sandbox)
        answers = [reader.wicked("/orders", **DAYS) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == list("21000")
        assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"3"}
        wait = int(answers[-1].headers["x-ratelimit-reset"]) - time.time()
        assert 0 < wait <= 62
        assert answers[-1].json()["status"] == "error"
        assert reader.pulse().status_code == 200


@pytest.mark.parametrize("notation", ["seconds", "milliseconds", "date"])
def test_the_reset_uses_the_chosen_notation(world: Any, notation: Any) -> None:
    with running_sandbox(world=world, faults=Faults(reset_notation=notation)) as sandbox:
        text = Reader(sandbox).wicked("/orders", **DAYS).headers["x-ratelimit-reset"]
    now = datetime.now(UTC).timestamp()
    moment = {
        "seconds": lambda: now + int(text),
        "milliseconds": lambda: int(text) / 1000,
        "date": lambda: parsedate_to_datetime(text).timestamp(),
    }[notation]()
    assert 50 < moment - now < 63


def test_feedbackpulse_returns_429_beyond_its_quota(world: Any) -> None:
    faults = Faults(feedbackpulse_per_minute=4, quota_scale=0.5, retry_after="seconds")
    with running_sandbox(world=world, faults=faults) as sandbox:
        reader = Reader(sandbox)
        answers = [reader.pulse() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].headers["X-RateLimit-Limit"] == "2"
    assert answers[2].json()["status"] == 429
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 61


def test_thanx_returns_429_without_rate_headers_and_accepts_a_second_later(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stopped clock: three requests may take longer than a second.
    clock = SimpleNamespace(monotonic=lambda: 1000.0, time=time.time)
    monkeypatch.setattr(quotas, "time", clock)
    with running_sandbox(world=world, faults=Faults(thanx_per_second=2)) as sandbox:
        reader = Reader(sandbox)
        answers = [reader.thanx(per_page=1) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert not any("rate" in name.lower() for name in answers[2].headers)
        assert answers[2].json()["error"]["code"] == 429
        clock.monotonic = lambda: 1000.99
        assert reader.thanx(per_page=1).status_code == 429
        clock.monotonic = lambda: 1001.0
        assert reader.thanx(per_page=1).status_code == 200


def test_thanx_also_has_a_quota_for_15_minutes(world: Any) -> None:
    faults = Faults(thanx_per_second=100, thanx_per_quarter_hour=2)
    with running_sandbox(world=world, faults=faults) as sandbox:
        reader = Reader(sandbox)
        statuses = [reader.thanx(per_page=1).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_only_the_provider_that_is_down_returns_503(reader: Any, sandbox: Any) -> None:
    sandbox.set_faults(Faults(quotas=False, down=frozenset({"thanx", "retargeting"})))
    assert reader.thanx().status_code == 503
    assert reader.wicked("/orders", **DAYS).status_code == 200
    assert reader.pulse().status_code == 200
    assert reader.fullwhere(json={}).status_code == 200
    sandbox.set_faults(FREE)
    assert reader.thanx().status_code == 200


def test_a_share_of_requests_fails_with_5xx(reader: Any, sandbox: Any) -> None:
    sandbox.set_faults(Faults(quotas=False, error_rate=0.5))
    statuses = [reader.wicked("/orders", **DAYS, limit=1).status_code for _ in range(60)]
    assert 10 < statuses.count(200) < 50
    assert {500, 502, 503, 504} == set(statuses) - {200}


def test_a_share_of_connections_is_reset_before_or_within_the_body(
    reader: Any, sandbox: Any
) -> None:
    sandbox.set_faults(Faults(quotas=False, reset_rate=0.5))
    ends = {"whole": 0, "before": 0, "within": 0}
    for _ in range(50):
        try:
            assert reader.wicked("/orders", **DAYS, limit=5).status_code == 200
            ends["whole"] += 1
        except requests.exceptions.ChunkedEncodingError:
            ends["within"] += 1
        except requests.exceptions.ConnectionError:
            ends["before"] += 1
    assert min(ends.values()) > 3, ends
    sandbox.set_faults(FREE)
    assert reader.wicked("/orders", **DAYS).status_code == 200


def test_a_truncated_body_is_valid_http_and_invalid_json(reader: Any, sandbox: Any) -> None:
    sandbox.set_faults(Faults(quotas=False, truncate_rate=1))
    response = reader.wicked("/orders", **DAYS)
    assert response.status_code == 200
    with pytest.raises(ValueError):
        response.json()


def test_every_response_can_be_delayed(reader: Any, sandbox: Any) -> None:
    sandbox.set_faults(Faults(quotas=False, latency=0.15))
    started = time.monotonic()
    reader.wicked("/orders", **DAYS)
    assert time.monotonic() - started >= 0.15


def test_a_filter_can_have_an_exclusive_end_and_another_zone(reader: Any, sandbox: Any) -> None:
    sandbox.set_faults(Faults(quotas=False, to_exclusive=True))
    days = {
        row["date"][:10] for row in reader.wicked("/clicks", **DAYS, limit=1000).json()["results"]
    }
    assert max(days) == "2026-02-09"
    submitted = reader.pulse_all(from_="2026-02-01", to="2026-02-10")
    assert max(row["created_at"][:10] for row in submitted) == "2026-02-09"
    sandbox.set_faults(Faults(quotas=False, filter_timezone="Asia/Tokyo"))
    stamps = [
        row["date"] for row in reader.wicked_all("/clicks", date(2026, 2, 1), date(2026, 2, 9))
    ]
    assert min(stamps) >= "2026-01-31T15:00:00"
    assert min(stamps) < "2026-02-01"
    assert max(stamps) < "2026-02-09T15:00:00"


def test_records_can_have_an_undocumented_field(reader: Any, sandbox: Any) -> None:
    sandbox.set_faults(Faults(quotas=False, extra_fields=True))
    assert all("internalNote" in row for row in reader.pulse().json()["data"])
    assert all("internalNote" in row for row in reader.wicked("/orders", **DAYS).json()["results"])


def test_the_requests_of_each_endpoint_are_counted(reader: Any, sandbox: Any) -> None:
    reader.wicked("/orders", **DAYS)
    reader.wicked("/contacts/C20003/clicks")
    reader.pulse()
    reader.pulse()
    reader.retargeting()
    sandbox.set_faults(Faults(quotas=False, down=frozenset({"thanx"})))
    reader.thanx()
    assert sandbox.requests == {
        ("wicked_reports", "orders"): 1,
        ("wicked_reports", "contact_clicks"): 1,
        ("feedbackpulse", "submissions"): 2,
        ("retargeting", "json_feedback"): 1,
        ("thanx", "partner_feedbacks"): 1,
    }
    assert [request.status for request in sandbox.log][-1] == 503
    times = [request.at for request in sandbox.log]
    assert times == sorted(times)


def test_invalid_switches_are_rejected() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Faults(error_rate=2)
    with pytest.raises(ValueError, match="no such provider"):
        Faults(down=frozenset({"acme"}))
    with pytest.raises(ValueError, match="no such switch"):
        Faults.from_mapping({"eror_rate": 1})


def test_another_process_can_read_and_change_switches(reader: Any, sandbox: Any) -> None:
    control = f"{sandbox.url}/_sandbox"
    settings = requests.get(f"{control}/environment", timeout=5).json()
    assert settings == sandbox.environment()
    query = {"from": "2026-02-01", "to": "2026-02-05"}
    truth = requests.get(f"{control}/truth", params=query, timeout=5).json()
    own = sandbox.truth(date(2026, 2, 1), date(2026, 2, 5))
    assert truth["wicked_reports.orders"]["amount"] == str(own["wicked_reports.orders"]["amount"])
    reader.pulse()
    counted = requests.get(f"{control}/requests", timeout=5).json()
    assert counted == {"feedbackpulse submissions": 1}
    posted = requests.post(f"{control}/faults", json={"down": ["thanx"]}, timeout=5)
    assert posted.status_code == 200
    assert reader.thanx().status_code == 503
    moved = requests.post(f"{control}/now", json={"now": "2026-02-02T00:00:00Z"}, timeout=5)
    assert moved.status_code == 200
    assert (
        max(row["date"] for row in reader.wicked_all("/orders", date(2026, 2, 1), date(2026, 2, 9)))
        < "2026-02-02"
    )
    for path, body in (("now", {"now": "2026-02-02T00:00:00"}), ("faults", {"x": 1}), ("now", [])):
        assert requests.post(f"{control}/{path}", json=body, timeout=5).status_code == 400
    assert requests.get(f"{control}/truth", timeout=5).status_code == 400


def test_the_five_providers_have_names() -> None:
    assert len(PROVIDERS) == 5


def test_unknown_paths_return_404(sandbox: Any) -> None:
    for path in ("/", "/wicked_reports/", "/thanx/nothing", "/acme/orders"):
        assert requests.get(sandbox.url + path, timeout=5).status_code == 404
