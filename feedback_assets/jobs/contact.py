"""One customer: the current Wicked Reports contact and the feedback stored in the warehouse.

``look_up`` collects the data; ``sections`` renders it once, for Markdown and the terminal. All of
it is untrusted text: ``markdown`` and ``plain`` escape everything that a page or a terminal would
interpret.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from feedback_assets.diagnosis.providers import connect as connect_provider
from feedback_assets.http.errors import PermanentError, ProviderError
from feedback_assets.http.paging import Page
from feedback_assets.ingest.parse import parse_page
from feedback_assets.providers.wicked_reports.client import WickedReports
from feedback_assets.providers.wicked_reports.contact_clicks import EARLIEST
from feedback_assets.providers.wicked_reports.tables import CLICKS, ORDERS
from feedback_assets.schema.free_text import masked
from feedback_assets.schema.table import Table
from feedback_assets.schema.text import normal_email, present
from feedback_assets.schema.typing import Typing
from feedback_assets.settings import Settings
from feedback_assets.tables.marts import ORDER_FEEDBACK
from feedback_assets.tables.unified import FEEDBACK
from feedback_assets.tables.unified import ORDERS as UNIFIED_ORDERS
from feedback_assets.transforms.engine import Parameters, build_days
from feedback_assets.transforms.sources import ArrowTables, ask, connect
from feedback_assets.warehouse.warehouse import Warehouse

SHOWN = 50
"""Maximum rows shown of a list, newest first; the total is given."""
_LONGEST = 600
_MODELS = (
    ("first click", "firstClick"),
    ("first opt-in", "firstOptin"),
    ("last opt-in", "reOptin"),
)
# Characters with a meaning within a line; text never starts a line.
_MARKDOWN = re.compile(r"[\\`*_~\[\](){}<>&!|#^$=]")
# Pages link bare addresses even if escaped; an invisible word joiner prevents it.
_ADDRESS = re.compile(r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)")
_WORD_JOINER = "\u2060"
_HELD = """
    with wanted as (
        select feedback_id from marts.order_feedback
        where list_contains($order_ids, order_id)
        union
        select feedback_id from unified.feedback
        where customer_email = $email
            or list_contains($contact_ids, trimmed(customer_ref))
            or list_contains($order_refs, trimmed(order_ref))
            or list_contains($order_refs, trimmed(purchase_ref))
    )
    select
        feedback.provider, feedback.responded_at, feedback.score, feedback.nps_class,
        feedback.stars, feedback.comment, feedback.reply, feedback.status, feedback.is_spam,
        matched.order_id, matched.match_method
    from unified.feedback as feedback
    left join marts.order_feedback as matched
        on matched.feedback_id = feedback.feedback_id and matched.day = feedback.day
    where feedback.feedback_id in (select feedback_id from wanted)
    order by feedback.responded_at desc, feedback.feedback_id
"""


class UnknownContact(LookupError):
    """Wicked Reports has no contact with that key."""


class NothingToShow(RuntimeError):
    """Why there is no customer to show, in one line."""


@dataclass(frozen=True)
class Customer:
    """A ``contact`` as served, and its rows of the tables of the same name, newest first.

    ``unreadable`` counts orders and clicks that could not be parsed.
    """

    contact: Mapping[str, Any]
    orders: tuple[Mapping[str, Any], ...]
    clicks: tuple[Mapping[str, Any], ...]
    feedback: tuple[Mapping[str, Any], ...]
    unreadable: int = 0


@dataclass(frozen=True)
class Section:
    """A heading and a table of plain texts; ``note`` for remarks."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def find_customer(settings: Settings, key: str) -> Customer:
    """``look_up`` with the settings' credentials and warehouse; raises ``NothingToShow``."""
    name = WickedReports.PROVIDER
    warehouse = Warehouse(settings.warehouse)
    try:
        with connect_provider(name, settings) as client:
            if not isinstance(client, WickedReports):
                raise TypeError(name)
            return look_up(client, warehouse, key, zone=settings.zone(name))
    except (ProviderError, UnknownContact) as error:
        reason = plain(error)
    raise NothingToShow(reason)


