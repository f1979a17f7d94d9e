"""Sandboxes shared by the tests of this directory, and a plain HTTP reader."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import requests

from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import Sandbox, running_sandbox
from feedback_assets.sandbox.world import World

TODAY = date(2026, 3, 10)
YESTERDAY = TODAY - timedelta(days=1)
FREE = Faults(quotas=False)


class Reader:
    """Reads every list to its end, as documented."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.settings = sandbox.environment()
        self.session = requests.Session()

    def wicked(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(
            f"{self.settings['WICKED_REPORTS_URL']}{path}",
            params={name.rstrip("_"): value for name, value in query.items()},
            headers={"apikey": self.settings["WICKED_REPORTS_API_KEY"]},
            timeout=10,
        )

    def wicked_pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        page = self.wicked(path, **query).json()
        yield page
        while page["page"] < page["totalPages"]:
            page = self.wicked(path, **query, next=page["next"]).json()
            yield page

    def wicked_all(self, path: str, first: date, last: date, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while first <= last:
            until = min(first + timedelta(days=29), last)
            for page in self.wicked_pages(path, from_=first, to=until, limit=1000, **query):
                found += page["results"]
            first = until + timedelta(days=1)
        return found

    def thanx(self, path: str = "/partner/feedbacks", **query: Any) -> requests.Response:
        if path.startswith("/partner"):
            query.setdefault("merchant_id", self.settings["THANX_MERCHANT_ID"])
        return self.session.get(
            f"{self.settings['THANX_URL']}{path}",
            params=query,
            headers={
                "Authorization": f"Bearer {self.settings['THANX_ACCESS_TOKEN']}",
                "X-ClientId": self.settings["THANX_CLIENT_ID"],
            },
            timeout=10,
        )

    def thanx_all(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        pages = page = 1
        while page <= pages:
            body = self.thanx(per_page=100, page=page, **query).json()
            found += body["feedbacks"]
            pages, page = body["pagination"]["total_pages"], page + 1
        return found

    def fullwhere(self, method: str = "POST", path: str = "/list", **kw: Any) -> requests.Response:
        return self.session.request(
            method,
            f"{self.settings['FULLWHERE_URL']}/partners/survey-tracker{path}",
            headers={
                "X-API-KEY": self.settings["FULLWHERE_API_KEY"],
                "X-API-SECRET": self.settings["FULLWHERE_API_SECRET"],
            },
            timeout=10,
            **kw,
        )

    def fullwhere_all(self, **body: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = self.fullwhere(json={"limit": 100, "page": page, **body}).json()
            found += answer["data"]
            if len(found) >= answer["total"]:
                return found
            page += 1

    def pulse(self, path: str = "", *, method: str = "GET", **kw: Any) -> requests.Response:
        return self.session.request(
            method,
            f"{self.settings['FEEDBACKPULSE_URL']}/api/v2/submissions{path}",
            headers={"Authorization": f"Bearer {self.settings['FEEDBACKPULSE_API_KEY']}"},
            timeout=10,
            **kw,
        )

    def pulse_all(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            body = self.pulse(
                params={name.rstrip("_"): v for name, v in query.items()}
                | {"per_page": 100, "page": page}
            ).json()
            found += body["data"]
            if len(found) >= body["meta"]["total"]:
                return found
            page += 1

    def retargeting(self, **query: Any) -> dict[str, Any]:
        query.setdefault("k", self.settings["RETARGETING_REST_KEY"])
        query.setdefault("u", self.settings["RETARGETING_CUSTOMER_ID"])
        response = self.session.get(
            f"{self.settings['RETARGETING_URL']}/email-campaigns/json-feedback",
            params=query,
            timeout=10,
        )
        assert response.status_code == 200
        body: dict[str, Any] = response.json()
        return body


@pytest.fixture(scope="session")
def world() -> World:
    return World(7, 90, 600, TODAY)


@pytest.fixture(scope="module")
def running(world: World) -> Iterator[Sandbox]:
    with running_sandbox(world=world, faults=FREE) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """The module's sandbox with all switches and its clock reset."""
    running.forget_requests()
    running.forget_written()
    yield running
    running.set_faults(FREE)
    running.set_now(running.world.start_of_today)


@pytest.fixture
def reader(sandbox: Sandbox) -> Iterator[Reader]:
    reader = Reader(sandbox)
    yield reader
    reader.session.close()
