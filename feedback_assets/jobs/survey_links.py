"""Requests survey links from Fullwhere for a day's orders, and stores them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pyarrow as pa

from feedback_assets.coordination.shared_locks import LockTaken
from feedback_assets.http.errors import EnvelopeNotRecognised, PermanentError, ProviderError
from feedback_assets.ingest.parse import parse_page
from feedback_assets.providers.fullwhere.client import Fullwhere
from feedback_assets.providers.fullwhere.survey_links import GENERATED
from feedback_assets.providers.fullwhere.tables import SURVEY_TRACKERS
from feedback_assets.schema.columns import personal_paths
from feedback_assets.schema.typing import Typing
from feedback_assets.tables.unified import ORDERS
from feedback_assets.transforms.sources import ask, connect
from feedback_assets.warehouse.erased import is_pseudonym
from feedback_assets.warehouse.owners import find_owners
from feedback_assets.warehouse.quarantine import SetAside, set_aside
from feedback_assets.warehouse.replacing import Written
from feedback_assets.warehouse.warehouse import Warehouse

_KEPT_EVERY = 25
"""Orders after which results are written, which limits the loss if a run is killed."""
_REFUSED_FROM_THE_START = 5
"""After this many rejections before the first success, the orders are not the cause."""
_ABOUT_ONE_ORDER = (400, 404, 422)
_LISTS = ("data", "items", "results")
_COPIED = (
    "survey_id",
    "survey_name",
    "send_at",
    "sending_type",
    "status",
    "customer_id",
    "link",
    "new_review_link",
)
_ORDERS_OF_DAY = """
    with
    tracked as (
        select distinct trimmed(purchase_id) as id
        from fullwhere.survey_trackers
        where present(purchase_id) is not null
    ),
    asked as (select distinct order_id from survey_links.generated)
    select
        order_id,
        trimmed(source_id) as source_id,
        contact_id,
        contact_source_id,
        customer_email,
        ordered_at,
        coalesce(trimmed(source_id) in (select id from tracked), false)
            or trimmed(order_id) in (select id from tracked) as has_tracker,
        order_id in (select order_id from asked) as was_asked
    from unified.orders
    order by ordered_at, order_id
"""


class Busy(RuntimeError):
    """Another run on this machine is processing the same day's orders."""


@dataclass(frozen=True)
class Order:
    """An order to request a link for, by ``source_id``, which is Fullwhere's purchase id."""

    order_id: str
    source_id: str
    ordered_at: datetime


@dataclass(frozen=True)
class Due:
    """The orders of a day by what is to be done with them; ``due`` are those to request.

    ``days_held`` and ``tracker_days_held``: the number of stored partitions of the day's
    orders, and of trackers from that day on. If there are none, the counts are meaningless.
    """

    day: date
    orders: int
    with_tracker: int
    asked_before: int
    erased: int
    without_source_id: int
    due: tuple[Order, ...]
    days_held: int
    tracker_days_held: int


@dataclass
class Outcome:
    """The outcome: counts, rejections by order, and the error that ended the requests early."""

    due: Due
    asked: int = 0
    trackers: int = 0
    links: int = 0
    unreadable: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    error: ProviderError | None = None
    written: Written | None = None


def find_due(warehouse: Warehouse, day: date) -> Due:
    """The orders of ``day`` without a tracker in the warehouse that were not requested before.

    A tracker belongs to an order if its purchase id is the order's source id or id; trackers to be
    sent on that day or later are considered. Orders of erased people are not due.
    """
    days = {
        ORDERS.full_name: (day, day),
        SURVEY_TRACKERS.full_name: (day, None),
        GENERATED.full_name: (day, day),
    }
    with connect(warehouse, (ORDERS, SURVEY_TRACKERS, GENERATED), days=days) as connection:
        found = ask(connection, _ORDERS_OF_DAY)
    rows = found.to_pylist()
    gone = _of_erased_people(warehouse, found)
    waiting = {
        place: row
        for place, row in enumerate(rows)
        if not row["has_tracker"] and not row["was_asked"]
    }
    left = [row for place, row in waiting.items() if place not in gone]
    due = [
        Order(row["order_id"], row["source_id"], row["ordered_at"])
        for row in left
        if row["source_id"]
    ]
    return Due(
        day=day,
        orders=len(rows),
        with_tracker=sum(row["has_tracker"] for row in rows),
        asked_before=sum(row["was_asked"] and not row["has_tracker"] for row in rows),
        erased=len(waiting) - len(left),
        without_source_id=len(left) - len(due),
        due=tuple(due),
        days_held=len(warehouse.files(ORDERS, day, day)),
        tracker_days_held=len(warehouse.files(SURVEY_TRACKERS, day)),
    )