def look_up(client: WickedReports, warehouse: Warehouse, key: str, *, zone: str) -> Customer:
    """The customer whose e-mail, id or source id is ``key``.

    Three requests where there are at most 1,000 orders and clicks each. Raises ``UnknownContact``,
    else ``ProviderError``.
    """
    contact = _without_null_text(_contact(client, key))
    number = str(contact.get("id") or key).strip()
    today = datetime.now(UTC).date()
    # Undocumented: whether the last day is included, and the time zone of the days.
    orders, bad_orders = _rows(
        client.contact_orders(number, EARLIEST, today + timedelta(days=2)), ORDERS, zone
    )
    clicks, bad_clicks = _rows(client.contact_clicks(number), CLICKS, zone)
    newest_orders = tuple(sorted(_with_net(orders), key=lambda row: row["date"], reverse=True))
    return Customer(
        contact=contact,
        orders=newest_orders,
        clicks=tuple(sorted(clicks.to_pylist(), key=lambda row: row["date"], reverse=True)),
        feedback=_feedback(warehouse, contact, newest_orders),
        unreadable=bad_orders + bad_clicks,
    )


def _contact(client: WickedReports, key: str) -> Mapping[str, Any]:
    # As given first: whether Wicked Reports ignores the case of an e-mail is undocumented.
    for form in dict.fromkeys((key, normal_email(key) or key)):
        try:
            return client.contact(form)
        except PermanentError as error:
            if error.status != 404 and "not found" not in error.message.lower():
                raise
    raise UnknownContact(
        "Wicked Reports has no contact with that key: "
        "give an e-mail, an id (AB-1234567) or the id of the source system"
    )


def _without_null_text(contact: Mapping[str, Any]) -> dict[str, Any]:
    """The contact with null for the text ``null``, which Wicked Reports sends instead of it."""
    return {
        name: _without_null_text(value)
        if isinstance(value, dict)
        else (None if value == "null" else value)
        for name, value in contact.items()
    }


def _rows(pages: Iterator[Page], table: Table, zone: str) -> tuple[pa.Table, int]:
    parsed = [parse_page(page.records, table, Typing(zone, null_text=True)) for page in pages]
    parts = [table.schema.empty_table(), *(part.rows for part in parsed)]
    return pa.concat_tables(parts), sum(len(part.bad) for part in parsed)


def _with_net(orders: pa.Table) -> list[dict[str, Any]]:
    """The orders with amounts paid, refunded and net, computed as in ``unified.orders``."""
    rows = {row["id"]: row for row in orders.to_pylist()}
    if not rows:
        return []
    days = [row["date"].date() for row in rows.values()]
    table = pa.Table.from_pylist(list(rows.values()), schema=orders.schema)
    source = ArrowTables({ORDERS.full_name: table.append_column("day", pa.array(days))})
    # No e-mail is turned into a key here, so no secret is needed.
    parameters = Parameters(customer_secret=b"")
    money: dict[str, dict[str, Any]] = {}
    for _, part in build_days(UNIFIED_ORDERS, min(days), max(days), source, parameters):
        money |= {row["order_id"]: row for row in part.to_pylist()}
    names = ("net_amount", "refunded_amount", "item_count")
    return [row | {name: money[key][name] for name in names} for key, row in rows.items()]


