"""Which detractors to alert on, and the text of the alerts.

Independent of Dagster: ``sensors`` keeps the state between ticks and sends the messages.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from feedback_assets.alerts.delivery import Message, Pending, add_pending, harmless
from feedback_assets.tables.marts import DETRACTOR_QUEUE, ORDER_FEEDBACK
from feedback_assets.transforms.sources import ask, connect
from feedback_assets.warehouse.warehouse import Warehouse

RECENT_DAYS = 7
"""No alert for older answers, for example when a year is backfilled."""
SHOWN = 5
"""Maximum detractors shown in a message, which also gives the number of the others."""
_REMEMBERED_DAYS = 60
_LONGEST_COMMENT = 400
_LONGEST_NAME = 80
_SHELL_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# The queue lists waiting detractors; one answered before the alert is only in the mart.
_RECENT = """
    with answers as (
        select *, row_number() over (partition by feedback_id order by day desc) as choice
        from marts.order_feedback
    )
    select
        answers.feedback_id, answers.provider, answers.responded_at, answers.score,
        answers.comment, answers.reply is not null as answered, answers.replied_at,
        answers.customer_key, answers.order_id, answers.order_source_id, answers.ordered_at,
        answers.currency, answers.net_amount, queue.customer_net_amount,
        answers.first_click_source, answers.first_click_medium, answers.first_click_campaign,
        answers.last_click_source, answers.last_click_medium, answers.last_click_campaign
    from answers
    left join marts.detractor_queue as queue on queue.feedback_id = answers.feedback_id
    where answers.choice = 1 and answers.nps_class = 'detractor' and not answers.is_spam
        and (queue.feedback_id is not null or answers.reply is not null)
    order by answers.responded_at desc, answers.feedback_id
"""


@dataclass(frozen=True)
class Detractor:
    """One detractor as recorded in the marts; amounts are in ``currency``."""

    feedback_id: str
    provider: str
    responded_at: datetime
    score: int
    comment: str | None
    answered: bool
    replied_at: datetime | None
    customer_key: str | None
    order_id: str | None
    order_source_id: str | None
    ordered_at: datetime | None
    currency: str | None
    net_amount: Decimal | None
    customer_net_amount: Decimal | None
    first_click_source: str | None
    first_click_medium: str | None
    first_click_campaign: str | None
    last_click_source: str | None
    last_click_medium: str | None
    last_click_campaign: str | None


class State(msgspec.Struct, frozen=True):
    """The state between ticks.

    ``mark`` identifies the content last looked at. ``known``: marks of detractors already alerted
    on or ignored as existing, by the day on which they were first seen. ``pending``: ids.
    """

    mark: str = ""
    known: dict[date, list[str]] = {}
    pending: Pending = {}


def recent_detractors(warehouse: Warehouse, today: date) -> list[Detractor]:
    """Detractors of the last days, newest first; the period is the longest delay of an alert."""
    days = {ORDER_FEEDBACK.full_name: (today - timedelta(days=30), None)}
    with connect(warehouse, (ORDER_FEEDBACK, DETRACTOR_QUEUE), days=days) as connection:
        rows = ask(connection, _RECENT).to_pylist()
    return [Detractor(**row) for row in rows]


def look(
    state: State | None,
    detractors: Iterable[Detractor],
    targets: Collection[str],
    now: datetime,
    mark: str,
) -> State:
    """The state after a tick; ``pending`` has the detractors to alert on for each target.

    The first tick sends no alert: it ignores existing detractors.
    """
    before = state or State()
    today = now.astimezone(UTC).date()
    since = now - timedelta(days=RECENT_DAYS)
    oldest = today - timedelta(days=_REMEMBERED_DAYS)
    known = {day: marks for day, marks in before.known.items() if day >= oldest}
    known_marks = {mark for marks in known.values() for mark in marks}
    new = [found for found in detractors if _mark(found.feedback_id) not in known_marks]
    # Includes those too old for an alert, so that a restated answer does not look new.
    if new:
        known[today] = [*known.get(today, ()), *(_mark(found.feedback_id) for found in new)]
    recent = [found.feedback_id for found in new if found.responded_at >= since]
    return State(mark, known, add_pending(before.pending, recent if state else (), targets))


def compose(detractors: Iterable[Detractor], ids: Collection[str], ui_url: str) -> Message | None:
    """One message on these detractors, the newest in full; None if none is in the marts."""
    wanted = set(ids)
    found = [one for one in detractors if one.feedback_id in wanted]
    if not found:
        return None
    if len(found) == 1:
        title = f"Unhappy customer: {found[0].score} of 10 at {found[0].provider}"
    else:
        title = f"{len(found)} unhappy customers"
    parts = ["\n".join(_lines(one)) for one in found[:SHOWN]]
    if len(found) > SHOWN:
        parts.append(f"And {len(found) - SHOWN} more.")
    parts.append("\n".join(_where_to_look(found[:SHOWN], ui_url)))
    return Message(title, "\n\n".join(parts), "warning")


def _lines(one: Detractor) -> Iterator[str]:
    yield f"{one.score} of 10 at {one.provider}, {_moment(one.responded_at)}"
    comment = harmless(one.comment, _LONGEST_COMMENT)
    yield f"Comment: “{comment}”" if comment else "No comment."
    if one.order_id is None:
        yield "No matching order was found."
    else:
        names = dict.fromkeys(filter(None, (one.order_id, one.order_source_id)))
        number = " / ".join(harmless(name, _LONGEST_NAME) for name in names)
        ordered = f" of {one.ordered_at.astimezone(UTC):%Y-%m-%d}" if one.ordered_at else ""
        yield f"Order {number}{ordered}: {_money(one.net_amount, one.currency)} net"
        if one.customer_net_amount is not None:
            yield f"All their orders: {_money(one.customer_net_amount, one.currency)} net"
        first = (one.first_click_source, one.first_click_medium, one.first_click_campaign)
        last = (one.last_click_source, one.last_click_medium, one.last_click_campaign)
        yield f"First click: {_channel(first)}; last click: {_channel(last)}"
    if one.answered:
        yield f"Answered{f', {_moment(one.replied_at)}' if one.replied_at else ''}."
    else:
        yield "Not answered yet."
    yield f"Customer {one.customer_key or 'unknown'}; feedback {harmless(one.feedback_id, 120)}"


def _where_to_look(shown: Sequence[Detractor], ui_url: str) -> Iterator[str]:
    if ui_url:
        yield f"All waiting detractors: {ui_url}/assets/marts/detractor_queue"
    else:
        yield "All waiting detractors: marts.detractor_queue"
    # The id is untrusted text, and the line is meant to be pasted into a shell.
    orders = [one.order_id for one in shown if _SHELL_SAFE.fullmatch(one.order_id or "")]
    if orders:
        query = f"select contact_id from unified.orders where order_id = '{orders[0]}'"  # noqa: S608
        yield f'To identify them: feedback-assets query "{query}", then feedback-assets contact'


def _channel(parts: Iterable[str | None]) -> str:
    names = [harmless(part, _LONGEST_NAME) for part in parts]
    return " / ".join(name or "(none)" for name in names) if any(names) else "(unattributed)"


def _money(amount: Decimal | None, currency: str | None) -> str:
    if amount is None:
        return "unknown"
    return f"{amount:,.2f} {harmless(currency, 8)}".strip()


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _mark(feedback_id: str) -> str:
    return hashlib.sha256(feedback_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