def _of_erased_people(warehouse: Warehouse, orders: pa.Table) -> set[int]:
    """Positions of the orders that the list or a pseudonym marks as an erased person's."""
    erased = warehouse.erased()
    places = set(find_owners(ORDERS, orders, erased)) if erased else set()
    for name in personal_paths(ORDERS.columns):
        texts = orders.column(name).to_pylist()
        places.update(place for place, text in enumerate(texts) if text and is_pseudonym(text))
    return places


def generate_links(
    connected: Callable[[], AbstractContextManager[Fullwhere]],
    warehouse: Warehouse,
    day: date,
    *,
    limit: int | None = None,
    zone: str = "UTC",
) -> Outcome:
    """Request links for at most ``limit`` orders of ``find_due``, and store them.

    Links received are stored even if a later request fails; ``error`` of the outcome is the error
    that ended the run. An order that Fullwhere rejects as unknown does not stop the others, and is
    requested again by the next run. Raises ``Busy`` if another run is processing that day.
    """
    with _alone(warehouse, day):
        due = find_due(warehouse, day)
        outcome = Outcome(due)
        wanted = due.due if limit is None else due.due[:limit]
        if not wanted:
            return outcome
        with connected() as client:
            _ask(client, wanted, outcome, _Keeper(warehouse, day, zone, outcome))
    return outcome


def _ask(client: Fullwhere, orders: tuple[Order, ...], outcome: Outcome, keeper: "_Keeper") -> None:
    try:
        for order in orders:
            try:
                records = _trackers(client.generate(order.source_id))
            except ProviderError as error:
                if not _about_one_order(error):
                    outcome.error = error
                    return
                outcome.refused[order.order_id] = error.message
                if not outcome.asked and len(outcome.refused) == _REFUSED_FROM_THE_START:
                    outcome.error = error
                    return
                continue
            outcome.asked += 1
            keeper.add(order, records)
    finally:
        keeper.write()


def _about_one_order(error: ProviderError) -> bool:
    return isinstance(error, PermanentError) and error.status in _ABOUT_ONE_ORDER


def _trackers(answer: dict[str, Any] | list[Any]) -> list[Any]:
    """The trackers in a response, whose envelope is undocumented."""
    if isinstance(answer, list):
        return answer
    if "id" in answer:
        return [answer]
    for name in (*_LISTS, "item", "result"):
        inner = answer.get(name)
        if isinstance(inner, list):
            return inner
        if isinstance(inner, dict):
            return [inner]
    raise EnvelopeNotRecognised(
        "a tracker or a list of them",
        f"the keys {', '.join(sorted(answer)[:20]) or 'none'}",
        provider=Fullwhere.PROVIDER,
        endpoint="POST /partners/survey-tracker/generate",
    )


@dataclass
class _Keeper:
    """Turns responses into rows and adds them to the day's partition in batches."""

    warehouse: Warehouse
    day: date
    zone: str
    outcome: Outcome
    rows: list[dict[str, Any]] = field(default_factory=list)
    orders: int = 0

    def add(self, order: Order, records: list[Any]) -> None:
        asked_at = datetime.now(UTC)
        parsed = parse_page(msgspec.json.encode(records), SURVEY_TRACKERS, Typing(self.zone))
        aside = [SetAside(bad.day, bad.reason, bad.payload) for bad in parsed.bad]
        set_aside(self.warehouse, SURVEY_TRACKERS, aside, asked_at)
        trackers = parsed.rows.to_pylist()
        self.outcome.unreadable += len(parsed.bad)
        self.outcome.trackers += len(trackers)
        self.outcome.links += sum(tracker["link"] is not None for tracker in trackers)
        # A response without a tracker still leaves a row: the order was requested.
        for position, tracker in enumerate(trackers or [{}], start=1):
            self.rows.append(
                {
                    "order_id": order.order_id,
                    "purchase_id": order.source_id,
                    "ordered_at": order.ordered_at,
                    "position": position,
                    "asked_at": asked_at,
                    "tracker_id": tracker.get("id"),
                    **{name: tracker.get(name) for name in _COPIED},
                }
            )
        self.orders += 1
        if self.orders % _KEPT_EVERY == 0:
            self.write()

    def write(self) -> None:
        if not self.rows:
            return
        held = self.warehouse.read_arrow(GENERATED, self.day, self.day).drop_columns("day")
        new = pa.Table.from_pylist(self.rows, schema=GENERATED.schema)
        rows = pa.concat_tables([held, new]).sort_by(
            [(name, "ascending") for name in GENERATED.order_by]
        )
        self.outcome.written = self.warehouse.replace_day(GENERATED, self.day, rows)
        self.rows = []


@contextmanager
def _alone(warehouse: Warehouse, day: date) -> Iterator[None]:
    """One run per day of orders at a time, so that no order is requested twice."""
    with ExitStack() as held:
        try:
            held.enter_context(warehouse.locks.alone_with(f"survey links of {day}", wait=False))
        except LockTaken:
            raise Busy(
                f"another run is requesting links for the orders of {day}: wait for it to finish"
            ) from None
        yield
