"""Alerts on detractors among the answers that a provider has just served.

The sensors ``read_new_*`` call it in each tick. The provider's book records what was sent, and is
shared with ``alert_on_detractors``; ``served`` finds the answers and their orders.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import dagster as dg
import duckdb
import msgspec
import pyarrow as pa

from feedback_assets.alerts import quiet
from feedback_assets.alerts.book import (
    RECENT_DAYS,
    Book,
    Known,
    after_delivery,
    locked_books,
    mark_of,
    read_book,
    without_debts,
    without_old,
    write_book,
)
from feedback_assets.alerts.delivery import SUPPORT, Message, for_tag, send_pending, targets
from feedback_assets.alerts.detractors import Detractor, compose, pending_of
from feedback_assets.alerts.served import Answer, Served
from feedback_assets.assets.resources import open_warehouse
from feedback_assets.files.unusable import Unusable
from feedback_assets.providers.provider import Feed
from feedback_assets.settings import Settings
from feedback_assets.warehouse.content import content_hash
from feedback_assets.warehouse.erased import ErasureKeyMissing

_FIRST = timedelta(days=1)
"""The first tick asks for this period, so that an answer changed later is already known."""
_RECENT = timedelta(days=RECENT_DAYS)


class NewAnswerAlerts:
    """Sends at most one message per tick and target.

    Raises ``SettingsError`` if a URL cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._targets = for_tag(targets(settings), SUPPORT)

    def since(self, instance: dg.DagsterInstance, provider: str, now: datetime) -> datetime:
        """The start of the next request: answers with an owed alert have to be served again."""
        book = read_book(instance, self._settings.names, provider)
        if book.asked is None:
            return now - _FIRST
        starts = (one.served_since for one in book.owed().values())
        return min([book.asked, *(start for start in starts if start is not None)])

    def take(
        self,
        instance: dg.DagsterInstance,
        feed: Feed,
        served: pa.Table,
        since: datetime,
        now: datetime,
    ) -> str:
        """Alert on new detractors among the answers served; returns a line for the tick.

        If that fails, the next tick reads the same answers again.
        """
        try:
            with locked_books(self._settings, [feed.provider]):
                return self._take(instance, feed, served, since, now)
        except duckdb.Error as error:
            # Its text may quote a customer.
            return f"No alerts: a query failed ({type(error).__name__}). The next tick tries again."
        except (ErasureKeyMissing, Unusable, OSError) as error:
            return f"No alerts: {error}. The next tick tries again."

    def _take(
        self,
        instance: dg.DagsterInstance,
        feed: Feed,
        served: pa.Table,
        since: datetime,
        now: datetime,
    ) -> str:
        settings = self._settings
        book = read_book(instance, settings.names, feed.provider)
        content = content_hash(served)
        if book.asked is not None and book.content == content and not book.owed():
            write_book(
                instance,
                settings.names,
                feed.provider,
                msgspec.structs.replace(book, asked=now),
            )
            return ""
        warehouse = open_warehouse(settings)
        with Served(settings, warehouse, now) as current:
            answers = current.answers(feed.table, served, warehouse.erased())
            after = notice(book, answers, [target.key for target in self._targets], since, now)
            after = msgspec.structs.replace(after, content=content)
            # Before sending: if this process ends meanwhile, the next tick sends it.
            write_book(instance, settings.names, feed.provider, after)
            if book.since is None:
                return f"Ignoring {len(after.known)} existing detractors; alerting on new ones."
            if not after.owed():
                return ""
            if quiet.is_quiet(settings, now):
                return quiet.reason(settings)
            owed = after.owed()
            rows = [row for row in answers if mark_of(row["feedback_id"]) in owed]
            found = current.with_orders(rows)
        text, after = self._send(after, found)
        # Their orders belong to erased people: nothing is sent about them.
        dropped = {row["feedback_id"] for row in rows} - {one.feedback_id for one in found}
        after = without_debts(after, map(mark_of, dropped))
        write_book(instance, settings.names, feed.provider, after)
        return text

    def _send(self, book: Book, found: Sequence[Detractor]) -> tuple[str, Book]:
        settings = self._settings
        pending = pending_of(book.owed(), found, [target.key for target in self._targets])

        def message(ids: list[str]) -> Message | None:
            opening = _opening(book, ids, settings)
            return compose(found, ids, settings.feedback_ui_url or "", settings.names, opening)

        sent = send_pending(self._targets, pending, message)
        marks = {mark_of(one) for ids in pending.values() for one in ids}
        return sent.summary, after_delivery(book, marks, sent)


def notice(
    book: Book, answers: Iterable[Answer], targets: Collection[str], since: datetime, now: datetime
) -> Book:
    """The book after the answers given or changed since then; ``owed`` has whom to alert on.

    The first tick alerts on nobody. Later, an answer is new if it is not known and was given since
    then, or if its score has left the detractors' range and come back. An older answer is new only
    if answers of its time were read before, because it was not a detractor's then. Spam is ignored.
    """
    known = without_old(book.known, targets, now)
    latest, before_this = book.answered, book.asked or since
    for row in answers:
        given: datetime = row["responded_at"]
        latest = given if latest is None else max(latest, given)
        mark = mark_of(row["feedback_id"])
        before = known.get(mark)
        if row["is_spam"] and before is not None and before.owed:
            del known[mark]
        if row["is_spam"] or row["score"] is None:
            continue
        if row["nps_class"] != "detractor":
            if before is not None:
                known[mark] = msgspec.structs.replace(before, owed=(), left=True)
        elif before is None:
            watched = book.since is not None and given >= book.since
            is_new = watched and (given >= now - _RECENT or given < before_this)
            known[mark] = Known(before_this, now, tuple(targets) if is_new else ())
        elif before.left:
            known[mark] = Known(before_this, now, tuple(targets))
    return msgspec.structs.replace(
        book, asked=now, answered=latest, since=book.since or since, known=known
    )


def _opening(book: Book, ids: Iterable[str], settings: Settings) -> str:
    """The first line of a message, if several of its detractors came in the quiet hours."""
    noticed = [book.known[mark_of(one)].noticed for one in ids]
    waited = sum(quiet.is_quiet(settings, moment) for moment in noticed)
    return f"{waited} of them arrived during the quiet hours." if waited > 1 else ""
