"""Rows repeated while a list is read: every provider's list is read to its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from werkzeug import Request, Response

from feedback_assets.http.errors import RowsMissing
from feedback_assets.providers.feedbackpulse.client import FeedbackPulse
from feedback_assets.providers.fullwhere.client import Fullwhere
from feedback_assets.providers.thanx.client import Thanx
from feedback_assets.providers.wicked_reports.client import WickedReports

Pages = list[list[int]]
D1, D2 = date(2024, 1, 1), date(2024, 1, 31)


def new(first: int, count: int) -> list[int]:
    return list(range(first, first + count))


# Pages of `full` rows: the ids 0, 1, 2, … that are served.
MOVES: dict[str, Callable[[int], Pages]] = {
    "on a page of their own after the last new row": lambda full: [
        new(0, full), [*new(full, full - 2), 0, 1], [2, 3]],
    "within a page": lambda full: [[*new(0, full - 1), 0], [*new(full - 1, 5), full]],
    "across pages": lambda full: [new(0, full), new(full - 2, full), new(2 * full - 4, 5)],
    "on a page of their own before the last new row": lambda full: [
        new(0, full), [0, 1], new(full, 5)],
    "on two pages of their own": lambda full: [new(0, full), [0, 1], [2, 3]],
    "on the only page, which is short": lambda full: [[0, 1, 0]],
    "on the only page, which is full": lambda full: [[*new(0, full - 1), 0]],
}  # fmt: skip


class Served:
    """Scripted pages in the envelope of each provider."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.total = len({row for page in pages for row in page})

    def rows(self, number: int) -> list[dict[str, Any]]:
        page = self.pages[number - 1] if number <= len(self.pages) else []
        return [{"id": row} for row in page]


Wrap = Callable[[Served, int, int], Any]
"""What is answered for a page: (served, its number, rows asked for)."""


def fullwhere_bare(served: Served, number: int, _size: int) -> Any:
    return served.rows(number)


def fullwhere_data(served: Served, number: int, _size: int) -> Any:
    return {"data": served.rows(number)}


def fullwhere_total(served: Served, number: int, _size: int) -> Any:
    return {"data": served.rows(number), "total": served.total}


def fullwhere_page(served: Served, number: int, _size: int) -> Any:
    return {"items": served.rows(number), "page": number}


def pulse_total(served: Served, number: int, size: int) -> Any:
    meta = {"current_page": number, "per_page": size, "total": served.total}
    return {"data": served.rows(number), "meta": meta}


def pulse_pages(served: Served, number: int, _size: int) -> Any:
    meta = {"current_page": number, "last_page": len(served.pages)}
    return {"data": served.rows(number), "meta": meta}


def pulse_nothing(served: Served, number: int, _size: int) -> Any:
    return {"data": served.rows(number)}


def thanx_pages(served: Served, number: int, size: int) -> Any:
    said = {"current_page": number, "per_page": size, "total_pages": len(served.pages)}
    return {"feedbacks": served.rows(number), "pagination": said}


def thanx_nothing(served: Served, number: int, _size: int) -> Any:
    return {"feedbacks": served.rows(number)}


def wicked_all(served: Served, number: int, _size: int) -> Any:
    said = {"page": number, "totalPages": len(served.pages), "total": served.total}
    return {"status": "success", "results": served.rows(number), "next": f"p{number + 1}", **said}


def wicked_keys(served: Served, number: int, _size: int) -> Any:
    return {"status": "success", "results": served.rows(number), "next": f"p{number + 1}"}


def wicked_scroll(served: Served, number: int, _size: int) -> Any:
    return {"status": "success", "results": served.rows(number), "next": "scroll"}


def wicked_last_key(served: Served, number: int, _size: int) -> Any:
    more = {"next": f"p{number + 1}"} if number < len(served.pages) else {}
    return {"status": "success", "results": served.rows(number), **more}


WRAPS: tuple[Wrap, ...] = (
    fullwhere_bare,
    fullwhere_data,
    fullwhere_total,
    fullwhere_page,
    pulse_total,
    pulse_pages,
    pulse_nothing,
    thanx_pages,
    thanx_nothing,
    wicked_all,
    wicked_keys,
    wicked_scroll,
    wicked_last_key,
)


def size_of(wrap: Wrap) -> int:
    return 1000 if wrap.__name__.startswith("wicked") else 100


@contextmanager
def listing(httpserver: Any, kit: Any, wrap: Wrap, pages: Pages) -> Iterator[Any]:
    """The pages that a client reads from a server with these pages."""
    served, url, asked = Served(pages), httpserver.url_for(""), [0]

    def handle(request: Request) -> Response:
        asked[0] += 1
        given = {**request.args, **(request.get_json(silent=True) or {})}
        # Requests by key are distinguished by their count.
        number = int(given.get("page", asked[0]))
        size = int(given.get("limit", given.get("per_page", 0)))
        assert size == size_of(wrap)
        return Response(json.dumps(wrap(served, number, size)))

    httpserver.expect_request("").respond_with_handler(handle)
    for path in ("/partners/survey-tracker/list", "/api/v2/submissions", "/partner/feedbacks",
                 "/orders"):  # fmt: skip
        httpserver.expect_request(path).respond_with_handler(handle)
    quick: dict[str, Any] = {"url": url, "retry": kit.quick}
    many = {"requests_per_minute": 99999}
    if wrap.__name__.startswith("fullwhere"):
        with Fullwhere(api_key="the-key", api_secret="the-secret", **quick, **many) as client:
            yield client.survey_trackers()
    elif wrap.__name__.startswith("pulse"):
        with FeedbackPulse(api_key="the-key", **quick, **many) as client:
            yield client.submissions()
    elif wrap.__name__.startswith("thanx"):
        with Thanx(access_token="token-1", merchant_id="m", allowances=(), **quick) as client:
            yield client.all_feedbacks()
    else:
        with WickedReports(api_key=kit.secret, **quick, **many) as client:
            yield client.orders(D1, D2)


def read(pages: Iterator[Any]) -> list[int]:
    return [row["id"] for page in pages for row in json.loads(page.records)]


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("wrap", WRAPS, ids=lambda wrap: wrap.__name__)
def test_a_list_with_repeated_rows_is_read_completely(
    httpserver: Any, kit: Any, wrap: Wrap, move: str
) -> None:
    pages = MOVES[move](size_of(wrap))
    with listing(httpserver, kit, wrap, pages) as answered:
        rows = read(answered)
    assert set(rows) == {row for page in pages for row in page}
    assert len(httpserver.log) <= len(pages) + 3


def test_a_short_last_page_of_repeated_rows_ends_the_list_and_counts(
    httpserver: Any, kit: Any
) -> None:
    pages = MOVES["on a page of their own after the last new row"](100)
    with listing(httpserver, kit, fullwhere_bare, pages) as answered:
        rows = read(answered)
    assert len(set(rows)) == 198
    assert len(rows) - len(set(rows)) == 4


@pytest.mark.parametrize(
    "wrap",
    [fullwhere_bare, pulse_nothing, thanx_nothing, wicked_scroll],
    ids=lambda wrap: wrap.__name__,
)
def test_a_full_page_without_new_rows_is_an_error(httpserver: Any, kit: Any, wrap: Wrap) -> None:
    full = size_of(wrap)
    pages = [new(0, full), new(full, full), [*new(0, full - 1), full], new(2 * full, 3)]
    with listing(httpserver, kit, wrap, pages) as answered, pytest.raises(RowsMissing):
        read(answered)
