"""What is read of each provider: which list fills which tables, and how a window of it is asked.

docs/adding-a-provider.md lists what else a new provider takes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from feedback_assets.http.paging import Page
from feedback_assets.ingest.records import Typing
from feedback_assets.ingest.reshape import split_reviews
from feedback_assets.providers.feedbackpulse import tables as feedbackpulse
from feedback_assets.providers.fullwhere import tables as fullwhere
from feedback_assets.providers.retargeting import tables as retargeting
from feedback_assets.providers.retargeting.client import Retargeting
from feedback_assets.providers.thanx import tables as thanx
from feedback_assets.providers.wicked_reports import tables as wicked_reports
from feedback_assets.schema.table import Table

Pages = Iterator[Mapping[str, Page]]
WINDOW_DAYS = 28
"""Days asked for at once: with a day before and two after, 31 dates and so 30 days of difference,
which is as far apart as Wicked Reports' clicks may be asked."""


@dataclass(frozen=True)
class Source:
    """One list of a provider and the tables that it fills.

    ``read(client, first, last)`` asks for the dates ``first`` to ``last``, margin included.
    ``whole_list``: the provider cannot be asked for the end of a window, so one reading takes
    any number of days.
    """

    provider: str
    tables: tuple[Table, ...]
    read: Callable[[Any, date, date], Pages]
    whole_list: bool = False
    null_text: bool = False

    def windows(self, first: date, last: date) -> Iterator[tuple[date, date]]:
        """The days ``first`` to ``last`` as they are asked for, the earliest first."""
        step = (last - first).days + 1 if self.whole_list else WINDOW_DAYS
        while first <= last:
            end = min(last, first + timedelta(days=step - 1))
            yield first, end
            first = end + timedelta(days=1)

    def typing(self, zone: str) -> Typing:
        """How its JSON is typed, in the zone of its zone-less time stamps."""
        return Typing(zone, self.null_text)


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _one(table: Table, pages: Iterator[Page]) -> Pages:
    return ({table.full_name: page} for page in pages)


def _retargeting(client: Retargeting, _first: date, _last: date) -> Pages:
    # Always whole: `t` is undocumented as to which field it compares, and a review may be a
    # year younger than the feedback it comes with.
    for page in client.feedback():
        feedback, reviews = split_reviews(page.records)
        yield {
            retargeting.ORDER_FEEDBACK.full_name: Page(
                feedback.records, feedback.count, served=page.records
            ),
            retargeting.PRODUCT_REVIEWS.full_name: Page(reviews.records, reviews.count),
        }


SOURCES: tuple[Source, ...] = (
    Source(
        "wicked_reports",
        (wicked_reports.CONTACTS,),
        lambda client, first, last: _one(wicked_reports.CONTACTS, client.contacts(first, last)),
        null_text=True,
    ),
    Source(
        "wicked_reports",
        (wicked_reports.CLICKS,),
        lambda client, first, last: _one(wicked_reports.CLICKS, client.clicks(first, last)),
        null_text=True,
    ),
    Source(
        "wicked_reports",
        (wicked_reports.ORDERS,),
        lambda client, first, last: _one(wicked_reports.ORDERS, client.orders(first, last)),
        null_text=True,
    ),
    Source(
        "thanx",
        (thanx.FEEDBACKS,),
        # A record cannot have been updated before its purchase; there is no upper end to ask for.
        lambda client, first, _: _one(thanx.FEEDBACKS, client.all_feedbacks(_start(first))),
        whole_list=True,
    ),
    Source(
        "fullwhere",
        (fullwhere.SURVEY_TRACKERS,),
        lambda client, first, last: _one(
            fullwhere.SURVEY_TRACKERS, client.survey_trackers(_start(first), _start(last))
        ),
    ),
    Source(
        "feedbackpulse",
        (feedbackpulse.SUBMISSIONS,),
        lambda client, first, last: _one(
            feedbackpulse.SUBMISSIONS, client.submissions(first, last)
        ),
    ),
    Source("retargeting", retargeting.TABLES, _retargeting, whole_list=True),
)