def _feedback(
    warehouse: Warehouse, contact: Mapping[str, Any], orders: Iterable[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    email = contact.get("email")
    ids = {name: [str(order[name]).strip() for order in orders if order[name]] for name in
           ("id", "source_id")}  # fmt: skip
    values = {
        "email": normal_email(email if isinstance(email, str) else None),
        "contact_ids": [
            str(contact[name]).strip() for name in ("id", "sourceId") if contact.get(name)
        ],
        "order_ids": ids["id"],
        "order_refs": [*ids["id"], *ids["source_id"]],
    }
    with connect(warehouse, (FEEDBACK, ORDER_FEEDBACK)) as connection:
        return tuple(ask(connection, _HELD, values).to_pylist())


def with_masked_texts(customer: Customer) -> Customer:
    """The customer with addresses and numbers in comments and replies masked, to be stored."""

    def mask(answer: Mapping[str, Any]) -> dict[str, Any]:
        texts = {name: answer[name] and masked(answer[name]) for name in ("comment", "reply")}
        return {**answer, **texts}

    return replace(customer, feedback=tuple(map(mask, customer.feedback)))


def sections(customer: Customer) -> tuple[Section, ...]:
    """The sections on a customer, in the order in which they are read."""
    return (
        _person(customer.contact),
        _list(
            "Orders",
            ("when", "order", "amount", "net", "items", "payments", "last click"),
            customer.orders,
            _order,
            "live from Wicked Reports",
        ),
        _list(
            "Clicks",
            ("when", "source", "medium", "campaign", "page"),
            customer.clicks,
            _click,
            "live from Wicked Reports",
        ),
        _list(
            "Feedback",
            ("when", "provider", "score", "comment", "reply", "status", "order", "matched by"),
            customer.feedback,
            _answer,
            "stored in the warehouse",
        ),
        *_left_out(customer),
    )


def _left_out(customer: Customer) -> Iterator[Section]:
    if customer.unreadable:
        note = f"{customer.unreadable} orders or clicks could not be read and are not shown."
        yield Section("Left out", (), (), note)


def _person(contact: Mapping[str, Any]) -> Section:
    rows = [
        ("id", contact.get("id")),
        ("source id", contact.get("sourceId")),
        ("source system", contact.get("sourceSystem")),
        ("e-mail", contact.get("email")),
        ("name", " ".join(str(contact.get(n) or "") for n in ("firstName", "lastName"))),
        ("lifetime value", contact.get("LTV")),
        ("created", _moment(contact.get("createDate"))),
        *((label, _touch(contact.get(model))) for label, model in _MODELS),
    ]
    known = tuple((label, text) for label, value in rows if (text := plain(value)))
    return Section("Customer", ("field", "value"), known)


def _list(
    title: str,
    columns: tuple[str, ...],
    rows: tuple[Mapping[str, Any], ...],
    words: Any,
    origin: str,
) -> Section:
    shown = tuple(tuple(plain(value) for value in words(row)) for row in rows[:SHOWN])
    count = f"{len(rows)}, {origin}" if rows else f"None, {origin}"
    more = f"; the newest {SHOWN} are shown" if len(rows) > SHOWN else ""
    return Section(title, columns, shown, f"{count}{more}.")


def _order(order: Mapping[str, Any]) -> Iterator[object]:
    currency = order["currency"] or ""
    number = " / ".join(str(order[name]) for name in ("id", "source_id") if order[name])
    yield _moment(order["date"])
    yield number
    yield f"{_money(order['amount'])} {currency}"
    yield f"{_money(order['net_amount'])} {currency}"
    yield _money(order["item_count"])
    yield ", ".join(
        f"{payment['status'] or 'unknown'} {_money(payment['amount'])}"
        for payment in order["payments"] or ()
        if payment is not None
    )
    yield _touch((order["attributions"] or {}).get("last_click"))


def _click(click: Mapping[str, Any]) -> Iterator[object]:
    tags = click["utms"] or {}
    yield _moment(click["date"])
    yield from (tags.get(name) for name in ("source", "medium", "campaign"))
    yield click["tracking_url"]


def _answer(answer: Mapping[str, Any]) -> Iterator[object]:
    score = "" if answer["score"] is None else f"{answer['score']} {answer['nps_class']}"
    stars = "" if answer["stars"] is None else f"{answer['stars']} stars"
    yield _moment(answer["responded_at"])
    yield answer["provider"]
    yield ", ".join(part for part in (score, stars) if part)
    yield answer["comment"]
    yield answer["reply"]
    yield "spam" if answer["is_spam"] else answer["status"]
    yield answer["order_id"]
    yield answer["match_method"]


def _touch(touch: Any) -> str:
    if not isinstance(touch, Mapping):
        return ""
    tags = [present(str(touch.get(name) or "")) for name in ("source", "medium", "campaign")]
    channel = " / ".join(tag or "(none)" for tag in tags) if any(tags) else ""
    return f"{_moment(touch.get('date'))} {channel}".strip()


def _money(amount: Decimal | None) -> str:
    if amount is None:
        return ""
    text = f"{amount:,.4f}".rstrip("0").rstrip(".")
    whole, dot, digits = text.partition(".")
    return f"{whole}.{digits:0<2}" if dot else whole


def _moment(value: object) -> str:
    """A time in UTC to the minute; any other text unchanged."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC) if value.tzinfo else value:%Y-%m-%d %H:%M}"
    return value.isoformat() if isinstance(value, date) else ""


def plain(value: object) -> str:
    """A value as one line of printable text, truncated if long, without escape sequences."""
    if value is None:
        return ""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(value))
    text = " ".join(printable.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def markdown(found: Iterable[Section]) -> str:
    """The sections as Markdown that shows every text literally."""
    parts = []
    for section in found:
        lines = [f"## {escaped(section.title)}", ""]
        if section.note:
            lines += [escaped(section.note), ""]
        if section.rows:
            rows = [section.columns, ("---",) * len(section.columns)]
            lines += [_line(row, raw=row is rows[1]) for row in rows]
            lines += [_line(row) for row in section.rows]
            lines.append("")
        parts.append("\n".join(lines))
    return "\n".join(parts)


def _line(cells: tuple[str, ...], *, raw: bool = False) -> str:
    return f"| {' | '.join(cell if raw else escaped(cell) for cell in cells)} |"


def escaped(text: str) -> str:
    """A text that Markdown and HTML render literally, without links."""
    apart = _ADDRESS.sub(_WORD_JOINER, plain(text))
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", apart)
