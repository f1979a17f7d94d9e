"""Which detractors to alert on, and the text of the alerts.

Independent of Dagster: ``sensors`` keeps the state between ticks and sends the messages.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from feedback_assets.alerts.book import (
    RECENT_DAYS,
    Book,
    Known,
    mark_of,
    without_debts,
    without_old,
)
from feedback_assets.alerts.delivery import Message, Pending, harmless
from feedback_assets.schema.free_text import masked
from feedback_assets.schema.names import NO_PREFIX, Names
from feedback_assets.tables.marts import DETRACTOR_QUEUE, ORDER_FEEDBACK
from feedback_assets.tables.unified import FEEDBACK, ORDERS
from feedback_assets.transforms.sources import Days, ask, connect
from feedback_assets.warehouse.warehouse import Warehouse

IN_FULL = 10
"""The most detractors that a message describes one by one."""
SHOWN = 5
"""Detractors described in a message about more than ``IN_FULL``."""
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
    left join unified.feedback
        on feedback.feedback_id = answers.feedback_id and feedback.day = answers.day
    left join unified.orders
        on orders.order_id = answers.order_id and orders.ordered_at = answers.ordered_at
    where answers.choice = 1 and answers.nps_class = 'detractor' and not answers.is_spam
        and (queue.feedback_id is not null or answers.reply is not null)
        -- An erased person has pseudonyms, on the answer or only on its order.
        and not starts_with(coalesce(feedback.customer_email, ''), 'erased:')
        and not starts_with(coalesce(feedback.customer_ref, ''), 'erased:')
        and not starts_with(coalesce(orders.customer_email, ''), 'erased:')
        and not starts_with(coalesce(orders.contact_id, ''), 'erased:')
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
    """The state of ``alert_on_detractors`` between ticks; the books have what was sent.

    ``mark`` identifies the content that was last read. ``known`` and ``pending`` come from a
    version that stored here what is now in the books: marks by the day on which they were first
    seen, and ids by target.
    """

    mark: str = ""
    known: dict[date, list[str]] = {}
    pending: Pending = {}


def recent_detractors(warehouse: Warehouse, today: date, match_days: int) -> list[Detractor]:
    """Detractors of the last days who are not erased, newest first.

    The period is the longest delay of an alert.
    """
    first = today - timedelta(days=30)
    days: dict[str, Days] = dict.fromkeys(
        (ORDER_FEEDBACK.full_name, FEEDBACK.full_name), (first, None)
    )
    days[ORDERS.full_name] = (first - timedelta(days=match_days), None)
    tables = (ORDER_FEEDBACK, DETRACTOR_QUEUE, FEEDBACK, ORDERS)
    with connect(warehouse, tables, days=days) as connection:
        rows = ask(connection, _RECENT).to_pylist()
    return [Detractor(**row) for row in rows]


def update_books(
    state: State | None,
    books: Mapping[str, Book],
    detractors: Iterable[Detractor],
    targets: Collection[str],
    now: datetime,
) -> dict[str, Book]:
    """The providers' books after the marts were read; ``owed`` has the detractors to alert on.

    The first tick sends no alert: it ignores existing detractors. A detractor that is already in a
    book was noticed among the provider's new answers.
    """
    since = now - timedelta(days=RECENT_DAYS)
    old = {mark for marks in state.known.values() for mark in marks} if state else set()
    late = _late(state.pending if state else {})
    after = {
        name: msgspec.structs.replace(book, known=without_old(book.known, targets, now))
        for name, book in books.items()
    }
    for one in detractors:
        known = after[one.provider].known
        mark = mark_of(one.feedback_id)
        if mark in known:
            continue
        # Includes those too old for an alert, so that a restated answer does not look new.
        owed: tuple[str, ...] = ()
        if mark in old:
            owed = tuple(key for key in late.get(one.feedback_id, ()) if key in targets)
        elif state is not None and one.responded_at >= since:
            owed = tuple(targets)
        known[mark] = Known(None, now, owed)
    return after


def without_gone(books: Mapping[str, Book], detractors: Iterable[Detractor]) -> dict[str, Book]:
    """The books without alerts owed about detractors who have left the marts or been erased."""
    there = {mark_of(one.feedback_id) for one in detractors}
    return {
        name: without_debts(
            book,
            [
                mark
                for mark, one in book.owed().items()
                if one.served_since is None and mark not in there
            ],
        )
        for name, book in books.items()
    }


def _late(pending: Pending) -> dict[str, list[str]]:
    """By id, the targets to which an alert was still owed."""
    found: dict[str, list[str]] = {}
    for key, ids in pending.items():
        for feedback_id in ids:
            found.setdefault(feedback_id, []).append(key)
    return found


def pending_of(
    owed: Mapping[str, Known], detractors: Iterable[Detractor], targets: Iterable[str]
) -> Pending:
    """By target, the ids of these detractors whose alert is still owed to it."""
    keys_of = {mark: one.owed for mark, one in owed.items()}
    found = [(one.feedback_id, keys_of.get(mark_of(one.feedback_id), ())) for one in detractors]
    pending = {key: [name for name, keys in found if key in keys] for key in targets}
    return {key: names for key, names in pending.items() if names}


def compose(
    detractors: Iterable[Detractor],
    ids: Collection[str],
    ui_url: str,
    names: Names = NO_PREFIX,
    opening: str = "",
) -> Message | None:
    """One message about these detractors; None if none of them is known.

    Up to ``IN_FULL`` are described; if there are more, only the newest. ``opening`` is the first
    line.
    """
    wanted = set(ids)
    found = [one for one in detractors if one.feedback_id in wanted]
    if not found:
        return None
    if len(found) == 1:
        title = f"Unhappy customer: {found[0].score} of 10 via {found[0].provider}"
    else:
        title = f"{len(found)} unhappy customers"
    parts = [opening] if opening else []
    shown = found if len(found) <= IN_FULL else found[:SHOWN]
    if len(found) > len(shown):
        parts.append("\n".join(_by_provider(found)))
    parts += ["\n".join(_lines(one)) for one in shown]
    if len(found) > len(shown):
        parts.append(f"And {len(found) - len(shown)} more.")
    parts.append("\n".join(_where_to_look(shown, ui_url, names)))
    return Message(names.titled(title), "\n\n".join(parts), "warning")


def _by_provider(found: Sequence[Detractor]) -> Iterator[str]:
    for provider in dict.fromkeys(one.provider for one in found):
        scores = [one.score for one in found if one.provider == provider]
        low, high = min(scores), max(scores)
        span = f"score {low}" if low == high else f"scores {low} to {high}"
        yield f"{provider}: {len(scores)} ({span})"


def _lines(one: Detractor) -> Iterator[str]:
    yield f"{one.score} of 10 via {one.provider}, {_moment(one.responded_at)}"
    # Masked first: half of an address or a number would not be recognised.
    comment = harmless(one.comment and masked(one.comment), _LONGEST_COMMENT)
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
        yield f"Replied{f', {_moment(one.replied_at)}' if one.replied_at else ''}."
    else:
        yield "No reply yet."
    yield f"Customer {one.customer_key or 'unknown'}; feedback {harmless(one.feedback_id, 120)}"


def _where_to_look(shown: Sequence[Detractor], ui_url: str, names: Names) -> Iterator[str]:
    if ui_url:
        yield f"All waiting detractors: {ui_url}/assets/{'/'.join(names.key(DETRACTOR_QUEUE))}"
    else:
        yield "All waiting detractors: marts.detractor_queue"
    # The id is untrusted text, and the line is meant to be pasted into a shell.
    orders = [one.order_id for one in shown if _SHELL_SAFE.fullmatch(one.order_id or "")]
    if orders:
        option = names.option
        query = f"select contact_id from unified.orders where order_id = '{orders[0]}'"  # noqa: S608
        command = f'feedback-assets query{option} "{query}"'
        yield f"To identify them: {command}, then feedback-assets contact{option}"


def _channel(parts: Iterable[str | None]) -> str:
    names = [harmless(part, _LONGEST_NAME) for part in parts]
    return " / ".join(name or "(none)" for name in names) if any(names) else "(unattributed)"


def _money(amount: Decimal | None, currency: str | None) -> str:
    if amount is None:
        return "unknown"
    return f"{amount:,.2f} {harmless(currency, 8)}".strip()


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
