"""The tables of Wicked Reports: contacts, clicks and orders, as documented for its outbound API."""

from feedback_assets.schema.columns import (
    BOOL,
    MONEY,
    QUANTITY,
    STAMP,
    TEXT,
    Column,
    Personal,
    list_of,
    struct,
)
from feedback_assets.schema.table import Total, provider_table

PROVIDER = "wicked_reports"


def _touch(name: str, description: str, json: str) -> Column:
    return struct(
        name,
        description,
        Column("date", STAMP, "When the touch happened"),
        Column("source", TEXT, "utm_source of the touch", channel=True),
        Column("medium", TEXT, "utm_medium of the touch", channel=True),
        Column("campaign", TEXT, "utm_campaign of the touch", channel=True),
        Column("content", TEXT, "utm_content of the touch"),
        Column("term", TEXT, "utm_term of the touch"),
        json=json,
    )


_FIRST_CLICK = _touch("first_click", "The person's first click known", "firstClick")
_FIRST_OPTIN = _touch("first_optin", "The click that led to the first opt-in", "firstOptin")
_RE_OPTIN = _touch("re_optin", "The click that led to the latest opt-in again", "reOptin")
_LAST_CLICK = _touch("last_click", "The last click before the order", "lastClick")


def _link(name: str) -> Column:
    href = Column("href", TEXT, f"Path of the {name} in the API", personal=Personal.LINK)
    return struct(name, f"Link to the {name}", href)


CONTACTS = provider_table(
    PROVIDER,
    "contacts",
    "One row is one contact in Wicked Reports, on the day it was created.",
    Column(
        "id",
        TEXT,
        "Id of the contact in Wicked Reports",
        nullable=False,
        personal=Personal.CONTACT_ID,
    ),
    Column(
        "source_id",
        TEXT,
        "Id of the contact in the source system",
        json="sourceId",
        personal=Personal.CONTACT_ID,
    ),
    Column("source_system", TEXT, "The source system, or unknown", json="sourceSystem"),
    Column("email", TEXT, "E-mail address as given", personal=Personal.EMAIL),
    Column("first_name", TEXT, "First name", json="firstName", personal=Personal.NAME),
    Column("last_name", TEXT, "Last name", json="lastName", personal=Personal.NAME),
    Column(
        "ltv",
        MONEY,
        "Lifetime value as Wicked Reports computes it",
        json="LTV",
        unit="account currency",
    ),
    Column("create_date", STAMP, "When the contact was created", json="createDate", nullable=False),
    _FIRST_CLICK,
    _FIRST_OPTIN,
    _RE_OPTIN,
    Column(
        "url_wicked",
        TEXT,
        "The contact's page in Wicked Reports",
        json="urlWicked",
        personal=Personal.LINK,
    ),
    struct(
        "links",
        "Paths of the contact's lists; empty without clicks",
        _link("clicks"),
        _link("orders"),
    ),
    key=("id",),
    event_time="create_date",
    example=(
        'select day, count(*) as contacts from "wicked_reports"."contacts" '
        "where day >= current_date - 7 group by day order by day"
    ),
)

