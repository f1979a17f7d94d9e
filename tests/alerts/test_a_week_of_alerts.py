"""A week in which answers come as they are given: each detractor alerts in the next tick, once.

With restarts, an outage of a provider, one of the alert's target, an answer edited twice, and
backfills of the same days while the morning's alert is on.
"""

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feedback_assets.alerts.sensors import DETRACTORS
from feedback_assets.automation.new_answers_sensors import sensor_name
from feedback_assets.diagnosis.providers import connect
from feedback_assets.providers.thanx.client import ALLOWANCES
from feedback_assets.sandbox import feedbackpulse, retargeting, thanx
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.tables import PROVIDER_TABLES
from tests.automation.moving_clock import Clock, Daemon, daemon, make_home, moving_clock
from tests.conftest import Project, configure

pytestmark = pytest.mark.slow

MONDAY = date(2025, 10, 6)
DAYS = 7
PROVIDERS = ("thanx", "feedbackpulse", "retargeting")
TICK = timedelta(hours=3)
TICKS_A_DAY, TICKS_A_DAY_BY_DEFAULT = 8, 288
# Requests a day that FeedbackPulse and Thanx allow; Retargeting documents no limit.
ALLOWED = {
    "feedbackpulse": 60 * 60 * 24,
    "thanx": min(each.requests * 86_400 // each.seconds for each in ALLOWANCES),
}
FEEDBACKPULSE_DOWN = (datetime(2025, 10, 7, 9, tzinfo=UTC), datetime(2025, 10, 7, 18, tzinfo=UTC))
TARGET_DOWN = (datetime(2025, 10, 8, 12, tzinfo=UTC), datetime(2025, 10, 9, 3, tzinfo=UTC))
EDITED = {
    datetime(2025, 10, 10, 9, tzinfo=UTC): 3,
    datetime(2025, 10, 10, 12, tzinfo=UTC): 1,
}
BACKFILLS = {datetime(2025, 10, 9, 6, tzinfo=UTC), datetime(2025, 10, 12, 6, tzinfo=UTC)}


def visible(sandbox: Sandbox) -> dict[str, str]:
    """The detractors that the providers serve now, without spam: provider by id."""
    view = sandbox.state.view()
    submissions: list[dict[str, Any]] = [
        *feedbackpulse.submissions(view, feedbackpulse.seen(view)),
        *sandbox.state.written.submissions,
    ]
    found = {
        f"feedbackpulse:{each['id']}": each["nps_score"]
        for each in submissions
        if each["status"] != "spam"
    }
    for each in thanx.feedbacks(view, thanx.seen(view)):
        found[f"thanx:{each['id']}"] = each["rating"]
    for each in retargeting.feedback(view, 0, len(retargeting.seen(view))):
        added = str(each["added_on"]).replace(" ", "T")
        found[f"retargeting:{each['order']['orderno']}:{added}Z"] = each["score"]
    return {
        name: name.partition(":")[0]
        for name, score in found.items()
        if score is not None and score <= 6
    }


@dataclass
class Hook:
    """A webhook: the messages it accepted since the last tick, and whether it refuses them."""

    down: bool = False
    messages: list[tuple[str, str]] = field(default_factory=list)

    def take(self, request: Request) -> Response:
        if self.down:
            return Response("", 503)
        body = request.get_json()
        self.messages.append((body["title"], body["message"]))
        return Response("")

    def read(self) -> list[tuple[int, set[str]]]:
        """How many detractors each message is about, and which of them it names."""
        found = []
        for title, body in self.messages:
            many = re.fullmatch(r"(\d+) unhappy customers", title)
            named = set(re.findall(r"; feedback (\S+)", body))
            found.append((int(many[1]) if many else 1, named))
        self.messages = []
        return found


@pytest.fixture
def providers() -> Iterator[Sandbox]:
    with running_sandbox(
        seed=7,
        days=40,
        customers=1000,
        today=MONDAY + timedelta(days=DAYS + 1),
        faults=Faults(quotas=False),
    ) as sandbox:
        yield sandbox


@dataclass
class Week:
    """The week so far: the detractors noticed, and the cost of each day."""

    project: Project
    sandbox: Sandbox
    hook: Hook
    clock: Clock
    noticed: set[str] = field(default_factory=set)
    edited: int | None = None
    alerted: Counter[str] = field(default_factory=Counter)

    def tick(self, machine: Daemon, at: datetime) -> None:
        """One tick: there is an alert about every detractor new to the providers' lists."""
        self.sandbox.set_now(at)
        self._edit(at)
        down = FEEDBACKPULSE_DOWN[0] <= at < FEEDBACKPULSE_DOWN[1]
        self.sandbox.set_faults(
            Faults(quotas=False, down=frozenset({"feedbackpulse"} if down else ()))
        )
        self.hook.down = TARGET_DOWN[0] <= at < TARGET_DOWN[1]
        machine.run_sensors()
        new = {
            name: provider
            for name, provider in visible(self.sandbox).items()
            if name not in self.noticed and not (down and provider == "feedbackpulse")
        }
        messages = self.hook.read()
        if self.hook.down:
            assert messages == []
            return
        assert sum(count for count, _ in messages) == len(new), (at, new, messages)
        assert len(messages) == len(set(new.values())), "one message a provider's tick"
        for _, named in messages:
            assert named
            assert named <= new.keys()
        self.noticed |= new.keys()
        self.alerted.update(new.values())
        machine.run_queue()

    def _edit(self, at: datetime) -> None:
        if self.edited is None and at.date() == min(EDITED).date():
            with connect("feedbackpulse", self.project.settings) as client:
                self.edited = client.create(campaign_id=1, nps_score=9)["id"]
        if at in EDITED and self.edited is not None:
            self.sandbox.edit_submission(self.edited, nps_score=EDITED[at])


def test_every_detractor_alerts_in_the_tick_that_first_sees_it_and_only_then(
    project: Project,
    providers: Sandbox,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(monkeypatch, providers)
    hook = Hook()
    httpserver.expect_request("/hook").respond_with_handler(hook.take)
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", f"json://127.0.0.1:{httpserver.port}/hook")
    # The clock also moves by itself, so a tick that is late must not make the next one early.
    monkeypatch.setenv("FEEDBACK_WATCH_SECONDS", str(int(TICK.total_seconds()) // 2))
    start = MONDAY - timedelta(days=3)
    monkeypatch.setenv("FEEDBACK_START_DATE", str(start))
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", "the same in every process")
    midnight = datetime.combine(MONDAY, time(), UTC)
    with moving_clock(midnight + timedelta(minutes=5), monkeypatch) as clock, ExitStack() as stack:
        providers.set_now(clock.now)
        make_home(project)
        backfill(project, start, MONDAY - timedelta(days=1))
        week = Week(project, providers, hook, clock)
        machine = stack.enter_context(daemon(project, clock))
        machine.switch_on(*map(sensor_name, PROVIDERS), DETRACTORS)
        machine.run_sensors()
        assert hook.read() == [], "what is there at first is known"
        week.noticed = set(visible(providers))
        for number in range(1, DAYS * TICKS_A_DAY):
            at = midnight + number * TICK
            if at < clock.now:
                continue
            clock.move_to(at)
            if at in BACKFILLS:
                backfill(project, start, at.date() - timedelta(days=1))
                providers.forget_requests()
            if at.hour == 9 and at.minute == 0:
                stack.close()
                machine = stack.enter_context(daemon(project, clock))
            if at.hour == at.minute == 0:
                _costs_are_within_bounds(providers)
            week.tick(machine, at)
            held = (project.warehouse.days_held(table)[-1:] for table in PROVIDER_TABLES)
            assert all(day < at.date() for days in held for day in days)
    assert set(week.alerted) == set(PROVIDERS)
    assert sum(week.alerted.values()) > 20
    assert f"feedbackpulse:{week.edited}" in week.noticed


def backfill(project: Project, first: date, last: date) -> None:
    """Its processes have the real clock: without the quota's file, ticks would wait for 2026."""
    assert project.backfill(first, last).exit_code == 0
    shutil.rmtree(project.settings.quota_dir)


def _costs_are_within_bounds(sandbox: Sandbox) -> None:
    """The requests of a day, at the default interval, are within 1 % of each quota."""
    requests: Counter[str] = Counter()
    for (provider, _), count in sandbox.requests.items():
        requests[provider] += count
    for provider, allowed in ALLOWED.items():
        by_default = requests[provider] * TICKS_A_DAY_BY_DEFAULT / TICKS_A_DAY
        assert by_default <= allowed / 100, (provider, by_default)
    sandbox.forget_requests()
