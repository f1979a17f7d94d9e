"""Fullwhere: its settings, and how its survey trackers are asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from feedback_assets.providers.fullwhere import survey_links, tables
from feedback_assets.providers.provider import Argument, Provider, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedback_assets.http.paging import Page
    from feedback_assets.providers.fullwhere.client import Fullwhere


def _client(**arguments: Any) -> Fullwhere:
    from feedback_assets.providers.fullwhere.client import Fullwhere

    return Fullwhere(**arguments)


def _trackers(client: Fullwhere, first: date, last: date) -> Iterator[Page]:
    return client.survey_trackers(
        datetime.combine(first, time.min, UTC), datetime.combine(last, time.min, UTC)
    )


PROVIDER = Provider(
    name=tables.PROVIDER,
    title="Fullwhere",
    client=_client,
    arguments=(
        Argument("api_key", "secret", "header `X-API-KEY`", needed=True),
        Argument("api_secret", "secret", "header `X-API-SECRET`", needed=True),
        Argument("url", "url", default="https://api.fullwhere.com"),
    ),
    found='Ask Fullwhere for "Partner API Key" and "Partner API Secret".',
    sources=(Source((tables.SURVEY_TRACKERS,), _trackers),),
    job_tables=survey_links.TABLES,
)