CLICKS = provider_table(
    PROVIDER,
    "clicks",
    "One row is one click by a contact on a tracked link.",
    Column(
        "contact_id",
        TEXT,
        "Id of the contact in Wicked Reports",
        json="contactId",
        nullable=False,
        personal=Personal.CONTACT_ID,
    ),
    Column(
        "contact_source_id",
        TEXT,
        "Id of the contact in the source system",
        json="contactSourceId",
        personal=Personal.CONTACT_ID,
    ),
    Column("date", STAMP, "When the click happened", nullable=False),
    Column("email", TEXT, "E-mail address of the contact", personal=Personal.EMAIL),
    Column("is_first_click", BOOL, "Whether it is the contact's first click", json="isFirstClick"),
    Column("is_first_optin", BOOL, "Whether it led to the first opt-in", json="isFirstOptin"),
    Column("is_last_click", BOOL, "Whether it is the contact's last click", json="isLastClick"),
    Column("is_re_optin", BOOL, "Whether it led to a later opt-in", json="isReOptin"),
    Column("source", TEXT, "System that recorded the click"),
    struct(
        "utms",
        "The campaign parameters of the link; null for an untagged click",
        Column("source", TEXT, "utm_source", channel=True),
        Column("medium", TEXT, "utm_medium", channel=True),
        Column("campaign", TEXT, "utm_campaign", channel=True),
        Column("content", TEXT, "utm_content"),
        Column("term", TEXT, "utm_term"),
    ),
    Column("wickedid", TEXT, "Wicked Reports' id of the advertisement"),
    Column("wickedsource", TEXT, "Wicked Reports' name of the advertising platform"),
    Column(
        "tracking_url", TEXT, "The URL that was opened", json="trackingUrl", personal=Personal.LINK
    ),
    struct("links", "Paths of the contact in the API", _link("contact")),
    key=(
        "contact_id",
        "date",
        "tracking_url",
        "utms.source",
        "utms.medium",
        "utms.campaign",
        "utms.content",
        "utms.term",
    ),
    event_time="date",
    example=(
        'select utms.campaign as campaign, count(*) as clicks from "wicked_reports"."clicks" '
        "group by 1 order by clicks desc"
    ),
)

ORDERS = provider_table(
    PROVIDER,
    "orders",
    "One row is one order with its products, payments and Wicked Reports' own attribution.",
    Column("id", TEXT, "Id of the order in Wicked Reports", nullable=False, names="order"),
    Column(
        "source_id", TEXT, "Id of the order in the source system", json="sourceId", names="order"
    ),
    Column("source_system", TEXT, "The shop or payment system it came from", json="sourceSystem"),
    Column("date", STAMP, "When the order was placed", nullable=False),
    struct(
        "attributions",
        "Which touch each of Wicked Reports' models credits, 100 % each",
        _FIRST_CLICK,
        _FIRST_OPTIN,
        _RE_OPTIN,
        _LAST_CLICK,
    ),
    struct(
        "contact",
        "Who ordered",
        Column("id", TEXT, "Id of the contact in Wicked Reports", personal=Personal.CONTACT_ID),
        Column(
            "source_id",
            TEXT,
            "Id of the contact in the source system",
            json="sourceId",
            personal=Personal.CONTACT_ID,
        ),
        Column("source_system", TEXT, "The source system", json="sourceSystem"),
        Column("email", TEXT, "E-mail address", personal=Personal.EMAIL),
    ),
    list_of(
        "products",
        "What was ordered, in the provider's order (products have no position of their own)",
        Column("id", TEXT, "Id of the product"),
        Column("name", TEXT, "Name of the product"),
        Column("qty", QUANTITY, "Quantity"),
        Column("ppu", MONEY, "Price per unit", json="PPU", unit="the order's currency"),
    ),
    list_of(
        "payments",
        "Payments and refunds, in the provider's order (they have no id)",
        Column("date", STAMP, "When it was paid or refunded"),
        Column(
            "status", TEXT, "APPROVED, FAILED, REFUNDED, Partially Refunded or MANUAL, in any case"
        ),
        Column("amount", MONEY, "Amount", unit="the order's currency"),
    ),
    Column("amount", MONEY, "Amount of the order", unit="currency"),
    Column("currency", TEXT, "ISO 4217 code of the currency"),
    Column("subscription_id", TEXT, "Id of the subscription it belongs to", json="subscriptionId"),
    struct(
        "links", "Paths of the contact and clicks in the API", _link("contact"), _link("clicks")
    ),
    key=("id",),
    event_time="date",
    example=(
        'select currency, count(*) as orders, sum(amount) as amount from "wicked_reports"."orders" '
        "group by currency"
    ),
    totals=(
        Total(
            "paid_amount",
            "payments",
            "amount",
            by="status",
            having=frozenset({"approved", "manual", "partially refunded"}),
        ),
        Total("refunded_amount", "payments", "amount", by="status", having=frozenset({"refunded"})),
        Total("item_count", "products", "qty"),
    ),
)

TABLES = (CONTACTS, CLICKS, ORDERS)
